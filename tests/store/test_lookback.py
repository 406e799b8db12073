"""What the desk must know of scans that are done."""

from contextlib import closing

import pytest

from kiosk.clock import now
from kiosk.errors import NotRecorded
from kiosk.model import Direction, Reading, Reason, Result, Ticket, Verdict
from kiosk.store.journal import Journal
from kiosk.store.lookback import LookBack

TICKET = Ticket("t-1", "CODE00001", "fest", "standing")


def test_a_scan_by_its_number_and_the_first_admission_after_it(tmp_path):
    with closing(Journal(tmp_path, "gate")) as journal:

        def scan(result, direction=Direction.CHECKIN, ticket=TICKET):
            reason = Reason.OK if result is Result.APPROVED else Reason.INVALID
            reading = Reading("left", "CODE00001", b"CODE00001", now())
            return journal.append(reading, Verdict(direction, result, reason, ticket))

        declined = scan(Result.DECLINED)
        past = LookBack(tmp_path)
        assert past.scan(1).id == declined.id
        assert past.scan(2) is None
        scan(Result.APPROVED, Direction.CHECKOUT)
        scan(Result.APPROVED, ticket=Ticket("t-2", "CODE00002", "fest", "standing"))
        assert past.admitted_since("t-1", 1) is None
        admitted = scan(Result.APPROVED)
        scan(Result.APPROVED)
        assert past.admitted_since("t-1", 1).id == admitted.id


def test_without_a_journal_nothing_is_admitted_by_it(tmp_path):
    with pytest.raises(NotRecorded):
        LookBack(tmp_path).scan(1)
