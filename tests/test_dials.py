"""What staff set on the machine: with a real journal, a real timekeeper and real files."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from kiosk import clock, wristwatch
from kiosk.clock import Latch
from kiosk.desk import Desk
from kiosk.dials import REFUSALS, Dials
from kiosk.model import Anchor, ClockQuality, Moment, Order, Reading, Source
from kiosk.store import audit, spoken
from kiosk.store.database import to_ms
from kiosk.store.journal import Journal
from kiosk.timekeeper import OPERATOR, Timekeeper

WRONG, TRUE = datetime(2026, 1, 5, 3, 0, tzinfo=UTC), datetime(2026, 6, 1, 19, 30, tzinfo=UTC)


class Machine:
    """A gate's desk, two minutes after the boot, and a clock that is wrong."""

    def __init__(self, directory, journal):
        self.directory, self.journal, self.quality, self.noted = directory, journal, ClockQuality.GUESSED, []
        self.since_s = 120
        self.start()

    def start(self):
        self.keeper = Timekeeper(self.journal, self.directory, self.now)
        self.keeper.tend()
        dials = Dials(self.directory, self.keeper, self.note).orders()
        self.desk = Desk(None, None, None, self.note, dials=dials)

    def now(self):
        return Moment(WRONG, self.since_s * 10**9, "boot-1", self.quality)

    def note(self, action, **facts):
        self.noted.append((action, facts))

    def do(self, what, **words):
        reading = Reading("manual", "", b"", self.now(), order=Order(what, words))
        return self.desk.serve(reading, reading.order, None)

    def tell(self, at=TRUE, sure=True):
        return self.do("clock", utcMs=to_ms(at), sure=sure, by="staff")

    @property
    def time(self):
        found = self.keeper.time(self.now())
        return found.at if found else None


@pytest.fixture
def machine(tmp_path, monkeypatch):
    monkeypatch.setattr(clock, "_latch", Latch())
    with closing(Journal(tmp_path, "north")) as journal:
        yield Machine(tmp_path, journal)


# --- the clock -------------------------------------------------------------------------------------------------------


def test_somebodys_word_counts_at_once_is_kept_and_written_down(machine):
    assert machine.time is None
    assert machine.tell().facts == {"done": True, "doubt": None}
    assert machine.time == TRUE
    assert [(each.source, each.utc_ms) for each in machine.journal.anchors()] == [(Source.OPERATOR, to_ms(TRUE))]
    assert machine.noted == [("clock set", {"by": "staff", "to": "2026-06-01T19:30:00.000Z"})]
    machine.start()
    assert machine.time == TRUE


def test_the_last_word_counts(machine):
    machine.tell(TRUE - timedelta(days=30))
    machine.since_s += 1
    machine.tell(TRUE)
    assert machine.time == TRUE


@pytest.mark.parametrize("sure", [False, "yes", 1])
def test_who_is_not_sure_changes_nothing(machine, sure):
    assert machine.tell(sure=sure).facts == {"done": False, "doubt": None}
    assert (machine.time, machine.noted, (machine.directory / OPERATOR).exists()) == (None, [], False)


def test_a_time_before_what_the_network_said_is_doubted_and_taken(machine):
    machine.journal.anchor(Anchor("boot-0", 10**9, to_ms(TRUE), Source.NTP))
    early = TRUE - timedelta(minutes=1)
    assert machine.tell(early, sure=False).facts == {"done": False, "doubt": "2026-06-01T19:30:00.000Z"}
    assert machine.tell(early).facts["done"]
    assert machine.time == early
    assert machine.tell(TRUE, sure=False).facts["doubt"] is None


@pytest.mark.parametrize(
    ("quality", "source", "why"),
    [(ClockQuality.SYNCED, None, "synced"), (ClockQuality.RTC, None, "rtc"),
     (ClockQuality.GUESSED, Source.HTTP_DATE, "heard"), (ClockQuality.GUESSED, Source.NTP, "heard")],
)  # fmt: skip
def test_nobody_says_otherwise_than_who_knows_better(machine, quality, source, why):
    if source is not None:
        machine.journal.anchor(Anchor("boot-1", 10**9, to_ms(TRUE), source))
    machine.quality = quality
    machine.start()
    before = machine.journal.anchors()
    answer = machine.tell()
    assert (answer.facts["refused"], answer.message) == ("clock", wristwatch.REFUSALS[why])
    assert (machine.journal.anchors(), machine.noted) == (before, [])
    assert not (machine.directory / OPERATOR).exists()


@pytest.mark.parametrize("at", [datetime(2025, 12, 31, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)])
def test_no_time_of_today_is_none(machine, at):
    assert "from 2026 on" in machine.tell(at).message
    assert machine.time is None


@pytest.mark.parametrize("words", [{}, {"utcMs": 1}, {"utcMs": "x", "sure": True}, {"utcMs": [], "sure": True}])
def test_what_is_no_time_at_all_is_no_order(machine, words):
    assert machine.do("clock", **words).facts["refused"] in {"malformed", "clock"}
    assert machine.time is None


def test_what_cannot_be_left_for_the_next_gate_is_told(machine):
    (machine.directory / f".{OPERATOR}").mkdir()
    answer = machine.tell()
    assert (answer.facts["text"], answer.facts["facts"]) == (REFUSALS["unwritten"], {"why": "Is a directory"})
    assert machine.noted == []


# --- the language ----------------------------------------------------------------------------------------------------


def test_a_language_is_chosen_and_given_back(machine):
    assert machine.do("language", language="nl", by="staff").facts == {"done": True}
    assert spoken.read(machine.directory) == "nl"
    machine.do("language", language=None, by="staff")
    assert spoken.read(machine.directory) is None
    assert machine.noted == [
        ("language chosen", {"by": "staff", "language": "nl"}),
        ("language chosen", {"by": "staff", "language": "as configured"}),
    ]


@pytest.mark.parametrize("name", ["xx", "", "../de", 7, ["de"], {}])
def test_a_language_that_there_is_not_is_refused(machine, name):
    answer = machine.do("language", language=name)
    assert (answer.facts["refused"], answer.message) == ("language", REFUSALS["strange"])
    assert (spoken.read(machine.directory), machine.noted) == (None, [])


def test_a_language_that_cannot_be_kept_is_not_chosen(machine):
    (machine.directory / "language.draft").mkdir()
    assert machine.do("language", language="de").facts["text"] == REFUSALS["unwritten"]
    assert machine.noted == []


def test_what_is_set_can_be_written_down_for_good(machine):
    audit.note(machine.directory, "clock set", by="staff", to="2026-06-01T19:30:00.000Z")
    assert [row["action"] for row in audit.read(machine.directory)] == ["clock set"]
