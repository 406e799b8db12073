"""A machine that does not know the time, from outside: real programs on a wall clock that is wrong.

libfaketime moves the wall clock of the programs and leaves the time since boot alone.
"""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import EVENT_ID, Kiosk

pytestmark = pytest.mark.needs("faketime")

NEEDS_NO_CLOCK = f'events = ["{EVENT_ID}"]\nsettings_from_cloud = false\n'


@contextmanager
def wall_clock(directory: Path) -> Iterator[Callable[[str], None]]:
    """Set the wall clock of what is started in here: an absolute time, or how far it is off."""
    (library,) = list(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    file = directory / "faketime"
    file.write_text("+0", encoding="ascii")
    moved = {
        "LD_PRELOAD": str(library), "FAKETIME_TIMESTAMP_FILE": str(file), "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1", "DONT_FAKE_MONOTONIC": "1", "TZ": "UTC",
    }  # fmt: skip
    before = {name: os.environ.get(name) for name in moved}
    os.environ.update(moved)

    def set_clock(said: str) -> None:
        draft = directory / "faketime.new"
        draft.write_text(said, encoding="ascii")
        draft.replace(file)

    try:
        yield set_clock
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


@pytest.fixture
def set_clock(tmp_path, cloud) -> Iterator[Callable[[str], None]]:
    """The cloud runs already, in this process, and has the right time."""
    with wall_clock(tmp_path) as made:
        yield made


def off_s(text: str, truth: datetime) -> float:
    return abs((datetime.fromisoformat(text) - truth).total_seconds())


def fetch_the_list(kiosk: Kiosk) -> None:
    """Fetch it, and forget what time it was, as after a start of the machine."""
    kiosk.call("sync", "--once")
    (kiosk.runtime_dir / "sync.json").unlink()


def come(kiosk: Kiosk, tickets: list[dict[str, Any]], eventually) -> list[datetime]:
    """Hold tickets under the scanner, one after the other; return when that was, by the clock of this test."""
    before, truths = len(kiosk.scans()), []
    for number, ticket in enumerate(tickets, start=before + 1):
        truths.append(datetime.now(UTC))
        kiosk.scan(ticket["barcode"])
        eventually("it is recorded", lambda number=number: len(kiosk.scans()) >= number)
    return truths


def all_acked(kiosk: Kiosk) -> bool:
    return {scan["delivery"] for scan in kiosk.scans()} == {"acked"}


def test_times_are_right_in_the_cloud_whatever_the_wall_clock_shows(kiosk, cloud, valid, set_clock, eventually):
    kiosk.configure(cloud.url, gate=NEEDS_NO_CLOCK)
    fetch_the_list(kiosk)
    set_clock("@1970-01-01 00:10:00")
    kiosk.open_gate()
    truths = come(kiosk, valid[:6], eventually)
    assert all(scan["time"].startswith("1970") and scan["clock"] == "guessed" for scan in kiosk.scans())
    set_clock("-3600")
    truths += come(kiosk, valid[6:9], eventually)
    set_clock("+3600")
    truths += come(kiosk, valid[9:12], eventually)
    kiosk.start("sync")
    eventually("all is delivered", lambda: all_acked(kiosk))
    rows, stored = kiosk.scans(), cloud.scans()
    assert [row["barcode"] for row in rows] == [ticket["barcode"] for ticket in valid[:12]]
    assert [(scan["barcode"], scan["time"]) for scan in stored] == [(row["barcode"], row["time"]) for row in rows]
    assert all(a["time"] < b["time"] for a, b in itertools.pairwise(stored))
    assert all(off_s(scan["time"], truth) < 3 for scan, truth in zip(stored, truths, strict=True))
    assert all(row["wallTime"] is not None and not row["timeEstimated"] for row in rows)
    eventually("the gate has taken it up", lambda: kiosk.status()["clockAnchor"] is not None)
    assert kiosk.status()["clock"] == "guessed"


def test_without_a_network_somebody_says_what_time_it_is(kiosk, cloud, valid, set_clock, eventually):
    cloud.add_tickets([valid[0] | {"expiresAt": "2026-06-01T20:00:00.000Z"}])
    kiosk.configure(cloud.url, gate=NEEDS_NO_CLOCK + 'untrusted_clock = "decline"\n')
    fetch_the_list(kiosk)
    set_clock("@1970-01-01 00:10:00")
    kiosk.open_gate()
    come(kiosk, valid[:2], eventually)
    assert [scan["reason"] for scan in kiosk.scans()] == ["clock_not_set", "ok"]
    kiosk.call("clock", "set", "2026-06-01 19:30")
    eventually("the gate has taken it up", lambda: (kiosk.status()["clockAnchor"] or {}).get("source") == "operator")
    come(kiosk, [valid[3], valid[0]], eventually)
    kiosk.scan(valid[0]["barcode"])
    assert [scan["reason"] for scan in kiosk.scans()][2:] == ["ok", "ok"]
    told = [datetime.fromisoformat(scan["time"]) for scan in kiosk.scans()]
    assert all(abs(at - datetime(2026, 6, 1, 19, 30, tzinfo=UTC)) < timedelta(minutes=2) for at in told)
    assert told == sorted(told)
    checks = json.loads(kiosk.call("doctor", "--json", check=False).stdout)["checks"]
    assert ["operator" in check["found"] for check in checks if check["name"] == "clock"] == [True]


def test_a_first_start_without_any_network_admits_and_says_that_it_does_not_know(
    kiosk, cloud, valid, set_clock, eventually
):
    cloud.add_tickets([valid[0] | {"expiresAt": "2026-06-01T20:00:00.000Z"}])
    kiosk.configure(cloud.url, gate=NEEDS_NO_CLOCK, sync="clock_wait_s = 3600")
    fetch_the_list(kiosk)
    cloud.arm("offline", None)
    set_clock("@1970-01-01 00:10:00")
    kiosk.open_gate()
    kiosk.start("sync")
    come(kiosk, valid[:3], eventually)
    rows = kiosk.scans()
    assert [row["reason"] for row in rows] == ["ok"] * 3
    assert "not by time" in rows[0]["message"]
    assert {row["delivery"] for row in rows} == {"pending"}
    cloud.disarm()
    eventually("all is delivered", lambda: all_acked(kiosk))
    assert all(off_s(scan["time"], datetime.now(UTC)) < 120 for scan in cloud.scans())
