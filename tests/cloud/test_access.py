"""The access-control API: settings, events, pages of tickets, against the sandbox cloud."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

import pytest

from kiosk.cloud import access
from kiosk.cloud.access import Access
from kiosk.cloud.line import Line
from kiosk.errors import NoAnswer, Rejected, TooMany, Unauthorized

EVENT_ID = "62a1c0ffee0000000000e001"
ME, EVENTS, TICKETS = "GET /api/accessusers/me", "GET /api/accessusers/events", "GET /api/accessusers/tickets/v2/"


@pytest.fixture
def api(cloud) -> Iterator[Access]:
    line = Line(f"{cloud.url}/api", lambda: {"token": "token"})
    yield Access(line)
    line.close()


def test_the_settings_come_as_the_cloud_said_them(api, cloud):
    body = api.settings().body
    assert body["deviceSettings"]["scanConfig"]["events"][0]["eventId"] == EVENT_ID
    assert body["deviceSettings"]["colorSettings"]["declined"] == "red"  # what we do not use is kept all the same


@pytest.mark.parametrize(
    "answer",
    [
        [], None, "settings", 7,
        {"_id": "me", "deviceSettings": []}, {"_id": "me", "deviceSettings": {"scanConfig": {"events": [{}]}}},
        {"_id": "me", "accessControlSettings": {"includeDetailsRequiredTickets": "perhaps"}},
    ],
)  # fmt: skip
def test_settings_that_cannot_be_read_are_no_answer(api, cloud, answer):
    cloud.arm("answer_other", 1, route=ME, answer=answer)
    with pytest.raises(NoAnswer, match="settings"):
        api.settings()


@pytest.mark.parametrize("answer", [{}, {"ok": True}, {"status": "login required"}, {"docs": [], "total": 0}])
def test_an_object_that_is_nobodys_settings_is_no_answer(api, cloud, answer):
    """Taken for settings it would select no event, and close the gate."""
    cloud.arm("answer_other", 1, route=ME, answer=answer)
    with pytest.raises(NoAnswer):
        api.settings()


def test_settings_with_fields_that_no_version_knows_are_settings(api, cloud):
    cloud.arm("unknown_fields", 1, route=ME)
    assert api.settings().body["futureField"]


def test_the_names_of_the_events_come_by_their_ids(api, cloud):
    cloud.add_event("e2", "Gala")
    cloud.arm("unknown_fields", 1, route=EVENTS)
    assert api.events() == {EVENT_ID: "Summer Night", "e2": "Gala"}


@pytest.mark.parametrize("answer", [{}, None, {"docs": []}, [{"name": "without an id"}], ["fest"]])
def test_what_is_no_list_of_events_is_no_answer(api, cloud, answer):
    cloud.arm("answer_other", 1, route=EVENTS, answer=answer)
    with pytest.raises(NoAnswer, match="events"):
        api.events()


def test_a_page_of_tickets_comes_with_its_rows_the_total_and_the_clouds_own_time(api, cloud):
    cloud.clock_offset_s = -400 * 86_400.0
    page = api.tickets(EVENT_ID, skip=50, since=None, until=None)
    assert (len(page.rows), page.total) == (10, 60)
    assert page.date is not None
    assert abs(datetime.now(UTC) - timedelta(days=400) - page.date) < timedelta(seconds=5)
    assert parse_qs(cloud.requests()[-1]["query"]) == {"top": ["1000"], "skip": ["50"]}


def test_as_many_tickets_as_the_api_allows_are_asked_for_at_once():
    assert access.PAGE == 1000


def test_a_window_is_sent_with_both_its_ends(api, cloud):
    since, until = "2020-01-01T00:00:00.000Z", "2020-02-01T00:00:00.000Z"
    assert api.tickets(EVENT_ID, skip=0, since=since, until=until).total == 0
    query = parse_qs(cloud.requests()[-1]["query"])
    assert (query["from"], query["until"]) == ([since], [until])


@pytest.mark.parametrize("event_id", ["a/b", "../me", "x?y=1", "ä#1", "100%"])
def test_an_events_id_never_becomes_another_address(api, cloud, event_id):
    cloud.add_tickets([{"_id": "t", "barcode": "CODE00001", "eventId": event_id}])
    assert [row["_id"] for row in api.tickets(event_id, skip=0, since=None, until=None).rows] == ["t"]


@pytest.mark.parametrize("answer", [[], {}, {"docs": 5, "total": 5}, {"docs": [], "total": "many"}, {"total": 5}, None])
def test_what_is_no_page_of_tickets_is_no_answer(api, cloud, answer):
    cloud.arm("answer_other", 1, route=TICKETS, answer=answer)
    with pytest.raises(NoAnswer, match="page"):
        api.tickets(EVENT_ID, skip=0, since=None, until=None)


def test_rows_that_nobody_can_read_come_along_for_whoever_counts_them(api, cloud):
    cloud.arm("bad_row", 1, row={"_id": None})
    assert api.tickets(EVENT_ID, skip=0, since=None, until=None).rows[0] == {"_id": None}


# --- one ticket ------------------------------------------------------------------------------------------------------

ONE = "GET /api/accessusers/tickets/"
ROW = {"_id": "t", "barcode": "CODE00001", "eventId": EVENT_ID, "ticketTypeId": "standing"}


def test_one_ticket_comes_by_its_code_and_its_event(api, cloud):
    cloud.add_tickets([ROW | {"name": "Ada", "status": "INVALID", "slotStartTime": "soon"}])
    found = api.ticket("CODE00001", EVENT_ID)
    assert (found.ticket.id, found.ticket.name, found.ticket.status) == ("t", "Ada", "INVALID")
    assert (found.unread, found.updated is not None) == ("slotStartTime", True)
    assert parse_qs(cloud.requests()[-1]["query"]) == {"eventId": [EVENT_ID]}


def test_without_an_event_one_of_any_event_comes(api, cloud):
    cloud.add_tickets([ROW | {"eventId": "gala"}])
    assert api.ticket("CODE00001", EVENT_ID) is None
    assert api.ticket("CODE00001", None).ticket.event_id == "gala"
    assert cloud.requests()[-1]["query"] == ""


def test_the_apis_own_word_that_there_is_no_such_ticket_is_an_answer(api, cloud):
    assert api.ticket("NOSUCHCODE", EVENT_ID) is None
    assert cloud.requests()[-1]["status"] == 404


@pytest.mark.parametrize("fault", ["not_found_html", "captive_html", "captive_204", "captive_redirect", "cut_json"])
def test_somebody_elses_word_is_none(api, cloud, fault):
    cloud.add_tickets([ROW])
    cloud.arm(fault, 1, route=ONE)
    with pytest.raises(NoAnswer):
        api.ticket("CODE00001", EVENT_ID)


def test_a_cloud_that_wants_to_be_left_alone_is_no_answer_either(api, cloud):
    cloud.arm("rate_limited", 1, route=ONE, retry_after="7")
    with pytest.raises(TooMany) as raised:
        api.ticket("CODE00001", EVENT_ID)
    assert raised.value.wait_s == 7


@pytest.mark.parametrize(
    "answer",
    [{}, [], None, "ticket", 7, [ROW], {"docs": [ROW], "total": 1}, ROW | {"_id": None}, {"barcode": "CODE00001"}],
)
def test_what_is_no_ticket_is_no_answer(api, cloud, answer):
    cloud.add_tickets([ROW])
    cloud.arm("answer_other", 1, route=ONE, answer=answer)
    with pytest.raises(NoAnswer, match="not a ticket"):
        api.ticket("CODE00001", EVENT_ID)


@pytest.mark.parametrize("barcode", ["code00001", "CODE00001 ", "CODE000012"])
def test_a_ticket_with_another_code_is_not_the_one_that_was_asked_for(api, cloud, barcode):
    cloud.arm("answer_other", 1, route=ONE, answer=ROW)
    cloud.add_tickets([ROW | {"_id": "u", "barcode": barcode}])
    assert api.ticket(barcode, EVENT_ID) is None


@pytest.mark.parametrize(
    "barcode", ["a?b=c&d#e", "100%25%2F%00", "../../../me", "Zoë 李 €€", "v2/e1/../x", "a b+c:d@e;"]
)
def test_a_code_never_becomes_another_address(api, cloud, barcode):
    cloud.add_tickets([ROW | {"barcode": barcode}])
    assert api.ticket(barcode, EVENT_ID).ticket.barcode == barcode
    assert api.ticket(barcode, "another?event&id=1") is None


def test_a_refused_token_is_said(cloud):
    line = Line(f"{cloud.url}/api", lambda: {"token": ""})
    with pytest.raises(Unauthorized):
        Access(line).settings()
    line.close()


# --- reports ---------------------------------------------------------------------------------------------------------

REPORT = "POST /api/accessusers/scans/"
SEEN = {"barcode": "NOBODYKNOWS", "scanned_at": "2030-01-23T18:00:00.000Z", "type": "FAIL", "direction": "IN"}


def test_reports_go_to_their_event_as_they_are_and_all_at_once(api, cloud):
    api.report(EVENT_ID, [SEEN, SEEN | {"direction": "OUT"}])
    assert [
        {name: row[name] for name in row if name not in {"_id", "createdAt", "updatedAt"}} for row in cloud.reports()
    ] == [{"eventId": EVENT_ID, **SEEN}, {"eventId": EVENT_ID, **SEEN, "direction": "OUT"}]
    assert len(cloud.requests()) == 1


@pytest.mark.parametrize("event_id", ["a/b", "../me", "x?y=1", "ä#1"])
def test_an_event_that_is_reported_to_never_becomes_another_address(api, cloud, event_id):
    api.report(event_id, [SEEN])
    assert cloud.reports()[0]["eventId"] == event_id


@pytest.mark.parametrize("answer", [{}, {"status": "ok"}, {"status": True}, {"ok": True}, ["OK"], "OK", None, [SEEN]])
def test_only_the_apis_own_ok_confirms_a_report_and_whatever_else_it_says_the_request_is_over(api, cloud, answer):
    cloud.arm("answer_other", 1, route=REPORT, answer=answer)
    with pytest.raises(NoAnswer) as raised:
        api.report(EVENT_ID, [SEEN])
    assert raised.value.running is False


def test_a_report_that_is_refused_says_so(api, cloud):
    with pytest.raises(Rejected):
        api.report(EVENT_ID, [SEEN | {"barcode": "SHORT"}])
    assert cloud.reports() == []


def test_the_wait_before_the_next_request_is_that_of_the_line(api, cloud):
    assert api.wait_s() == 0.0
    cloud.arm("rate_limited", 1, route=REPORT, retry_after="7")
    with pytest.raises(TooMany):
        api.report(EVENT_ID, [SEEN])
    assert 5.0 < api.wait_s() <= 7.0
