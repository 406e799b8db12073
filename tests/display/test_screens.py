"""Every state of the door's page, on one screen and on its halves: nothing is cut off, and all of it can be looked at.

KIOSK_SCREENS=tests/screens python -m pytest tests/display/test_screens.py    # writes a picture of each: make screens
"""

import os
from contextlib import closing
from dataclasses import replace

import pytest

from kiosk import languages
from kiosk.model import Delivery, Direction, Notice, Reason, Ticket
from kiosk.store.ledger import Entry, Ledger
from tests.display import palette

SCREENS = os.environ.get("KIOSK_SCREENS")
pytestmark = [pytest.mark.needs("chromium"), pytest.mark.timeout(900 if SCREENS else 300)]

SIZES = [(1024, 600), (600, 1024)]
LARGER = [*SIZES, (1920, 1080), (1080, 1920)]
LANGUAGES = ["en", "de", "fr"] if SCREENS else ["en"]  # whether each language fits: test_languages.py
HOSTILE = '<img src=x onerror="document.body.dataset.hacked=1"><script>alert(1)</script>\u202e\u2066' + "W" * 10_000
SEATED = Ticket("t2", "ABCD1234", "e1", "tt1", "Parterre", "Zoë Müller", area="North", row="14", seat="112")
MALLORY = Ticket("t3", "ABCD1234", "e1", "tt1", HOSTILE, HOSTILE, area=HOSTILE, row=HOSTILE, seat=HOSTILE)
VISION = ["protanopia", "deuteranopia", "tritanopia", "achromatopsia"]
TYPES = ["Standing", "Parterre", "Balcony", "Guest list", "Crew", "Weekend pass", "Press"]


class Gallery:
    """A screen that is looked at in all sizes, state by state."""

    def __init__(self, door, display, screen, kind, language):
        self.door, self.display, self.screen, self.page = door, display, screen, screen.page
        self.kind, self.language, self.problems = kind, language, {}
        self.say = languages.read(language).say
        self.cdp = screen.page.context.new_cdp_session(screen.page)

    def keep(self, state, axe=None):
        """Look at it, and keep a picture: one at its full size, the others half as large."""
        for size in LARGER if self.language == "en" else SIZES:
            self.page.set_viewport_size({"width": size[0], "height": size[1]})
            found = self.page.evaluate(CUT_OFF) + (axe(self.page) if axe and self.language == "en" else [])
            if found:
                self.problems[f"{state} {size}"] = found
            if size in SIZES:
                name = f"{self.kind}-{state}-{size[0]}x{size[1]}-{self.language}"
                self.picture(name, 1 if size == SIZES[0] and self.language == "en" else 0.5)
        assert self.page.locator("[data-hacked], section img, section script, main img").count() == 0

    def picture(self, name, scale=0.5):
        if SCREENS:
            palette.keep(SCREENS, f"door-{name}", palette.take(self.page, scale))

    def verdict(self, reason, **what):
        scan = self.door.scan(reason, **{"ticket": SEATED, **what})
        self.page.wait_for_selector(f"body[data-seq='{scan.seq}']:not([data-face=ready])", timeout=15_000)
        return scan

    def stay(self):
        """From here on a verdict stays until it has been looked at."""
        self.door.tell(scanRevealInterval=30)
        self.display.snapshot(when=lambda s: s["revealSeconds"] == 30)

    def word(self, text):
        self.screen.wait_for_text("word", self.say(text))

    def finish(self):
        self.door.fall_silent()
        self.screen.wait_for("lost")
        self.keep("no-gate")
        assert self.problems == {}
        assert self.screen.errors == []


@pytest.fixture(params=LANGUAGES)
def gallery(request, door):
    """Open a screen with so many scanners, in one of the languages, on a door that has been open for a while."""

    def opened(kind, *lanes):
        sections = "".join(f"[[scanner]]\nname = '{lane}'\nkind = 'serial'\ndevice = '/dev/{lane}'\n" for lane in lanes)
        door.configure(f'language = "{request.param}"\nscan_reveal_s = 1\n{sections}')
        door.list_tickets(1234)
        for number, name in enumerate(TYPES):
            for _ in range(9 - number):
                door.scan(ticket=replace(SEATED, ticket_name=name), lane=lanes[0])
        door.beat(scanners=[scanner(lane) for lane in lanes])
        display = request.getfixturevalue("display")
        return Gallery(door, display, request.getfixturevalue("screen"), kind, request.param)

    return opened


def scanner(name, *, connected=True):
    return {"name": name, "kind": "serial", "device": "x", "connected": connected, "problem": None}


def test_every_state_of_one_screen_is_whole(gallery, axe):
    one = gallery("one", "left")
    idle(one, axe)
    one.stay()
    verdicts(one, axe)
    one.finish()


def idle(one, axe):
    door = one.door
    one.word("Ready")
    one.screen.wait_for_text("types", "Weekend pass")
    one.keep("ready", axe)
    door.beat(events=[])
    one.word("Closed")
    one.keep("closed", axe)
    door.beat(events=["e1"], scanners=[scanner("left", connected=False)])
    one.word("No scanner")
    one.keep("no-scanner", axe)
    door.reachable, door.cloud_error = False, "cannot reach the cloud: no route to host"
    door.beat(scanners=[scanner("left")], clock={"known": False, "aheadSeconds": None})
    one.screen.wait_for_text("banners", "kiosk clock")
    one.screen.wait_for_text("banners", "no route")
    one.keep("clock-and-off-line", axe)
    scan = door.scan(ticket=SEATED)
    with closing(Ledger(door.data_dir)) as ledger:
        ledger.take_in([Entry(scan, Delivery.REFUSED)])
    door.list_tickets(1234, complete=False)
    door.beat(scanners=[scanner("left", connected=False)], fault="journal.db: disk I/O error")
    one.word("See staff")
    one.screen.wait_for("ready")
    one.page.wait_for_function("() => document.querySelectorAll('#banners li').length >= 6", timeout=15_000)
    one.keep("trouble", axe)
    door.reachable, door.cloud_error = True, None
    door.list_tickets(1234)
    door.beat(scanners=[scanner("left")], fault=None, clock={"known": True, "aheadSeconds": 0.0})


def verdicts(one, axe):
    one.verdict(Reason.OK)
    one.keep("approved", axe)
    see(one, "approved")
    one.verdict(Reason.OK, direction=Direction.CHECKOUT)
    one.keep("out")
    one.verdict(Reason.INVALID)
    one.keep("declined", axe)
    see(one, "declined")
    one.verdict(Reason.ALREADY_IN, at="2026-06-01T19:42:00+00:00", gate="gate-south-2")
    one.keep("already-in", axe)
    one.verdict(Reason.UNREADABLE, ticket=None)
    one.keep("scan-again")
    one.verdict(Reason.NOT_INSIDE, direction=Direction.CHECKOUT)
    one.keep("out-not-inside")
    one.verdict(Reason.WRONG_EVENT, ticket=MALLORY, event=HOSTILE, gate=HOSTILE)
    one.keep("hostile", axe)
    one.door.refuse(Notice.NOT_RECORDED)
    one.page.wait_for_selector("body[data-seq='']")
    one.keep("not-recorded")
    one.verdict(Reason.AMBIGUOUS, ticket=None, count="2")
    one.keep("see-staff", axe)
    see(one, "see-staff")
    scan = one.verdict(Reason.OK)
    one.page.wait_for_timeout(1100)  # what comes sooner is the same presentation
    one.door.repeat(scan)
    one.screen.wait_for("again")
    one.keep("repeated", axe)
    see(one, "repeated")


def test_practice_is_whole_and_says_so(gallery, axe):
    one = gallery("one", "left")
    one.door.beat(practice=True)
    one.screen.wait_for_text("banners", one.say("Practice is on: the codes of the sheet play"))
    one.keep("practice", axe)
    one.stay()
    for played in (Reason.OK, Reason.ALREADY_IN, Reason.WRONG_EVENT):
        one.verdict(Reason.PRACTICE, played=played, at="2026-06-01T19:42:00+00:00", gate="gate-south-2", event="Gala")
        one.keep(f"practice-{played.replace('_', '-')}", axe)
    assert one.problems == {}


def see(one, state):
    """As people see it who see colours otherwise."""
    if SCREENS and one.language == "en":
        one.page.set_viewport_size({"width": 1024, "height": 600})
        for kind in VISION:
            one.cdp.send("Emulation.setEmulatedVisionDeficiency", {"type": kind})
            one.picture(f"seen-{state}-{kind}", 0.25)
        one.cdp.send("Emulation.setEmulatedVisionDeficiency", {"type": "none"})


def test_every_state_of_two_halves_is_whole(gallery, axe):
    two = gallery("two", "left", "right")
    two.word("Ready")
    two.keep("ready", axe)
    two.stay()
    two.verdict(Reason.OK, lane="desk")
    two.keep("elsewhere", axe)
    two.verdict(Reason.OK, lane="left")
    two.keep("left-and-elsewhere", axe)
    two.verdict(Reason.INVALID, lane="right")
    two.keep("approved-and-declined", axe)
    two.verdict(Reason.AMBIGUOUS, lane="left", ticket=None, count="2")
    scan = two.verdict(Reason.OK, lane="right")
    two.page.wait_for_timeout(1100)  # what comes sooner is the same presentation
    two.door.repeat(scan)
    two.page.wait_for_selector(".half[data-face=again]")
    two.keep("staff-and-repeated", axe)
    two.verdict(Reason.ALREADY_IN, lane="left", at="2026-06-01T19:42:00+00:00", gate="gate-south-2")
    two.verdict(Reason.OK, lane="right", direction=Direction.CHECKOUT)
    two.keep("already-in-and-out", axe)
    for lane in ("left", "right"):
        two.verdict(Reason.WRONG_EVENT, lane=lane, ticket=MALLORY, event=HOSTILE, gate=HOSTILE)
    two.keep("hostile", axe)
    two.finish()


def test_a_half_says_what_is_wrong_with_its_own_scanner(gallery, axe):
    two = gallery("two", "left", "right")
    two.stay()
    two.door.beat(scanners=[scanner("left"), scanner("right", connected=False)])
    two.screen.wait_for_text("banners", "right")
    two.keep("one-missing", axe)
    two.verdict(Reason.OK, lane="left")
    assert two.page.locator(".half .word").all_text_contents()[1] == two.say("No scanner")
    two.keep("approved-and-missing", axe)
    assert two.problems == {}


# What of the page is cut off, lies outside its place or over something else.
CUT_OFF = """() => {
  const found = [];
  const seen = (place) => place.checkVisibility() && place.getClientRects().length > 0;
  const inner = (place) => { const words = document.createRange(); words.selectNodeContents(place);
    return words.getBoundingClientRect(); };
  for (const panel of [...document.querySelectorAll('.panel')].filter(seen)) {
    const frame = panel.getBoundingClientRect(), verdict = panel.closest('.verdict');
    const strip = verdict && getComputedStyle(verdict, '::after'), of = (name) => parseFloat(strip[name]);
    const below = strip?.content.length > 4 ? of('height') + of('paddingTop') + of('paddingBottom') : 0;
    if (below && frame.bottom > innerHeight - below + 1) found.push('under practice');
    const [headline, message, words, lane] = ['headline', 'message', 'words', 'lane'].map((name) =>
      panel.querySelector(`.${name}`));
    const large = inner(headline), svg = panel.querySelector('svg').getBoundingClientRect();
    if (large.left < frame.left || large.right > frame.right) found.push(`word: side ${headline.textContent}`);
    if (Math.min(large.top, svg.top) < (seen(lane) ? lane.getBoundingClientRect().bottom : frame.top) - 1)
      found.push(`word: top ${headline.textContent}`);
    const first = words.getBoundingClientRect().top;
    if (headline.getBoundingClientRect().bottom > first + 1) found.push('word over message');
    const again = panel.querySelector('.again');
    if (again.scrollHeight > again.clientHeight + 1) found.push('again: cut');
    if (message.textContent.length < 150 && message.scrollHeight > message.clientHeight + 1) found.push('message: cut');
    if (words.getBoundingClientRect().bottom > frame.bottom + 1) found.push('words: below');
    if (svg.right > large.left + 1 && svg.bottom > large.top + large.height / 4) found.push('sign over word');
    for (const line of [...words.children].filter(seen)) {
      if (line.getBoundingClientRect().bottom > frame.bottom + 1) found.push(`below: ${line.className}`);
    }
  }
  for (const place of [...document.querySelectorAll('#word, #hint, .word, .hint, #tiles dt, #tiles dd')].filter(seen)) {
    if (place.scrollWidth > place.clientWidth + 1) found.push(`too wide: ${place.textContent}`);
  }
  for (const banner of [...document.querySelectorAll('#banners li')].filter(seen)) {
    if (banner.scrollHeight > banner.clientHeight + 1) found.push(`banner: cut ${banner.textContent}`);
  }
  for (const call of [...document.querySelectorAll('.call')].filter(seen)) {
    const last = call.lastElementChild.getBoundingClientRect();
    if (last.bottom > call.getBoundingClientRect().bottom + 1) found.push(`hint: below ${call.textContent}`);
  }
  if (document.documentElement.scrollHeight > innerHeight) found.push('page');
  return found;
}"""
