"""Codes that no ticket has: what is reported, where, once, and what becomes of a report that was not answered."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kiosk import plan
from kiosk.cloud.access import Access
from kiosk.cloud.line import Line
from kiosk.cloud.portier import Portier
from kiosk.errors import Misaddressed, NoAnswer
from kiosk.model import Delivery, Direction, Moment, Reading, Reason, Result, Ticket, Verdict
from kiosk.sandbox import Sandbox
from kiosk.store import ledger as ledgers
from kiosk.store.journal import Journal
from kiosk.store.ledger import Ledger, hand_out_again
from kiosk.sync import upload as uploads
from kiosk.sync.register import Register
from kiosk.sync.report import Reports
from kiosk.sync.run import Contact, upload_once
from kiosk.sync.upload import Upload

EVENT_ID = "62a1c0ffee0000000000e001"
START = datetime(2030, 1, 23, 18, tzinfo=UTC)
REPORT = "POST /api/accessusers/scans/"


class Clock:
    """A monotonic clock that moves when it is told to; it stands in for the module `time` in `upload`."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def monotonic(self) -> float:
        return self.now_s


class Never:
    """An event that is never set, for whom no time passes."""

    def is_set(self) -> bool:
        return False

    def wait(self, seconds: float) -> None:
        assert seconds < float("inf")


class Door:
    """A journal with codes that no ticket has, and what reports them to a sandbox cloud."""

    def __init__(self, directory: Path, box: Sandbox, clock: Clock) -> None:
        self.directory, self.box, self.clock = directory, box, clock
        self.journal = Journal(directory, "gate-1")
        self.line = Line(f"{box.url}/api", lambda: {"token": "t", "Authorization": "Bearer k"})
        self.events = [EVENT_ID, "gala"]
        self.opened: list[Ledger | Register] = []

    def start(self, on_unknown: plan.OnUnknown = "hold", batch_size: int = 200) -> Upload:
        """Begin to report, anew."""
        reports = Reports(Access(self.line), lambda: self.events)
        self.upload = self._uploads(Ledger(self.directory, report=True), reports, on_unknown, batch_size)
        return self.upload

    def start_delivery(self) -> Upload:
        return self._uploads(Ledger(self.directory), Portier(self.line), "hold", 200)

    def _uploads(self, ledger: Ledger, service: uploads.Service, on_unknown: plan.OnUnknown, size: int) -> Upload:
        register = Register(self.directory, ledger, ran_before=False, report=True)
        self.opened += [ledger, register]
        return Upload(register, ledger, service, size, on_unknown=on_unknown)

    def scan(self, code: str, direction: Direction = Direction.CHECKIN, event: str | None = None) -> None:
        ticket = Ticket("t-1", code, event, "standing") if event is not None else None
        verdict = Verdict(direction, Result.DECLINED, Reason.UNKNOWN if event is None else Reason.INVALID, ticket)
        moment = Moment(START + timedelta(seconds=1), 1, "boot")
        self.journal.append(Reading("left", code, code.encode(), moment), verdict)

    def go_on(self, steps: int = 50) -> float | None:
        """Take steps, with as much time between them as they want; return what the last one said."""
        waited: float | None = 0.0
        for _ in range(steps):
            waited = self.upload.step()
            if waited is None or waited == float("inf"):
                break
            self.clock.now_s += waited
        return waited

    def states(self) -> list[Delivery]:
        with closing(ledgers.reader(self.directory)) as database:
            return [state for state, _ in ledgers.states(database, 0, 99).values()]

    def reported(self) -> list[str]:
        return [report["barcode"] for report in self.box.reports()]

    def close(self) -> None:
        while self.opened:
            self.opened.pop().close()
        self.line.close()
        self.journal.close()


@pytest.fixture
def clock(monkeypatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(uploads, "time", made)
    return made


@pytest.fixture
def door(tmp_path, cloud, clock) -> Iterator[Door]:
    with closing(Door(tmp_path, cloud, clock)) as made:
        made.start()
        yield made


def test_a_code_that_no_ticket_has_is_reported_with_its_time_and_direction(door, cloud):
    door.scan("NOBODYKNOWS")
    door.scan("NORTHISONE", Direction.CHECKOUT)
    assert door.go_on() is None
    wanted = ("barcode", "scanned_at", "type", "direction", "eventId")
    assert [tuple(report[name] for name in wanted) for report in cloud.reports()] == [
        ("NOBODYKNOWS", "2030-01-23T18:00:01.000Z", "FAIL", "IN", EVENT_ID),
        ("NORTHISONE", "2030-01-23T18:00:01.001Z", "FAIL", "OUT", EVENT_ID),
    ]
    assert "ticketId" not in cloud.reports()[0]
    assert door.states() == [Delivery.ACKED] * 2


def test_reports_and_scans_go_each_their_own_way_and_none_goes_both(door, cloud):
    delivery = door.start_delivery()
    door.scan("NOBODYKNOWS")
    door.scan("CODE00001", event="fest")
    door.scan("NOBODYKNOWS2")
    while delivery.step() is not None:
        pass
    assert door.states() == [Delivery.PENDING, Delivery.ACKED, Delivery.PENDING]
    assert door.go_on() is None
    assert [scan["barcode"] for scan in cloud.scans()] == ["CODE00001"]
    assert door.reported() == ["NOBODYKNOWS", "NOBODYKNOWS2"]


def test_reports_go_oldest_first_in_batches_and_once(door, cloud):
    door.start(batch_size=4)
    codes = [f"NOBODY{number:05}" for number in range(10)]
    for code in codes:
        door.scan(code)
    assert door.go_on() is None
    door.start()
    assert door.go_on() is None
    assert door.reported() == codes
    assert len([request for request in cloud.requests() if request["method"] == "POST"]) == 3


def test_they_go_to_the_event_that_is_selected_first_at_that_moment(door, cloud):
    door.events = ["gala", EVENT_ID]
    door.scan("NOBODYKNOWS")
    door.go_on()
    assert cloud.reports()[0]["eventId"] == "gala"


def test_while_no_event_is_selected_nothing_is_reported_and_all_is_kept(door, cloud):
    door.events = []
    door.scan("NOBODYKNOWS")
    door.go_on(4)
    assert cloud.requests() == []
    assert "no event is selected" in str(door.upload.problem)
    assert door.states() == [Delivery.PENDING]
    door.events = [EVENT_ID]
    assert door.go_on() is None
    assert door.reported() == ["NOBODYKNOWS"]


def test_a_door_without_an_event_does_not_say_that_the_cloud_cannot_be_reached(door):
    """The gate stops asking for just bought tickets where it is."""
    contact = Contact()
    contact.went_well("settings")
    door.events = []
    door.scan("NOBODYKNOWS")
    door.upload.step()
    contact.failed("reports", door.upload.problem)
    assert contact.facts()["reachable"] is True


@pytest.mark.parametrize(
    "fault", ["offline", "unauthorized", "not_found_html", "error_before", "captive_html", "rate_limited"]
)
def test_a_report_that_was_not_taken_is_kept_or_in_doubt_and_never_taken_for_made(door, cloud, fault):
    cloud.arm(fault, 1, route=REPORT)
    door.scan("NOBODYKNOWS")
    door.upload.step()
    assert door.states()[0] in {Delivery.PENDING, Delivery.UNKNOWN}
    assert door.reported() == []


@pytest.mark.parametrize("answer", [{}, {"status": "FAIL"}, [], None, "OK", {"docs": [], "total": 0}])
def test_an_answer_that_does_not_say_ok_confirms_nothing(door, cloud, answer):
    cloud.arm("answer_other", 1, route=REPORT, answer=answer)
    door.scan("NOBODYKNOWS")
    door.upload.step()
    assert door.states() == [Delivery.UNKNOWN]
    assert isinstance(door.upload.problem, NoAnswer)


# --- what nobody can look up -----------------------------------------------------------------------------------------


def test_what_was_reported_cannot_be_read_back(door, cloud):
    reports = Reports(Access(door.line), lambda: door.events)
    assert reports.can_look is False
    with pytest.raises(Misaddressed):
        reports.page(EVENT_ID, 0, 10)
    assert cloud.requests() == []


def test_a_report_whose_answer_was_lost_is_held_for_a_person_and_the_next_ones_go_on(door, cloud):
    cloud.arm("lost_reply", 1, route=REPORT)
    door.scan("NOBODYKNOWS")
    assert door.go_on() == float("inf")
    assert door.upload.asks_person
    door.scan("NOBODYKNOWS2")
    assert door.go_on() == float("inf")
    assert door.states() == [Delivery.UNKNOWN, Delivery.ACKED]
    door.upload.hurry()  # nor does a cloud that came back make anybody look
    door.clock.now_s += 100_000.0
    assert door.go_on() == float("inf")
    assert door.reported() == ["NOBODYKNOWS", "NOBODYKNOWS2"]
    assert {request["method"] for request in cloud.requests()} == {"POST"}


def test_a_person_may_have_it_reported_again(door, cloud):
    cloud.arm("lost_reply", 1, route=REPORT)
    door.scan("NOBODYKNOWS")
    door.go_on()
    assert hand_out_again(door.directory, [], unknown=True) == [1]
    assert door.go_on() is None
    assert door.reported() == ["NOBODYKNOWS"] * 2
    assert door.states() == [Delivery.ACKED]


def test_one_pass_leaves_the_rest_to_that_person_and_says_so(door, cloud):
    cloud.arm("lost_reply", 1, route=REPORT)
    door.scan("NOBODYKNOWS")
    assert upload_once(door.upload, Contact(), Never(), "reports") is False
    assert door.reported() == ["NOBODYKNOWS"]


def test_a_report_that_was_under_way_when_sync_was_killed_is_held_too(door, cloud):
    door.scan("NOBODYKNOWS")
    door.start()
    with closing(Ledger(door.directory, report=True)) as ledger:
        Register(door.directory, ledger, ran_before=False, report=True).take_in()
        ledger.post([1], Moment(START, 1, "boot"))
    door.start()
    assert door.go_on() == float("inf")
    assert (door.states(), door.reported()) == ([Delivery.UNKNOWN], [])


def test_who_prefers_doubles_reports_again_once_no_request_can_be_at_work_any_more(door, cloud):
    door.start("resend")
    cloud.arm("lost_reply", 1, route=REPORT)
    door.scan("NOBODYKNOWS")
    door.upload.step()
    began_s = door.clock.now_s
    assert door.go_on() is None
    assert door.clock.now_s - began_s >= plan.SETTLE_S
    assert door.reported() == ["NOBODYKNOWS"] * 2
    assert door.states() == [Delivery.ACKED]
