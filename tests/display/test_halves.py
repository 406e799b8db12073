"""Two lanes on one screen, in a real browser: each half keeps its verdict and loses it by itself."""

import signal

import pytest

from kiosk.model import Direction, Reason, Ticket
from kiosk.signals import Signal

pytestmark = pytest.mark.needs("chromium")

HOSTILE = '<img src=x onerror="document.body.dataset.hacked=1"><script>alert(1)</script>\u202e\u2066' + "W" * 10_000
LANE = "<b onclick=alert(1)>\u202e" + "L" * 10_000
SECTIONS = "".join(f"[[scanner]]\nname = '{lane}'\nkind = 'serial'\ndevice = '/dev/{lane}'\n" for lane in ("a", "b"))

COUNT = """() => {
  const start = AudioBufferSourceNode.prototype.start;
  window.played = 0;
  AudioBufferSourceNode.prototype.start = function () { window.played++; return start.apply(this, arguments); };
}"""


def scanner(name, *, connected=True):
    return {"name": name, "kind": "serial", "device": "x", "connected": connected, "problem": None}


@pytest.fixture
def halves(door, request):
    door.configure(f"scan_reveal_s = 3\n{SECTIONS}")
    door.beat(scanners=[scanner("a"), scanner("b")])
    return request.getfixturevalue("screen")


def faces(screen):
    return screen.page.evaluate("[...document.querySelectorAll('.place')].map((place) => place.dataset.face)")


def wait_for(screen, *wanted, timeout_s=15):
    screen.page.wait_for_function(
        "(wanted) => String([...document.querySelectorAll('.place')].map((place) => place.dataset.face)) === wanted",
        arg=",".join(wanted), timeout=timeout_s * 1000,
    )  # fmt: skip


def text(screen, half, name):
    return screen.page.locator(f".half >> nth={half}").locator(f".{name}").last.text_content()


def test_a_verdict_on_one_lane_does_not_wipe_the_other_s_and_each_ends_by_itself(door, halves):
    door.scan(lane="a")
    wait_for(halves, "approved", "rest", "rest")
    assert (text(halves, 0, "headline"), text(halves, 0, "lane")) == ("OK", "a")
    halves.page.wait_for_timeout(1500)
    door.scan(Reason.INVALID, lane="b")
    wait_for(halves, "approved", "declined", "rest")
    wait_for(halves, "rest", "declined", "rest", timeout_s=4)
    wait_for(halves, "rest", "rest", "rest", timeout_s=4)
    halves.wait_for("ready")
    assert halves.errors == []


def test_a_half_s_verdict_ends_though_the_display_is_killed(door, halves, display):
    door.scan(lane="b")
    wait_for(halves, "rest", "approved", "rest")
    display.end(signal.SIGKILL)
    halves.page.wait_for_selector("body:not([data-face=split])", timeout=4_000)
    assert halves.page.locator(".half .verdict >> nth=1").is_hidden()


def test_no_half_is_green_over_a_dead_gate(door, halves):
    door.scan(lane="a")
    wait_for(halves, "approved", "rest", "rest")
    door.fall_silent()
    (door.runtime_dir / "gate.json").unlink()
    halves.wait_for("lost", timeout_s=2)
    assert "No connection to the gate" in halves.seen()


def test_what_comes_from_no_scanner_has_the_screen_until_a_guest_comes_then_the_free_half(door, halves, display):
    door.tell(scanRevealInterval=30)
    display.snapshot(when=lambda s: s["revealSeconds"] == 30)
    door.scan(lane="desk")
    wait_for(halves, "rest", "rest", "approved")
    box = halves.page.locator("#verdict").bounding_box()
    assert (box["width"], box["height"]) == (1024, 600)
    door.scan(Reason.INVALID, lane="a")
    wait_for(halves, "declined", "rest", "approved")
    box = halves.page.locator("#verdict").bounding_box()
    assert (box["x"], box["width"]) == (512, 512)
    door.scan(direction=Direction.CHECKOUT, lane="b")
    wait_for(halves, "declined", "approved", "rest", timeout_s=5)  # long before its time is over
    assert halves.page.locator("#verdict").is_hidden()


@pytest.mark.parametrize(("size", "second"), [((1024, 600), (512, 0)), ((600, 1024), (0, 512))])
def test_halves_stand_side_by_side_or_one_above_the_other_in_the_order_of_the_configuration(door, halves, size, second):
    halves.page.set_viewport_size({"width": size[0], "height": size[1]})
    door.scan(lane="b")
    wait_for(halves, "rest", "approved", "rest")
    box = halves.page.locator(".half .verdict >> nth=1").bounding_box()
    assert [abs(box["x"] - second[0]) < 4, abs(box["y"] - second[1]) < 4] == [True, True]


def test_each_lane_s_verdict_sounds_once(door, halves):
    halves.page.evaluate(COUNT)
    loaded = "performance.getEntriesByType('resource').filter((one) => one.name.endsWith('.wav')).length"
    halves.page.wait_for_function(f"() => {loaded} === {len(Signal)}")
    scan = door.scan(lane="a")
    wait_for(halves, "approved", "rest", "rest")
    door.scan(lane="b")
    wait_for(halves, "approved", "approved", "rest")
    shown = halves.page.evaluate("document.body.dataset.showing")
    door.repeat(scan)
    halves.page.wait_for_function("shown => document.body.dataset.showing !== shown", arg=shown)
    assert halves.page.evaluate("window.played") == 2


@pytest.mark.parametrize("size", [(1024, 600), (600, 1024)])
def test_hostile_texts_stay_in_their_half(door, halves, size):
    halves.page.set_viewport_size({"width": size[0], "height": size[1]})
    ticket = Ticket("t2", "ABCD1234", "e1", "tt1", HOSTILE, HOSTILE, area=HOSTILE, row=HOSTILE, seat=HOSTILE)
    door.beat(scanners=[scanner("a"), scanner("b"), scanner(LANE, connected=False)])
    for lane in (LANE, "a", "b"):
        door.scan(Reason.WRONG_EVENT, ticket, event=HOSTILE, gate=HOSTILE, lane=lane)
    wait_for(halves, "declined", "declined", "rest")
    wait_for(halves, "rest", "rest", "rest")
    door.scan(Reason.WRONG_EVENT, ticket, event=HOSTILE, lane=LANE)
    wait_for(halves, "rest", "rest", "declined")
    assert halves.page.locator("section img, section script, section b, #elsewhere b, [data-hacked]").count() == 0
    assert "\u202e" not in halves.page.locator("body").text_content()
    assert halves.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert halves.page.evaluate("document.documentElement.scrollHeight <= innerHeight")
    assert halves.errors == []
