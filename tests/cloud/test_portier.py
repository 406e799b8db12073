"""The scans service: handing in and reading back, against the sandbox cloud."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs

import pytest

from kiosk.cloud import portier
from kiosk.cloud.line import Line
from kiosk.cloud.portier import Portier, ScanPage, wire
from kiosk.errors import NoAnswer, Rejected, TooLarge
from kiosk.model import Parcel

AT = datetime(2030, 1, 23, 23, 0, 0, 123_000, tzinfo=UTC)
FULL = ("series", "standing", "Standing", "Ada", "seller")


def scan(seq: int, *rest: str, event: str = "fest") -> Parcel:
    at = AT + timedelta(seconds=seq)
    code, names = f"CODE{seq:05}", rest or (None, "standing")
    return Parcel(seq, at, "gate-1", code, "checkin", "approved", f"t-{seq}", event, *names)


@pytest.fixture
def service(cloud) -> Iterator[Portier]:
    line = Line(f"{cloud.url}/api", lambda: {"Authorization": "Bearer key"})
    yield Portier(line)
    line.close()


def test_a_scan_goes_out_with_every_field_it_has():
    assert wire(scan(1, *FULL)) == {
        "ticketId": "t-1", "eventId": "fest", "barcode": "CODE00001", "ticketTypeId": "standing", "type": "checkin",
        "scanResult": "approved", "time": "2030-01-23T23:00:01.123Z", "parentEventId": "series", "name": "Ada",
        "ticketName": "Standing", "deviceId": "gate-1", "sellerId": "seller",
    }  # fmt: skip


def test_a_field_without_a_value_is_left_out_never_sent_as_null(service, cloud):
    assert set(wire(scan(1))) == {
        "ticketId", "eventId", "barcode", "ticketTypeId", "type", "scanResult", "time", "deviceId",
    }  # fmt: skip
    service.hand_in([scan(1)])
    assert len(cloud.scans()) == 1


def test_a_scan_without_a_ticket_is_never_sent():
    unknown = Parcel(1, AT, "gate-1", "NOBODY", "checkin", "declined", None)
    with pytest.raises(ValueError, match="no ticket"):
        wire(unknown)


def test_a_batch_is_stored_whole_in_its_order(service, cloud):
    service.hand_in([scan(seq) for seq in range(1, 201)])
    assert [stored["barcode"] for stored in cloud.scans()] == [f"CODE{seq:05}" for seq in range(1, 201)]


@pytest.mark.parametrize("fault", ["answer_array", "slow_reply"])
def test_an_array_or_a_late_answer_confirms_as_well(service, cloud, fault):
    cloud.arm(fault, 1, **({"seconds": 0.1} if fault == "slow_reply" else {}))
    service.hand_in([scan(1), scan(2), scan(3)])


@pytest.mark.parametrize(
    "fault", ["answer_other", "wrong_ids", "partial_answer", "cut_json", "captive_meta", "lost_reply"]
)
def test_an_answer_that_does_not_name_our_scans_leaves_it_open_what_arrived(service, cloud, fault):
    cloud.arm(fault, 1, route="POST /api/scans")
    with pytest.raises(NoAnswer):
        service.hand_in([scan(1), scan(2), scan(3)])


@pytest.mark.parametrize("answer", [[], {}, None, {"ok": True}, {"docs": [], "total": 0}, "stored"])
def test_no_other_json_passes_for_a_confirmation(service, cloud, answer):
    cloud.arm("answer_other", 1, answer=answer)
    with pytest.raises(NoAnswer):
        service.hand_in([scan(1)])


def test_a_batch_that_is_refused_or_too_large_says_so(service, cloud):
    cloud.arm("refuse_scan", None, barcode="CODE00002")
    with pytest.raises(Rejected, match="400"):
        service.hand_in([scan(1), scan(2)])
    cloud.arm("too_large", None, limit=2)
    with pytest.raises(TooLarge, match="413"):
        service.hand_in([scan(3), scan(4), scan(5)])
    assert cloud.scans() == []


@pytest.mark.parametrize("fault", ["wrong_ids", "partial_answer", "answer_other"])
def test_an_answer_that_came_whole_ends_the_request_whatever_it_says(service, cloud, fault):
    cloud.arm(fault, 1, route="POST /api/scans")
    with pytest.raises(NoAnswer) as raised:
        service.hand_in([scan(1), scan(2), scan(3)])
    assert raised.value.running is False


# --- reading back ----------------------------------------------------------------------------------------------------


def codes(page: ScanPage) -> list[str]:
    return [row.barcode for row in page.rows]


def test_a_page_is_as_long_as_asked_newest_first_of_one_event_and_says_how_many_rows_there_are(service, cloud):
    service.hand_in([scan(seq) for seq in range(1, 11)])
    service.hand_in([scan(seq, event="gala") for seq in range(20, 25)])
    page = service.page("fest", 2, 3)
    assert (codes(page), page.count, page.total) == (["CODE00008", "CODE00007", "CODE00006"], 3, 10)
    asked = parse_qs(cloud.requests()[-1]["query"])
    assert asked == {"top": ["3"], "skip": ["2"], "eventId": ["fest"]}


def test_a_page_carries_the_clouds_own_time(service, cloud):
    cloud.clock_offset_s = -400 * 86_400.0
    date = service.page("fest", 0, 1).date
    assert abs(datetime.now(UTC) - timedelta(days=400) - date) < timedelta(seconds=5)


def test_the_page_behind_the_last_row_is_empty(service, cloud):
    service.hand_in([scan(1)])
    page = service.page("fest", 1, 10)
    assert (page.rows, page.count, page.total) == ([], 0, 1)


def test_as_many_scans_as_the_service_allows_can_be_asked_for_at_once(service):
    assert portier.PAGE == 1000
    assert service.page("fest", 0, portier.PAGE).count == 0


def test_the_window_of_time_is_sent_as_the_service_wants_it(service, cloud):
    service.hand_in([scan(seq) for seq in range(1, 11)])
    page = service.page("fest", 0, 10, AT + timedelta(seconds=3), AT + timedelta(seconds=5))
    assert codes(page) == ["CODE00005", "CODE00004", "CODE00003"]
    sent = json.loads(parse_qs(cloud.requests()[-1]["query"])["time"][0])
    assert sent == {"$gte": "2030-01-23T23:00:03.123Z", "$lte": "2030-01-23T23:00:05.123Z"}


@pytest.mark.parametrize(
    ("since_s", "until_s", "sent"),
    [
        (None, None, None),
        (9, None, {"$gte": "2030-01-23T23:00:09.123Z"}),
        (None, 2, {"$lte": "2030-01-23T23:00:02.123Z"}),
    ],
)
def test_a_window_that_is_open_at_an_end_is_sent_without_it(service, cloud, since_s, until_s, sent):
    service.page("fest", 0, 10, *(None if s is None else AT + timedelta(seconds=s) for s in (since_s, until_s)))
    query = parse_qs(cloud.requests()[-1]["query"])
    assert ("time" in query) is (sent is not None)
    assert sent is None or json.loads(query["time"][0]) == sent


def test_a_service_that_ignores_the_window_shows_everything_for_whoever_asks_to_filter_again(service, cloud):
    service.hand_in([scan(seq) for seq in range(1, 6)])
    cloud.arm("ignore_time_filter", 1)
    page = service.page("fest", 0, 10, AT + timedelta(seconds=3), AT + timedelta(seconds=3))
    assert (page.count, page.total) == (5, 5)


def test_rows_that_cannot_be_read_are_passed_over_and_count_as_rows(service, cloud):
    service.hand_in([scan(seq) for seq in range(1, 5)])
    cloud.arm("bad_row", 1, route="GET /api/scans", index=1)
    page = service.page("fest", 0, 10)
    assert (codes(page), page.count, page.total) == (["CODE00004", "CODE00002", "CODE00001"], 4, 4)


@pytest.mark.parametrize("answer", [[], {}, {"docs": []}, {"docs": {}, "total": 0}, {"docs": [], "total": -1}, None])
def test_what_is_no_page_is_no_answer(service, cloud, answer):
    cloud.arm("answer_other", 1, route="GET /api/scans", answer=answer)
    with pytest.raises(NoAnswer):
        service.page("fest", 0, 10)


def test_scans_can_be_looked_up_here():
    assert Portier.can_look is True
