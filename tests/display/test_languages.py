"""The page in each language: what a real browser shows, and that it fits."""

import pytest

from kiosk import languages, words
from kiosk.model import Direction, Notice, Reason

pytestmark = pytest.mark.needs("chromium")

SIZES = [(1024, 600), (1920, 1080), (600, 1024), (390, 844)]
GATE = "Nord 2"


def restart(door, display, language):
    door.configure(f'language = "{language}"\n')
    display.end()
    display.start()


@pytest.fixture(params=languages.names())
def language(request, door):
    """Each of the languages in turn, as the door's."""
    door.configure(f'language = "{request.param}"\n')
    return languages.read(request.param)


@pytest.fixture
def display(language, display):
    """The display, which was started with the language."""
    return display


def attention(door):
    """Everything that wants attention at once."""
    door.reachable, door.cloud_error = False, "no name"
    door.list_tickets(1234, complete=False)
    missing = [{"name": "left", "kind": "hid", "device": "x", "connected": False, "problem": "gone"}]
    door.beat(scanners=missing, fault="disk", journal={"notice": {"saved": 1, "lost": 2}})


def shown(door, screen, scan):
    screen.page.wait_for_selector(f"body[data-seq='{scan.seq}'] #verdict", timeout=15_000)


def test_a_page_is_in_the_doors_language(door, screen, language):
    attention(door)
    screen.wait_for_text("banners", language.say("Scanner “{name}” is missing", {"name": "left"}))
    assert screen.page.evaluate("[document.documentElement.lang, document.title]") == [
        language.name,
        language.say("Gate"),
    ]
    assert screen.text("word") == language.say("See staff")
    assert screen.text("hint") == language.say("Scans cannot be recorded")
    assert screen.page.locator("#tiles dt").all_text_contents()[:7] == [
        language.say(text) for text in ("Inside", "In", "Out", "Declined", "Tickets", "Cloud", "To deliver")
    ]
    assert language.say("The ticket list is incomplete") in screen.text("banners")
    assert words.journal({"saved": 1, "lost": 2}, language) in screen.text("banners")
    assert screen.page.locator("#lost").get_attribute("aria-label") == language.say("No connection")
    assert language.say("No connection to the gate") in screen.text("lost")
    door.scan(Reason.ALREADY_IN, at="2026-06-01T19:42:00+00:00", gate=GATE)
    screen.wait_for("declined")
    assert screen.text("headline") == language.say("STOP")
    assert language.say("Jun") in screen.text("message")
    assert screen.text("message").endswith(GATE)
    assert screen.errors == []


def test_numbers_are_written_as_the_language_writes_them(door, screen, language):
    door.list_tickets(12345)
    written = {"en": "12,345", "de": "12.345", "es": "12.345", "it": "12.345", "nl": "12.345", "fr": "12\u202f345"}
    screen.wait_for_text("tiles", written[language.name])


@pytest.mark.timeout(300)
def test_every_large_word_and_every_sentence_fits(door, screen):
    for reason in Reason:
        direction = Direction.CHECKOUT if reason is Reason.NOT_INSIDE else Direction.CHECKIN
        facts = {"at": "2026-09-30T19:42:00+00:00", "count": "2", "gate": GATE, "status": "ODD", "event": "The Gala"}
        shown(door, screen, door.scan(reason, direction=direction, type="Weekend ticket", **facts))
        for size in SIZES:
            screen.page.set_viewport_size({"width": size[0], "height": size[1]})
            assert screen.page.evaluate(CUT) == [], (reason, size, screen.text("headline"), screen.text("message"))


def test_everything_that_wants_attention_fits(door, screen):
    attention(door)
    screen.wait_for_text("banners", "no name")
    for width, height in SIZES:
        screen.page.set_viewport_size({"width": width, "height": height})
        assert screen.page.evaluate(CUT_READY) == [], (width, height)


# What of the verdict does not stand in its panel, or is cut off.
CUT = """() => {
  const panel = document.querySelector('.panel').getBoundingClientRect();
  const word = document.createRange();
  word.selectNodeContents(document.getElementById('headline'));
  const large = word.getBoundingClientRect(), edge = innerWidth / 40;
  const box = document.getElementById('headline').getBoundingClientRect();
  const [sign, message] = ['verdict-sign', 'message'].map((id) => document.getElementById(id));
  const svg = sign.parentElement.getBoundingClientRect(), small = message.getBoundingClientRect();
  const found = [];
  if (large.left < panel.left + edge || large.right > panel.right - edge) found.push('word: side');
  if (Math.min(large.top, svg.top) < panel.top) found.push('word: top');
  if (box.bottom > small.top + 1) found.push('word over message');
  if (message.scrollHeight > message.clientHeight + 1) found.push('message: cut');
  if (small.bottom > panel.bottom) found.push('message: below');
  if (svg.right > large.left + 1 && svg.bottom > large.top + large.height / 4) found.push('sign over word');
  return found;
}"""
CUT_READY = """() => {
  const wide = (place) => place.scrollWidth > place.clientWidth + 1;
  const places = ['#word', '#hint', '#tiles div', '#tiles dt', '#tiles dd'];
  const found = places.flatMap((name) => [...document.querySelectorAll(name)].filter(wide)
    .map((place) => `${name} ${place.textContent}`));
  const call = document.querySelector('.call').getBoundingClientRect();
  const hint = document.getElementById('hint').getBoundingClientRect();
  if (hint.bottom > call.bottom + 1) found.push('hint: below');
  if (document.documentElement.scrollHeight > innerHeight) found.push('page');
  return found;
}"""


def test_another_language_needs_a_restart_of_the_display_and_nothing_else(door, display, screen, language):
    other = "de" if language.name != "de" else "fr"
    restart(door, display, other)
    screen.wait_for_text("word", languages.read(other).say("Ready"))
    assert screen.page.evaluate("document.documentElement.lang") == other


def test_what_was_not_recorded_is_said_in_the_doors_language(door, screen, language):
    door.refuse(Notice.NO_EVENT)
    screen.wait_for("declined")
    assert screen.text("headline") == language.say("CLOSED")
    assert screen.text("message") == words.notice(Notice.NO_EVENT, language)


@pytest.mark.parametrize("language", ["en"], indirect=True)
def test_one_file_makes_a_language_and_no_text_of_the_page_escapes_it(door, display, brackets, browser):
    restart(door, display, "xx")
    page = browser.new_page()
    page.goto(f"{display.url}/")
    attention(door)
    page.wait_for_selector("#banners li", timeout=15_000)
    page.wait_for_function("() => document.querySelectorAll('#banners li').length > 5", timeout=15_000)
    door.scan(Reason.ALREADY_IN, at="2026-06-01T19:42:00+00:00", gate=GATE)
    page.wait_for_selector("body[data-face=declined]", timeout=15_000)
    bare = "p, h1, li, dt, dd, title, [aria-label]"
    said = page.evaluate(
        """(bare) => [...document.querySelectorAll(bare)].map((place) =>
      place.getAttribute('aria-label') ?? place.textContent.trim())""",
        bare,
    )
    ours = [text for text in said if "⟦" in text]
    data = {"gate-north-1", "Summer Night", "Weekend", "Zoë Müller", "… 1234", "no name", ""}
    numbers = [text for text in said if text.replace(",", "").isdecimal() or text == "?" or text[2:3] == ":"]
    assert [text for text in said if text not in {*ours, *data, *numbers}] == []
    assert "⟦STOP⟧" in said
    page.close()
