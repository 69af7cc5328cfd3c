"""What the tests of this room share."""

import pytest

from ser_keras.evaluation.reports import write_report
from tests.evaluation.reports.made_run import Page, make_run


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    return make_run(tmp_path_factory.mktemp("runs") / "whole")


@pytest.fixture(scope="session")
def page(run):
    assert write_report(run) == run / "report.html"
    return Page(run / "report.html")
