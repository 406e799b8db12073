"""Old scans leave the door that has delivered them, from outside: real programs, a cloud on loopback, kill -9."""

import json
import random
import signal
import subprocess
import sys
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from kiosk.model import ClockQuality, Delivery, Direction, Moment, Reading, Reason, Result, Ticket, Verdict
from kiosk.store import journal as journals
from kiosk.store import past
from kiosk.store.journal import Journal
from kiosk.store.ledger import Entry, Ledger
from kiosk.store.past import Counts
from kiosk.store.pruning import PORTION

TRUSTING = """
import sys
from pathlib import Path
from kiosk import clock
from kiosk.cli import main
clock.SYNCHRONIZED = Path("/")  # this machine's clock is as good as one that was set from the network
main()
"""


def open_gate(kiosk, eventually) -> None:
    """Start a gate that trusts this machine's clock."""
    with (kiosk.directory / "gate.log").open("a", encoding="utf-8") as log:
        kiosk.running["gate"] = subprocess.Popen(
            [sys.executable, "-c", TRUSTING, "gate", "--config", str(kiosk.file), "--allow-volatile"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
        )  # fmt: skip
    eventually("the gate listens", lambda: all(scanner["connected"] for scanner in kiosk.scanners()))


def record(kiosk, tickets, days: float) -> None:
    """Write admissions of so long ago, as the gate did then."""
    kiosk.data_dir.mkdir(exist_ok=True)
    with closing(Journal(kiosk.data_dir, "gate-north-1")) as journal:
        for ticket in tickets:
            at = datetime.now(UTC) - timedelta(days=days)
            found = Ticket(
                ticket["_id"], ticket["barcode"], ticket["eventId"], ticket["ticketTypeId"], ticket["ticketName"],
                ticket["name"],
            )  # fmt: skip
            verdict = Verdict(Direction.CHECKIN, Result.APPROVED, Reason.OK, found)
            code, when = ticket["barcode"], Moment(at, 0, "an earlier boot", ClockQuality.SYNCED)
            journal.append(Reading("left", code, code.encode(), when), verdict)


def left(kiosk) -> list[int]:
    return [scan["seq"] for scan in kiosk.scans()]


def test_old_scans_go_once_they_are_delivered_and_one_that_is_not_stays(kiosk, cloud, valid, eventually):
    record(kiosk, valid[:6], 40)
    record(kiosk, valid[6:8], 0)
    cloud.arm("refuse_scan", None, barcode=valid[2]["barcode"])
    open_gate(kiosk, eventually)
    assert left(kiosk) == list(range(1, 9))  # nothing is delivered yet
    kiosk.start("sync")
    # A journal of another boot may have been delivered from elsewhere: sync looks, and waits until nothing can run.
    eventually("what is settled has gone", lambda: left(kiosk) == [3, 7, 8], 60.0)
    assert kiosk.scans()[0]["delivery"] == "refused"
    copy = json.loads(kiosk.call("scan", valid[0]["barcode"], "--json").stdout)
    assert copy["reason"] == "already_in"  # though its scan has gone
    assert kiosk.status()["counts"] == {"checkin": 8, "checkout": 0, "declined": 1, "inside": 8}
    cloud.disarm()
    kiosk.call("retry")
    eventually("the last one has gone", lambda: left(kiosk)[0] == 7)
    delivered = Counter(scan["barcode"] for scan in cloud.scans() if scan["scanResult"] == "approved")
    assert delivered == {ticket["barcode"]: 1 for ticket in valid[:8]}


def test_a_gate_that_is_killed_while_it_prunes_loses_nothing_and_goes_on(kiosk, valid, eventually):
    chance = random.Random(5)
    record(kiosk, [valid[number % len(valid)] for number in range(PORTION * 12)], 40)
    record(kiosk, valid[:1], 0)
    with closing(journals.reader(kiosk.data_dir)) as seen, closing(Ledger(kiosk.data_dir)) as ledger:
        scans = list(past.scans_after(seen, 0))
        ledger.take_in([Entry(scan, Delivery.REFUSED if scan.seq == 30 else Delivery.ACKED) for scan in scans])
        before = past.count(seen, Counts())
    for portions in (1, 3, 6):
        open_gate(kiosk, eventually)
        wanted = len(scans) - PORTION * portions
        eventually("it is at it", lambda wanted=wanted: len(left(kiosk)) <= wanted)
        with pytest.raises(subprocess.TimeoutExpired):
            kiosk.running["gate"].wait(chance.random())
        kiosk.stop("gate", signal.SIGKILL)
        with closing(journals.reader(kiosk.data_dir)) as seen:
            there = list(past.scans_after(seen, 0))
            assert there == [scan for scan in scans if scan.seq in {kept.seq for kept in there}]
            assert past.count(seen, Counts()) == before
            assert seen.execute("SELECT coalesce(sum(scans), 0) FROM pruned").fetchone()[0] == len(scans) - len(there)
            assert seen.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    open_gate(kiosk, eventually)
    eventually("only what is not settled is left, and the newest", lambda: left(kiosk) == [30, len(scans)])
