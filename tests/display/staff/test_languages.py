"""The staff page in the door's language: a walk through its views in a real browser, and no English is left."""

import calendar
import re
import sqlite3
from contextlib import closing

import httpx
import pytest

from kiosk import languages
from tests.display.staff.conftest import EVENT_ID

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.timeout(300)]

DATA = [
    "Ada Öğünç", "Bob <b>Ølsen</b>", "Eve Ada Larsson", "Standing", "Backstage", "Event 1", "TKT-ADA-0001",
    "gate-north-1", "manual", "left", "xx", "UTC (UTC+00:00)", "Xx", "Deutsch", "English", "Español",
    "Français", "Italiano", "Nederlands", *calendar.day_name[:], *calendar.month_name[1:], "äéñ", "abc",
]  # fmt: skip
CLOSED = "Mindestens eine Veranstaltung wählen: Ohne ist der Eingang geschlossen"
SAID = """() => {
  const found = [], front = document.querySelector('dialog[open]') ?? document.body;
  const texts = document.createTreeWalker(front, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const place = texts.currentNode.parentElement;
    if (place.checkVisibility() && !place.closest('code, script, template')) found.push(texts.currentNode.data.trim());
  }
  for (const place of document.querySelectorAll('[aria-label], [alt]'))
    if (place.checkVisibility()) found.push(place.getAttribute('aria-label') ?? place.alt);
  return [document.title, ...found];
}"""


def speak(venue, name):
    """Let the display of a venue speak another language."""
    file = venue.kiosk.file
    spoken = file.read_text(encoding="utf-8").replace("[display]", f'[display]\nlanguage = "{name}"')
    file.write_text(spoken, encoding="utf-8")


def walk(desk, say, venue):
    """Go through the page; yield the name of each state that is to be looked at."""
    yield "pin"
    desk.enter("11")
    desk.wait("#pin-trouble", say("This PIN is wrong"))
    yield "pin, wrong"
    desk.sign_in()
    desk.wait("#last", say("Nobody was declined"))
    type_code(desk, "TKT-ADA-0001")
    desk.wait(".result", say("Welcome"))
    yield "scan"
    for leaf in ("Signs", "Accents"):
        desk.page.locator("#typing .toggle").click()
        desk.page.locator("#keyboard").get_by_role("button", name=say(leaf), exact=True).click()
        yield f"keyboard, {leaf}"
        desk.press(say("Done"), "#keyboard")
    type_code(desk, "TKT-BOB-0002")
    desk.press(say("Admit anyway"), ".result")
    desk.answer(say("Admit"))
    desk.wait("dialog .trouble", say("Say why this guest is admitted"))
    yield "override"
    desk.answer(say("Cancel"))
    yield from among_guests(desk, say)
    for view, place in (("choices", "#view-choices legend"), ("deliveries", "#view-deliveries .list")):
        desk.open(view)
        desk.page.locator(place).first.wait_for()
        yield view
    desk.open("setup")
    desk.wait("#lanes", say("connected"))
    yield "setup"
    desk.page.locator("#lanes button").click()
    yield "calibrate"
    desk.answer(say("Cancel"))
    desk.press(say("Set the clock"))
    desk.page.locator("dialog.question input").first.wait_for()
    yield "set the clock"
    desk.answer(say("Next"))
    desk.page.locator("dialog.question").get_by_text(say("Yes, that is the time")).wait_for()
    yield "set the clock, sure"
    desk.answer(say("Cancel"))
    desk.open("numbers")
    desk.page.locator("summary").first.click()
    yield "numbers"
    venue.kiosk.stop("gate")
    desk.wait("#silence", "kiosk gate")
    type_code(desk, "TKT-ADA-0001")
    desk.wait("#typing .trouble", "kiosk gate")
    yield "without a gate"


def among_guests(desk, say):
    desk.open("guests")
    yield "guests"
    desk.open_guest("ada", "Ada Öğünç")
    desk.wait("#guest .past", say("approved"))
    yield "guest"
    desk.press(say("Check out"), "#guest")
    desk.answer(say("Check out"))
    desk.wait("#guest .result", say("Goodbye"))
    yield "guest, out"


def type_code(desk, code):
    desk.open("scan")
    desk.page.locator("#code").fill(code)
    desk.page.locator("#typing .main").click()


def test_no_text_of_the_page_escapes_a_language(venue, eventually, open_desk, brackets):
    speak(venue, "xx")
    venue.open(eventually)
    desk, escaped = open_desk(), {}
    for state in walk(desk, lambda text: f"⟦{text}⟧", venue):
        said = desk.page.evaluate(SAID)
        assert any("⟦" in text for text in said), state
        if found := [text for text in said if re.search(r"[^\W\d_]{2,}", without(text))]:
            escaped[state] = found
    assert (escaped, desk.errors) == ({}, [])


def without(text):
    """What is neither in brackets nor data."""
    while (less := re.sub("⟦[^⟦⟧]*⟧", "", text)) != text:
        text = less
    for data in DATA:
        text = text.replace(data, "")
    return text


def test_in_german_nothing_is_said_in_english(venue, eventually, open_desk):
    speak(venue, "de")
    venue.open(eventually)
    german = languages.read("de")
    forms = {one: [many] if isinstance(many, str) else many for one, many in german.texts.items()}
    english = [pattern(one) for one, said in forms.items() if one not in said and re.search("[a-z]{2}", bare(one))]
    desk, escaped = open_desk(), {}
    for state in walk(desk, german.say, venue):
        said = desk.page.evaluate(SAID)
        if found := [text for text in said if any(each.fullmatch(text) for each in english)]:
            escaped[state] = found
    assert (escaped, desk.errors) == ({}, [])
    assert desk.page.evaluate("[document.documentElement.lang, document.title]") == ["de", "Scan · Personal"]


def bare(text):
    """A text without its facts: some are nothing else."""
    return re.sub(r"\{\w+\}", "", text)


def pattern(text):
    """What a text looks like whatever its facts are."""
    return re.compile(re.sub(r"\\{\w+\\}", r"\\S+", re.escape(text)))


@pytest.mark.parametrize(
    ("name", "asked", "said"),
    [
        ("nothing", {}, "Nichts mit diesem Namen vorhanden"),
        ("override", {"seq": 7, "reason": "x", "token": "a"}, "Diesen Scan gibt es nicht"),
        ("accept", {"eventId": "e"}, "Die Übertragung antwortet nicht: `kiosk sync` starten"),
        ("choices", {"choices": {"events": ["e-9"]}}, "Dieser Kiosk kennt keine Veranstaltung e-9"),
        ("choices", {"choices": {"events": []}}, CLOSED),
        ("choices", {"choices": {"ticketTypes": {EVENT_ID: []}}}, "Mindestens eine Ticketart wählen, oder alle"),
        ("choices", {"choices": {"scanType": "sideways"}}, "Das kann nicht ausgewählt werden"),
        ("language", {"language": "xx"}, "Dieser Kiosk spricht diese Sprache nicht"),
        ("clock", {"time": "soon"}, "Eine Zeit wie „2026-06-01 19:30“ ist nötig"),
        ("clock", {"time": "1999-01-01 10:00"}, "Stimmt das Jahr? Die Zeit muss ab 2026 und vor 2200 liegen"),
    ],
)
def test_what_cannot_be_done_is_said_in_the_doors_language(venue, eventually, name, asked, said):
    speak(venue, "de")
    page = venue.open(eventually)
    assert page.post(name, asked).json()["message"] == said


def test_what_is_drawn_is_in_the_doors_language(venue, eventually):
    speak(venue, "de")
    page = venue.open(eventually)
    drawn: httpx.Response = page.client.get("/staff/pictures/inside.svg")
    assert "<title>Drinnen im Zeitverlauf</title><desc>Heute Abend noch nichts</desc>" in drawn.text


def test_what_sync_refuses_is_said_in_the_doors_language_with_what_it_names(venue, eventually):
    speak(venue, "de")
    page = venue.open(eventually)
    venue.configure(gate="settings_from_cloud = false")
    venue.kiosk.start("sync")
    eventually("sync listens", (venue.kiosk.runtime_dir / "sync.sock").exists)
    said = page.post("accept", {"eventId": "e"}).json()["message"]
    assert said == "Diese Liste ist nicht geschrumpft: nichts zu übernehmen"
    with closing(sqlite3.connect(venue.kiosk.data_dir / "ledger.db")) as database, database:
        database.execute("DROP TABLE delivery")
    said = page.post("retry", {"numbers": []}).json()["message"]
    assert said == "Es konnte nicht festgehalten werden: no such table: delivery"


def test_keys_are_said_in_words_of_the_doors_language(venue, eventually):
    speak(venue, "de")
    page = venue.open(eventually)
    page.ask("scan", code="TKT-BOB-0002")
    (guest,) = page.ask("find", text="olsen")["guests"]
    assert (guest["status"], guest["statusLabel"]) == ("INVALID", "storniert")
    (past,) = page.ask("ticket", ticketId="t-bob")["history"]
    assert (past["delivery"], past["deliveryLabel"]) == ("pending", "zu senden")
    assert page.ask("statistics")["declines"] == [{"name": "storniert", "number": 1}]
    assert "storniert: 1</desc>" in page.client.get("/staff/pictures/declines.svg").text
    state = page.ask("state")
    assert [one["label"] for one in state["scanners"]] == ["serielle Schnittstelle", "vom Personal eingetippt"]
    assert state["clock"]["label"] == "nicht gestellt"
