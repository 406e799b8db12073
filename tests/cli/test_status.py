"""How the kiosk is doing: the same answer whether everything runs or nothing does."""

from __future__ import annotations

import json
from contextlib import closing
from typing import Any

import pytest

from kiosk import __version__, disk, pulse
from kiosk.cli.status import _lines as lines
from kiosk.model import Delivery
from kiosk.store import journal, past
from kiosk.store.ledger import Entry, Ledger

COUNT, TEXT = (int,), (str,)
MAYBE_COUNT, MAYBE_TEXT = (int, type(None)), (str, type(None))
SHAPE: dict[str, Any] = {
    "gate": TEXT, "sync": TEXT, "display": TEXT, "clock": TEXT, "version": TEXT,
    "scanners": [{"name": TEXT, "kind": TEXT, "device": TEXT, "connected": (bool,), "hint": MAYBE_TEXT}],
    "tickets": {"total": COUNT, "complete": (bool,), "ageSeconds": MAYBE_COUNT},
    "outbox": {
        "pending": COUNT, "inflight": COUNT, "unknown": COUNT, "refused": COUNT, "local": COUNT,
        "oldestSeconds": MAYBE_COUNT, "etaSeconds": MAYBE_COUNT,
    },
    "counts": {"checkin": COUNT, "checkout": COUNT, "declined": COUNT, "inside": COUNT},
    "cloud": {"reachable": (bool,), "lastSuccess": MAYBE_TEXT, "lastError": MAYBE_TEXT},
    "disk": {
        "kind": MAYBE_TEXT, "freeBytes": MAYBE_COUNT, "sizeBytes": MAYBE_COUNT, "volatile": (bool, type(None)),
    },
}  # fmt: skip


def misfits(found: Any, shape: Any, where: str = "") -> list[str]:
    """Everything that has not the promised form."""
    if isinstance(shape, dict):
        missing = [f"{where}.{key} is missing" for key in shape if key not in found]
        return missing + [m for key in shape if key in found for m in misfits(found[key], shape[key], f"{where}.{key}")]
    if isinstance(shape, list):
        return [m for number, item in enumerate(found) for m in misfits(item, shape[0], f"{where}[{number}]")]
    return [] if type(found) in shape else [f"{where} is {found!r}"]


def asked(kiosk: Any) -> dict[str, Any]:
    done = kiosk.call("status", "--json")
    found: dict[str, Any] = json.loads(done.stdout)
    assert done.stderr == ""
    assert misfits(found, SHAPE) == []
    return found


def test_with_nothing_there_and_nothing_running_it_answers_all_the_same(kiosk):
    found = asked(kiosk)
    assert {found[program] for program in ("gate", "sync", "display")} == {"down"}
    left = {"name": "left", "kind": "serial", "device": kiosk.scanner, "connected": False, "hint": None}
    left |= {"calibrating": False, "calibrated": None}
    assert found["scanners"] == [left]
    assert found["tickets"] == {
        "total": 0, "complete": False, "ageSeconds": None, "expected": None, "refused": [], "shrunkTo": None,
    }  # fmt: skip
    assert found["outbox"]["oldestSeconds"] is None
    assert sum(found["counts"].values()) == 0
    assert found["cloud"] == {"reachable": False, "lastSuccess": None, "lastError": None, "budget": {}}
    assert found["version"] == __version__
    assert list(kiosk.directory.glob("data*")) == []  # looking leaves nothing behind


def test_with_everything_running_it_tells_everything(kiosk, cloud, valid, eventually):
    for program in ("sync", "gate", "display"):
        kiosk.start(program)
    eventually("all run", lambda: {kiosk.status()[p] for p in ("gate", "sync", "display")} == {"running"})
    eventually("the list is here", lambda: kiosk.status()["tickets"]["complete"])
    eventually("the scanner is open", lambda: all(s["connected"] for s in kiosk.scanners()))
    eventually("the gate is open", lambda: (pulse.feel(kiosk.runtime_dir, "gate") or {}).get("events"))
    for code in (valid[0]["barcode"], valid[1]["barcode"], "NOBODYKNOWS"):
        kiosk.scan(code)
    eventually("all are delivered", lambda: [s["delivery"] for s in kiosk.scans()] == ["acked", "acked", "local"])
    found = asked(kiosk)
    assert {found[program] for program in ("gate", "sync", "display")} == {"running"}
    left = {"name": "left", "kind": "serial", "device": kiosk.scanner, "connected": True, "hint": None}
    left |= {"calibrating": False, "calibrated": None}
    assert found["scanners"][0] == left
    assert (found["tickets"]["total"], found["tickets"]["complete"]) == (60, True)
    assert found["counts"] == {"checkin": 2, "checkout": 0, "declined": 1, "inside": 2}
    assert found["outbox"] == {
        "pending": 0, "inflight": 0, "unknown": 0, "refused": 0, "local": 1, "oldestSeconds": None,
        "etaSeconds": None,
    }  # fmt: skip
    assert found["cloud"]["lastSuccess"].endswith("Z")
    assert found["disk"]["freeBytes"] > 0
    eventually("the cloud is reached", lambda: kiosk.status()["cloud"]["reachable"])  # a busy machine may miss it once


def test_what_waits_is_counted_with_the_age_of_the_oldest(kiosk, cloud, valid, eventually):
    kiosk.call("sync", "--once")
    kiosk.open_gate()
    for ticket in valid[:3]:
        kiosk.scan(ticket["barcode"])
    eventually("all are recorded", lambda: len(kiosk.scans()) == 3)
    outbox = asked(kiosk)["outbox"]
    assert outbox["pending"] == 3
    assert 0 <= outbox["oldestSeconds"] < 60
    states = (Delivery.INFLIGHT, Delivery.UNKNOWN, Delivery.REFUSED)
    with closing(Ledger(kiosk.data_dir)) as ledger, closing(journal.reader(kiosk.data_dir)) as database:
        ledger.take_in(map(Entry, past.scans(database, [1, 2, 3]), states))
    outbox = asked(kiosk)["outbox"]
    assert {state: outbox[state] for state in ("pending", "inflight", "unknown", "refused")} == {
        "pending": 0, "inflight": 1, "unknown": 1, "refused": 1,
    }  # fmt: skip


def test_how_long_a_backlog_will_still_take_is_told_while_sync_lives_and_can_tell(kiosk):
    assert asked(kiosk)["outbox"]["etaSeconds"] is None
    for said, told in ((12.6, 13), (0.0, 0), (None, None)):
        with kiosk.saying("sync", eta_s=said):
            assert asked(kiosk)["outbox"]["etaSeconds"] == told
    with kiosk.saying("sync", eta_s=12.6):
        assert "delivered in about 13 s" in kiosk.call("status").stdout
    assert asked(kiosk)["outbox"]["etaSeconds"] is None
    assert "delivered in" not in kiosk.call("status").stdout


def test_what_a_person_could_do_about_a_scanner_is_told_while_the_gate_says_so(kiosk):
    left = {"name": "left", "kind": "hid", "device": "x", "connected": True}
    with kiosk.saying("gate", scanners=[{**left, "hint": "scanner layout?"}, left]):
        assert [scanner["hint"] for scanner in asked(kiosk)["scanners"]] == ["scanner layout?", None]
        said = kiosk.call("status").stdout.splitlines()
    assert said[1:4] == ["scanner    left: hid x connected", f"{'':11}scanner layout?", said[1]]
    assert [scanner["hint"] for scanner in asked(kiosk)["scanners"]] == [None]


def test_programs_that_have_ended_are_down_and_what_they_knew_of_the_cloud_stays(kiosk, cloud):
    cloud.arm("unauthorized", None)
    kiosk.call("sync", "--once")
    found = asked(kiosk)
    assert found["sync"] == "down"
    assert found["cloud"]["reachable"] is True
    assert "401" in found["cloud"]["lastError"]


@pytest.mark.parametrize("rubbish", ["", "{", "[]", "null", '{"beat_ns": null}', '{"boot_id": 5, "cloud": null}'])
def test_a_sign_of_life_that_cannot_be_read_is_no_sign_of_life(kiosk, rubbish):
    kiosk.runtime_dir.mkdir()
    for program in ("gate", "sync"):
        (kiosk.runtime_dir / f"{program}.json").write_text(rubbish, encoding="utf-8")
    found = json.loads(json.dumps(kiosk.status()))
    assert misfits(found, SHAPE) == []
    assert (found["gate"], found["sync"]) == ("down", "down")


def test_people_are_told_the_same_in_a_dozen_lines(kiosk, cloud):
    cloud.arm("unauthorized", None)
    kiosk.call("sync", "--once")
    said = kiosk.call("status").stdout
    assert "gate down, sync down, display down" in said
    assert "left: serial" in said
    assert "MISSING" in said
    assert "0, INCOMPLETE, never complete" in said
    assert "0 pending, 0 inflight, 0 unknown, 0 refused, 0 local" in said
    assert "last error: the cloud answers 401" in said
    assert __version__ in said
    assert len(said.splitlines()) <= 13


def test_what_secures_the_journal_is_told_and_so_is_a_journal_that_was_mended(kiosk, eventually):
    assert asked(kiosk)["journal"] == {
        "witness": None, "recovered": None, "backup": None, "recovering": None,
    }  # fmt: skip
    kiosk.call("sync", "--once")
    kiosk.open_gate()
    assert kiosk.status()["journal"]["witness"] == "ok"
    kiosk.scan("NOBODY")
    eventually("it is recorded", kiosk.scans)
    kiosk.stop("gate")
    (kiosk.data_dir / "journal.db-wal").unlink(missing_ok=True)  # or everything is read from there
    (kiosk.data_dir / "journal.db").write_bytes(b"this is no database" * 300)
    kiosk.open_gate()
    found = asked(kiosk)["journal"]["recovered"]
    assert (found["scans"], found["missing"], found["reason"]) == (1, 0, "file is not a database")
    said = kiosk.call("status").stdout
    assert "MENDED" in said
    assert found["quarantine"] in said


def test_a_disk_that_is_nearly_full_is_said_in_so_many_words(kiosk, monkeypatch):
    kiosk.data_dir.mkdir()
    assert kiosk.status()["disk"]["warning"] is None
    monkeypatch.setattr(disk, "SCARCE", 1 << 62)
    found = kiosk.status()
    assert "MB are free" in found["disk"]["warning"]
    assert any("MB ARE FREE" in line for line in lines(found))
