"""Requests out, JSON or an error that says what may have arrived; on the sandbox, or on a server of canned answers."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import socket
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from kiosk import clock
from kiosk.cloud import line
from kiosk.cloud.line import Line, bearer, token
from kiosk.errors import CloudError, Misaddressed, NoAnswer, NotSent, Rejected, TooLarge, TooMany, Unauthorized

FLAT = b'{"statusCode": 400, "error": "Bad Request", "message": "barcode must be a string"}'
DATE = "Wed, 23 Jan 2030 23:00:00 GMT"


def failure(ask: Callable[[], object]) -> CloudError:
    with pytest.raises(CloudError) as caught:
        ask()
    return caught.value


# --- what an answer means --------------------------------------------------------------------------------------------


def test_a_json_answer_with_200_comes_back_with_the_clouds_own_time(canned, to):
    canned.say(200, b'{"docs": [], "total": 0}', Date=DATE)
    reply = to(canned.url).get("/scans", top=5)
    assert reply == line.Reply({"docs": [], "total": 0}, datetime(2030, 1, 23, 23, tzinfo=UTC))
    assert canned.asked[0][:2] == ("GET", "/api/scans?top=5")


def test_a_leap_second_is_the_second_before_it(canned, to):
    canned.say(200, Date="Sun, 31 Dec 2028 23:59:60 GMT")
    assert str(to(canned.url).get("/x").date) == "2028-12-31 23:59:59+00:00"


@pytest.mark.parametrize(("status", "tells"), [(200, True), (400, True), (401, True), (404, True), (500, False)])
def test_what_time_the_cloud_has_is_told_with_each_answer_of_its_own(canned, to, status, tells):
    canned.say(status, Date=DATE)
    told, made = [], to(canned.url)
    made.heard = lambda date, now: told.append((date, now.boot_id))
    with contextlib.suppress(CloudError):
        made.get("/x")
    assert told == ([(datetime(2030, 1, 23, 23, tzinfo=UTC), clock.boot_id())] if tells else [])


def test_what_time_a_log_in_page_has_is_told_to_nobody(canned, to):
    canned.say(200, b"<html>", Content_Type="text/html", Date=DATE)
    told, made = [], to(canned.url)
    made.heard = lambda date, now: told.append(date)
    with pytest.raises(CloudError):
        made.get("/x")
    assert told == []


@pytest.mark.parametrize("date", [None, "", "soon", "Wed, 99 Jan 2030 23:00:00 GMT"])
def test_an_answer_without_a_readable_date_is_an_answer_without_a_date(canned, to, date):
    canned.say(200, Date=date)
    assert to(canned.url).get("/x").date is None


@pytest.mark.parametrize(
    "date", ["Wed, 23 Jan 2030 23:00:00 -0000", "Thu, 24 Jan 2030 01:00:00 +0200", "Wed, 23 Jan 2030 23:00:00"]
)
def test_a_date_is_utc_however_the_cloud_writes_its_zone(canned, to, date):
    canned.say(200, Date=date)
    assert str(to(canned.url).get("/x").date) == "2030-01-23 23:00:00+00:00"


def test_what_is_posted_goes_out_as_json(canned, to):
    to(canned.url).post("/scans", [{"barcode": "ÄÖ"}])
    method, path, headers, body = canned.asked[0]
    assert (method, path, headers["Content-Type"]) == ("POST", "/api/scans", "application/json")
    assert json.loads(body) == [{"barcode": "ÄÖ"}]


@pytest.mark.parametrize(
    ("status", "meaning"),
    [
        (400, Rejected), (422, Rejected), (413, TooLarge), (401, Unauthorized), (403, Unauthorized),
        (404, Misaddressed), (405, Misaddressed), (429, TooMany),
        (201, NoAnswer), (202, NoAnswer), (206, NoAnswer), (301, NoAnswer), (302, NoAnswer), (304, NoAnswer),
        (307, NoAnswer), (402, NoAnswer), (407, NoAnswer), (408, NoAnswer), (409, NoAnswer), (410, NoAnswer),
        (500, NoAnswer), (501, NoAnswer), (502, NoAnswer), (503, NoAnswer), (504, NoAnswer), (599, NoAnswer),
    ],
)  # fmt: skip
def test_each_status_of_the_api_itself_has_its_meaning(canned, to, status, meaning):
    canned.say(status, b"" if status == 304 else FLAT)
    assert type(failure(lambda: to(canned.url).post("/scans", []))) is meaning


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422, 500, 200, 302])
@pytest.mark.parametrize("kind", ["text/html", None, "", "application/problem+json", "text/json", "application/jsonx"])
def test_the_same_status_without_the_apis_json_comes_from_somebody_in_between(canned, to, status, kind):
    canned.say(status, FLAT, Content_Type=kind)
    found = failure(lambda: to(canned.url).post("/scans", []))
    assert type(found) is NoAnswer
    assert str(status) in str(found)


@pytest.mark.parametrize(("status", "meaning"), [(413, TooLarge), (429, TooMany)])
def test_too_large_and_too_often_may_be_said_by_a_web_server_in_front_of_the_api(canned, to, status, meaning):
    canned.say(status, b"<html>nginx</html>", Content_Type="text/html")
    assert type(failure(lambda: to(canned.url).post("/scans", []))) is meaning


@pytest.mark.parametrize("kind", ["application/json", "APPLICATION/JSON", "application/json ;charset=utf-8"])
def test_a_content_type_is_read_as_http_means_it(canned, to, kind):
    canned.say(200, b"[1]", Content_Type=kind)
    assert to(canned.url).get("/x").body == [1]


@pytest.mark.parametrize("body", [b"", b'{"docs": [{"_id"', b"<html>", b"\xff\xfe{}", b"[" * 100_000, b"9" * 10_000])
@pytest.mark.parametrize("status", [200, 400, 401])
def test_json_that_is_cut_or_broken_is_no_answer_whatever_its_status(canned, to, status, body):
    canned.say(status, body)
    assert type(failure(lambda: to(canned.url).get("/x"))) is NoAnswer


def test_the_clouds_own_words_are_passed_on_in_bounds(canned, to):
    canned.say(400, FLAT)
    assert "400: barcode must be a string" in str(failure(lambda: to(canned.url).get("/x")))
    canned.say(400, b'{"message": "%s"}' % (b"x" * 100_000))
    assert len(str(failure(lambda: to(canned.url).get("/x")))) < 400
    canned.say(400, b'{"error": "Bad Request"}')
    assert "Bad Request" in str(failure(lambda: to(canned.url).get("/x")))
    canned.say(400, b'["not an object"]')
    assert "400" in str(failure(lambda: to(canned.url).get("/x")))


def test_an_answer_packed_in_a_broken_way_is_no_answer(canned, to):
    canned.say(200, b"this is no gzip", Content_Encoding="gzip")
    assert type(failure(lambda: to(canned.url).get("/x"))) is NoAnswer


# --- the sandbox's faults --------------------------------------------------------------------------------------------

ME = "/accessusers/me"


@pytest.mark.parametrize(
    ("fault", "meaning"),
    [
        ("unauthorized", Unauthorized), ("forbidden", Unauthorized),
        ("error_before", NoAnswer), ("not_found_html", NoAnswer), ("captive_html", NoAnswer),
        ("captive_meta", NoAnswer), ("captive_204", NoAnswer), ("captive_redirect", NoAnswer),
        ("wrong_type", NoAnswer), ("cut_json", NoAnswer), ("half_reply", NoAnswer), ("offline", NoAnswer),
        ("lost_reply", NoAnswer), ("error_after", NoAnswer),
    ],
)  # fmt: skip
def test_every_fault_of_the_way_has_its_meaning_and_the_next_request_is_none_the_worse(cloud, to, fault, meaning):
    cloud.arm(fault, 1, route="GET /api")
    drawn = to(cloud.url)
    assert type(failure(lambda: drawn.get(ME))) is meaning
    assert drawn.get(ME).body["name"] == "Sandbox gate"


def test_an_address_that_the_api_does_not_have_is_a_matter_of_configuration(cloud, to):
    assert type(failure(lambda: to(cloud.url).get("/nothing"))) is Misaddressed
    assert type(failure(lambda: to(cloud.url).post(ME, []))) is Misaddressed


def test_nothing_was_sent_when_nobody_listens(to):
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        found = failure(lambda: to(url).post("/scans", []))
    assert type(found) is NotSent
    assert "127.0.0.1" in str(found)


def test_nothing_was_sent_when_the_name_is_not_known(to):
    assert type(failure(lambda: to("http://kiosk.invalid").post("/scans", []))) is NotSent


def test_nothing_was_sent_when_the_other_side_cannot_prove_who_it_is(cloud, to):
    assert type(failure(lambda: to(cloud.url.replace("http:", "https:")).post("/scans", []))) is NotSent
    assert cloud.requests() == []


def test_silence_is_no_answer_after_a_while(cloud, to, monkeypatch):
    monkeypatch.setattr(line, "TIMEOUT", httpx.Timeout(0.2))
    cloud.arm("black_hole", None)
    assert type(failure(lambda: to(cloud.url).post("/scans", []))) is NoAnswer


def test_silence_is_noticed_within_ten_seconds_and_a_connection_within_three():
    assert line.TIMEOUT.as_dict() == {"connect": 3.0, "read": 10.0, "write": 10.0, "pool": 10.0}


@pytest.mark.parametrize("head", [0, 1])
def test_an_answer_that_dribbles_in_is_given_up_as_a_whole_not_only_byte_by_byte(cloud, to, monkeypatch, head):
    """The settings have about 800 bytes: at this speed they take minutes, and no single wait is longer than 0.1 s."""
    monkeypatch.setattr(line, "PATIENCE_S", 0.5)
    cloud.arm("dribble", None, seconds=0.1, head=head)
    given_up: queue.SimpleQueue[Exception] = queue.SimpleQueue()
    drawn = to(cloud.url)

    def ask() -> None:
        try:
            drawn.get(ME)
        except CloudError as error:
            given_up.put(error)

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(3.0)
    late = asking.is_alive()
    cloud.stop()  # ends a wait that nobody else ends
    asking.join(10)
    assert not late, "still waiting for the rest of the answer"
    assert isinstance(given_up.get(), NoAnswer)


def test_a_request_that_was_given_up_before_it_was_sent_is_never_sent_afterwards(cloud, to, monkeypatch, eventually):
    """Sent behind our back, after the cloud was asked what it has, it would double every scan in it."""
    monkeypatch.setattr(line, "PATIENCE_S", 0.2)
    resolve, asked, resolved = socket.getaddrinfo, threading.Event(), threading.Event()

    def slowly(*arguments: Any, **options: Any) -> Any:
        asked.wait(10)
        try:
            return resolve(*arguments, **options)
        finally:
            resolved.set()

    monkeypatch.setattr(socket, "getaddrinfo", slowly)
    scan = dict.fromkeys(("ticketId", "eventId", "barcode", "ticketTypeId"), "CODE00001")
    drawn = to(cloud.url)
    failure(lambda: drawn.post("/scans", [scan | {"type": "checkin", "scanResult": "approved"}]))
    asked.set()  # the name server answers at last
    assert resolved.wait(5)
    eventually("nobody is on the line any more", lambda: not [t for t in threading.enumerate() if t.name == "line"])
    assert cloud.scans() == []
    assert drawn.get(ME).body["name"] == "Sandbox gate"  # the line itself is none the worse


# --- being asked to wait ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "wait_s"),
    [
        ("7", 7.0), ("0", 0.0), (None, None), ("", None), ("soon", None), ("-5", None), ("1.5", None), ("1e3", None),
        ("5, 6", None), ("²", None),
    ],
)  # fmt: skip
def test_a_wish_in_seconds_is_passed_on_and_junk_is_no_wish(canned, to, asked, wait_s):
    canned.say(429, Retry_After=asked)
    assert failure(lambda: to(canned.url).get("/x")).wait_s == wait_s


def test_a_wish_for_ever_is_a_finite_number(canned, to):
    canned.say(429, Retry_After="9" * 1000)
    assert 10**6 < failure(lambda: to(canned.url).get("/x")).wait_s < 10**12


@pytest.mark.parametrize("years_off", [-7, 0, 7])
def test_a_wish_as_a_date_is_measured_against_the_answers_own_date(cloud, to, years_off):
    cloud.clock_offset_s = years_off * 365 * 86_400.0
    cloud.arm("rate_limited", 1, retry_after="date", seconds=90)
    assert failure(lambda: to(cloud.url).get(ME)).wait_s == pytest.approx(90, abs=1)


@pytest.mark.parametrize("asked", ["none", "junk", "negative"])
def test_a_429_without_a_readable_wish_leaves_the_wait_to_us(cloud, to, asked):
    cloud.arm("rate_limited", 1, retry_after=asked)
    found = failure(lambda: to(cloud.url).get(ME))
    assert (type(found), found.wait_s) == (TooMany, None)


def test_a_date_to_wait_for_says_nothing_where_the_answer_has_no_date_of_its_own(canned, to):
    canned.say(429, Retry_After=DATE)
    assert failure(lambda: to(canned.url).get("/x")).wait_s is None


@pytest.mark.parametrize(
    "asked",
    [
        "Wed, 23 Jan 2030 23:01:30 -0000",
        "Wed, 23 Jan 2030 23:01:30",
        "Mon, 1 Jan 99999999999 00:00:00 GMT",
        "1 Jan 2030 00:00:00 +99999999999999999999",
    ],
)
def test_a_strange_date_to_wait_for_is_read_or_left_alone_never_a_crash(canned, to, asked):
    canned.say(429, Retry_After=asked, Date=DATE)
    assert failure(lambda: to(canned.url).get("/x")).wait_s in (90.0, None)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    status=st.sampled_from([200, 302, 400, 401, 404, 429, 500]),
    wish=st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\x7f"), max_size=40),
    date=st.one_of(st.just(DATE), st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40)),
    body=st.binary(max_size=40),
)
@example(429, "Wed, 23 Jan 2030 23:01:30 -0000", DATE, b"{}")
@example(429, "31 Dec 9999 23:59:59 -2300", DATE, b"{}")
@example(200, "", "1 Jan 99999999999 00:00:00 GMT", b"{}")
def test_no_answer_however_strange_raises_anything_but_the_kiosks_own_errors(canned, to, status, wish, date, body):
    canned.say(status, body, Retry_After=wish, Date=date)
    with contextlib.suppress(CloudError):
        assert to(canned.url).get("/x").date is None or status == 200


# --- nobody in between -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_never_followed(cloud, canned, to, status):
    canned.say(status, Location=f"{cloud.url}/api{ME}")
    assert type(failure(lambda: to(canned.url).get(ME))) is NoAnswer
    assert cloud.requests() == []
    assert len(canned.asked) == 1


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
def test_the_environments_proxies_are_never_used(cloud, canned, to, monkeypatch, name):
    monkeypatch.setenv(name, canned.url)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    assert to(cloud.url).get(ME).body["name"] == "Sandbox gate"
    assert canned.asked == []


def test_the_credentials_of_a_netrc_file_are_never_used(canned, to, monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n", encoding="ascii")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    to(canned.url).get("/x")
    assert canned.asked[0][2]["Authorization"] == "Bearer first"


# --- credentials -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "header", "value"), [(bearer, "Authorization", "Bearer first"), (token, "token", "first")]
)
def test_each_host_gets_its_own_credential_in_its_own_header(canned, secret, make, header, value):
    drawn = Line(canned.url, make(secret))
    drawn.get("/x")
    drawn.close()
    assert canned.asked[0][2][header] == value


def test_the_credential_is_read_anew_for_each_request(canned, to, secret):
    drawn = to(canned.url)
    for key in ("first", "second"):
        secret.write_text(f"{key}\r\n\n", encoding="ascii")
        drawn.get("/x")
        assert canned.asked[-1][2]["Authorization"] == f"Bearer {key}"


def test_the_credential_that_systemd_hands_over_wins(canned, to, secret, tmp_path, monkeypatch):
    handed = tmp_path / "handed"
    handed.mkdir()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(handed))
    drawn = to(canned.url)
    drawn.get("/x")
    assert canned.asked[-1][2]["Authorization"] == "Bearer first"  # it has none of that name
    (handed / secret.name).write_text("handed\n", encoding="ascii")
    drawn.get("/x")
    assert canned.asked[-1][2]["Authorization"] == "Bearer handed"


@pytest.mark.parametrize("content", [b"", b" \r\n", b"\xef\xbb\xbfkey", "schlüssel".encode(), b"two\nlines", b"a\0b"])
@pytest.mark.parametrize(("make", "key"), [(bearer, "cloud.api_key_file"), (token, "cloud.token_file")])
def test_a_credential_that_is_empty_or_no_line_of_text_is_said_and_nothing_is_sent(canned, secret, content, make, key):
    secret.write_bytes(content)
    drawn = Line(canned.url, make(secret))
    found = failure(lambda: drawn.post("/scans", []))
    drawn.close()
    assert type(found) is Unauthorized
    assert key in str(found)
    assert str(secret) in str(found)
    assert canned.asked == []


@pytest.mark.parametrize("broken", [os.remove, lambda path: (os.remove(path), os.mkdir(path))])  # noqa: PTH107, PTH102
def test_a_credential_that_is_not_there_is_said_and_nothing_is_sent(canned, to, secret, broken):
    broken(secret)
    found = failure(lambda: to(canned.url).get("/x"))
    assert type(found) is Unauthorized
    assert str(secret) in str(found)
    assert canned.asked == []


def test_a_credential_is_never_part_of_an_error(cloud, to, secret):
    secret.write_text("s3cr3t\n", encoding="ascii")
    for fault in ("unauthorized", "offline", "captive_html"):
        cloud.arm(fault, 1)
        assert "s3cr3t" not in str(failure(lambda: to(cloud.url).get(ME)))
