"""What staff are told of scans whose clock was wrong, from the real files."""

from contextlib import closing
from datetime import timedelta

import pytest

from kiosk.clock import now
from kiosk.config import Config
from kiosk.display.staff.records import Records
from kiosk.model import (
    Anchor,
    ClockQuality,
    Direction,
    Listed,
    Moment,
    Reading,
    Reason,
    Result,
    Source,
    Ticket,
    Verdict,
)
from kiosk.store.cache import Cache
from kiosk.store.database import to_ms
from kiosk.store.journal import Journal
from kiosk.store.tickets import ListState
from kiosk.words import stamp
from tests.display.staff.conftest import EVENT_ID

ADA = Ticket("t-ada", "TKT-ADA-0001", EVENT_ID, "type-1", "Standing", "Ada")
FACTS = {"why": "her watch says so", "by": "staff", "clock": "not set"}


class Door:
    """One admission, by a clock that was two days slow; `learn` is when somebody says so."""

    def __init__(self, directory, journal):
        self._journal, self.real = journal, now()
        with closing(Cache(directory)) as store:
            store.store([Listed(ADA)], ListState(EVENT_ID, "cloud", complete=True, checked=self.real))
        slow = self.real.at - timedelta(days=2)
        self._moment = Moment(slow, self.real.boottime_ns, "boot", ClockQuality.GUESSED)
        for result, reason in ((Result.DECLINED, Reason.CLOCK_NOT_SET), (Result.APPROVED, Reason.OVERRIDDEN)):
            verdict = Verdict(Direction.CHECKIN, result, reason, ADA, FACTS)
            journal.append(Reading("left", ADA.barcode, ADA.barcode.encode(), self._moment), verdict)
        self.records = Records(Config.model_validate({"device": {"id": "north", "data_dir": str(directory)}}))

    def learn(self):
        self._journal.anchor(Anchor("boot", self.real.boottime_ns, to_ms(self.real.at), Source.OPERATOR))

    def numbers(self):
        return self.records.statistics(1, self.real.at)


@pytest.fixture
def door(tmp_path):
    with closing(Journal(tmp_path, "north")) as journal:
        yield Door(tmp_path, journal)


def test_a_scan_is_told_once_and_with_the_time_that_is_known_of_it(door):
    assert len(door.records.ticket("t-ada")["history"]) == 2
    door.learn()
    told, real = door.records.ticket("t-ada")["history"], stamp(door.real.at)
    assert [(row["seq"], row["time"]) for row in told] == [(2, real), (1, real)]
    assert told[0]["why"] == "her watch says so"
    assert door.records.scan(2, door.real.at)["time"] == real
    assert door.records.scan(2, door.real.at)["untimed"], "both facts are kept"
    assert door.records.last_declined(door.real.at)["time"] == real


def test_the_evening_is_counted_anew_when_it_becomes_known_when_its_scans_were(door):
    assert (door.numbers()["checkin"], door.numbers()["declined"]) == (0, 0)
    door.learn()
    assert (door.numbers()["checkin"], door.numbers()["declined"]) == (1, 1)
