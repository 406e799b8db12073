"""Bytes in, codes out."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from kiosk.decode import (
    DAMAGED,
    HALF,
    KEYS_LOST,
    LATE,
    MAX_BYTES,
    MAX_CHARACTERS,
    MISSED,
    NOT_TEXT,
    TOO_LONG,
    Frames,
    whole,
)
from kiosk.model import Answer, Direction, Moment, Reading

Heard = list[str | tuple[str, str]]

IDLE_NS = 120_000_000
EURO_512 = "€" * 512


def moment(ns: int = 0) -> Moment:
    return Moment(datetime(2026, 6, 1, 10, 0, tzinfo=UTC), 10**12 + ns, "boot")


def heard(readings: Iterable[Reading]) -> Heard:
    """Say a whole code as itself, one with a flaw as a pair."""
    return [reading.code if reading.flaw is None else (reading.code, reading.flaw) for reading in readings]


def frames(**recipe: str | int) -> Frames:
    return Frames("left", **recipe)  # type: ignore[arg-type]


def fed(decoder: Frames, pieces: Iterable[bytes]) -> list[Reading]:
    return [reading for piece in pieces for reading in decoder.feed(piece, moment())]


def in_one_piece(data: bytes) -> list[bytes]:
    return [data]


def byte_by_byte(data: bytes) -> list[bytes]:
    return [bytes([byte]) for byte in data]


def with_rubbish_behind(data: bytes) -> list[bytes]:
    return [data, b"\0\xff\x02ru", b"", b"bbish\xe2"]


EVERY_WAY = pytest.mark.parametrize("cut", [in_one_piece, byte_by_byte, with_rubbish_behind])

# --- bytes -----------------------------------------------------------------------------------------------------------

CODES: dict[str, tuple[bytes, Heard]] = {
    "CR": (b"TICKET-1\r", ["TICKET-1"]),
    "LF": (b"TICKET-1\n", ["TICKET-1"]),
    "CR and LF": (b"TICKET-1\r\n", ["TICKET-1"]),
    "TAB": (b"TICKET-1\t", ["TICKET-1"]),
    "ETX": (b"TICKET-1\x03", ["TICKET-1"]),
    "STX before, ETX behind": (b"\x02TICKET-1\x03\x02TICKET-2\x03", ["TICKET-1", "TICKET-2"]),
    "STX twice": (b"\x02\x02TICKET-1\r", ["TICKET-1"]),
    "STX inside belongs to the code": (b"X\x02B\r", ["X\x02B"]),
    "two codes": (b"ONE\rTWO\r", ["ONE", "TWO"]),
    "the same code twice": (b"ONE\r\nONE\r\n", ["ONE", "ONE"]),
    "every terminator in a row": (b"ONE\r\n\t\x03TWO\n", ["ONE", "TWO"]),
    "terminators alone": (b"\r\n\t\x03\x02\r", []),
    "no terminator": (b"TICKET-1", []),
    "NULs around": (b"\0\0TICKET-1\0\r", ["TICKET-1"]),
    "NULs alone": (b"\0\0\r", []),
    "a NUL inside belongs to the code": (b"A\0B\r", ["A\0B"]),
    "STX behind NULs": (b"\0\0\x02TICKET-1\x03", ["TICKET-1"]),
    "spaces stay": (b" A B \r", [" A B "]),
    "letters stay": (b"XAX\r", ["XAX"]),
    "base64 stays as it is (C1.18)": (b"abc+-/==\r", ["abc+-/=="]),
    "GS1 separators stay (C7.68)": (b"0104012345\x1d2112\r", ["0104012345\x1d2112"]),
    "leading zeros stay": (b"000123\r", ["000123"]),
    "UTF-8": ("Grüße-€\r".encode(), ["Grüße-€"]),
    "not UTF-8": (b"AB\xffCD\r", [("AB\\xffCD", NOT_TEXT)]),
    "half a character": (b"AB\xe2\x82\rOK\r", [("AB\\xe2\\x82", NOT_TEXT), "OK"]),
    "Latin-1": ("Grüße".encode("latin-1") + b"\n", [("Gr\\xfc\\xdfe", NOT_TEXT)]),
    "512 characters": (b"A" * 512 + b"\r", ["A" * 512]),
    "512 characters of three bytes": (EURO_512.encode() + b"\r", [EURO_512]),
    "512 characters of four bytes": (("🎟" * 512).encode() + b"\r", ["🎟" * 512]),
    "512 characters, then another code": (b"A" * 512 + b"\rB\r", ["A" * 512, "B"]),
    "513 characters": (b"A" * 513, [("A" * 512, TOO_LONG)]),
    "513 characters of three bytes": ((EURO_512 + "€").encode(), [(EURO_512, TOO_LONG)]),
    "513 characters of four bytes": (("🎟" * 513).encode(), [("🎟" * 512, TOO_LONG)]),
    "10,000 characters and a code": (b"A" * 10_000 + b"\rOK\r", [("A" * 512, TOO_LONG), "OK"]),
    "too long, CR and LF": (b"A" * 600 + b"\r\nOK\r\n", [("A" * 512, TOO_LONG), "OK"]),
    "too long twice": (b"A" * 600 + b"\t" + b"B" * 600, [("A" * 512, TOO_LONG), ("B" * 512, TOO_LONG)]),
    "bytes that begin no character": (b"\x80" * 2049 + b"\rOK\r", [("\\x80" * 128, TOO_LONG), "OK"]),
    "as many of them as fit": (b"\x80" * 2048 + b"\r", [("\\x80" * 128, NOT_TEXT)]),
    "escapes longer than the text": (b"\xff" * 500 + b"\r", [("\\xff" * 128, NOT_TEXT)]),
}


@EVERY_WAY
@pytest.mark.parametrize(("data", "expected"), CODES.values(), ids=CODES)
def test_bytes_become_codes(data: bytes, expected: Heard, cut: Callable[[bytes], list[bytes]]) -> None:
    assert heard(fed(frames(), cut(data))) == expected


AFFIXES: dict[str, tuple[str, str, bytes, Heard]] = {
    "prefix": ("~", "", b"~A1\r", ["A1"]),
    "suffix": ("", "#", b"A1#\r", ["A1"]),
    "both": ("]Q1", "##", b"]Q1A1##\r\n", ["A1"]),
    "a prefix that is not there": ("~", "", b"A1\r", ["A1"]),
    "a suffix that is not there": ("", "#", b"A1\r", ["A1"]),
    "only one of two is taken off": ("~", "#", b"~~A1##\r", ["~A1#"]),
    "nothing between": ("~", "#", b"~#\r", []),
    "not in the middle": ("~", "#", b"A~#1\r", ["A~#1"]),
    "not ASCII": ("ä", "€", "äA1€\r".encode(), ["A1"]),
    "behind STX": ("~", "", b"\x02~A1\x03", ["A1"]),
    "NULs before the prefix": ("~", "", b"\0~A1\r", ["A1"]),
    "NULs behind the suffix": ("", "#", b"A1#\0\0\r", ["A1"]),
    "they do not count among the 512": ("~", "#", b"~" + b"A" * 512 + b"#\r", ["A" * 512]),
    "513 between them are too many": ("~", "#", b"~" + b"A" * 513 + b"#\rOK\r", [("~" + "A" * 511, TOO_LONG), "OK"]),
}


@EVERY_WAY
@pytest.mark.parametrize(("prefix", "suffix", "data", "expected"), AFFIXES.values(), ids=AFFIXES)
def test_what_the_scanner_adds_is_taken_off(
    prefix: str, suffix: str, data: bytes, expected: Heard, cut: Callable[[bytes], list[bytes]]
) -> None:
    assert heard(fed(frames(prefix=prefix, suffix=suffix), cut(data))) == expected


def test_a_reading_knows_its_lane_its_moment_and_its_bytes() -> None:
    (reading,) = frames(prefix="~").feed("~Gr\u00fc\u00dfe\0\r".encode(), moment(5))
    assert reading == Reading("left", "Grüße", "Grüße".encode(), moment(5))


def test_a_code_belongs_to_the_moment_in_which_it_ends() -> None:
    decoder = frames()
    assert decoder.feed(b"AB", moment(0)) == []
    assert [reading.moment for reading in decoder.feed(b"C\r", moment(7))] == [moment(7)]


def test_a_code_that_is_too_long_is_told_at_its_513th_character_and_never_again() -> None:
    decoder = frames()
    assert decoder.feed(b"A" * 512, moment()) == []
    (reading,) = decoder.feed(b"A", moment())
    assert reading == Reading("left", "A" * 512, b"A" * 513, moment(), TOO_LONG)
    assert decoder.feed(b"A" * 5_000, moment()) == []
    assert decoder.feed(b"\r", moment()) == []
    assert heard(decoder.feed(b"OK\r", moment())) == ["OK"]


def test_the_bytes_kept_of_a_code_that_is_too_long_are_bounded() -> None:
    (reading,) = frames().feed(b"\x80" * 9_999, moment())
    assert reading.raw == b"\x80" * MAX_BYTES
    (reading,) = frames().feed(("🎟" * 600).encode(), moment())
    assert reading.raw == ("🎟" * 512).encode()


def test_the_first_code_after_the_machine_woke_is_like_any_other() -> None:
    woke = Moment(datetime(1970, 1, 1, tzinfo=UTC), 0, "boot")
    assert heard(frames().feed(b"A" * 512 + b"\r", woke)) == ["A" * 512]


def test_the_count_of_characters_starts_again_with_each_code() -> None:
    codes = ["A" * 300, "B" * 300, "C" * 300]
    assert heard(frames().feed("\r".join([*codes, ""]).encode(), moment())) == codes


# --- silence ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("gap_ns", [0, 1, IDLE_NS - 1, IDLE_NS])
def test_a_pause_within_the_idle_time_does_not_break_a_code(gap_ns: int) -> None:
    decoder = frames()
    decoder.feed(b"HALF", moment(0))
    assert heard(decoder.feed(b"-WHOLE\r", moment(gap_ns))) == ["HALF-WHOLE"]


@pytest.mark.parametrize("gap_ns", [IDLE_NS + 1, IDLE_NS * 2, 10**12])
def test_half_a_code_followed_by_silence_never_joins_the_next_guests(gap_ns: int) -> None:
    decoder = frames()
    decoder.feed(b"HALF", moment(0))
    assert heard(decoder.feed(b"NEXT\r", moment(gap_ns))) == [("HALF", HALF), "NEXT"]


def test_the_pause_is_counted_from_the_last_bytes_not_from_the_first() -> None:
    decoder = frames()
    pauses = [decoder.feed(byte, moment(number * IDLE_NS)) for number, byte in enumerate(byte_by_byte(b"SLOW-1"))]
    assert pauses == [[]] * 6
    assert heard(decoder.feed(b"\r", moment(6 * IDLE_NS))) == ["SLOW-1"]


def test_the_idle_time_is_the_scanners_own() -> None:
    patient, hasty = frames(idle_ms=500), frames(idle_ms=10)
    for decoder in (patient, hasty):
        decoder.feed(b"A", moment(0))
    assert heard(patient.feed(b"B\r", moment(500_000_000))) == ["AB"]
    assert heard(hasty.feed(b"B\r", moment(10_000_001))) == [("A", HALF), "B"]


def test_each_half_code_is_counted_once_and_silence_without_one_not_at_all() -> None:
    decoder = frames()
    arrivals = enumerate([b"A", b"B", b"", b"C\r", b"", b"D"])
    said = [heard(decoder.feed(data, moment(number * IDLE_NS * 2))) for number, data in arrivals]
    assert said == [[], [("A", HALF)], [("B", HALF)], ["C"], [], []]


def test_a_terminator_that_comes_after_the_silence_ends_nothing() -> None:
    decoder = frames()
    decoder.feed(b"HALF", moment(0))
    assert heard(decoder.feed(b"\r", moment(IDLE_NS * 3))) == [("HALF", HALF)]


def test_the_characters_of_a_dropped_half_code_no_longer_count() -> None:
    decoder = frames()
    decoder.feed(b"A" * 400, moment(0))
    assert heard(decoder.feed(b"B" * 400 + b"\r", moment(IDLE_NS * 2))) == [("A" * 400, HALF), "B" * 400]


def test_silence_ends_what_was_being_discarded() -> None:
    decoder = frames()
    decoder.feed(b"A" * 600, moment(0))
    assert heard(decoder.feed(b"NEXT\r", moment(IDLE_NS + 1))) == ["NEXT"]


def test_silence_that_is_noticed_drops_the_half_at_once_and_only_once() -> None:
    decoder = frames()
    assert decoder.due_ns() is None
    decoder.feed(b"HALF", moment(0))
    assert decoder.due_ns() == moment(IDLE_NS + 1).boottime_ns
    assert decoder.silence(moment(IDLE_NS)) == []
    assert heard(decoder.silence(moment(IDLE_NS + 1))) == [("HALF", HALF)]
    assert decoder.due_ns() is None
    assert decoder.silence(moment(IDLE_NS * 9)) == []


def test_looking_in_vain_does_not_make_the_silence_longer() -> None:
    decoder = frames()
    decoder.feed(b"HALF", moment(0))
    decoder.silence(moment(IDLE_NS - 1))
    assert heard(decoder.silence(moment(IDLE_NS + 1))) == [("HALF", HALF)]


# --- without a terminator --------------------------------------------------------------------------------------------


def test_where_no_terminator_is_sent_silence_ends_a_code() -> None:
    decoder = Frames("left", terminated=False)
    assert decoder.feed(b"TKT-", moment(0)) == []
    assert decoder.feed(b"1", moment(IDLE_NS)) == []
    assert heard(decoder.silence(moment(IDLE_NS * 2 + 1))) == ["TKT-1"]
    decoder.feed(b"TKT-2", moment(IDLE_NS * 3))
    assert heard(decoder.feed(b"TKT-3", moment(IDLE_NS * 5))) == ["TKT-2"]
    assert heard(decoder.feed(b"\r\n", moment(IDLE_NS * 5))) == ["TKT-3"]  # one that is sent all the same ends it, too
    assert decoder.silence(moment(IDLE_NS * 9)) == []


def test_where_no_terminator_is_sent_a_loss_lasts_until_the_silence() -> None:
    decoder = Frames("left", terminated=False)
    decoder.feed(b"AB", moment(0))
    decoder.lose(moment(1), KEYS_LOST)
    assert decoder.feed(b"CD", moment(2)) == []
    assert decoder.due_ns() == moment(IDLE_NS + 3).boottime_ns
    assert decoder.silence(moment(IDLE_NS * 2)) == []
    decoder.feed(b"OK", moment(IDLE_NS * 2))
    assert heard(decoder.silence(moment(IDLE_NS * 4))) == ["OK"]


# --- read late -------------------------------------------------------------------------------------------------------


def test_what_is_read_late_in_the_middle_of_a_code_is_lost_up_to_its_terminator_neither_cut_nor_joined() -> None:
    decoder = frames()
    decoder.receive(b"TKT-", moment(0))
    assert heard(decoder.receive(b"0001\rTKT-0002\r", moment(IDLE_NS + 1))) == [("TKT-", LATE), "TKT-0002"]


def test_what_is_read_late_goes_on_being_lost_in_later_pieces() -> None:
    decoder = frames()
    decoder.receive(b"TKT-", moment(0))
    assert heard(decoder.receive(b"00", moment(IDLE_NS + 1))) == [("TKT-", LATE)]
    assert decoder.receive(b"01", moment(IDLE_NS + 2)) == []
    assert heard(decoder.receive(b"\rOK\r", moment(IDLE_NS + 3))) == ["OK"]


def test_what_is_read_late_while_a_loss_goes_on_may_be_the_next_guests_and_is_said_again() -> None:
    decoder = frames()
    decoder.receive(b"K" * 600, moment(0))
    assert heard(decoder.receive(b"NEXT\rOK\r", moment(IDLE_NS * 5))) == [("", MISSED), "OK"]


@pytest.mark.parametrize(("late_ns", "said"), [(IDLE_NS, []), (IDLE_NS + 1, [("", LATE)])])
def test_where_silence_ends_a_code_what_has_waited_longer_than_that_is_not_believed(late_ns: int, said: Heard) -> None:
    decoder = Frames("left", terminated=False)
    assert heard(decoder.receive(b"TKT-12", replace(moment(0), late_ns=late_ns))) == said
    assert heard(decoder.silence(moment(IDLE_NS * 2))) == ([] if said else ["TKT-12"])


def test_where_silence_ends_a_code_it_is_looked_for_even_before_one_has_begun() -> None:
    """Or two codes that came while nobody looked could be one."""
    decoder = Frames("left", terminated=False)
    decoder.silence(moment(0))
    assert decoder.due_ns() == moment(IDLE_NS // 2).boottime_ns
    decoder.silence(moment(IDLE_NS // 2))
    assert decoder.due_ns() == moment(IDLE_NS).boottime_ns


def test_where_codes_have_an_end_what_has_waited_is_believed() -> None:
    assert heard(frames().receive(b"ONE\rTWO\r", replace(moment(0), late_ns=10**10))) == ["ONE", "TWO"]


def test_what_is_read_in_time_or_between_codes_is_believed() -> None:
    decoder = frames()
    assert heard(decoder.receive(b"A\r", moment(0))) == ["A"]
    assert decoder.receive(b"TK", moment(IDLE_NS * 9)) == []
    assert heard(decoder.receive(b"T\r", moment(IDLE_NS * 10))) == ["TKT"]


def test_whoever_looked_in_time_knows_that_there_was_silence() -> None:
    decoder = frames()
    decoder.receive(b"HALF", moment(0))
    assert heard(decoder.silence(moment(IDLE_NS + 1))) == [("HALF", HALF)]
    assert heard(decoder.receive(b"NEXT\r", moment(IDLE_NS * 2))) == ["NEXT"]


# --- damaged ---------------------------------------------------------------------------------------------------------


def test_a_damaged_byte_loses_the_code_it_belongs_to_and_no_other() -> None:
    decoder = frames()
    decoder.receive(b"TKT", moment(0))
    assert heard(decoder.damage(moment(1))) == [("TKT", DAMAGED)]
    assert decoder.damage(moment(2)) == []
    assert heard(decoder.receive(b"1\rOK\r", moment(3))) == ["OK"]


def test_a_damaged_first_byte_loses_the_code_behind_it() -> None:
    decoder = frames()
    assert decoder.damage(moment(0)) == []
    assert heard(decoder.receive(b"KT-1\rOK\r", moment(1))) == [("", MISSED), "OK"]


def test_noise_between_codes_is_nobodys_loss() -> None:
    decoder = frames()
    assert [*decoder.damage(moment(0)), *decoder.damage(moment(1))] == []
    assert decoder.silence(moment(IDLE_NS * 2)) == []
    assert heard(decoder.receive(b"OK\r", moment(IDLE_NS * 2))) == ["OK"]


# --- begun in the middle ---------------------------------------------------------------------------------------------


def test_a_scanner_that_may_be_in_the_middle_of_a_code_is_not_believed_up_to_its_terminator() -> None:
    decoder = frames()
    decoder.doubt(moment(0))
    assert heard(decoder.feed(b"il", moment(1))) == [("", MISSED)]
    assert decoder.feed(b"-1\r", moment(2)) == []
    assert heard(decoder.feed(b"OK\r", moment(3))) == ["OK"]


@pytest.mark.parametrize("data", [b"\r", b"\r\n", b""])
def test_a_doubt_that_ends_without_a_character_is_not_said(data: bytes) -> None:
    decoder = frames()
    decoder.doubt(moment(0))
    assert decoder.feed(data, moment(1)) == []
    assert decoder.silence(moment(IDLE_NS * 2)) == []
    assert heard(decoder.feed(b"OK\r", moment(IDLE_NS * 2))) == ["OK"]


# --- loss ------------------------------------------------------------------------------------------------------------


def test_a_loss_gives_one_reading_with_a_flaw_and_nothing_up_to_the_terminator() -> None:
    decoder = frames()
    decoder.feed(b"AB", moment(0))
    (lost,) = decoder.lose(moment(1), KEYS_LOST)
    assert lost == Reading("left", "AB", b"AB", moment(1), KEYS_LOST)
    assert decoder.lose(moment(2), KEYS_LOST) == []
    assert decoder.feed(b"CD\r", moment(3)) == []
    assert heard(decoder.feed(b"OK\r", moment(4))) == ["OK"]


def test_a_loss_after_silence_is_a_new_loss_without_the_old_half_code() -> None:
    decoder = frames()
    decoder.feed(b"OLD", moment(0))
    assert heard(decoder.lose(moment(IDLE_NS + 1), KEYS_LOST)) == [("OLD", HALF), ("", KEYS_LOST)]
    assert heard(decoder.lose(moment(IDLE_NS * 3), KEYS_LOST)) == [("", KEYS_LOST)]


def test_a_loss_keeps_a_code_awake() -> None:
    decoder = frames()
    decoder.lose(moment(0), KEYS_LOST)
    assert decoder.feed(b"REST\r", moment(IDLE_NS)) == []


# --- a code that arrives whole ---------------------------------------------------------------------------------------

WHOLE: dict[str, tuple[bytes, Heard]] = {
    "as it is": (b"TICKET-1", ["TICKET-1"]),
    "line ends and NULs around it": (b"\r\n\t\0TICKET-1\0\t\n\r", ["TICKET-1"]),
    "what stands between stays": (b"A\tB\nC", ["A\tB\nC"]),
    "spaces stay": (b" A ", [" A "]),
    "letters stay": (b"XAX", ["XAX"]),
    "empty": (b"", []),
    "line ends only": (b"\r\n\0\t", []),
    "512 characters": (EURO_512.encode(), [EURO_512]),
    "513 characters": (b"A" * 513, [("A" * 512, TOO_LONG)]),
    "not text": (b"A\xff", [("A\\xff", NOT_TEXT)]),
    "not text and too long": (b"\xff" * 5_000, [("\\xff" * 128, NOT_TEXT)]),
}


@pytest.mark.parametrize(("data", "expected"), WHOLE.values(), ids=WHOLE)
def test_a_code_that_arrives_whole_is_one_reading_or_none(data: bytes, expected: Heard) -> None:
    reading = whole(data, "desk", moment())
    assert heard([] if reading is None else [reading]) == expected


def test_a_code_that_arrives_whole_keeps_who_asks_and_which_way() -> None:
    told: list[Answer] = []
    reading = whole(b"A1\n", "desk", moment(3), Direction.CHECKOUT, told.append)
    assert reading == Reading("desk", "A1", b"A1", moment(3), None, Direction.CHECKOUT)
    assert reading is not None
    assert reading.asker == told.append


def test_the_bytes_kept_of_a_code_that_arrives_whole_are_bounded() -> None:
    for data in (b"A" * 99_999, b"\xff" * 99_999, EURO_512.encode()):
        reading = whole(data, "desk", moment())
        assert reading is not None
        assert data.startswith(reading.raw)
        assert MAX_CHARACTERS <= len(reading.raw) <= MAX_BYTES


# --- laws ------------------------------------------------------------------------------------------------------------

LAW = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
ALPHABET = st.sampled_from([b"A", b"B", "ü".encode(), "🎟".encode(), b"\0", b"\xff", b"\x80", b"\x02", b"~", b"A" * 170])
TALK = st.lists(ALPHABET | st.sampled_from([b"\r", b"\n", b"\t", b"\x03"]) | st.binary(max_size=4), max_size=30)
AFFIX = st.sampled_from(["", "~", "A", "ü"])
CUTS = st.lists(st.integers(0, 400), max_size=8)


@LAW
@given(TALK, CUTS, AFFIX, AFFIX)
@example([b"A" * 513, b"\r"], [512], "", "")
def test_the_pieces_in_which_bytes_arrive_do_not_matter(
    talk: list[bytes], cuts: list[int], prefix: str, suffix: str
) -> None:
    data = b"".join(talk)
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces = [data[start:stop] for start, stop in pairwise(edges)]
    assert b"".join(pieces) == data
    at_once = fed(frames(prefix=prefix, suffix=suffix), [data])
    assert fed(frames(prefix=prefix, suffix=suffix), pieces) == at_once
    assert fed(frames(prefix=prefix, suffix=suffix), byte_by_byte(data)) == at_once


@LAW
@given(st.lists(st.tuples(st.integers(0, IDLE_NS * 2), st.binary() | TALK.map(b"".join))), AFFIX, AFFIX)
def test_no_bytes_break_the_decoder_and_every_reading_is_bounded(
    arrivals: list[tuple[int, bytes]], prefix: str, suffix: str
) -> None:
    decoder, now_ns = frames(prefix=prefix, suffix=suffix), 0
    for gap_ns, data in arrivals:
        now_ns += gap_ns
        check(decoder.feed(data, moment(now_ns)))


def check(readings: Iterable[Reading]) -> None:
    for reading in readings:
        assert len(reading.code) <= MAX_CHARACTERS
        assert len(reading.raw) <= MAX_BYTES
        assert reading.flaw in (None, TOO_LONG, NOT_TEXT, KEYS_LOST, HALF, LATE)
        if reading.flaw is None:
            assert reading.code
            assert reading.raw == reading.code.encode()
            assert not set(reading.code) & set("\r\n\t\x03")


@LAW
@given(st.binary(max_size=3_000) | st.text(max_size=600).map(str.encode))
def test_a_code_that_arrives_whole_is_bounded_or_nothing(raw: bytes) -> None:
    reading = whole(raw, "desk", moment())
    if reading is not None:
        assert reading.code
        assert len(reading.code) <= MAX_CHARACTERS
        assert reading.flaw is not None or reading.code.encode() == reading.raw
