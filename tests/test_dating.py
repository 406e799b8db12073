"""When a scan was, by all that is known."""

from __future__ import annotations

import pytest

from kiosk import dating
from kiosk.dating import Bounds, Stamp
from kiosk.model import Anchor, ClockQuality, Source

GUESSED, RTC, SYNCED = ClockQuality.GUESSED, ClockQuality.RTC, ClockQuality.SYNCED
NOON = 1_780_000_000_000
SECOND_NS = 1_000_000_000


def stamp(clock: ClockQuality, wall_ms: int = NOON, at_s: int = 100, boot: str = "boot-1") -> Stamp:
    return Stamp(1, wall_ms, wall_ms, boot, at_s * SECOND_NS, clock)


def anchor(source: Source, off_ms: int = 0, at_s: int = 100, boot: str = "boot-1") -> Anchor:
    """It was noon 100 s after the boot."""
    return Anchor(boot, at_s * SECOND_NS, NOON + (at_s - 100) * 1000 + off_ms, source)


NTP, HTTP, TOLD = anchor(Source.NTP), anchor(Source.HTTP_DATE, 500), anchor(Source.OPERATOR, 30_000)


@pytest.mark.parametrize(
    ("seen", "anchors", "known_ms"),
    [
        (stamp(GUESSED, 0), [], None),
        (stamp(GUESSED, 0), [anchor(Source.NTP, boot="boot-2")], None),
        (stamp(GUESSED, 0), [NTP], NOON),
        (stamp(GUESSED, 0, at_s=40), [NTP], NOON - 60_000),
        (stamp(GUESSED, 0), [TOLD, HTTP, NTP], NOON),
        (stamp(GUESSED, 0), [TOLD, HTTP], NOON + 500),
        (stamp(GUESSED, 0), [TOLD], NOON + 30_000),
        (stamp(GUESSED, NOON + 1_900), [NTP], NOON + 1_900),
        (stamp(GUESSED, NOON + 2_100), [NTP], NOON),
        (stamp(SYNCED, NOON + 99_000), [NTP], NOON + 99_000),
        (stamp(RTC), [], NOON),
        (stamp(RTC, NOON + 7_200_000), [NTP], NOON),
        (stamp(RTC, NOON + 7_200_000), [TOLD], NOON + 7_200_000),
    ],
)
def test_a_time_is_what_the_best_that_knows_it_says(seen, anchors, known_ms):
    assert dating.known_ms(seen, anchors) == known_ms


def test_of_two_anchors_of_one_kind_the_nearer_one_counts():
    far, near = anchor(Source.HTTP_DATE, 1_000, at_s=10), anchor(Source.HTTP_DATE, 0, at_s=90)
    assert dating.best([far, near], "boot-1", 100 * SECOND_NS) == near
    assert dating.best([far, near], "boot-1", 20 * SECOND_NS) == far


def test_what_a_person_said_last_corrects_what_was_said_before():
    wrong, right = anchor(Source.OPERATOR, 3_600_000, at_s=10), anchor(Source.OPERATOR, at_s=90)
    assert dating.best([wrong, right], "boot-1", 20 * SECOND_NS) == right


@pytest.mark.parametrize(
    ("bounds", "before_ms", "began_ms"),
    [
        (Bounds(500, 100), 1_000, 1_000),
        (Bounds(5_000, 100), 1_000, 5_000),
        (Bounds(5_000, 100, not_after=3_000), 1_000, 2_900),
        (Bounds(500, 100, not_after=900), 1_000, 1_000),
    ],
)
def test_a_boot_without_an_anchor_began_within_its_bounds(bounds, before_ms, began_ms):
    assert dating.began_ms(bounds, before_ms) == began_ms


def test_an_anchor_is_read_as_it_was_told():
    assert dating.read(dating.facts(HTTP), Source.HTTP_DATE) == HTTP
