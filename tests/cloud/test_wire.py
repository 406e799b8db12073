"""One request at a time on real sockets: it ends in time, is never sent afterwards, and knows whom to trust."""

from __future__ import annotations

import contextlib
import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable

import certifi
import httpx
import pytest

from kiosk.cloud import line, wire
from kiosk.errors import CloudError, ConfigError, NoAnswer, NotSent

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")

needs_openssl = pytest.mark.needs("openssl")


def failure(ask: Callable[[], object]) -> CloudError:
    with pytest.raises(CloudError) as caught:
        ask()
    return caught.value


def others() -> list[threading.Thread]:
    """Who was left behind on a line."""
    return [thread for thread in threading.enumerate() if thread.name == "line"]


def heard(connection: socket.socket) -> bytes:
    """Everything that comes until the other side leaves."""
    found = b""
    with contextlib.suppress(OSError):
        while more := connection.recv(1_000_000):
            found += more
    return found


# --- in time ---------------------------------------------------------------------------------------------------------


def test_a_connection_that_went_dead_is_noticed_and_the_next_request_takes_a_new_one(to, rude, monkeypatch):
    monkeypatch.setattr(line, "TIMEOUT", httpx.Timeout(0.3))
    connections: list[socket.socket] = []

    def answer_the_first_request(connection: socket.socket) -> None:
        connections.append(connection)
        connection.recv(100_000)
        connection.sendall(ANSWER)

    drawn = to(rude(answer_the_first_request).url)
    drawn.get("/x")
    found = failure(lambda: drawn.get("/x"))  # on the connection that was kept, and where nobody is any more
    assert isinstance(found, NoAnswer)
    assert found.running
    assert len(connections) == 1
    drawn.get("/x")
    assert len(connections) == 2


def test_a_server_that_closes_a_kept_connection_costs_nothing(to, rude, eventually):
    gone = threading.Event()

    def answer_once(connection: socket.socket) -> None:
        connection.recv(100_000)
        connection.sendall(ANSWER)
        connection.close()
        gone.set()

    drawn = to(rude(answer_once).url)
    for _ in range(5):
        drawn.get("/x")
        assert gone.wait(5)
        gone.clear()


@pytest.mark.parametrize("seconds", [0.3, 5.0])
def test_an_answer_has_to_be_whole_in_the_time_for_all_of_it(to, rude, monkeypatch, seconds):
    """Silence ends by the time-out of each step or by the time for all, whichever is over first."""
    monkeypatch.setattr(line, "TIMEOUT", httpx.Timeout(5.3 - seconds))
    monkeypatch.setattr(line, "PATIENCE_S", seconds)
    drawn = to(rude(lambda _: None).url)
    began = time.monotonic()
    assert isinstance(failure(lambda: drawn.post("/scans", [])), NoAnswer)
    assert 0.25 < time.monotonic() - began < 3


class Dribbling:
    """Serves one byte after the other, or nothing, over TLS or not, and knows when a client has left."""

    def __init__(self, tls: ssl.SSLContext | None, head: bytes) -> None:
        self._tls, self._head = tls, head
        self.left = threading.Event()

    def __call__(self, connection: socket.socket) -> None:
        threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError), secured(connection, self._tls) as served:
            served.recv(100_000)
            served.sendall(self._head)
            served.settimeout(0.02)
            while not self._leaves(served):
                served.sendall(b"a" if self._head else b"")
        self.left.set()

    def _leaves(self, served: socket.socket) -> bool:
        try:
            return not served.recv(100_000)
        except TimeoutError:
            return False


def secured(connection: socket.socket, tls: ssl.SSLContext | None) -> socket.socket:
    return tls.wrap_socket(connection, server_side=True) if tls else connection


HEADS = {
    "head": b"HTTP/1.1 200 OK\r\nX-Endless: ", "body": ANSWER.replace(b"Length: 2", b"Length: 9000"), "silence": b"",
}  # fmt: skip


@needs_openssl
@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("head", HEADS)
def test_a_request_that_takes_too_long_is_ended_at_once_on_both_sides(
    to, rude, authority, monkeypatch, eventually, scheme, head
):
    """Left open, the connection of an answer that dribbles in would keep a thread for ever."""
    monkeypatch.setattr(line, "PATIENCE_S", 0.3)
    dribbling = Dribbling(authority.certify() if scheme == "https" else None, HEADS[head])
    drawn = to(rude(dribbling).url.replace("http", scheme))
    found = failure(lambda: drawn.post("/scans", []))
    assert isinstance(found, NoAnswer)
    assert found.running
    assert dribbling.left.wait(2), "the client is still there"
    eventually("nobody is on the line any more", lambda: not others(), 2)


@needs_openssl
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_the_requests_after_one_that_was_given_up_are_none_the_worse(to, rude, authority, monkeypatch, scheme):
    tls = authority.certify() if scheme == "https" else None
    dribbling, better = Dribbling(tls, HEADS["body"]), threading.Event()

    def treat(connection: socket.socket) -> None:
        if not better.is_set():
            dribbling(connection)
            return
        with secured(connection, tls) as served:
            for _ in range(20):
                served.recv(100_000)
                served.sendall(ANSWER)

    drawn = to(rude(treat).url.replace("http", scheme))
    with monkeypatch.context() as hurry:
        hurry.setattr(line, "PATIENCE_S", 0.2)
        failure(lambda: drawn.get("/x"))
    better.set()
    for _ in range(20):
        assert drawn.get("/x").body == {}


# --- never afterwards ------------------------------------------------------------------------------------------------


@needs_openssl
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_batch_that_was_given_up_half_way_out_is_never_completed(to, rude, authority, monkeypatch, scheme):
    monkeypatch.setattr(line, "PATIENCE_S", 0.5)
    tls, given_up = authority.certify() if scheme == "https" else None, threading.Event()
    arrived: queue.SimpleQueue[int] = queue.SimpleQueue()

    def read_late(connection: socket.socket) -> None:
        with secured(connection, tls) as served:
            served.recv(1)
            given_up.wait(10)
            arrived.put(len(heard(served)))

    server = rude(lambda connection: threading.Thread(target=read_late, args=(connection,), daemon=True).start())
    size = 50_000_000
    found = failure(lambda: to(server.url.replace("http", scheme)).post("/x", "x" * size))
    given_up.set()
    assert isinstance(found, NoAnswer)
    assert found.running
    assert arrived.get(timeout=10) < size


@needs_openssl
def test_a_request_that_was_given_up_while_hands_were_shaken_is_never_sent(to, rude, authority, monkeypatch):
    monkeypatch.setattr(line, "PATIENCE_S", 0.2)
    tls, given_up = authority.certify(), threading.Event()
    arrived: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def shake_late(connection: socket.socket) -> None:
        given_up.wait(10)
        with contextlib.suppress(OSError), tls.wrap_socket(connection, server_side=True) as served:
            arrived.put(heard(served))

    server = rude(lambda connection: threading.Thread(target=shake_late, args=(connection,), daemon=True).start())
    found = failure(lambda: to(server.url.replace("http:", "https:")).post("/scans", []))
    given_up.set()
    assert type(found) is NotSent
    assert arrived.get(timeout=10) == b""


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_batch_is_never_sent_on_by_a_redirect(cloud, canned, to, status):
    canned.say(status, b"", Location=f"{cloud.url}/api/scans")
    assert type(failure(lambda: to(canned.url).post("/scans", []))) is NoAnswer
    assert cloud.requests() == []
    assert len(canned.asked) == 1


# --- whom to trust ---------------------------------------------------------------------------------------------------


@needs_openssl
def test_an_authority_of_this_machine_is_trusted_beside_those_of_certifi(to, authority, canned_tls):
    server = canned_tls(authority.certify())
    assert to(server.url).post("/scans", []).body == {}
    bundled = ssl.create_default_context(cafile=certifi.where()).get_ca_certs()
    known = {authority["serialNumber"] for authority in wire.trust().get_ca_certs()}
    assert bundled
    assert {authority["serialNumber"] for authority in bundled} < known


@needs_openssl
def test_trust_is_made_once_and_not_at_all_where_nothing_is_secure(to, authority, canned, canned_tls):
    to(canned.url).get("/x")
    assert wire.trust.cache_info().misses == 0
    server = canned_tls(authority.certify())
    for _ in range(3):
        to(server.url).get("/x")
    assert wire.trust.cache_info().misses == 1


# --- proxies ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Name proxies in the environment, and no others."""
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)

    def name_them(**proxies: str) -> None:
        for name, url in proxies.items():
            monkeypatch.setenv(name, url)

    return name_them


class Tunnel:
    """A proxy that makes the connection it is asked for, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []

    def __call__(self, client: socket.socket) -> None:
        self.asked.append(client.recv(100_000))
        host, _, port = self.asked[-1].split()[1].decode().rpartition(":")
        server = socket.create_connection((host, int(port)))
        client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        for one, other in ((client, server), (server, client)):
            threading.Thread(target=self._carry, args=(one, other), daemon=True).start()

    def _carry(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError), other:
            while some := one.recv(100_000):
                other.sendall(some)


def test_the_environments_proxies_are_used_where_the_configuration_says_so(canned, to, environment):
    environment(HTTP_PROXY=canned.url)
    to("http://kiosk.invalid", proxies=True).get("/x")
    assert canned.asked[0][1] == "http://kiosk.invalid/api/x"


def test_a_host_that_the_environment_excepts_is_asked_without_a_proxy(canned, cloud, to, environment):
    environment(HTTP_PROXY=canned.url, NO_PROXY="127.0.0.1")
    assert to(cloud.url, proxies=True).get("/accessusers/me").body["name"] == "Sandbox gate"
    assert canned.asked == []


@needs_openssl
def test_a_proxy_sees_the_name_of_the_cloud_and_nothing_of_what_is_said(to, rude, authority, canned_tls, environment):
    tunnel, server = Tunnel(), canned_tls(authority.certify())
    environment(HTTPS_PROXY=rude(tunnel).url)
    assert to(server.url, proxies=True).post("/scans", []).body == {}
    assert server.asked[0][2]["Authorization"] == "Bearer first"
    assert tunnel.asked[0].startswith(f"CONNECT 127.0.0.1:{server.port} ".encode())
    assert b"first" not in tunnel.asked[0]


@needs_openssl
def test_a_proxy_that_listens_in_with_an_unknown_authority_is_found_out(to, rude, stranger, canned_tls, environment):
    server = canned_tls(stranger.certify())
    environment(HTTPS_PROXY=rude(Tunnel()).url)
    found = failure(lambda: to(server.url, proxies=True).post("/scans", []))
    assert type(found) is NotSent
    assert "unknown authority: a log-in page, a proxy that listens in" in str(found)
    assert server.asked == []


def test_a_proxy_that_refuses_the_way_is_named_and_nothing_was_sent(canned, to, environment):
    environment(HTTPS_PROXY=canned.url)
    canned.say(407, b"")
    found = failure(lambda: to("https://kiosk.invalid", proxies=True).post("/scans", []))
    assert type(found) is NotSent
    said = f"cannot reach kiosk.invalid by the proxy 127.0.0.1 (port {canned.port}): the proxy answers 407"
    assert str(found).startswith(said)


@pytest.mark.parametrize(("timeout_s", "patience_s"), [(0.3, 5.0), (5.0, 0.3)])
def test_nothing_was_sent_while_a_proxy_stays_silent(rude, to, environment, monkeypatch, timeout_s, patience_s):
    monkeypatch.setattr(line, "TIMEOUT", httpx.Timeout(timeout_s))
    monkeypatch.setattr(line, "PATIENCE_S", patience_s)
    environment(HTTPS_PROXY=rude(lambda _: None).url)
    assert type(failure(lambda: to("https://kiosk.invalid", proxies=True).post("/scans", []))) is NotSent


@pytest.mark.parametrize("url", ["socks5://somebody:s3cret@127.0.0.1:9", "gopher://somebody:s3cret@127.0.0.1:9"])
def test_a_proxy_that_cannot_be_used_is_a_matter_of_configuration(to, environment, url):
    environment(ALL_PROXY=url)
    with pytest.raises(ConfigError, match=r"cloud\.proxy_from_environment") as caught:
        to("https://kiosk.invalid", proxies=True)
    assert "s3cret" not in str(caught.value)


def test_the_credentials_of_a_netrc_file_are_not_used_with_proxies_either(
    canned, to, environment, monkeypatch, tmp_path
):
    netrc = tmp_path / "netrc"
    netrc.write_text("default login somebody password else\n", encoding="ascii")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    environment(HTTP_PROXY=canned.url)
    to("http://kiosk.invalid", proxies=True).get("/x")
    assert canned.asked[0][2]["Authorization"] == "Bearer first"
    assert "Proxy-Authorization" not in canned.asked[0][2]
