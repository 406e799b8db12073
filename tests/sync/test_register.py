"""From the journal into the ledger: what enters in which state, and what happens when the two do not fit together."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kiosk.model import Delivery, Direction, Moment, Reading, Reason, Result, Scan, Ticket, Verdict
from kiosk.outcome import Outcome
from kiosk.store import journal as journals
from kiosk.store import ledger as ledgers
from kiosk.store.database import Schema, open_for_writing, to_ms
from kiosk.store.journal import Journal
from kiosk.store.ledger import Entry, Ledger, Unknown
from kiosk.sync.register import Register

START = datetime(2030, 1, 23, 18, tzinfo=UTC)
PENDING, UNKNOWN, LOCAL, ACKED = Delivery.PENDING, Delivery.UNKNOWN, Delivery.LOCAL, Delivery.ACKED


class Killed(BaseException):
    """The process ends here."""


class Dying(Ledger):
    """A ledger whose process is killed when it has entered so many scans."""

    lives: int | None = None

    def take_in(self, entries: Iterable[Entry]) -> None:
        super().take_in(self._until_death(entries))

    def _until_death(self, entries: Iterable[Entry]) -> Iterator[Entry]:
        for number, each in enumerate(entries):
            if number == self.lives:
                raise Killed
            yield each


class Door:
    """A journal, and what reads it into a ledger; sync may begin anew, and files may be lost."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.journal = Journal(directory, "gate-1")
        self.opened: list[Ledger | Register] = []

    def sync(self, *, ran_before: bool = True, report: bool = False, lives: int | None = None) -> Register:
        """Start sync anew."""
        self.stop()
        return self.second(ran_before=ran_before, report=report, lives=lives)

    def second(self, *, ran_before: bool = True, report: bool = False, lives: int | None = None) -> Register:
        """Another thread of sync, beside what is there."""
        ledger = Dying(self.directory)
        ledger.lives = lives
        register = Register(self.directory, ledger, ran_before=ran_before, report=report)
        self.opened += [ledger, register]
        return register

    def stop(self) -> None:
        while self.opened:
            self.opened.pop().close()

    def record(self, count: int = 1, event: str | None = "fest", reason: Reason | None = None) -> list[Scan]:
        return [self.scan("CODE00001", event, reason) for _ in range(count)]

    def scan(self, code: str, event: str | None = None, reason: Reason | None = None) -> Scan:
        ticket = Ticket("t-1", code, event, "standing") if event is not None else None
        reason = reason or (Reason.OK if event is not None else Reason.UNKNOWN)
        result = Result.APPROVED if reason is Reason.OK else Result.DECLINED
        moment = Moment(START + timedelta(seconds=1), 1, "boot")
        verdict = Verdict(Direction.CHECKIN, result, reason, ticket)
        return self.journal.append(Reading("left", code, code.encode(), moment), verdict)

    def lose_ledger(self) -> None:
        self.stop()
        for file in self.directory.glob("ledger.db*"):
            file.unlink()

    def copy(self, name: str) -> Path:
        """Put the journal by, as a backup does."""
        path = self.directory / name
        with closing(sqlite3.connect(self.directory / journals.FILE)) as ours, closing(sqlite3.connect(path)) as theirs:
            ours.backup(theirs)
        return path

    def put_in_place(self, other: Path) -> None:
        """Put another journal in the place of the present one, as `mv` does."""
        self.journal.close()
        for left in ("-wal", "-shm"):
            (self.directory / f"{journals.FILE}{left}").unlink(missing_ok=True)
        other.replace(self.directory / journals.FILE)
        self.journal = Journal(self.directory, "gate-1")

    def states(self) -> list[Delivery]:
        """The states of all scans that are in the ledger, by their numbers from 1 on."""
        with closing(ledgers.reader(self.directory)) as database:
            found = ledgers.states(database, 0, 10_000)
        assert list(found) == list(range(1, len(found) + 1))
        return [state for state, _ in found.values()]

    def reported(self) -> list[int]:
        with closing(ledgers.reader(self.directory)) as database:
            return [seq for (seq,) in database.execute("SELECT seq FROM delivery WHERE report = 1 ORDER BY seq")]

    def mark(self) -> tuple[int, str] | None:
        with closing(Ledger(self.directory)) as ledger:
            return ledger.journal_mark()

    def settle(self, *outcomes: Outcome) -> None:
        """Let everything in the ledger go through these."""
        with closing(Ledger(self.directory)) as ledger:
            for outcome in outcomes:
                ledger.move(outcome, range(1, 1000))

    def close(self) -> None:
        self.stop()
        self.journal.close()


@pytest.fixture
def door(tmp_path: Path) -> Iterator[Door]:
    with closing(Door(tmp_path)) as made:
        yield made


@pytest.fixture
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """Another kiosk, with a journal of its own."""
    with closing(Door(tmp_path_factory.mktemp("elsewhere"))) as made:
        yield made


# --- as every day ----------------------------------------------------------------------------------------------------


def test_before_the_gate_ever_ran_there_is_nothing_and_soon_there_is(tmp_path):
    with closing(Ledger(tmp_path)) as ledger, closing(Register(tmp_path, ledger, ran_before=False)) as register:
        assert register.take_in() is False
        assert (register.scans([1]), register.scan_at(0)) == ([], None)
        with closing(Door(tmp_path)) as door:
            door.record(2)
            assert register.take_in() is False
            assert door.states() == [PENDING, PENDING]


def test_everything_new_enters_once_and_what_the_cloud_cannot_take_stays_here(door):
    register = door.sync(ran_before=False)
    door.record(2)
    door.record(1, event=None)
    assert register.take_in() is False
    assert door.states() == [PENDING, PENDING, LOCAL]
    door.settle(Outcome.POSTED, Outcome.CONFIRMED)
    (newest,) = door.record()
    assert register.take_in() is False
    assert register.take_in() is False
    assert door.states() == [ACKED, ACKED, LOCAL, PENDING]
    assert door.mark() == (4, newest.id)


def test_each_scan_enters_with_the_event_of_its_ticket(door):
    door.record(2, "fest")
    door.record(1, "gala")
    door.sync(ran_before=False).take_in()
    door.settle(Outcome.POSTED, Outcome.NO_ANSWER)
    with closing(Ledger(door.directory)) as ledger:
        assert ledger.unknown() == [Unknown("fest", 1, 2), Unknown("gala", 3, 3)]


def test_an_evening_is_taken_in_that_is_longer_than_one_portion_of_the_journal(door):
    door.record(1203)
    door.sync(ran_before=False).take_in()
    assert door.states() == [PENDING] * 1203


def test_scans_are_read_by_their_numbers_and_by_the_time_that_names_them(door):
    first, second, third = door.record(3)
    register = door.sync(ran_before=False)
    register.take_in()
    assert register.scans([3, 1, 99]) == [first, third]
    assert register.scan_at(to_ms(second.at)) == second
    assert register.scan_at(to_ms(third.at) + 1) is None


def test_two_threads_that_take_in_at_the_same_time_enter_each_scan_once(door):
    register, other = door.sync(ran_before=False), door.second(ran_before=False, report=True)
    for _ in range(3):
        door.record(2)
        assert (register.take_in(), other.take_in()) == (False, False)
        door.record(1)
        assert (other.take_in(), register.take_in()) == (False, False)
    assert door.states() == [PENDING] * 9


# --- a ledger that is not there --------------------------------------------------------------------------------------


def test_the_first_sync_of_all_delivers_what_the_gate_had_recorded_before_it(door):
    door.record(3)
    assert door.sync(ran_before=False).take_in() is False
    assert door.states() == [PENDING] * 3


def test_a_ledger_that_was_lost_puts_everything_in_doubt_and_what_comes_then_is_new(door, caplog):
    door.record(2)
    door.record(1, event=None)
    register = door.sync()
    assert register.take_in() is True
    assert door.states() == [UNKNOWN, UNKNOWN, LOCAL]
    assert "ledger was lost" in caplog.text
    door.record()
    assert register.take_in() is False
    assert door.states() == [UNKNOWN, UNKNOWN, LOCAL, PENDING]


def test_a_ledger_that_is_lost_while_the_door_is_busy_doubts_what_it_had_and_what_it_had_not(door):
    """Nobody knows any more which is which."""
    door.record(2)
    door.sync(ran_before=False).take_in()
    door.record(2)
    door.lose_ledger()
    assert door.sync().take_in() is True
    assert door.states() == [UNKNOWN] * 4


def test_sync_that_ran_before_the_gate_ever_recorded_anything_has_lost_nothing(door):
    register = door.sync()
    assert register.take_in() is False
    assert door.mark() == (0, "")
    door.record(2)
    assert register.take_in() is False
    assert door.sync().take_in() is False
    assert door.states() == [PENDING] * 2


@pytest.mark.parametrize("ran_before", [True, False])
def test_whether_something_may_be_lost_is_decided_by_the_first_sync_though_the_gate_comes_after_the_second(
    tmp_path, ran_before
):
    for ran in (ran_before, True):
        with closing(Ledger(tmp_path)) as ledger, closing(Register(tmp_path, ledger, ran_before=ran)) as register:
            register.take_in()
    with closing(Door(tmp_path)) as door:
        door.record(2)
        assert door.sync().take_in() is ran_before
        assert door.states() == [UNKNOWN if ran_before else PENDING] * 2


@pytest.mark.parametrize("lives", [0, 1, 4])
@pytest.mark.parametrize("ran_before", [True, False])
def test_a_kill_in_the_middle_of_taking_in_leaves_all_or_nothing_and_the_next_start_does_the_same(
    door, ran_before, lives
):
    door.record(5)
    with pytest.raises(Killed):
        door.sync(ran_before=ran_before, lives=lives).take_in()
    assert (door.states(), door.mark()) == ([], None)
    assert door.sync(ran_before=ran_before).take_in() is ran_before
    assert door.states() == [UNKNOWN if ran_before else PENDING] * 5


def test_a_kill_in_the_middle_of_taking_in_more_leaves_what_was_there(door):
    (first,) = door.record()
    door.sync(ran_before=False).take_in()
    door.record(4)
    with pytest.raises(Killed):
        door.sync(lives=2).take_in()
    assert (door.states(), door.mark()) == ([PENDING], (1, first.id))
    assert door.sync().take_in() is False
    assert door.states() == [PENDING] * 5


# --- a journal that is another one -----------------------------------------------------------------------------------


def test_another_journal_beside_an_old_ledger_is_noticed_at_the_start_though_it_has_more_scans(door, elsewhere, caplog):
    door.record(3)
    door.sync(ran_before=False).take_in()
    door.settle(Outcome.POSTED, Outcome.CONFIRMED)
    scans = elsewhere.record(5)
    door.stop()
    door.put_in_place(elsewhere.copy("moved"))
    assert door.sync().take_in() is True
    assert door.states() == [UNKNOWN] * 5
    assert door.mark() == (5, scans[-1].id)
    assert "another journal" in caplog.text


def test_an_empty_journal_in_the_place_of_one_that_was_lost_begins_anew_with_its_first_scan(door, elsewhere):
    door.record(3)
    door.sync(ran_before=False).take_in()
    door.stop()
    door.put_in_place(elsewhere.copy("moved"))
    register = door.sync()
    register.take_in()
    assert door.states() == []
    door.record()
    assert register.take_in() is False
    assert door.states() == [PENDING]


def test_a_journal_that_is_put_in_the_others_place_is_noticed_while_sync_runs(door, elsewhere):
    door.record(3)
    register = door.sync(ran_before=False)
    register.take_in()
    door.settle(Outcome.POSTED, Outcome.CONFIRMED)
    scans = elsewhere.record(2)
    door.put_in_place(elsewhere.copy("moved"))
    assert register.take_in() is True
    assert door.states() == [UNKNOWN] * 2
    assert register.scans([1, 2, 3]) == scans
    assert register.take_in() is False


def test_one_that_comes_in_the_middle_of_a_step_is_noticed_at_the_beginning_of_the_next(door, elsewhere):
    ours = door.record(3)
    register = door.sync(ran_before=False)
    register.take_in()
    scans = elsewhere.record(2)
    door.put_in_place(elsewhere.copy("moved"))
    assert register.scans([1, 2, 3]) == ours
    assert (register.take_in(), register.take_in()) == (True, False)
    assert register.scans([1, 2, 3]) == scans
    assert door.states() == [UNKNOWN] * 2


def test_a_journal_that_is_gone_for_a_while_and_comes_back_is_the_same_one(door):
    door.record(3)
    register = door.sync(ran_before=False)
    register.take_in()
    put_by = door.copy("put by")
    door.journal.close()
    (door.directory / journals.FILE).unlink()
    assert (register.take_in(), register.scans([1])) == (False, [])
    door.put_in_place(put_by)
    assert register.take_in() is False
    assert door.states() == [PENDING] * 3


def test_an_older_backup_of_the_journal_puts_everything_in_doubt_and_its_numbers_are_used_anew(door):
    first = door.record(3)
    backup = door.copy("backup")
    door.record(2)
    register = door.sync(ran_before=False)
    register.take_in()
    door.settle(Outcome.POSTED, Outcome.CONFIRMED)
    door.put_in_place(backup)
    assert register.take_in() is True
    assert (door.states(), door.mark()) == ([UNKNOWN] * 3, (3, first[-1].id))
    door.record(2)
    assert register.take_in() is False
    assert door.states() == [UNKNOWN] * 3 + [PENDING] * 2


def test_an_older_backup_that_has_got_new_scans_under_old_numbers_is_noticed_too(door):
    door.record(3)
    backup = door.copy("backup")
    door.record(2)
    door.sync(ran_before=False).take_in()
    door.stop()
    door.put_in_place(backup)
    door.record(4)
    assert door.sync().take_in() is True
    assert door.states() == [UNKNOWN] * 7


def test_a_backup_of_what_the_ledger_knows_doubts_nothing(door):
    door.record(3)
    backup = door.copy("backup")
    register = door.sync(ran_before=False)
    register.take_in()
    door.put_in_place(backup)
    assert register.take_in() is False
    assert door.states() == [PENDING] * 3


def test_a_kill_between_forgetting_the_old_journal_and_taking_in_the_new_one_forgets_no_doubt(door, elsewhere):
    door.record(3)
    door.sync(ran_before=False).take_in()
    elsewhere.record(5)
    door.stop()
    door.put_in_place(elsewhere.copy("moved"))
    with pytest.raises(Killed):
        door.sync(lives=2).take_in()
    assert door.states() == []
    assert door.sync().take_in() is True
    assert door.states() == [UNKNOWN] * 5


def test_another_journal_is_told_to_both_threads_whoever_notices_it_first(door, elsewhere):
    """A look that goes on with the windows of the old journal would take scans of the new one for missing."""
    door.record(3)
    register, other = door.sync(ran_before=False), door.second(report=True)
    register.take_in()
    other.take_in()
    elsewhere.record(5)
    door.put_in_place(elsewhere.copy("moved"))
    assert (other.take_in(), register.take_in()) == (True, True)


# --- reports ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason is not Reason.OK])
def test_only_codes_that_no_ticket_has_are_reported(door, reason):
    door.scan("NOBODYKNOWS", None, reason)
    door.sync(ran_before=False, report=True).take_in()
    wanted = reason in {Reason.UNKNOWN, Reason.UNKNOWN_STALE}
    assert door.states() == [PENDING if wanted else LOCAL]
    assert door.reported() == ([1] if wanted else [])


@pytest.mark.parametrize(
    ("code", "wanted"),
    [("LONGENOUGH", True), ("EIGHTLET", True), ("SEVENLE", False), ("X" * 128, True), ("X" * 129, False),
     ("https://example.org/a", False), ("..........", False), ("TAB\tTAB\tTAB", False)],
)  # fmt: skip
def test_only_what_a_ticket_could_have_is_reported(door, code, wanted):
    door.scan(code)
    door.sync(ran_before=False, report=True).take_in()
    assert (door.states(), door.reported()) == (([PENDING], [1]) if wanted else ([LOCAL], []))


def test_a_scan_of_a_ticket_goes_to_the_scans_service_whatever_its_reason(door):
    door.record(1, "fest", Reason.UNKNOWN_STATUS)
    door.record(1, "fest", Reason.WRONG_EVENT)
    door.sync(ran_before=False, report=True).take_in()
    assert (door.states(), door.reported()) == ([PENDING] * 2, [])


def test_without_being_told_to_nothing_is_reported_and_later_only_what_comes_later(door):
    door.scan("NOBODYKNOWS")
    door.sync(ran_before=False).take_in()
    assert (door.states(), door.reported()) == ([LOCAL], [])
    door.scan("NOBODYKNOWS")
    door.sync(report=True).take_in()
    assert (door.states(), door.reported()) == ([LOCAL, PENDING], [2])


def test_a_report_that_may_have_been_made_already_is_not_made_again(door):
    """Nobody could look it up."""
    door.scan("NOBODYKNOWS")
    door.record()
    assert door.sync(report=True).take_in() is True
    assert door.states() == [LOCAL, UNKNOWN]


# --- a ledger of version 1 -------------------------------------------------------------------------------------------


@pytest.fixture
def old(door: Door) -> Door:
    """A door whose ledger the first release has made: it knows neither events nor its journal."""
    door.record(1, "fest")
    door.record(2, "gala")
    door.record(1, event=None)
    rows = [(1, "unknown"), (2, "unknown"), (3, "acked"), (4, "local")]
    first = Schema(ledgers.SCHEMA.name, ledgers.SCHEMA.steps[:1])
    with closing(open_for_writing(door.directory / ledgers.FILE, first, "FULL")) as database:
        database.executemany("INSERT INTO delivery VALUES (?, ?, NULL)", rows)
    return door


def test_the_rows_of_version_1_get_their_events_and_nothing_falls_into_doubt(old):
    assert old.sync().take_in() is False
    assert old.states() == [UNKNOWN, UNKNOWN, ACKED, LOCAL]
    with closing(Ledger(old.directory)) as ledger:
        assert ledger.unknown() == [Unknown("fest", 1, 1), Unknown("gala", 2, 2)]
        assert ledger.unplaced() == []


def test_a_ledger_of_version_1_knows_its_journal_from_the_next_scan_on(old):
    register = old.sync()
    (newest,) = old.record()
    assert register.take_in() is False
    assert old.mark() == (5, newest.id)
    assert old.states()[-1] is PENDING


def test_a_ledger_of_version_1_knows_its_journal_at_once(old, elsewhere):
    """Else one that is put in its place meanwhile passes for it, and its first scans for delivered."""
    old.sync().take_in()
    old.stop()
    elsewhere.record(6)
    old.put_in_place(elsewhere.copy("moved"))
    assert old.sync().take_in() is True
