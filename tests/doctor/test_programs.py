"""Who runs, by signs of life; what systemd says, by its own words."""

import json

import pytest

from kiosk import clock
from kiosk.doctor import programs
from kiosk.doctor.finding import Colour
from kiosk.pulse import RECOVERY, Pulse

GREEN, AMBER, RED = Colour.GREEN, Colour.AMBER, Colour.RED
RIGHT = {
    "LoadState": "loaded", "ActiveState": "active", "WatchdogUSec": "30s", "StartLimitIntervalUSec": "0",
    "NRestarts": "0",
}  # fmt: skip


def colours(tmp_path, *, display: bool = True):
    return {found.name: found.colour for found in programs.programs(tmp_path, display_answers=display)}


def test_who_is_down_is_red_and_who_runs_is_green(tmp_path):
    assert colours(tmp_path, display=False) == {"gate": RED, "sync": RED, "display": RED}
    Pulse(tmp_path, "gate").beat(ears_ns=clock.boottime_ns())
    assert colours(tmp_path) == {"gate": GREEN, "sync": RED, "display": GREEN}


def test_a_gate_that_mends_its_journal_is_to_be_let_run(tmp_path):
    sign = Pulse(tmp_path, RECOVERY)
    sign.beat(text="the second record, 34 %")
    gate = programs.programs(tmp_path, display_answers=True)[0]
    assert gate.colour is AMBER
    assert "34 %" in gate.found
    sign.end()
    assert colours(tmp_path)["gate"] is RED


def test_a_gate_that_beats_without_listening_or_recording_is_red(tmp_path):
    Pulse(tmp_path, "sync").beat()
    Pulse(tmp_path, "gate").beat(ears_ns=clock.boottime_ns() - 60 * 10**9)
    assert colours(tmp_path)["gate"] is RED
    Pulse(tmp_path, "gate").beat(ears_ns=clock.boottime_ns(), fault="journal.db: disk full")
    assert colours(tmp_path) == {"gate": GREEN, "recording": RED, "sync": GREEN, "display": GREEN}


def test_the_fault_of_a_gate_that_is_down_is_no_news(tmp_path):
    pulse = Pulse(tmp_path, "gate")
    pulse.beat(ears_ns=0, fault="journal.db: disk full")
    pulse.end()
    assert "recording" not in colours(tmp_path)


@pytest.mark.parametrize("said", [{"ears_ns": "x"}, {"ears_ns": None}, {"fault": 7}])
def test_nonsense_stops_nobody(tmp_path, said):
    Pulse(tmp_path, "gate").beat(**said)
    assert json.loads((tmp_path / "gate.json").read_text())
    assert colours(tmp_path)["gate"] is GREEN


@pytest.mark.parametrize(
    ("differs", "colour", "word"),
    [
        ({}, GREEN, "active"), ({"LoadState": "not-found"}, AMBER, "not installed"),
        ({"WatchdogUSec": "0"}, AMBER, "WatchdogSec=30"), ({"WatchdogUSec": "infinity"}, AMBER, "WatchdogSec=30"),
        ({"StartLimitIntervalUSec": "10s"}, AMBER, "StartLimitIntervalSec=0"), ({"NRestarts": "7"}, AMBER, "7 times"),
    ],
)  # fmt: skip
def test_a_unit_is_told_by_what_it_lacks(differs, colour, word):
    found = programs.unit("kiosk-gate", {**RIGHT, **differs})
    assert found.colour is colour
    assert word in found.found + found.mend


def test_a_unit_of_which_systemd_says_nothing_is_amber():
    assert programs.unit("kiosk-gate", {}).colour is AMBER


def test_systemd_is_asked_for_each_program_by_its_own_tool(tmp_path, monkeypatch):
    (tmp_path / "systemd/system").mkdir(parents=True)
    tool = tmp_path / "systemctl"
    lines = "\\n".join(f"{name}={value}" for name, value in RIGHT.items())
    tool.write_text(f'#!/bin/sh\n[ "$1 $2" = "show kiosk-sync.service" ] && printf "{lines}\\n"\nexit 0\n')
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    found = {each.name: each.colour for each in programs.units(tmp_path)}
    assert found == {"unit kiosk-gate": AMBER, "unit kiosk-sync": GREEN, "unit kiosk-display": AMBER}


def test_without_systemd_there_is_nothing_to_check(tmp_path):
    assert [found.colour for found in programs.units(tmp_path)] == [GREEN]
