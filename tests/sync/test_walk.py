"""A walk through the pages of a list that changes meanwhile leaves no row out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from kiosk.cloud.access import TicketPage
from kiosk.errors import NoAnswer
from kiosk.sync.walk import MOST_STEPS_BACK, OVERLAP_ROWS, Walk, name_of

EVENT_ID = "62a1c0ffee0000000000e001"
LIST = "GET /api/accessusers/tickets/v2/"

pytestmark = pytest.mark.usefixtures("small_pages")


def walked(door, walk: Walk | None = None, then: Callable[[int], None] = lambda _page: None) -> list[str]:
    """Walk to the end; `then` is called after each page. Return the ids in the order in which they came."""
    walk = walk or Walk(EVENT_ID)
    names: list[str] = []
    page = 0
    while not walk.over:
        names += [name_of(row) for row in walk.step(door.access)]
        page += 1
        then(page)
    return names


def once(page: int, change: Callable[[], Any]) -> Callable[[int], None]:
    return lambda number: change() if number == page else None


# --- a list that stands still ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 9, 10, 11, 19, 20, 35])
def test_every_row_comes_once_and_in_order(door, count):
    expected = list(door.fill(count))
    assert walked(door) == expected


def test_each_page_begins_one_row_before_the_end_of_the_last(door):
    door.fill(35)
    walked(door)
    assert [query["skip"] for query in door.asked()] == ["0", "9", "18", "27"]


def test_of_large_pages_twenty_rows_are_shown_again(door, monkeypatch):
    monkeypatch.setattr("kiosk.cloud.access.PAGE", 400)
    door.fill(900)
    walked(door)
    assert OVERLAP_ROWS == 20
    assert [query["skip"] for query in door.asked()] == ["0", "380", "760"]


def test_an_empty_list_is_over_at_once(door):
    walk = Walk(EVENT_ID)
    assert (walked(door, walk), walk.total, walk.least) == ([], 0, 0)


def test_a_walk_stays_in_its_window(door):
    door.fill(5, timedelta(days=30))
    door.sell("in", "WINDOW001", updatedAt=door.stamp(timedelta(days=-2)), createdAt=door.stamp(timedelta(days=-2)))
    door.sell("new", "TOONEW001")
    window = {"since": door.stamp(timedelta(days=-3)), "until": door.stamp(timedelta(days=-1))}
    assert walked(door, Walk(EVENT_ID, **window)) == ["in"]


def test_it_began_at_the_clouds_time_of_the_first_page(door, box):
    door.fill(15)
    walk = Walk(EVENT_ID)
    walk.step(door.access)
    began = walk.began
    assert abs(began - door.cloud_now()) < timedelta(seconds=5)
    box.clock_offset_s += 3600
    walk.step(door.access)
    assert (walk.began, walk.over) == (began, True)


def test_a_walk_goes_on_behind_the_rows_that_somebody_has_of_it(door):
    expected = list(door.fill(35))
    assert walked(door, Walk(EVENT_ID, skip=20, tail=expected[18:20])) == expected[20:]


def test_a_request_that_fails_leaves_the_walk_where_it_was(door):
    expected = list(door.fill(35))
    door.restart({2, 4})
    walk, names, failed = Walk(EVENT_ID), [], 0
    while not walk.over:
        try:
            names += [name_of(row) for row in walk.step(door.access)]
        except NoAnswer:
            failed += 1
    assert (names, failed) == (expected, 2)


# --- a list that moves -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("removed", [1, 2, 5, 9])
@pytest.mark.parametrize("page", [1, 2, 3])
def test_no_row_slips_between_two_pages_when_rows_before_it_leave_the_list(door, removed, page):
    expected = list(door.fill(45))
    leaving = expected[:removed]
    names = walked(door, then=once(page, lambda: door.remove(*leaving)))
    assert set(names) == set(expected)


@pytest.mark.parametrize("first", [8, 9])
def test_no_row_slips_when_the_very_rows_leave_that_the_next_page_was_to_show_again(door, first):
    expected = list(door.fill(45))
    names = walked(door, then=once(1, lambda: door.remove(*expected[first:10])))
    assert set(names) == set(expected)


def test_rows_that_are_added_meanwhile_come_too(door):
    expected = list(door.fill(35))
    names = walked(door, then=once(2, lambda: [door.sell(f"new-{n}", f"NEW0000{n}") for n in range(9)]))
    assert names == [*expected, *(f"new-{n}" for n in range(9))]


def test_rows_that_move_behind_the_others_are_shown_there_again_and_no_other_is_left_out(door):
    """A list by the time of change: what changes is seen last."""
    expected = door.fill(45)
    moving = list(expected)[3:9]

    def move() -> None:
        door.remove(*moving)
        for ticket_id in moving:
            door.sell(ticket_id, expected[ticket_id])

    names = walked(door, then=once(2, move))
    assert set(names) == set(expected)
    assert names[-6:] == moving


@pytest.mark.parametrize("by", [1, 3])
def test_pages_that_shift_to_and_fro_leave_no_row_out(door, box, by):
    expected = door.fill(45)
    box.arm("shifting_pages", None, by=by)
    assert set(walked(door)) == set(expected)


# --- a total that is wrong -------------------------------------------------------------------------------------------


def test_the_smaller_of_the_last_two_totals_is_the_least_there_must_be(door, box):
    door.fill(35)
    box.arm("moving_total", None, by=3)
    walk = Walk(EVENT_ID)
    walk.step(door.access)
    assert (walk.total, walk.least) == (38, 38)
    walk.step(door.access)
    assert (walk.total, walk.least) == (32, 34)  # never less than nine tenths of the largest
    walk.step(door.access)
    assert (walk.total, walk.least) == (38, 34)


@pytest.mark.parametrize("count", [11, 19, 20, 28, 29, 35, 45])
def test_a_total_that_moves_ends_no_walk_before_the_last_row(door, box, count):
    expected = door.fill(count)
    box.arm("moving_total", None, by=1)
    assert set(walked(door)) == set(expected)


@dataclass
class Told:
    """The real list under another total."""

    behind: Any
    total: int
    asked: list[int] = field(default_factory=list)

    def tickets(self, event_id: str, *, skip: int, **page: Any) -> TicketPage:
        self.asked.append(skip)
        answer = self.behind.tickets(event_id, skip=skip, **page)
        return TicketPage(answer.rows, self.total, answer.date)


@pytest.mark.parametrize("total", [0, 5, 22])
def test_full_pages_beyond_the_total_are_walked_through_all_the_same(door, total):
    expected = door.fill(45)
    door.access = Told(door.access, total)
    assert set(walked(door)) == set(expected)


def test_a_total_that_is_too_high_ends_where_nothing_new_comes_and_shows_in_the_least(door):
    expected = list(door.fill(35))
    door.access = Told(door.access, 99)
    walk = Walk(EVENT_ID)
    assert walked(door, walk) == expected
    assert (walk.least, len(door.access.asked)) == (99, 5)


@dataclass
class Restless:
    """A list that shows other rows each time, or always its first ones."""

    name: str
    total: int
    asked: int = 0

    def tickets(self, event_id: str, *, skip: int, since: str | None, until: str | None) -> TicketPage:
        self.asked += 1
        assert self.asked < 2_000, "there is no end to it"
        rows = [{"_id": self.name.format(asked=self.asked, number=number)} for number in range(10)]
        return TicketPage(rows, self.total, None)


@pytest.mark.parametrize("total", [60, 5])
@pytest.mark.parametrize("name", ["{asked}-{number}", "{number}"], ids=["other rows each time", "always the first"])
def test_a_list_that_shows_no_end_comes_to_one(door, name, total):
    door.access = Restless(name, total)
    assert walked(door)


def test_a_list_that_never_shows_the_same_rows_twice_is_walked_through_as_it_is(door):
    door.access = Restless("{asked}-{number}", 10 * MOST_STEPS_BACK)
    walk = Walk(EVENT_ID)
    while walk.skip < walk.least or walk.total is None:
        walk.step(door.access)
    assert door.access.asked <= 3 * MOST_STEPS_BACK


# --- what is noted on the way ----------------------------------------------------------------------------------------


def test_changes_are_counted_by_the_minute():
    walk, at = Walk(EVENT_ID), datetime(2030, 1, 1, 12, 0, 30, tzinfo=UTC)
    assert walk.newest is None
    walk.note_changes([at, at + timedelta(seconds=40), at - timedelta(minutes=10)])
    assert walk.newest == datetime(2030, 1, 1, 12, 1, tzinfo=UTC)
    assert walk.changed_since(at) == 2
    assert walk.changed_since(at + timedelta(minutes=1)) == 1
    assert walk.changed_since(at - timedelta(minutes=10)) == 3


@pytest.mark.parametrize("row", [None, "text", {"_id": 5}, {"barcode": "x"}, ["_id"]])
def test_a_row_without_an_id_is_named_by_what_it_says(row):
    assert name_of(row) == repr(row)
    assert name_of({"_id": "t-1", "barcode": 5}) == "t-1"
