"""`ser_keras.runtime.web_server`: what the server gives out, to whom it says no, and how it ends."""

import http.client
import json
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading

import pytest

from ser_keras.cli.main import main
from ser_keras.common.errors import SerKerasError
from ser_keras.runtime import bundle, web_server
from ser_keras.runtime.model import load
from tests.messages import one_line

SHIPPED = bundle.PRETRAINED / bundle.DEFAULT_MODEL
SECRET = b"nobody's business"


@pytest.fixture
def demo(tmp_path):
    """A small built demo beside a file that must stay where it is."""
    (tmp_path / "secret.txt").write_bytes(SECRET)
    dist = tmp_path / "dist"
    (dist / "runtime").mkdir(parents=True)
    (dist / "index.html").write_text("<!doctype html><title>demo</title>")
    (dist / "app.js").write_text("export {}")
    (dist / "runtime" / "r.wasm").write_bytes(b"\0asm")
    (dist / "bundle").mkdir()
    (dist / "bundle" / "bundle.json").write_text('{"old": true}')
    return dist


@pytest.fixture
def running(demo):
    """A function that starts a server over the demo and returns it; all are ended afterwards."""
    started = []

    def start(**keywords):
        made = web_server.server(web_server.site(demo=demo), port=0, **keywords)
        started.append((made, threading.Thread(target=made.serve_forever, args=(0.02,), daemon=True)))
        started[-1][1].start()
        return made

    yield start
    for made, thread in started:
        made.shutdown()
        made.server_close()
        thread.join(5)


def request(made, path, method="GET", headers=None, tls=None):
    address = made.server_address[:2]
    kind = http.client.HTTPSConnection if tls else http.client.HTTPConnection
    connection = kind(*address, timeout=10, **({"context": tls} if tls else {}))
    connection.request(method, path, headers=headers or {})
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return answer, content


def raw(made, line):
    """Everything that comes back for a request line that no well-behaved client sends."""
    with socket.create_connection(made.server_address[:2], timeout=10) as connection:
        connection.sendall(line + b"\r\nHost: x\r\nConnection: close\r\n\r\n")
        pieces = []
        while piece := connection.recv(1 << 16):
            pieces.append(piece)
    return b"".join(pieces)


# --- what is given out


def test_files_have_types_that_browsers_insist_on_and_the_headers_that_keep_them_in(running):
    made = running()
    types = {
        "/": "text/html; charset=utf-8",
        "/index.html?source=pwa": "text/html; charset=utf-8",
        "/app.js": "text/javascript; charset=utf-8",
        "/runtime/r.wasm": "application/wasm",
        "/bundle/bundle.json": "application/json",
        "/bundle/model.tflite": "application/octet-stream",
    }
    for path, expected in types.items():
        answer, content = request(made, path)
        assert (answer.status, answer.headers["Content-Type"]) == (200, expected), path
        assert int(answer.headers["Content-Length"]) == len(content) > 0
        assert "connect-src 'self'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_the_bundle_is_the_chosen_one_and_not_the_demos_own(running):
    made = running()
    info = json.loads(request(made, "/bundle/bundle.json")[1])
    assert info["classes"] == json.loads((SHIPPED / "bundle.json").read_text())["classes"]
    assert info["default"] == "model.tflite" and "reference.wav" in info["files"]
    assert request(made, "/bundle/model.tflite?sha256=abc")[1] == (SHIPPED / "model.tflite").read_bytes()
    assert request(made, "/bundle/model.keras")[0].status == 404  # an app has no use for it


def test_a_file_within_a_bundle_becomes_its_default(demo):
    table = web_server.site(SHIPPED / "model_float32.tflite", demo)
    assert json.loads(table["/bundle/bundle.json"][0])["default"] == "model_float32.tflite"
    assert table["/bundle/model_float32.tflite"][0] == (SHIPPED / "model_float32.tflite").read_bytes()
    assert "/bundle/model.tflite" not in table


def test_what_is_unchanged_is_not_sent_again_and_head_sends_nothing(running):
    made = running()
    tag = request(made, "/app.js")[0].headers["ETag"]
    answer, content = request(made, "/app.js", headers={"If-None-Match": tag})
    assert (answer.status, content) == (304, b"")
    answer, content = request(made, "/app.js", "HEAD")
    assert (answer.status, content, answer.headers["Content-Length"]) == (200, b"", "9")


def test_a_connection_serves_one_request_after_the_other(running):
    made = running()
    connection = http.client.HTTPConnection(*made.server_address[:2], timeout=10)
    for path in ("/app.js", "/nothing", "/"):
        connection.request("GET", path)
        assert connection.getresponse().read()


# --- what is not


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt",
        "/..%2fsecret.txt",
        "/%2e%2e/secret.txt",
        "/runtime/../../secret.txt",
        "/runtime/..%5c..%5csecret.txt",
        "//secret.txt",
        "/./../secret.txt",
        "/%00../secret.txt",
        "secret.txt",
        "http://127.0.0.1/../secret.txt",
        "/runtime",
        "/runtime/",
        "/etc/passwd",
        "//etc/passwd",
        "/%c0%ae%c0%ae/secret.txt",
        "/\xff\xfe",
    ],
)
def test_nothing_outside_the_folder_is_given_out(running, path):
    answer = raw(running(), b"GET " + path.encode("latin-1") + b" HTTP/1.1")
    assert answer.split(b"\r\n")[0].split()[1] in (b"404", b"400"), answer[:80]
    assert SECRET not in answer and b"root:" not in answer


@pytest.mark.parametrize("name", bundle.TERMS)
def test_weights_under_their_own_terms_go_out_with_these_alone(demo, tmp_path, name):
    bundle = shutil.copytree(SHIPPED, tmp_path / "bundle")
    (bundle / name).unlink(missing_ok=True)
    info = json.loads((bundle / "bundle.json").read_text())
    info["files"].pop(name, None)
    (bundle / "bundle.json").write_text(json.dumps(info))
    assert f"/bundle/{name}" not in web_server.site(bundle, demo)
    info["files"][name] = {"sha256": "", "bytes": 5}
    (bundle / "bundle.json").write_text(json.dumps(info))
    with pytest.raises(SerKerasError, match=f"lacks {name}, without which these weights may not be passed on"):
        web_server.site(bundle, demo)
    (bundle / name).write_text("terms")
    table = web_server.site(bundle, demo)
    assert table[f"/bundle/{name}"][0] == b"terms"
    assert name in json.loads(table["/bundle/bundle.json"][0])["files"]


def test_links_that_lead_out_are_not_followed(demo, tmp_path):
    bundle = shutil.copytree(SHIPPED, tmp_path / "bundle")
    (bundle / "model_card.md").unlink()
    (bundle / "model_card.md").symlink_to(tmp_path / "secret.txt")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "page.html").write_bytes(SECRET)
    (demo / "leak.txt").symlink_to(tmp_path / "secret.txt")
    (demo / "leak").symlink_to(outside)
    (demo / "alias.js").symlink_to(demo / "app.js")
    (demo / "broken.js").symlink_to(demo / "nothing.js")
    (demo / "notes.ini").write_bytes(SECRET)  # of no type that the demo has
    table = web_server.site(bundle, demo)
    assert not [path for path, (content, _) in table.items() if content == SECRET]
    assert "/alias.js" in table and "/broken.js" not in table and "/bundle/model_card.md" not in table


def test_nothing_can_be_sent_to_it(running):
    made = running()
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        assert request(made, "/app.js", method)[0].status == 501
    assert b" 400 " in raw(made, b"\x16\x03\x01 nonsense \x00").split(b"\r\n")[0]


# --- HTTPS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    if not shutil.which("openssl"):
        pytest.skip("needs the openssl command to make a certificate")
    folder = tmp_path_factory.mktemp("certificate")
    cert, key = folder / "cert.pem", folder / "key.pem"
    command = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1"
    )
    subprocess.run([*command.split(), "-keyout", key, "-out", cert], check=True, capture_output=True)
    return cert, key


def test_https_with_a_certificate_while_somebody_holds_the_line(running, certificate):
    made = running(cert=certificate[0], key=certificate[1])
    assert made.url.startswith("https://127.0.0.1:")
    with socket.create_connection(made.server_address[:2]):  # says nothing
        answer, _ = request(made, "/app.js", tls=ssl.create_default_context(cafile=certificate[0]))
    assert answer.status == 200
    with pytest.raises(ssl.SSLError):
        request(made, "/app.js", tls=ssl.create_default_context())


def test_key_and_certificate_may_be_in_one_file(running, certificate, tmp_path):
    both = tmp_path / "both.pem"
    both.write_bytes(certificate[0].read_bytes() + certificate[1].read_bytes())
    made = running(cert=both)
    assert request(made, "/app.js", tls=ssl.create_default_context(cafile=both))[0].status == 200


def test_a_certificate_that_is_none_is_one_line(certificate, tmp_path):
    cert, key = certificate
    (tmp_path / "odd.pem").write_text("nothing")
    for pair in ((tmp_path / "no.pem", None), (None, key), (tmp_path / "odd.pem", None), (cert, None), (cert, cert)):
        with pytest.raises(SerKerasError) as error:
            web_server.server({}, port=0, cert=pair[0], key=pair[1])
        assert "pem" in one_line(error) or "`cert`" in one_line(error)


# --- what can be wrong before it starts


def test_without_the_built_demo_it_says_how_to_build_it(monkeypatch, tmp_path):
    monkeypatch.setattr(web_server, "DEMO_FOLDERS", (tmp_path / "web",))
    with pytest.raises(SerKerasError) as error:
        web_server.site()
    assert "make web-build" in one_line(error)
    with pytest.raises(SerKerasError) as error:
        web_server.site(demo=tmp_path)
    assert str(tmp_path) in one_line(error)


def test_a_model_without_a_bundle_is_one_line(demo, tmp_path):
    bare = shutil.copy(SHIPPED / "model.tflite", tmp_path / "bare.tflite")
    with pytest.raises(SerKerasError) as error:
        web_server.site(bare, demo)
    assert "bundle" in one_line(error)


def test_a_port_that_is_taken_is_one_line():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(SerKerasError) as error:
            web_server.server({}, port=taken.getsockname()[1])
    assert "`port`" in one_line(error)
    for host, port in (("127.0.0.1", 70000), ("no.such.host.invalid", 0)):
        with pytest.raises(SerKerasError) as error:
            web_server.server({}, host, port)
        assert "can't listen" in one_line(error)


def test_who_can_come_and_where_is_said(demo, monkeypatch):
    assert web_server.is_loopback("127.0.0.1") and web_server.is_loopback("::1") and web_server.is_loopback("localhost")
    assert not web_server.is_loopback("0.0.0.0") and not web_server.is_loopback("example")
    for address, shown in (("192.168.1.20", ["localhost", "192.168.1.20"]), (None, ["localhost"])):
        monkeypatch.setattr(web_server, "own_address", lambda address=address: address)
        lines = web_server.serve(host="0.0.0.0", port=0, demo=demo)
        assert re.findall(r"http://([^:]+):\d+/ ", next(lines)) == shown
        assert "certificate" in next(lines)
        assert next(lines) == load().reach
        lines.close()


def test_the_command_serves_until_it_is_interrupted_and_loads_no_tensorflow(demo):
    code = (
        "import sys; from ser_keras.cli.main import main; code = main(sys.argv[1:]); "
        "sys.exit(code or 10 * ('tensorflow' in sys.modules or 'keras' in sys.modules))"
    )
    command = [sys.executable, "-c", code, "serve", "--port", "0", "--demo", str(demo)]
    # A job in the background may have inherited that SIGINT is ignored.
    heeding = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)  # noqa: E731
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, preexec_fn=heeding, **pipes) as process:
        line = process.stdout.readline()
        port = int(line.split("127.0.0.1:")[1].split("/")[0])
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        connection.request("GET", "/app.js")
        assert connection.getresponse().status == 200
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 0 and not errors.strip()


def test_bad_usage_is_exit_code_2(capsys, demo):
    assert main(["serve", "--key", "k.pem", "--demo", str(demo), "--port", "0"]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
