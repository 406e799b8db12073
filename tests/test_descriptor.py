"""Report descriptors, item by item."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kiosk.descriptor import MAX_DESCRIPTOR, MAX_REPORT, Described, Field, read

PAGE = 0x8C
A, B, C = (PAGE, 0x0A), (PAGE, 0x0B), (PAGE, 0x0C)
COUNT = (0x01, 0x3B)

TOP = "05 8C 09 02 A1 01 "
BYTES = "75 08 "
END = " C0"


def bytes_of(text: str) -> bytes:
    return bytes.fromhex(re.sub(r"#.*", "", text))


def described(text: str) -> Described | None:
    return read(bytes_of(text), PAGE, (A, B, C, COUNT))


def fields(text: str, report_id: int = 0) -> dict[tuple[int, int], tuple[int, int, int]]:
    """Offset, size and count of what one report has."""
    found = described(text)
    assert found is not None
    return {usage: (at.offset, at.size, at.count) for usage, at in found.fields.get(report_id, {}).items()}


# --- where a field lies ----------------------------------------------------------------------------------------------

PLACES = {
    "one field": (BYTES + "95 01 09 0A 81 02", {A: (0, 8, 1)}),
    "the last usage is that of all that follow": (BYTES + "95 05 09 0A 09 0B 81 02", {A: (0, 8, 1), B: (8, 8, 4)}),
    "a usage too many has no value": (BYTES + "95 01 09 0A 09 0B 81 02", {A: (0, 8, 1)}),
    "a range": (BYTES + "95 03 19 0A 29 0C 81 02", {A: (0, 8, 1), B: (8, 8, 1), C: (16, 8, 1)}),
    "behind a range": (BYTES + "95 04 19 01 29 03 09 0A 81 02", {A: (24, 8, 1)}),
    "a range that begins before": (BYTES + "95 04 19 09 29 0B 81 02", {A: (8, 8, 1), B: (16, 8, 2)}),
    "a range of a whole page": (BYTES + "95 04 1B 00 00 8C 00 2B FF FF 8C 00 81 02", {}),
    "a range that runs backwards": (BYTES + "95 01 19 0C 29 0A 09 0B 81 02", {B: (0, 8, 1)}),
    "a range without a beginning begins at 0": (BYTES + "95 20 29 0A 81 02", {A: (80, 8, 22)}),
    "in bits": ("75 03 95 01 09 0A 81 02 75 01 09 0B 81 02", {A: (0, 3, 1), B: (3, 1, 1)}),
    "behind padding": ("75 08 95 03 81 03 95 01 09 0A 81 02", {A: (24, 8, 1)}),
    "behind what nobody asked for": (BYTES + "95 02 09 77 81 02 09 0A 81 02", {A: (16, 8, 2)}),
    "outputs and features take no room": (BYTES + "95 09 09 0A 91 02 09 0A B1 02 95 01 09 0B 81 02", {B: (0, 8, 1)}),
    "usages end with their main item": (BYTES + "95 01 09 0A 91 02 81 02", {}),
    "a range ends with its main item": (BYTES + "95 01 19 0A 91 02 29 0A 81 02", {}),
    "padding has no usage": (BYTES + "95 01 09 0A 81 03", {}),
    "an array of one usage is the data itself": (BYTES + "95 38 09 0A 81 00", {A: (0, 8, 56)}),
    "an array that chooses is not": (BYTES + "95 38 19 0A 29 0C 81 00", {}),
    "an array of two usages is not": (BYTES + "95 38 09 0A 09 0B 81 00", {}),
    "buffered bytes": (BYTES + "95 38 09 0A 82 02 01", {A: (0, 8, 56)}),
    "the first of two": (BYTES + "95 01 09 0A 81 02 09 0A 81 02", {A: (0, 8, 1)}),
    "no size": ("95 01 09 0A 81 02", {}),
    "no count": (BYTES + "09 0A 81 02", {}),
    "sizes of two and four bytes": ("76 08 00 97 02 00 00 00 0A 0A 00 81 02", {A: (0, 8, 2)}),
    "a long item is skipped": (BYTES + "FE 03 F0 05 07 C0 95 01 09 0A 81 02", {A: (0, 8, 1)}),
    "a reserved item is skipped": (BYTES + "0D 99 95 01 09 0A 81 02", {A: (0, 8, 1)}),
    "a nested collection": (BYTES + "95 01 09 77 A1 02 09 0A 81 02 C0", {A: (0, 8, 1)}),
    "alternatives: the first": (
        BYTES + "95 03 A9 01 09 0A 09 77 A9 00 09 0B 09 0C 81 02", {A: (0, 8, 1), B: (8, 8, 1), C: (16, 8, 1)},
    ),
    "alternatives end with their main item": (
        BYTES + "95 02 A9 01 09 0A 81 02 09 0B 09 0C 81 02", {A: (0, 8, 2), B: (16, 8, 1), C: (24, 8, 1)},
    ),
    "pushed and popped": (BYTES + "95 01 A4 75 01 95 07 81 03 B4 09 0A 81 02", {A: (7, 8, 1)}),
    "pushed twice": (BYTES + "95 01 A4 A4 75 01 B4 75 04 B4 09 0A 81 02", {A: (0, 8, 1)}),
}  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), PLACES.values(), ids=PLACES)
def test_a_field_lies_where_the_descriptor_says(text, expected):
    assert fields(TOP + text + END) == expected


PAGES = {
    "of another page": ("05 01 09 0A 81 02", {}),
    "of two pages": ("05 01 09 3B 81 02 05 8C 09 0A 81 02", {COUNT: (0, 8, 1), A: (8, 8, 1)}),
    "of two pages in one item": ("95 02 05 01 09 3B 05 8C 09 0A 81 02", {COUNT: (0, 8, 1), A: (8, 8, 1)}),
    "the page comes behind its usages": ("95 02 05 07 09 0A 09 0B 05 8C 81 02", {A: (0, 8, 1), B: (8, 8, 1)}),
    "the page comes behind a range": ("95 02 05 07 19 0A 29 0B 05 8C 81 02", {A: (0, 8, 1), B: (8, 8, 1)}),
    "usages that name their page": (
        "95 02 05 07 0B 3B 00 01 00 0B 0A 00 8C 00 81 02", {COUNT: (0, 8, 1), A: (8, 8, 1)},
    ),
    "such a one does not end what waits for its page": (
        "95 02 05 07 09 0A 0B 3B 00 01 00 05 8C 81 02", {A: (0, 8, 1), COUNT: (8, 8, 1)},
    ),
    "pages of two bytes": ("06 8C FF 09 0A 81 02", {}),
}  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), PAGES.values(), ids=PAGES)
def test_a_usage_belongs_to_its_page(text, expected):
    assert fields(TOP + BYTES + "95 01" + text + END) == expected


def test_each_report_counts_its_own_bits_from_behind_its_id():
    text = TOP + BYTES + "95 02 85 01 09 0A 81 02 85 FE 09 0B 81 02 85 01 09 0C 81 02" + END
    assert fields(text, 1) == {A: (8, 8, 2), C: (24, 8, 2)}
    assert fields(text, 254) == {B: (8, 8, 2)}


@pytest.mark.parametrize("late", ["85 03 91 02", "85 03 B1 02", "85 03 81 02"])
def test_where_any_report_has_an_id_all_have(late):
    assert fields(TOP + BYTES + "95 01 09 0A 81 02" + late + END) == {}


def test_the_feature_reports_are_named():
    found = described(TOP + BYTES + "95 01 85 FE 09 03 B1 02 85 05 09 04 B1 02 85 02 09 0A 81 02" + END)
    assert found is not None
    assert found.features == {254, 5}


BOUNDS = {
    "15 00 26 FF 00": (0, 255),
    "15 00 25 FF": (0, 255),
    "15 01 25 38": (1, 56),
    "15 80 25 7F": (-128, 127),
    "15 81 25 FF": (-127, -1),
    "": (0, 0),
}


@pytest.mark.parametrize(("text", "expected"), BOUNDS.items())
def test_a_field_knows_what_its_values_may_be(text, expected):
    found = described(TOP + text + BYTES + "95 01 09 0A 81 02" + END)
    assert found is not None
    assert (found.fields[0][A].lowest, found.fields[0][A].highest) == expected


# --- whose fields ----------------------------------------------------------------------------------------------------

KEYBOARD = "05 01 09 06 A1 01 05 07 75 08 95 08 19 E0 29 E7 81 02 C0 "


def test_only_the_collections_of_the_page_count_and_the_others_take_their_room():
    assert fields(KEYBOARD + TOP + BYTES + "95 01 09 0A 81 02" + END) == {A: (64, 8, 1)}
    assert fields(TOP + BYTES + "95 01 09 0A 81 02" + END + "09 0B 81 02") == {A: (0, 8, 1)}
    assert fields(TOP + BYTES + "95 01 09 0A 81 02" + END + KEYBOARD + BYTES + "05 8C 09 0B 81 02") == {A: (0, 8, 1)}
    assert fields("05 01 09 06 A1 01 05 8C 09 02 A1 01" + BYTES + "95 01 09 0A 81 02 C0 C0" + TOP + END) == {}


@pytest.mark.parametrize(
    ("text", "expected"),
    {
        TOP + END: True,
        "06 8C 00 09 02 A1 01 C0": True,
        "0B 02 00 8C 00 A1 01 C0": True,
        "09 02 05 8C A1 01 C0": True,
        KEYBOARD + TOP + END: True,
        TOP + END + KEYBOARD: True,
        "": False,
        KEYBOARD: False,
        "05 8C": False,
        "05 8C 09 02": False,
        "05 8C A1 01 C0": False,
        "06 8C FF 09 02 A1 01 05 8C 09 0A 81 02 C0": False,
        "05 01 09 06 A1 01 05 8C 09 02 A1 01 C0 C0": False,
    }.items(),
)
def test_a_collection_of_the_page_is_one_at_the_top(text, expected):
    found = described(text)
    assert found is not None
    assert found.found is expected


# --- what is malformed -----------------------------------------------------------------------------------------------

MALFORMED = {
    "an item without its byte": TOP + END + "05",
    "an item without one of its four": TOP + END + "0B 02 00 8C",
    "a long item without its size": TOP + END + "FE",
    "a long item without its tag": TOP + END + "FE 00",
    "a long item without its data": TOP + END + "FE 02 F0 00",
    "a collection that never ends": TOP,
    "an end too many": TOP + END + END,
    "an end before the beginning": "C0" + TOP,
    "popped without being pushed": TOP + "B4" + END,
    "popped twice": TOP + "A4 B4 B4" + END,
    "the report id 0": TOP + "85 00" + END,
    "a report id of two bytes": TOP + "86 00 01" + END,
    "a report without end": TOP + "75 FF 97 FF FF FF 7F 81 03" + END,
    "a value without end": TOP + "77 FF FF FF FF 95 01 09 0A 81 02" + END,
    "a report just too long": TOP + BYTES + "96 01 40 09 0A 81 02" + END,
}


@pytest.mark.parametrize("text", MALFORMED.values(), ids=MALFORMED)
def test_what_does_not_add_up_says_nothing(text):
    assert described(text) is None


def test_the_longest_report_and_the_longest_descriptor_are_read():
    assert fields(TOP + BYTES + "96 00 40 09 0A 81 02" + END) == {A: (0, 8, MAX_REPORT)}
    start, end = bytes_of(TOP), bytes_of(END)
    filled = start + b"\x00" * (MAX_DESCRIPTOR - len(start) - len(end)) + end  # 00 is a reserved main item
    assert read(filled, PAGE, ()) is not None
    assert read(b"\x00" + filled, PAGE, ()) is None


WHOLE = TOP + BYTES + "85 02 95 03 A4 19 0A 29 0C 81 02 B4 FE 01 F0 77 0B 3B 00 01 00 81 02" + END


@pytest.mark.parametrize("length", range(1, len(bytes_of(WHOLE))))
def test_a_descriptor_that_breaks_off_names_no_fields(length):
    found = read(bytes_of(WHOLE)[:length], PAGE, (A, B, C, COUNT))
    assert found is None or not (found.found or found.fields)


@given(st.binary(max_size=200))
@example(b"\xa4" * MAX_DESCRIPTOR)
@example(b"\xa1\x01" * (MAX_DESCRIPTOR // 2))
@example(bytes_of(TOP) + b"\x75\x08" + b"\x09\x0a\x81\x02" * 1_000 + b"\xc0")
def test_whatever_the_bytes_are_nothing_is_raised(descriptor):
    check(read(descriptor, PAGE, (A, B, C, COUNT)))


@given(st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=4)), max_size=60))
def test_whatever_the_items_are_nothing_is_raised(items):
    sized = [(prefix & 0xFC | {0: 0, 1: 1, 2: 2}.get(len(data), 3), data) for prefix, data in items]
    body = b"".join(bytes([prefix]) + data.ljust((0, 1, 2, 4)[prefix & 3], b"\0") for prefix, data in sized)
    check(read(bytes_of(TOP) + body + bytes_of(END), PAGE, (A, B, C, COUNT)))


def check(found: Described | None) -> None:
    """Every field lies in a report that can be."""
    for fields in found.fields.values() if found else ():
        for field in fields.values():
            assert 0 <= field.offset < field.end <= MAX_REPORT * 8


# --- reading a field -------------------------------------------------------------------------------------------------


@given(st.binary(min_size=1, max_size=80), st.data())
def test_a_field_is_read_bit_by_bit_from_the_lowest(report, data):
    bits = [byte >> bit & 1 for byte in report for bit in range(8)]
    offset = data.draw(st.integers(0, len(bits) - 1))
    size = data.draw(st.integers(1, len(bits) - offset))
    expected = sum(bit << number for number, bit in enumerate(bits[offset : offset + size]))
    assert Field(offset, size).value(report) == expected
    if size % 8 == 0:
        assert Field(offset, 8, size // 8).content(report) == expected.to_bytes(size // 8, "little")


@given(st.lists(st.tuples(st.sampled_from([A, B, C, None]), st.integers(1, 33), st.integers(1, 9)), max_size=20))
def test_fields_lie_one_behind_the_other(wanted):
    text, offset, expected = TOP, 0, {}
    for usage, size, count in wanted:
        text += f"75 {size:02X} 95 {count:02X} " + ("81 03 " if usage is None else f"09 {usage[1]:02X} 81 02 ")
        if usage is not None:
            expected.setdefault(usage, (offset, size, count))
        offset += size * count
    assert fields(text + END) == expected
