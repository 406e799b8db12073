"""Handing scans out again: those that were refused, and, where a person says so, those that may have arrived."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing

import pytest

from kiosk.clock import now
from kiosk.model import Delivery, Direction, Reading, Reason, Result, Scan, Ticket, Verdict
from kiosk.store.journal import Journal
from kiosk.store.ledger import Entry, Ledger

ACKED, REFUSED, PENDING, UNKNOWN = Delivery.ACKED, Delivery.REFUSED, Delivery.PENDING, Delivery.UNKNOWN
TICKET = Ticket("t-1", "CODE00001", "fest", "standing", "Standing", "Ada Lovelace")
ADMITTED = Verdict(Direction.CHECKIN, Result.APPROVED, Reason.OK, TICKET)


@pytest.fixture
def record(kiosk) -> Callable[[int], list[Scan]]:
    """Write scans as a gate does, which is not running."""
    kiosk.data_dir.mkdir()

    def write(count: int) -> list[Scan]:
        with closing(Journal(kiosk.data_dir, "gate-north-1")) as journal:
            readings = [Reading("left", "CODE00001", b"CODE00001", now()) for _ in range(count)]
            return [journal.append(reading, ADMITTED) for reading in readings]

    return write


@pytest.fixture
def recorded(kiosk, record) -> Callable[..., None]:
    """Write scans that are in these states."""

    def write(*states: Delivery) -> None:
        with closing(Ledger(kiosk.data_dir)) as ledger:
            ledger.take_in(map(Entry, record(len(states)), states))

    return write


@pytest.fixture
def deliveries(kiosk) -> Callable[[], list[str]]:
    return lambda: [row["delivery"] for row in kiosk.scans()]


def test_all_refused_scans_are_handed_out_again_and_nothing_else(kiosk, recorded, deliveries):
    recorded(ACKED, REFUSED, REFUSED, PENDING, UNKNOWN)
    done = kiosk.call("retry")
    assert done.stdout == ""
    assert "2 scans" in done.stderr
    assert deliveries() == ["acked", "pending", "pending", "pending", "unknown"]


def test_only_the_named_scans_are_handed_out_again(kiosk, recorded, deliveries):
    recorded(ACKED, REFUSED, REFUSED, PENDING, REFUSED)
    kiosk.call("retry", "3", "5")
    assert deliveries() == ["acked", "refused", "pending", "pending", "pending"]


def test_a_scan_that_was_not_refused_is_left_alone_and_named(kiosk, recorded, deliveries):
    recorded(ACKED, REFUSED, REFUSED, UNKNOWN)
    done = kiosk.call("retry", "1", "2", "4", "77", check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "kiosk: not refused, so left alone: 1, 4, 77"
    assert deliveries() == ["acked", "pending", "refused", "unknown"]


def test_a_person_may_hand_out_what_nobody_knows_the_fate_of_together_with_what_was_refused(
    kiosk, recorded, deliveries
):
    recorded(ACKED, REFUSED, UNKNOWN, UNKNOWN)
    done = kiosk.call("retry", "--unknown")
    assert "3 scans" in done.stderr
    assert deliveries() == ["acked", "pending", "pending", "pending"]


def test_of_the_unknown_ones_too_only_those_that_are_named(kiosk, recorded, deliveries):
    recorded(ACKED, REFUSED, UNKNOWN, UNKNOWN)
    done = kiosk.call("retry", "--unknown", "1", "4", check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].endswith("left alone: 1")
    assert deliveries() == ["acked", "refused", "unknown", "pending"]


def test_that_this_may_double_them_is_said_where_it_is_offered(kiosk):
    assert "may double them" in " ".join(kiosk.call("retry", "--help").stdout.split())


def test_nothing_refused_is_nothing_to_do(kiosk, recorded, deliveries):
    recorded(ACKED, UNKNOWN)
    assert "0 scans" in kiosk.call("retry").stderr
    assert deliveries() == ["acked", "unknown"]


def test_without_a_ledger_nothing_was_ever_refused_and_none_is_made(kiosk, record):
    record(1)
    for call in (["retry"], ["retry", "--unknown"]):
        done = kiosk.call(*call, check=False)
        assert done.returncode == 1
        assert "kiosk sync" in done.stderr
    assert not (kiosk.data_dir / "ledger.db").exists()


def test_the_running_sync_delivers_what_is_handed_out_again(kiosk, cloud, record, deliveries, eventually):
    record(1)
    cloud.arm("refuse_scan", None, barcode="CODE00001")
    kiosk.start("sync")
    eventually("it is refused", lambda: deliveries() == ["refused"])
    cloud.disarm()
    kiosk.call("retry")
    eventually("it is delivered", lambda: deliveries() == ["acked"])
    assert len(cloud.scans()) == 1


def test_the_running_sync_holds_what_it_may_not_look_up_until_a_person_says_so(
    kiosk, cloud, record, deliveries, eventually
):
    record(1)
    cloud.arm("lost_reply", 1, route="POST /api/scans")
    cloud.arm("forbidden", None, route="GET /api/scans")
    kiosk.start("sync")
    eventually("it is said", lambda: "retry --unknown" in (kiosk.status()["cloud"]["lastError"] or ""))
    assert deliveries() == ["unknown"]
    kiosk.call("retry", "--unknown")
    eventually("it is delivered", lambda: deliveries() == ["acked"])
    assert len(cloud.scans()) == 2  # it had arrived, which nobody could know
