"""`ser-keras serve`: the web demo and one bundle over HTTP or HTTPS. Imports no TensorFlow."""

from __future__ import annotations

import functools
import hashlib
import http.server
import ipaddress
import json
import socket
import ssl
import sys
import urllib.parse
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

from ser_keras.common.errors import BadInput, Damaged, NotFound, Unavailable
from ser_keras.runtime import bundle
from ser_keras.runtime.bundle import TERMS
from ser_keras.runtime.reach import reach_in_words

PACKAGE = Path(__file__).parents[1]
# In a wheel that was built with the demo in it (`make wheel`), or in a checkout after `make web-build`.
DEMO_FOLDERS = (PACKAGE / "web", PACKAGE.parent / "web_demo" / "dist")
BUNDLE_FILES = ("labels.txt", "model_card.md", "reference.json", "reference.wav", *TERMS)

CONTENT_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".md": "text/markdown; charset=utf-8",
    ".png": "image/png",
    ".tflite": "application/octet-stream",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
    ".wav": "audio/wav",
    ".webmanifest": "application/manifest+json",
}
# What web_demo/static/index.html asks of the browser, here for its worker, too.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "microphone=(self), camera=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    # asked anew each time, answered by 304: another --model takes effect at once
    "Cache-Control": "no-cache",
}
REQUEST_TIMEOUT_S = 30
EVERYWHERE = ("", "0.0.0.0", "::")

# Path in the address, decoded, from its slash on -> (content, content type).
Table: TypeAlias = dict[str, tuple[bytes, str]]
# What `http.server` and `socketserver` call a request: a connection, or a datagram and its socket.
Request: TypeAlias = socket.socket | tuple[bytes, socket.socket]
Address: TypeAlias = "tuple[str, int] | str"


def site(model: str | Path | None = None, demo: str | Path | None = None) -> Table:
    """What the server gives out: a table, so that no request can name anything outside it.

    Args:
        model: as in `ser_keras.load`; it needs a bundle.
        demo: folder of the built web demo; None: the one of this installation.

    Raises:
        NotFound: the demo is not built, or there is no such model.
        BadInput, Damaged: the model is no whole bundle.
    """
    folder = _demo_folder(demo)
    table: Table = {}
    for path in sorted(folder.rglob("*")):
        place = path.relative_to(folder).as_posix()
        if _belongs(path, folder) and not place.startswith("bundle/"):
            table[f"/{place}"] = (path.read_bytes(), CONTENT_TYPES[path.suffix])
    table["/"] = table["/index.html"]
    table.update(_bundle(model))
    return table


def _demo_folder(demo: str | Path | None) -> Path:
    if demo is not None:
        if (Path(demo) / "index.html").is_file():
            return Path(demo)
        raise NotFound(f"{demo} holds no index.html: give the web demo's dist folder")
    for folder in DEMO_FOLDERS:
        if (folder / "index.html").is_file():
            return folder
    raise NotFound(
        "the web demo isn't built in this installation: run `make web-build` in a checkout of the project (it needs "
        "Node.js 20 and npm), or give its built folder as `demo`"
    )


def _belongs(path: Path, folder: Path) -> bool:
    """Whether it is a file of a type of ours that lies in the folder: a link that leads out of it doesn't."""
    return path.is_file() and path.suffix in CONTENT_TYPES and path.resolve().is_relative_to(folder.resolve())


def _bundle(model: str | Path | None) -> Table:
    """The bundle's part of the table; the model's file is its default there."""
    file = bundle.find(model)
    if file.settings is None:
        raise BadInput(f"{file.path} has no bundle.json beside it that lists it: serve needs a whole bundle")
    folder = file.path.parent
    info = json.loads((folder / "bundle.json").read_bytes())
    info["default"] = file.path.name
    table = {f"/bundle/{file.path.name}": (file.content, CONTENT_TYPES[".tflite"])}
    for name in BUNDLE_FILES:
        if name in info["files"] and _belongs(folder / name, folder):
            table[f"/bundle/{name}"] = ((folder / name).read_bytes(), CONTENT_TYPES[Path(name).suffix])
        elif name in TERMS and name in info["files"]:
            raise Damaged(f"{folder} lacks {name}, without which these weights may not be passed on")
        else:
            info["files"].pop(name, None)
    text = json.dumps(info, indent=1, ensure_ascii=False)
    table["/bundle/bundle.json"] = (text.encode(), CONTENT_TYPES[".json"])
    return table


class _Handler(http.server.BaseHTTPRequestHandler):
    """Answers GET and HEAD from a table; everything else is refused."""

    protocol_version = "HTTP/1.1"
    server_version, sys_version = "ser-keras", ""
    timeout = REQUEST_TIMEOUT_S

    # Positional: so `socketserver` hands over what follows the tags.
    def __init__(
        self, table: Table, tags: Mapping[str, str], request: socket.socket, client_address: Address, server: _Server
    ) -> None:
        self._table, self._tags = table, tags
        super().__init__(request, client_address, server)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def _answer(self, with_body: bool) -> None:
        path = urllib.parse.unquote(self.path.partition("?")[0])
        if path not in self._table:
            self.send_error(404)
            return
        content, content_type = self._table[path]
        tag = self._tags[path]
        unchanged = self.headers.get("If-None-Match") == tag
        self.send_response(304 if unchanged else 200)
        self.send_header("ETag", tag)
        if not unchanged:
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if with_body and not unchanged:
            self.wfile.write(content)

    def end_headers(self) -> None:
        for name, value in HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing: who opens the page is nobody's business."""


class _Server(http.server.ThreadingHTTPServer):
    """The server of one table.

    Attributes:
        tls: for HTTPS; None: HTTP.
        url: where a browser on this machine finds it.
        urls: that and, where it listens on all addresses, this computer's own in its network.
    """

    daemon_threads = True
    tls: ssl.SSLContext | None = None
    url: str
    urls: list[str]

    def finish_request(self, request: Request, client_address: Address) -> None:
        """In the connection's own thread: a client that is slow to shake hands keeps nobody else waiting."""
        if self.tls is not None:
            assert isinstance(request, socket.socket)  # a TCP server's requests are connections
            request.settimeout(REQUEST_TIMEOUT_S)
            with self.tls.wrap_socket(request, server_side=True) as encrypted:
                super().finish_request(encrypted, client_address)
        else:
            super().finish_request(request, client_address)

    def handle_error(self, request: Request, client_address: Address) -> None:
        """A connection that breaks, or a browser that doesn't trust the certificate, is no news; a bug is."""
        if not isinstance(sys.exc_info()[1], (OSError, ssl.SSLError)):
            super().handle_error(request, client_address)


class _Server6(_Server):
    address_family = socket.AF_INET6


def server(
    table: Table,
    host: str = "127.0.0.1",
    port: int = 8000,
    *,
    cert: str | Path | None = None,
    key: str | Path | None = None,
) -> _Server:
    """A server that listens already; `serve_forever` runs it, `server_close` ends it.

    Args:
        table: of `site`.
        host: address to listen on; the loopback one by default.
        port: 0: any free one.
        cert, key: PEM files; with a certificate it speaks HTTPS. No key: it is in the certificate's file.

    Raises:
        NotFound, BadInput: certificate or key is not there, or cannot be used.
        Unavailable: the address cannot be had.
    """
    tls = _tls(cert, key)
    tags = {path: f'"{hashlib.sha256(content).hexdigest()[:32]}"' for path, (content, _) in table.items()}
    handler = functools.partial(_Handler, table, tags)
    try:
        listener = (_Server6 if ":" in host else _Server)((host, port), handler)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise Unavailable(
            f"can't listen on {host}, port {port}: {reason}; choose others as `host` and `port`"
        ) from None
    listener.tls = tls
    hosts = [host]
    if host in EVERYWHERE:  # no address that a browser could open
        hosts = ["localhost", *filter(None, [own_address()])]
    scheme, port = "https" if tls else "http", listener.server_address[1]
    listener.urls = [f"{scheme}://{f'[{h}]' if ':' in h else h}:{port}/" for h in hosts]
    listener.url = listener.urls[0]
    return listener


def own_address() -> str | None:
    """This computer's IPv4 address in its network; None: it is in none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # of no host (RFC 5737); a datagram socket sends nothing by it
            address: str = probe.getsockname()[0]
        except OSError:
            return None
    return None if is_loopback(address) or address in EVERYWHERE else address


def _tls(cert: str | Path | None, key: str | Path | None) -> ssl.SSLContext | None:
    if cert is None:
        if key is not None:
            raise BadInput("`key` without `cert`: give both, or neither")
        return None
    for path in (cert, key):
        if path and not Path(path).is_file():
            raise NotFound(f"{path}: no such file")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(cert, key, password=_no_password)
    except (ssl.SSLError, ValueError, OSError) as error:
        what = "they" if key else "it"
        raise BadInput(
            f"{cert}{f' and {key}' if key else ''}: not a PEM certificate with its unencrypted key, as {what} must be "
            f"({getattr(error, 'reason', None) or error})"
        ) from None
    return context


def _no_password() -> str:
    raise ValueError("the key is encrypted")


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach what listens there."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def serve(
    model: str | Path | None = None,
    host: str = "127.0.0.1",
    port: int = 8000,
    *,
    cert: str | Path | None = None,
    key: str | Path | None = None,
    demo: str | Path | None = None,
) -> Iterator[str]:
    """Serve the web demo until interrupted.

    Args:
        model, demo: as in `site`.
        host, port, cert, key: as in `server`.

    Yields:
        Lines to show; the server runs when the last one has been taken.

    Raises:
        NotFound, BadInput, Damaged, Unavailable: as `site` and `server`.
    """
    table = site(model, demo)
    running = server(table, host, port, cert=cert, key=key)
    try:
        others = "".join(f" and, for other devices in its network, {url}" for url in running.urls[1:])
        yield f"The web demo is at {running.url}{others} (Ctrl+C ends it)"
        if not is_loopback(host) and cert is None:
            yield (
                "note: on other devices the page works by https alone, as browsers demand: give it a certificate and "
                "its key (docs/demo-user.md says how)"
            )
        yield reach_in_words(json.loads(table["/bundle/bundle.json"][0]))
        running.serve_forever()
    finally:
        running.server_close()
