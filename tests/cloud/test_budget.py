"""An hour's budget of requests: never more, shared by urgency, and it lasts."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.cloud.budget import BURST, Budget, Share, Use
from kiosk.cloud.line import Line
from kiosk.errors import Paced, TooMany

HOUR = 3600.0


class Watch:
    """A clock that is set by hand, in seconds since boot."""

    def __init__(self) -> None:
        self.now = 123.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def watch() -> Watch:
    return Watch()


def asked(budget: Budget, use: Use, most: int = 10_000) -> int:
    """Ask at once as often as it is allowed."""
    for number in range(most):
        try:
            budget.claim(use)
        except Paced:
            return number
    return most


def spent(budget: Budget, watch: Watch, use: Use, seconds: float) -> list[float]:
    """Ask as soon as it is allowed for a while; return when."""
    times, end = [], watch.now + seconds
    while watch.now < end:
        try:
            budget.claim(use)
            times.append(watch.now)
        except Paced as paced:
            watch.now = min(end, watch.now + max(paced.wait_s, 0.001))
    return times


def most_in_an_hour(times: list[float]) -> int:
    return max(sum(start <= at < start + HOUR for at in times) for start in times)


@settings(deadline=None, max_examples=60)
@given(
    limit=st.integers(1, 60),
    steps=st.lists(st.tuples(st.sampled_from(Use), st.floats(0, 1500)), min_size=1, max_size=300),
)
def test_no_hour_ever_has_more_requests_than_the_budget(limit, steps):
    watch, times = Watch(), []
    budget = Budget(limit, watch)
    for use, pause_s in steps:
        watch.now += pause_s
        times += [watch.now] * asked(budget, use, limit + 1)
    assert not times or most_in_an_hour(times) <= limit


def test_half_of_it_may_be_used_at_once_and_the_rest_lasts_until_more_comes_back(watch):
    budget = Budget(100, watch)
    times = spent(budget, watch, Use.DELIVERY, 4 * HOUR)
    at_once = sum(at < 124 for at in times)
    assert 50 <= at_once <= 50 + BURST + 2
    pauses = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert max(pauses) < 180  # never silent until the hour is over
    assert most_in_an_hour(times) <= 100
    assert len(times) > 300  # and all of it can be used


def test_the_less_urgent_leaves_its_share_to_the_more_urgent(watch):
    budget = Budget(100, watch)
    taken = {use: len(spent(budget, watch, use, HOUR - 200)) for use in [Use.LOOKUP]}
    assert taken[Use.LOOKUP] <= 50
    watch.now += 1
    assert asked(budget, Use.LOOKUP) == 0
    assert asked(budget, Use.LIST) >= 1
    assert asked(budget, Use.DELIVERY) >= 1


@pytest.mark.parametrize("noisy", [Use.LOOKUP, Use.OTHER_DOORS, Use.LIST])
def test_whatever_the_others_do_deliveries_go_on(watch, noisy):
    budget, delivered = Budget(60, watch), []
    for _ in range(8):
        spent(budget, watch, noisy, 300)
        delivered.append(asked(budget, Use.DELIVERY, 1))
    assert all(delivered)


def test_what_was_used_an_hour_ago_comes_back(watch):
    budget = Budget(10, watch)
    spent(budget, watch, Use.DELIVERY, HOUR)
    watch.now += HOUR + 60
    assert budget.facts()["left"] == 10


def test_how_long_to_wait_is_how_long_it_takes(watch):
    budget = Budget(10, watch)
    while budget.facts()["left"]:
        watch.now += budget.wait_s(Use.DELIVERY)
        budget.claim(Use.DELIVERY)
    wait_s = budget.wait_s(Use.DELIVERY)
    assert 0 < wait_s <= HOUR + 60
    watch.now += wait_s - 0.5
    with pytest.raises(Paced):
        budget.claim(Use.DELIVERY)
    watch.now += 1.0
    budget.claim(Use.DELIVERY)


@pytest.mark.parametrize(
    ("asked_s", "held_s"), [(30.0, 30.0), (None, 10.0), (-5.0, 1.0), (0.0, 1.0), (86_400.0, 600.0)]
)
def test_a_cloud_that_asks_to_be_left_alone_is_left_alone_within_bounds(watch, asked_s, held_s):
    budget = Budget(100, watch)
    budget.hold(asked_s)
    assert {budget.wait_s(use) for use in Use} == {held_s}
    watch.now += held_s
    assert {budget.wait_s(use) for use in Use} == {0.0}


def test_the_next_process_of_this_boot_goes_on_counting(watch):
    before = Budget(10, watch)
    spent(before, watch, Use.DELIVERY, 600)
    after = Budget(10, watch)
    after.resume(json.loads(json.dumps(before.facts())))
    assert after.facts() == before.facts()


@pytest.mark.parametrize(
    "facts",
    [
        None, [], {}, {"used": None}, {"used": [[1], [1, 2, 3], "ab", None]}, {"used": [["1", "2"]]},
        {"used": [[2, -5]]}, {"used": [[10**9, 5]]}, {"used": [[True, True]]},
    ],
)  # fmt: skip
def test_what_is_no_such_account_changes_nothing(watch, facts):
    budget = Budget(10, watch)
    budget.resume(facts)
    assert budget.facts() == {"limit": 10, "left": 10, "used": []}


# --- on the line -----------------------------------------------------------------------------------------------------


def test_a_request_that_is_not_allowed_is_not_made(cloud, watch):
    budget = Budget(4, watch)
    line = Line(f"{cloud.url}/api", lambda: {"token": "t"}, Share(budget, Use.LIST))
    for _ in range(3):
        line.get("/accessusers/me")
    with pytest.raises(Paced):
        line.get("/accessusers/me")
    line.close()
    assert [request["path"] for request in cloud.requests()].count("/api/accessusers/me") == 3


def test_a_429_on_one_line_keeps_every_line_of_the_same_credential_quiet(cloud, watch):
    budget = Budget(100, watch)
    lines = [Line(f"{cloud.url}/api", lambda: {"token": "t"}, Share(budget, use)) for use in (Use.LIST, Use.LOOKUP)]
    cloud.arm("rate_limited", 1, retry_after="30")
    with pytest.raises(TooMany):
        lines[0].get("/accessusers/me")
    with pytest.raises(Paced) as caught:
        lines[1].get("/accessusers/me")
    assert caught.value.wait_s == 30
    watch.now += 30
    assert lines[1].get("/accessusers/me").body
    for line in lines:
        line.close()
