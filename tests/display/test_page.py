"""The page in a real browser: what a person at the door sees."""

import signal
from contextlib import closing
from dataclasses import replace
from itertools import pairwise
from urllib.parse import urlsplit

import pytest

from kiosk.model import Direction, Reason, Ticket
from kiosk.store import tickets
from kiosk.store.cache import Cache

pytestmark = pytest.mark.needs("chromium")

SIZES = [(1024, 600), (1920, 1080), (600, 1024)]
HOSTILE = '<img src=x onerror="document.body.dataset.hacked=1"><script>alert(1)</script>\u202e\u2066' + "W" * 10_000


def test_a_ready_door_says_who_it_is_and_how_it_does(door, screen):
    door.list_tickets(3)
    screen.wait_for_text("names", "Summer Night")
    assert screen.text("word") == "Ready"
    assert screen.text("device") == "gate-north-1"
    screen.wait_for_text("tiles", "On-line")
    assert screen.errors == []


def test_an_approval_fills_the_screen_and_goes_by_itself(door, screen):
    door.scan()
    screen.wait_for("approved")
    seen = screen.seen()
    assert all(word in seen for word in ("OK", "Welcome", "Weekend", "Zoë Müller", "1234")), seen
    screen.wait_for("ready", timeout_s=4)
    screen.wait_for_text("tiles", "Inside1")


def test_a_verdict_ends_by_the_pages_own_timer(door, display, screen):
    door.configure("scan_reveal_s = 1\n")
    display.end()
    display.start()
    screen.page.reload()
    screen.wait_for("ready")
    door.scan()
    screen.wait_for("approved")
    display.end(signal.SIGKILL)
    screen.wait_for("ready", timeout_s=2)  # long before the silence itself is noticed


def test_a_verdict_goes_even_when_the_script_is_stuck(door, screen):
    door.scan()
    screen.wait_for("approved")
    fading = "document.getElementById('verdict').getAnimations()[0]"
    assert screen.page.evaluate(f"{fading}.effect.getTiming().duration") <= 3000
    assert screen.page.evaluate(f"{fading}.effect.getKeyframes().at(-1).opacity") == "0"


@pytest.mark.parametrize(
    ("reason", "direction", "face", "word", "sign"),
    [
        (Reason.OK, Direction.CHECKIN, "approved", "OK", "#check"),
        (Reason.OK, Direction.CHECKOUT, "approved", "OUT", "#out"),
        (Reason.NOT_INSIDE, Direction.CHECKOUT, "again", "OUT", "#look"),
        (Reason.INVALID, Direction.CHECKIN, "declined", "STOP", "#cross"),
        (Reason.UNREADABLE, Direction.CHECKIN, "declined", "SCAN AGAIN", "#repeat"),
        (Reason.AMBIGUOUS, Direction.CHECKIN, "declined", "SEE STAFF", "#look"),
    ],
)
def test_every_verdict_differs_in_colour_word_sign_and_frame(door, screen, reason, direction, face, word, sign):
    door.scan(reason, direction=direction)
    screen.wait_for(face)
    assert screen.text("headline") == word
    assert screen.page.locator("#verdict-sign").get_attribute("href") == sign


def test_a_repeat_is_shown_again_as_a_repeat(door, screen):
    scan = door.scan()
    screen.wait_for("approved")
    screen.wait_for("ready")
    door.repeat(scan)
    screen.wait_for("again")
    assert "Same code again" in screen.seen()


GROUNDS = {
    "green": "rgb(10, 107, 44)", "orange": "rgb(255, 176, 31)", "red": "rgb(165, 15, 26)",
    "blue": "rgb(15, 79, 168)", "pink": "rgb(255, 156, 207)",
}  # fmt: skip
NAMES = {ground: name for name, ground in GROUNDS.items()}
SEE_STAFF = ["details_required", "ambiguous", "unknown_status", "unknown_stale", "not_inside", "clock_not_set"]


def colours_of_all_reasons(door, screen):
    """Show a verdict of each reason, and say in which colour it stood there."""
    return {reason.value: colour_of(screen, door.scan(reason)) for reason in Reason}


def colour_of(screen, scan):
    screen.page.wait_for_selector(f"body[data-seq='{scan.seq}'] #verdict", timeout=15_000)
    return NAMES[screen.page.evaluate("getComputedStyle(document.querySelector('.panel')).backgroundColor")]


def heard_by(display, **colours):
    display.snapshot(when=lambda s: s["colours"].items() >= colours.items())


def test_the_device_settings_colour_what_is_shown_again_and_what_wants_staff(door, display, screen):
    door.tell(colorSettings={"repeated": "blue", "actionRequired": "pink"})
    heard_by(display, repeated="blue", actionRequired="pink")
    found = colours_of_all_reasons(door, screen)
    assert {reason for reason, colour in found.items() if colour == "pink"} == set(SEE_STAFF)
    assert {reason for reason, colour in found.items() if colour == "blue"} == {"already_in"}
    assert {reason for reason, colour in found.items() if colour == "green"} == {"ok", "overridden"}
    assert {found[reason] for reason in ("unknown", "unreadable", "invalid", "wrong_event")} == {"red"}
    assert screen.errors == []


def test_nothing_but_an_approval_is_green_whatever_the_cloud_says(door, display, screen):
    door.tell(
        colorSettings=dict.fromkeys(("success", "declined", "repeated", "highlighted", "actionRequired"), "green")
    )
    heard_by(display, highlighted="green")
    found = colours_of_all_reasons(door, screen)
    assert {reason for reason, colour in found.items() if colour == "green"} == {"ok", "overridden"}
    assert {found[reason] for reason in [*SEE_STAFF, "already_in"]} == {"orange"}
    assert screen.page.locator("body[data-face=declined]").count() == 1


def test_settings_that_change_while_it_runs_colour_the_next_verdict(door, display, screen):
    for colour in ("red", "blue", "orange"):
        door.tell(colorSettings={"repeated": colour})
        heard_by(display, repeated=colour)
        assert colour_of(screen, door.scan(Reason.ALREADY_IN)) == colour


def test_an_approval_that_is_shown_again_has_the_colour_of_repeats_and_a_refusal_stays_red(door, display, screen):
    door.tell(colorSettings={"repeated": "pink"}, scanRevealInterval=1)
    heard_by(display, repeated="pink")
    for reason, first, again in [(Reason.OK, "green", "pink"), (Reason.INVALID, "red", "red")]:
        scan = door.scan(reason)
        assert colour_of(screen, scan) == first
        screen.wait_for("ready")
        door.repeat(scan)
        screen.wait_for_text("again", "Same code again")
        assert colour_of(screen, scan) == again


def test_a_verdict_stays_on_the_page_as_long_as_the_cloud_says(door, display, screen):
    door.tell(scanRevealInterval=1)
    display.snapshot(when=lambda s: s["revealSeconds"] == 1)
    door.scan()
    screen.wait_for("approved")
    fading = "document.getElementById('verdict').getAnimations()[0]"
    assert screen.page.evaluate(f"{fading}.effect.getTiming().duration") <= 1000
    screen.wait_for("ready", timeout_s=2)


def test_what_could_not_be_recorded_is_red(door, screen):
    door.refuse()
    screen.wait_for("declined")
    assert "This scan cannot be recorded: see staff" in screen.seen()


def test_the_page_turns_grey_when_the_gate_stops_beating_and_comes_back(door, screen):
    door.fall_silent()
    screen.wait_for("lost", timeout_s=6)
    assert "No connection to the gate" in screen.seen()
    door.speak_again()
    screen.wait_for("ready")


def test_a_green_verdict_does_not_outlive_the_gate(door, display, screen):
    door.scan()
    screen.wait_for("approved")
    door.fall_silent()
    (door.runtime_dir / "gate.json").unlink()
    screen.wait_for("lost", timeout_s=2)


def test_the_page_turns_grey_when_the_display_is_killed_and_comes_back_without_a_reload(display, screen):
    screen.page.evaluate("document.body.dataset.mark = 'same page'")
    display.end(signal.SIGKILL)
    screen.wait_for("lost", timeout_s=6)
    assert "No connection to the gate" in screen.seen()
    display.start()
    screen.wait_for("ready")
    assert screen.page.evaluate("document.body.dataset.mark") == "same page"


def test_a_display_that_hangs_is_as_good_as_dead(display, screen):
    display.process.send_signal(signal.SIGSTOP)
    screen.wait_for("lost", timeout_s=6)
    display.process.send_signal(signal.SIGCONT)
    screen.wait_for("ready")


def test_a_stream_of_rubbish_is_no_sign_of_life(browser, display):
    page = browser.new_page()
    page.route("**/events", lambda route: route.fulfill(status=503))
    page.goto(f"{display.url}/")
    assert page.evaluate("document.body.dataset.face") == "lost"
    page.unroute("**/events")
    page.wait_for_selector("body[data-face=ready]", timeout=15_000)
    page.close()


@pytest.mark.parametrize("size", SIZES)
def test_a_hostile_name_is_text_and_breaks_nothing(door, screen, size):
    screen.page.set_viewport_size({"width": size[0], "height": size[1]})
    ticket = Ticket("t2", "ABCD1234", "e1", "tt1", ticket_name=HOSTILE, name="\u202e" + "Z\u0351\u0352\u0353" * 3000)
    door.scan(Reason.WRONG_EVENT, ticket, event=HOSTILE)
    screen.wait_for("declined")
    assert "<img src=x" in screen.text("ticket")
    assert screen.page.locator("#verdict img, #verdict script, [data-hacked]").count() == 0
    assert outside(screen, "headline", "message", "ticket", "holder", "note") == []
    assert screen.errors == []


@pytest.mark.parametrize("size", SIZES)
def test_everything_fits_whatever_wants_attention(door, screen, size):
    screen.page.set_viewport_size({"width": size[0], "height": size[1]})
    door.reachable, door.cloud_error, door.delivery_refused = False, NO_NAME, REFUSED
    door.list_tickets(3, complete=False)
    missing = [{"name": "left", "kind": "hid", "device": "x", "connected": False, "problem": "gone", "hint": LAYOUT}]
    door.beat(scanners=missing, fault="journal.db: disk I/O error")
    screen.wait_for_text("banners", "disk I/O error")
    screen.wait_for_text("banners", "“left” is missing")
    screen.wait_for_text("banners", "incomplete")
    screen.wait_for_text("banners", "Off-line")
    assert screen.text("word") == "See staff"
    call, hint = (screen.page.locator(place).bounding_box() for place in (".call", "#hint"))
    assert hint["y"] + hint["height"] <= call["y"] + call["height"] + 1, "cut off"
    assert outside(screen, "device", "clock", "word", "hint", "banners", "tiles") == []
    assert screen.page.evaluate("document.documentElement.scrollHeight <= innerHeight")


def test_staff_are_told_of_a_journal_that_was_mended_while_the_door_goes_on(door, screen):
    door.beat(journal={"witness": "ok", "notice": {"saved": 40, "lost": 0}})
    screen.wait_for_text("banners", "40 scans were saved")
    assert screen.text("word") == "Ready"


LAYOUT = (
    'scanner layout? These codes are known when read as "de", "ch-de" or "ch-fr": '
    "let `kiosk calibrate` find which it is for scanner left"
)
NO_NAME = (
    "cannot reach portier.vivenu.com (port 443): its name is not known here: check the address in the configuration, "
    "and this network's name server"
)
REFUSED = "the cloud answers 401: Invalid credentials (portier.vivenu.com refuses the credential)"


def banners(screen):
    """Each banner's words, and how it looks."""
    return [
        (item.text_content(), item.get_attribute("class") or "") for item in screen.page.locator("#banners li").all()
    ]


@pytest.mark.parametrize("size", SIZES)
def test_the_reason_for_being_off_line_stands_small_and_whole_beside_what_it_means(door, screen, size):
    screen.page.set_viewport_size({"width": size[0], "height": size[1]})
    door.list_tickets(3)
    door.reachable, door.cloud_error = False, NO_NAME
    screen.wait_for_text("banners", "portier.vivenu.com")
    assert banners(screen) == [("Off-line: scans are kept here and delivered later", ""), (NO_NAME, "reason")]
    sizes = [f"getComputedStyle(document.querySelectorAll('#banners li')[{n}]).fontSize" for n in (0, 1)]
    large, small = (float(screen.page.evaluate(size).removesuffix("px")) for size in sizes)
    assert small < large
    reason = "document.querySelector('#banners .reason')"
    assert screen.page.evaluate(f"{reason}.scrollHeight <= {reason}.clientHeight"), "cut off"
    assert outside(screen, "device", "clock", "word", "hint", "banners", "tiles") == []
    assert screen.page.evaluate(CONTRASTS) == []
    door.reachable, door.cloud_error = True, None
    screen.page.wait_for_function("() => document.querySelectorAll('#banners li').length === 0", timeout=15_000)


@pytest.mark.parametrize("size", SIZES)
def test_a_refused_credential_is_red_and_says_that_deliveries_have_stopped(door, screen, size):
    screen.page.set_viewport_size({"width": size[0], "height": size[1]})
    door.list_tickets(3)
    door.cloud_error = door.delivery_refused = REFUSED
    screen.wait_for_text("banners", "Deliveries have stopped")
    assert banners(screen) == [(f"Deliveries have stopped: {REFUSED}", "bad reason")]
    reason = "document.querySelector('#banners .reason')"
    assert screen.page.evaluate(f"{reason}.scrollHeight <= {reason}.clientHeight"), "cut off"
    assert screen.page.evaluate(CONTRASTS) == []


def test_what_to_do_about_a_scanner_is_red_and_small_and_goes_again(door, screen):
    door.list_tickets(3)
    left = {"name": "left", "kind": "hid", "device": "x", "connected": True, "problem": None}
    door.beat(scanners=[{**left, "hint": LAYOUT}, {**left, "name": "right", "hint": None}])
    screen.wait_for_text("banners", "scanner layout?")
    screen.page.wait_for_function("() => document.querySelectorAll('#banners li').length === 1", timeout=15_000)
    assert banners(screen) == [(LAYOUT, "bad reason")]
    assert screen.text("word") == "Ready"
    assert screen.page.evaluate(CONTRASTS) == []
    door.beat(scanners=[{**left, "hint": None}])
    screen.page.wait_for_function("() => document.querySelectorAll('#banners li').length === 0", timeout=15_000)


def test_a_list_that_shrank_is_said_to_staff(door, screen):
    door.list_tickets(3)
    with closing(Cache(door.data_dir)) as store:
        state = tickets.lists(store.database)["e1"]
        store.keep_aside(["t-1", "t-2"], replace(state, shrunk_to=1))
    screen.wait_for_text("banners", "shrank to 1")
    assert banners(screen)[0][1] == "bad"


def test_another_credential_that_is_refused_stops_no_deliveries(door, screen):
    door.list_tickets(3)
    door.cloud_error = REFUSED
    screen.wait_for_text("banners", "refuses the credential")
    assert banners(screen) == [(REFUSED, "reason")]


def test_what_the_cloud_says_is_text_and_breaks_nothing(door, screen):
    door.cloud_error = door.delivery_refused = HOSTILE
    screen.wait_for_text("banners", "<img src=x")
    assert screen.page.locator("#banners img, #banners script, [data-hacked]").count() == 0
    assert outside(screen, "device", "clock", "word", "hint", "banners", "tiles") == []
    assert screen.errors == []


def outside(screen, *places):
    """Which of these places are not wholly on the screen, or lie over one another."""
    boxes = {place: screen.page.locator(f"#{place}").bounding_box() for place in places}
    size = screen.page.viewport_size
    found = [
        place
        for place, box in boxes.items()
        if box["x"] < -1 or box["y"] < -1
        or box["x"] + box["width"] > size["width"] + 1 or box["y"] + box["height"] > size["height"] + 1
    ]  # fmt: skip
    column = [boxes[place] for place in places if place not in {"device", "clock"}]
    return found + [
        f"{upper} over {lower}" for upper, lower in pairwise(column) if upper["y"] + upper["height"] > lower["y"] + 1
    ]


def test_a_closed_gate_and_a_missing_scanner_are_said(door, screen):
    door.beat(events=[])
    screen.wait_for_text("word", "Closed")
    screen.wait_for_text("banners", "no event is selected")
    assert background(screen, ".call") == "rgb(143, 17, 25)"  # to be seen from afar
    assert screen.page.evaluate(CONTRASTS) == []
    missing = [{"name": "left", "kind": "serial", "device": "x", "connected": False, "problem": "gone"}]
    door.beat(events=["e1"], scanners=missing)
    screen.wait_for_text("word", "No scanner")


def test_an_open_gate_does_not_look_closed(door, screen):
    assert background(screen, ".call") == "rgba(0, 0, 0, 0)"


def background(screen, place):
    return screen.page.evaluate(f"getComputedStyle(document.querySelector('{place}')).backgroundColor")


@pytest.mark.parametrize("size", [*SIZES, (390, 844)])
def test_the_one_large_word_fits_into_its_frame(door, screen, size):
    screen.page.set_viewport_size({"width": size[0], "height": size[1]})
    for reason, direction in [(Reason.AMBIGUOUS, "checkin"), (Reason.OK, "checkout"), (Reason.OK, "checkin")]:
        colour_of(screen, door.scan(reason, direction=Direction(direction)))
        assert min(screen.page.evaluate(EDGES)) > size[0] / 30


# How far the word itself, which may be wider than the box it stands in, stays away from both sides.
EDGES = """() => {
  const word = document.createRange();
  word.selectNodeContents(document.getElementById('headline'));
  const [inner, outer] = [word, document.querySelector('.panel')].map((place) => place.getBoundingClientRect());
  return [inner.left - outer.left, outer.right - inner.right];
}"""


def test_a_screen_reader_hears_the_verdict(door, screen):
    door.scan(Reason.INVALID)
    screen.wait_for("declined")
    assert screen.page.locator("[aria-live=assertive]").text_content() == "STOP. This ticket was cancelled. Weekend"


@pytest.mark.parametrize("face", ["ready", "approved", "again", "declined", "lost"])
def test_every_text_has_enough_contrast_in_every_colour(door, screen, face):
    for colour in ("", *GROUNDS):
        change = "([face, colour]) => Object.assign(document.body.dataset, {face, colour})"
        screen.page.evaluate(change, [face, colour])
        assert screen.page.evaluate(CONTRASTS) == []


CONTRASTS = """() => {
  const numbers = (text) => text.match(/[0-9.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((c) => c / 255)
    .map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (e) => {
    const [r, g, b, a = 1] = numbers(getComputedStyle(e).backgroundColor);
    return a === 1 || !e.parentElement ? [r, g, b] : ground(e.parentElement);
  };
  return [...document.querySelectorAll('p, h1, li, dt, dd')].filter((e) => e.checkVisibility()).map((e) => {
    const [one, two] = [light(numbers(getComputedStyle(e).color)), light(ground(e))];
    return [e.id || e.tagName, (Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05)];
  }).filter(([, ratio]) => ratio < 4.5);
}"""


@pytest.mark.parametrize("size", [*SIZES, (390, 844)])
def test_the_door_keeps_nobody_out_in_any_state(door, screen, axe, size):
    screen.page.set_viewport_size({"width": size[0], "height": size[1]})
    door.list_tickets(3)
    screen.wait_for_text("names", "Summer Night")
    found = {face: axe(screen.page) for face in showing(screen)}
    door.reachable, door.cloud_error, door.delivery_refused = False, NO_NAME, REFUSED
    door.beat(scanners=[{**scanner_left(), "connected": False, "hint": LAYOUT}], fault="journal.db: disk I/O error")
    screen.wait_for_text("banners", "scanner layout?")
    screen.wait_for_text("banners", "Off-line")
    found["trouble"] = axe(screen.page)
    door.beat(events=[], fault=None)
    screen.wait_for_text("word", "Closed")
    found["closed"] = axe(screen.page)
    assert {face: problems for face, problems in found.items() if problems} == {}
    screen.page.evaluate("document.querySelector('#hint').append(document.createElement('img'))")
    assert "image-alt" in axe(screen.page)[0]


def showing(screen):
    """Each face in each colour, as a verdict leaves the page; it would go by itself too soon to be looked at."""
    screen.page.evaluate("setInterval = () => 0; for (let n = 0; n < 9999; n++) clearInterval(n)")
    for face in ("ready", "approved", "again", "declined", "lost"):
        for colour in GROUNDS if face not in {"ready", "lost"} else ("green",):
            words = {"headline": "STOP", "message": "This ticket was cancelled", "ticket": "Weekend", "holder": "Zoë"}
            for place, text in words.items():
                screen.page.evaluate(
                    "([place, text]) => document.getElementById(place).textContent = text", [place, text]
                )
            screen.page.evaluate(
                "(marks) => Object.assign(document.body.dataset, marks)", {"face": face, "colour": colour}
            )
            yield f"{face}-{colour}"
    screen.page.reload()
    screen.wait_for("ready")


def scanner_left():
    return {"name": "left", "kind": "hid", "device": "x", "connected": True, "problem": None, "hint": None}


def test_the_way_to_the_staff_page_is_the_kiosks_name_and_not_there_while_a_verdict_is(door, screen):
    link = screen.page.locator("a.staff")
    box = link.bounding_box()
    assert (link.text_content(), box["width"] >= 44, box["height"] >= 44) == ("gate-north-1", True, True)
    screen.page.keyboard.press("Tab")
    assert screen.page.evaluate("document.activeElement.className") == "staff"
    door.scan()
    screen.wait_for("approved")
    assert link.is_hidden()
    screen.page.keyboard.press("Tab")
    assert screen.page.evaluate("document.activeElement.className") != "staff"
    screen.wait_for("ready")
    door.fall_silent()
    screen.wait_for("lost", timeout_s=6)
    link.click()
    screen.page.wait_for_url("**/staff")
    screen.page.wait_for_selector("#pin[open]")


def test_no_way_leads_away_from_a_display_that_is_gone(display, screen):
    display.end(signal.SIGKILL)
    screen.wait_for("lost", timeout_s=6)
    screen.page.locator("a.staff").wait_for(state="hidden")


def test_no_request_leaves_this_machine(door, screen):
    door.scan()
    screen.wait_for("approved")
    hosts = {urlsplit(url).hostname for url in screen.requests}
    assert hosts == {"127.0.0.1"}
    refused = screen.page.evaluate("fetch('http://192.0.2.1/').then(() => 'sent', () => 'refused')")
    assert refused == "refused"


@pytest.mark.timeout(240)
def test_a_real_gate_a_real_scanner_and_a_screen(browser, kiosk, valid, eventually):
    kiosk.start("sync")
    eventually("the list is there", lambda: kiosk.status()["tickets"]["complete"])
    kiosk.open_gate()
    kiosk.start("display")
    eventually("the display answers", lambda: kiosk.status()["display"] == "running")
    page = browser.new_page()
    page.goto(f"http://127.0.0.1:{kiosk.port}/")
    page.wait_for_selector("body[data-face=ready]", timeout=15_000)
    kiosk.scan(valid[0]["barcode"])
    page.wait_for_selector("body[data-face=approved]", timeout=15_000)
    showing = page.evaluate("document.body.dataset.showing")
    kiosk.scan(valid[0]["barcode"])
    page.wait_for_function("showing => document.body.dataset.showing !== showing", arg=showing, timeout=15_000)
    kiosk.scan("nobody-has-this")
    page.wait_for_selector("body[data-face=declined]", timeout=15_000)
    kiosk.stop("gate", signal.SIGKILL)
    page.wait_for_selector("body[data-face=lost]", timeout=6_000)
    kiosk.open_gate()
    page.wait_for_selector("body[data-face=ready]", timeout=15_000)
    page.close()
