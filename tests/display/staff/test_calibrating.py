"""A scanner is calibrated on the staff page while the gate runs: scanner on a pty, real gate, real browser."""

import os
import signal
import time
import tty

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


@pytest.fixture
def again(venue, eventually):
    """Wait until the scanner is open as a door once more; the gate tells of itself only each second."""
    seen = [1]

    def opened():
        seen[0] += 1
        log = venue.kiosk.directory / "gate.log"
        eventually(
            "it is a door again", lambda: log.read_text(encoding="utf-8").count("scanner left: connected") >= seen[0]
        )

    return opened


def admitted(venue, eventually, code, sent, number):
    os.write(venue.kiosk.master, sent)
    eventually(f"{code} is recorded", lambda: len(venue.kiosk.scans()) == number)
    last = venue.kiosk.scans()[-1]
    assert (last["barcode"], last["scanResult"], last["scanner"]) == (code, "approved", "left")


# --- the whole way ---------------------------------------------------------------------------------------------------


def test_what_one_scan_has_found_is_used_survives_the_gate_and_is_undone(desk, venue, begin, eventually, again):
    begin()
    desk.page.wait_for_function("() => document.querySelector('dialog img').naturalWidth > 0")
    desk.wait("dialog.question", "Nobody is admitted at this scanner")
    os.write(venue.kiosk.master, b"##" + CODE + b"\r\n")
    desk.wait("dialog.question", "This would change:")
    desk.wait("dialog.question", "“##”")
    assert venue.kiosk.scans() == [], "what comes while it is calibrated is no scan"
    assert calibrated.read(venue.kiosk.data_dir) == {}, "nothing is in force before somebody says so"
    again()
    desk.press("Use these settings", "dialog.question")
    desk.wait("dialog.question", "In force: the lane is open again")
    desk.answer("Close")
    again()
    admitted(venue, eventually, "TKT-ADA-0001", b"##TKT-ADA-0001\r\n", 1)
    (row,) = told(venue.kiosk, "scanner calibrated")
    assert (row["by"], row["scanner"], row["prefix"]) == ("staff", "left", "##")

    venue.kiosk.stop("gate", signal.SIGKILL)
    venue.kiosk.open_gate()
    again()
    eventually("it says so", lambda: lane(venue.kiosk)["calibrated"])
    admitted(venue, eventually, "TKT-EVE-0003", b"##TKT-EVE-0003\r\n", 2)

    desk.wait("#lanes", "“##”")
    desk.press("left as configured")
    desk.answer("As configured")
    again()
    eventually("it says so", lambda: not lane(venue.kiosk)["calibrated"])
    assert calibrated.read(venue.kiosk.data_dir) == {}
    os.write(venue.kiosk.master, b"##TKT-BOB-0002\r\n")
    eventually("it is recorded", lambda: len(venue.kiosk.scans()) == 3)
    assert venue.kiosk.scans()[-1]["barcode"] == "##TKT-BOB-0002"
    assert len(told(venue.kiosk, "calibration forgotten")) == 1


def test_a_scanner_that_needs_nothing_is_told_so_and_nothing_is_kept(desk, venue, begin, eventually, again):
    begin()
    os.write(venue.kiosk.master, CODE + b"\r")
    desk.wait("dialog.question", "Nothing is to be changed")
    assert desk.page.get_by_role("button", name="Use these settings").count() == 0
    desk.answer("Close")
    again()
    admitted(venue, eventually, "TKT-ADA-0001", b"TKT-ADA-0001\r", 1)
    assert calibrated.read(venue.kiosk.data_dir) == {}


def test_what_was_found_and_is_not_wanted_changes_nothing(desk, venue, begin, eventually, again):
    begin()
    os.write(venue.kiosk.master, b"##" + CODE + b"\r")
    desk.press("Leave it as it is", "dialog.question")
    again()
    admitted(venue, eventually, "TKT-ADA-0001", b"TKT-ADA-0001\r", 1)


# --- meanwhile -------------------------------------------------------------------------------------------------------


@pytest.fixture
def other(venue):
    """A second scanner, configured beside the first."""
    master, slave = os.openpty()
    tty.setraw(slave)
    text = venue.kiosk.file.read_text(encoding="utf-8")
    right = f'[[scanner]]\nname = "right"\nkind = "serial"\ndevice = "{os.ttyname(slave)}"\n'
    venue.kiosk.file.write_text(text + right, encoding="utf-8")
    yield master
    for end in (master, slave):
        os.close(end)


def test_the_other_lane_admits_and_the_door_says_who_is_away(venue, other, desk, begin, eventually):
    door = desk.page.context.new_page()
    door.goto(f"{desk.url}/")
    door.wait_for_selector("body[data-face=ready]")
    begin()
    door.locator("#banners .bad").get_by_text("Scanner “left” is being calibrated").wait_for()
    left, right = door.locator(".half").all()
    assert [half.locator(".word").first.text_content() for half in (left, right)] == ["Being set up", "Ready"]
    assert "missing" not in door.locator("#banners").text_content()
    assert left.get_attribute("data-mood") == "bad"
    said = venue.kiosk.call("status").stdout
    assert "scanner    left" in said
    assert "IS BEING CALIBRATED" in said
    os.write(other, b"TKT-ADA-0001\r")
    eventually("the other lane admits", lambda: [scan["scanner"] for scan in venue.kiosk.scans()] == ["right"])
    os.write(venue.kiosk.master, b"TKT-EVE-0003\r")
    desk.wait("dialog.question", "This was another code")
    assert "(it ends in 0003)" in desk.page.locator("dialog.question").inner_text()
    assert len(venue.kiosk.scans()) == 1, "nothing that was scanned meanwhile is a scan"
    left.locator(".rest .word").get_by_text("Ready").wait_for(state="attached")


def test_a_code_within_its_hold_off_is_still_held_off_after_a_calibration(desk, venue, begin, eventually, again):
    admitted(venue, eventually, "TKT-ADA-0001", b"TKT-ADA-0001\r", 1)
    begin()
    desk.answer("Cancel")
    again()
    admitted(venue, eventually, "TKT-EVE-0003", b"TKT-EVE-0003\r", 2)
    assert [scan["reason"] for scan in venue.kiosk.scans()] == ["ok", "ok"]


# --- how it ends -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["Cancel", "Escape", "reload"])
def test_who_leaves_gives_the_lane_back(desk, venue, begin, eventually, again, how):
    begin()
    if how == "Cancel":
        desk.answer("Cancel")
    elif how == "Escape":
        desk.page.keyboard.press("Escape")
    else:  # nobody tells the gate, and it joins who begins again
        desk.page.reload()
        desk.page.wait_for_selector("#pin:not([open])", state="attached")
        desk.open("setup")
        desk.wait("#lanes", "being calibrated")
        begin()
        desk.answer("Cancel")
    again()
    admitted(venue, eventually, "TKT-ADA-0001", b"TKT-ADA-0001\r", 1)


def test_a_scanner_that_is_pulled_out_is_told_and_so_is_nonsense(desk, venue, begin, eventually, again):
    begin()
    os.write(venue.kiosk.master, bytes(byte ^ 0xA5 for byte in CODE + b"\r"))
    desk.wait("dialog.question", "As much came as the code is long".lower())
    desk.press("Try again", "dialog.question")
    desk.wait("dialog.question", "Scan one of these codes with scanner left")
    os.close(venue.kiosk.master)
    desk.wait("dialog.question", "The scanner does not answer: is it plugged in?")
    desk.answer("Close")
    eventually("it is missed", lambda: not lane(venue.kiosk)["connected"] and lane(venue.kiosk)["hint"])
    assert not lane(venue.kiosk)["calibrating"]


def test_a_gate_that_is_killed_meanwhile_opens_as_a_door(desk, venue, begin, eventually, again):
    begin()
    venue.kiosk.stop("gate", signal.SIGKILL)
    desk.wait("dialog.question", "The gate does not answer")
    venue.kiosk.open_gate()
    desk.wait("dialog.question", "This calibration is over")
    again()
    admitted(venue, eventually, "TKT-ADA-0001", b"TKT-ADA-0001\r", 1)
    desk.press("Try again", "dialog.question")
    desk.wait("dialog.question", "Scan one of these codes with scanner left")


def test_a_gate_that_ends_meanwhile_ends_at_once(desk, venue, begin):
    begin()
    began = time.monotonic()
    assert venue.kiosk.stop("gate") == 0
    assert time.monotonic() - began < 5


# --- hostile ---------------------------------------------------------------------------------------------------------


def test_a_hostile_prefix_is_text_and_nothing_else_wherever_it_is_told(desk, venue, begin, eventually, again):
    begin()
    os.write(venue.kiosk.master, HOSTILE.encode() + CODE + b"\r")
    shown = "<b>\\u202e\\x1b\"'&"
    desk.wait("dialog.question", shown)
    again()
    desk.press("Use these settings", "dialog.question")
    desk.wait("dialog.question", "In force")
    desk.answer("Close")
    again()
    desk.wait("#lanes", shown)
    assert desk.page.locator("#lanes b, dialog b").count() == 0
    assert "\u202e" not in desk.page.content()
    for command in ("status", "check"):
        said = venue.kiosk.call(command).stdout
        assert "\\u202e" in said
        assert not {"\u202e", "\x1b"} & set(said)
    admitted(venue, eventually, "TKT-ADA-0001", HOSTILE.encode() + b"TKT-ADA-0001\r", 1)


def test_who_is_not_signed_in_or_asks_for_nonsense_gets_nothing(page, venue):
    begin = {"scanner": "left", "step": "begin"}
    assert venue.page().post("calibration", begin).status_code == 401
    for asked in ({}, begin | {"step": "explode"}, begin | {"scanner": 7}, {"scanner": "left", "step": "use"}):
        assert page.refusal("calibration", **asked) == (400, "malformed")
    assert page.refusal("calibration", scanner="nobody", step="begin") == (409, "calibration")
    assert page.refusal("calibration", scanner="manual", step="begin") == (409, "calibration")
    assert page.refusal("calibration", scanner="left", step="use", number=1) == (409, "calibration")
    assert page.ask("calibration", scanner="left", step="look") == {"state": "none"}
