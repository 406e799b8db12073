"""The tables that are checked in are what Linux's keyboard library says."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from kiosk.keyboards import KEYBOARDS
from kiosk.layouts import LAYOUTS

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "tests" / "xkb.py"
FILE = ROOT / "kiosk" / "keyboards.py"
# Small letters whose capital is another matter on Linux, with AltGr or on their own.
NO_CAPITAL = set("ßẞſµıə")

needs_xkb = pytest.mark.needs("libxkbcommon.so.0")


def without_alt_gr(keyboards: dict[str, str]) -> dict[str, list[str]]:
    return {name: rows.split("\n")[1:3] for name, rows in keyboards.items()}


@needs_xkb
def test_what_is_checked_in_is_what_the_script_writes() -> None:
    """A newer xkb-data may move what AltGr types and no scanner sends; then the first two levels stand all the same."""
    done = subprocess.run([sys.executable, SCRIPT], capture_output=True, text=True, check=True)
    here = FILE.read_text(encoding="utf-8")
    if done.stdout.splitlines()[0] == here.splitlines()[0]:
        assert done.stdout == here
    written: dict[str, dict[str, str]] = {}
    exec(done.stdout, written)
    assert without_alt_gr(written["KEYBOARDS"]) == without_alt_gr(KEYBOARDS)


@needs_xkb
def test_caps_lock_does_what_linux_does() -> None:
    script = runpy.run_path(str(SCRIPT))
    keys = [key for row in script["ROWS"] for key in row]
    for linux, name in ((layout, script["name_of"](layout)) for layout in script["LAYOUTS"]):
        keyboard = script["Keyboard"](linux)
        for key in keys:
            for shift in (False, True):
                found = LAYOUTS[name].sign(key, shift=shift, altgr=False, caps=True)
                held = [script["CAPS"], *([script["SHIFT"]] if shift else [])]
                assert found in NO_CAPITAL or found == keyboard.types(key, *held) or key == 83, (name, key, shift)


def test_every_line_has_a_sign_for_every_key() -> None:
    for name, rows in KEYBOARDS.items():
        lines = rows.strip().split("\n")
        assert len(lines) == (2 if name == "us" else 4)
        assert {tuple(len(group.replace("◌", "")) for group in line.split()) for line in lines} == {(12, 12, 13, 11, 1)}
