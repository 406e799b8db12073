"""What staff are told of the time: as the gate knows it."""

import pytest

from kiosk import clock
from kiosk.config import Config
from kiosk.display.staff.overview import Overview
from kiosk.pulse import Pulse

NOT_SET = {"quality": "guessed", "known": False, "source": None}
TOLD = {"quality": "guessed", "known": True, "source": "operator"}
HEARD = {"quality": "rtc", "known": True, "source": "http-date"}
WATCH = {"quality": "rtc", "known": True, "source": "operator"}
SET = {"quality": "synced", "known": True, "source": "ntp"}


@pytest.mark.parametrize(
    ("said", "quality"),
    [(NOT_SET, "guessed"), (TOLD, "known"), (HEARD, "known"), (WATCH, "rtc"), (SET, "synced"), (None, None)],
)
def test_a_wall_clock_that_is_wrong_is_none_to_worry_about_once_the_gate_knows_the_time(tmp_path, said, quality):
    device = {"id": "north", "data_dir": str(tmp_path), "runtime_dir": str(tmp_path)}
    if said is not None:
        Pulse(tmp_path, "gate").beat(clock=said)
    now = clock.now()
    told = Overview(Config.model_validate({"device": device})).state(now)["clock"]
    assert told["quality"] == (quality or now.quality)
