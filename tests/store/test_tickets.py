"""What the cloud last told us: tickets by the newest word on them, how good their list is, the scans of other doors."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.errors import NoListYet, TooNew
from kiosk.model import Direction, Listed, Moment, Passage, Ticket
from kiosk.store import tickets as files
from kiosk.store.cache import Cache, ElsewhereScan
from kiosk.store.tickets import ListState

AT = datetime(2026, 6, 1, 19, 30, tzinfo=UTC)
PLAIN = Ticket("t-1", "TKT1", "e-1", "type-1")
FULL = Ticket(
    "t-2", "TKT2", "e-1", "type-1", "Standing", "Ada Löwe", "A_STATUS_OF_TOMORROW", "A", "1", "2",
    frozenset({"north", "south, upper"}), AT, AT + timedelta(hours=5), frozenset({"e-8", "e-9"}), "series", "shop",
)  # fmt: skip
FIRST, SECOND, THIRD = (f"2026-05-0{day}T10:00:00.000Z" for day in (1, 2, 3))
STATE = ListState("e-1", "cloud", True, THIRD, None, 0, 2, THIRD, None, Moment(AT, 10**12, "boot-1"), 1)
OTHER = replace(STATE, event_id="e-2", complete=False, no=2)


@pytest.fixture
def pen(tmp_path):
    with closing(Cache(tmp_path)) as opened:
        yield opened


@pytest.fixture
def seen(pen, tmp_path):
    """The list as another program sees it."""
    with closing(files.reader(tmp_path)) as opened:
        yield opened


def store(pen, *found, state=STATE, updated_at=SECOND) -> None:
    pen.store([Listed(ticket, datetime.fromisoformat(updated_at)) for ticket in found], state)


def scanned(scan_id: str, ticket_id: str, passage: Passage) -> ElsewhereScan:
    return ElsewhereScan(scan_id, "e-1", ticket_id, passage)


# --- tickets ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ticket", [PLAIN, FULL], ids=["plain", "full"])
def test_a_ticket_is_read_back_as_it_was_stored(pen, seen, ticket):
    store(pen, ticket)
    assert files.by_barcode(seen, ticket.barcode) == (ticket,)


@pytest.mark.parametrize(("looked_up_at", "status"), [(FIRST, "INVALID"), (SECOND, "VALID"), (THIRD, "VALID")])
def test_a_look_up_that_was_overtaken_by_an_increment_undoes_nothing(pen, seen, looked_up_at, status):
    store(pen, replace(PLAIN, status="INVALID"))
    pen.store_answer("TKT1", [Listed(PLAIN, datetime.fromisoformat(looked_up_at))], pen.list_of("e-1"), STATE.checked)
    assert [ticket.status for ticket in files.by_barcode(seen, "TKT1")] == [status]


words = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20)
times = st.none() | st.integers(0, 4 * 10**12).map(
    lambda ms: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
)
any_ticket = st.builds(
    Ticket, words, words, words, words, st.none() | words, st.none() | words, words, st.none() | words,
    st.none() | words, st.none() | words, st.frozensets(words), times, times, st.frozensets(words),
    st.none() | words, st.none() | words,
)  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(any_ticket)
def test_any_ticket_is_read_back_as_it_was_stored(tmp_path_factory, ticket):
    directory = tmp_path_factory.mktemp("list")
    with closing(Cache(directory)) as pen:
        store(pen, ticket)
        assert files.by_barcode(pen.database, ticket.barcode) == (ticket,)


def test_codes_are_text_and_compared_as_they_are(pen, seen):
    codes = ["007", "7", "7.0", "tkt", "TKT", " TKT", "TKT ", "1e3", "1000", "STRASSE", "STRAẞE"]
    store(pen, *(Ticket(f"t-{code}", code, "e-1", "type-1") for code in codes))
    for code in codes:
        assert [ticket.barcode for ticket in files.by_barcode(seen, code)] == [code]
    assert files.by_barcode(seen, "Tkt") == ()


@pytest.mark.parametrize("updated_at", [FIRST, SECOND, THIRD], ids=["older", "as old", "newer"])
def test_the_clouds_last_answer_holds_whatever_time_it_carries(pen, seen, updated_at):
    """A cloud that was set back to a backup means what it says."""
    store(pen, PLAIN, updated_at=SECOND)
    store(pen, replace(PLAIN, status="INVALID"), updated_at=updated_at)
    assert [ticket.status for ticket in files.by_barcode(seen, "TKT1")] == ["INVALID"]


def test_an_update_replaces_every_field(pen, seen):
    store(pen, replace(FULL, id="t-1"), updated_at=FIRST)
    store(pen, PLAIN, updated_at=SECOND)
    assert files.by_barcode(seen, "TKT1") == (PLAIN,)
    assert files.by_barcode(seen, "TKT2") == ()
    assert files.total(seen) == 1


def test_a_page_that_breaks_off_is_not_stored_at_all(pen, seen):
    store(pen, PLAIN, state=replace(STATE, complete=False, skip=1))
    before = files.lists(seen)

    def half_a_page():
        yield Listed(FULL)
        raise ConnectionError

    with pytest.raises(ConnectionError):
        pen.store(half_a_page(), STATE)
    assert files.by_barcode(seen, "TKT2") == ()
    assert files.lists(seen) == before


def test_a_ticket_with_a_new_code_is_still_found_by_the_one_it_had(pen, seen):
    store(pen, PLAIN, updated_at=FIRST)
    new = replace(PLAIN, barcode="NEW1")
    store(pen, new, updated_at=SECOND)
    assert files.by_barcode(seen, "TKT1") == ()
    assert files.by_former_code(seen, "TKT1") == new
    assert files.by_former_code(seen, "NEW1") is None


def test_every_code_a_ticket_ever_had_is_remembered_and_one_that_comes_back_is_its_own_again(pen, seen):
    for day, code in enumerate(["A", "B", "A", "C", "A"]):
        store(pen, replace(PLAIN, barcode=code), updated_at=f"2026-05-0{day + 1}T10:00:00.000Z")
    now = replace(PLAIN, barcode="A")
    assert files.by_barcode(seen, "A") == (now,)
    assert [files.by_former_code(seen, code) for code in "BC"] == [now, now]


def test_an_update_that_keeps_the_code_leaves_no_former_code(pen, seen):
    store(pen, PLAIN, updated_at=SECOND)
    store(pen, replace(PLAIN, name="Ada"), updated_at=THIRD)
    assert seen.execute("SELECT count(*) FROM former_code").fetchone() == (0,)


def test_a_code_of_two_tickets_gives_both_and_only_within_one_event_is_it_used_twice(pen, seen):
    twin, abroad = replace(PLAIN, id="t-0"), replace(PLAIN, id="t-9", event_id="e-2")
    store(pen, PLAIN, abroad, FULL)
    assert files.by_barcode(seen, "TKT1") == (PLAIN, abroad)
    assert files.codes_used_twice(seen) == []
    store(pen, twin)
    assert files.by_barcode(seen, "TKT1") == (twin, PLAIN, abroad)
    assert files.codes_used_twice(seen) == [("TKT1", "e-1", ["t-0", "t-1"])]


def test_tickets_are_counted_in_all_and_by_list(pen, seen):
    assert (files.total(seen), files.held(seen, STATE)) == (0, 0)
    store(pen, PLAIN, FULL)
    store(pen, replace(PLAIN, id="t-3", event_id="e-2"), state=OTHER)
    assert (files.total(seen), files.held(seen, STATE), files.held(seen, OTHER)) == (3, 2, 1)


def test_tickets_that_lack_a_field_that_could_not_be_read_are_counted(pen, seen):
    pen.store([Listed(PLAIN, None, "expiresAt"), Listed(FULL)], STATE)
    assert (files.unread(seen, STATE), files.unread(seen, OTHER)) == (1, 0)
    pen.store([Listed(PLAIN)], STATE)
    assert files.unread(seen, STATE) == 0


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("AB", ["AB1", "AB%"]),
        ("B1", []),
        ("ab1", ["AB1"]),
        ("löwe", ["X_1"]),
        ("%", ["AB%"]),
        ("_", ["X_1"]),
        ("A\\", []),
    ],
)
def test_tickets_are_found_by_the_beginning_of_a_code_or_a_part_of_a_name(pen, seen, text, found):
    store(
        pen,
        Ticket("t-1", "AB1", "e-1", "type-1", name="Bob"),
        Ticket("t-2", "X_1", "e-1", "type-1", name="Ada löwe_"),
        Ticket("t-3", "AB%", "e-1", "type-1", name="100%"),
    )
    assert sorted(ticket.barcode for ticket in files.find(seen, text)) == sorted(found)


def test_no_more_tickets_are_found_than_asked_for(pen, seen):
    store(pen, *(Ticket(f"t-{n}", f"K{n}", "e-1", "type-1") for n in range(60)))
    assert len(list(files.find(seen, "K"))) == 50
    assert len(list(files.find(seen, "K", 3))) == 3


# --- how good the list is --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "state",
    [STATE, ListState("e-1", "a file", no=1), replace(STATE, complete=False, upto=THIRD, skip=500, shrunk_to=3)],
)
def test_the_state_of_a_list_is_read_back_as_it_was_stored(pen, seen, state):
    pen.store_state(STATE)
    pen.store_state(state)
    assert files.lists(seen) == {"e-1": state}


def test_each_event_has_a_list_of_its_own(pen, seen):
    pen.store_state(STATE)
    pen.store_state(OTHER)
    assert files.lists(seen) == {"e-1": STATE, "e-2": OTHER}


def test_a_list_that_is_asked_for_the_first_time_is_entered_with_a_number(pen, seen):
    assert pen.list_of("e-1") == ListState("e-1", "cloud", no=1)
    assert pen.list_of("e-2", "file") == ListState("e-2", "file", no=2)
    pen.store_state(STATE)
    assert pen.list_of("e-1", "file") == STATE
    assert files.lists(seen) == {"e-1": STATE, "e-2": ListState("e-2", "file", no=2)}


@pytest.mark.parametrize("step_h", [-30, -1, 0, 1, 30])
def test_within_one_boot_no_step_of_the_wall_clock_makes_a_list_older_or_younger(step_h):
    later = Moment(AT + timedelta(hours=step_h), 10**12 + 90 * 10**9, "boot-1")
    assert STATE.age_s(later) == 90.0


def test_across_boots_the_wall_clock_tells_and_never_less_than_nothing():
    assert STATE.age_s(Moment(AT + timedelta(hours=2), 5, "boot-2")) == 7200.0
    assert STATE.age_s(Moment(AT - timedelta(hours=2), 10**18, "boot-2")) == 0.0


def test_a_list_that_never_was_whole_has_no_age():
    assert ListState("e-1", "a file").age_s(Moment(AT, 10**12, "boot-1")) is None


# --- the rest of what the cloud said ---------------------------------------------------------------------------------


def test_scans_of_other_doors_are_kept_once_and_given_by_time(pen, seen):
    into = Passage(Direction.CHECKIN, AT, "south")
    out = Passage(Direction.CHECKOUT, AT + timedelta(hours=1), None)
    assert pen.store_elsewhere([scanned("s-1", "t-1", out), scanned("s-2", "t-1", into)]) == 2
    assert pen.store_elsewhere([scanned("s-2", "t-1", out), scanned("s-3", "t-2", into)]) == 1
    assert files.elsewhere(seen, "t-1") == [into, out]
    assert files.elsewhere(seen, "t-2") == [into]
    assert files.elsewhere(seen, "t-3") == []


def test_scans_that_are_no_history_are_known_and_counted_by_event_but_never_given(pen, seen):
    into = Passage(Direction.CHECKIN, AT, "south")
    pen.store_elsewhere([scanned("s-1", "t-1", into), ElsewhereScan("s-2", "e-1"), ElsewhereScan("s-3", "e-2")])
    assert (pen.known_elsewhere("e-1"), pen.known_elsewhere("e-2"), pen.known_elsewhere("e-3")) == (2, 1, 0)
    assert files.elsewhere(seen, "t-1") == [into]


@pytest.mark.parametrize("value", [{"a": [1, None, "ü"]}, [], None, "text", 0])
def test_a_setting_is_read_back_as_it_was_stored_last(pen, seen, value):
    assert files.setting(seen, files.DEVICE_SETTINGS) is None
    pen.store_setting(files.DEVICE_SETTINGS, "before")
    pen.store_setting(files.DEVICE_SETTINGS, value)
    assert files.setting(seen, files.DEVICE_SETTINGS) == value


def test_events_have_the_names_they_were_given_last(pen, seen):
    pen.store_events({"e-1": "Summer", "e-2": "Winter"})
    pen.store_events({"e-1": "Sommernacht"})
    assert files.event_names(seen) == {"e-1": "Sommernacht", "e-2": "Winter"}


def test_everything_outlives_a_restart(tmp_path):
    with closing(Cache(tmp_path)) as pen:
        store(pen, PLAIN)
    with closing(Cache(tmp_path)) as pen:
        assert files.by_barcode(pen.database, "TKT1") == (PLAIN,)
        assert files.lists(pen.database) == {"e-1": STATE}


def test_a_reader_before_sync_ever_ran_hears_so(tmp_path):
    with pytest.raises(NoListYet):
        files.reader(tmp_path)


def test_code_older_than_its_list_refuses(tmp_path):
    Cache(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / files.FILE)) as newer:
        newer.execute("PRAGMA user_version = 99")
    with pytest.raises(TooNew, match=r"tickets\.db has version 99"):
        Cache(tmp_path)
    with pytest.raises(TooNew):
        files.reader(tmp_path)
