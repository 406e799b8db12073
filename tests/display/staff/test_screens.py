"""Every state of the staff page, at every size: nothing is cut off, nobody is kept out, and all of it can be looked at.

KIOSK_SCREENS=tests/screens python -m pytest tests/display/staff/test_screens.py    # a picture of each: make screens
"""

import os
import sqlite3
from contextlib import closing

import pytest

from kiosk.calibration import TEXT
from kiosk.model import Ticket
from tests.display import palette
from tests.display.staff.test_languages import speak

EVENT_ID = "62a1c0ffee0000000000e001"
SCREENS = os.environ.get("KIOSK_SCREENS")
pytestmark = [pytest.mark.needs("chromium"), pytest.mark.timeout(900 if SCREENS else 300)]
PICTURES = [(1024, 600), (600, 1024)]
SIZES = [*PICTURES, (390, 844), (1920, 1080)] if SCREENS else [(1024, 600), (390, 844)]
LANGUAGES = ["en", "de", "fr"] if SCREENS else ["en"]
HOSTILE = '<img src=x onerror="document.body.dataset.hacked=1"><script>alert(1)</script>\u202e\u2066' + "W" * 10_000
MALLORY = Ticket("t-mal", "TKT-MAL-0009", EVENT_ID, "type-9", HOSTILE, HOSTILE, area=HOSTILE, row=HOSTILE, seat=HOSTILE)


@pytest.mark.parametrize("language", LANGUAGES)
def test_everybody_can_use_every_state_of_the_page_at_every_size(language, venue, open_desk, eventually, axe):
    """One walk through all of it, because to start the programs takes longer than to look."""
    if language != "en":
        speak(venue, language)
    found = {}
    for state, desk in walk(language, venue, open_desk, eventually):
        keep(desk.page, state, language)
        for size in SIZES if language == "en" else PICTURES:
            resize(desk.page, size)
            problems = desk.page.evaluate(TOO_SMALL) + desk.page.evaluate(CUT_OFF)
            if problems := problems + (axe(desk.page) if language == "en" else []):
                found[f"{state} {size}"] = problems
        resize(desk.page, SIZES[0])
        assert desk.errors == []
        assert desk.page.locator("[data-hacked], #views img[src=x], #views script").count() == 0
    assert found == {}


def resize(page, size):
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.wait_for_function("() => document.getAnimations().every((each) => each.playState !== 'running')")


def keep(page, state, language):
    """Keep pictures, all of them before anything else is done: a line for the door's verdict is soon gone."""
    taken = {}
    for size in PICTURES if SCREENS else ():
        resize(page, size)
        scale = 1 if (size, language) == (PICTURES[0], "en") else 0.5
        taken[f"staff-{state}-{size[0]}x{size[1]}-{language}"] = palette.take(page, scale)
    for name, picture in taken.items():
        palette.keep(SCREENS, name, picture)


def walk(language, venue, open_desk, eventually):
    """Go through all states by name, in the order in which a person might come to them."""
    api = venue.open(eventually, signed_in=False)
    desk = open_desk(language=language)
    desk.wait("#pin", "No PIN")
    yield "pin-missing", desk
    venue.set_pin()
    desk.press("Look again")
    desk.page.locator("#keys").get_by_role("button", name="4", exact=True).click()
    yield "pin", desk
    desk.enter("11")
    desk.wait("#pin", "This PIN is wrong")
    yield "pin-wrong", desk
    desk.sign_in()
    api.sign_in()
    yield from scanning(desk, venue)
    yield from among_guests(desk, venue, eventually)
    yield from choosing(desk, venue)
    yield from delivering(desk, venue, eventually)
    desk.open("setup")
    desk.wait("#lanes", "connected")
    yield "setup", desk
    if language == "en":
        yield from calibrating(desk, venue)
        yield from setting(desk)
    desk.open("numbers")
    desk.page.wait_for_selector("#figures img")
    desk.page.wait_for_function("() => [...document.querySelectorAll('#figures img')].every((each) => each.complete)")
    yield "numbers", desk
    desk.page.locator("summary").first.click()
    yield "numbers-table", desk
    yield from in_trouble(desk, venue)


def scanning(desk, venue):
    desk.wait("#last", "Nobody was declined")
    yield "scan", desk
    yield from typing(desk, "#typing", "keyboard-code")
    desk.type_code("TKT-ADA-0001")
    desk.wait(".result", "Welcome")
    yield "scan-approved", desk
    desk.type_code("TKT-BOB-0002")
    desk.wait("#last", "Admit anyway")
    yield "scan-declined", desk
    desk.press("Admit anyway", ".result")
    desk.press("Paid at the box office")
    yield "override", desk
    yield from typing(desk, "dialog.question", "keyboard-reason")
    desk.answer("Admit")
    desk.wait(".result", "Admitted by staff")
    desk.wait("#last", desk.say("Admitted since, at {time}", {"time": ""}).strip())
    yield "override-done", desk
    desk.type_code("NOBODYKNOWS")
    desk.wait(".result", "No ticket is certain here: find the guest by name")
    yield "scan-unknown", desk
    venue.kiosk.scan("TKT-EVE-0003")
    desk.page.wait_for_selector("#live:not(:empty)")
    yield "live", desk


def typing(desk, form, state):
    """With the keyboard of the screen, each of its pages in one of the fields."""
    leaf = {"keyboard-code": "Signs", "keyboard-reason": "Accents"}.get(state)
    desk.press("Keyboard", form)
    if leaf:
        desk.press(leaf, "#keyboard")
    yield state, desk
    desk.press("Done", "#keyboard")


def among_guests(desk, venue, eventually):
    desk.open("guests")
    yield "guests", desk
    desk.find("ada")
    desk.wait("#found", "Ada Öğünç")
    yield "guests-found", desk
    yield from typing(desk, "#finding", "keyboard-guests")
    desk.open_guest("ada", "Ada Öğünç")
    desk.wait("#guest", "approved")
    yield "guest", desk
    desk.press("Check out")
    yield "guest-confirm", desk
    desk.answer("Check out")
    desk.wait("#guest .result", "Goodbye")
    desk.wait("#guest", "Not inside")
    yield "guest-checked-out", desk
    desk.press("Back to the list")
    venue.list_tickets(MALLORY, *crowd())
    eventually("it is found", lambda: hostile_found(desk))
    yield "guests-hostile", desk
    desk.page.locator("#found button").first.click()
    desk.page.wait_for_selector("#guest .facts")
    yield "guest-hostile", desk
    desk.press("Check in")
    desk.answer("Check in")
    desk.page.wait_for_selector("#guest .verdict")
    yield "guest-hostile-verdict", desk
    desk.press("Back to the list")
    desk.find("nobody at all")
    desk.wait("#found-said", "Nobody of this name is on the list")
    desk.find("crowd")
    desk.wait("#found-said", desk.say("Only the first {count} are shown: type more of the name", {"count": "50"}))
    yield "guests-more", desk


def crowd():
    return [Ticket(f"t-{n}", f"TKT-{n:04}", EVENT_ID, "type-1", "Standing", f"Crowd Member {n}") for n in range(60)]


def hostile_found(desk):
    desk.page.locator("#name").fill("img")
    desk.page.locator("#name").fill("img src")
    desk.page.wait_for_timeout(500)
    return desk.page.locator("#found button").count()


def choosing(desk, venue):
    desk.open("choices")
    desk.wait("#view-choices", "As configured")
    yield "choices", desk
    desk.page.get_by_label(desk.say("Out"), exact=True).check()
    desk.page.locator(f"#types-{EVENT_ID}").uncheck()
    desk.page.locator("#events-own").uncheck()
    yield "choices-changed", desk
    desk.press("As configured")
    yield "choices-reset", desk
    desk.answer("As configured")
    desk.page.wait_for_selector("dialog.question", state="detached")
    desk.page.get_by_text(desk.say("In force"), exact=True).wait_for()
    venue.list_tickets(settings={"deviceSettings": {"scanConfig": {"mode": "lock"}}})
    desk.page.wait_for_timeout(1500)
    desk.open("scan")
    desk.open("choices")
    desk.page.locator("#locked").wait_for()
    yield "choices-locked", desk


def delivering(desk, venue, eventually):
    desk.open("deliveries")
    desk.wait("#refused", "The cloud has refused nothing")
    yield "deliveries", desk
    with closing(sqlite3.connect(venue.kiosk.data_dir / "tickets.db")) as database, database:
        database.execute("UPDATE list SET shrunk_to = 2")
    desk.open("scan")
    desk.open("deliveries")
    desk.wait("#lists", "Accept the smaller list")
    desk.press("Accept the smaller list", "#lists")
    yield "list-accept", desk
    desk.answer("Accept")
    desk.wait("dialog.question", "Sync does not answer: start `kiosk sync`")
    yield "list-no-sync", desk
    desk.answer("Cancel")


def setting(desk):
    desk.press("Set the clock")
    yield "clock-set", desk
    desk.page.get_by_label("Year", exact=True).fill("2031")
    desk.answer("Next")
    desk.wait("dialog", "Yes, that is the time")
    yield "clock-sure", desk
    desk.answer("Yes, that is the time")
    desk.wait("#clock", "said by staff")
    yield "clock-told", desk
    desk.press("Deutsch", "#language")
    desk.page.wait_for_selector("html[lang=de] #language [lang=de][aria-pressed=true]")
    yield "language-chosen", desk
    desk.press("English", "#language")
    desk.page.wait_for_selector("html[lang=en] #language [lang=en][aria-pressed=true]")


def calibrating(desk, venue):
    desk.press("Calibrate left")
    desk.page.wait_for_function("() => document.querySelector('dialog img').naturalWidth > 0")
    desk.wait("dialog.question", "Scan one of these codes")
    yield "calibrate", desk
    venue.kiosk.scan("TKT-ADA-0001")
    desk.wait("dialog.question", "this was another code")
    yield "calibrate-wrong", desk
    desk.press("Try again", "dialog.question")
    desk.wait("dialog.question", "Scan one of these codes")
    venue.kiosk.scan(f"]Q1<b>\u202eWWWWWWWW{TEXT}{'W' * 16}")
    desk.wait("dialog.question", "This would change")
    yield "calibrate-found", desk
    desk.press("Use these settings", "dialog.question")
    desk.wait("dialog.question", "In force")
    yield "calibrate-used", desk
    desk.answer("Close")
    desk.wait("#lanes", "Calibrated here")
    yield "setup-calibrated", desk
    desk.press("left as configured")
    yield "calibrate-forget", desk
    desk.answer("As configured")
    desk.page.wait_for_selector("dialog.question", state="detached")


def in_trouble(desk, venue):
    desk.open("scan")
    desk.page.locator("#code").fill("half a code")
    venue.kiosk.stop("gate")
    desk.wait("#silence", "The gate does not answer: start `kiosk gate`")
    yield "no-gate", desk
    desk.press("Check", "#typing")
    desk.wait("#typing", "The gate does not answer: start `kiosk gate`")
    yield "scan-no-gate", desk
    venue.kiosk.stop("display")
    desk.wait("#trouble", "No connection")
    yield "no-connection", desk


# What can be pressed, and is smaller than a finger in a glove.
TOO_SMALL = """() => [...document.querySelectorAll('button, a, input, select, textarea, summary, .tick')]
  .filter((each) => each.checkVisibility() && !each.closest('.tick > *') && !each.matches('.tick input'))
  .filter((each) => innerWidth >= 600 || !each.closest('#keyboard')) // a phone has its own
  .filter((each) => each.closest('dialog') || !document.querySelector('dialog[open]'))
  .map((each) => [each, each.getBoundingClientRect()])
  .filter(([, box]) => box.width < 44 || box.height < 44)
  .map(([each]) => `small: ${each.outerHTML.slice(0, 99)}`)"""

# What reaches beyond the side of the screen, or of what it stands in.
CUT_OFF = """() => {
  const wide = [document.documentElement, ...document.querySelectorAll('main, dialog[open], header, nav')]
    .filter((each) => each.scrollWidth > each.clientWidth + 1).map((each) => `wider than the screen: ${each.tagName}`);
  const out = [...document.querySelectorAll('button, input, p, li, dd, h1, h2, strong')]
    .filter((each) => each.checkVisibility() && each.getBoundingClientRect().right > innerWidth + 1)
    .map((each) => `out: ${each.outerHTML.slice(0, 99)}`);
  const cut = [...document.querySelectorAll('#keyboard button, #tabs a, .tiles div')]
    .filter((each) => innerWidth >= 600 && each.scrollWidth > each.clientWidth + 1)
    .map((each) => `cut: ${each.textContent}`);
  return [...wide, ...out, ...cut];
}"""
