"""What the cloud tells this door, against the sandbox cloud: settings, the events' names, every event's list."""

from __future__ import annotations

import pytest

from kiosk import clock, config
from kiosk.errors import CloudError, NoAnswer, Paced
from kiosk.model import Listed, Moment, Ticket
from kiosk.sandbox import generate_tickets
from kiosk.store import alike
from kiosk.store import tickets as store
from kiosk.store.tickets import DEVICE_SETTINGS, ListState
from kiosk.sync import download as download_room

EVENT_ID = "62a1c0ffee0000000000e001"
LIST = "GET /api/accessusers/tickets/v2/"
ME = "GET /api/accessusers/me"
NAMES = "/api/accessusers/events"
DAY_S = 86_400.0


def names_asked(box) -> int:
    return sum(request["path"] == NAMES for request in box.requests())


# --- rules that the list refuses -------------------------------------------------------------------------------------


def refused(door) -> list[str]:
    return sorted(alike.refused(door.store.database))


def test_a_list_that_has_come_says_which_rules_make_two_of_its_tickets_alike(door):
    door.fill(10)
    door.sell("t-1", "abcdefgh")
    door.sell("t-2", "ABCDEFGH")
    door.look()
    assert refused(door) == ["upper"]


def test_a_ticket_that_comes_later_is_compared_both_ways(door):
    door.fill(10)
    door.sell("t-1", "]Q1ABCDEFGH")
    door.look()
    assert refused(door) == []
    door.sell("t-2", "ABCDEFGH")  # the one that is here becomes this one
    door.look_later()
    assert refused(door) == ["aim"]
    door.sell("t-3", "abcdefgh")  # this one becomes one that is here
    door.look_later()
    assert refused(door) == ["aim", "upper"]


def test_a_rule_comes_back_once_the_whole_list_was_compared_with_the_clouds(door):
    door.fill(40)
    door.sell("t-1", "abcdefgh")
    door.sell("t-2", "ABCDEFGH")
    door.look()
    assert refused(door) == ["upper"]
    door.remove("t-1")
    door.look_later(DAY_S)
    assert door.gone() == {"t-1"}
    assert refused(door) == []


def test_all_codes_are_compared_only_when_something_came_and_seldom_enough(door, monkeypatch):
    looks, compare = [], alike.compare
    monkeypatch.setattr(alike, "compare", lambda database: looks.append(compare(database)))
    door.fill(10)
    door.look()
    assert len(looks) == 1
    door.download.look_at_tickets()
    assert len(looks) == 1
    door.download._compare_at = float("inf")
    door.sell("t-1", "ABCDEFGH")
    door.download.look_at_tickets()
    assert len(looks) == 1
    door.download._compare_at = 0.0
    door.download.look_at_tickets()
    assert len(looks) == 2
    assert door.download._compare_at > 0.0


# --- settings --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        [], "login", {"_id": "me", "deviceSettings": {"scanConfig": {"events": [{"eventId": 5}]}}},
        {"ok": True}, {}, {"message": "please log in"},
    ],
)  # fmt: skip
def test_settings_that_cannot_be_read_keep_the_last_good_ones(door, box, answer):
    door.fill(10)
    door.look()
    good = store.setting(door.store.database, DEVICE_SETTINGS)
    box.arm("answer_other", None, route=ME, answer=answer)
    with pytest.raises(NoAnswer):
        door.download.look_at_settings()
    assert store.setting(door.store.database, DEVICE_SETTINGS) == good
    assert door.download.events() == [EVENT_ID]


def test_without_settings_the_file_says_which_events(door, box):
    box.add_tickets([{"_id": "m", "barcode": "MATINEE1", "eventId": "later"}])
    door.gate = config.Gate(events=("later",), settings_from_cloud=False)
    door.restart()
    door.look()
    assert door.held() == {"m": "MATINEE1"}


def test_before_the_cloud_said_anything_there_are_no_settings(door):
    assert door.download.settings() is None
    door.download.look_at_settings()
    assert door.download.settings().device.ticket_sync_interval == 15


def test_the_cloud_says_how_often_to_look_and_where_it_does_not_the_file_does(door):
    door.sync = config.Sync(tickets_interval_s=42.0)
    door.restart()
    assert door.download.interval_s() == 42.0
    door.download.look_at_settings()
    assert door.download.interval_s() == 15.0


# --- the names of the events -----------------------------------------------------------------------------------------


def test_settings_that_are_suddenly_empty_close_no_gate(door, box):
    door.look()
    box.arm("answer_other", None, route=ME, answer={"_id": "me", "deviceSettings": None})
    with pytest.raises(NoAnswer, match="suddenly empty"):
        door.download.look_at_settings()
    assert door.download.events() == [EVENT_ID]


def test_names_that_have_to_wait_for_the_budget_cost_no_settings(door, box):
    def wait() -> dict[str, str]:
        raise Paced("only so many an hour", wait_s=9.0)

    door.access.events = wait
    door.download.look_at_settings()
    assert door.download.events() == [EVENT_ID]


def test_settings_are_kept_when_only_the_names_of_the_events_cannot_be_had(door, box):
    box.arm("error_before", 1, route="GET /api/accessusers/events")
    with pytest.raises(NoAnswer):
        door.download.look_at_settings()
    assert door.download.events() == [EVENT_ID]
    door.download.look_at_settings()
    assert store.event_names(door.store.database) == {EVENT_ID: "Summer Night"}


def test_the_names_are_not_asked_for_at_every_look(door, box):
    for _ in range(3):
        door.download.look_at_settings()
    assert names_asked(box) == 1


def test_a_new_event_gets_its_name_at_once(door, box):
    door.download.look_at_settings()
    box.add_event("later", "Matinée")
    door.download.look_at_settings()
    assert store.event_names(door.store.database) == {EVENT_ID: "Summer Night", "later": "Matinée"}


def test_a_new_name_of_an_event_is_heard_of_after_some_minutes(door, box, monkeypatch):
    monkeypatch.setattr(download_room, "NAMES_EVERY_S", 0.0)
    door.download.look_at_settings()
    box.add_event(EVENT_ID, "Winter Night")
    door.download.look_at_settings()
    assert store.event_names(door.store.database) == {EVENT_ID: "Winter Night"}


# --- several events --------------------------------------------------------------------------------------------------


def test_every_event_gets_its_list_and_one_that_fails_leaves_the_others_alone(door, box):
    expected = door.fill(20)
    box.add_event("broken", "Gala")
    box.add_event("later", "Matinée")
    box.add_tickets([{"_id": "m", "barcode": "MATINEE1", "eventId": "later"}])
    box.arm("error_before", None, route=f"{LIST}broken")
    with pytest.raises(NoAnswer):
        door.look()
    assert door.held() == expected | {"m": "MATINEE1"}
    assert door.state().complete
    assert door.state("later").complete
    assert not door.state("broken").complete


@pytest.mark.usefixtures("small_pages")
def test_two_long_lists_that_come_in_turns_are_both_whole(door, box):
    """The first that is whole puts in its place also what has come of the other."""
    first = door.fill(250)
    box.add_event("gala", "Gala")
    rows = list(generate_tickets(120, "gala"))
    box.add_tickets(rows)
    door.look()
    assert door.held() == first | {row["_id"]: row["barcode"] for row in rows}
    assert (door.state().complete, door.state("gala").complete) == (True, True)
    assert store.arriving(door.store.database) is False


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("page", [13, 17, 24, 30])
def test_two_lists_that_were_killed_while_they_came_in_turns_are_both_whole_in_the_end(door, box, page):
    first = door.fill(250)
    box.add_event("gala", "Gala")
    rows = list(generate_tickets(120, "gala"))
    box.add_tickets(rows)
    door.restart({page}, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        door.look()
    door.restart()
    door.look()
    assert door.held() == first | {row["_id"]: row["barcode"] for row in rows}
    assert (door.state().complete, door.state("gala").complete) == (True, True)


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("ahead", [0, 1])
def test_a_list_that_comes_while_another_is_compared_makes_no_ticket_of_that_vanish(door, box, ahead):
    """The numbers of its rows are high: it was not the first list in this file."""
    door.store.store(
        [Listed(Ticket(f"old-{n}", f"OLD{n:05}", "old", "type")) for n in range(700)], ListState("old", "file")
    )
    expected = door.fill(250)
    door.look()
    door.store.purge([door.state("old")])
    removed = next(iter(expected))
    door.remove(removed)
    box.add_event("gala", "Gala")
    box.add_tickets(generate_tickets(260, "gala"))
    door.download.look_at_settings()
    for look in range(6):
        door.list.count_at = 0.0 if look == ahead else door.list.count_at
        door.download.look_at_tickets()
        assert (door.gone() - {removed}, door.state().shrunk_to) == (set(), None)
    door.look_later()
    assert door.gone() == {removed}


def test_without_any_event_there_is_nothing_to_ask_for(door):
    assert door.download.look_at_tickets() is False
    door.listen().look()
    assert door.box.requests() == []


def test_a_long_list_says_that_there_is_more_to_do_so_that_others_get_their_turn(door, monkeypatch):
    monkeypatch.setattr("kiosk.cloud.access.PAGE", 10)
    door.fill(150)
    door.download.look_at_settings()
    assert door.download.look_at_tickets() is True
    assert len(door.asked()) == 10
    assert door.download.look_at_tickets() is False


# --- what is over ----------------------------------------------------------------------------------------------------


def only(door, event_id: str) -> None:
    """The cloud's settings name this event alone."""
    patch = {"deviceSettings": {"scanConfig": {"events": [{"eventId": event_id, "allowAllTicketTypes": True}]}}}
    door.backstage.put("/settings", json=patch).raise_for_status()


@pytest.fixture
def moved_on(door, box):
    """A door with the list of an event, which then changes to the next one."""
    door.fill(20)
    door.sell("reissued", "FIRST0001")
    door.look()
    door.sell("reissued", "SECOND001", name="Ada Löwe")
    door.look()
    box.add_event("next", "Gala")
    only(door, "next")
    box.add_tickets([{"_id": "g", "barcode": "GALA0001", "eventId": "next"}])
    return door


def tidied(door, after_s: float) -> None:
    door.box.clock_offset_s += after_s
    door.restart()  # it is tidied at the first look
    door.look()


@pytest.mark.parametrize(("days", "kept"), [(29, True), (31, False)])
def test_the_list_of_an_event_that_is_over_is_removed_after_its_time_by_the_clouds_clock(moved_on, days, kept):
    tidied(moved_on, 0.0)
    tidied(moved_on, days * DAY_S)
    assert (EVENT_ID in store.lists(moved_on.store.database)) is kept
    assert len(moved_on.held()) == (22 if kept else 1)


def test_nothing_of_a_list_that_was_removed_is_left_in_any_file(moved_on):
    moved_on.listen().look()
    tidied(moved_on, 31 * DAY_S)
    assert moved_on.held() == {"g": "GALA0001"}
    assert store.by_former_code(moved_on.store.database, "FIRST0001") is None
    for file in moved_on.directory.glob("tickets.db*"):
        for trace in ("SECOND001", "FIRST0001", "Ada Löwe"):
            assert trace.encode() not in file.read_bytes()


def test_the_list_of_an_event_that_is_selected_is_never_removed_however_old_it_is(door, box):
    expected = door.fill(5)
    door.look()
    box.clock_offset_s += 400 * DAY_S
    box.arm("offline", None, route=LIST)
    door.restart()
    door.download.look_at_settings()
    with pytest.raises(CloudError):
        door.download.look_at_tickets()
    assert door.held() == expected


@pytest.mark.parametrize(("days", "kept"), [(29, True), (31, False)])
def test_a_list_from_a_file_is_removed_by_the_kiosks_own_clock(door, days, kept):
    now = clock.now()
    then = Moment(now.at, now.boottime_ns - int(days * DAY_S * 1e9), now.boot_id)
    door.store.store_state(ListState("old", "file", complete=True, checked=then))
    door.look()
    assert ("old" in store.lists(door.store.database)) is kept


def test_before_the_cloud_said_what_time_it_is_nothing_is_removed(door, box):
    door.store.store_state(ListState("old", "cloud", complete=True, watermark="2001-01-01T00:00:00.000Z"))
    door.download.look_at_tickets()
    assert "old" in store.lists(door.store.database)
    tidied(door, 0.0)
    assert "old" not in store.lists(door.store.database)


def test_it_is_tidied_once_an_hour(door, monkeypatch):
    door.look()
    door.store.store_state(ListState("old", "cloud", complete=True, watermark="2001-01-01T00:00:00.000Z"))
    door.look()
    assert "old" in store.lists(door.store.database)
    door.download._tidy_at = 0.0
    door.look()
    assert "old" not in store.lists(door.store.database)


# --- a disk that is nearly full ---------------------------------------------------------------------------------------


def test_on_a_nearly_full_disk_no_new_list_is_taken_in_until_there_is_room(door, caplog):
    door.fill(10)
    door.download.low = lambda: True
    for _ in range(3):
        door.look()
    assert door.held() == {}
    assert sum("nearly full" in record.getMessage() for record in caplog.records) == 1
    assert door.download.settings() is not None  # what the gate goes by is small, and wanted
    door.download.low = lambda: False
    door.look()
    assert len(door.held()) == 10


def test_on_a_nearly_full_disk_a_list_that_is_here_stays_true(door):
    door.fill(10)
    door.look()
    door.download.low = lambda: True
    door.sell("t-late", "LATECOMER")
    door.look_later()
    assert door.held()["t-late"] == "LATECOMER"


def test_on_a_nearly_full_disk_the_names_of_events_can_wait(door):
    door.fill(3)
    door.download.low = lambda: True
    before = names_asked(door.box)
    door.look()
    assert names_asked(door.box) == before
