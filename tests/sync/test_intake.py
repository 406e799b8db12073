"""A ticket list from a file, whatever of the three forms it has."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from kiosk.clock import now
from kiosk.cloud.answers import ticket_rows
from kiosk.model import Ticket
from kiosk.store import tickets as store
from kiosk.store.cache import Cache
from kiosk.store.tickets import ListState
from kiosk.sync import intake
from kiosk.sync.intake import Intake
from kiosk.sync.listfile import read_rows

ROWS: list[dict[str, Any]] = [
    {"_id": "t-1", "barcode": "CODE00001", "ticketTypeId": "standing", "name": "Ada Ö", "status": "INVALID"},
    {"_id": "t-2", "barcode": "00000002", "ticketTypeId": "seat", "row": "3", "seat": "14", "entry": ["north", "west"]},
    {"_id": "t-3", "barcode": "CODE00003", "ticketTypeId": "seat", "eventId": "gala", "ticketName": 'The "best", ever'},
]
EXPECTED = [
    Ticket("t-1", "CODE00001", "fest", "standing", name="Ada Ö", status="INVALID"),
    Ticket("t-2", "00000002", "fest", "seat", row="3", seat="14", entry=frozenset({"north", "west"})),
    Ticket("t-3", "CODE00003", "gala", "seat", 'The "best", ever'),
]


def as_array(rows: list[dict[str, Any]]) -> str:
    return json.dumps(rows, ensure_ascii=False, indent=2)


def as_lines(rows: list[dict[str, Any]]) -> str:
    return "\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n"


def as_table(rows: list[dict[str, Any]], delimiter: str = ",", line_end: str = "\r\n") -> str:
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, delimiter=delimiter, lineterminator=line_end)
    writer.writeheader()
    writer.writerows({k: ";".join(v) if isinstance(v, list) else v for k, v in row.items()} for row in rows)
    return text.getvalue()


@pytest.fixture
def tickets(tmp_path) -> Iterator[Cache]:
    made = Cache(tmp_path)
    yield made
    made.close()


@pytest.fixture
def file(tmp_path) -> Path:
    return tmp_path / "list"


def take(tickets: Cache, file: Path, content: str | bytes, event: str = "fest") -> Intake:
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    found = Intake(tickets, event, now())
    found.take(read_rows(file))
    return found


def held(tickets: Cache) -> list[Ticket]:
    return sorted((ticket for ticket in store.find(tickets.database, "")), key=lambda ticket: ticket.id)


# --- the three forms -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize(
    "content",
    [
        as_array(ROWS), json.dumps(ROWS), "\n\n  " + as_array(ROWS) + "\n", as_lines(ROWS), "\n" + as_lines(ROWS),
        as_lines(ROWS).replace("\n", "\r\n\r\n"), as_lines(ROWS).rstrip(), as_table(ROWS), as_table(ROWS, ";", "\n"),
        as_table(ROWS, "\t"), as_table(ROWS).rstrip(), as_table(ROWS) + "\r\n\r\n",
    ],
)  # fmt: skip
def test_each_form_comes_to_the_same_tickets_with_or_without_a_byte_order_mark(tickets, file, content, mark):
    found = take(tickets, file, mark + content.encode())
    assert (found.taken, found.rejected, found.rejects) == (3, 0, [])
    assert held(tickets) == EXPECTED


def test_a_cell_of_several_values_is_separated_by_semicolons_or_a_json_array(tickets, file):
    head = "_id,barcode,ticketTypeId,entry,excludedEventIds\n"
    take(tickets, file, head + 't-1,CODE00001,s,north; west ;,\nt-2,CODE00002,s,"[""a"", ""b""]",gala\n')
    first, second = held(tickets)
    assert (first.entry, first.excluded_event_ids) == ({"north", "west"}, frozenset())
    assert (second.entry, second.excluded_event_ids) == ({"a", "b"}, {"gala"})


@pytest.mark.parametrize("value", ["5", "507040200000000000000001", "1e5", "null", "true", '"quoted"'])
def test_a_single_value_that_happens_to_be_json_is_still_a_value(tickets, file, value):
    rows = [["_id", "barcode", "ticketTypeId", "entry"], ["t-1", "CODE00001", "s", value]]
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    assert take(tickets, file, text.getvalue()).rejects == []
    assert held(tickets)[0].entry in ({value}, {value.strip('"')})


def test_a_code_of_digits_keeps_its_leading_zeros(tickets, file):
    take(tickets, file, "_id,barcode,ticketTypeId\nt-1,000000012345,007\n")
    assert (held(tickets)[0].barcode, held(tickets)[0].ticket_type_id) == ("000000012345", "007")


def test_columns_nobody_knows_are_passed_over(tickets, file):
    take(tickets, file, "_id,barcode,colour,ticketTypeId\nt-1,CODE00001,green,standing\n")
    assert held(tickets) == [Ticket("t-1", "CODE00001", "fest", "standing")]


# --- rows that cannot be read ----------------------------------------------------------------------------------------


def test_a_bad_row_of_json_lines_is_reported_with_its_line_and_costs_no_other(tickets, file):
    lines = [json.dumps(ROWS[0]), "", '{"_id": "t-9", ', json.dumps(ROWS[1]), '{"_id": "t-8"}', "[1]", "7"]
    found = take(tickets, file, "\n".join(lines))
    assert held(tickets) == EXPECTED[:2]
    assert (found.taken, found.rejected) == (2, 4)
    assert [line for line, _ in found.rejects] == [3, 5, 6, 7]
    assert "JSON" in found.rejects[0][1]
    assert "barcode" in found.rejects[1][1]


def test_a_bad_row_of_a_table_is_reported_with_its_line_and_costs_no_other(tickets, file):
    text = "_id,barcode,ticketTypeId,name\nt-1,CODE00001,s,Ada\nt-2,,s,Bo\nt-3,CODE00003,s,Cy,more\nt-4,CODE00004\n"
    found = take(tickets, file, text + 't-5,CODE00005,s,"Dee\nDee"\nt-6,,s,Eve\n')
    assert [ticket.id for ticket in held(tickets)] == ["t-1", "t-5"]
    assert [line for line, _ in found.rejects] == [3, 4, 5, 8]
    assert "barcode" in found.rejects[0][1]
    assert "more cells" in found.rejects[1][1]


def test_a_bad_row_of_an_array_is_reported_and_costs_no_other(tickets, file):
    found = take(tickets, file, json.dumps([ROWS[0], 7, ROWS[1], {"_id": "t-9"}, None]))
    assert held(tickets) == EXPECTED[:2]
    assert (found.taken, found.rejected) == (2, 3)


def test_a_bad_row_of_an_array_is_reported_with_its_line(tickets, file):
    text = "[\n" + json.dumps(ROWS[0]) + ',\n\n7,\n{"_id":\n"t-9"},' + json.dumps(ROWS[1], indent=1) + ",\nnull\n]"
    found = take(tickets, file, text)
    assert held(tickets) == EXPECTED[:2]
    assert [line for line, _ in found.rejects] == [4, 5, 7 + len(json.dumps(ROWS[1], indent=1).splitlines()) - 1]


def test_of_many_rejected_rows_all_are_counted_and_the_first_ones_named(tickets, file, monkeypatch):
    monkeypatch.setattr(intake, "KEPT_REJECTS", 10)
    found = take(tickets, file, '{"_id": "t"}\n' * 50)
    assert (found.taken, found.rejected) == (0, 50)
    assert len(found.rejects) == 10


@pytest.mark.parametrize("name", ["barcode", "name"])
def test_a_text_that_no_file_can_hold_costs_no_other_row(tickets, file, name):
    broken = json.dumps(ROWS[1] | {name: "CODE0000\ud83d"})
    found = take(tickets, file, f"{json.dumps(ROWS[0])}\n{broken}\n{json.dumps(ROWS[2])}\n")
    assert {"t-1", "t-3"} <= {ticket.id for ticket in held(tickets)}
    assert found.taken + found.rejected == 3


# --- in the store ----------------------------------------------------------------------------------------------------


def test_an_imported_list_is_complete_and_as_old_as_the_import(tickets, file):
    moment = now()
    found = Intake(tickets, "fest", moment)
    file.write_text(as_lines([*ROWS, {"_id": "bad"}]), encoding="utf-8")
    found.take(read_rows(file))
    state = store.lists(tickets.database)["fest"]
    assert (state.source, state.complete, found.rejected) == ("file", True, 1)
    assert state.age_s(moment) == 0.0


def test_the_same_file_again_changes_nothing_and_a_newer_one_brings_up_to_date(tickets, file):
    take(tickets, file, as_lines(ROWS))
    take(tickets, file, as_table(ROWS))
    assert held(tickets) == EXPECTED
    take(tickets, file, as_lines([ROWS[0] | {"status": "VALID"}]))
    assert held(tickets) == [replace(EXPECTED[0], status="VALID"), *EXPECTED[1:]]


def test_a_ticket_that_stands_in_the_file_twice_is_one_ticket_and_the_last_row_counts(tickets, file):
    take(tickets, file, as_lines([ROWS[0], ROWS[1], ROWS[0] | {"name": "Ada the Second"}]))
    assert [ticket.name for ticket in held(tickets)] == ["Ada the Second", None]


def test_a_code_that_two_tickets_of_an_event_have_is_found_and_one_of_two_events_is_not(tickets, file):
    twin, elsewhere = ROWS[0] | {"_id": "t-7"}, ROWS[1] | {"_id": "t-8", "eventId": "gala"}
    found = take(tickets, file, as_lines([*ROWS, twin, elsewhere]))
    assert found.taken == 5
    assert store.codes_used_twice(tickets.database) == [("CODE00001", "fest", ["t-1", "t-7"])]


def test_a_long_list_is_stored_in_portions_and_is_not_complete_before_its_end(tickets, file, monkeypatch):
    monkeypatch.setattr(intake, "CHUNK", 10)
    seen: list[tuple[int, bool]] = []

    def rows() -> Iterator[tuple[int, object]]:
        for number in range(25):
            state = store.lists(tickets.database).get("fest")
            seen.append((store.total(tickets.database), state is not None and state.complete))
            yield number, {"_id": f"t-{number}", "barcode": f"CODE{number:05}", "ticketTypeId": "s"}

    Intake(tickets, "fest", now()).take(rows())
    assert (seen[0], seen[10], seen[24]) == ((0, False), (10, False), (20, False))
    assert store.lists(tickets.database)["fest"].complete


def test_what_the_cloud_says_of_a_ticket_wins_over_an_import_that_does_not_say_how_old_it_is(tickets, file):
    """A spreadsheet of this morning must not admit a ticket that was cancelled at noon."""
    cancelled = {**ROWS[0], "eventId": "fest", "status": "INVALID", "updatedAt": "2026-01-23T12:00:00.000Z"}
    take(tickets, file, as_table([ROWS[0] | {"status": "VALID"}]))
    good, _ = ticket_rows([cancelled])
    tickets.store(good, ListState("fest", "cloud", complete=True))
    assert [ticket.status for ticket in held(tickets)] == ["INVALID"]


def test_an_import_that_says_how_old_it_is_never_undoes_a_later_change(tickets, file):
    newer = {**ROWS[0], "eventId": "fest", "status": "INVALID", "updatedAt": "2026-01-23T12:00:00.000Z"}
    tickets.store(ticket_rows([newer])[0], ListState("fest", "cloud", complete=True))
    take(tickets, file, as_lines([newer | {"status": "VALID", "updatedAt": "2026-01-23T09:00:00.000Z"}]))
    assert [ticket.status for ticket in held(tickets)] == ["INVALID"]


def test_timeslots_come_along(tickets, file):
    head = "_id,barcode,ticketTypeId,slotStartTime\n"
    take(tickets, file, head + "t-1,CODE00001,s,2030-01-23T23:00:00Z\nt-2,CODE00002,s,soon\n")
    assert [ticket.slot_start for ticket in held(tickets)] == [datetime(2030, 1, 23, 23, tzinfo=UTC), None]
