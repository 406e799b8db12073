"""The clock and the language, set on the page: with a real gate and a real display behind it, in a real browser."""

import contextlib
import re
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from kiosk import clock
from kiosk.model import Anchor, Source
from kiosk.store import audit, chosen, spoken
from kiosk.store.database import to_ms
from kiosk.store.journal import Journal

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.timeout(180)]


def told(kiosk, action):
    return [row for row in audit.read(kiosk.data_dir) if row["action"] == action]


def said_at(page):
    """What the gate knows the time to be, a minute at most ago."""
    return datetime.fromisoformat(page.ask("state")["clock"]["time"])


# --- the clock -------------------------------------------------------------------------------------------------------


def test_a_time_is_told_step_by_step_and_counts_after_a_question_in_words(desk, page, venue, eventually):
    desk.open("setup")
    desk.wait("#clock", "Nobody has said what time it is")
    desk.press("Set the clock")
    believed = datetime.now(UTC)
    shown = [int(box.input_value()) for box in desk.page.locator("dialog input").all()]
    assert shown[:3] == [believed.day, believed.month, believed.year]
    for what, text in (("Year", "2031"), ("Month", "6"), ("Day", "30"), ("Hour", "23"), ("Minute", "59")):
        desk.page.get_by_label(what, exact=True).fill(text)
    desk.press("Minute, one more", "dialog")
    desk.wait("dialog", "1 July 2031, 00:00")
    desk.press("Day, one less", "dialog")
    desk.answer("Next")
    desk.wait("dialog", re.compile("It is Monday,? 30 June 2031, 00:00[?]"))
    assert venue.kiosk.status()["clockAnchor"] is None, "nothing is set before somebody is sure"
    desk.answer("Cancel")
    desk.page.wait_for_selector("dialog.question", state="detached")
    assert told(venue.kiosk, "clock set") == []
    desk.press("Set the clock")
    desk.page.get_by_label("Year", exact=True).fill("2031")
    desk.answer("Next")
    desk.answer("Yes, that is the time")
    desk.wait("#view-setup", "The kiosk goes by this time now")
    desk.wait("#clock", "said by staff")
    assert said_at(page).year == 2031
    assert desk.page.get_by_role("button", name="Set the clock").is_visible(), "the last word counts"
    (row,) = told(venue.kiosk, "clock set")
    assert (row["by"], row["to"][:4]) == ("staff", "2031")
    eventually("status tells", lambda: (venue.kiosk.status()["clockAnchor"] or {}).get("source") == "operator")
    venue.kiosk.stop("gate")
    venue.kiosk.open_gate()
    eventually("it is kept", lambda: said_at(page).year == 2031)


@pytest.mark.parametrize(
    ("typed", "shown"), [("0", "01"), ("99", "12"), ("x", None), ("-3", "01"), ("", None)], ids=lambda text: f"<{text}>"
)
def test_what_is_typed_stays_in_its_bounds(desk, typed, shown):
    desk.open("setup")
    desk.press("Set the clock")
    month = desk.page.get_by_label("Month", exact=True)
    before = month.input_value()
    month.fill(typed)
    month.blur()
    assert month.input_value() == (shown or before)


@pytest.mark.parametrize(
    ("quality", "source", "why"),
    [("synced", "ntp", "The network has set this machine’s clock"), ("guessed", "http-date", "The network has said"),
     ("rtc", None, "battery clock, which counts more")],
)  # fmt: skip
def test_who_could_only_make_it_worse_is_told_so_and_not_asked(venue, open_desk, eventually, quality, source, why):
    said = {"quality": quality, "known": True, "source": source, "aheadSeconds": 0.0}
    with venue.kiosk.saying("gate", clock=said):
        venue.show(eventually)
        desk = open_desk()
        desk.sign_in()
        desk.open("setup")
        desk.wait("#clock", why)
        assert desk.page.get_by_role("button", name="Set the clock").count() == 0


def test_a_time_before_what_the_network_said_is_doubted_before_it_counts(venue, open_desk, eventually):
    later = datetime.now(UTC) + timedelta(days=900)
    with closing(Journal(venue.kiosk.data_dir, "gate-north-1")) as journal:
        journal.anchor(Anchor("boot-0", 10**9, to_ms(later), Source.NTP))
    page = venue.open(eventually)
    desk = open_desk()
    desk.sign_in()
    desk.open("setup")
    desk.press("Set the clock")
    desk.answer("Next")
    desk.wait("dialog", f"{later.day} {later:%B %Y}, {later:%H:%M} scans were made already")
    assert desk.page.evaluate("document.activeElement.textContent") == "Cancel", "nothing to do in passing"
    desk.answer("Yes, that is the time")
    desk.wait("#clock", "said by staff")
    assert page.ask("clock", time=f"{later + timedelta(days=1):%Y-%m-%dT%H:%M}")["doubt"] is None


def test_without_a_gate_nobody_is_told_that_a_time_counts(desk, venue):
    desk.open("setup")
    desk.wait("#clock", "Nobody has said")
    venue.kiosk.stop("gate")
    desk.press("Set the clock")
    desk.answer("Next")
    desk.wait("dialog .trouble", "The gate does not answer")


@pytest.fixture
def berlin(monkeypatch):
    monkeypatch.setenv("TZ", "Europe/Berlin")


def test_an_hour_that_is_there_twice_is_asked_for_and_one_that_is_not_is_refused(berlin, venue, open_desk, eventually):
    page = venue.open(eventually)
    desk = open_desk()
    desk.sign_in()
    desk.open("setup")
    desk.press("Set the clock")
    type_time(desk, 2026, 3, 29, 2, 30)
    desk.answer("Next")
    desk.wait("dialog .trouble", "the clocks are put forward over it")
    type_time(desk, 2026, 10, 25, 2, 30)
    desk.answer("Next")
    desk.page.get_by_label("CET (UTC+01:00)").check()
    desk.answer("Yes, that is the time")
    desk.wait("#clock", "25 October 2026, 02:3")
    desk.wait("#clock", "CET (UTC+01:00)")
    assert said_at(page).hour == 1, "in UTC it is the later one of the two"
    assert page.refusal("clock", time="2026-10-25T02:30", sure=True) == (409, "clock")


def type_time(desk, *numbers):
    """The day last: it has to be one of that month."""
    for what, number in zip(("Year", "Month", "Day", "Hour", "Minute"), numbers, strict=True):
        desk.page.get_by_label(what, exact=True).fill(str(number))


@pytest.mark.parametrize("time", ["1999-06-01T10:00", "2026-06-01", "soon", "2026-02-30T10:00"])
def test_what_is_no_time_of_today_is_refused_and_nothing_is_set(page, venue, time):
    for sure in (False, True):
        assert page.refusal("clock", time=time, sure=sure) == (409, "clock")
    assert page.refusal("clock") == (400, "malformed")
    assert page.refusal("clock", time=7) == (400, "malformed")
    assert told(venue.kiosk, "clock set") == []


# --- the language ----------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def at_the_door(browser, venue):
    """The page that guests see."""
    context = browser.new_context(viewport={"width": 1024, "height": 600})
    page = context.new_page()
    page.set_default_timeout(15_000)
    page.goto(f"http://127.0.0.1:{venue.kiosk.port}/")
    page.wait_for_selector("body[data-face=ready]")
    try:
        yield page
    finally:
        context.close()


def speaks(page, name):
    page.wait_for_function("(name) => document.documentElement.lang === name", arg=name)


def test_a_language_is_chosen_in_its_own_name_and_both_pages_speak_it(desk, venue, browser, eventually):
    with at_the_door(browser, venue) as door:
        desk.open("setup")
        names = desk.page.locator("#language button").all_inner_texts()
        assert names == [
            "Deutsch", "English", "Español", "Français", "Italiano", "Nederlands", "As configured: English",
        ]  # fmt: skip
        desk.press("Deutsch", "#language")
        speaks(desk.page, "de")
        speaks(door, "de")
        door.locator("#word").get_by_text("Bereit").wait_for()
        desk.page.locator("#view-setup").get_by_text("Niemand hat die Uhr gestellt").wait_for()
        assert desk.page.locator("#language [lang=de]").get_attribute("aria-pressed") == "true"
        venue.kiosk.stop("display")
        venue.kiosk.stop("gate")
        venue.start_display(eventually)
        venue.kiosk.open_gate()
        door.wait_for_selector("body[data-face=ready]")
        speaks(door, "de")
        desk.load()
        desk.sign_in()
        desk.open("setup")
        desk.press("Wie konfiguriert: English", "#language")
        for page in (desk.page, door):
            speaks(page, "en")
    assert [row["language"] for row in told(venue.kiosk, "language chosen")] == ["de", "as configured"]
    desk.errors.clear()  # the page was cut off while the display was away


def test_a_verdict_that_stands_there_is_neither_lost_nor_kept_by_another_language(venue, browser, eventually):
    file = venue.kiosk.file
    file.write_text(file.read_text(encoding="utf-8").replace("[display]", "[display]\nscan_reveal_s = 5"))
    staff = venue.open(eventually)
    with at_the_door(browser, venue) as door:
        began = clock.boottime_ns()
        venue.kiosk.scan("TKT-ADA-0001")
        door.wait_for_selector("body[data-seq='1'][data-face=approved]")
        staff.ask("language", language="fr")
        speaks(door, "fr")
        door.wait_for_selector("body[data-seq='1'][data-face=approved]")
        assert door.locator("#ticket").text_content() == "Standing"
        door.wait_for_selector("body[data-face=ready]")
        assert 4.5 < (clock.boottime_ns() - began) / 1e9 < 8
        venue.kiosk.scan("TKT-BOB-0002")
        door.wait_for_selector("body[data-seq='2'][data-face=declined]")
        assert door.locator("#message").text_content() == "Ce billet a été annulé"


def test_a_question_that_is_open_is_not_taken_away_by_another_language(desk, page, venue):
    desk.type_code("TKT-BOB-0002")
    desk.press("Admit anyway", ".result")
    desk.page.locator("#why").fill("half a reason")
    page.ask("language", language="nl")
    desk.page.evaluate(HEARD, "nl")
    desk.page.wait_for_timeout(1500)  # longer than the page takes to hear it, too
    assert desk.page.locator("#why").input_value() == "half a reason"
    desk.page.keyboard.press("Escape")
    speaks(desk.page, "nl")


# Done when the door speaks this language.
HEARD = """(name) => new Promise((done) => {
  const source = new EventSource("/events");
  source.onmessage = (event) => JSON.parse(event.data).language === name && done(source.close());
})"""


def test_a_lock_of_the_clouds_is_none_for_the_language_nor_is_as_configured(page, venue, eventually):
    page.ask("choices", choices={"scanType": "checkout"})
    assert page.ask("language", language="it")["language"] == "it"
    page.ask("choices", choices={})
    venue.list_tickets(settings={"deviceSettings": {"scanConfig": {"mode": "lock"}}})
    eventually("it is locked", lambda: page.ask("state")["locked"])
    state = page.ask("state")
    assert (state["language"], state["languages"]["chosen"], state["languages"]["configured"]) == ("it", "it", "en")
    assert page.ask("language", language="es")["languages"]["chosen"] == "es"
    assert page.ask("language", language=None)["language"] == "en"
    assert not chosen.read(venue.kiosk.data_dir)


@pytest.mark.parametrize(
    ("name", "refusal"), [("xx", (409, "language")), ("", (409, "language")), (7, (400, "malformed"))]
)
def test_a_language_that_there_is_not_is_refused(page, venue, name, refusal):
    assert page.refusal("language", language=name) == refusal
    assert spoken.read(venue.kiosk.data_dir) is None


def test_without_a_gate_no_language_is_chosen_and_that_is_said(desk, venue):
    desk.open("setup")
    desk.page.locator("#language button").first.wait_for()
    venue.kiosk.stop("gate")
    desk.press("Deutsch", "#language")
    desk.wait("#view-setup .trouble", "The gate does not answer")
    assert spoken.read(venue.kiosk.data_dir) is None
