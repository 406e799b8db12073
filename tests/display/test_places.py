"""Which place of the screen a verdict has, and for how long."""

import pytest

from kiosk.config import Scanner
from kiosk.display.places import Places
from kiosk.display.snapshot import Shown

S = 1_000_000_000


def places(*lanes):
    kinds = {"desk": "socket", "tape": "replay"}
    return Places([Scanner(name=lane, kind=kinds.get(lane, "serial"), device="/dev/x") for lane in lanes])


def shown(seq, at_s=0, *, repeated=False):
    return Shown({"seq": seq, "repeated": repeated}, at_s * S)


def seqs(found):
    """What is in each half, and elsewhere."""
    return [half.shown and half.shown.facts["seq"] for half in found.halves], (
        found.elsewhere and found.elsewhere.facts["seq"]
    )


@pytest.mark.parametrize("lanes", [(), ("left",), ("left", "desk")])
def test_with_one_scanner_the_screen_is_one(lanes):
    found = places(*lanes)
    found.put("left", shown(1))
    found.put("desk", shown(2, 1))
    assert (found.halves, found.newest.facts["seq"]) == ((), 2)


def test_two_scanners_have_a_half_each_in_the_order_of_the_configuration():
    assert [half.lanes for half in places("right", "desk", "left").halves] == [("right",), ("left",)]


def test_more_scanners_share_the_two_halves():
    assert [half.lanes for half in places("a", "b", "c", "tape", "e").halves] == [("a", "c", "e"), ("b", "tape")]


def test_a_verdict_leaves_the_other_half_alone():
    found = places("left", "right")
    found.put("left", shown(1))
    found.put("right", shown(2))
    found.put("right", shown(3))
    assert seqs(found) == ([1, 3], None)


def test_each_verdict_ends_by_itself():
    found = places("left", "right")
    found.put("left", shown(1, 0))
    found.put("right", shown(2, 2))
    found.put("desk", shown(3, 4))
    found.take_back(3 * S, 3.0)
    assert seqs(found) == ([None, 2], 3)
    found.take_back(5 * S, 3.0)
    assert seqs(found) == ([None, None], 3)
    found.take_back(7 * S, 3.0)
    assert (seqs(found), found.newest) == (([None, None], None), None)


def test_what_comes_from_no_scanner_has_no_half():
    found = places("left", "right", "desk")
    for number, lane in enumerate(["desk", "gone", ""]):
        found.put(lane, shown(number))
    assert seqs(found) == ([None, None], 2)


def test_the_newest_of_all_is_known():
    found = places("left", "right")
    found.put("left", shown(1, 5))
    found.put("right", shown(2, 4))
    assert found.newest.facts["seq"] == 1


def test_a_code_that_stays_before_its_scanner_is_held_whatever_the_other_lane_does():
    found = places("left", "right")
    found.put("left", shown(1, 0))
    found.put("right", shown(2, 0))
    assert found.holds("left", 1, S - 1)
    assert not found.holds("left", 1, S)
    assert not found.holds("right", 1, 0)
    found.put("left", shown(1, 0, repeated=True))
    assert not found.holds("left", 1, 0)
