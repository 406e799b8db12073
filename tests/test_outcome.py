"""The table of what may become of a scan, and its picture in the map."""

from __future__ import annotations

from pathlib import Path

import pytest

from kiosk import outcome
from kiosk.model import Delivery
from kiosk.outcome import BEGINNINGS, TRANSITIONS, Outcome, picture

README = Path(outcome.__file__).with_name("README.md")
FINAL = {Delivery.ACKED, Delivery.LOCAL}
MOVES = [(each, before, after) for each, moves in TRANSITIONS.items() for before, after in moves.items()]


def outcomes(before: Delivery | None = None, after: Delivery | None = None) -> set[Outcome]:
    """What leads from one state, to another, or both."""
    return {each for each, b, a in MOVES if before in {None, b} and after in {None, a}}


def reached(beginning: Delivery) -> set[Delivery]:
    """Every state that a scan may come to from this one."""
    found, fresh = set(), {beginning}
    while fresh:
        found |= fresh
        fresh = {after for _, before, after in MOVES if before in found} - found
    return found


def test_every_outcome_leads_somewhere_and_none_leads_nowhere_else():
    assert set(TRANSITIONS) == set(Outcome)
    assert {each for each, _, _ in MOVES} == set(Outcome)
    assert [each for each, before, after in MOVES if before is after] == []


@pytest.mark.parametrize("state", Delivery)
def test_every_state_but_the_final_ones_can_be_left(state):
    assert bool(outcomes(before=state)) is (state not in FINAL)


@pytest.mark.parametrize("state", sorted(set(Delivery) - FINAL))
def test_no_state_is_a_dead_end_the_cloud_may_still_get_what_is_in_it(state):
    assert Delivery.ACKED in reached(state)


def test_every_state_is_reached_from_where_scans_begin():
    assert set().union(*map(reached, BEGINNINGS)) == set(Delivery)


def test_only_the_clouds_own_word_says_that_it_has_a_scan():
    assert {(each, before) for each, before, after in MOVES if after is Delivery.ACKED} == {
        (Outcome.CONFIRMED, Delivery.INFLIGHT), (Outcome.FOUND, Delivery.UNKNOWN),
    }  # fmt: skip
    assert Delivery.ACKED not in BEGINNINGS


def test_what_may_have_arrived_is_sent_again_after_a_look_or_by_somebodys_will_and_not_otherwise():
    assert outcomes(Delivery.UNKNOWN, Delivery.PENDING) == {Outcome.MISSING, Outcome.SENT_BLINDLY}
    assert outcomes(Delivery.UNKNOWN, Delivery.INFLIGHT) == set()


def test_a_scan_is_under_way_only_by_being_posted_and_only_a_pending_one_is():
    assert outcomes(after=Delivery.INFLIGHT) == {Outcome.POSTED}
    assert TRANSITIONS[Outcome.POSTED] == {Delivery.PENDING: Delivery.INFLIGHT}


def test_what_was_under_way_is_pending_again_only_where_nothing_of_it_was_stored():
    assert outcomes(Delivery.INFLIGHT, Delivery.PENDING) == {Outcome.NOT_SENT, Outcome.REFUSED_AMONG}
    assert outcomes(Delivery.INFLIGHT, Delivery.UNKNOWN) == {Outcome.NO_ANSWER, Outcome.STOPPED}


def test_only_a_person_hands_out_again_what_was_refused():
    assert outcomes(Delivery.REFUSED, Delivery.PENDING) == {Outcome.HANDED_OUT}


def test_a_scan_stays_here_from_its_beginning_or_because_nobody_wants_it_any_more_and_never_once_it_is_delivered():
    assert Delivery.LOCAL in BEGINNINGS
    assert outcomes(after=Delivery.LOCAL) == {Outcome.WITHDRAWN}
    assert set(TRANSITIONS[Outcome.WITHDRAWN]) == set(Delivery) - FINAL


def test_the_picture_has_one_arrow_for_each_beginning_and_each_move():
    first, *arrows = picture().splitlines()
    assert first == "stateDiagram-v2"
    ends = [arrow.partition(":")[0].split() for arrow in arrows]
    assert ends == [["[*]", "-->", state] for state in BEGINNINGS] + [[b, "-->", a] for _, b, a in MOVES]
    assert {arrow.count(":") for arrow in arrows} == {1}  # Mermaid reads no second one


def test_the_picture_in_the_map_is_this_table():
    """To renew it: `python -c "from kiosk.outcome import picture; print(picture())"`, between the fences there."""
    section = README.read_text(encoding="utf-8").partition("## What may become of a scan\n")[2]
    _, _, drawn = section.partition("## ")[0].partition("```mermaid\n")
    assert drawn.partition("\n```")[0] == picture(), test_the_picture_in_the_map_is_this_table.__doc__
