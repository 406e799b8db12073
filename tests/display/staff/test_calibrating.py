"""A scanner is calibrated on the staff page while the gate runs: scanner on a pty, real gate, real browser."""

import os
import signal

import pytest

from kiosk.calibration import TEXT
from kiosk.store import audit, calibrated

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.timeout(180)]

CODE = TEXT.encode()
HOSTILE = "<b>\u202e\x1b\"'&"


def told(kiosk, action):
    return [row for row in audit.read(kiosk.data_dir) if row["action"] == action]


def lane(kiosk, name="left"):
    return next(one for one in kiosk.scanners() if one["name"] == name)


@pytest.fixture
def begin(desk, venue):
    """Begin a calibration as staff do, and wait until the scanner is open for it."""

    def begun(press="Calibrate left"):
        desk.open("setup")
        desk.press(press)
        desk.wait("dialog.question", "Scan one of these codes with scanner left")

    return begun


def calibrated_with(desk, venue, sent):
    os.write(venue.kiosk.master, sent)
    desk.press("Use these settings", "dialog.question")
    desk.wait("dialog.question", "In force: the lane is open again")
    desk.answer("Close")


def admitted(venue, eventually, code, sent, number):
    os.write(venue.kiosk.master, sent)
    eventually(f"{code} is recorded", lambda: len(venue.kiosk.scans()) == number)
    last = venue.kiosk.scans()[-1]
    assert (last["barcode"], last["scanResult"], last["scanner"]) == (code, "approved", "left")


# --- the whole way ---------------------------------------------------------------------------------------------------


def test_what_one_scan_has_found_is_used_survives_the_gate_and_is_undone(desk, venue, begin, eventually):
    begin()
    desk.page.wait_for_function("() => document.querySelector('dialog img').naturalWidth > 0")
    desk.wait("dialog.question", "Nobody is admitted at this scanner")
    os.write(venue.kiosk.master, b"##" + CODE + b"\r\n")
    desk.wait("dialog.question", "This would change:")
    desk.wait("dialog.question", "“##”")
    assert venue.kiosk.scans() == [], "what comes while it is calibrated is no scan"
    assert calibrated.read(venue.kiosk.data_dir) == {}, "nothing is in force before somebody says so"
    eventually("the lane is a door again at once", lambda: lane(venue.kiosk)["connected"])
    desk.press("Use these settings", "dialog.question")
    desk.wait("dialog.question", "In force: the lane is open again")
    desk.answer("Close")
    eventually("the lane is open", lambda: lane(venue.kiosk)["connected"] and lane(venue.kiosk)["calibrated"])
    admitted(venue, eventually, "TKT-ADA-0001", b"##TKT-ADA-0001\r\n", 1)
    (row,) = told(venue.kiosk, "scanner calibrated")
    assert (row["by"], row["scanner"], row["prefix"]) == ("staff", "left", "##")

    venue.kiosk.stop("gate", signal.SIGKILL)
    venue.kiosk.open_gate()
    admitted(venue, eventually, "TKT-EVE-0003", b"##TKT-EVE-0003\r\n", 2)

    desk.wait("#lanes", "“##”")
    desk.press("left as configured")
    desk.answer("As configured")
    eventually("it is as configured", lambda: not lane(venue.kiosk)["calibrated"] and lane(venue.kiosk)["connected"])
    assert calibrated.read(venue.kiosk.data_dir) == {}
    os.write(venue.kiosk.master, b"##TKT-BOB-0002\r\n")
    eventually("it is recorded", lambda: len(venue.kiosk.scans()) == 3)
    assert venue.kiosk.scans()[-1]["barcode"] == "##TKT-BOB-0002"
    assert len(told(venue.kiosk, "calibration forgotten")) == 1
