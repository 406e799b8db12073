"""The scans service: handing in and reading back, against the sandbox cloud."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest

from kiosk.cloud import portier
from kiosk.cloud.line import Line, Reply
from kiosk.cloud.portier import Portier, wire
from kiosk.errors import CloudError, NoAnswer, Rejected
from kiosk.model import Direction, Moment, Reason, Result, Scan, Ticket, Verdict

AT = datetime(2030, 1, 23, 23, 0, 0, 123_000, tzinfo=UTC)
FULL = Ticket("t-1", "CODE00001", "fest", "standing", "Standing", "Ada", parent_event_id="series", seller_id="seller")


def scan(seq: int, ticket: Ticket | None = None, *, event: str = "fest") -> Scan:
    ticket = ticket or Ticket(f"t-{seq}", f"CODE{seq:05}", event, "standing")
    verdict = Verdict(Direction.CHECKIN, Result.APPROVED, Reason.OK, ticket)
    at = AT + timedelta(seconds=seq)
    return Scan(seq, f"id-{seq}", at, "gate-1", Moment(at, 1, "boot"), "left", ticket.barcode, verdict)


@pytest.fixture
def service(cloud) -> Iterator[Portier]:
    line = Line(f"{cloud.url}/api", lambda: {"Authorization": "Bearer key"})
    yield Portier(line)
    line.close()


def test_a_scan_goes_out_with_every_field_it_has():
    assert wire(scan(1, FULL)) == {
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
    unknown = Scan(1, "id", AT, "gate-1", Moment(AT, 1, "boot"), "left", "NOBODY", Verdict(
        Direction.CHECKIN, Result.DECLINED, Reason.UNKNOWN))  # fmt: skip
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
    with pytest.raises(Rejected, match="413"):
        service.hand_in([scan(3), scan(4), scan(5)])
    assert cloud.scans() == []


# --- reading back ----------------------------------------------------------------------------------------------------


def test_all_scans_of_an_event_are_read_newest_first_page_by_page(service, cloud, monkeypatch):
    monkeypatch.setattr(portier, "PAGE", 50)
    service.hand_in([scan(seq) for seq in range(1, 121)])
    service.hand_in([scan(seq, event="gala") for seq in range(200, 210)])
    assert [row.barcode for row in service.stored("fest")] == [f"CODE{seq:05}" for seq in range(120, 0, -1)]
    asked = [parse_qs(request["query"]) for request in cloud.requests() if request["method"] == "GET"]
    assert [(query["top"], query.get("skip"), query["eventId"]) for query in asked] == [
        (["50"], ["0"], ["fest"]), (["50"], ["50"], ["fest"]), (["50"], ["100"], ["fest"]),
    ]  # fmt: skip


def test_a_page_holds_a_thousand():
    assert portier.PAGE == 1000


def test_pages_are_asked_for_only_as_they_are_needed(service, cloud, monkeypatch):
    monkeypatch.setattr(portier, "PAGE", 10)
    service.hand_in([scan(seq) for seq in range(1, 51)])
    before = len(cloud.requests())
    rows = service.stored("fest")
    for _ in range(10):
        next(rows)
    assert len(cloud.requests()) == before + 1


def test_the_window_of_time_is_sent_as_the_service_wants_it(service, cloud):
    service.hand_in([scan(seq) for seq in range(1, 11)])
    found = list(service.stored("fest", AT + timedelta(seconds=3), AT + timedelta(seconds=5)))
    assert [row.barcode for row in found] == ["CODE00005", "CODE00004", "CODE00003"]
    sent = json.loads(parse_qs(cloud.requests()[-1]["query"])["time"][0])
    assert sent == {"$gte": "2030-01-23T23:00:03.123Z", "$lte": "2030-01-23T23:00:05.123Z"}


def test_without_times_no_window_is_sent(service, cloud):
    assert list(service.stored("fest")) == []
    assert "time" not in parse_qs(cloud.requests()[-1]["query"])


def test_rows_that_cannot_be_read_are_passed_over_without_losing_the_place(service, cloud, monkeypatch):
    monkeypatch.setattr(portier, "PAGE", 4)
    service.hand_in([scan(seq) for seq in range(1, 11)])
    cloud.arm("bad_row", None, route="GET /api/scans", index=1)
    found = [row.barcode for row in service.stored("fest")]
    assert found == [f"CODE{seq:05}" for seq in (10, 8, 7, 6, 4, 3, 2)]


@pytest.mark.parametrize("answer", [[], {}, {"docs": []}, {"docs": {}, "total": 0}, {"docs": [], "total": -1}, None])
def test_what_is_no_page_is_no_answer(service, cloud, answer):
    cloud.arm("answer_other", 1, route="GET /api/scans", answer=answer)
    with pytest.raises(NoAnswer):
        list(service.stored("fest"))


def test_a_fault_on_a_later_page_is_said_not_taken_for_the_end(service, cloud, monkeypatch):
    monkeypatch.setattr(portier, "PAGE", 4)
    service.hand_in([scan(seq) for seq in range(1, 11)])
    rows = service.stored("fest")
    for _ in range(4):
        next(rows)
    cloud.arm("error_before", 1, route="GET /api/scans")
    with pytest.raises(CloudError):
        list(rows)


def test_a_page_is_as_long_as_asked_and_says_how_many_rows_there_are(service, cloud):
    service.hand_in([scan(seq) for seq in range(1, 11)])
    cloud.arm("bad_row", 1, route="GET /api/scans", index=1)
    page = service.page("fest", 2, 3)
    assert ([row.barcode for row in page.rows], page.count, page.total) == (["CODE00008", "CODE00006"], 3, 10)
    asked = parse_qs(cloud.requests()[-1]["query"])
    assert (asked["top"], asked["skip"], asked["eventId"], "time" in asked) == (["3"], ["2"], ["fest"], False)


@dataclass
class Endless:
    """A service that never comes to its end, whatever is asked."""

    asked: list[int] = field(default_factory=list)

    def get(self, path: str, **query: Any) -> Reply:
        self.asked.append(query["skip"])
        return Reply({"docs": [{}] * 10, "total": 10**9}, None)


class Shrunk(Endless):
    """A service whose total is higher than what it has."""

    def get(self, path: str, **query: Any) -> Reply:
        self.asked.append(query["skip"])
        return Reply({"docs": [{}, {}][query["skip"] :], "total": 5}, None)


def test_a_total_that_is_too_high_is_no_reason_to_ask_on_behind_the_last_row():
    shrunk = Shrunk()
    assert list(Portier(shrunk).stored("fest")) == []
    assert shrunk.asked == [0, 2]


def test_a_list_without_an_end_is_no_answer(monkeypatch):
    monkeypatch.setattr(portier, "MAX_PAGES", 5)
    endless = Endless()
    with pytest.raises(NoAnswer):
        list(Portier(endless).stored("fest"))
    assert endless.asked == [0, 10, 20, 30, 40]
