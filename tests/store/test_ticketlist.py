"""The list as the gate sees it: opened when it appears, asked at each scan, done without when it is gone."""

import logging
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kiosk.model import Direction, Listed, Lookup, Moment, Passage, Ticket
from kiosk.settings import Settings
from kiosk.store import alike
from kiosk.store import tickets as files
from kiosk.store.cache import Cache, ElsewhereScan
from kiosk.store.database import transaction
from kiosk.store.ticketlist import TicketList
from kiosk.store.tickets import DEVICE_SETTINGS, ListState
from kiosk.variants import RULES

AT = datetime(2026, 6, 1, 19, 30, tzinfo=UTC)
TICKET = Ticket("t-1", "TKT1", "e-1", "type-1", name="Ada")
WHOLE = ListState("e-1", "cloud", complete=True, checked=Moment(AT, 10**12, "boot-1"))
EVENTS = ("e-1",)
ANSWER = {"deviceSettings": {"scanConfig": {"events": [{"eventId": "e-1"}], "enableMultiCheckin": True}}}


def now(seconds: float = 60.0, *, wall_s: float | None = None, boot: str = "boot-1") -> Moment:
    at = AT + timedelta(seconds=seconds if wall_s is None else wall_s)
    return Moment(at, 10**12 + int(seconds * 1e9), boot)


@pytest.fixture
def seen(tmp_path):
    """The gate's view; there is no list yet."""
    with closing(TicketList(tmp_path)) as opened:
        yield opened


@pytest.fixture
def pen(tmp_path):
    with closing(Cache(tmp_path)) as opened:
        opened.store([Listed(TICKET)], WHOLE)
        yield opened


# --- what a code is --------------------------------------------------------------------------------------------------


def test_a_ticket_that_is_on_the_list_is_found_with_the_names_of_the_events(seen, pen):
    pen.store_events({"e-1": "Summer"})
    found = seen.look_up("TKT1", EVENTS, now())
    assert (found.tickets, found.reissued, found.event_names) == ((TICKET,), None, {"e-1": "Summer"})


def test_a_code_that_is_not_on_a_whole_list_comes_with_the_age_of_the_list(seen, pen):
    assert seen.look_up("NOBODY", EVENTS, now(60)) == Lookup(complete=True, age_s=60.0)


def test_a_code_that_was_a_tickets_before_comes_with_that_ticket(seen, pen):
    new = replace(TICKET, barcode="NEW1")
    pen.store([Listed(new)], WHOLE)
    assert seen.look_up("TKT1", EVENTS, now()).reissued == new
    assert seen.look_up("NEW1", EVENTS, now()) == Lookup((new,))


def test_a_code_of_two_events_gives_both_tickets(seen, pen):
    abroad = replace(TICKET, id="t-2", event_id="e-2")
    pen.store([Listed(abroad)], replace(WHOLE, event_id="e-2"))
    assert seen.look_up("TKT1", EVENTS, now()).tickets == (TICKET, abroad)


def test_a_code_of_a_ticket_that_is_gone_from_the_list_comes_with_that_ticket_and_is_no_longer_found(seen, pen):
    pen.mark_gone(["t-1"], WHOLE)
    assert seen.look_up("TKT1", EVENTS, now(60)) == Lookup(complete=True, age_s=60.0, gone=TICKET)
    pen.store([Listed(TICKET)], WHOLE)
    assert seen.look_up("TKT1", EVENTS, now()) == Lookup((TICKET,))


def test_a_ticket_that_took_over_the_code_of_one_that_is_gone_is_the_one_that_is_meant(seen, pen):
    heir = replace(TICKET, id="t-2", name="Bob")
    pen.mark_gone(["t-1"], WHOLE)
    pen.store([Listed(heir)], WHOLE)
    assert seen.look_up("TKT1", EVENTS, now()) == Lookup((heir,))


# --- a list that still arrives ---------------------------------------------------------------------------------------

LATER = datetime(2026, 6, 1, 12, tzinfo=UTC)
COMING = ListState("e-2", "cloud", skip=1, expected=2)


def arrive(pen, *found: Ticket, updated: datetime = LATER) -> None:
    pen.append([Listed(ticket, updated) for ticket in found], COMING)


def test_a_ticket_can_be_looked_up_as_soon_as_its_page_is_stored(seen, pen):
    assert seen.look_up("NEW1", ("e-2",), now()).tickets == ()
    new = replace(TICKET, id="t-2", barcode="NEW1", event_id="e-2")
    arrive(pen, new)
    assert seen.look_up("NEW1", ("e-2",), now()).tickets == (new,)
    assert not seen.look_up("NOBODY", ("e-2",), now()).complete
    pen.settle()
    assert seen.look_up("NEW1", ("e-2",), now()).tickets == (new,)


def test_a_code_of_two_events_gives_both_tickets_though_one_list_still_arrives(seen, pen):
    abroad = replace(TICKET, id="t-2", event_id="e-2")
    seen.look_again()
    arrive(pen, abroad)
    seen.look_again()
    assert seen.look_up("TKT1", EVENTS, now()).tickets == (TICKET, abroad)


def test_of_a_ticket_that_comes_twice_the_newest_row_counts_and_the_settled_one_before_all(seen, pen):
    new = replace(TICKET, id="t-2", barcode="NEW1", event_id="e-2")
    arrive(pen, replace(new, status="INVALID"), updated=LATER + timedelta(hours=1))
    arrive(pen, new, replace(TICKET, status="INVALID"))
    assert seen.look_up("NEW1", EVENTS, now()).tickets == (replace(new, status="INVALID"),)
    assert seen.look_up("TKT1", EVENTS, now()).tickets == (TICKET,)


def test_a_code_that_nobody_has_or_had_is_unknown_and_no_other(seen, pen):
    assert seen.look_up("NOBODY", EVENTS, now()).unknown
    assert not seen.look_up("TKT1", EVENTS, now()).unknown
    pen.store([Listed(replace(TICKET, barcode="NEW1"))], WHOLE)
    assert not seen.look_up("TKT1", EVENTS, now()).unknown
    pen.mark_gone(["t-1"], pen.list_of("e-1"))
    assert seen.look_up("NEW1", EVENTS, now()).unknown  # it may be back: the cloud is asked


# --- by rule ---------------------------------------------------------------------------------------------------------

LONG = replace(TICKET, id="t-5", barcode="TICKET01")


@pytest.fixture
def ruled(tmp_path, pen):
    """The gate's view with all rules, of a list that has one ticket more."""
    pen.store([Listed(LONG)], WHOLE)
    with closing(TicketList(tmp_path, tuple(RULES))) as opened:
        yield opened


def test_a_code_that_is_a_tickets_by_rule_comes_with_its_code_and_the_rules(ruled):
    expected = Lookup((LONG,), None, True, 60.0, {}, None, "TICKET01", "aim+eci")
    assert ruled.look_up("]Q1\\000026TICKET01", EVENTS, now()) == expected


def test_exact_comes_first_and_no_rule_is_tried_then(ruled, pen):
    pen.append([Listed(replace(LONG, id="t-6", barcode="]Q1TICKET01"))], pen.list_of("e-1"))
    pen.settle()
    assert [ticket.id for ticket in ruled.look_up("]Q1TICKET01", EVENTS, now()).tickets] == ["t-6"]
    assert ruled.look_up("]Q1TICKET01", EVENTS, now()).rule is None


@pytest.mark.parametrize("gone", [True, False])
def test_a_code_that_was_a_tickets_is_that_tickets_and_no_rule_is_tried_either(ruled, pen, gone):
    prefixed = replace(LONG, id="t-6", barcode="]Q1TICKET01")
    pen.append([Listed(prefixed)], pen.list_of("e-1"))
    pen.settle()
    if gone:
        pen.mark_gone(["t-6"], WHOLE)
    else:
        pen.store([Listed(replace(prefixed, barcode="NEWCODE1"))], WHOLE)
    found = ruled.look_up("]Q1TICKET01", EVENTS, now())
    assert (found.tickets, found.rule, found.means) == ((), None, {"t-6"})


def test_a_code_that_was_a_tickets_is_found_by_rule_too(ruled, pen):
    pen.store([Listed(replace(LONG, barcode="NEWCODE1"))], WHOLE)
    found = ruled.look_up("]Q1TICKET01", EVENTS, now())
    assert (found.reissued.id, found.code, found.rule) == ("t-5", "TICKET01", "aim")


def test_a_code_of_a_ticket_that_is_gone_is_found_by_rule_so_that_its_guest_may_go_out(ruled, pen):
    pen.mark_gone(["t-5"], WHOLE)
    found = ruled.look_up("]Q1TICKET01", EVENTS, now())
    assert (found.gone.id, found.unknown, found.code, found.rule) == ("t-5", True, "TICKET01", "aim")


def test_a_ticket_of_a_list_that_still_arrives_is_found_by_rule(ruled, pen):
    new = replace(TICKET, id="t-2", barcode="NEWCODE1", event_id="e-2")
    arrive(pen, new)
    assert ruled.look_up("newcode1", ("e-2",), now()).tickets == (new,)


def test_a_code_that_may_be_one_tickets_or_anothers_is_nobodys(ruled, pen):
    """Both are there, and no rule makes one of the other: the code alone cannot tell which guest this is."""
    pen.store([Listed(replace(LONG, id="t-6", barcode="\\000026TICKET01x"))], WHOLE)
    pen.store([Listed(replace(LONG, id="t-7", barcode="TICKET01X"))], WHOLE)
    found = ruled.look_up("]Q1\\000026TICKET01x", EVENTS, now())
    assert (found, found.unknown) == (Lookup(complete=True, age_s=60.0), True)
    pen.mark_gone(["t-7"], pen.list_of("e-1"))
    assert ruled.look_up("]Q1\\000026TICKET01x", EVENTS, now()).unknown  # the one that is gone may be meant still


def test_what_nobody_has_comes_with_the_code_that_the_cloud_may_be_asked_for(ruled):
    found = ruled.look_up("]Q1\\000026NOBODY-01", EVENTS, now())
    assert (found.tickets, found.code, found.rule) == ((), "NOBODY-01", None)
    assert ruled.look_up("nobody-01", EVENTS, now()).code == ""


def test_only_the_rules_of_the_configuration_are_used(tmp_path, pen):
    pen.store([Listed(LONG)], WHOLE)
    with closing(TicketList(tmp_path, ("eci", "upper"))) as seen:
        assert seen.look_up("]Q1TICKET01", EVENTS, now()) == Lookup(complete=True, age_s=60.0)
        assert seen.look_up("ticket01", EVENTS, now()).rule == "upper"


def test_a_rule_that_the_list_refuses_is_left_out_at_once_said_once_and_comes_back(ruled, pen, caplog):
    caplog.set_level(logging.INFO)
    assert ruled.look_up("Ticket01", EVENTS, now()).rule == "upper"
    pen.store([Listed(replace(LONG, id="t-6", barcode="ticket01"))], WHOLE)
    for _ in range(3):
        assert ruled.look_up("Ticket01", EVENTS, now()).unknown
        assert ruled.look_up("]Q1TICKET01", EVENTS, now()).rule == "aim"
        pen.store_setting("anything", 1)
    assert caplog.messages == ["rule upper is not used: it makes two tickets alike (…et01, …ET01)"]
    pen.mark_gone(["t-6"], WHOLE)
    alike.compare(pen.database)
    assert ruled.look_up("Ticket01", EVENTS, now()).rule == "upper"
    assert caplog.messages[1:] == ["rule upper is used again: it makes no two tickets alike any more"]


def test_a_rule_that_nobody_uses_is_refused_in_silence(seen, pen, caplog):
    pen.store([Listed(LONG)], WHOLE)
    pen.store([Listed(replace(LONG, id="t-6", barcode="ticket01"))], WHOLE)
    seen.look_again()
    assert caplog.messages == []


# --- the cloud's word on one code ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("asked_s", "holds"), [(60.0, True), (61.0, True), (50.1, True), (50.0, False), (0.0, False)])
def test_the_clouds_word_on_a_code_holds_for_some_seconds(seen, pen, asked_s, holds):
    assert not seen.answered("NOBODY", now(60))
    pen.store_answer("NOBODY", (), WHOLE, now(asked_s))
    assert seen.answered("NOBODY", now(60)) is holds
    assert not seen.answered("SOMEBODY", now(60))
    assert not seen.answered("NOBODY", now(60, boot="boot-2"))


def test_without_a_list_or_with_a_damaged_one_the_cloud_has_said_nothing(seen, tmp_path):
    assert not seen.answered("NOBODY", now())
    (tmp_path / "tickets.db").write_bytes(b"no database at all" * 300)
    assert not seen.answered("NOBODY", now())
    assert seen.problem is not None


# --- how far the list can be trusted ---------------------------------------------------------------------------------


@pytest.mark.parametrize("step_s", [-90_000, 90_000])
def test_a_step_of_the_wall_clock_makes_no_list_older_or_younger(seen, pen, step_s):
    assert seen.look_up("NOBODY", EVENTS, now(60, wall_s=step_s)).age_s == 60.0


def test_after_a_reboot_the_wall_clock_tells_the_age(seen, pen):
    assert seen.look_up("NOBODY", EVENTS, now(1, wall_s=3600, boot="boot-2")).age_s == 3600.0


def test_of_several_events_the_oldest_list_counts(seen, pen):
    pen.store_state(replace(WHOLE, event_id="e-2", checked=now(-40)))
    assert seen.look_up("NOBODY", ("e-1", "e-2"), now(60)) == Lookup(complete=True, age_s=100.0)


@pytest.mark.parametrize("state", [None, ListState("e-2", "cloud"), replace(WHOLE, event_id="e-2", complete=False)])
def test_one_event_without_a_whole_list_makes_the_whole_incomplete(seen, pen, state):
    if state is not None:
        pen.store_state(state)
    found = seen.look_up("NOBODY", ("e-1", "e-2"), now())
    assert not found.complete
    assert (found.age_s is None) == (state is None or state.checked is None)


def test_without_an_event_no_list_is_whole(seen, pen):
    assert seen.look_up("NOBODY", (), now()) == Lookup()


# --- as of the last commit -------------------------------------------------------------------------------------------


def test_what_is_stored_while_the_list_is_open_is_found_at_once(seen, pen):
    assert seen.look_up("TKT2", EVENTS, now()).tickets == ()
    late = replace(TICKET, id="t-2", barcode="TKT2")
    pen.store([Listed(late)], replace(WHOLE, checked=now(50)))
    assert seen.look_up("TKT2", EVENTS, now()) == Lookup((late,))
    assert seen.look_up("NOBODY", EVENTS, now(60)).age_s == 10.0


def test_a_page_that_is_being_stored_keeps_nobody_waiting_and_is_not_seen_by_halves(seen, pen):
    with transaction(pen.database):
        pen.database.execute("DELETE FROM ticket")
        pen.database.execute("DELETE FROM list")
        assert seen.look_up("TKT1", EVENTS, now()).tickets == (TICKET,)
        assert seen.look_up("NOBODY", EVENTS, now()).complete
    assert seen.look_up("TKT1", EVENTS, now()) == Lookup()


def test_scans_of_other_doors_are_seen_at_once(seen, pen):
    assert seen.elsewhere(TICKET) == []
    into = Passage(Direction.CHECKIN, AT, "south")
    pen.store_elsewhere([ElsewhereScan("s-1", "e-1", "t-1", into)])
    assert seen.elsewhere(TICKET) == [into]


# --- a list that is not there ----------------------------------------------------------------------------------------


def test_without_a_list_nothing_is_known_and_when_it_comes_it_is_asked(seen, tmp_path):
    assert seen.look_up("TKT1", EVENTS, now()) == Lookup()
    assert seen.elsewhere(TICKET) == ()
    seen.look_again()
    assert "tickets.db" in seen.problem
    with closing(Cache(tmp_path)) as pen:
        pen.store([Listed(TICKET)], WHOLE)
        assert seen.look_up("TKT1", EVENTS, now()).tickets == (TICKET,)
    assert seen.problem is None


def test_a_list_of_a_newer_version_is_no_list_and_says_why(seen, tmp_path):
    Cache(tmp_path).close()
    with closing(sqlite3.connect(tmp_path / files.FILE)) as newer:
        newer.execute("PRAGMA user_version = 99")
    assert seen.look_up("TKT1", EVENTS, now()) == Lookup()
    assert "version 99" in seen.problem


def test_a_list_that_was_removed_is_no_list_from_the_next_pause_on(seen, pen, tmp_path):
    assert seen.look_up("TKT1", EVENTS, now()).tickets
    pen.close()
    (tmp_path / files.FILE).unlink()
    seen.look_again()
    assert seen.look_up("TKT1", EVENTS, now()) == Lookup()


def test_a_list_replaced_by_rename_is_the_one_that_is_asked(seen, pen, tmp_path):
    assert seen.look_up("TKT1", EVENTS, now()).tickets == (TICKET,)
    pen.close()
    (tmp_path / "next").mkdir()
    other = replace(TICKET, id="t-2", barcode="TKT2")
    with closing(Cache(tmp_path / "next")) as new:
        new.store([Listed(other)], replace(WHOLE, checked=now(50)))
        new.store_setting(DEVICE_SETTINGS, ANSWER)
    for suffix in ("-wal", "-shm"):  # a log that stays behind would be read in the new file's place
        (tmp_path / f"{files.FILE}{suffix}").unlink()
    (tmp_path / "next" / files.FILE).rename(tmp_path / files.FILE)
    assert seen.look_up("TKT2", EVENTS, now()).tickets == (other,)  # one that is not on the old list asks the new one
    seen.look_again()
    assert seen.look_up("TKT1", EVENTS, now(60)) == Lookup(complete=True, age_s=10.0)
    assert seen.settings == Settings.model_validate(ANSWER)


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def destroy(file: Path, table: str) -> None:
    """Overwrite the first page of a table, as a dying card does."""
    with closing(sqlite3.connect(file)) as database:
        (page,) = database.execute("SELECT rootpage FROM sqlite_master WHERE name = ?", (table,)).fetchone()
        (size,) = database.execute("PRAGMA page_size").fetchone()
    with file.open("r+b") as damaged:
        damaged.seek((page - 1) * size)
        damaged.write(b"\xff" * size)


@pytest.mark.parametrize(
    ("table", "code"),
    [("ticket", "TKT1"), ("ticket_by_barcode", "TKT1"), ("list", "NOBODY"), ("former_code", "NOBODY")],
)
def test_a_list_that_is_damaged_is_no_list_and_a_good_one_in_its_place_is_asked(tmp_path, table, code):
    with closing(Cache(tmp_path)) as pen:
        pen.store([Listed(TICKET)], WHOLE)
    destroy(tmp_path / files.FILE, table)
    with closing(TicketList(tmp_path)) as seen:
        assert seen.look_up(code, EVENTS, now()) == Lookup()
        assert "malformed" in seen.problem
        for old in tmp_path.iterdir():
            old.unlink()
        with closing(Cache(tmp_path)) as pen:
            pen.store([Listed(TICKET)], WHOLE)
        assert seen.look_up("TKT1", EVENTS, now()).tickets == (TICKET,)


@pytest.mark.parametrize("content", [b"", b"no database at all" * 300, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_list_that_is_no_database_is_no_list_and_leaks_nothing(seen, tmp_path, content):
    (tmp_path / files.FILE).write_bytes(content)
    seen.look_again()
    before = descriptors()
    for _ in range(20):
        seen.look_again()
        assert seen.look_up("TKT1", EVENTS, now()) == Lookup()
        assert seen.elsewhere(TICKET) == ()
    assert descriptors() == before


def test_scans_of_other_doors_that_cannot_be_read_are_none(tmp_path):
    Cache(tmp_path).close()
    destroy(tmp_path / files.FILE, "elsewhere_by_ticket")
    with closing(TicketList(tmp_path)) as seen:
        assert seen.elsewhere(TICKET) == ()
        assert "malformed" in seen.problem


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE ticket SET entry = 'no JSON'",
        "UPDATE ticket SET slot_start_ms = 9223372036854775807",
        "INSERT INTO setting VALUES ('me', 'no JSON')",
        "UPDATE list SET checked_ms = 9223372036854775807",
        "INSERT INTO elsewhere VALUES ('s-1', 'e-1', 't-1', 'a type of tomorrow', 0, NULL)",
    ],
)
def test_a_row_that_makes_no_sense_stops_nobody(seen, pen, damage):
    pen.database.execute(damage)
    problems = []
    for code in ("TKT1", "NOBODY"):
        seen.look_up(code, EVENTS, now())
        problems.append(seen.problem)
    seen.elsewhere(TICKET)
    seen.look_again()
    assert any([*problems, seen.problem])


def test_a_directory_that_cannot_be_looked_into_is_no_list(tmp_path):
    (tmp_path / "data").write_text("this is no directory", encoding="ascii")
    with closing(TicketList(tmp_path / "data")) as seen:
        assert seen.look_up("TKT1", EVENTS, now()) == Lookup()
        assert seen.problem is not None


# --- settings --------------------------------------------------------------------------------------------------------


def test_settings_are_noticed_in_the_next_pause_and_stay_the_same_while_they_are(seen, pen):
    seen.look_again()
    assert seen.settings is None
    pen.store_setting(DEVICE_SETTINGS, ANSWER)
    seen.look_again()
    first = seen.settings
    assert first == Settings.model_validate(ANSWER)
    pen.store_setting(DEVICE_SETTINGS, {**ANSWER, "somethingNew": 1})
    seen.look_again()
    assert seen.settings is first


def test_settings_that_cannot_be_read_leave_the_last_good_ones_in_force(seen, pen, caplog):
    pen.store_setting(DEVICE_SETTINGS, ANSWER)
    seen.look_again()
    good = seen.settings
    pen.store_setting(DEVICE_SETTINGS, {"deviceSettings": {"scanConfig": {"events": "all of them"}}})
    seen.look_again()
    assert seen.settings is good is not None
    assert "the last ones stay" in caplog.text
    assert seen.look_up("TKT1", EVENTS, now()).tickets == (TICKET,)


def test_settings_outlive_the_list_they_came_with(seen, pen, tmp_path):
    pen.store_setting(DEVICE_SETTINGS, ANSWER)
    seen.look_again()
    pen.close()
    (tmp_path / files.FILE).unlink()
    seen.look_again()
    assert seen.settings == Settings.model_validate(ANSWER)
