"""A server that cuts connections, lies and stops, and what it serves."""

import dataclasses
import hashlib
import http.server
import io
import re
import zipfile

import numpy as np
import pytest
import soundfile

from ser_keras.common.errors import SerKerasError
from ser_keras.corpora import CORPORA
from ser_keras.corpora.fetching import get
from ser_keras.corpora.readers import emodb

RATE = 16000


def wav(seed, seconds=0.05):
    file = io.BytesIO()
    soundfile.write(file, np.random.default_rng(seed).uniform(-0.5, 0.5, round(seconds * RATE)), RATE, format="WAV")
    return file.getvalue()


def zipped(files):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return packed.getvalue()


EMODB = {
    f"wav/{speaker}a01{letter}a.wav": wav(i)
    for i, (speaker, letter) in enumerate((s, e) for s in emodb.SPEAKERS for e in emodb.EMOTION_LETTERS)
}


ARCHIVE = zipped({**EMODB, "__MACOSX/wav/._03a01Fa.wav": b"x", "erklaerung.txt": b"..."})


class Server(http.server.ThreadingHTTPServer):
    """Serves `files` (path -> bytes).

    Attributes:
        cut: bytes after which a connection breaks, None for never.
        stop: position in a file behind which every connection breaks.
        broken: how many requests are answered with 503 first.
        ranges: whether parts are given.
        asked: (path, the Range header or None) of each request.
    """

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.asked, self.cut, self.stop, self.broken, self.ranges, self.sent = (
            {},
            [],
            None,
            None,
            0,
            True,
            0,
        )

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        server, part = self.server, self.headers.get("Range")
        server.asked.append((self.path, part))
        if server.broken:
            server.broken -= 1
            return self.send_error(503)
        if self.path not in server.files:
            return self.send_error(404)
        data = server.files[self.path]
        start = int(re.fullmatch(r"bytes=(\d+)-", part)[1]) if part and server.ranges else 0
        if start >= len(data) > 0 and part:
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(data)}")
            self.send_header("Content-Length", "0")
            return self.end_headers()
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        ends = [len(data), server.stop, None if server.cut is None else start + server.cut]
        body = data[start : min(end for end in ends if end is not None)]
        server.sent += len(body)
        self.wfile.write(body)
        if len(body) < len(data) - start:
            self.close_connection = True

    def log_message(self, *args):
        pass


def md5(data):
    return hashlib.md5(data).hexdigest()


def sources_of(monkeypatch, corpus, sources):
    """Let a corpus come from other sources."""
    monkeypatch.setitem(CORPORA, corpus, dataclasses.replace(CORPORA[corpus], sources=sources))


def refused(name, out, words):
    with pytest.raises(SerKerasError, match=words) as caught:
        get.get(name, out)
    assert str(caught.value).isprintable() and not out.exists()
    return str(caught.value)
