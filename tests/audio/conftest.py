"""What the tests of this room share."""

import pytest

from tests.broken_audio import write_broken_audio


@pytest.fixture(scope="session")
def broken(tmp_path_factory):
    folder = tmp_path_factory.mktemp("broken")
    return folder, write_broken_audio(folder)
