"""What comes on the screen next."""

import pytest

from kiosk.display.stage import MOST, Beat, Cue, Stage, beat


def turn(number, seq, *, pid=1, notice="", lane="left"):
    return Beat(pid, number, lane, seq, notice)


def cues(stage, *looks):
    return [stage.follow(newest, beat) for newest, beat in looks]


def test_a_new_row_is_shown_before_any_beat_tells_of_it():
    assert Stage(4, turn(9, 4)).follow(5, turn(9, 4)) == [Cue(5)]


def test_the_late_beat_about_a_row_that_was_shown_is_no_news():
    assert cues(Stage(4, turn(9, 4)), (5, turn(9, 4)), (5, turn(10, 5)), (5, turn(10, 5))) == [[Cue(5)], [], []]


def test_a_repeat_shows_the_row_again():
    stage = Stage(5, turn(10, 5))
    assert cues(stage, (5, turn(11, 5)), (5, turn(11, 5)), (5, turn(12, 5))) == [
        [Cue(5, repeated=True)], [], [Cue(5, repeated=True)],
    ]  # fmt: skip


def test_a_repeat_before_the_first_beat_about_its_row_is_noticed_by_the_number_of_turns():
    assert cues(Stage(4, turn(9, 4)), (5, turn(9, 4)), (5, turn(11, 5))) == [[Cue(5)], [Cue(5, repeated=True)]]
    assert cues(Stage(0, None), (1, None), (1, turn(2, 1))) == [[Cue(1)], [Cue(1, repeated=True)]]


def test_several_rows_between_two_beats_are_no_repeat():
    assert cues(Stage(4, turn(9, 4)), (5, turn(9, 4)), (7, turn(9, 4)), (7, turn(12, 7))) == [
        [Cue(5)], [Cue(6), Cue(7)], [],
    ]  # fmt: skip


def test_a_row_after_a_repeat_on_the_other_lane_is_no_repeat():
    assert cues(Stage(6, turn(10, 6)), (6, turn(11, 5)), (7, turn(11, 5)), (7, turn(12, 7)))[1:] == [[Cue(7)], []]


def test_a_row_after_a_start_between_commit_and_beat_is_no_repeat():
    assert cues(Stage(6, turn(9, 5)), (6, turn(10, 6))) == [[]]


def test_the_first_row_of_all_is_no_repeat_once_its_beat_comes():
    assert cues(Stage(1, None, older=0), (1, turn(1, 1)), (1, turn(2, 1))) == [[], [Cue(1, repeated=True)]]


def test_a_repeat_on_the_other_lane_shows_the_older_row():
    assert Stage(6, turn(10, 6)).follow(6, turn(11, 5)) == [Cue(5, repeated=True)]


def test_of_several_new_rows_all_are_shown_the_newest_last():
    assert Stage(4, None).follow(9, None) == [Cue(5), Cue(6), Cue(7), Cue(8), Cue(9)]


def test_of_very_many_new_rows_the_newest_are_shown():
    assert Stage(4, None).follow(10_000_000, None) == [Cue(10_000_000 - MOST + n) for n in range(1, MOST + 1)]


def test_a_repeat_on_one_lane_is_not_lost_for_a_new_row_on_the_other():
    stage = Stage(6, turn(10, 6))
    assert cues(stage, (7, turn(11, 5)), (7, turn(12, 7))) == [[Cue(5, repeated=True), Cue(7)], []]


def test_a_late_beat_about_the_row_before_is_no_repeat_when_another_row_came_with_it():
    assert cues(Stage(4, turn(9, 4)), (5, turn(9, 4)), (6, turn(10, 5)), (6, turn(11, 6))) == [[Cue(5)], [Cue(6)], []]


def test_a_row_that_came_after_the_beat_wins_over_it():
    assert cues(Stage(4, None), (6, turn(1, 5)), (6, turn(2, 6))) == [[Cue(5), Cue(6)], []]


def test_a_beat_about_a_row_that_was_not_seen_yet_waits_for_it():
    assert cues(Stage(4, turn(9, 4)), (4, turn(10, 5)), (5, turn(10, 5)), (5, turn(11, 5))) == [
        [], [Cue(5)], [Cue(5, repeated=True)],
    ]  # fmt: skip


def test_an_answer_that_was_not_recorded_is_shown_as_its_notice():
    stage = Stage(4, turn(9, 4))
    shown = Cue(None, "left", "not_recorded")
    assert cues(stage, (4, turn(10, None, notice="not_recorded")), (4, turn(10, None, notice="not_recorded"))) == [
        [shown],
        [],
    ]


def test_what_was_not_recorded_wins_over_a_row_of_the_same_moment():
    assert Stage(4, turn(9, 4)).follow(5, turn(11, None, notice="not_recorded"))[-1].seq is None


def test_a_repeat_after_an_answer_that_was_not_recorded_is_shown():
    stage = Stage(4, turn(9, 4))
    assert cues(stage, (4, turn(10, None)), (4, turn(11, 4)))[1] == [Cue(4, repeated=True)]


def test_a_restarted_gate_counts_its_turns_anew():
    stage = Stage(5, turn(3, 5, pid=1))
    assert cues(stage, (5, turn(3, 5, pid=2)), (6, turn(3, 5, pid=2)), (6, turn(4, 6, pid=2))) == [
        [Cue(5, repeated=True)], [Cue(6)], [],
    ]  # fmt: skip


def test_what_was_before_is_not_news():
    assert cues(Stage(5, turn(10, None)), (5, turn(10, None)), (5, None)) == [[], []]


@pytest.mark.parametrize("facts", [None, {}, {"shown": None}, {"pid": 1, "shown": {"turn": 0, "seq": None}}])
def test_a_gate_that_has_shown_nothing_has_no_turn(facts):
    assert beat(facts) is None


def test_a_beat_is_read_from_the_gates_file():
    shown = {"turn": 3, "lane": "left", "seq": None, "notice": "no_event"}
    assert beat({"pid": 12, "shown": shown}) == Beat(12, 3, "left", None, "no_event")
