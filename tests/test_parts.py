"""Reports in, codes out."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kiosk.decode import MAX_BYTES, NOT_TEXT, TOO_LONG
from kiosk.descriptor import Field
from kiosk.model import Moment, Reading
from kiosk.parts import BYTES_LOST, PATIENCE_NS, Parts
from kiosk.reports import COMMON, Layout

Heard = list[str | tuple[str, str]]


def moment(ns: int = 0) -> Moment:
    return Moment(datetime(2026, 6, 1, 10, 0, tzinfo=UTC), 10**12 + ns, "boot")


def report(data: bytes, *, more: bool = False, aim: bytes = b"]Q1", length: int | None = None, id_: int = 2) -> bytes:
    """The common report of 64 bytes."""
    said = len(data) if length is None else length
    return bytes([id_, said]) + aim + data.ljust(56, b"\0") + b"s\0" + bytes([more])


def reports(code: bytes, aim: bytes = b"]Q1") -> list[bytes]:
    """What a scanner sends for a code."""
    pieces = [code[at : at + 56] for at in range(0, len(code), 56)] or [b""]
    return [report(piece, more=number < len(pieces) - 1, aim=aim) for number, piece in enumerate(pieces)]


def parts(layout: Layout = COMMON, prefix: str = "", suffix: str = "") -> Parts:
    return Parts("left", layout, prefix=prefix, suffix=suffix)


def heard(readings: Iterable[Reading]) -> Heard:
    """Say a whole code as itself, one with a flaw as a pair."""
    return [reading.code if reading.flaw is None else (reading.code, reading.flaw) for reading in readings]


def fed(decoder: Parts, sent: Iterable[bytes], ns: int = 0) -> Heard:
    return heard(reading for one in sent for reading in decoder.feed(one, moment(ns)))


# --- one code --------------------------------------------------------------------------------------------------------

LONG = b"M1GATHERGOOD/MICHAEL YABCDEF LHRDURAK 3542 052Y003D23  100 "

CODES: dict[str, tuple[bytes, Heard]] = {
    "one report": (b"TICKET-1", ["TICKET-1"]),
    "one report, full": (b"A" * 56, ["A" * 56]),
    "two reports": (LONG, [LONG.decode()]),
    "a character cut in two": (b"A" * 55 + "€".encode(), ["A" * 55 + "€"]),
    "nothing": (b"", []),
    "CR": (b"TICKET-1\r", ["TICKET-1"]),
    "CR and LF": (b"TICKET-1\r\n", ["TICKET-1"]),
    "TAB": (b"TICKET-1\t", ["TICKET-1"]),
    "ETX": (b"TICKET-1\x03", ["TICKET-1"]),
    "CR in the second report": (b"A" * 56 + b"\r", ["A" * 56]),
    "terminators alone": (b"\r\n\t", []),
    "NULs alone": (b"\0\0", []),
    "NULs around": (b"\0TICKET-1\0\0", ["TICKET-1"]),
    "a terminator inside belongs to the code": (b"A\rB", ["A\rB"]),
    "a NUL inside belongs to the code": (b"A\0B", ["A\0B"]),
    "spaces stay": (b" A B ", [" A B "]),
    "GS1 separators stay": (b"0104012345\x1d2112", ["0104012345\x1d2112"]),
    "what looks like an identifier stays": (b"]Q1A", ["]Q1A"]),
    "not UTF-8": (b"AB\xff", [("AB\\xff", NOT_TEXT)]),
    "512 characters": (b"A" * 512, ["A" * 512]),
    "512 characters of four bytes": (("🎟" * 512).encode(), ["🎟" * 512]),
    "512 characters of four bytes, CR and LF": (("🎟" * 512).encode() + b"\r\n", ["🎟" * 512]),
    "513 characters": (b"A" * 513, [("A" * 512, TOO_LONG)]),
    "513 characters of four bytes": (("🎟" * 513).encode(), [("🎟" * 512, TOO_LONG)]),
    "10,000 characters": (b"A" * 10_000, [("A" * 512, TOO_LONG)]),
}


@pytest.mark.parametrize(("code", "expected"), CODES.values(), ids=CODES)
def test_reports_become_codes_one_after_the_other(code: bytes, expected: Heard) -> None:
    assert fed(parts(), [*reports(code), *reports(b"NEXT"), *reports(code)]) == [*expected, "NEXT", *expected]


AFFIXES: dict[str, tuple[str, str, bytes, Heard]] = {
    "prefix": ("~", "", b"~A1", ["A1"]),
    "suffix": ("", "#", b"A1#", ["A1"]),
    "suffix before CR": ("", "#", b"A1#\r\n", ["A1"]),
    "a NUL before the prefix": ("~", "", b"\0~A1", ["A1"]),
    "both": ("ä", "€", "äA1€".encode(), ["A1"]),
    "a prefix that is not there": ("~", "#", b"A1", ["A1"]),
    "only one of two is taken off": ("~", "#", b"~~A1##", ["~A1#"]),
    "nothing between": ("~", "#", b"~#", []),
    "they do not count among the 512": ("~", "#", b"~" + "🎟".encode() * 512 + b"#\r\n", ["🎟" * 512]),
}


@pytest.mark.parametrize(("prefix", "suffix", "code", "expected"), AFFIXES.values(), ids=AFFIXES)
def test_what_the_scanner_adds_is_taken_off(prefix: str, suffix: str, code: bytes, expected: Heard) -> None:
    assert fed(parts(prefix=prefix, suffix=suffix), reports(code)) == expected


def test_the_aim_identifier_is_on_record_and_no_part_of_the_code() -> None:
    (reading,) = parts().feed(report(b"TICKET-1\r", aim=b"]C1"), moment(5))
    assert reading == Reading("left", "TICKET-1", b"]C1TICKET-1", moment(5))


def test_a_scanner_that_says_no_identifier_leaves_none_on_record() -> None:
    (reading,) = parts().feed(report(b"TICKET-1", aim=b"\0\0\0"), moment())
    assert reading.raw == b"TICKET-1"


def test_a_code_belongs_to_the_moment_of_its_last_report() -> None:
    decoder = parts()
    first, second = reports(LONG)
    assert decoder.feed(first, moment(0)) == []
    (reading,) = decoder.feed(second, moment(7))
    assert (reading.moment, reading.raw) == (moment(7), b"]Q1" + LONG)


def test_the_bytes_kept_are_bounded() -> None:
    decoder = parts()
    (reading,) = [reading for one in reports(b"\x80" * 9_999) for reading in decoder.feed(one, moment())]
    assert (reading.flaw, len(reading.raw)) == (TOO_LONG, len(b"]Q1") + MAX_BYTES)


def test_a_code_without_end_is_told_once_and_kept_no_longer() -> None:
    decoder = parts()
    endless = [report(b"A" * 56, more=True)] * 5_000
    assert fed(decoder, endless) == [("A" * 512, TOO_LONG)]
    assert fed(decoder, [report(b"TAIL"), report(b"NEXT")]) == ["NEXT"]


# --- reports that are not right --------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [57, 58, 128, 255])
@pytest.mark.parametrize("bound", [56, 255])
def test_a_length_beyond_the_data_is_refused_and_the_next_code_is_whole(length: int, bound: int) -> None:
    layout = Layout(2, COMMON.data, Field(8, 8, highest=bound), COMMON.identifier, COMMON.continued)
    assert fed(parts(layout), [report(b"A" * 56, length=length), report(b"OK")]) == [("", BYTES_LOST), "OK"]


def test_a_length_beyond_what_the_descriptor_allows_is_refused() -> None:
    strict = Layout(2, COMMON.data, Field(8, 8, lowest=2, highest=5), COMMON.identifier, COMMON.continued)
    sent = [report(data) for data in (b"A", b"AB", b"ABCDE", b"ABCDEF")]
    assert fed(parts(strict), sent) == [("", BYTES_LOST), "AB", "ABCDE", ("", BYTES_LOST)]


def test_a_wrong_length_in_mid_code_loses_all_of_it_and_is_told_once() -> None:
    first, _ = reports(LONG)
    sent = [first, report(b"", length=200, more=True), report(b"TAIL"), report(b"OK")]
    assert fed(parts(), sent) == [(LONG[:56].decode(), BYTES_LOST), "OK"]


def test_a_wrong_length_at_the_end_ends_the_code() -> None:
    first, _ = reports(LONG)
    assert fed(parts(), [first, report(b"", length=200), report(b"OK")]) == [(LONG[:56].decode(), BYTES_LOST), "OK"]


@pytest.mark.parametrize("length", [1, 2, 5, 60, 63])
def test_a_short_report_is_refused_and_so_is_what_may_be_its_rest(length: int) -> None:
    whole = report(b"TICKET-1")
    assert fed(parts(), [whole[:length], whole, whole]) == [("", BYTES_LOST), ("TICKET-1", BYTES_LOST), "TICKET-1"]


def test_a_report_that_is_longer_than_it_need_be_is_read() -> None:
    assert fed(parts(), [report(b"TICKET-1") + b"\xff" * 9]) == ["TICKET-1"]


@pytest.mark.parametrize("other", [b"", b"\x04", b"\x04" + b"A" * 63, b"\x01\x05]Q1WRONG" + bytes(54)])
def test_another_report_says_nothing_and_breaks_no_code(other: bytes) -> None:
    first, second = reports(LONG)
    assert fed(parts(), [other, first, other, second, other]) == [LONG.decode()]


def test_another_report_does_not_keep_half_a_code_alive() -> None:
    decoder = parts()
    decoder.feed(reports(LONG)[0], moment(0))
    assert decoder.feed(report(b"", id_=4), moment(PATIENCE_NS)) == []
    assert heard(decoder.silence(moment(PATIENCE_NS + 1))) == [(LONG[:56].decode(), BYTES_LOST)]


def test_another_identifier_in_mid_code_loses_it_and_what_came_with_the_other() -> None:
    sent = [report(b"A" * 56, more=True), report(b"B", aim=b"]C1"), report(b"OK", aim=b"]C1")]
    assert fed(parts(), sent) == [("A" * 56, BYTES_LOST), "OK"]
    sent.insert(1, report(b"C" * 56, aim=b"]C1", more=True))
    assert fed(parts(), sent) == [("A" * 56, BYTES_LOST), "OK"]


def test_each_code_may_have_its_own_identifier() -> None:
    sent = [*reports(LONG), *reports(b"TICKET-1", b"]C1"), *reports(LONG, b"]d2")]
    assert fed(parts(), sent) == [LONG.decode(), "TICKET-1", LONG.decode()]


# --- lost and late parts ---------------------------------------------------------------------------------------------

HALF = (LONG[:56].decode(), BYTES_LOST)
TAIL = (LONG[56:].decode(), BYTES_LOST)


@pytest.mark.parametrize("gap_ns", [0, 1, PATIENCE_NS])
def test_a_part_in_time_joins(gap_ns: int) -> None:
    decoder = parts()
    first, second = reports(LONG)
    assert fed(decoder, [first], 0) == []
    assert decoder.silence(moment(gap_ns)) == []
    assert fed(decoder, [second], gap_ns) == [LONG.decode()]


@pytest.mark.parametrize("gap_ns", [PATIENCE_NS + 1, PATIENCE_NS * 2, 10**13])
@pytest.mark.parametrize("watched", [True, False])
def test_a_late_tail_is_no_code_however_late_it_comes(gap_ns: int, watched: bool) -> None:
    decoder = parts()
    first, second = reports(LONG)
    assert fed(decoder, [first], 0) == []
    told = heard(decoder.silence(moment(PATIENCE_NS + 1))) if watched else []
    assert [*told, *fed(decoder, [second], gap_ns)] == [HALF, TAIL]
    assert fed(decoder, [report(b"OK")], gap_ns) == ["OK"]


def test_all_of_a_late_rest_is_told_once() -> None:
    decoder = parts()
    fed(decoder, reports(LONG)[:1], 0)
    rest = [report(b"B" * 56, more=True), report(b"C" * 56, more=True), report(b"D"), report(b"OK")]
    assert fed(decoder, rest, PATIENCE_NS * 2) == [HALF, ("B" * 56, BYTES_LOST), "OK"]


def test_a_tail_that_never_comes_costs_the_next_guest_one_more_scan_and_tells_so() -> None:
    decoder = parts()
    fed(decoder, reports(LONG)[:1], 0)
    assert fed(decoder, reports(b"NEXT") * 2, 10**10) == [HALF, ("NEXT", BYTES_LOST), "NEXT"]


def test_the_pause_is_counted_from_the_last_part_not_from_the_first() -> None:
    decoder = parts()
    code = bytes(range(65, 91)) * 20
    slow = [fed(decoder, [one], number * PATIENCE_NS) for number, one in enumerate(reports(code[:500]))]
    assert slow == [*[[]] * 8, [code[:500].decode()]]


def test_half_a_code_says_when_it_would_be_given_up_and_nothing_else_does() -> None:
    decoder = parts()
    assert decoder.due_ns() is None
    fed(decoder, reports(LONG)[:1], 7)
    due_ns = decoder.due_ns()
    assert due_ns is not None
    assert decoder.silence(moment(due_ns - 1 - moment().boottime_ns)) == []
    assert heard(decoder.silence(moment(due_ns - moment().boottime_ns))) == [HALF]
    assert decoder.due_ns() is None
    fed(decoder, [report(b"TAIL", more=True)])
    assert decoder.due_ns() is None


def test_half_a_code_is_given_up_once() -> None:
    decoder = parts()
    fed(decoder, reports(LONG)[:1], 0)
    assert heard(decoder.silence(moment(10**9))) == [HALF]
    assert decoder.silence(moment(10**10)) == []
    assert decoder.silence(moment(10**11)) == []


@pytest.mark.parametrize("ns", [0, PATIENCE_NS * 5])
def test_waiting_changes_nothing_where_nothing_was_begun(ns: int) -> None:
    decoder = parts()
    assert decoder.silence(moment(ns)) == []
    assert fed(decoder, reports(b"A"), ns) == ["A"]
    assert decoder.silence(moment(ns + 10**10)) == []
    assert fed(decoder, reports(b"B"), ns + 10**10) == ["B"]


def test_the_rest_of_a_code_that_was_given_up_is_waited_for_no_longer_than_any_part() -> None:
    decoder = parts()
    first, _ = reports(LONG)
    fed(decoder, [first, report(b"", aim=b"]C1", more=True)], 0)
    assert fed(decoder, [report(b"NEXT")], PATIENCE_NS + 1) == [("NEXT", BYTES_LOST)]


def test_after_a_gap_nothing_is_believed_up_to_the_end_of_a_code() -> None:
    decoder = parts()
    assert decoder.lose(moment()) == []
    assert fed(decoder, [*reports(LONG), *reports(b"OK")]) == [HALF, "OK"]
    assert decoder.lose(moment()) == []
    assert decoder.lose(moment()) == []
    assert fed(decoder, [*reports(b"A"), *reports(b"OK")]) == [("A", BYTES_LOST), "OK"]


def test_a_gap_in_mid_code_loses_both_halves() -> None:
    decoder = parts()
    first, second = reports(LONG)
    fed(decoder, [first])
    assert heard(decoder.lose(moment())) == [HALF]
    assert fed(decoder, [second, report(b"OK")]) == [TAIL, "OK"]


def test_what_was_given_up_leaves_no_bytes_behind() -> None:
    decoder = parts()
    fed(decoder, reports(LONG)[:1])
    decoder.lose(moment())
    assert fed(decoder, [report(b"X" * 56, more=True), report(b"Y"), *reports(LONG)]) == [
        ("X" * 56, BYTES_LOST), LONG.decode(),
    ]  # fmt: skip


# --- other shapes ----------------------------------------------------------------------------------------------------


def test_a_report_without_an_id_begins_with_its_first_field() -> None:
    plain = Layout(None, Field(8, 8, 8), Field(0, 8), continued=Field(72, 1))
    assert fed(parts(plain), [b"\x08ABCDEFGH\x01", b"\x02IJ......\x00", b"\x01X.......\x00"]) == ["ABCDEFGHIJ", "X"]


def test_fields_may_lie_between_bytes() -> None:
    crooked = Layout(7, Field(13, 8, 3), Field(8, 4), continued=Field(12, 1))
    bits = int.from_bytes(b"ABC", "little") << 5 | 3
    sent = [b"\x07" + (bits | more << 4).to_bytes(4, "little") for more in (1, 0)]
    assert fed(parts(crooked), sent) == ["ABCABC"]


def test_without_a_length_the_data_ends_before_its_padding() -> None:
    unmeasured = Layout(2, COMMON.data, identifier=COMMON.identifier, continued=COMMON.continued)
    assert fed(parts(unmeasured), [report(b"A\0B", length=0), report(b"A" * 56, more=True), report(b"C")]) == [
        "A\0B", "A" * 56 + "C",
    ]  # fmt: skip


def test_where_nothing_says_that_there_is_more_a_full_report_may_have_more() -> None:
    bare = Layout(None, Field(0, 8, 4))
    decoder = parts(bare)
    assert fed(decoder, [b"ABCD", b"EF\0\0", b"XYZ\0"]) == ["ABCDEF", "XYZ"]
    assert fed(decoder, [b"ABCD", b"\0\0\0\0"]) == ["ABCD"]
    assert fed(decoder, [b"ABCD"]) == []
    assert fed(decoder, [b"XYZ\0"], PATIENCE_NS * 2) == [("ABCD", BYTES_LOST), ("XYZ", BYTES_LOST)]


def test_where_neither_length_nor_continuation_can_be_known_the_next_report_is_in_doubt() -> None:
    measured = Layout(None, Field(8, 8, 4), Field(0, 8))
    sent = [b"\x05ABCD", b"\x02EF..", b"\x03XYZ."]
    assert fed(parts(measured), sent) == [("", BYTES_LOST), ("EF", BYTES_LOST), "XYZ"]


# --- whatever comes --------------------------------------------------------------------------------------------------

layouts = st.sampled_from(
    [
        COMMON,
        Layout(None, Field(8, 8, 8), Field(0, 8), continued=Field(72, 1)),
        Layout(None, Field(0, 8, 4)),
        Layout(7, Field(13, 8, 3), Field(8, 4, highest=3), (Field(37, 8),), Field(12, 1)),
    ]
)


@given(
    layouts, st.lists(st.tuples(st.binary(max_size=80), st.integers(0, PATIENCE_NS * 2), st.booleans()), max_size=30)
)
def test_whatever_comes_nothing_is_raised_and_no_code_is_made_up(layout, sent) -> None:
    decoder, now, data = parts(layout), 0, b""
    for body, pause, lost in sent:
        now += pause
        whole = body if layout.report_id is None else bytes([layout.report_id]) + body
        if lost:
            decoder.lose(moment(now))
        if len(whole) * 8 >= layout.bits:
            data += layout.data.content(whole)
        for reading in [*decoder.feed(whole, moment(now)), *decoder.silence(moment(now))]:
            assert len(reading.code) <= 512
            assert len(reading.raw) <= MAX_BYTES + 3
            if reading.flaw is None:
                assert all(character in data for character in reading.code.encode())


FATES = ["whole", "late", "cut", "gap"]
sendings = st.tuples(st.integers(1, 200), st.sampled_from(FATES), st.integers(0, 3), st.sampled_from([b"]Q1", b"]C1"]))


@settings(max_examples=300)
@given(st.lists(sendings, min_size=1, max_size=12))
def test_a_code_is_read_as_it_was_sent_or_told_as_unreadable(sent) -> None:
    """Codes come whole, with a late part, without their end, or with a known gap in the middle."""
    decoder, now, readings = parts(), 0, []
    codes = [f"{number:02}-".encode() + bytes(65 + at * 7 % 26 for at in range(length)) for number, (length, *_) in
             enumerate(sent)]  # fmt: skip
    for code, (_, fate, where, aim) in zip(codes, sent, strict=True):
        now += PATIENCE_NS * 3
        before = len(readings)
        for number, one in enumerate(reports(code, aim)):
            if fate == "cut" and number > where:
                break
            if fate == "late" and number == where + 1:
                now += PATIENCE_NS * 2
            if fate == "gap" and number == where + 1:
                readings += decoder.lose(moment(now))
                continue
            readings += decoder.feed(one, moment(now))
        readings += decoder.silence(moment(now + PATIENCE_NS * 2))
        assert len(readings) > before, "somebody was told nothing"
    assert {reading.code for reading in readings if reading.flaw is None} <= {code.decode() for code in codes}
    if all(fate == "whole" for _, fate, *_ in sent):
        assert heard(readings) == [code.decode() for code in codes]
