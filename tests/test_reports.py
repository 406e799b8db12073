"""Where scanners keep a code, by the descriptors that they bring along."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kiosk.descriptor import MAX_REPORT, Field
from kiosk.reports import COMMON, Layout, is_scanner, layout

# What scanners of the Honeywell family bring along: the common report as report 2, a switch, a way to send commands.
COMMON_REPORT = """
05 8C 09 02 A1 01              # bar code scanner: application
  09 12 A1 02 85 02            #   scanned data report
    15 00 26 FF 00 75 08
    95 01 05 01 09 3B 81 02    #     byte count
    95 03 05 8C 09 FB 09 FC 09 FD 81 02
    95 38 09 FE 82 02 01       #     56 bytes of decoded data
    06 66 FF 95 02 09 04 09 00 81 02
    05 8C 25 01 75 01 95 08 09 FF 81 02
  C0
  09 14 A1 02 85 04 75 01 95 08 09 00 09 5F 09 60 09 00 09 00 09 85 09 86 91 86 C0
  06 66 FF 75 08 26 FF 00
  09 03 A1 02 85 FE 95 01 09 03 B2 82 01 C0
  09 01 A1 02 85 FD 95 01 09 21 91 02 95 3E 09 22 92 82 01 C0
C0
"""

KEYBOARD = """
05 01 09 06 A1 01 {id} 05 07 19 E0 29 E7 15 00 25 01 75 01 95 08 81 02 95 01 75 08 81 03
95 05 75 01 05 08 19 01 29 05 91 02 95 01 75 03 91 03 95 06 75 08 15 00 25 65 05 07 19 00 29 65 81 00 C0
"""

# A keyboard first, then the scanner as report 5, its fields in another order and the flag in the middle of a byte.
BEHIND_A_KEYBOARD = (
    KEYBOARD.format(id="85 01")
    + """
05 8C 09 02 A1 01 85 05
  75 04 95 01 81 03 75 01 09 FF 81 02 75 03 81 03
  75 08 95 20 09 FE 82 02 01
  95 03 19 FB 29 FD 81 02
  A4 05 01 75 10 95 01 15 00 25 20 09 3B 81 02 B4
C0
"""
)

# One report and so no id: data and nothing else.
BARE = "05 8C 09 02 A1 01 15 00 26 FF 00 75 08 95 40 09 FE 81 02 C0"

# The page of bar code scanners, and what lies in the report is the maker's secret.
SECRETIVE = "05 8C 09 02 A1 01 06 00 FF 85 02 15 00 26 FF 00 75 08 95 3F 09 01 81 02 85 FE 95 01 09 02 B1 02 C0"

# Honeywell's remote management: the same fields, but on a page of its own.
REMOTE_MANAGEMENT = COMMON_REPORT.replace("05 8C 09 02 A1 01", "06 8C FF 09 02 A1 01", 1)


def bytes_of(text: str) -> bytes:
    return bytes.fromhex(re.sub(r"#.*", "", text))


def found(text: str) -> Layout:
    layout_ = layout(bytes_of(text))
    assert layout_ is not None
    return layout_


def test_the_common_report_is_found_where_it_says_it_is():
    assert found(COMMON_REPORT) == Layout(
        report_id=2,
        length=Field(8, 8, 1, 0, 255),
        identifier=(Field(16, 8), Field(24, 8), Field(32, 8)),
        data=Field(40, 8, 56, 0, 255),
        continued=Field(504, 1, 8, 0, 1),
        features=frozenset({254}),
    )


def test_the_common_report_lies_where_those_who_say_nothing_have_it():
    said, unsaid = found(COMMON_REPORT), COMMON
    for field in ("length", "data", "continued"):
        one, other = getattr(said, field), getattr(unsaid, field)
        assert (one.offset, one.size) == (other.offset, other.size)
    assert said.identifier == unsaid.identifier
    assert said.data.count == unsaid.data.count
    assert (unsaid.bits + 7) // 8 == (said.bits + 7) // 8 == 64


def test_a_report_behind_a_keyboards_has_its_fields_where_the_descriptor_puts_them():
    assert found(BEHIND_A_KEYBOARD) == Layout(
        report_id=5,
        continued=Field(12, 1, 1, 0, 101),  # bounds are the keyboard's: globals last until they change
        data=Field(16, 8, 32, 0, 101),
        identifier=(Field(272, 8), Field(280, 8), Field(288, 8)),
        length=Field(296, 16, 1, 0, 32),
    )


def test_a_report_of_data_alone_has_no_id():
    assert found(BARE) == Layout(report_id=None, data=Field(0, 8, 64, 0, 255))


def test_where_the_fields_are_a_secret_the_common_shape_is_used():
    assert found(SECRETIVE) == Layout(
        2, COMMON.data, COMMON.length, COMMON.identifier, COMMON.continued, frozenset({254})
    )


def test_data_that_is_not_of_whole_bytes_is_no_field():
    assert found("05 8C 09 02 A1 01 85 07 75 07 95 08 09 FE 81 02 C0") == COMMON


def test_the_first_report_that_has_data_is_the_one():
    other = "05 8C 09 02 A1 01 75 08 95 04 85 07 09 FE 81 02 85 03 09 FB 81 02 85 05 09 FE 81 02 C0"
    assert found(other).report_id == 5


@pytest.mark.parametrize(
    ("fields", "offsets"),
    {
        "95 03 09 FB 81 02": [8, 16, 24],
        "95 01 09 FB 81 02 09 FD 81 02 09 FC 81 02": [8, 24, 16],
        "95 08 09 FB 09 FC 09 FD 81 02": [8, 16, 24],
        "95 01 09 FB 81 02": [8],
        "75 10 95 01 09 FB 81 02 75 08": [],
        "": [],
    }.items(),
)
def test_the_aim_identifier_is_three_bytes_however_they_are_named(fields, offsets):
    text = "05 8C 09 02 A1 01 85 02 75 08 " + fields + " 95 10 09 FE 81 02 C0"
    assert [(field.offset, field.size) for field in found(text).identifier] == [(offset, 8) for offset in offsets]


@pytest.mark.parametrize("text", [COMMON_REPORT, BEHIND_A_KEYBOARD, BARE, SECRETIVE, "06 8C 00 09 02 A1 01 C0"])
def test_a_scanner_is_known_by_its_descriptor(text):
    assert is_scanner(bytes_of(text))


@pytest.mark.parametrize(
    "text",
    ["", KEYBOARD.format(id=""), REMOTE_MANAGEMENT, "06 00 FF 09 01 A1 01 75 08 95 40 09 01 81 02 C0", BARE[:-2], "05"],
)
def test_nothing_else_is_a_scanner(text):
    assert not is_scanner(bytes_of(text))
    assert layout(bytes_of(text)) is None


REAL = [bytes_of(text) for text in (COMMON_REPORT, BEHIND_A_KEYBOARD, BARE, SECRETIVE, REMOTE_MANAGEMENT)]


@given(st.sampled_from(REAL), st.lists(st.tuples(st.integers(0, 300), st.integers(0, 255)), max_size=8))
def test_whatever_is_wrong_with_a_descriptor_a_layout_is_one_that_can_be_read(descriptor, wrong):
    changed = bytearray(descriptor)
    for at, byte in wrong:
        changed[at % len(changed)] = byte
    for some in (bytes(changed), bytes(changed[: len(changed) // 2])):
        layout_ = layout(some)
        assert is_scanner(some) is (layout_ is not None)
        if layout_ is not None:
            assert 0 < layout_.bits <= MAX_REPORT * 8
            assert layout_.data.size * layout_.data.count % 8 == 0
