"""`kiosk clock`: somebody says what time it is."""

from __future__ import annotations

import json
import os
from contextlib import closing

import pytest

from kiosk import clock
from kiosk.model import Anchor, Source
from kiosk.store import audit
from kiosk.store.journal import Journal


def left(kiosk) -> dict[str, object]:
    found: dict[str, object] = json.loads((kiosk.runtime_dir / "operator-clock.json").read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize(
    ("said", "utc_ms"),
    [
        ("2026-06-01 19:30", 1_780_335_000_000),
        ("2026-06-01T19:30:05", 1_780_335_005_000),
        ("2026-06-01 19:30+00:00", 1_780_342_200_000),
    ],
)
def test_a_time_is_local_time_unless_it_has_an_offset_and_is_left_for_the_gate(kiosk, said, utc_ms):
    done = kiosk.call("clock", "set", said, env={**os.environ, "TZ": "Europe/Berlin"})
    assert "the gate takes it up when it starts" in done.stderr
    found = left(kiosk)
    assert (found["utc_ms"], found["boot_id"]) == (utc_ms, clock.boot_id())
    assert 0 < found["boottime_ns"] < clock.boottime_ns()


@pytest.mark.parametrize(
    "said", ["", "19:30", "yesterday", "2026-06-01", "1970-01-01 00:00", "2300-01-01", "9999-12-31T23:59-12:00"]
)
def test_what_is_no_time_of_today_is_refused_and_nothing_is_left(kiosk, said):
    done = kiosk.call("clock", "set", said, check=False)
    assert done.returncode == 2
    assert "needs a time" in done.stderr.lower()
    assert not (kiosk.runtime_dir / "operator-clock.json").exists()


def test_a_running_gate_takes_it_up_and_status_tells_who_said_it(kiosk, eventually):
    assert "the gate is not running" in kiosk.call("clock").stdout
    kiosk.open_gate()
    kiosk.call("clock", "set", "2026-06-01 19:30")
    eventually("it is taken up", lambda: kiosk.status()["clockAnchor"] is not None, 10)
    assert kiosk.status()["clock"] in {"guessed", "rtc", "synced"}
    assert "the time is known by" in kiosk.call("clock").stdout
    assert "the time is known by" in kiosk.call("status").stdout


def test_who_said_it_is_written_down(kiosk):
    kiosk.data_dir.mkdir()
    kiosk.call("clock", "set", "2026-06-01 19:30+00:00")
    (row,) = audit.read(kiosk.data_dir)
    assert (row["action"], row["to"], row["program"]) == ("clock set", "2026-06-01T19:30:00.000Z", "kiosk clock")


def test_a_word_that_counts_for_nothing_is_taken_and_that_is_said(kiosk):
    assert "does not count" not in kiosk.call("clock", "set", "2026-06-01 19:30").stderr
    with kiosk.saying("gate", clock={"quality": "guessed", "known": True, "source": "http-date"}):
        done = kiosk.call("clock", "set", "2026-06-01 19:30")
    assert "but this does not count: The network has said what time it is" in done.stderr


@pytest.mark.parametrize(
    ("said", "why"), [("2026-03-29 02:30", "there is none such"), ("2026-10-25 02:30", "an offset")]
)
def test_a_time_that_is_there_twice_or_never_is_refused(kiosk, said, why):
    done = kiosk.call("clock", "set", said, check=False, env={**os.environ, "TZ": "Europe/Berlin"})
    assert (done.returncode, why in done.stderr) == (2, True)
    assert not (kiosk.runtime_dir / "operator-clock.json").exists()


def test_a_time_needs_no_quotes(kiosk):
    kiosk.call("clock", "set", "2026-06-01", "19:30+00:00")
    assert left(kiosk)["utc_ms"] == 1_780_342_200_000


def test_a_time_before_what_the_network_said_is_taken_and_doubted(kiosk):
    kiosk.data_dir.mkdir()
    with closing(Journal(kiosk.data_dir, "gate-north-1")) as journal:
        journal.anchor(Anchor("boot-0", 10**9, 1_780_342_200_000, Source.NTP))
    assert "mistyped" not in kiosk.call("clock", "set", "2026-06-01 19:31+00:00").stderr
    done = kiosk.call("clock", "set", "2026-05-01 19:30+00:00")
    assert "2026-06-01 19:30:00 UTC scans were made already" in done.stderr
    assert left(kiosk)["utc_ms"] == 1_777_663_800_000
