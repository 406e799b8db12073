"""Every way in which a network fails, met on real sockets and said in one sentence; none of it passes for the cloud."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import struct
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from kiosk.cloud import line, trouble
from kiosk.errors import CloudError, NoAnswer, NotSent

HOST = "portier.vivenu.com"
PEER = f"{HOST} (port 443)"
NOW = datetime(2019, 3, 1, 12, tzinfo=UTC)
SCREEN = 160
"""How much of a text a screen shows (`MAX_TEXT` of `display/snapshot.py`)."""

needs_openssl = pytest.mark.needs("openssl")


def silent(_: socket.socket) -> None:
    pass


def taken(connection: socket.socket) -> None:
    """Read a request to its end, which is `[]` or, of a GET, an empty line: who closes on unread data resets."""
    request = b""
    while not request.endswith(b"[]" if request.startswith(b"POST") else b"\r\n\r\n"):
        if not (more := connection.recv(100_000)):
            return
        request += more


def hang_up(connection: socket.socket) -> None:
    taken(connection)
    connection.close()


def reset(connection: socket.socket) -> None:
    taken(connection)
    reset_at_once(connection)


def reset_at_once(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def reset_when_greeted(connection: socket.socket) -> None:
    connection.recv(1)
    reset_at_once(connection)


def says(answer: bytes) -> Callable[[socket.socket], None]:
    """Give these bytes for an answer and hang up."""

    def say(connection: socket.socket) -> None:
        taken(connection)
        connection.sendall(answer)
        connection.close()

    return say


HALF = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n{"do'


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line, "TIMEOUT", httpx.Timeout(0.3))


def failure(ask: Callable[[], object]) -> CloudError:
    with pytest.raises(CloudError) as caught:
        ask()
    assert "\n" not in str(caught.value)
    return caught.value


def unsent(ask: Callable[[], object], sentence: str) -> None:
    """It is known that nothing left this machine, and said in a sentence that has this in it, and stays the same."""
    found = failure(ask)
    assert type(found) is NotSent
    assert sentence in str(found)
    assert str(failure(ask)) == str(found)


def unanswered(ask: Callable[[], object], sentence: str, *, running: bool) -> None:
    """It may have arrived; said in a sentence that has this in it, and stays the same."""
    found = failure(ask)
    assert type(found) is NoAnswer
    assert sentence in str(found)
    assert "127.0.0.1" in str(found)
    assert found.running is running
    assert str(failure(ask)) == str(found)


# --- nothing was sent ------------------------------------------------------------------------------------------------


def test_a_name_that_does_not_resolve_is_said(to):
    drawn = to("http://kiosk.invalid")
    unsent(lambda: drawn.post("/scans", []), "cannot reach kiosk.invalid (port 80): ")
    assert "name" in str(failure(lambda: drawn.get("/x")))


def test_a_machine_without_a_way_to_the_network_is_said(to):
    """TCP has no way to a broadcast address, on any machine."""
    unsent(lambda: to("http://255.255.255.255").post("/scans", []), "255.255.255.255 (port 80): no way there")


def test_a_port_where_nobody_listens_is_said(to):
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        port = deaf.getsockname()[1]
        unsent(
            lambda: to(f"http://127.0.0.1:{port}").post("/scans", []), f"127.0.0.1 (port {port}): connection refused"
        )


def test_a_connection_that_nobody_takes_is_said(to, impatient):
    with socket.socket() as full, contextlib.ExitStack() as queue:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):  # after that the kernel drops whoever else wants in
            waiting = queue.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        url = f"http://127.0.0.1:{full.getsockname()[1]}"
        unsent(lambda: to(url).post("/scans", []), "no answer in time: no internet behind this network")


@needs_openssl
def test_a_certificate_that_is_not_valid_yet_is_the_clocks_fault_and_says_what_it_shows(to, authority, canned_tls):
    server = canned_tls(authority.certify(begins_days=20))
    days = {f"{datetime.now():%Y-%m-%d}" for _ in range(2)}  # noqa: DTZ005  # as a technician reads it off this machine
    unsent(lambda: to(server.url).post("/scans", []), "its certificate is not valid yet: this machine's clock says ")
    days.add(f"{datetime.now():%Y-%m-%d}")  # noqa: DTZ005
    assert set(re.findall(r"\d{4}-\d\d-\d\d", str(failure(lambda: to(server.url).get("/x"))))) <= days
    assert server.asked == []


@needs_openssl
@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"begins_days": -20, "ends_days": -10}, "its certificate has expired, or this machine's clock runs ahead"),
        ({"names": "DNS:portal.example"}, "its certificate is for another name"),
        ({"names": "IP:127.0.0.2"}, "its certificate is for another name"),
    ],
)
def test_a_certificate_that_is_not_right_is_said(to, authority, canned_tls, change, sentence):
    server = canned_tls(authority.certify(**change))
    unsent(lambda: to(server.url).post("/scans", []), sentence)
    assert server.asked == []


@needs_openssl
@pytest.mark.parametrize("make", ["certify", "certify_itself"])
def test_a_certificate_of_nobody_we_know_is_said(to, stranger, canned_tls, make):
    server = canned_tls(getattr(stranger, make)())
    unsent(lambda: to(server.url).post("/scans", []), "its certificate is of an unknown authority")
    assert server.asked == []


def test_a_port_that_does_not_speak_tls_is_said(to, canned):
    url = canned.url.replace("http:", "https:")
    unsent(lambda: to(url).post("/scans", []), "no secure connection comes about")
    assert canned.asked == []


@pytest.mark.parametrize(
    ("treat", "sentence"), [(reset_when_greeted, "the connection is cut off at once"), (silent, "no answer in time")]
)
def test_a_connection_that_ends_before_it_is_secure_is_said(to, rude, impatient, treat, sentence):
    url = rude(treat).url.replace("http:", "https:")
    unsent(lambda: to(url).post("/scans", []), sentence)


def test_an_address_without_a_web_protocol_never_sends(to):
    assert type(failure(lambda: to("ftp://127.0.0.1").post("/scans", []))) is NotSent


# --- it may have arrived ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("treat", "sentence", "running"),
    [
        (silent, "it stays silent", True),
        (reset, "the connection was cut off (reset)", True),
        (hang_up, "it hung up before its answer was whole", True),
        (says(HALF % 100), "it hung up before its answer was whole", True),
        (says(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n\r\n"), "no HTTP: a wrong port?", True),
    ],
)
def test_a_request_that_gets_no_answer_is_said_and_whether_it_may_be_at_work(
    to, rude, impatient, treat, sentence, running
):
    unanswered(lambda: to(rude(treat).url).post("/scans", []), sentence, running=running)


def test_a_request_that_is_not_even_taken_is_said_and_may_be_at_work(to, rude, impatient):
    big = ["x" * 1_000_000] * 20
    unanswered(lambda: to(rude(silent).url).post("/scans", big), "it does not take what is sent", running=True)


def test_an_answer_that_breaks_off_is_said_in_the_same_words_wherever_it_does(to, rude):
    sentences = {str(failure(lambda: to(rude(says(HALF % size)).url).get("/x"))) for size in (50, 90)}  # noqa: B023
    assert len(sentences) == 1


def test_an_answer_that_takes_for_ever_is_said_and_may_be_at_work(cloud, to, monkeypatch):
    monkeypatch.setattr(line, "PATIENCE_S", 0.3)
    cloud.arm("dribble", None, seconds=0.1)
    unanswered(lambda: to(cloud.url).get("/accessusers/me"), "no whole answer from 127.0.0.1 in time", running=True)


def test_an_answer_packed_in_a_broken_way_is_said(canned, to):
    canned.say(200, b"this is no gzip", Content_Encoding="gzip")
    unanswered(lambda: to(canned.url).get("/x"), "packed in a way that cannot be read", running=False)


def test_json_that_is_cut_is_said(canned, to):
    canned.say(200, b'{"docs": [')
    unanswered(lambda: to(canned.url).get("/x"), "status 200 with JSON that is cut or broken", running=False)


# --- somebody else answers -------------------------------------------------------------------------------------------

PAGE = b"<!DOCTYPE html><html><body>Accept the terms</body></html>"
HTML = "text/html; charset=utf-8"


@pytest.mark.parametrize(
    ("status", "body", "headers", "what"),
    [
        (200, PAGE, {"Content_Type": HTML}, "200 with text/html"),
        (200, PAGE, {}, "200 with a page"),
        (200, b"\r\n " + PAGE, {}, "200 with a page"),
        (204, b"", {"Content_Type": None}, "204 with no content"),
        (403, PAGE, {"Content_Type": HTML}, "403 with text/html"),
        (511, PAGE, {"Content_Type": HTML}, "511 with text/html"),
        (302, b"", {"Location": "http://login.example/?at=7151"}, "302 with a redirect to login.example"),
        (307, b"{}", {"Location": "/login"}, "307 with a redirect to another page"),
        (308, b"", {"Location": "http://login\u00e4.example/"}, "308 with a redirect to login\u00e4.example"),
    ],
)
def test_a_log_in_page_is_said_to_be_one(canned, to, status, body, headers, what):
    canned.say(status, body, **headers)
    sentence = f"somebody else answers instead of 127.0.0.1 ({what}): a log-in page of this network?"
    unanswered(lambda: to(canned.url).post("/scans", []), sentence, running=False)


def test_what_a_stranger_says_is_bounded(canned, to):
    canned.say(200, PAGE, Content_Type="x" * 5000)
    assert len(str(failure(lambda: to(canned.url).get("/x")))) <= SCREEN


@pytest.mark.parametrize("status", [404, 405, 410])
def test_a_page_that_is_not_there_leads_to_the_configuration(canned, to, status):
    canned.say(status, PAGE, Content_Type=HTML)
    unanswered(lambda: to(canned.url).get("/x"), f"is {canned.url}/api the right address?", running=False)


def test_an_address_that_the_api_does_not_know_leads_to_the_configuration(canned, to):
    canned.say(404, b'{"statusCode": 404, "error": "Not Found", "message": "Not Found"}')
    sentence = f"the cloud answers 404: Not Found (is {canned.url}/api the right address?)"
    assert str(failure(lambda: to(canned.url).get("/x"))) == sentence


def test_what_is_secret_in_an_address_is_not_said(canned, to):
    canned.say(404)
    said = str(failure(lambda: to(canned.url.replace("//", "//somebody:s3cret@")).get("/x")))
    assert canned.url in said
    assert "s3cret" not in said


def test_a_refused_credential_names_who_refuses_it(canned, to):
    canned.say(401, b'{"message": "Invalid credentials"}')
    sentence = "the cloud answers 401: Invalid credentials (127.0.0.1 refuses the credential)"
    assert str(failure(lambda: to(canned.url).get("/x"))) == sentence


def test_what_the_cloud_says_is_one_line_without_control_characters(canned, to):
    canned.say(400, b'{"message": "one\\ntwo\\u001b[2J"}')
    assert str(failure(lambda: to(canned.url).get("/x"))).isprintable()


@pytest.mark.parametrize("body", [b'{"message": "later"}', PAGE])
@pytest.mark.parametrize(
    ("status", "running"),
    [
        (202, True), (408, True), (499, True), (502, True), (503, True), (504, True), (520, True), (524, True),
        (529, True), (201, False), (302, False), (402, False), (409, False), (500, False), (501, False), (530, False),
    ],
)  # fmt: skip
def test_only_who_does_not_wait_for_the_cloud_leaves_it_open_whether_it_is_at_work(canned, to, status, running, body):
    canned.say(status, body, Content_Type="application/json" if body != PAGE else HTML)
    found = failure(lambda: to(canned.url).post("/scans", []))
    assert type(found) is NoAnswer
    assert found.running is running


def test_an_error_of_the_cloud_itself_names_the_host(canned, to):
    canned.say(500, b'{"message": "Internal Server Error"}')
    assert str(failure(lambda: to(canned.url).get("/x"))) == "the cloud answers 500: Internal Server Error (127.0.0.1)"
    canned.say(503, PAGE, Content_Type=HTML)
    assert "127.0.0.1 is out of order (503)" in str(failure(lambda: to(canned.url).get("/x")))


# --- what cannot be met here -----------------------------------------------------------------------------------------


def met(kind: type[Exception], root: BaseException) -> Exception:
    """Put an error together as httpx does."""
    error = kind(str(root))
    error.__cause__ = root
    return error


def certificate(code: int, words: str = "") -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "certificate verify failed")
    error.verify_code, error.verify_message = code, words
    return error


UNSENT = [
    (met(httpx.ConnectError, socket.gaierror(socket.EAI_AGAIN, "Temporary failure")), "no name server answers"),
    (met(httpx.ConnectError, socket.gaierror(socket.EAI_NONAME, "Name not known")), "its name is not known here"),
    (met(httpx.ConnectError, OSError(113, "No route to host")), "no way there"),
    (met(httpx.ConnectError, PermissionError(1, "Operation not permitted")), "Operation not permitted"),
    (met(httpx.ConnectError, ConnectionRefusedError(111, "Connection refused")), "connection refused"),
    (met(httpx.ConnectError, ConnectionResetError(104, "Connection reset")), "cut off at once"),
    (met(httpx.ConnectError, ssl.SSLEOFError(8, "EOF occurred in violation of protocol")), "no secure connection"),
    (met(httpx.ConnectTimeout, TimeoutError("timed out")), "no answer in time"),
    (met(httpx.ConnectError, certificate(9)), "this machine's clock says 2019-03-01, which is probably wrong"),
    (met(httpx.ConnectError, certificate(10)), "runs ahead: it says 2019-03-01"),
    (met(httpx.ConnectError, certificate(20)), "of an unknown authority"),
    (met(httpx.ConnectError, certificate(62)), "for another name"),
    (met(httpx.ConnectError, certificate(23, "certificate revoked")), "not accepted: certificate revoked"),
    (httpx.ProxyError("407 Proxy Authentication Required"), "the proxy answers 407 Proxy Authentication Required"),
]
SENT = [
    (met(httpx.ReadError, OSError(113, "No route to host")), "no way there", True),
    (met(httpx.ReadError, ssl.SSLError(1, "[SSL] record layer failure")), "the secure connection broke", True),
    (met(httpx.ReadError, ConnectionResetError(104, "Connection reset")), "cut off (reset)", True),
    (met(httpx.ReadTimeout, TimeoutError("timed out")), "it stays silent", True),
]


@pytest.mark.parametrize(("error", "sentence"), UNSENT)
def test_each_reason_for_nothing_sent_has_a_sentence_that_fits_the_screen(error, sentence):
    found = trouble.failure(error, HOST, PEER, NOW, unsent=False)
    assert type(found) is NotSent
    assert sentence in str(found)
    assert str(found).startswith(f"cannot reach {PEER}: ")
    assert len(str(found)) <= SCREEN


@pytest.mark.parametrize(("error", "sentence", "running"), SENT)
def test_each_reason_for_no_answer_has_a_sentence_that_fits_the_screen(error, sentence, running):
    found = trouble.failure(error, HOST, PEER, NOW, unsent=False)
    assert isinstance(found, NoAnswer)
    assert sentence in str(found)
    assert str(found).startswith(f"no answer from {HOST}: ")
    assert len(str(found)) <= SCREEN
    assert found.running is running


@pytest.mark.parametrize("unsent_", [True, False])
def test_what_takes_too_long_fits_the_screen(unsent_):
    found: Any = trouble.late(HOST, PEER, unsent=unsent_)
    assert isinstance(found, NotSent if unsent_ else NoAnswer)
    assert HOST in str(found)
    assert len(str(found)) <= SCREEN


def test_an_error_that_is_all_foreign_words_is_bounded_and_printable():
    found = trouble.failure(httpx.ConnectError("x\n\x1b" * 1000), HOST, PEER, NOW, unsent=True)
    assert str(found).isprintable()
    assert len(str(found)) <= SCREEN
