"""A list's file, whatever of the three forms it has, and however it is written."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from kiosk.errors import Refused
from kiosk.sync import listfile
from kiosk.sync.listfile import read_rows

ROWS: list[dict[str, Any]] = [
    {"_id": "t-1", "barcode": "CODE00001", "ticketTypeId": "standing", "name": "Jürgen €"},
    {"_id": "t-2", "barcode": "CODE00002", "ticketTypeId": "seat"},
]


def as_array(rows: list[dict[str, Any]]) -> str:
    return json.dumps(rows, ensure_ascii=False, indent=2)


def as_lines(rows: list[dict[str, Any]]) -> str:
    return "\n".join(json.dumps(row, ensure_ascii=False) for row in rows) + "\n"


def as_table(rows: list[dict[str, Any]], delimiter: str = ",") -> str:
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, delimiter=delimiter)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


@pytest.fixture
def file(tmp_path) -> Path:
    return tmp_path / "list"


def read(file: Path, content: str | bytes, **names: str) -> list[object]:
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return [row for _, row in read_rows(file, names)]


def refusal(file: Path, content: str | bytes, **names: str) -> str:
    with pytest.raises(Refused) as caught:
        read(file, content, **names)
    assert str(file) in str(caught.value)
    return str(caught.value)


# --- the forms -------------------------------------------------------------------------------------------------------

TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=20).filter(str.strip)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.fixed_dictionaries(
            {"_id": TEXTS, "barcode": TEXTS, "ticketTypeId": TEXTS}, optional={"name": TEXTS, "ticketName": TEXTS}
        ),
        min_size=1,
        unique_by=lambda row: row["_id"],
    ),
    st.sampled_from(
        [as_array, as_lines, as_table, lambda rows: as_table(rows, ";"), lambda rows: as_table(rows, "\t")]
    ),
)
def test_whatever_stands_in_a_cell_comes_out_of_every_form_as_it_went_in(file, rows, form):
    file.write_bytes(form(rows).encode())
    assert [row for _, row in read_rows(file)] == rows


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(),
            lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
        ),
        max_size=8,
    ),
    st.integers(1, 40),
    st.sampled_from([None, 1]),
)
@example([1234567890], 3, None)
def test_an_array_is_read_alike_wherever_it_is_cut_into_portions(file, rows, portion, indent):
    file.write_text(json.dumps(rows, indent=indent), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(listfile, "CHARACTERS", portion)
        assert [row for _, row in read_rows(file)] == rows


def test_a_row_of_an_array_knows_its_line(file):
    file.write_text('\n[\n 1,\n\n {"a":\n 2}, 3\n,4]', encoding="utf-8")
    assert list(read_rows(file)) == [(3, 1), (5, {"a": 2}), (6, 3), (7, 4)]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_of_a_table_is_found_out(file, delimiter):
    rows = [row | {"ticketName": "A, B; C | D\tE"} for row in ROWS]
    assert read(file, as_table(rows, delimiter)) == rows


def test_a_delimiter_within_a_quoted_heading_is_none(file):
    text = '"A, B, C, D";_id;barcode;ticketTypeId\nx;t-1;CODE00001;s\n'
    assert read(file, text) == [{"A, B, C, D": "x", "_id": "t-1", "barcode": "CODE00001", "ticketTypeId": "s"}]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_the_encoding_of_a_table_is_found_out(file, encoding):
    assert read(file, as_table(ROWS).encode(encoding)) == [
        {name: value for name, value in row.items() if value} for row in ROWS
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("form", [as_array, as_lines])
def test_json_is_unicode(file, form, encoding):
    assert read(file, form(ROWS).encode(encoding)) == ROWS


def test_json_in_an_old_encoding_is_refused_with_the_mend(file):
    assert "UTF-8" in refusal(file, as_array(ROWS).encode("cp1252", "replace"))


# --- headings --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "head",
    [
        "_id,barcode,ticketTypeId", "ID,Barcode,Ticket type ID", "id,BARCODE,ticket_type_id",
        "ticketId,barcode,ticket-type-id", " _id , barcode , TicketTypeId ",
    ],
)  # fmt: skip
def test_a_heading_may_be_written_as_people_write(file, head):
    assert read(file, f"{head}\nt-1,CODE00001,s\n") == [{"_id": "t-1", "barcode": "CODE00001", "ticketTypeId": "s"}]


def test_a_heading_that_nobody_can_guess_is_mapped(file):
    text = "Nr;Code;Art;Gast\nt-1;CODE00001;s;Ada\n"
    assert read(file, text, Nr="_id", Code="barcode", Art="ticketTypeId", Gast="name") == [
        {"_id": "t-1", "barcode": "CODE00001", "ticketTypeId": "s", "name": "Ada"}
    ]


def test_a_column_that_is_missing_is_named_with_what_there_is_and_the_mend(file):
    said = refusal(file, "Nr;Code\n1;2\n")
    assert all(word in said for word in ("_id", "barcode", "ticketTypeId", "'Nr', 'Code'", "--map 'HEADING=_id'"))


def test_a_map_of_a_column_that_is_not_there_is_said(file):
    assert "no column 'Kode'; there are 'Nr', 'Code'" in refusal(file, "Nr;Code\n1;2\n", Kode="barcode")


def test_two_columns_for_one_field_are_said(file):
    assert "two columns are barcode" in refusal(file, "_id,barcode,Barcode,ticketTypeId\n1,2,3,4\n")


# --- files that are no list ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", ["", "   \n\n\t ", "\ufeff", b"\xff\xfe"])
def test_an_empty_file_is_refused(file, content):
    assert "empty" in refusal(file, content)


@pytest.mark.parametrize(
    "content",
    [
        b"\x89PNG\r\n\x1a\n\0\0", b"_id,barcode,ticketTypeId\n1,\x81\x8d,3\n",
        (as_lines(ROWS) * 3000).encode() + b"\xff\n", b"\xff\xfeabc",
    ],
)  # fmt: skip
def test_a_file_that_is_no_text_is_refused_with_the_mend(file, content):
    assert "UTF-8" in refusal(file, content)


@pytest.mark.parametrize(
    "content", ['[{"_id": "t-1"', "[1, 2", "[,]", "[1,]", "[1 2]", "[1] 2", "[" * 100_000, '["' + "x" * 2_000_000]
)
def test_an_array_that_is_cut_or_broken_is_refused(file, content):
    assert "not valid JSON" in refusal(file, content)


@pytest.mark.parametrize(
    "content", ["Dear all,\nplease find the list attached.\n", '"a string"', "42\n", "code;name\n1;2\n"]
)
def test_what_is_neither_json_nor_a_table_with_codes_is_refused(file, content):
    assert "barcode" in refusal(file, content)


@pytest.mark.parametrize("rows", [3, 5000])
def test_a_quotation_mark_that_is_never_closed_is_said_and_swallows_no_row_in_silence(file, rows):
    text = "_id,barcode,ticketTypeId,name\nt-1,CODE00001,s,Ada\n" + 't-2,CODE00002,s,"Bo\n'
    text += "".join(f"u-{n},CODE{n:05},s,A Guest\n" for n in range(10, 10 + rows))
    assert "quotation mark" in refusal(file, text)


def test_a_list_of_any_length_is_read_in_little_memory(file):
    import tracemalloc

    row = json.dumps(ROWS[0])
    file.write_text("[" + ",".join([row] * 100_000) + "]", encoding="utf-8")
    tracemalloc.start()
    assert sum(1 for _ in read_rows(file)) == 100_000
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()
