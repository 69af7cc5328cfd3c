"""What the tests of this room share."""

import threading

import pytest

from ser_keras.corpora.fetching import download
from ser_keras.corpora.fetching.sources import Archive
from tests.corpora.fetching.server import ARCHIVE, Server, md5, sources_of


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(download, "PAUSE_S", 0.001)
    for variable in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    opened = Server()
    thread = threading.Thread(target=opened.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield opened
    opened.shutdown()
    opened.server_close()


@pytest.fixture
def archive(server, monkeypatch):
    """EMO-DB comes as a zip from the server; returns what sets its bytes and published size and checksum."""

    right = len(ARCHIVE), md5(ARCHIVE)

    def publish(data=ARCHIVE, size=right[0], checksum=right[1]):
        server.files["/emodb.zip"] = data
        sources_of(monkeypatch, "emodb", (Archive(f"{server.url}/emodb.zip", size, checksum),))

    publish()
    return publish
