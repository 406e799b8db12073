"""What happened at the door: every scan once, in order, for ever, whatever happens to the process."""

import itertools
import json
import random
import re
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import uuid
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk import decode
from kiosk.errors import NoListYet, NotRecorded, StoreError, TooNew
from kiosk.model import ClockQuality, Direction, Moment, Passage, Reading, Reason, Result, Ticket, Verdict
from kiosk.pulse import DEAD_AFTER_S
from kiosk.store import database as files
from kiosk.store import journal as journals
from kiosk.store import past
from kiosk.store.journal import Journal

AT = datetime(2026, 6, 1, 19, 30, tzinfo=UTC)
TICKET = Ticket(
    "t-1", "TKT1", "e-1", "type-1", "Standing", "Ada Löwe", "VALID", area="A", row="1", seat="2",
    parent_event_id="series", seller_id="shop",
)  # fmt: skip


def moment(seconds: float = 0.0, *, wall_s: float | None = None, boot: str = "boot-1") -> Moment:
    """This many seconds into the evening, by the clock since boot and, unless it says otherwise, by the wall clock."""
    at = AT + timedelta(seconds=seconds if wall_s is None else wall_s)
    return Moment(at, 10**12 + int(seconds * 1e9), boot, ClockQuality.SYNCED)


def reading(code: str = "TKT1", when: Moment | None = None, lane: str = "left") -> Reading:
    return Reading(lane, code, code.encode(), when or moment())


def approved(ticket: Ticket = TICKET, direction: Direction = Direction.CHECKIN, reason: Reason = Reason.OK) -> Verdict:
    return Verdict(direction, Result.APPROVED, reason, ticket)


DECLINED = Verdict(Direction.CHECKIN, Result.DECLINED, Reason.UNKNOWN)
UNREADABLE = Verdict(Direction.CHECKIN, Result.DECLINED, Reason.UNREADABLE, facts={"flaw": decode.NOT_TEXT})


def everything(directory):
    with closing(journals.reader(directory)) as database:
        return list(past.scans_after(database, 0))


# --- appended, and read back -----------------------------------------------------------------------------------------


def test_a_scan_is_read_back_as_it_was_appended_with_the_ticket_as_it_was_then(journal, seen):
    verdict = replace(approved(), facts={"at": "2026-06-01T19:00:00+00:00", "gate": "Süd"})
    scan = journal.append(reading(), verdict)
    assert past.scans(seen, [1]) == [scan]
    assert (scan.seq, scan.device_id, scan.lane, scan.barcode) == (1, "gate-1", "left", "TKT1")
    assert scan.at == scan.moment.at == AT
    assert scan.deliverable


def test_a_scan_without_a_ticket_is_read_back_without_one(journal, seen):
    scan = journal.append(reading("NOBODY"), DECLINED)
    assert past.scans(seen, [1]) == [scan]
    assert not scan.deliverable


@pytest.mark.parametrize("reason", Reason)
@pytest.mark.parametrize("direction", Direction)
def test_every_reason_and_direction_is_read_back(journal, seen, reason, direction):
    for result in Result:
        journal.append(reading(), Verdict(direction, result, reason))
    found = [scan.verdict for scan in past.scans(seen, [1, 2])]
    assert found == [Verdict(direction, result, reason) for result in Result]


@pytest.mark.parametrize("quality", ClockQuality)
def test_the_three_clocks_are_read_back(journal, seen, quality):
    when = Moment(AT, 123_456_789_012_345, "another boot", quality)
    journal.append(reading(when=when), DECLINED)
    assert past.scans(seen, [1])[0].moment == when


@pytest.mark.parametrize(
    "raw", [b"AB\xff\xfeCD", b"\xc3", b"\0\x01", b"\xff" * 100, b"K" * 3000, "€".encode() * 600, b'"; DROP TABLE scan']
)
def test_every_reading_is_a_row_and_an_unreadable_one_keeps_its_bytes(journal, seen, raw):
    found = decode.whole(raw, "left", moment())
    assert found is not None
    scan = journal.append(found, UNREADABLE if found.flaw else DECLINED)
    (kept,) = past.scans(seen, [1])
    assert kept == scan
    assert (kept.raw if kept.raw is not None else kept.barcode.encode()) == found.raw
    assert (kept.raw is None) == (found.raw == found.code.encode())  # what is text is not kept twice


@settings(max_examples=30, deadline=None)
@given(codes=st.lists(st.text(st.characters(codec="utf-8"), min_size=1), min_size=1, max_size=20))
def test_any_text_is_a_code(tmp_path_factory, codes):
    directory = tmp_path_factory.mktemp("journal")
    with closing(Journal(directory, "gate-1")) as journal:
        for code in codes:
            journal.append(reading(code), DECLINED)
    assert [(scan.barcode, scan.raw) for scan in everything(directory)] == [(code, None) for code in codes]


def test_a_restarted_journal_goes_on_where_it_stopped(tmp_path):
    for number in range(1, 4):
        with closing(Journal(tmp_path, "gate-1")) as journal:
            assert journal.append(reading(when=moment(wall_s=-number)), DECLINED).seq == number
    times = [scan.at for scan in everything(tmp_path)]
    assert times == sorted(set(times))


# --- one time, one name ----------------------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(
    steps=st.lists(st.floats(-7200, 7200), min_size=1, max_size=30),
    restarts=st.sets(st.integers(0, 30)),
)
def test_times_and_names_rise_with_the_order_whatever_the_wall_clock_does(tmp_path_factory, steps, restarts):
    directory = tmp_path_factory.mktemp("journal")
    walls = list(itertools.accumulate(steps))
    journal = Journal(directory, "gate-1")
    for number, wall_s in enumerate(walls):
        if number in restarts:
            journal.close()
            journal = Journal(directory, "gate-1")
        journal.append(reading(when=moment(number, wall_s=wall_s)), DECLINED)
    journal.close()
    found = everything(directory)
    assert [scan.seq for scan in found] == list(range(1, len(walls) + 1))
    assert all(earlier.at < later.at for earlier, later in itertools.pairwise(found))
    assert all(earlier.id < later.id for earlier, later in itertools.pairwise(found))
    assert [scan.moment.at for scan in found] == [
        files.from_ms(files.to_ms(AT + timedelta(seconds=wall_s))) for wall_s in walls
    ]  # what the wall clock said is kept beside it


def test_many_scans_within_one_millisecond_each_have_a_time_of_their_own(journal):
    found = [journal.append(reading(when=moment()), DECLINED) for _ in range(200)]
    assert [scan.at - AT for scan in found] == [timedelta(milliseconds=n) for n in range(200)]
    caught_up = journal.append(reading(when=moment(1)), DECLINED)
    assert caught_up.at == AT + timedelta(seconds=1)


def test_a_scan_is_named_by_a_version_7_uuid_of_its_time(journal):
    found = [journal.append(reading(when=moment()), DECLINED) for _ in range(50)]
    names = [uuid.UUID(scan.id) for scan in found]
    assert [str(name) for name in names] == [scan.id for scan in found]
    assert {(name.version, name.variant) for name in names} == {(7, uuid.RFC_4122)}
    assert [name.int >> 80 for name in names] == [files.to_ms(scan.at) for scan in found]
    chance = [name.int & (1 << 62) - 1 for name in names]
    assert len({value >> 40 for value in chance}) > 40  # neither counted nor derived from the time
    assert len({name.int >> 64 & 0xFFF for name in names}) > 40


# --- never changed, never removed ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE scan SET result = 'approved' WHERE seq = 1",
        "DELETE FROM scan",
        "DELETE FROM scan WHERE seq = 2",
        "REPLACE INTO scan SELECT * FROM scan WHERE seq = 1",
    ],
)
def test_no_program_can_change_or_remove_a_scan(journal, tmp_path, statement):
    for code in ("A", "B"):
        journal.append(reading(code), DECLINED)
    before = everything(tmp_path)
    with closing(sqlite3.connect(tmp_path / journals.FILE)) as anybody:
        with pytest.raises(sqlite3.IntegrityError, match="append-only"):
            anybody.execute(statement)
        anybody.rollback()
    assert everything(tmp_path) == before


# --- on disk before it is told ---------------------------------------------------------------------------------------

APPENDING = """
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from kiosk.errors import NotRecorded
from kiosk.model import Direction, Moment, Reading, Reason, Result, Verdict
from kiosk.store.journal import Journal

journal = Journal(Path(sys.argv[1]), "gate-1")
verdict = Verdict(Direction.CHECKIN, Result.DECLINED, Reason.UNKNOWN)
print("ready", flush=True)
for number in range(int(sys.argv[2])):
    reading = Reading("left", f"K{number}", f"K{number}".encode(), Moment(datetime.now(UTC), number, "boot"))
    try:
        words = f"acknowledged {journal.append(reading, verdict).id}"
    except NotRecorded as error:
        words = f"lost {error}"
    os.write(1, words.encode() + b"\\n")
journal.close()
"""


def appending(directory, number: int, *before: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*before, sys.executable, "-c", APPENDING, str(directory), str(number)], stdout=subprocess.PIPE, text=True
    )


def test_kill_9_loses_no_acknowledged_scan_and_leaves_no_gap(tmp_path):
    chance = random.Random(7)
    acknowledged: list[str] = []
    for _ in range(12):
        with appending(tmp_path, 10**6) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            told = itertools.islice(process.stdout, chance.randrange(40))
            acknowledged += [line.split()[1] for line in told]
            process.send_signal(signal.SIGKILL)
            acknowledged += [line.split()[1] for line in process.stdout if line.endswith("\n")]
    found = everything(tmp_path)
    names = [scan.id for scan in found]
    assert set(acknowledged) <= set(names)
    assert len(names) - len(acknowledged) <= 12  # at most the one under way at each kill
    assert [scan.seq for scan in found] == list(range(1, len(found) + 1))
    assert names == sorted(set(names))
    assert [scan.at for scan in found] == sorted({scan.at for scan in found})


@pytest.mark.needs("strace")
def test_every_appended_scan_costs_one_sync_which_ends_before_it_is_acknowledged(tmp_path):
    Journal(tmp_path, "gate-1").close()
    calls = tmp_path / "calls"
    trace = "trace=fsync,fdatasync,sync_file_range,msync,sync,syncfs,write"
    with appending(tmp_path, 20, "strace", "-y", "-e", trace, "-o", str(calls)) as process:
        process.communicate()
    log = re.compile(r'(?P<sync>sync)\(\d+<\S*journal\.db-wal>\) += 0|(?P<other>sync)|(?P<told>"acknowledged )')
    happened = [found.lastgroup for found in map(log.search, calls.read_text().splitlines()) if found]
    first, last = happened.index("told"), len(happened) - happened[::-1].index("told")
    assert "sync" in happened[:first]  # the first scan also makes the log
    assert happened[first + 1 : last] == ["sync", "told"] * 19


@pytest.mark.needs("strace")
@pytest.mark.parametrize(
    ("fault", "lost"),
    [
        ("fdatasync:error=EIO:when=4", 1), ("fdatasync:error=EIO:when=4..6", 3), ("pwrite64:error=EIO:when=20", 1),
        ("pwrite64:error=ENOSPC:when=20", 0),  # the ballast is given up for it
        ("pwrite64:error=ENOSPC:when=20..22", 2), ("fdatasync:error=ENOSPC:when=4", 1),
    ],
)  # fmt: skip
def test_a_sync_or_a_write_that_fails_is_a_scan_not_recorded_and_the_next_ones_are(tmp_path, fault, lost):
    Journal(tmp_path, "gate-1").close()
    with appending(tmp_path, 12, "strace", "-o", "/dev/null", "-e", f"inject={fault}") as process:
        assert process.stdout is not None
        told = [line.split() for line in process.stdout]
    assert [words[0] for words in told].count("lost") == lost
    assert [words[0] for words in told].count("acknowledged") == 12 - lost
    found = everything(tmp_path)
    assert [scan.id for scan in found] == [words[1] for words in told if words[0] == "acknowledged"]
    assert [scan.seq for scan in found] == list(range(1, 13 - lost))


def refuses(journal: Journal, code: str = "LOST") -> bool:
    try:
        journal.append(reading(code), DECLINED)
    except NotRecorded:
        return True
    return False


def test_a_full_disk_is_not_recorded_and_the_next_scan_after_it_is(journal, tmp_path):
    journal.append(reading("BEFORE"), DECLINED)
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, ((tmp_path / "journal.db-wal").stat().st_size, usual[1]))
    try:
        assert [refuses(journal) for _ in range(3)] == [True] * 3
        assert journal.history(TICKET) == []  # what is on disk can still be asked
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)
    assert journal.append(reading("AFTER"), DECLINED).seq == 2
    assert [scan.barcode for scan in everything(tmp_path)] == ["BEFORE", "AFTER"]


def test_a_journal_that_may_not_grow_keeps_what_it_has_and_goes_on_when_it_may(journal, tmp_path):
    journal._database.execute("PRAGMA max_page_count = 1")  # SQLite takes the number of pages there are
    kept = list(itertools.takewhile(lambda code: not refuses(journal, code), (f"K{n}" + "x" * 500 for n in range(100))))
    assert len(kept) < 100
    assert refuses(journal, "x" * 500)
    journal._database.execute("PRAGMA max_page_count = 100000")
    assert not refuses(journal, "AFTER")
    assert [scan.barcode for scan in everything(tmp_path)] == [*kept, "AFTER"]
    assert [scan.seq for scan in everything(tmp_path)] == list(range(1, len(kept) + 2))


def test_after_a_scan_that_could_not_be_recorded_a_pause_tells_whether_one_can_be_again(journal, tmp_path):
    journal.append(reading("BEFORE"), DECLINED)
    journal.rest(moment(0))
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, ((tmp_path / "journal.db-wal").stat().st_size, usual[1]))
    try:
        journal.rest(moment(1))  # nothing was refused yet: nothing is tried
        assert refuses(journal)
        for second in (2, 3):
            with pytest.raises(NotRecorded):
                journal.rest(moment(second))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)
    journal.rest(moment(4))
    assert [scan.barcode for scan in everything(tmp_path)] == ["BEFORE"]


def test_a_file_that_somebody_holds_is_given_up_before_the_gate_looks_dead_and_taken_up_again(journal, tmp_path):
    with closing(sqlite3.connect(tmp_path / journals.FILE, isolation_level=None)) as somebody:
        somebody.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        with pytest.raises(NotRecorded, match="locked"):
            journal.append(reading("LOST"), DECLINED)
        assert time.monotonic() - began < DEAD_AFTER_S
        somebody.execute("ROLLBACK")
        assert journal.append(reading("KEPT"), DECLINED).seq == 1
    assert [scan.barcode for scan in everything(tmp_path)] == ["KEPT"]


def test_a_file_that_somebody_holds_for_a_moment_is_waited_for(journal, tmp_path):
    with closing(sqlite3.connect(tmp_path / journals.FILE, isolation_level=None, check_same_thread=False)) as somebody:
        somebody.execute("BEGIN IMMEDIATE")
        letting_go = threading.Timer(0.1, somebody.execute, ["ROLLBACK"])
        letting_go.start()
        assert journal.append(reading("KEPT"), DECLINED).seq == 1
        letting_go.join()


# --- files that are not what they should be --------------------------------------------------------------------------


def test_a_reader_before_the_gate_ever_ran_hears_so(tmp_path):
    with pytest.raises(NoListYet):
        journals.reader(tmp_path)


def test_code_older_than_its_journal_refuses(tmp_path):
    Journal(tmp_path, "gate-1").close()
    with closing(sqlite3.connect(tmp_path / journals.FILE)) as newer:
        newer.execute("PRAGMA user_version = 99")
    before = (tmp_path / journals.FILE).read_bytes()
    with pytest.raises(TooNew, match=r"journal\.db has version 99"):
        Journal(tmp_path, "gate-1")
    with pytest.raises(TooNew):
        journals.reader(tmp_path)
    assert (tmp_path / journals.FILE).read_bytes() == before


def destroy(directory, name: str) -> None:
    """Overwrite the first page of a table or an index, as a dying card does."""
    file = directory / journals.FILE
    with closing(sqlite3.connect(file)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        (page,) = database.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (name,)).fetchone()
        (size,) = database.execute("PRAGMA page_size").fetchone()
    with file.open("r+b") as damaged:
        damaged.seek((page - 1) * size)
        damaged.write(b"\xff" * size)


def test_a_journal_that_cannot_be_read_at_the_start_is_an_error_of_the_store(tmp_path):
    with closing(Journal(tmp_path, "gate-1")) as journal:
        journal.append(reading(), approved())
    destroy(tmp_path, "scan")
    with pytest.raises(StoreError, match=r"journal\.db"):
        Journal(tmp_path, "gate-1")


def test_a_history_that_cannot_be_read_is_not_recorded_rather_than_forgotten(tmp_path):
    with closing(Journal(tmp_path, "gate-1")) as journal:
        journal.append(reading(), approved())
    destroy(tmp_path, "scan_by_ticket")
    with closing(Journal(tmp_path, "gate-1")) as journal:
        with pytest.raises(NotRecorded):
            journal.history(TICKET)
        with pytest.raises(NotRecorded):
            journal.append(reading(), approved())


# --- what the gate asks ----------------------------------------------------------------------------------------------


def test_the_history_of_a_ticket_is_its_approved_scans_in_the_order_they_were_made(journal):
    other = replace(TICKET, id="t-2")
    refused = Verdict(Direction.CHECKIN, Result.DECLINED, Reason.ALREADY_IN, TICKET)
    journal.append(reading(when=moment(0)), approved())
    journal.append(reading(when=moment(1)), refused)
    journal.append(reading(when=moment(2, wall_s=-3600)), approved(direction=Direction.CHECKOUT))
    journal.append(reading(when=moment(3)), approved(other))
    assert journal.history(TICKET) == [
        Passage(Direction.CHECKIN, AT, "gate-1"),
        Passage(Direction.CHECKOUT, AT + timedelta(milliseconds=1001), "gate-1"),
    ]
    assert journal.history(replace(TICKET, id="t-3")) == []


def test_what_is_recent_is_of_this_boot_and_readable_and_in_order(journal):
    journal.append(reading("OTHERBOOT", moment(9, boot="boot-0")), DECLINED)
    journal.append(reading("OLD", moment(0)), DECLINED)
    journal.append(reading("FIRST", moment(5)), DECLINED)
    journal.append(reading("TORN", moment(6)), UNREADABLE)
    journal.append(reading("LAST", moment(7)), approved())
    assert [scan.barcode for scan in journal.recent("boot-1", moment(5).boottime_ns)] == ["FIRST", "LAST"]
    assert [scan.barcode for scan in journal.recent("boot-1", moment(8).boottime_ns)] == []


def test_looking_back_is_bounded_however_much_there_is(journal):
    for number in range(journals.RECENT + 20):
        journal.append(reading(f"K{number}"), DECLINED)
    found = journal.recent("boot-1", 0)
    assert journals.RECENT <= len(found) <= journals.RECENT + 1
    assert found[-1].barcode == f"K{journals.RECENT + 19}"


def in_the_main_file(directory) -> int:
    """How many scans are there without the write-ahead log."""
    alone = directory / "alone.db"
    shutil.copy(directory / journals.FILE, alone)
    with closing(sqlite3.connect(alone)) as database:
        return database.execute("SELECT count(*) FROM scan").fetchone()[0]


def test_a_pause_folds_the_log_in_once_it_is_long_and_a_reader_does_not_keep_it_from_that(tmp_path):
    long = journals.PAGES_BEFORE_CHECKPOINT // 2
    Journal(tmp_path, "gate-1").close()
    with closing(Journal(tmp_path, "gate-1")) as journal, closing(journals.reader(tmp_path)) as seen:
        for _ in range(long - 1):
            journal.append(reading(), DECLINED)
        journal.rest(moment())
        assert in_the_main_file(tmp_path) == 0  # not worth it yet
        journal.append(reading(), DECLINED)
        assert past.last_seq(seen) == long
        journal.rest(moment())
        assert in_the_main_file(tmp_path) == long


def test_a_pause_while_somebody_reads_does_not_fail(journal, tmp_path, seen):
    for _ in range(journals.PAGES_BEFORE_CHECKPOINT // 2):
        journal.append(reading(), DECLINED)
    seen.execute("BEGIN")
    past.last_seq(seen)
    journal.rest(moment())
    seen.execute("COMMIT")
    assert len(everything(tmp_path)) == journals.PAGES_BEFORE_CHECKPOINT // 2


# --- what the others ask ---------------------------------------------------------------------------------------------


def test_facts_are_kept_as_json_that_any_tool_can_read(journal, seen):
    journal.append(reading(), replace(DECLINED, facts={"gate": 'Süd "1"'}))
    assert json.loads(seen.execute("SELECT facts FROM scan").fetchone()[0]) == {"gate": 'Süd "1"'}
