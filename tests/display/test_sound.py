"""The page's sounds in a real browser: one for each verdict that is news, as long as the cloud wants any."""

import io
import wave

import pytest

from kiosk import tones
from kiosk.model import Direction, Reason
from kiosk.signals import Signal

pytestmark = pytest.mark.needs("chromium")

LISTEN = """
window.heard = [];
const start = AudioBufferSourceNode.prototype.start;
AudioBufferSourceNode.prototype.start = function (...arguments_) {
  const sound = { seconds: this.buffer.duration, ended: false };
  this.addEventListener("ended", () => { sound.ended = true; });
  window.heard.push(sound);
  return start.apply(this, arguments_);
};
const decode = BaseAudioContext.prototype.decodeAudioData;
window.decoded = 0;
BaseAudioContext.prototype.decodeAudioData = async function (...arguments_) {
  const buffer = await decode.apply(this, arguments_);
  window.decoded += 1;
  return buffer;
};
"""


def seconds(signal):
    with wave.open(io.BytesIO(tones.wav(signal))) as sound:
        return round(sound.getnframes() / sound.getframerate(), 2)


class Listener:
    """A screen of which is written down what it plays."""

    def __init__(self, screen):
        self.screen, self.page = screen, screen.page
        self.page.add_init_script(LISTEN)
        self.begin()

    def begin(self):
        self.page.reload()
        self.page.wait_for_function(f"() => window.decoded === {len(Signal)}")
        self.page.wait_for_selector("body[data-heard=true]")  # what it finds there when it begins is no news

    def heard(self):
        return [round(sound["seconds"], 2) for sound in self.page.evaluate("window.heard")]

    def wait_for(self, number):
        self.page.wait_for_function(f"() => window.heard.length >= {number}", timeout=15_000)


@pytest.fixture
def listener(screen):
    return Listener(screen)


TOLD = {
    Signal.APPROVED: (Reason.OK, Direction.CHECKIN),
    Signal.CHECKOUT: (Reason.OK, Direction.CHECKOUT),
    Signal.REPEATED: (Reason.ALREADY_IN, Direction.CHECKIN),
    Signal.DECLINED: (Reason.INVALID, Direction.CHECKIN),
    Signal.SEE_STAFF: (Reason.AMBIGUOUS, Direction.CHECKIN),
}


def test_each_outcome_has_its_own_sound_played_to_its_end_once(door, listener):
    for number, (reason, direction) in enumerate(TOLD.values(), start=1):
        door.scan(reason, direction=direction)
        listener.wait_for(number)
    listener.page.wait_for_function("() => window.heard.every((sound) => sound.ended)", timeout=15_000)
    assert listener.heard() == [seconds(signal) for signal in TOLD]
    assert listener.screen.errors == []


def test_two_of_them_cannot_be_taken_for_each_other_here():
    assert len({seconds(signal) for signal in Signal}) == len(TOLD) == len(Signal)


def test_a_page_that_is_loaded_again_does_not_repeat_what_is_on_it(door, display, listener):
    door.configure("scan_reveal_s = 30\n")
    display.end()
    display.start()
    listener.begin()
    door.scan()
    listener.wait_for(1)
    listener.begin()
    listener.screen.wait_for("approved")
    door.scan(Reason.INVALID)
    listener.wait_for(1)
    assert listener.heard() == [seconds(Signal.DECLINED)]


def test_a_code_that_is_shown_again_sounds_as_a_repeat(door, listener):
    scan = door.scan()
    listener.wait_for(1)
    listener.screen.wait_for("ready")
    door.repeat(scan)
    listener.wait_for(2)
    assert listener.heard() == [seconds(Signal.APPROVED), seconds(Signal.REPEATED)]


def test_a_code_held_before_its_scanner_sounds_once(door, listener):
    scan = door.scan()
    listener.wait_for(1)
    shown = listener.page.evaluate("document.body.dataset.showing")
    door.repeat(scan)
    listener.page.wait_for_function("shown => document.body.dataset.showing !== shown", arg=shown, timeout=15_000)
    assert listener.heard() == [seconds(Signal.APPROVED)]


def test_what_cannot_be_recorded_calls_for_staff(door, listener):
    door.refuse("This scan cannot be recorded: see staff")
    listener.wait_for(1)
    assert listener.heard() == [seconds(Signal.SEE_STAFF)]


def test_there_is_no_sound_where_the_cloud_wants_none(door, display, listener):
    door.tell(enableSoundFeedback=False)
    display.snapshot(when=lambda s: s["sound"] is False)
    door.scan()
    listener.screen.wait_for("approved")
    door.tell(enableSoundFeedback=True)
    display.snapshot(when=lambda s: s["sound"] is True)
    door.scan(Reason.INVALID)
    listener.wait_for(1)
    assert listener.heard() == [seconds(Signal.DECLINED)]


def test_who_did_not_pass_and_what_does_not_work_is_told(door, screen):
    door.beat(
        outputs=[
            {"name": "barrier", "kind": "relay", "problem": "hangs"}, {"name": "red", "kind": "lamp", "problem": None}
        ],
        turnstiles=[{"name": "drum", "problem": None, "missed": {"seq": 17, "lane": "left"}, "unasked": 0}],
    )  # fmt: skip
    screen.wait_for_text("banners", "Admitted, did not pass: “left”, scan 17")
    assert "“barrier” does not work" in screen.text("banners")
    assert "red" not in screen.text("banners")
    door.beat(turnstiles=[{"name": "drum", "problem": None, "missed": None, "unasked": 0}])
    screen.page.wait_for_function("() => !document.getElementById('banners').textContent.includes('did not pass')")
