import http.client
import json
import socket
import time
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx
import pytest

from kiosk.sandbox import Sandbox


def talk(box, *lines, body=b""):
    """Send raw bytes and return the whole answer until the server closes."""
    with socket.create_connection(("127.0.0.1", box.port), timeout=3) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + body)
        return b"".join(iter(lambda: connection.recv(65_536), b"")).decode()


def flat_error(answer, status):
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    assert answer.json().keys() == {"statusCode", "error", "message"}
    assert answer.json()["statusCode"] == status
    return answer.json()["message"]


@pytest.mark.parametrize(
    "path", ["/", "/api", "/api/scan", "/api/scans/", "/sandbox/", "/sandbox/nothing", "/api/accessusers"]
)
def test_an_unknown_route_is_not_found(http, path):
    assert path in flat_error(http.get(path), 404)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/api/scans", "GET, POST"),
        ("DELETE", "/api/accessusers/me", "GET"),
        ("POST", "/sandbox/health", "GET"),
        ("OPTIONS", "/api/scans", "GET, POST"),
    ],
)
def test_a_wrong_method_is_refused_with_the_right_ones(http, method, path, allowed):
    answer = http.request(method, path)
    flat_error(answer, 405)
    assert answer.headers["Allow"] == allowed


def test_a_head_request_has_no_body_that_would_confuse_the_next(http):
    assert http.head("/api/scans").status_code == 405
    assert http.get("/api/scans").status_code == 200


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/api/scans", {}),
        ("/api/scans", {"Authorization": "Bearer"}),
        ("/api/scans", {"Authorization": "Basic key"}),
        ("/api/scans", {"token": "token"}),
        ("/api/accessusers/me", {}),
        ("/api/accessusers/me", {"token": ""}),
        ("/api/accessusers/me", {"Authorization": "Bearer token"}),
    ],
)
def test_without_its_own_credential_no_host_answers(box, path, headers):
    flat_error(httpx.get(box.url + path, headers=headers), 401)
    assert box.requests()[0]["status"] == 401


def test_a_fixed_credential_is_the_only_one():
    with Sandbox(api_key="right", token="mine") as box:

        def ask(path, **headers):
            return httpx.get(box.url + path, headers=headers).status_code

        assert ask("/api/scans", Authorization="Bearer right") == 200
        assert ask("/api/scans", Authorization="bearer right") == 200
        assert ask("/api/scans", Authorization="Bearer wrong") == 401
        assert ask("/api/accessusers/me", token="mine") == 200
        assert ask("/api/accessusers/me", token="right") == 401
        assert ask("/sandbox/health") == 200


@pytest.mark.parametrize("path", ["/api/scans", "/nowhere", "/sandbox/health"])
def test_every_answer_has_a_true_date(http, path):
    date = parsedate_to_datetime(http.get(path).headers["Date"])
    assert abs(date - datetime.now(UTC)) < timedelta(seconds=2)


def test_the_servers_clock_can_be_wrong(box, http, upload, scan):
    box.clock_offset_s = -86_400
    date = parsedate_to_datetime(upload(scan()).headers["Date"])
    stored = datetime.fromisoformat(box.scans()[0]["createdAt"])
    yesterday = datetime.now(UTC) - timedelta(days=1)
    assert abs(date - yesterday) < timedelta(seconds=2)
    assert abs(stored - yesterday) < timedelta(seconds=2)


def test_a_connection_is_kept_for_the_next_request(box, upload, scan):
    connection = http.client.HTTPConnection("127.0.0.1", box.port, timeout=3)
    connection.connect()
    port = connection.sock.getsockname()[1]
    for _ in range(3):
        connection.request("GET", "/api/scans", headers={"Authorization": "Bearer key"})
        answer = connection.getresponse()
        assert json.loads(answer.read())["docs"] == []
        assert connection.sock.getsockname()[1] == port
    connection.close()


def test_small_answers_are_not_held_back(http):
    http.get("/sandbox/health")
    started = time.monotonic()
    for _ in range(20):
        http.get("/sandbox/health")
    # Nagle's algorithm and delayed acknowledgements together cost 40 ms each.
    assert time.monotonic() - started < 0.6


def test_a_body_of_five_megabytes_is_read_and_a_larger_one_is_not(http, box):
    at_limit = b"[" + b" " * 4_999_998 + b"]"
    flat_error(http.post("/api/scans", content=at_limit), 400)
    flat_error(http.post("/api/scans", content=at_limit + b" "), 413)
    assert http.get("/api/scans").status_code == 200
    assert [each["status"] for each in box.requests()] == [400, 413, 200]


@pytest.mark.parametrize(
    ("header", "status"),
    [("Content-Length: -5", 400), ("Content-Length: ten", 400), ("Transfer-Encoding: chunked", 411)],
)
def test_a_body_of_unknown_length_is_refused(box, header, status):
    answer = talk(box, "POST /api/scans HTTP/1.1", header)
    assert answer.startswith(f"HTTP/1.1 {status} ")
    assert "Connection: close" in answer


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("GARBAGE", 400),
        ("GET /api/scans HTTP/9.9", 505),
        ("BREW /pot HTTP/1.1", 501),
    ],
)
def test_what_is_not_http_is_refused_in_the_same_shape(box, line, status):
    head, _, body = talk(box, line, "Connection: close").partition("\r\n\r\n")
    assert head.startswith(f"HTTP/1.1 {status} ")
    assert json.loads(body)["error"]


def test_a_client_that_says_it_will_close_is_let_go(box):
    answer = talk(box, "GET /sandbox/health HTTP/1.1", "Connection: close")
    assert "Connection: close" in answer
    assert answer.endswith('{"status":"ok"}')


def test_an_old_client_is_let_go(box):
    assert talk(box, "GET /sandbox/health HTTP/1.0").endswith('{"status":"ok"}')


def test_a_client_that_waits_for_permission_gets_it(box, scan):
    body = json.dumps([scan()]).encode()
    with socket.create_connection(("127.0.0.1", box.port), timeout=3) as connection:
        head = [
            "POST /api/scans HTTP/1.1",
            "Authorization: Bearer k",
            f"Content-Length: {len(body)}",
            "Expect: 100-continue",
        ]
        connection.sendall("\r\n".join([*head, "", ""]).encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 100 ")
        connection.sendall(body)
        assert connection.recv(100).startswith(b"HTTP/1.1 200 ")


def test_clients_that_leave_at_any_moment_make_no_noise(box, http, scan, capfd):
    body = json.dumps([scan()])
    request = (
        f"POST /api/scans HTTP/1.1\r\nAuthorization: Bearer k\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
    )
    box.arm("slow_reply", None, seconds=0.05)
    for end in (0, 10, 60, len(request) - 5, len(request)):
        for reset in (b"\x00" * 8, b"\x01" + b"\x00" * 7):
            with socket.create_connection(("127.0.0.1", box.port)) as connection:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
                connection.sendall(request[:end])
    assert http.get("/sandbox/health").status_code == 200
    box.stop()
    assert capfd.readouterr() == ("", "")


def test_a_defect_of_the_server_is_shown_and_ends_one_connection_only(box, http, monkeypatch, capfd):
    monkeypatch.setattr(box, "_cloud", None)
    monkeypatch.setattr(box._listener, "cloud", None)
    with pytest.raises(httpx.TransportError):
        http.get("/api/scans")
    box._listener.closing.wait(0.05)
    assert "AttributeError" in capfd.readouterr().err
