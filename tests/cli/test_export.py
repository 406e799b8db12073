"""The journal as a file: every scan, under its name only when it is whole, and harmless in a spreadsheet."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import resource
import signal
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.cli.export import ENDINGS, FIELDS, FORMULA, _write_table
from kiosk.model import Direction, Moment, Reading, Reason, Result, Ticket, Verdict
from kiosk.store.journal import Journal

START = datetime(2030, 1, 23, 23, tzinfo=UTC)
TICKET = Ticket("t-1", "CODE00001", "fest", "standing", "Standing", 'Ada "Löwe", née King')
ADMITTED = Verdict(Direction.CHECKIN, Result.APPROVED, Reason.OK, TICKET)
UNKNOWN = Verdict(Direction.CHECKIN, Result.DECLINED, Reason.UNKNOWN)


@pytest.fixture
def record(kiosk):
    """Write scans as a gate does, which is not running."""
    kiosk.data_dir.mkdir()

    def write(*codes: str, verdict: Verdict = UNKNOWN) -> None:
        with closing(Journal(kiosk.data_dir, "gate-north-1")) as journal:
            for number, code in enumerate(codes):
                moment = Moment(START + timedelta(milliseconds=number), number, "boot")
                journal.append(Reading("left", code, code.encode(), moment), verdict)

    return write


def lines(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


# --- what is in it ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", [ending for ending, form in ENDINGS.items() if form == "jsonl"])
def test_json_lines_are_what_kiosk_scans_says(kiosk, record, tmp_path, ending):
    record("CODE00001", verdict=ADMITTED)
    record("=cmd", "Ünïcode", "tab\tnew\nline")
    file = tmp_path / f"scans{ending.upper()}"
    done = kiosk.call("export", str(file))
    assert lines(file.read_text(encoding="utf-8")) == lines(kiosk.call("scans", "--json").stdout)
    assert (done.stdout, done.stderr) == ("", f"4 scans are in {file}\n")


def test_a_table_has_every_field_under_the_same_names_and_opens_in_a_spreadsheet(kiosk, record, tmp_path):
    record("CODE00001", verdict=ADMITTED)
    record("Ünïcode")
    file = tmp_path / "scans.csv"
    kiosk.call("export", str(file))
    assert file.read_bytes().startswith(b"\xef\xbb\xbfseq,time,barcode,")
    said = lines(kiosk.call("scans", "--json").stdout)
    assert list(said[0]) == list(FIELDS)
    told = [{name: "" if value is None else str(value) for name, value in row.items()} for row in said]
    assert table(file.read_text(encoding="utf-8-sig")) == told


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r"])
def test_a_cell_that_a_spreadsheet_would_calculate_is_shown_instead(kiosk, record, begin):
    record(f"{begin}1+1", f"1{begin}1")
    found = table(kiosk.call("export", "-", "--format", "csv").stdout.removeprefix("\ufeff"))
    assert [row["barcode"][:2] for row in found] == [f"'{begin}".replace("\r", "\n"), f"1{begin}".replace("\r", "\n")]


@given(st.lists(st.text(st.characters(codec="utf-8")), min_size=1, max_size=5))
def test_whatever_a_cell_holds_no_cell_of_a_table_begins_a_formula_and_all_of_it_is_there(texts):
    file = io.StringIO(newline="")
    _write_table(file, [dict.fromkeys(FIELDS, text) for text in texts])
    read = list(csv.reader(io.StringIO(file.getvalue(), newline="")))[1:]
    assert not any(cell.startswith(FORMULA) for row in read for cell in row)
    assert [set(row) for row in read] == [{f"'{text}" if text.startswith(FORMULA) else text} for text in texts]


def test_the_help_tells_of_the_apostrophe(kiosk):
    assert "apostrophe" in kiosk.call("export", "--help").stdout


def test_only_what_came_after_a_scan_is_exported_if_that_is_asked_for(kiosk, record):
    record(*[f"K{number}" for number in range(1203)])
    found = lines(kiosk.call("export", "-", "--format", "jsonl", "--since", "1200").stdout)
    assert [row["seq"] for row in found] == [1201, 1202, 1203]
    assert len(lines(kiosk.call("export", "-", "--format", "jsonl").stdout)) == 1203


def test_a_kiosk_that_was_never_at_a_door_exports_nothing_but_the_header(kiosk, tmp_path):
    file = tmp_path / "scans.csv"
    assert "0 scans" in kiosk.call("export", str(file)).stderr
    assert file.read_text(encoding="utf-8-sig") == ",".join(FIELDS) + "\n"
    assert kiosk.call("export", "-", "--format", "jsonl").stdout == ""


def test_it_works_while_everything_runs(kiosk, valid, eventually, tmp_path):
    kiosk.call("sync", "--once")
    for program in ("sync", "display"):
        kiosk.start(program)
    kiosk.open_gate()
    kiosk.scan(valid[0]["barcode"])
    eventually("it is delivered", lambda: [scan["delivery"] for scan in kiosk.scans()] == ["acked"])
    kiosk.call("export", str(tmp_path / "scans.jsonl"))
    assert lines((tmp_path / "scans.jsonl").read_text(encoding="utf-8")) == kiosk.scans()


# --- whole or not at all ---------------------------------------------------------------------------------------------


def test_a_file_that_is_there_is_left_alone_unless_it_is_to_be_replaced(kiosk, record, tmp_path):
    record("CODE00001")
    file = tmp_path / "scans.jsonl"
    file.write_text("precious", encoding="ascii")
    file.chmod(0o644)
    done = kiosk.call("export", str(file), check=False)
    assert (done.returncode, file.read_text(encoding="ascii")) == (1, "precious")
    assert "--force" in done.stderr
    kiosk.call("export", str(file), "--force")
    assert len(lines(file.read_text(encoding="utf-8"))) == 1
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_file_is_for_its_owner_only_whatever_the_umask_is(kiosk, record, tmp_path):
    record("CODE00001")
    kiosk.call("export", str(tmp_path / "scans.csv"), umask=0)
    assert stat.S_IMODE((tmp_path / "scans.csv").stat().st_mode) == 0o600


def test_a_disk_that_is_full_leaves_no_half_a_file(kiosk, record, tmp_path):
    record(*[f"K{number}" for number in range(500)])
    there = sorted(tmp_path.iterdir())

    def full() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))

    done = kiosk.call("export", str(tmp_path / "scans.csv"), check=False, preexec_fn=full)
    assert done.returncode == 1
    assert done.stderr.endswith("could not be written: File too large\n")
    assert sorted(tmp_path.iterdir()) == there


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_an_export_that_is_stopped_leaves_nothing_under_its_name(kiosk, record, tmp_path, eventually, number):
    record("CODE00001")
    with closing(sqlite3.connect(kiosk.data_dir / "journal.db", isolation_level=None)) as journal:
        journal.execute(
            "WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 200000) INSERT INTO scan "
            "(seq, id, device_id, lane, time_ms, wall_ms, boot_id, boottime_ns, clock, barcode, type, result, reason) "
            "SELECT i, i, 'gate', 'left', i, i, 'boot', i, 'synced', 'K', 'checkin', 'declined', 'unknown' FROM n"
        )
    file = tmp_path / "out" / "scans.jsonl"
    file.parent.mkdir()
    command = [sys.executable, "-m", "kiosk", "export", str(file), "--config", str(kiosk.file), "--allow-volatile"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        eventually("it is at work", lambda: any(draft.stat().st_size for draft in file.parent.iterdir()))
        process.send_signal(number)
        process.wait(2)
    assert not file.exists()
    assert number == signal.SIGKILL or list(file.parent.iterdir()) == []
    assert process.returncode == (-number if number == signal.SIGKILL else 1)


@pytest.mark.needs("strace")
def test_the_file_is_on_disk_before_it_has_its_name(kiosk, record, tmp_path):
    record("CODE00001")
    log = tmp_path / "calls"
    command = ["strace", "-f", "-y", "-e", "trace=fsync,rename", "-o", str(log), sys.executable, "-m", "kiosk"]
    subprocess.run(
        [*command, "export", str(tmp_path / "scans.csv"), "--config", str(kiosk.file), "--allow-volatile"],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    calls = [line for line in log.read_text().splitlines() if str(tmp_path) in line and "data" not in line]
    assert [line.split()[1].split("(")[0] for line in calls] == ["fsync", "rename", "fsync"]


def test_a_journal_that_is_not_up_to_date_is_not_taken_for_an_empty_one(kiosk, record, tmp_path):
    record("CODE00001")
    with closing(sqlite3.connect(kiosk.data_dir / "journal.db")) as journal:
        journal.execute("PRAGMA user_version = 1")
    done = kiosk.call("export", str(tmp_path / "scans.csv"), check=False)
    assert done.returncode == 1
    assert "up to date" in done.stderr
    assert not (tmp_path / "scans.csv").exists()


def test_a_damaged_journal_is_said_and_leaves_no_half_a_file(kiosk, record, tmp_path):
    record(*[f"K{number}" for number in range(2000)])
    file = kiosk.data_dir / "journal.db"
    sound = file.read_bytes()
    file.write_bytes(sound[: len(sound) // 2] + b"\xff" * (len(sound) // 2))
    done = kiosk.call("export", str(tmp_path / "scans.csv"), check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("kiosk: journal.db: ")
    assert not (tmp_path / "scans.csv").exists()


# --- what is asked for -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "word"),
    [(["scans.xlsx"], "ending"), (["scans"], "--format"), (["-"], "--format"), (["-", "--format", "xml"], "jsonl")],
    ids=str,
)
def test_an_export_of_no_known_form_is_a_wrong_call(kiosk, tmp_path, arguments, word):
    done = kiosk.call("export", *arguments, check=False, cwd=tmp_path)
    assert done.returncode == 2
    assert word in done.stderr


def test_the_form_that_is_said_wins_over_the_ending(kiosk, record, tmp_path):
    record("CODE00001")
    kiosk.call("export", str(tmp_path / "scans.txt"), "--format", "jsonl")
    assert len(lines((tmp_path / "scans.txt").read_text(encoding="utf-8"))) == 1


@pytest.mark.parametrize("name", ["pipe.csv", "nonexistent/scans.csv"])
def test_where_no_file_can_be_nothing_is_written(kiosk, tmp_path, name):
    os.mkfifo(tmp_path / "pipe.csv")
    done = kiosk.call("export", str(tmp_path / name), "--force", check=False)
    assert done.returncode == 1
    assert name in done.stderr
    assert (tmp_path / "pipe.csv").is_fifo()


def test_on_a_terminal_a_long_journal_shows_how_far_it_is(kiosk, record, tmp_path):
    record(*[f"K{number}" for number in range(600)])
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "kiosk", "export", str(tmp_path / "scans.csv"), "--config", str(kiosk.file)]
    with subprocess.Popen([*command, "--allow-volatile"], stderr=slave, env={**os.environ, "TERM": "xterm"}):
        os.close(slave)
        said = b""
        while chunk := _read(master):
            said += chunk
    os.close(master)
    assert b"exporting" in said
    assert b"600 scans" in said


def _read(master: int) -> bytes:
    try:
        return os.read(master, 4096)
    except OSError:  # the other side has closed it
        return b""
