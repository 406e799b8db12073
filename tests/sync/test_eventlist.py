"""One event's list comes from the cloud to the door and stays true there, against the sandbox cloud."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kiosk import clock, config
from kiosk.cloud import access as access_room
from kiosk.cloud.access import TicketPage
from kiosk.cloud.answers import ticket_rows
from kiosk.errors import CloudError, NoAnswer
from kiosk.model import Moment
from kiosk.sandbox import Sandbox
from kiosk.store import tickets as store
from kiosk.sync import comparison

EVENT_ID = "62a1c0ffee0000000000e001"
MANY = 3456
LIST = "GET /api/accessusers/tickets/v2/"
HOUR_S, DAY_S = 3600.0, 86_400.0
YEAR_S = 365 * DAY_S


# --- the whole list --------------------------------------------------------------------------------------------------


def test_3456_tickets_arrive_whole_in_at_most_eight_requests_the_next_look_and_a_count_included(door):
    expected = door.fill(MANY)
    door.look()
    assert door.held() == expected
    assert door.state().complete
    assert door.state().age_s(clock.now()) is not None
    assert len(door.asked()) == 5  # four pages, and once what has changed meanwhile
    door.look_later()
    assert len(door.asked()) <= 8
    assert [query["top"] for query in door.asked()].count("1") == 1


def test_a_list_that_was_looked_at_in_vain_is_not_complete(door, box):
    door.fill(10)
    door.download.look_at_settings()
    box.arm("error_before", None, route=LIST)
    with pytest.raises(CloudError):
        door.download.look_at_tickets()
    assert not door.state().complete
    assert door.state().age_s(clock.now()) is None


@pytest.mark.parametrize("page", [2, 3, 4])
@pytest.mark.parametrize("killed", [False, True])
def test_a_download_goes_on_where_it_broke_off_and_never_starts_over(door, page, killed):
    expected = door.fill(MANY)
    door.restart({page}, KeyboardInterrupt() if killed else None)
    with pytest.raises(KeyboardInterrupt if killed else NoAnswer):
        door.look()
    assert len(door.held()) == 1000 + 980 * (page - 2)
    assert not door.state().complete
    if killed:
        door.restart()
    door.look()
    assert door.held() == expected
    assert door.state().complete
    skips = [int(query["skip"]) for query in door.asked() if "from" not in query]
    assert [skip for skip in skips if skip] == [980, 1960, 2940]


def test_what_has_come_can_be_looked_up_while_the_list_is_still_on_its_way(door):
    expected = door.fill(MANY)
    door.restart({3})
    with pytest.raises(NoAnswer):
        door.look()
    first = next(iter(expected.values()))
    with closing(store.reader(door.directory)) as seen:
        assert [ticket.barcode for ticket in store.by_barcode_arrived(seen, first)] == [first]
    assert (door.state().expected, door.state().skip) == (MANY, 1980)


@pytest.mark.usefixtures("small_pages")
def test_the_list_counts_as_incomplete_until_its_last_page_is_here_and_a_second_look_was_taken(door):
    door.fill(35)
    complete: list[bool] = []

    def watch() -> None:
        known = store.lists(door.store.database).get(EVENT_ID)
        complete.append(known is not None and known.complete)

    door.access.before = watch
    door.look()
    assert complete == [False] * 5
    assert door.state().complete


@pytest.mark.usefixtures("small_pages")
def test_a_second_look_that_fails_is_made_up_for_and_until_then_the_list_is_not_complete(door):
    expected = door.fill(35)
    door.restart({5})
    with pytest.raises(NoAnswer):
        door.look()
    assert (door.held(), door.state().complete) == (expected, False)
    door.look()
    assert door.state().complete
    assert len(door.asked()) == 5  # nothing was fetched twice


@pytest.mark.usefixtures("small_pages")
def test_what_changed_while_the_list_came_is_here_when_it_is_complete(door):
    expected = door.fill(35)
    first, last = next(iter(expected)), list(expected)[-1]

    def change() -> None:
        if door.access.asked == 3:
            door.box.clock_offset_s += 90
            door.sell(first, "REISSUED1")
            door.sell(last, "REISSUED2")
            door.sell("new", "NEW00001")

    door.access.before = change
    door.look()
    assert door.state().complete
    assert door.held() == expected | {first: "REISSUED1", last: "REISSUED2", "new": "NEW00001"}


@pytest.mark.usefixtures("small_pages")
def test_a_list_comes_as_it_was_when_it_began_to_come(door):
    door.fill(35)
    door.access.before = lambda: door.sell(f"new-{door.access.asked}", f"NEW0000{door.access.asked}")
    began = door.cloud_now().replace(microsecond=0)
    door.look()
    first, *others = [query.get("until") for query in door.asked() if "from" not in query]
    assert first is None
    assert len(set(others)) == 1
    assert timedelta(0) <= datetime.fromisoformat(others[0]) - began <= timedelta(seconds=5)


@pytest.mark.usefixtures("small_pages")
def test_people_are_told_how_much_of_the_list_is_here(door):
    door.fill(35)
    door.look()
    assert door.told == [(EVENT_ID, here, 35) for here in (10, 19, 28, 35)]


@pytest.mark.usefixtures("small_pages")
def test_rows_that_nobody_can_read_are_counted_and_cost_no_other(door, box):
    expected = door.fill(35)
    box.arm("bad_row", 3, index=2, row={"_id": "bad", "barcode": 12345678})
    door.look()
    assert len(door.held()) == 32
    assert door.held().items() <= expected.items()
    assert store.unreadable(door.store.database, door.state()) == 1  # the same one three times
    assert not door.state().complete  # two rows less than the cloud counts
    door.look_later()
    assert (door.held(), door.state().complete) == (expected, True)


def test_a_list_with_rows_that_nobody_can_read_is_complete_all_the_same(door):
    expected = door.fill(10)
    door.sell("bad", "", name="Ada")
    door.look()
    assert (door.held(), door.state().complete) == (expected, True)
    asked = len(door.asked())
    for _ in range(3):
        door.look_later()
    assert len(door.asked()) == asked + 6  # what changed, and the count: it is right
    door.sell("bad", "GOOD00001")
    door.look()
    assert door.held() == expected | {"bad": "GOOD00001"}
    assert store.unreadable(door.store.database, door.state()) == 0


@pytest.mark.parametrize(
    "text",
    [
        {"name": "Ada \ud83d"},
        {"_id": "half \ud83d"},
        {"barcode": "HALF \ud83d"},
        {"expiresAt": "9999-12-31T23:59:59-01:00"},
        {"slotStartTime": "0001-01-01T00:00:00+01:00"},
        {"entry": ["north \ud83d"]},
        {"updatedAt": "\ud83d"},
        {"updatedAt": "9999-12-31T23:59:59-01:00", "createdAt": "0001-01-01T00:00:00+01:00"},
    ],
)
def test_one_strange_field_never_keeps_a_list_from_arriving(door, text):
    """The sandbox cannot send half an emoji: the field is put into its answer."""
    expected = door.fill(10)
    ask = door.access.tickets

    def bent(event_id: str, **page: Any) -> TicketPage:
        answer = ask(event_id, **page)
        return TicketPage(
            [row | text if row["_id"] in first else row for row in answer.rows], answer.total, answer.date
        )

    first = list(expected)[:1]
    door.access.tickets = bent
    door.look()
    assert len(door.held()) >= len(expected) - 1
    assert door.state().complete


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("fault", ["no_status", "unknown_status", "unknown_fields", "same_barcode", "moving_total"])
def test_what_is_strange_but_allowed_in_a_list_does_no_harm(door, box, fault):
    expected = door.fill(35)
    box.arm(fault, None, route=LIST)
    door.look()
    assert expected.items() <= door.held().items()
    assert door.state().complete


def test_an_event_that_sells_nothing_yet_is_looked_at_again_and_not_called_complete(door):
    door.look()
    assert not door.state().complete
    door.sell("first", "FIRST0001")
    door.look()
    assert (door.held(), door.state().complete) == ({"first": "FIRST0001"}, True)


def test_a_list_whose_answers_carry_no_time_is_fetched_by_the_times_of_its_rows(door):
    expected = door.fill(10)
    ask = door.access.tickets
    door.access.tickets = lambda event_id, **page: replace(ask(event_id, **page), date=None)
    door.look()
    assert (door.held(), door.state().complete) == (expected, True)
    door.sell("new", "NEW00001")
    door.look()
    assert door.held() == expected | {"new": "NEW00001"}
    assert all(query["from"] < door.stamp() for query in door.asked() if "from" in query)
    assert "from" in door.asked()[1]


# --- killed ----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("page", range(1, 6))
def test_killed_before_any_of_its_pages_the_list_is_the_clouds_to_the_last_byte(door, page):
    door.fill(35)
    door.restart({page}, KeyboardInterrupt())
    door.look_and_die()
    door.restart()
    door.look()
    assert door.digest() == door.cloud_digest()
    assert door.state().complete
    assert len([query for query in door.asked() if "from" not in query]) <= 5


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("row", [0, 5, 9, 10, 15, 18, 19, 34])
def test_killed_in_the_middle_of_writing_a_page_the_list_is_the_clouds_to_the_last_byte(door, row):
    door.fill(35)
    door.restart(dies_at=row)
    door.look_and_die()
    assert len(door.held()) == max(0, row - 1) // 9 * 9 + (row > 9)  # whole pages only
    door.restart()
    door.look()
    assert door.digest() == door.cloud_digest()
    assert door.state().complete


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("times", [2, 3])
def test_killed_again_and_again_it_comes_to_its_end(door, times):
    door.fill(45)
    for _ in range(times):
        door.restart({2}, KeyboardInterrupt())
        door.look_and_die()
    door.restart()
    door.look()
    assert door.digest() == door.cloud_digest()
    skips = [int(query["skip"]) for query in door.asked() if "from" not in query]
    assert skips == [0, 9, 18, 27, 36]


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("kept", [0, 25])
@pytest.mark.parametrize("steps", [1, 30, 60, 100, 200, 400])
def test_broken_off_while_it_is_put_in_its_place_the_list_is_the_clouds_to_the_last_byte(door, kept, steps):
    """SQLite itself breaks off, after so many steps; with tickets that were here, there is something to merge."""
    expected = door.fill(35)
    half = ticket_rows(door.access.tickets(EVENT_ID, skip=0, since=None, until=None).rows[:kept])[0]
    door.store.store(half, replace(door.store.list_of(EVENT_ID), source="file"))
    door.restart({5}, KeyboardInterrupt())
    settle = door.store.settle

    def broken_off() -> None:
        calls = iter(range(steps))
        door.store.database.set_progress_handler(lambda: next(calls, None) is None, 10)
        settle()

    door.store.settle = broken_off
    with pytest.raises((sqlite3.OperationalError, KeyboardInterrupt)):
        door.look()
    door.restart()
    door.look()
    assert door.held() == expected
    assert door.digest() == door.cloud_digest()
    assert (door.state().complete, store.arriving(door.store.database)) == (True, False)


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize(
    ("page", "row"), [(1, None), (2, None), (3, None), (4, None), (9, 0), (9, 9), (9, 15), (9, 34)]
)
def test_killed_while_changes_come_none_is_lost(door, page, row):
    door.fill(35)
    door.look()
    door.box.clock_offset_s += HOUR_S
    at = door.stamp()
    for number in range(35):
        door.sell(f"new-{number:02}", f"NEW000{number:02}", updatedAt=at, createdAt=at, status="VALID")
    door.restart({page}, KeyboardInterrupt(), dies_at=row)
    door.look_and_die()
    door.box.clock_offset_s += HOUR_S
    door.restart()
    door.look()
    assert "new-34" in door.held()
    assert len(door.held()) == 70


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("page", range(2, 9))
def test_killed_while_it_is_compared_with_the_clouds_nothing_is_marked_and_the_next_comparison_finds_it(door, page):
    expected = door.fill(45)
    door.look()
    door.remove(*list(expected)[:3])
    door.restart({page}, KeyboardInterrupt())
    door.look_and_die()
    assert door.gone() == set()
    door.restart()
    door.look()
    assert door.gone() == set(list(expected)[:3])
    assert len(door.held()) == 42


# --- lists that are short, or move -----------------------------------------------------------------------------------


def look_a_few_times(door, later_s: float = 300.0) -> None:
    for _ in range(5):
        door.look_later(later_s)


@pytest.mark.parametrize("fault", ["empty_list", "half_list"])
def test_a_list_that_is_suddenly_short_empties_no_good_one(door, box, fault):
    expected = door.fill(100)
    door.look()
    box.arm(fault, None)
    look_a_few_times(door)
    assert door.held() == expected
    assert door.state().complete
    assert door.gone() == set()


@pytest.mark.usefixtures("small_pages")
def test_an_empty_list_at_the_first_load_is_not_believed_and_what_comes_then_is_whole(door, box):
    expected = door.fill(35)
    box.arm("empty_list", None)
    for _ in range(3):
        door.look_later()
        assert (door.held(), door.state().complete) == ({}, False)
    box.disarm()
    door.look_later()
    assert (door.held(), door.state().complete) == (expected, True)
    assert door.digest() == door.cloud_digest()


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize(
    ("fault", "page"),
    [
        ("half_list", 1), ("half_list", 2), ("half_list", 3),
        ("empty_list", 1), ("empty_list", 2), ("empty_list", 3),
    ],
)  # fmt: skip
def test_a_list_of_which_only_some_pages_were_short_is_not_complete_before_every_row_is_here(door, box, fault, page):
    """Pages that contradict each other: the largest of the last two counts is not come to."""
    expected = door.fill(45)
    door.access.before = lambda: box.arm(fault, 1) if door.access.asked == page else None
    complete: list[tuple[bool, bool]] = []
    for _ in range(4):
        door.look_later()
        complete.append((door.state().complete, door.held() == expected))
    assert complete[-1] == (True, True)
    assert all(whole for said, whole in complete if said)


@pytest.mark.usefixtures("small_pages")
def test_half_a_list_that_the_cloud_counts_as_all_is_made_whole_as_soon_as_it_counts_otherwise(door, box):
    expected = door.fill(45)
    box.arm("half_list", None)
    door.look()
    assert len(door.held()) == 22
    box.disarm()
    door.look_later()
    assert (door.held(), door.state().complete) == (expected, True)
    assert door.digest() == door.cloud_digest()


MOVING = [("moving_total", 1), ("moving_total", 5), ("shifting_pages", 1), ("shifting_pages", 4), ("shifting_pages", 9)]


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize(
    ("fault", "by", "count"),
    [(*moving, count) for moving in MOVING for count in (19, 20, 29, 35, 38)],
)
def test_a_list_that_moves_is_not_called_complete_while_a_row_is_missing_and_is_whole_when_it_rests(
    door, box, fault, by, count
):
    expected = door.fill(count)
    box.arm(fault, None, route=LIST, by=by)
    for _ in range(3):
        door.look_later()
        assert door.held() == expected or not door.state().complete
    box.disarm()
    door.look_later()
    door.look_later()
    assert (door.held(), door.state().complete) == (expected, True)
    assert door.digest() == door.cloud_digest()


# --- what has changed since ------------------------------------------------------------------------------------------


def test_after_the_first_list_only_what_has_changed_is_asked_for(door):
    expected = door.fill(MANY)
    door.look()
    before = len(door.asked())
    door.sell("new", "NEW00001")
    first = next(iter(expected))
    door.box.add_tickets([{"_id": first, "barcode": "REISSUED1"}])
    door.look()
    assert door.held() == expected | {"new": "NEW00001", first: "REISSUED1"}
    assert "from" in door.asked()[before]
    assert len(door.asked()) - before <= 2


def test_each_look_reaches_back_behind_the_last_one_by_the_clouds_own_clock(door):
    door.fill(10)
    door.look()
    watermark = datetime.fromisoformat(door.state().watermark)
    assert timedelta(minutes=1) < door.cloud_now() - watermark < timedelta(minutes=5)
    before = len(door.asked())
    door.look()
    assert datetime.fromisoformat(door.asked()[before]["from"]) == watermark


def test_a_ticket_that_was_stored_late_under_an_earlier_time_is_not_missed(door):
    door.fill(10)
    door.look()
    door.sell("late", "LATE0001", updatedAt=door.stamp(-timedelta(seconds=90)))
    door.look()
    assert door.held()["late"] == "LATE0001"


def test_a_list_that_was_imported_just_now_is_not_fetched_again_for_the_sake_of_the_overlap(door):
    door.fill(MANY, timedelta(seconds=30))
    door.look()
    assert door.state().complete
    before = len(door.asked())
    door.look()
    assert len(door.asked()) == before + 1
    assert door.cloud_now() - datetime.fromisoformat(door.state().watermark) < timedelta(seconds=30)


@pytest.mark.parametrize("offset_s", [0.0, 5 * HOUR_S, -5 * HOUR_S, 7 * YEAR_S, -7 * YEAR_S, -20 * YEAR_S])
def test_the_clouds_clock_may_be_off_by_any_time_and_the_list_is_the_same(door, box, offset_s):
    box.clock_offset_s = offset_s
    expected = door.fill(10)
    door.look()
    for number in range(3):
        door.sell(f"new-{number}", f"NEW0000{number}")
        door.look()
        expected[f"new-{number}"] = f"NEW0000{number}"
        assert door.held() == expected
    assert door.state().complete
    assert abs(datetime.fromisoformat(door.state().watermark) - door.cloud_now()) < timedelta(minutes=3)


@pytest.mark.parametrize("offset_s", [5 * HOUR_S, -5 * HOUR_S, 7 * YEAR_S, -7 * YEAR_S])
def test_the_kiosks_clock_may_be_off_by_any_time_and_the_list_is_the_same(door, monkeypatch, offset_s):
    real = clock.now

    def wrong() -> Moment:
        now = real()
        return replace(now, at=now.at + timedelta(seconds=offset_s))

    monkeypatch.setattr(clock, "now", wrong)
    expected = door.fill(10)
    door.look()
    asked = [query["from"] for query in door.asked() if "from" in query]
    door.sell("new", "NEW00001")
    door.look_later(60.0)
    assert door.held() == expected | {"new": "NEW00001"}
    assert door.state().complete
    assert abs(datetime.fromisoformat(asked[0]) - door.cloud_now()) < timedelta(minutes=3)
    assert door.state().age_s(wrong()) < 60  # counted by the clock that nobody sets


@pytest.mark.parametrize("jump_s", [5 * HOUR_S, -5 * HOUR_S, 7 * YEAR_S, -7 * YEAR_S])
def test_when_the_clouds_clock_is_set_nothing_that_changes_afterwards_is_missed(door, box, jump_s):
    expected = door.fill(10)
    door.look()
    box.clock_offset_s += jump_s
    first = next(iter(expected))
    door.sell(first, "REISSUED1")
    for number in range(3):
        door.look()
        door.sell(f"new-{number}", f"NEW0000{number}")
    door.look()
    assert door.held() == expected | {first: "REISSUED1"} | {f"new-{n}": f"NEW0000{n}" for n in range(3)}


def test_an_increment_that_fails_leaves_the_list_complete_and_is_made_up_for(door, box):
    expected = door.fill(10)
    door.look()
    watermark, checked = door.state().watermark, door.state().checked
    door.sell("new", "NEW00001")
    box.arm("error_before", 1, route=LIST)
    with pytest.raises(NoAnswer):
        door.look()
    assert door.state().complete
    assert (door.state().watermark, door.state().checked) == (watermark, checked)
    door.look()
    assert door.held() == expected | {"new": "NEW00001"}


@pytest.mark.usefixtures("small_pages")
def test_an_increment_of_several_pages_that_breaks_off_is_not_forgotten_when_the_next_one_begins(door):
    expected = door.fill(10)
    door.look()
    fresh = {f"new-{number:02}": f"NEW000{number:02}" for number in range(35)}
    for key, code in fresh.items():
        door.sell(key, code)
    door.box.clock_offset_s += HOUR_S
    door.restart({2})
    with pytest.raises(NoAnswer):
        door.look()
    door.restart()
    look_a_few_times(door)
    assert door.held() == expected | fresh


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("page", [2, 3, 4])
def test_an_increment_that_breaks_off_goes_on_where_it_broke_off(door, page):
    expected = door.fill(10)
    door.look()
    door.box.clock_offset_s += HOUR_S
    fresh = {f"new-{number:02}": f"NEW000{number:02}" for number in range(35)}
    for key, code in fresh.items():
        door.sell(key, code)
    before = len(door.asked())
    door.access.fails = {door.access.asked + page}
    with pytest.raises(NoAnswer):
        door.look()
    assert len(door.held()) == 10 + 10 + 9 * (page - 2)
    door.look()
    assert door.held() == expected | fresh
    assert [query["skip"] for query in door.asked()[before:]] == ["0", "9", "18", "27"]


@pytest.mark.usefixtures("small_pages")
def test_what_changes_again_while_changes_come_hides_none_of_the_others(door):
    """A list by the time of change: the row that the next page is to show again has moved behind those in between."""
    door.fill(5)
    door.look()
    seller = Seller(door, by_change=True)
    door.box.clock_offset_s += HOUR_S
    seller.add(15)
    door.box.clock_offset_s += HOUR_S
    before, again = door.access.asked, [*list(seller.tickets)[:5], list(seller.tickets)[9]]

    def change_again() -> None:
        if door.access.asked == before + 2:
            door.box.clock_offset_s += 5
            for ticket_id in again:
                seller.recode(list(seller.tickets).index(ticket_id))

    door.access.before = change_again
    door.look()
    door.box.clock_offset_s += 60
    door.look()
    assert {key: code for key, code in door.held().items() if key in seller.tickets} == {
        key: code for key, (code, _) in seller.tickets.items()
    }


def test_a_ticket_that_got_a_new_code_is_known_by_the_old_one_as_reissued(door):
    expected = door.fill(10)
    door.look()
    ticket_id, old = next(iter(expected.items()))
    door.sell(ticket_id, "REISSUED1")
    door.look()
    found = store.by_former_code(door.store.database, old)
    assert found is not None
    assert (found.id, found.barcode) == (ticket_id, "REISSUED1")


def test_a_list_that_never_changes_is_as_fresh_as_the_last_look(door):
    door.fill(10)
    door.look()
    first = door.state().checked
    door.look()
    assert door.state().checked.boottime_ns > first.boottime_ns


# --- what the cloud counts -------------------------------------------------------------------------------------------


def test_the_cloud_is_asked_for_its_count_now_and_then_and_not_at_every_look(door):
    door.fill(10)
    for _ in range(4):
        door.look()
    assert [query["top"] for query in door.asked()].count("1") == 0
    door.look_later()
    assert [query["top"] for query in door.asked()].count("1") == 1
    door.look()
    assert [query["top"] for query in door.asked()].count("1") == 1


def test_a_ticket_that_vanished_is_marked_and_not_removed(door):
    expected = door.fill(20)
    door.look()
    first, code = next(iter(expected.items()))
    door.remove(first)
    door.look()
    assert door.held() == expected  # nothing tells of it before the count
    door.look_later()
    assert door.gone() == {first}
    assert store.by_barcode(door.store.database, code) == ()
    assert store.by_barcode_gone(door.store.database, code).id == first
    assert door.digest() == door.cloud_digest()


def test_a_ticket_that_comes_back_is_one_of_the_list_again(door):
    expected = door.fill(20)
    door.look()
    first, code = next(iter(expected.items()))
    door.remove(first)
    door.look_later()
    door.sell(first, code)
    door.look()
    assert (door.gone(), door.held()) == (set(), expected)


def test_a_ticket_that_never_came_though_it_is_older_than_the_last_look_is_found_by_the_count(door):
    expected = door.fill(20)
    door.look()
    door.sell("hidden", "HIDDEN001", updatedAt=door.stamp(timedelta(days=-10)), createdAt=door.stamp(timedelta(-10)))
    door.look()
    assert door.held() == expected
    door.look_later()
    assert door.held() == expected | {"hidden": "HIDDEN001"}


def test_a_change_that_no_window_and_no_count_shows_is_found_after_some_hours(door):
    expected = door.fill(20)
    door.look()
    first = next(iter(expected))
    door.sell(first, "SECRET001", updatedAt=door.stamp(timedelta(days=-10)))
    door.look_later(door.sync.verify_interval_s / 2)
    assert door.held() == expected
    door.look_later(door.sync.verify_interval_s / 2 + 300)
    assert door.held() == expected | {first: "SECRET001"}


@pytest.mark.parametrize("jump_s", [7 * YEAR_S, -7 * YEAR_S])
def test_it_is_found_after_some_hours_even_when_the_clouds_clock_was_set(door, box, jump_s):
    expected = door.fill(20)
    door.look()
    box.clock_offset_s += jump_s
    first = next(iter(expected))
    door.look()
    long_ago = door.stamp(-20 * timedelta(days=365))
    door.sell(first, "SECRET001", updatedAt=long_ago, createdAt=long_ago)
    for _ in range(3):
        door.look_later(door.sync.verify_interval_s)
    assert door.held() == expected | {first: "SECRET001"}


@pytest.mark.usefixtures("small_pages")
def test_a_comparison_that_did_not_come_to_the_clouds_count_marks_nothing_and_is_not_repeated_at_once(door, box):
    expected = door.fill(45)
    door.look()
    ask = door.access.tickets
    door.access.tickets = lambda event_id, **page: replace(ask(event_id, **page), total=50)
    door.remove(next(iter(expected)))
    door.look_later()
    assert (door.gone(), door.held()) == (set(), expected)
    before = len(door.asked())
    door.list.count_at = 0.0
    door.look()
    assert len(door.asked()) == before + 1  # what changed
    del door.access.tickets
    door.look_later()
    assert door.gone() == {next(iter(expected))}


@pytest.mark.usefixtures("small_pages")
def test_a_ticket_that_changes_while_the_list_is_compared_is_never_taken_for_one_that_vanished(door):
    expected = door.fill(45)
    door.look()
    changing, removed = list(expected)[-2:]
    door.remove(removed)
    before = door.access.asked

    def change() -> None:
        if door.access.asked == before + 6:  # changes, count, changes, count, the first page, here
            door.box.clock_offset_s += 60
            door.sell(changing, expected[changing])

    door.access.before = change
    door.look_later()
    assert door.gone() == {removed}


@pytest.mark.usefixtures("small_pages")
def test_a_long_list_is_compared_a_few_pages_at_a_time(door):
    expected = door.fill(250)
    door.look()
    door.remove(next(iter(expected)))
    door.list.count_at = 0.0
    asked = []
    while door.download.look_at_tickets():
        assert door.gone() == set()
        asked.append(len(door.asked()))
    assert door.gone() == {next(iter(expected))}
    assert len(asked) >= 2
    assert asked[1] - asked[0] <= 11  # ten pages, and what changed


# --- a list that shrinks ---------------------------------------------------------------------------------------------


def shrunk(door, count: int = 60, fewer: int = 20) -> tuple[dict[str, str], list[str]]:
    """Make the cloud lose tickets; return what there was, and what it lost."""
    expected = door.fill(count)
    door.look()
    lost = list(expected)[:fewer]
    door.remove(*lost)
    return expected, lost


def test_a_list_that_lacks_a_tenth_is_believed_and_one_that_lacks_more_is_not(door):
    expected, lost = shrunk(door, 60, 6)
    door.look_later()
    assert door.gone() == set(lost)
    more = [ticket_id for ticket_id in expected if ticket_id not in lost][:6]
    door.remove(*more)
    door.look_later()
    assert door.gone() == set(lost)
    assert door.state().shrunk_to == 48


def test_a_list_that_shrank_too_much_is_kept_as_it_was_and_said_once(door, caplog):
    expected, _ = shrunk(door)
    look_a_few_times(door)
    assert (door.held(), door.gone(), door.state().shrunk_to) == (expected, set(), 40)
    assert door.state().complete
    said = [record.getMessage() for record in caplog.records if "shrank" in record.getMessage()]
    assert said == [comparison.shrunk(EVENT_ID, 60, 40)]


def test_a_list_that_shrank_is_not_walked_through_again_while_the_count_stays_the_same(door):
    shrunk(door)
    door.look_later()
    before = len(door.asked())
    door.look_later()
    assert len(door.asked()) == before + 2  # what changed, and the count


def test_a_list_that_shrank_is_believed_once_a_person_accepts_it(door):
    expected, lost = shrunk(door)
    door.look_later()
    assert door.store.accept(door.state()) == 20
    assert door.gone() == set(lost)
    assert door.state().shrunk_to is None
    look_a_few_times(door)
    assert door.held() == {key: code for key, code in expected.items() if key not in lost}
    assert door.digest() == door.cloud_digest()


def test_a_list_that_shrank_and_is_whole_again_needs_nobody(door, caplog):
    expected, lost = shrunk(door)
    door.look_later()
    for ticket_id in lost:
        door.sell(ticket_id, expected[ticket_id])
    door.look_later()
    assert (door.held(), door.state().shrunk_to) == (expected, None)
    assert f"the cloud's list of event {EVENT_ID} is whole again" in caplog.text
    assert door.store.accept(door.state()) == 0


def test_accepting_marks_none_that_came_back_since(door):
    expected, lost = shrunk(door)
    door.look_later()
    door.sell(lost[0], expected[lost[0]])
    door.look()
    door.store.accept(door.state())
    assert door.gone() == set(lost[1:])


@pytest.mark.usefixtures("small_pages")
def test_what_is_sold_while_a_list_is_refused_comes_in_all_the_same(door):
    expected, _ = shrunk(door)
    door.look_later()
    door.sell("new", "NEW00001")
    look_a_few_times(door)
    assert door.held() == expected | {"new": "NEW00001"}
    assert (door.gone(), door.state().shrunk_to) == (set(), 41)


def test_how_much_may_vanish_at_once_is_set_in_the_file(door):
    door.sync = config.Sync(max_shrink=1.0)
    door.restart()
    _, lost = shrunk(door, 60, 60)
    door.look_later()
    assert door.gone() == set(lost)


# --- any interleaving ------------------------------------------------------------------------------------------------

PAGES_OF_TEN = 10
ROUNDS = 3


class Seller:
    """Sells, changes and takes back tickets of one event; what changes may move to the end of the list."""

    def __init__(self, door, *, by_change: bool) -> None:
        self._door, self._by_change, self._made = door, by_change, 0
        self.tickets: dict[str, tuple[str, str]] = {}

    def add(self, count: int) -> None:
        for _ in range(count):
            self._made += 1
            self._put(f"{self._door.event_id}-{self._made:03}", f"{self._door.event_id}{self._made:06}", "VALID")

    def recode(self, number: int) -> None:
        if ticket_id := self._one(number):
            self._made += 1
            self._put(ticket_id, f"{self._door.event_id}{self._made:06}", self.tickets[ticket_id][1])

    def invalidate(self, number: int) -> None:
        if ticket_id := self._one(number):
            self._put(ticket_id, self.tickets[ticket_id][0], "INVALID")

    def remove(self, number: int) -> None:
        if ticket_id := self._one(number):
            del self.tickets[ticket_id]
            self._door.remove(ticket_id)

    def wait(self, seconds: int) -> None:
        self._door.box.clock_offset_s += seconds

    def _one(self, number: int) -> str | None:
        return list(self.tickets)[number % len(self.tickets)] if self.tickets else None

    def _put(self, ticket_id: str, barcode: str, status: str) -> None:
        if self._by_change and ticket_id in self.tickets:
            self._door.remove(ticket_id)
        self.tickets[ticket_id] = barcode, status
        at = self._door.stamp()
        self._door.sell(ticket_id, barcode, status=status, updatedAt=at, createdAt=at)


places = st.integers(0, 60)
change = st.one_of(
    st.tuples(st.just("add"), st.integers(1, 12)),
    st.tuples(st.sampled_from(["recode", "invalidate", "remove"]), places),
    st.tuples(st.just("wait"), st.sampled_from([1, 30, 119, 600, 7200])),
)
script = st.lists(st.lists(change, max_size=5), max_size=12)
"""What happens before each of the next requests."""


@pytest.fixture(scope="module")
def busy_box():
    with Sandbox() as made:
        yield made


@pytest.mark.usefixtures("small_pages")
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 45), st.booleans(), script)
def test_whatever_changes_between_two_requests_the_list_is_the_clouds_once_it_rests(
    busy_box, open_door, tmp_path_factory, count, by_change, steps
):
    event_id = f"e{tmp_path_factory.mktemp('list').name.removeprefix('list')}-"
    door = open_door(tmp_path_factory.mktemp("door"), busy_box, event_id)
    door.gate, door.sync = config.Gate(events=(event_id,), settings_from_cloud=False), config.Sync(max_shrink=1.0)
    door.restart()
    seller, left = Seller(door, by_change=by_change), [*steps]
    seller.add(count)
    seller.wait(7200)

    def happen() -> None:
        for name, number in left.pop(0) if left else ():
            getattr(seller, name)(number)

    door.access.before = happen
    while left:
        door.look_at_tickets()
    for _ in range(ROUNDS):
        door.look_later(300)
    assert {key: (ticket.barcode, ticket.status) for key, ticket in door.tickets().items()} == seller.tickets
    assert door.gone().isdisjoint(seller.tickets)
    assert door.state().complete or not seller.tickets


# --- clocks that disagree, tickets that move -------------------------------------------------------------------------


def test_a_change_behind_every_window_is_found_by_asking_what_is_newer_than_the_newest_here(door):
    """The cloud's `Date` may be hours ahead of the times that it writes into its rows."""
    expected = door.fill(10)
    door.look()
    first = next(iter(expected))
    door.sell(first, "REISSUED1", updatedAt=door.stamp(-timedelta(hours=3)))
    door.look()
    assert door.held() == expected  # no window reaches back so far, and the count is the same
    door.list.catch_up_at = 0.0
    door.look()
    assert door.held() == expected | {first: "REISSUED1"}


def test_a_clock_of_the_cloud_that_was_ahead_for_one_answer_costs_a_look_at_the_whole_list(door, box):
    expected = door.fill(10)
    door.look()
    box.clock_offset_s += 3 * 3600
    door.look()
    box.clock_offset_s -= 3 * 3600
    first = next(iter(expected))
    door.sell(first, "REISSUED1")
    door.look_later(300)
    door.look_later()
    assert door.held() == expected | {first: "REISSUED1"}


@pytest.mark.usefixtures("small_pages")
def test_a_list_sold_after_what_the_cloud_says_it_is_is_not_cut_off_there(door):
    """Its `Date` is behind the times of its rows: a window that ends there would hide half of the list."""
    expected = door.fill(20)
    for number in range(20):
        door.sell(f"late-{number}", f"LATE{number:04}", updatedAt=door.stamp(timedelta(minutes=50)))
        expected[f"late-{number}"] = f"LATE{number:04}"
    door.look()
    door.look_later()
    assert (door.held(), door.state().complete) == (expected, True)


def test_a_list_of_which_later_pages_are_empty_is_not_complete(door, box, monkeypatch):
    monkeypatch.setattr(access_room, "PAGE", 10)
    door.fill(45)
    ask = door.access.tickets

    def cut(event_id: str, **page: Any) -> TicketPage:
        found = ask(event_id, **page)
        return TicketPage([], 0, found.date) if page["skip"] > 20 else found

    door.access.tickets = cut
    door.look()
    assert not door.state().complete
    door.access.tickets = ask
    door.look_later()
    door.look_later()
    assert (len(door.held()), door.state().complete) == (45, True)


def test_a_ticket_that_moves_to_another_selected_event_is_on_that_ones_list_and_on_no_other(door, box):
    expected = door.fill(40)
    box.add_event("later", "Matinée")
    box.add_tickets([{"_id": f"m-{n}", "barcode": f"MATINEE{n}", "eventId": "later"} for n in range(5)])
    door.look()
    moved = next(iter(expected))
    box.add_tickets([{"_id": moved, "eventId": "later", "updatedAt": door.stamp()}])
    for _ in range(4):
        door.look_later(400)
        assert door.gone() == set()
    database = door.store.database
    assert [store.held(database, door.state(event)) for event in (EVENT_ID, "later")] == [39, 6]
    assert door.state().shrunk_to is None
