"""Scanners: plugged in, the right ones, ours to read, and nobody else's."""

import json
from pathlib import Path

import pytest

from kiosk.config import Scanner
from kiosk.doctor.finding import Colour
from kiosk.doctor.lanes import Lane, lane, lanes
from kiosk.doctor.machine import Holder
from kiosk.scanners.binding import FILE
from kiosk.scanners.plugged import Plugged
from kiosk.store import calibrated
from kiosk.tuning import Tuning

GREEN, AMBER, RED = Colour.GREEN, Colour.AMBER, Colour.RED
GATE, BRLTTY = Holder(7, "kiosk"), Holder(812, "brltty")
LISTENS = {"name": "left", "connected": True, "hint": None, "problem": None}


def checked(tmp_path, *scanners: Scanner, plugged_in=(), gate=None):
    return lanes(tmp_path, scanners, gate, lambda _node: [], lambda kind: [p for p in plugged_in if p.kind == kind])


def test_without_any_scanner_manual_entry_is_what_is_left(tmp_path):
    (found,) = checked(tmp_path)
    assert (found.colour, "kiosk devices" in found.mend) == (AMBER, True)


def test_each_scanner_is_looked_for_where_the_gate_would(tmp_path):
    node = tmp_path / "event5"
    node.touch()
    one = Plugged("hid", str(node), "/sys/1-1", "Voyager", 0x0C2E, 0x0B61, "SN1", "1-1")
    scanners = [
        Scanner(name="left", kind="hid"), Scanner(name="right", kind="serial", device=str(tmp_path / "gone")),
        Scanner(name="desk", kind="socket"),
    ]  # fmt: skip
    found = checked(tmp_path, *scanners, plugged_in=[one])
    assert [(each.name, each.colour) for each in found] == [
        ("scanner left", GREEN), ("scanner right", RED), ("scanner desk", GREEN),
    ]  # fmt: skip
    assert str(node) in found[0].found


def test_another_device_in_a_lanes_place_is_red_and_the_mend_is_named(tmp_path):
    kept = {"left": {"device": "/dev/input/event5", "ids": "0c2e:0b61", "serial": "SN1", "port": "1-1", "name": "V"}}
    (tmp_path / FILE).write_text(json.dumps(kept))
    other = Plugged("hid", "/dev/input/event5", "/sys/1-1", "Keyboard", 0x046D, 0xC31C, "", "1-1")
    (found,) = checked(tmp_path, Scanner(name="left", kind="hid", device="/dev/input/event5"), plugged_in=[other])
    assert found.colour is RED
    assert "kiosk devices --accept left" in found.found


def test_what_the_gate_says_of_its_scanner_is_believed(tmp_path):
    scanner = Scanner(name="left", kind="serial", device=str(tmp_path / "tty"))
    (tmp_path / "tty").touch()
    for said, colour in ((LISTENS, GREEN), ({**LISTENS, "connected": False, "problem": "sick"}, RED),
                         ({**LISTENS, "hint": "scanner layout?"}, AMBER)):  # fmt: skip
        (found,) = checked(tmp_path, scanner, gate={"pid": 7, "scanners": [said]})
        assert found.colour is colour


@pytest.mark.parametrize(
    ("found", "colour", "word"),
    [
        (Lane("l", "/dev/x", usable=False), RED, "groups input and dialout"),
        (Lane("l", "/dev/x", holders=(BRLTTY,)), RED, "brltty"),
        (Lane("l", "/dev/x", holders=(BRLTTY,), gate=LISTENS, gate_pid=7), RED, "brltty"),
        (Lane("l", "/dev/x", holders=(GATE, BRLTTY), gate=LISTENS, gate_pid=7), AMBER, "brltty"),
        (Lane("l", "/dev/x", holders=(GATE,), gate=LISTENS, gate_pid=7), GREEN, "listens"),
        (Lane("l", lost="no such scanner"), RED, "no such scanner"),
    ],
)
def test_who_else_holds_a_scanner_or_that_we_may_not_is_told(found, colour, word):
    told = lane(found)
    assert told.colour is colour
    assert word in told.found + told.mend


def test_a_node_that_a_program_really_holds_is_found_by_its_path(tmp_path):
    node = tmp_path / "tty"
    node.touch()
    asked: list[Path] = []
    scanner = Scanner(name="left", kind="serial", device=str(node))
    (found,) = lanes(tmp_path, [scanner], None, lambda path: asked.append(path) or [BRLTTY], lambda _kind: [])
    assert asked == [node]
    assert "brltty (812)" in found.found


def test_a_scanner_that_is_being_calibrated_is_not_broken(tmp_path):
    (tmp_path / "tty").touch()
    scanner = Scanner(name="left", kind="serial", device=str(tmp_path / "tty"))
    said = {**LISTENS, "connected": False, "calibrating": True}
    (found,) = checked(tmp_path, scanner, gate={"pid": 7, "scanners": [said]})
    assert (found.colour, "being calibrated" in found.found) == (AMBER, True)


def test_what_was_calibrated_is_told_and_so_is_what_does_not_count_any_more(tmp_path):
    (tmp_path / "tty").touch()
    device = str(tmp_path / "tty")
    scanner = Scanner(name="left", kind="serial", device=device)
    calibrated.write(tmp_path, {"left": Tuning(kind="serial", device=device, settings={"prefix": "#", "suffix": ""})})
    (found,) = checked(tmp_path, scanner)
    assert found.colour is GREEN
    assert "; prefix as calibrated, not as in the file" in found.found
    calibrated.write(tmp_path, {"left": Tuning(kind="hid", device=device, settings={"prefix": "#"})})
    (found,) = checked(tmp_path, scanner)
    assert found.colour is AMBER
    assert "does not count" in found.found
    assert "kiosk calibrate --forget --scanner left" in found.mend
