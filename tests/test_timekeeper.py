"""What the gate writes down about the time, and when it says that nobody knows it."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from kiosk import clock, dating, timekeeper
from kiosk.clock import Latch
from kiosk.errors import NotRecorded
from kiosk.model import Anchor, ClockQuality, Direction, Moment, Reading, Reason, Result, Source, Verdict
from kiosk.store.database import to_ms
from kiosk.store.journal import Journal
from kiosk.timekeeper import Timekeeper

GUESSED, RTC, SYNCED = ClockQuality.GUESSED, ClockQuality.RTC, ClockQuality.SYNCED
NOW = datetime(2026, 6, 1, 19, 30, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Machine:
    """Clocks that are set by hand; 100 s after the boot it is half past seven."""

    def __init__(self) -> None:
        self.since_s, self.boot_id = 100.0, "boot-1"
        self.wrong, self.quality = timedelta(0), GUESSED

    @property
    def truth(self) -> datetime:
        return NOW + timedelta(seconds=self.since_s - 100)

    def now(self) -> Moment:
        return Moment(self.truth + self.wrong, int(self.since_s * 1e9), self.boot_id, self.quality)

    def shows(self, wall: datetime, quality: ClockQuality = GUESSED) -> None:
        self.wrong, self.quality = wall - self.truth, quality

    def anchor(self, source: Source, off_s: float = 0.0) -> Anchor:
        utc = self.truth + timedelta(seconds=off_s)
        return Anchor(self.boot_id, int(self.since_s * 1e9), to_ms(utc), source)


@pytest.fixture
def machine(monkeypatch) -> Machine:
    monkeypatch.setattr(clock, "_latch", Latch())
    return Machine()


@pytest.fixture
def journal(tmp_path):
    with closing(Journal(tmp_path, "gate-1")) as made:
        yield made


@pytest.fixture
def keeper(journal, tmp_path, machine) -> Timekeeper:
    return Timekeeper(journal, tmp_path, machine.now)


def heard(directory, anchor: Anchor) -> None:
    (directory / "sync.json").write_text(json.dumps({"clock": dating.facts(anchor)}), encoding="utf-8")


def record(journal: Journal, moment: Moment) -> None:
    journal.append(
        Reading("left", "CODE", b"CODE", moment), Verdict(Direction.CHECKIN, Result.DECLINED, Reason.UNKNOWN)
    )


def sources(journal: Journal) -> list[str]:
    return [anchor.source.value for anchor in journal.anchors()]


def test_a_clock_that_becomes_known_is_written_down_once(keeper, journal, machine):
    machine.shows(EPOCH)
    keeper.tend()
    assert sources(journal) == []
    machine.shows(machine.truth, SYNCED)
    keeper.tend()
    machine.since_s += 1000
    keeper.tend()
    assert journal.anchors() == [Anchor("boot-1", 100_000_000_000, to_ms(NOW), Source.NTP)]


def test_a_clock_that_the_network_moves_is_written_down_again_and_told(keeper, journal, machine, caplog):
    machine.shows(machine.truth, SYNCED)
    keeper.tend()
    machine.shows(machine.truth + timedelta(hours=1), SYNCED)
    keeper.tend()
    assert sources(journal) == ["ntp", "ntp"]
    assert "the wall clock was set by +3600.0 s" in caplog.text


def test_what_sync_heard_is_taken_up_once_and_not_where_the_network_set_the_clock(keeper, journal, machine, tmp_path):
    heard(tmp_path, machine.anchor(Source.HTTP_DATE))
    keeper.tend()
    heard(tmp_path, machine.anchor(Source.HTTP_DATE, off_s=1))
    keeper.tend()
    assert sources(journal) == ["http-date"]
    machine.shows(machine.truth, SYNCED)
    keeper.tend()
    heard(tmp_path, machine.anchor(Source.HTTP_DATE, off_s=500))
    keeper.tend()
    assert sources(journal) == ["http-date", "ntp"]


def test_two_hosts_whose_clocks_differ_do_not_fill_the_journal(keeper, journal, machine, tmp_path):
    for number in range(2000):
        heard(tmp_path, machine.anchor(Source.HTTP_DATE, off_s=number % 2 * 60))
        keeper.tend()
        machine.since_s += 1
    assert 2 <= len(sources(journal)) <= 4


@pytest.mark.parametrize(
    "said",
    [
        None, 5, [], {}, {"boot_id": "boot-1"}, {"boot_id": "boot-1", "boottime_ns": "x", "utc_ms": 1},
        {"boot_id": "boot-0", "boottime_ns": 1, "utc_ms": to_ms(NOW)},
        {"boot_id": "boot-1", "boottime_ns": 1, "utc_ms": 0},
        {"boot_id": "boot-1", "boottime_ns": 1, "utc_ms": 10**17},
        {"boot_id": "boot-1", "boottime_ns": 10**18, "utc_ms": to_ms(NOW)},
        {"boot_id": "boot-1", "boottime_ns": -1, "utc_ms": to_ms(NOW)},
    ],
)  # fmt: skip
def test_what_cannot_be_true_is_no_anchor(keeper, journal, tmp_path, said):
    (tmp_path / "sync.json").write_text(json.dumps({"clock": said}), encoding="utf-8")
    (tmp_path / timekeeper.OPERATOR).write_text(json.dumps(said), encoding="utf-8")
    keeper.tend()
    assert journal.anchors() == []


def test_what_somebody_says_is_taken_up_also_by_a_gate_that_starts_later(keeper, journal, machine, tmp_path):
    timekeeper.tell(tmp_path, machine.anchor(Source.OPERATOR))
    machine.since_s += 60
    keeper.tend()
    Timekeeper(journal, tmp_path, machine.now).tend()
    assert sources(journal) == ["operator"]
    timekeeper.tell(tmp_path, machine.anchor(Source.OPERATOR, off_s=300))
    keeper.tend()
    assert sources(journal) == ["operator", "operator"]


def test_nobody_knows_the_time_until_somebody_says_it_and_then_it_is_right(keeper, machine, tmp_path):
    machine.shows(EPOCH)
    assert keeper.time(machine.now()) is None
    assert keeper.facts() == {
        "quality": GUESSED, "known": False, "aheadSeconds": None, "source": None, "ageSeconds": None
    }  # fmt: skip
    timekeeper.tell(tmp_path, machine.anchor(Source.OPERATOR))
    keeper.tend()
    machine.since_s += 60
    assert keeper.time(machine.now()) == replace(machine.now(), at=machine.truth)
    assert keeper.facts() == {
        "quality": GUESSED, "known": True, "source": "operator", "ageSeconds": 60,
        "aheadSeconds": (EPOCH - NOW).total_seconds(),
    }  # fmt: skip


@pytest.mark.parametrize("quality", [SYNCED, RTC])
def test_a_clock_behind_what_is_known_to_have_been_is_guessed_whatever_anybody_says(
    journal, machine, tmp_path, quality
):
    machine.shows(machine.truth, quality)
    record(journal, replace(machine.now(), at=NOW + timedelta(days=1), quality=SYNCED))
    keeper = Timekeeper(journal, tmp_path, machine.now)
    assert keeper.now().quality is GUESSED
    keeper.tend()
    assert journal.anchors() == []
    machine.shows(NOW + timedelta(days=2), quality)
    assert keeper.now().quality is quality


@pytest.mark.parametrize("ahead", [GUESSED, RTC])
def test_what_was_ahead_of_time_does_not_spoil_the_clock_for_ever(journal, machine, tmp_path, ahead):
    record(journal, replace(machine.now(), at=NOW + timedelta(days=30_000), quality=ahead))
    machine.shows(machine.truth, SYNCED)
    assert Timekeeper(journal, tmp_path, machine.now).now().quality is SYNCED


@pytest.mark.parametrize("quality", [SYNCED, RTC])
def test_no_clock_is_right_that_is_older_than_the_program(keeper, machine, quality):
    machine.shows(EPOCH, quality)
    assert keeper.now().quality is GUESSED


def test_a_restarted_gate_remembers_that_the_clock_was_set(keeper, journal, machine, tmp_path):
    machine.shows(machine.truth, SYNCED)
    keeper.tend()
    Timekeeper(journal, tmp_path, machine.now)
    offset_ns = to_ms(NOW) * 1_000_000 - 100_000_000_000
    assert clock._latch.quality(offset_ns, disciplined=False, was_set=False, from_rtc=False) is SYNCED
    assert clock._latch.quality(offset_ns + 10**10, disciplined=False, was_set=False, from_rtc=False) is GUESSED


def test_a_journal_that_is_full_costs_an_anchor_that_is_written_later(keeper, journal, machine, monkeypatch, caplog):
    class Full:
        def anchor(self, anchor):
            raise NotRecorded("journal.db: full")

    machine.shows(machine.truth, SYNCED)
    monkeypatch.setattr(keeper, "_record", Full())
    keeper.tend()
    assert "could not be written down: journal.db: full" in caplog.text
    monkeypatch.setattr(keeper, "_record", journal)
    keeper.tend()
    assert sources(journal) == ["ntp"]
