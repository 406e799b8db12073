"""Servers to be lied to by: canned answers with or without TLS, and an authority that signs certificates."""

import contextlib
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from kiosk.cloud import wire
from kiosk.cloud.line import Line, bearer, token

JSON = "application/json; charset=utf-8"


class Canned:
    """Gives one answer, settable at any time, to whatever is asked."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.status, self.body, self.headers = 200, b"{}", {"Content-Type": JSON}
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []
        canned = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                canned.asked.append((self.command, self.path, dict(self.headers.items()), body))
                self.send_response_only(canned.status)
                for name, value in canned.headers.items():
                    self._headers_buffer.append(f"{name}: {value}\r\n".encode("latin-1"))
                self.send_header("Content-Length", str(len(canned.body)))
                self.end_headers()
                self.wfile.write(canned.body)

            do_GET = do_POST = do_CONNECT = answer  # noqa: N815  # http.server's names

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False

        self._server = Server(("127.0.0.1", 0), Handler)
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def say(self, status: int, body: bytes = b"{}", **headers: str | None) -> None:
        given = {"Content-Type": JSON} | {name.replace("_", "-"): value for name, value in headers.items()}
        self.status, self.body = status, body
        self.headers = {name: value for name, value in given.items() if value is not None}

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def canned() -> Iterator[Canned]:
    server = Canned()
    yield server
    server.close()


@pytest.fixture
def canned_tls() -> Iterator[Callable[[ssl.SSLContext], Canned]]:
    """Serve canned answers over TLS."""
    servers: list[Canned] = []

    def serve(context: ssl.SSLContext) -> Canned:
        servers.append(Canned(context))
        return servers[-1]

    yield serve
    for each in servers:
        each.close()


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    file = tmp_path / "secret"
    file.write_text("first\n", encoding="ascii")
    return file


@pytest.fixture
def to(secret: Path) -> Iterator[Callable[..., Line]]:
    """Draw a line to a base URL."""
    drawn: list[Line] = []

    def draw(url: str, *, proxies: bool = False) -> Line:
        drawn.append(Line(f"{url}/api", lambda: {**bearer(secret)(), **token(secret)()}, proxies=proxies))
        return drawn[-1]

    yield draw
    for each in drawn:
        each.close()


class Authority:
    """Signs certificates, as an organiser's own does or a proxy that listens in."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.file = directory / "authority.pem"
        (directory / "index").touch()
        (directory / "config").write_text(
            f"[ca]\ndefault_ca = own\n[own]\ndatabase = {directory}/index\nnew_certs_dir = {directory}\n"
            "rand_serial = yes\ndefault_md = sha256\npolicy = any\nunique_subject = no\n[any]\ncommonName = supplied\n",
            encoding="ascii",
        )
        self._make_key(
            "authority", "/CN=Summer Night", "-x509", "-days", "30", "-addext", "keyUsage=critical,keyCertSign"
        )

    def certify(self, names: str = "IP:127.0.0.1", *, begins_days: int = -1, ends_days: int = 30) -> ssl.SSLContext:
        """Return what a server needs to be `names` between these days from now."""
        name = f"server-{len(list(self._directory.glob('*.ext')))}"
        self._make_key(name, "/CN=server")
        (self._directory / f"{name}.ext").write_text(
            f"subjectAltName = {names}\nauthorityKeyIdentifier = keyid\nsubjectKeyIdentifier = hash\n", encoding="ascii"
        )
        openssl(
            "ca", "-batch", "-notext", "-config", self._directory / "config", "-cert", self.file,
            "-keyfile", self._directory / "authority.key", "-in", self._directory / f"{name}.pem",
            "-out", self._directory / f"{name}.crt", "-extfile", self._directory / f"{name}.ext",
            "-startdate", day(begins_days), "-enddate", day(ends_days),
        )  # fmt: skip
        return served(self._directory / f"{name}.crt", self._directory / f"{name}.key")

    def certify_itself(self) -> ssl.SSLContext:
        """Return a certificate that nobody has signed but its own server."""
        self._make_key("alone", "/CN=alone", "-x509", "-days", "30", "-addext", "subjectAltName=IP:127.0.0.1")
        return served(self._directory / "alone.pem", self._directory / "alone.key")

    def _make_key(self, name: str, subject: str, *more: str) -> None:
        openssl(
            "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", subject,
            "-keyout", self._directory / f"{name}.key", "-out", self._directory / f"{name}.pem", *more,
        )  # fmt: skip


def openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *map(str, arguments)], capture_output=True, check=True)


def day(from_now: int) -> str:
    return f"{datetime.now(UTC) + timedelta(days=from_now):%Y%m%d%H%M%SZ}"


def served(certificate: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


@pytest.fixture
def stranger(tmp_path: Path) -> Authority:
    """An authority nobody trusts."""
    directory = tmp_path / "authority"
    directory.mkdir()
    return Authority(directory)


@pytest.fixture
def authority(stranger: Authority, monkeypatch: pytest.MonkeyPatch) -> Iterator[Authority]:
    """An authority that this machine trusts."""
    monkeypatch.setenv("SSL_CERT_FILE", str(stranger.file))
    wire.trust.cache_clear()
    yield stranger
    wire.trust.cache_clear()


class Rude:
    """Takes connections and does with each what the test says."""

    def __init__(self, treat: Callable[[socket.socket], object]) -> None:
        self._treat = treat
        self._taken: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._take, daemon=True).start()

    def _take(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                self._taken.append(self._listener.accept()[0])
                self._treat(self._taken[-1])

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        for each in (self._listener, *self._taken):
            each.close()


@pytest.fixture
def rude() -> Iterator[Callable[[Callable[[socket.socket], object]], Rude]]:
    servers: list[Rude] = []

    def serve(treat: Callable[[socket.socket], object]) -> Rude:
        servers.append(Rude(treat))
        return servers[-1]

    yield serve
    for each in servers:
        each.close()
