"""What leaves the journal, when, and that everything else goes on as if it were still there."""

import itertools
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.dating import Stamp
from kiosk.errors import NotRecorded
from kiosk.model import (
    ANNULS,
    ClockQuality,
    Delivery,
    Direction,
    Moment,
    Passed,
    Reading,
    Reason,
    Result,
    Ticket,
    Verdict,
)
from kiosk.store import journal as journals
from kiosk.store import past, turns
from kiosk.store.database import to_ms
from kiosk.store.dates import Date
from kiosk.store.journal import Journal
from kiosk.store.ledger import Entry, Ledger
from kiosk.store.past import Counts
from kiosk.store.pruning import PORTION, ROUND_S

NOW = datetime(2026, 6, 1, 19, 30, tzinfo=UTC)
KEPT_DAYS = 30
TICKET = Ticket("t-1", "TKT1", "e-1", "type-1", "Standing", "Ada Löwe")
IN = Verdict(Direction.CHECKIN, Result.APPROVED, Reason.OK, TICKET)
OUT = Verdict(Direction.CHECKOUT, Result.APPROVED, Reason.OK, TICKET)
UNSEEN_OUT = Verdict(Direction.CHECKOUT, Result.APPROVED, Reason.NOT_INSIDE, TICKET)
TWICE = Verdict(Direction.CHECKIN, Result.DECLINED, Reason.ALREADY_IN, TICKET)
NOBODY = Verdict(Direction.CHECKIN, Result.DECLINED, Reason.UNKNOWN)
TRUSTED, GUESSED = ClockQuality.SYNCED, ClockQuality.GUESSED
SETTLED = {Delivery.ACKED, Delivery.LOCAL}


def moment(days: float = 0, *, quality: ClockQuality = TRUSTED, boot: str = "now", seconds: float = 0) -> Moment:
    """So many days ago by the wall clock; `seconds` is the time since boot, the hour 1000 being now."""
    return Moment(NOW - timedelta(days=days), int((3_600_000 + seconds) * 1e9), boot, quality)


class Door:
    """A journal and a ledger with what a test wants in them."""

    def __init__(self, directory, retention_days: float | None = KEPT_DAYS) -> None:
        self.directory = directory
        self.journal = Journal(directory, "gate-1", retention_days)
        self.seen = journals.reader(directory)
        self.rounds = 0

    def record(self, *days: float, verdict: Verdict = IN, quality=TRUSTED, boot="before", code="TKT1") -> None:
        for ago in days:
            when = moment(ago, quality=quality, boot=boot)
            self.journal.append(Reading("left", code, code.encode(), when), verdict)

    def settle(self, *states: Delivery) -> None:
        """Give the first scans these states, all others are acked."""
        scans = past.scans_after(self.seen, 0)
        entries = [
            Entry(scan, state or Delivery.ACKED) for scan, state in itertools.zip_longest(scans, states[: self.newest])
        ]
        with closing(Ledger(self.directory)) as ledger:
            ledger.begin_anew()
            ledger.take_in(entries)

    def rest(self, now: Moment | None = None, pauses: int = 60) -> list[int]:
        """Take pauses, as many as a round needs; return which scans are left."""
        self.rounds += 1
        for _ in range(pauses):
            at = now or moment()
            self.journal.rest(replace(at, boottime_ns=at.boottime_ns + self.rounds * (ROUND_S + 1) * 10**9))
        return self.left()

    @property
    def newest(self) -> int:
        return past.last_seq(self.seen)

    def left(self) -> list[int]:
        return [scan.seq for scan in past.scans_after(self.seen, 0)]

    def counts(self) -> Counts:
        return past.count(self.seen, Counts())

    def pruned(self) -> list[tuple[int, int, int]]:
        return self.seen.execute("SELECT upto, scans, at_ms FROM pruned ORDER BY upto").fetchall()

    def close(self) -> None:
        self.seen.close()
        self.journal.close()


@pytest.fixture
def door(tmp_path):
    with closing(Door(tmp_path)) as opened:
        yield opened


def test_an_admission_that_was_taken_back_leaves_nothing_that_keeps_the_ticket_out(door):
    back = replace(IN, direction=Direction.CHECKOUT, reason=Reason.ANNULLED, facts={ANNULS: "1"})
    door.record(40)
    door.record(40, verdict=back)
    door.record(0)
    door.journal.turn(1, Passed.TIMED_OUT, moment())
    assert [passage.direction for passage in door.journal.history(IN.ticket)] == [Direction.CHECKIN]
    door.settle()
    assert door.rest() == [3]
    assert [passage.direction for passage in door.journal.history(IN.ticket)] == [Direction.CHECKIN]
    assert door.counts().inside == 1
    assert turns.between(door.seen, 1, 9) == {}


# --- what goes -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", Delivery)
def test_of_the_old_scans_only_those_go_that_are_settled(door, state):
    door.record(50, 40, 35, 0)
    door.settle(Delivery.ACKED, state)
    assert door.rest() == ([4] if state in SETTLED else [2, 4])


def test_who_went_in_stays_with_the_time_that_the_cloud_was_told(door):
    door.record(50, 40, 0)
    door.settle()
    with closing(Ledger(door.directory)) as ledger:
        ledger.dates().write({Stamp(1, 0, 0, "boot-1", 0, ClockQuality.GUESSED): Date(1_234_567)})
    assert door.rest() == [3]
    kept = [to_ms(passage.at) for passage in past.passages(door.seen, TICKET.id)]
    assert kept == [1_234_567, to_ms(NOW - timedelta(days=40)), to_ms(NOW)]
    assert past.was_here(door.seen, TICKET.id, 1_234_567, "gate-1")


def test_a_scan_goes_once_it_is_older_than_the_days_it_is_kept(door):
    door.record(30.01, 29.99, 0)
    door.settle()
    assert door.rest() == [2, 3]
    assert door.rest(moment(-0.02)) == [2, 3]  # the newest scan is not old enough to say so
    door.record(-0.02)
    door.settle()
    assert door.rest(moment(-0.02)) == [3, 4]


def test_who_keeps_everything_prunes_nothing(tmp_path):
    with closing(Door(tmp_path, None)) as door:
        door.record(400, 0)
        door.settle()
        assert door.rest() == [1, 2]


def test_what_is_delivered_later_goes_later_though_newer_ones_have_gone_before(door):
    door.record(50, 40, 35, 0)
    door.settle(Delivery.REFUSED)
    assert door.rest() == [1, 4]
    door.settle()
    assert door.rest() == [4]
    assert door.pruned() == [(3, 3, to_ms(NOW))]


def test_the_newest_scan_stays_however_old_it_is_and_numbers_go_on_from_it(tmp_path):
    with closing(Door(tmp_path)) as door:
        door.record(99, 98, 50)
        door.settle()
        assert door.rest() == [3] == door.rest()
    with closing(Door(tmp_path)) as door:
        door.record(0)
        assert door.left() == [3, 4]


def test_the_scan_by_which_the_ledger_knows_its_journal_stays(door):
    door.record(50, 40)
    door.settle()
    door.record(0)
    assert door.rest() == [2, 3]


def test_a_pause_takes_a_few_only_and_none_is_left_out_in_the_end(door):
    door.record(*[40 + 1 / n for n in range(1, 2 * PORTION + 2)], 0)
    door.settle()
    took = [len(door.left()) - len(door.rest(moment(), pauses=1)) for _ in range(4)]
    assert took == [PORTION, PORTION, 1, 0]


def test_a_pause_folds_the_log_in_or_takes_scans_away_never_both(door):
    door.record(*[40] * (journals.PAGES_BEFORE_CHECKPOINT // 2 - 1), 0)
    door.settle()
    assert len(door.rest(pauses=1)) == door.newest
    assert len(door.rest(pauses=1)) == door.newest - PORTION


def test_what_the_pruning_writes_is_folded_in_as_well(tmp_path):
    portions = journals.PAGES_BEFORE_CHECKPOINT // 2 // PORTION
    with closing(Door(tmp_path)) as door:
        door.record(*[40] * (portions + 2) * PORTION, 0)
        door.settle()
    with closing(Door(tmp_path)) as door:
        assert len(door.rest(pauses=portions)) == 2 * PORTION + 1
        assert in_the_main_file(tmp_path) == (portions + 2) * PORTION + 1
        door.rest(pauses=1)
        assert in_the_main_file(tmp_path) == 2 * PORTION + 1


def in_the_main_file(directory) -> int:
    """How many scans are there without the write-ahead log."""
    alone = directory / "alone.db"
    shutil.copy(directory / journals.FILE, alone)
    with closing(sqlite3.connect(alone)) as database:
        return database.execute("SELECT count(*) FROM scan").fetchone()[0]


# --- without knowing, nothing goes -----------------------------------------------------------------------------------


def test_without_a_ledger_nothing_goes(door):
    door.record(50, 0)
    assert door.rest() == [1, 2]


def test_what_is_not_in_the_ledger_stays(door):
    door.record(50, 49, 48, 0)
    door.settle()
    with closing(sqlite3.connect(door.directory / "ledger.db", isolation_level=None)) as ledger:
        ledger.execute("DELETE FROM delivery WHERE seq = 2")
    assert door.rest() == [2, 4]


def test_the_ledger_of_another_journal_says_nothing_about_this_one(tmp_path, door):
    other = tmp_path / "other"
    other.mkdir()
    with closing(Door(other)) as strange:
        strange.record(50, 40, 0)
        strange.settle()
    (other / "ledger.db").rename(tmp_path / "ledger.db")
    door.record(50, 40, 0)
    assert door.rest() == [1, 2, 3]


@pytest.mark.parametrize("damage", ["torn", "torn inside", "newer", "empty"])
def test_a_ledger_that_cannot_be_read_says_nothing_and_stops_nobody(door, damage):
    door.record(50, 0)
    door.settle()
    file = door.directory / "ledger.db"
    if damage == "newer":
        with closing(sqlite3.connect(file)) as ledger:
            ledger.execute("PRAGMA user_version = 99")
    else:
        sound = {"torn": 0, "torn inside": 4096, "empty": 0}[damage]
        size = 0 if damage == "empty" else file.stat().st_size
        file.write_bytes(file.read_bytes()[:sound] + b"\xff" * (size - sound))
    assert door.rest() == [1, 2]


# --- clocks that are wrong -------------------------------------------------------------------------------------------


def test_while_the_clock_is_guessed_nothing_goes(door):
    door.record(50, 0)
    door.settle()
    assert door.rest(moment(quality=GUESSED)) == [1, 2]
    assert door.rest(moment(quality=ClockQuality.RTC)) == [2]


def test_a_clock_that_jumps_ahead_takes_nothing_away(door):
    door.record(3, 2, 1, 0)
    door.settle()
    assert door.rest(moment(-10_000)) == [1, 2, 3, 4]


def test_not_even_after_it_has_stamped_a_scan_if_the_others_are_of_this_boot(door):
    door.record(3, 2, 1, 0, boot="now")
    door.record(-10_000, boot="now")
    door.settle()
    assert door.rest(moment(-10_000)) == [1, 2, 3, 4, 5]


def test_a_clock_that_jumps_back_takes_nothing_away(door):
    door.record(50, 40, 0)
    door.settle()
    assert door.rest(moment(45)) == [1, 2, 3]


def test_scans_of_a_clock_that_stood_still_stay_until_a_later_one_is_old_by_a_good_clock(door):
    door.record(60)
    door.record(59, 58, quality=GUESSED)  # the kiosk was off for two months: in truth these are of today
    door.record(0)
    door.settle()
    assert door.rest() == [2, 3, 4]
    door.record(-31)
    door.settle()
    assert door.rest(moment(-31)) == [5]


# --- everything goes on ----------------------------------------------------------------------------------------------


@pytest.fixture
def gappy(door):
    """An evening long ago, of which scan 3 is not delivered, and two scans of today."""
    for verdict in (IN, TWICE, OUT, UNSEEN_OUT, IN, NOBODY):
        door.record(40, verdict=verdict)
    door.record(0.1, 0, verdict=TWICE)
    door.before = door.counts(), door.journal.history(TICKET)
    door.settle(Delivery.ACKED, Delivery.ACKED, Delivery.UNKNOWN)
    door.rest()
    return door


def test_a_journal_with_gaps_is_read_oldest_first_from_any_number_on(gappy):
    assert gappy.left() == [3, 7, 8]
    assert [scan.seq for scan in past.scans_after(gappy.seen, 3)] == [7, 8]
    assert [scan.seq for scan in past.scans_after(gappy.seen, 5)] == [7, 8]
    assert [scan.seq for scan in past.scans(gappy.seen, range(1, 9))] == [3, 7, 8]
    assert (past.first_seq(gappy.seen), past.last_seq(gappy.seen)) == (3, 8)
    assert past.count_after(gappy.seen, 2) == (3, 0, 3)


def test_the_first_number_of_an_empty_journal_is_none(door):
    assert past.first_seq(door.seen) == 0


def test_a_ticket_keeps_its_history_without_its_name(gappy):
    assert gappy.journal.history(TICKET) == gappy.before[1]
    assert [passage.direction.value for passage in gappy.before[1]] == ["checkin", "checkout", "checkout", "checkin"]
    assert gappy.journal.history(replace(TICKET, id="t-2")) == []


def test_what_has_gone_still_counts_once(gappy):
    assert gappy.counts() == gappy.before[0] == Counts(checkin=2, checkout=2, declined=4, inside=1, upto=8)
    running = gappy.counts()
    gappy.record(0, verdict=OUT)
    assert past.count(gappy.seen, running) == gappy.counts() == Counts(2, 3, 4, 0, 9)


def test_scans_are_found_by_their_time_and_those_that_have_gone_are_not(gappy):
    first = to_ms(NOW - timedelta(days=40))
    found = [past.scan_at(gappy.seen, first + n) for n in range(-1, 7)]
    assert [scan and scan.seq for scan in found] == [None, None, None, 3, None, None, None, None]
    assert past.scan_at(gappy.seen, to_ms(NOW)).seq == 8


def test_an_admission_that_has_gone_is_still_known_as_ours(gappy):
    first = to_ms(NOW - timedelta(days=40))
    assert [past.was_here(gappy.seen, "t-1", first + n, None) for n in range(7)] == [
        True,
        False,
        *[True] * 3,
        False,
        False,
    ]
    assert not past.was_here(gappy.seen, "t-2", first, None)


def test_what_is_recent_is_found_though_there_are_gaps_before_it(gappy):
    assert [scan.seq for scan in gappy.journal.recent("before", 0)] == [3, 7, 8]


def test_what_went_when_is_written_down(gappy):
    assert gappy.pruned() == [(6, 5, to_ms(NOW))]


@dataclass(frozen=True)
class Past:
    days_later: float
    verdict: Verdict
    state: Delivery
    quality: ClockQuality


PASTS = st.lists(
    st.builds(
        Past,
        st.sampled_from([0.0, 0.1, 7.0, 29.0, 31.0]),
        st.sampled_from([IN, OUT, TWICE, NOBODY, UNSEEN_OUT]),
        st.sampled_from([Delivery.ACKED, Delivery.ACKED, *Delivery]),
        st.sampled_from([TRUSTED, TRUSTED, GUESSED]),
    ),
    min_size=1,
    max_size=40,
)


def expected(pasts: list[Past], days: list[float]) -> list[int]:
    """Which scans stay, by the words of the promise."""
    limit = days[-1] - KEPT_DAYS
    stays = []
    for seq, (was, day) in enumerate(zip(pasts, days, strict=True), start=1):
        later = zip(pasts[seq - 1 :], days[seq - 1 :], strict=True)
        surely_old = any(other.quality is TRUSTED and at < limit for other, at in later)
        if not surely_old or was.state not in SETTLED or day == days[-1]:
            stays.append(seq)
    return stays


@settings(max_examples=60, deadline=None)
@given(pasts=PASTS)
def test_exactly_those_go_that_are_settled_and_surely_old_and_the_door_notices_nothing(tmp_path_factory, pasts):
    days = list(itertools.accumulate(was.days_later for was in pasts))
    with closing(Door(tmp_path_factory.mktemp("door"))) as door:
        for was, day in zip(pasts, days, strict=True):
            door.record(days[-1] - day, verdict=was.verdict, quality=was.quality)
        door.settle(*(was.state for was in pasts))
        before = door.counts(), door.journal.history(TICKET), list(past.scans_after(door.seen, 0))
        left = door.rest()
        assert left == expected(pasts, days)
        assert (door.counts(), door.journal.history(TICKET)) == before[:2]
        assert list(past.scans_after(door.seen, 0)) == [scan for scan in before[2] if scan.seq in left]
        assert sum(scans for _, scans, _ in door.pruned()) == len(pasts) - len(left)
        door.record(-1)
        assert door.newest == len(pasts) + 1


# --- gone for good, and nothing else ---------------------------------------------------------------------------------


def test_names_and_codes_that_have_gone_are_in_no_file_any_more(tmp_path):
    with closing(Door(tmp_path)) as door:
        for number in range(300):
            verdict = replace(IN, ticket=replace(TICKET, id=f"t-{number}", name=f"Grace Hopper {number}"))
            door.record(40, verdict=verdict, code=f"SECRET-{number}")
        door.record(0)
        door.settle()
        assert door.rest() == [301]
    found = b"".join(path.read_bytes() for path in tmp_path.glob("journal.db*"))
    assert b"t-299" in found  # the passage
    assert b"Grace" not in found
    assert b"SECRET" not in found


@pytest.mark.parametrize(
    "statement", ["DELETE FROM scan", "DELETE FROM scan WHERE seq = 7", "UPDATE scan SET name = ''"]
)
def test_no_program_can_remove_more_than_what_was_written_down(gappy, statement):
    with closing(sqlite3.connect(gappy.directory / journals.FILE)) as anybody:
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            anybody.execute(statement)
        anybody.rollback()
    assert gappy.left() == [3, 7, 8]


def test_the_newest_scan_cannot_be_removed_whatever_is_written_down(gappy):
    with closing(sqlite3.connect(gappy.directory / journals.FILE)) as anybody:
        anybody.execute("INSERT INTO pruned VALUES (99, 1, 0)")
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            anybody.execute("DELETE FROM scan")
        anybody.rollback()


def test_a_portion_that_cannot_be_removed_is_there_whole_and_is_tried_again_in_the_next_round(door):
    door.record(50, 49, 48, 0)
    door.settle()
    before = door.counts()
    door.journal._database.execute("CREATE TEMP TRIGGER sick BEFORE DELETE ON scan WHEN old.seq = 3 "
                                   "BEGIN SELECT raise(ABORT, 'a sick card'); END")  # fmt: skip
    with pytest.raises(NotRecorded, match="sick"):
        door.rest(pauses=1)
    assert (door.left(), door.pruned(), door.counts()) == ([1, 2, 3, 4], [], before)
    door.journal.rest(replace(moment(), boottime_ns=moment().boottime_ns + (ROUND_S + 1) * 10**9))  # not at once
    door.journal._database.execute("DROP TRIGGER sick")
    assert (door.rest(), door.counts()) == ([4], before)


def test_a_journal_of_the_version_before_keeps_everything_and_can_prune_from_then_on(tmp_path):
    (tmp_path / "old").mkdir()
    old = tmp_path / "old"
    with closing(Door(old, None)) as door:
        door.record(50, 40, 0)
    with closing(sqlite3.connect(old / journals.FILE, isolation_level=None)) as database:
        for table in ("pruned", "tally", "passage", "clock_anchor", "turn"):
            database.execute(f"DROP TABLE {table}")
        database.execute("DROP TRIGGER scan_is_removed_by_retention_only")
        database.execute(
            "CREATE TRIGGER scan_is_never_removed BEFORE DELETE ON scan BEGIN SELECT raise(ABORT, 'append-only'); END"
        )
        database.execute("DELETE FROM _sqlite_migrations WHERE name >= '003'")
        database.execute("PRAGMA user_version = 2")
    with closing(Door(old)) as door:
        assert door.left() == [1, 2, 3]
        door.settle()
        assert door.rest() == [3]


PRUNING = """
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from kiosk.model import ClockQuality, Moment
from kiosk.store import pruning
from kiosk.store.journal import Journal

pruning.PORTION = 7
journal = Journal(Path(sys.argv[1]), "gate-1", 30)
now = Moment(datetime(2026, 6, 1, 19, 30, tzinfo=UTC), 0, "now", ClockQuality.SYNCED)
print("ready", flush=True)
for number in range(10**6):
    journal.rest(replace(now, boottime_ns=number * 10**9))
    print(number, flush=True)
"""


def test_kill_9_while_it_prunes_leaves_each_scan_either_there_or_counted(tmp_path):
    chance = random.Random(11)
    with closing(Door(tmp_path)) as door:
        for number in range(600):
            door.record(40, verdict=(IN, OUT, TWICE)[number % 3])
        door.record(0)
        door.settle(Delivery.PENDING, *[Delivery.ACKED] * 300, Delivery.REFUSED)
        before, history = door.counts(), door.journal.history(TICKET)
    for _ in range(10):
        command = [sys.executable, "-c", PRUNING, str(tmp_path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            list(itertools.islice(process.stdout, 1 + chance.randrange(12)))
            process.send_signal(signal.SIGKILL)
        with closing(journals.reader(tmp_path)) as seen:
            assert past.count(seen, Counts()) == before
            assert past.passages(seen, TICKET.id) == history
            left = seen.execute("SELECT count(*) FROM scan").fetchone()[0]
            assert seen.execute("SELECT coalesce(sum(scans), 0) FROM pruned").fetchone()[0] == 601 - left
            assert seen.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert 10 < left < 601
    with closing(Door(tmp_path)) as door:
        assert door.rest() == [1, 302, 601]
