import socket
import time
from email.utils import parsedate_to_datetime

import httpx
import pytest


def ask(http):
    return http.get("/api/accessusers/me")


def logged(box):
    return [each["status"] for each in box.requests()]


def test_offline_resets_every_connection_and_does_nothing(box, http, upload, scan):
    box.arm("offline", 2)
    with pytest.raises(httpx.TransportError):
        upload(scan())
    with pytest.raises(httpx.TransportError):
        ask(http)
    assert box.scans() == []
    assert ask(http).status_code == 200
    assert logged(box) == [None, None, 200]


def test_offline_is_an_error_of_the_connection_not_its_orderly_end(box):
    box.arm("offline")
    with socket.create_connection(("127.0.0.1", box.port), timeout=2) as connection:
        connection.sendall(b"GET /api/scans HTTP/1.1\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            connection.recv(1)


def test_a_lost_reply_is_stored_all_the_same(box, upload, scan):
    box.arm("lost_reply")
    with pytest.raises(httpx.RemoteProtocolError, match="without sending a response"):
        upload(scan())
    assert len(box.scans()) == 1
    assert logged(box) == [None]


def test_a_slow_reply_is_stored_at_once_and_answered_late(box, http, upload, scan):
    box.arm("slow_reply", seconds=0.3)
    started = time.monotonic()
    assert upload(scan()).status_code == 200
    assert time.monotonic() - started >= 0.3
    box.arm("slow_reply", seconds=30)
    with pytest.raises(httpx.ReadTimeout):
        http.post("/api/scans", json=[scan()], timeout=0.2)
    assert len(box.scans()) == 2


def test_a_black_hole_never_answers_and_does_nothing(box, http, scan):
    box.arm("black_hole")
    with pytest.raises(httpx.ReadTimeout):
        http.post("/api/scans", json=[scan()], timeout=0.2)
    assert box.scans() == []
    assert logged(box) == [None]


@pytest.mark.parametrize("head", [0, 1])
def test_a_dribbled_reply_comes_byte_by_byte(box, http, head):
    box.arm("dribble", seconds=0.002, head=head)
    started = time.monotonic()
    answer = http.get("/api/accessusers/events")
    assert time.monotonic() - started >= 0.002 * (len(answer.content) + 100 * head)
    assert answer.json()[0]["name"] == "Summer Night"


def test_a_dribbled_head_keeps_the_client_from_seeing_even_the_status(box):
    box.arm("dribble", seconds=0.05, head=1)
    with socket.create_connection(("127.0.0.1", box.port), timeout=2) as connection:
        connection.sendall(b"GET /api/scans HTTP/1.1\r\n\r\n")
        assert connection.recv(100) == b"H"


def test_half_a_reply_breaks_off(box, http):
    box.arm("half_reply")
    with pytest.raises(httpx.RemoteProtocolError, match="without sending complete message body"):
        ask(http)
    assert ask(http).status_code == 200


def test_cut_json_looks_complete(box, http):
    whole = ask(http).content
    box.arm("cut_json", share=0.25)
    cut = ask(http)
    assert cut.status_code == 200
    assert cut.content == whole[: len(whole) // 4]
    with pytest.raises(ValueError, match=r"Unterminated|Expecting"):
        cut.json()


def test_the_right_answer_can_be_labelled_wrongly(box, http):
    box.arm("wrong_type")
    answer = ask(http)
    assert answer.headers["Content-Type"].startswith("text/html")
    assert answer.json()["name"]


@pytest.mark.parametrize(
    ("fault", "status", "label"),
    [
        ("captive_html", 200, "text/html; charset=utf-8"),
        ("captive_meta", 200, "application/json; charset=utf-8"),
        ("captive_204", 204, None),
        ("captive_redirect", 302, None),
        ("not_found_html", 404, "text/html; charset=utf-8"),
    ],
)
def test_a_stranger_answers_in_the_clouds_place(box, upload, scan, fault, status, label):
    box.arm(fault)
    answer = upload(scan())
    assert (answer.status_code, answer.headers.get("Content-Type")) == (status, label)
    assert b"html" in answer.content or not answer.content
    assert box.scans() == []
    assert logged(box) == [status]


def test_a_redirect_leads_to_another_host(box, http):
    box.arm("captive_redirect", location="http://portal.example/x")
    assert ask(http).headers["Location"] == "http://portal.example/x"


@pytest.mark.parametrize(
    ("fault", "status", "error"),
    [
        ("unauthorized", 401, "Unauthorized"),
        ("forbidden", 403, "Forbidden"),
        ("error_before", 503, "Service Unavailable"),
    ],
)
def test_a_refusal_is_flat_json_and_nothing_is_done(box, upload, scan, fault, status, error):
    box.arm(fault)
    answer = upload(scan())
    assert answer.status_code == status
    assert answer.json().keys() == {"statusCode", "error", "message"}
    assert (answer.json()["statusCode"], answer.json()["error"]) == (status, error)
    assert box.scans() == []


def test_an_error_before_storing_has_the_status_asked_for(box, upload, scan):
    box.arm("error_before", status=500)
    assert upload(scan()).status_code == 500
    assert box.scans() == []


def test_an_error_after_storing_has_the_status_asked_for(box, upload, scan):
    box.arm("error_after", status=504)
    assert upload(scan()).status_code == 504
    assert len(box.scans()) == 1


@pytest.mark.parametrize(
    ("retry_after", "header"), [(7, "7"), ("2.5", "2.5"), ("junk", "soon"), ("negative", "-5"), ("none", None)]
)
def test_too_many_requests_say_when_to_come_again(box, http, retry_after, header):
    box.arm("rate_limited", retry_after=retry_after)
    answer = ask(http)
    assert (answer.status_code, answer.headers.get("Retry-After")) == (429, header)
    assert answer.json()["statusCode"] == 429


def test_when_to_come_again_can_be_a_date_by_the_servers_clock(box, http):
    box.clock_offset_s = 3600
    box.arm("rate_limited", retry_after="date", seconds=30)
    headers = ask(http).headers
    wait = parsedate_to_datetime(headers["Retry-After"]) - parsedate_to_datetime(headers["Date"])
    assert 29 <= wait.total_seconds() <= 31


def test_one_bad_scan_has_its_whole_batch_refused_until_disarmed(box, upload, scan):
    box.arm("refuse_scan", barcode="BAD000000001")
    for _ in range(2):
        refused = upload(scan(), scan(barcode="BAD000000001"))
        assert refused.status_code == 400
        assert refused.json()["message"].startswith("[1]")
    assert upload(scan()).status_code == 200
    assert [each["barcode"] for each in box.scans()] == ["BARCODE00001"]


def test_faults_that_look_into_a_batch_leave_rubbish_to_the_service(box, http):
    box.arm("too_large", limit=0)
    box.arm("refuse_scan", barcode="BAD000000001")
    for rubbish in (b"[", b"{}", b"[7, null]"):
        answer = http.post("/api/scans", content=rubbish)
        assert answer.status_code == 400
        assert "constraint" not in answer.json()["message"]


def test_a_batch_beyond_the_limit_is_too_large(box, upload, scan):
    box.arm("too_large", limit=2)
    assert upload(scan(), scan(), scan()).status_code == 413
    assert upload(scan(), scan()).status_code == 200
    assert len(box.scans()) == 2
