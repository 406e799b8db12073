"""How good this machine's clock is, by whoever set it."""

from __future__ import annotations

import pytest

from kiosk import clock
from kiosk.clock import Latch
from kiosk.model import ClockQuality

GUESSED, RTC, SYNCED = ClockQuality.GUESSED, ClockQuality.RTC, ClockQuality.SYNCED
HOUR_NS = 3_600_000_000_000
OFFSET_NS = 1_780_000_000_000_000_000


def seen(latch: Latch, offset_ns: int = OFFSET_NS, *, disciplined=False, was_set=False, from_rtc=False) -> ClockQuality:
    return latch.quality(offset_ns, disciplined=disciplined, was_set=was_set, from_rtc=from_rtc)


def test_a_clock_that_nobody_set_is_guessed():
    assert seen(Latch()) is GUESSED


def test_a_clock_that_the_network_sets_is_set_for_the_boot_though_the_kernel_forgets_it():
    latch = Latch()
    assert seen(latch, disciplined=True) is SYNCED
    assert seen(latch) is SYNCED


def test_a_clock_that_was_set_before_we_looked_is_set():
    assert seen(Latch(), was_set=True) is SYNCED


@pytest.mark.parametrize("step_ns", [HOUR_NS, -HOUR_NS, 3_000_000_000])
def test_a_clock_that_is_moved_by_hand_is_guessed_until_it_is_moved_back_or_set_again(step_ns):
    latch = Latch()
    seen(latch, disciplined=True, was_set=True)
    assert seen(latch, OFFSET_NS + step_ns, was_set=True) is GUESSED
    assert seen(latch, OFFSET_NS, was_set=True) is SYNCED
    assert seen(latch, OFFSET_NS + step_ns, disciplined=True) is SYNCED
    assert seen(latch, OFFSET_NS + step_ns) is SYNCED


def test_a_leap_second_is_no_step():
    latch = Latch()
    seen(latch, disciplined=True)
    assert seen(latch, OFFSET_NS - 1_000_000_000) is SYNCED


def test_a_clock_that_a_battery_kept_is_better_than_a_guess_until_somebody_moves_it():
    latch = Latch()
    assert seen(latch, from_rtc=True) is RTC
    assert seen(latch, OFFSET_NS + HOUR_NS, from_rtc=True) is GUESSED
    assert seen(latch, OFFSET_NS + HOUR_NS, from_rtc=True, disciplined=True) is SYNCED


def test_the_kernel_can_be_asked_and_this_moment_has_its_stamps():
    assert clock.is_disciplined() in {True, False}
    first, second = clock.now(), clock.now()
    assert first.boottime_ns < second.boottime_ns
    assert first.boot_id == second.boot_id != ""
    assert first.quality in ClockQuality


def test_a_real_time_clock_counts_only_where_the_kernel_set_the_clock_from_it(tmp_path, monkeypatch):
    for text, expected in (("1\n", True), ("0\n", False), (None, False)):
        file = tmp_path / f"hctosys-{text}".strip()
        if text is not None:
            file.write_text(text, encoding="ascii")
        monkeypatch.setattr(clock, "RTC", file)
        clock._was_set_from_rtc.cache_clear()
        assert clock._was_set_from_rtc() is expected
    clock._was_set_from_rtc.cache_clear()
