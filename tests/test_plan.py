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
from kiosk.plan import Mark, Nothing, Pace, Post, ReadBack, Standing, Wait, arrived, back_off_s, by_event, mark

NOW = datetime(2030, 1, 23, 23, 0, 0, 123_000, tzinfo=UTC)
SECONDS = st.floats(0, 1e9, allow_nan=False)
CHANCES = st.floats(0, 1, exclude_max=True)


def scan(seq: int = 1, *, event: str | None = "fest", at: datetime = NOW, device: str = "gate-1") -> Scan:
    ticket = Ticket(f"t-{seq}", f"CODE-{seq:04}", event, "standing") if event is not None else None
    verdict = Verdict(Direction.CHECKIN, Result.APPROVED, Reason.OK, ticket)
    return Scan(seq, f"id-{seq}", at, device, Moment(at, 1, "boot"), "left", f"CODE-{seq:04}", verdict)


# --- the next action -------------------------------------------------------------------------------------------------


def test_nothing_is_to_be_done_when_all_is_delivered_however_long_the_back_off():
    assert plan.next_action(Standing(now_s=1.0, not_before_s=99.0)) == Nothing()


def test_the_oldest_scans_are_posted_as_many_as_fit_one_batch():
    assert plan.next_action(Standing(pending=[4, 5, 6, 7], size=3)) == Post([4, 5, 6])


def test_what_may_have_arrived_is_read_back_before_anything_is_sent():
    assert plan.next_action(Standing(pending=[9], unknown=[4, 5, 6], size=1)) == ReadBack([4, 5, 6])


@pytest.mark.parametrize("open_scans", [{"pending": [1]}, {"unknown": [1]}, {"pending": [2], "unknown": [1]}])
def test_before_its_time_there_is_only_waiting_and_just_as_long_as_is_left(open_scans):
    assert plan.next_action(Standing(**open_scans, now_s=10.0, not_before_s=12.5)) == Wait(2.5)
    assert not isinstance(plan.next_action(Standing(**open_scans, now_s=12.5, not_before_s=12.5)), Wait)


@given(
    st.lists(st.integers(1)), st.lists(st.integers(1)), st.integers(1, 1000), SECONDS, SECONDS
)  # fmt: skip
def test_any_standing_has_one_next_action_that_touches_only_its_own_scans(pending, unknown, size, now_s, not_before_s):
    match plan.next_action(Standing(pending, unknown, size, now_s, not_before_s)):
        case Nothing():
            assert not pending
            assert not unknown
        case Wait(seconds):
            assert 0 < seconds <= not_before_s
        case ReadBack(numbers):
            assert numbers == unknown
        case Post(numbers):
            assert not unknown
            assert 1 <= len(numbers) <= size
            assert numbers == pending[: len(numbers)]


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


def test_what_was_sent_and_not_answered_is_left_to_settle_before_anyone_looks():
    settling = Pace(200, 200).settling(100.0)
    assert settling.not_before_s >= 100.0 + plan.SETTLE_S
    assert settling.failures == 1


def test_what_stays_without_an_answer_is_left_to_settle_longer_each_time():
    pace, waits = Pace(200, 200), []
    for _ in range(20):
        pace = pace.settling(100.0)
        waits.append(pace.not_before_s - 100.0)
    assert waits[0] < waits[1] < waits[2] < waits[3]
    assert max(waits) <= plan.LONGEST_WAIT_S


def test_a_cloud_that_came_back_ends_a_long_back_off_but_not_the_settling():
    waiting = Pace(200, 200, failures=9, not_before_s=400.0)
    assert waiting.hurried(100.0) == Pace(200, 200, not_before_s=100.0 + plan.SETTLE_S)
    assert Pace(200, 200, not_before_s=101.0).hurried(100.0).not_before_s == 101.0


def test_a_cloud_that_came_back_is_still_left_alone_for_as_long_as_it_asked():
    asked = Pace(200, 200).failed(100.0, 0.5, asked_s=300.0)
    assert asked.hurried(110.0).not_before_s == 400.0


@given(st.integers(1, 1000), st.lists(st.sampled_from(["through", "refused", "failed", "settling"])))
def test_the_batch_never_leaves_its_bounds_whatever_happens(full, story):
    pace = Pace(full, full)
    for what in story:
        match what:
            case "through":
                pace = pace.went_through()
            case "refused":
                pace = pace.was_refused(pace.size)
            case "failed":
                pace = pace.failed(0.0, 0.5)
            case _:
                pace = pace.settling(0.0)
        assert 1 <= pace.size <= pace.full == full


# --- halving ---------------------------------------------------------------------------------------------------------


@dataclass
class Service:
    """Refuses every batch that has a bad one in it; there are no answers about single scans."""

    bad: set[int]
    stored: list[int] = field(default_factory=list)
    posts: int = 0

    def takes(self, numbers: Sequence[int]) -> bool:
        self.posts += 1
        if self.bad.isdisjoint(numbers):
            self.stored += numbers
            return True
        return False


def deliver(count: int, service: Service, full: int) -> list[int]:
    """Go by the plan alone until nothing is left; return what was refused."""
    pending, refused, pace = list(range(count)), [], Pace(full, full)
    while not isinstance(action := plan.next_action(Standing(pending, size=pace.size)), Nothing):
        assert isinstance(action, Post)
        if service.takes(action.numbers):
            pace = pace.went_through()
        elif len(action.numbers) == 1:
            refused += action.numbers
            pace = pace.was_refused(1)
        else:
            pace = pace.was_refused(len(action.numbers))
            continue
        pending = pending[len(action.numbers) :]
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


# --- what has arrived ------------------------------------------------------------------------------------------------


def test_a_scan_has_arrived_when_the_cloud_has_its_device_time_code_direction_and_result():
    ours = [scan(1), scan(2), scan(3)]
    assert arrived(ours, [mark(ours[0]), mark(ours[2])]) == {1, 3}
    assert arrived(ours, []) == set()


@pytest.mark.parametrize(
    "changed",
    [
        {"device_id": "gate-2"}, {"device_id": None}, {"at": NOW + timedelta(milliseconds=1)}, {"barcode": "OTHER"},
        {"direction": Direction.CHECKOUT}, {"result": Result.DECLINED},
    ],
)  # fmt: skip
def test_a_scan_that_differs_in_anything_is_another_one(changed):
    theirs: Mark = replace(mark(scan(1)), **changed)
    assert arrived([scan(1)], [theirs]) == set()


def test_the_same_moment_in_another_offset_is_the_same_moment():
    ours = scan(1, at=NOW.astimezone(UTC))
    theirs = replace(mark(ours), at=datetime.fromisoformat("2030-01-24T00:00:00.123+01:00"))
    assert arrived([ours], [theirs]) == {1}


def test_scans_are_read_back_event_by_event_and_those_without_a_ticket_never():
    scans = [scan(1), scan(2, event="gala"), scan(3), scan(4, event=None)]
    assert {event: [s.seq for s in found] for event, found in by_event(scans).items()} == {"fest": [1, 3], "gala": [2]}
