"""What sync does next: facts in, the next action out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kiosk import plan
from kiosk.model import Direction, Moment, Reason, Result, Scan, Ticket, Verdict
from kiosk.plan import (
    AskPerson,
    AskTime,
    Doubt,
    Mark,
    Nothing,
    Pace,
    Post,
    ReadBack,
    SendBlindly,
    Standing,
    Wait,
    back_off_s,
    mark,
    next_action,
)

NOW = datetime(2030, 1, 23, 23, 0, 0, 123_000, tzinfo=UTC)
SECONDS = st.integers(0, 12).map(float) | st.floats(0, 1e9)
CHANCES = st.floats(0, 1, exclude_max=True)


def scan(seq: int) -> Scan:
    ticket = Ticket(f"t-{seq}", f"CODE-{seq:04}", "fest", "standing")
    verdict = Verdict(Direction.CHECKIN, Result.APPROVED, Reason.OK, ticket)
    return Scan(seq, f"id-{seq}", NOW, "gate-1", Moment(NOW, 1, "boot"), "left", ticket.barcode, verdict)


# --- the next action -------------------------------------------------------------------------------------------------

LOOKED = Doubt(look_at_s=10.0, over_at_s=30.0)
FORBIDDEN = Doubt(look_at_s=60.0, over_at_s=30.0, forbidden=True)


def test_nothing_is_to_be_done_when_all_is_delivered_however_long_the_back_off():
    assert next_action(Standing(now_s=1.0, not_before_s=99.0, looking=True)) == Nothing()


def test_the_oldest_scans_are_posted_as_many_as_fit_one_batch():
    assert next_action(Standing(pending=[4, 5, 6, 7], size=3)) == Post([4, 5, 6])


def test_scans_that_nobody_can_date_are_waited_for_once_the_cloud_was_asked_what_time_it_is():
    waiting = Standing(waits_s=400.0)
    assert next_action(replace(waiting, may_ask_time=True)) == AskTime()
    assert next_action(waiting) == Wait(400.0)
    assert next_action(replace(waiting, may_ask_time=True, now_s=1.0, not_before_s=9.0)) == Wait(8.0)
    assert next_action(replace(waiting, may_ask_time=True, pending=[4])) == Post([4])
    assert next_action(replace(waiting, may_ask_time=True, unknown=True)) == ReadBack(final=True)
    assert next_action(replace(waiting, unknown=True, doubt=FORBIDDEN)) == AskPerson(60.0)
    assert next_action(Standing(may_ask_time=True)) == Nothing()


def test_what_may_have_arrived_is_looked_for_before_anything_is_sent():
    assert next_action(Standing(pending=[9], unknown=True)) == ReadBack(final=True)


@pytest.mark.parametrize(
    ("now_s", "action"),
    [(9.0, Wait(1.0)), (10.0, ReadBack(final=False)), (29.0, ReadBack(final=False)), (30.0, ReadBack(final=True))],
)
def test_a_look_comes_when_it_may_find_something_and_is_final_only_when_no_request_can_be_at_work_any_more(
    now_s, action
):
    assert next_action(Standing(pending=[9], unknown=True, doubt=LOOKED, now_s=now_s)) == action


def test_a_look_that_is_under_way_goes_on_whatever_the_time():
    assert next_action(Standing(unknown=True, doubt=LOOKED, looking=True, now_s=0.0)) == ReadBack(final=False)


def test_where_looking_is_not_allowed_the_others_go_on_and_the_unknown_wait_for_a_person():
    held = Standing(pending=[9], unknown=True, doubt=FORBIDDEN, now_s=40.0)
    assert next_action(held) == Post([9])
    assert next_action(replace(held, pending=())) == AskPerson(20.0)


def test_whether_looking_is_allowed_by_now_is_tried_again():
    assert next_action(Standing(pending=[9], unknown=True, doubt=FORBIDDEN, now_s=60.0)) == ReadBack(final=True)


@pytest.mark.parametrize(("now_s", "action"), [(29.0, Wait(1.0)), (30.0, SendBlindly()), (60.0, ReadBack(final=True))])
def test_who_prefers_doubles_sends_again_unseen_once_no_request_can_be_at_work_any_more(now_s, action):
    standing = Standing(pending=[9], unknown=True, doubt=FORBIDDEN, on_unknown="resend", now_s=now_s)
    assert next_action(standing) == action


@pytest.mark.parametrize("open_scans", [{"pending": [1]}, {"unknown": True}, {"pending": [2], "unknown": True}])
def test_before_its_time_there_is_only_waiting_and_just_as_long_as_is_left(open_scans):
    assert next_action(Standing(**open_scans, now_s=10.0, not_before_s=12.5)) == Wait(2.5)
    assert not isinstance(next_action(Standing(**open_scans, now_s=12.5, not_before_s=12.5)), Wait)


# --- laws of it ------------------------------------------------------------------------------------------------------

DOUBTS = st.builds(Doubt, SECONDS | st.just(math.inf), SECONDS, st.booleans(), st.none() | SECONDS)
STANDINGS = st.builds(
    Standing, st.lists(st.integers(1)), st.booleans(), DOUBTS, st.booleans(), st.sampled_from(["hold", "resend"]),
    st.integers(1, 1000), SECONDS, SECONDS,
)  # fmt: skip
SETTLED = STANDINGS.map(lambda standing: replace(standing, not_before_s=0.0))
DOUBTFUL = SETTLED.map(lambda standing: replace(standing, unknown=True))


@given(STANDINGS)
def test_any_standing_has_one_next_action_that_touches_only_its_own_scans(standing):
    match next_action(standing):
        case Nothing():
            assert not standing.pending
            assert not standing.unknown
        case Post(numbers):
            assert 1 <= len(numbers) <= standing.size
            assert numbers == standing.pending[: len(numbers)]
        case Wait(seconds) | AskPerson(seconds):
            assert seconds > 0
        case action:
            assert isinstance(action, ReadBack | SendBlindly)
            assert standing.unknown


@given(STANDINGS)
def test_nothing_is_done_before_its_time_however_urgent(standing):
    if standing.now_s < standing.not_before_s:
        assert isinstance(next_action(standing), Wait | Nothing)


@given(DOUBTFUL)
def test_nothing_is_ever_posted_while_what_is_unknown_could_still_be_looked_up(standing):
    if isinstance(next_action(standing), Post):
        assert standing.doubt.forbidden
        assert standing.now_s < standing.doubt.look_at_s
        assert not standing.looking


@given(DOUBTFUL)
def test_a_final_look_is_never_earlier_than_when_no_request_can_be_at_work_any_more(standing):
    action = next_action(standing)
    if isinstance(action, ReadBack):
        assert action.final is (standing.now_s >= standing.doubt.over_at_s)


@given(DOUBTFUL)
def test_who_holds_never_sends_blindly_and_who_does_not_never_asks_a_person(standing):
    wrong = SendBlindly if standing.on_unknown == "hold" else AskPerson
    assert not isinstance(next_action(standing), wrong)


@given(DOUBTFUL.map(lambda standing: replace(standing, on_unknown="resend")))
def test_nothing_is_sent_again_unseen_while_a_request_may_be_at_work_or_looking_is_allowed(standing):
    action = next_action(standing)
    assert not isinstance(action, Post)
    if isinstance(action, SendBlindly):
        assert standing.now_s >= standing.doubt.over_at_s
        assert standing.doubt.forbidden


@given(STANDINGS)
def test_whoever_waits_as_long_as_they_are_told_soon_has_something_to_do(standing):
    for _ in range(4):
        action = next_action(standing)
        if not isinstance(action, Wait) or action.seconds == math.inf:
            break
        standing = replace(standing, now_s=max(standing.now_s + action.seconds, math.nextafter(standing.now_s, 1e10)))
    else:
        raise AssertionError("it waits on and on")
    endless = standing.doubt.look_at_s == math.inf and not standing.doubt.forbidden
    assert isinstance(action, Wait) is (standing.unknown and not standing.looking and endless)


ANY_DOUBT = st.builds(Doubt, st.floats(), st.floats(), st.booleans())
ANYTHING = st.builds(
    Standing, st.lists(st.integers()), st.booleans(), ANY_DOUBT, st.booleans(), st.sampled_from(["hold", "resend"]),
    st.integers(), st.floats(), st.floats(),
)  # fmt: skip


@given(ANYTHING)
def test_no_standing_at_all_makes_the_planner_raise(standing):
    assert isinstance(next_action(standing), plan.Action)


# --- doubt -----------------------------------------------------------------------------------------------------------


def test_what_was_sent_and_not_answered_is_left_to_settle_before_anyone_looks():
    pace, doubt = Pace(200, 200, not_before_s=99.0).settling(100.0, running=False)
    assert doubt == Doubt(100.0 + plan.SETTLE_S, 100.0 + plan.SETTLE_S, sent_s=100.0)
    assert pace == Pace(100, 200, failures=1)  # a slow line may carry half of it in time


def test_a_request_that_nobody_heard_the_end_of_may_be_at_work_for_long_after_a_first_look():
    _, doubt = Pace(200, 200).settling(100.0, running=True)
    assert (doubt.look_at_s, doubt.over_at_s) == (100.0 + plan.SETTLE_S, 100.0 + plan.RUN_S)
    assert plan.RUN_S > plan.SETTLE_S


def test_what_stays_without_an_answer_is_left_to_settle_longer_each_time_up_to_five_minutes():
    pace, waits = Pace(200, 200), []
    for _ in range(20):
        pace, doubt = pace.settling(100.0, running=True)
        waits.append(doubt.look_at_s - 100.0)
    assert waits[:4] == [3, 6, 12, 24]
    assert max(waits) == plan.LONGEST_WAIT_S


def test_a_look_that_was_not_final_is_followed_by_one_that_is():
    assert LOOKED.looked() == replace(LOOKED, look_at_s=30.0)
    assert next_action(Standing(unknown=True, doubt=LOOKED.looked(), now_s=29.0)) == Wait(1.0)


def test_a_look_that_was_allowed_after_all_ends_the_holding():
    assert FORBIDDEN.looked() == replace(FORBIDDEN, forbidden=False)


def test_after_a_look_that_was_not_allowed_it_is_a_minute_to_the_next_try():
    assert LOOKED.not_allowed(100.0) == replace(LOOKED, look_at_s=160.0, forbidden=True)


def test_a_cloud_that_came_back_is_looked_at_soon_and_nothing_is_taken_for_missing_any_sooner():
    waiting = Doubt(look_at_s=400.0, over_at_s=130.0)
    assert waiting.hurried(100.0) == replace(waiting, look_at_s=100.0 + plan.SETTLE_S)
    assert replace(waiting, look_at_s=101.0).hurried(100.0).look_at_s == 101.0


@pytest.mark.parametrize(
    ("older_s", "newer_s", "sent_s"), [(5.0, 9.0, 5.0), (9.0, 5.0, 5.0), (None, 5.0, None), (5.0, None, None)]
)
def test_of_what_became_unknown_one_after_the_other_the_first_may_have_arrived_since_it_was_sent_if_that_is_known(
    older_s, newer_s, sent_s
):
    assert Doubt(sent_s=newer_s).beside(Doubt(sent_s=older_s)).sent_s == sent_s


@given(DOUBTS, DOUBTS)
def test_what_is_unknown_beside_something_else_is_looked_for_at_its_time_and_missed_only_when_both_are_over(new, old):
    both = new.beside(old)
    assert (both.look_at_s, both.forbidden) == (new.look_at_s, new.forbidden)
    assert both.over_at_s == max(new.over_at_s, old.over_at_s)


@given(DOUBTS, st.lists(st.tuples(st.sampled_from(["hurried", "looked", "not allowed", "beside"]), SECONDS)))
def test_nothing_that_happens_brings_the_time_forward_from_which_a_scan_can_be_missed(doubt, story):
    over_at_s = doubt.over_at_s
    for what, now_s in story:
        match what:
            case "hurried":
                doubt = doubt.hurried(now_s)
            case "looked":
                doubt = doubt.looked()
            case "not allowed":
                doubt = doubt.not_allowed(now_s)
            case _:
                doubt = Doubt(now_s, now_s).beside(doubt)
        assert doubt.over_at_s >= over_at_s


# --- waiting ---------------------------------------------------------------------------------------------------------


@given(st.integers(0, 10_000), CHANCES)
@example(10**9, 0.999)
def test_a_back_off_is_never_longer_than_its_ceiling_which_doubles_up_to_five_minutes(failures, chance):
    assert 0 <= back_off_s(failures, chance) <= min(300.0, 2.0 ** min(failures, 20))


@given(st.integers(0, 50), CHANCES, CHANCES)
def test_the_jitter_is_full_so_that_a_fleet_comes_back_spread_over_the_whole_time(failures, chance, other):
    ceiling = back_off_s(failures, 1.0)
    assert back_off_s(failures, 0.0) == 0.0
    assert math.isclose(back_off_s(failures, chance), chance * ceiling)
    assert (back_off_s(failures, chance) < back_off_s(failures, other)) == (chance * ceiling < other * ceiling)


def test_the_ceiling_is_one_second_at_first_and_grows_with_each_failure():
    ceilings = [back_off_s(failures, 1.0) for failures in range(12)]
    assert ceilings == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]


@given(st.integers(0, 100), CHANCES, st.floats(allow_nan=False))
def test_what_the_cloud_asks_for_counts_more_than_jitter_within_bounds(failures, chance, asked_s):
    waited = back_off_s(failures, chance, asked_s)
    assert waited == min(max(asked_s, 1.0), 600.0)


@pytest.mark.parametrize(("asked_s", "waited_s"), [(-5.0, 1.0), (0.0, 1.0), (2.5, 2.5), (600.0, 600.0), (1e9, 600.0)])
def test_a_wish_that_is_negative_or_endless_is_brought_within_reason(asked_s, waited_s):
    assert back_off_s(0, 0.0, asked_s) == waited_s


# --- pace ------------------------------------------------------------------------------------------------------------


def test_a_success_forgets_failures_and_waiting_and_doubles_the_batch_up_to_the_full_one():
    tired = Pace(60, 200, failures=4, not_before_s=99.0)
    assert tired.went_through() == Pace(120, 200)
    assert tired.went_through().went_through() == Pace(200, 200)


def test_a_refused_batch_is_halved_at_once_without_a_pause():
    assert Pace(200, 200, failures=2).was_refused(200) == Pace(100, 200)
    assert Pace(200, 200).was_refused(7) == Pace(3, 200)  # half of what was sent, not of what might have been
    assert Pace(2, 200).was_refused(2) == Pace(1, 200)


def test_once_the_bad_scan_stands_alone_batches_grow_again():
    assert Pace(1, 200).was_refused(1) == Pace(2, 200)
    assert Pace(1, 1).was_refused(1) == Pace(1, 1)


def test_each_failure_counts_and_puts_the_next_request_off():
    once = Pace(200, 200).failed(100.0, 0.5)
    assert once == Pace(200, 200, failures=1, not_before_s=101.0)
    assert once.failed(101.0, 0.5) == Pace(200, 200, failures=2, not_before_s=103.0)
    assert once.failed(101.0, 0.5, asked_s=30.0) == Pace(200, 200, failures=2, not_before_s=131.0)


def test_a_batch_that_was_too_large_is_not_tried_again_nor_is_any_larger_one():
    small = Pace(200, 200, failures=2).was_too_large(200)
    assert small == Pace(100, 100)
    assert small.went_through() == Pace(100, 100)
    assert Pace(3, 200).was_too_large(3) == Pace(1, 1)
    assert Pace(1, 1).was_too_large(1) == Pace(1, 1)


def test_a_look_ends_the_waiting_and_a_row_of_failures_only_when_something_had_arrived():
    tired = Pace(60, 200, failures=4, not_before_s=99.0)
    assert tired.looked(arrived=True) == Pace(60, 200)
    assert tired.looked(arrived=False) == Pace(60, 200, failures=4)


def test_a_wait_can_be_shortened_but_not_the_one_that_the_cloud_asked_for():
    assert Pace(9, 9).failed(100.0, 0.99).failed(100.0, 0.99).at_most(100.0, 1.0).not_before_s == 101.0
    assert Pace(9, 9).failed(100.0, 0.99, asked_s=300.0).at_most(100.0, 15.0).not_before_s == 400.0


def test_a_cloud_that_came_back_ends_a_long_back_off_but_not_the_settling():
    waiting = Pace(200, 200, failures=9, not_before_s=400.0)
    assert waiting.hurried(100.0) == Pace(200, 200, not_before_s=100.0 + plan.SETTLE_S)
    assert Pace(200, 200, not_before_s=101.0).hurried(100.0).not_before_s == 101.0


def test_a_cloud_that_came_back_is_still_left_alone_for_as_long_as_it_asked():
    asked = Pace(200, 200).failed(100.0, 0.5, asked_s=300.0)
    assert asked.hurried(110.0).not_before_s == 400.0


@given(st.integers(1, 1000), st.lists(st.sampled_from(["through", "refused", "too large", "failed", "settling"])))
def test_the_batch_never_leaves_its_bounds_whatever_happens(full, story):
    pace = Pace(full, full)
    for what in story:
        match what:
            case "through":
                pace = pace.went_through()
            case "refused":
                pace = pace.was_refused(pace.size)
            case "too large":
                pace = pace.was_too_large(pace.size)
            case "failed":
                pace = pace.failed(0.0, 0.5)
            case _:
                pace, _ = pace.settling(0.0, running=True)
        assert 1 <= pace.size <= pace.full <= full


# --- halving ---------------------------------------------------------------------------------------------------------


@dataclass
class Service:
    """Refuses every batch that has a bad one in it; there are no answers about single scans."""

    bad: set[int] = field(default_factory=set)
    largest: int = 10_000
    stored: list[int] = field(default_factory=list)
    posts: int = 0

    def answer(self, numbers: Sequence[int]) -> str:
        self.posts += 1
        if len(numbers) > self.largest:
            return "too large"
        if not self.bad.isdisjoint(numbers):
            return "refused"
        self.stored += numbers
        return "taken"


def deliver(count: int, service: Service, full: int) -> list[int]:
    """Go by the plan alone until nothing is left; return what was refused."""
    pending, refused, pace = list(range(count)), [], Pace(full, full)
    while not isinstance(action := next_action(Standing(pending, size=pace.size)), Nothing):
        assert isinstance(action, Post)
        size, answer = len(action.numbers), service.answer(action.numbers)
        match answer:
            case "taken":
                pace = pace.went_through()
            case "too large":
                pace = pace.was_too_large(size)
            case _:
                pace = pace.was_refused(size)
        if answer == "taken" or size == 1:
            refused += action.numbers if answer != "taken" else []
            pending = pending[size:]
    return refused


@given(st.integers(1, 60), st.integers(1, 32), st.data())
def test_halving_finds_exactly_the_bad_scans_and_delivers_all_others_once_and_in_order(count, full, data):
    bad = data.draw(st.sets(st.integers(0, count - 1)))
    service = Service(bad)
    assert deliver(count, service, full) == sorted(bad)
    assert service.stored == [number for number in range(count) if number not in bad]


def test_one_bad_scan_in_a_thousand_costs_a_few_dozen_requests_not_a_thousand():
    service = Service({617})
    assert deliver(1000, service, 200) == [617]
    assert service.posts <= 30


def test_a_batch_of_bad_scans_only_costs_fewer_than_two_requests_each():
    service = Service(set(range(64)))
    deliver(64, service, 64)
    assert service.posts < 2 * 64 + 8


def test_a_limit_of_the_cloud_costs_a_few_requests_once_and_not_one_for_each_batch():
    service = Service(largest=64)
    assert deliver(1000, service, 200) == []
    assert service.stored == list(range(1000))
    assert service.posts <= 2 + 1000 / 50


# --- what has arrived ------------------------------------------------------------------------------------------------


def test_a_scan_is_known_again_by_its_device_time_code_direction_and_result():
    assert mark(scan(1)) == Mark("gate-1", NOW, "CODE-0001", Direction.CHECKIN, Result.APPROVED)


@pytest.mark.parametrize(
    "changed",
    [
        {"device_id": "gate-2"}, {"device_id": None}, {"at": NOW + timedelta(milliseconds=1)}, {"barcode": "OTHER"},
        {"direction": Direction.CHECKOUT}, {"result": Result.DECLINED},
    ],
)  # fmt: skip
def test_a_scan_that_differs_in_anything_is_another_one(changed):
    assert replace(mark(scan(1)), **changed) != mark(scan(1))


def test_the_same_moment_in_another_offset_is_the_same_moment():
    theirs = replace(mark(scan(1)), at=datetime.fromisoformat("2030-01-24T00:00:00.123+01:00"))
    assert theirs == mark(scan(1))
