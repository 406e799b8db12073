"""Bytes in, codes out; strings in, keys between, strings out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from kiosk.decode import KEYS_LOST, MAX_BYTES, MAX_CHARACTERS, NOT_TEXT, TOO_LONG, Frames, Keys, whole
from kiosk.layouts import ALT_GR, CAPS_LOCK, LAYOUTS, LEFT_ALT, LEFT_CTRL, LEFT_SHIFT, NUM_LOCK, RIGHT_CTRL, RIGHT_SHIFT
from kiosk.model import Answer, Direction, Moment, Reading

Event = tuple[int, int, int]
Heard = list[str | tuple[str, str]]

UP, DOWN, REPEAT = 0, 1, 2
ESCAPE, ENTER, KEYPAD_ENTER, TAB = 1, 28, 96, 15
REPORT: Event = (0, 0, 0)
DROPPED: Event = (0, 3, 0)
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
    assert read(keyboard(), [*press(CAPS_LOCK), *typed("a\r")], woke) == ["A"]


def test_the_count_of_characters_starts_again_with_each_code() -> None:
    codes = ["A" * 300, "B" * 300, "C" * 300]
    assert heard(frames().feed("\r".join([*codes, ""]).encode(), moment())) == codes


# --- silence ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("gap_ns", [0, 1, IDLE_NS - 1, IDLE_NS])
def test_a_pause_within_the_idle_time_does_not_break_a_code(gap_ns: int) -> None:
    decoder = frames()
    decoder.feed(b"HALF", moment(0))
    assert heard(decoder.feed(b"-WHOLE\r", moment(gap_ns))) == ["HALF-WHOLE"]
    assert decoder.dropped == 0


@pytest.mark.parametrize("gap_ns", [IDLE_NS + 1, IDLE_NS * 2, 10**12])
def test_half_a_code_followed_by_silence_never_joins_the_next_guests(gap_ns: int) -> None:
    decoder = frames()
    decoder.feed(b"HALF", moment(0))
    assert heard(decoder.feed(b"NEXT\r", moment(gap_ns))) == ["NEXT"]
    assert decoder.dropped == 1


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
    assert heard(hasty.feed(b"B\r", moment(10_000_001))) == ["B"]


def test_each_half_code_is_counted_once_and_silence_without_one_not_at_all() -> None:
    decoder = frames()
    for number, data in enumerate([b"A", b"B", b"", b"C\r", b"", b"D"]):
        decoder.feed(data, moment(number * IDLE_NS * 2))
    assert decoder.dropped == 2


def test_a_terminator_that_comes_after_the_silence_ends_nothing() -> None:
    decoder = frames()
    decoder.feed(b"HALF", moment(0))
    assert decoder.feed(b"\r", moment(IDLE_NS * 3)) == []


def test_the_characters_of_a_dropped_half_code_no_longer_count() -> None:
    decoder = frames()
    decoder.feed(b"A" * 400, moment(0))
    assert heard(decoder.feed(b"B" * 400 + b"\r", moment(IDLE_NS * 2))) == ["B" * 400]


def test_silence_ends_what_was_being_discarded() -> None:
    decoder = frames()
    decoder.feed(b"A" * 600, moment(0))
    assert heard(decoder.feed(b"NEXT\r", moment(IDLE_NS + 1))) == ["NEXT"]
    assert decoder.dropped == 0


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
    assert heard(decoder.lose(moment(IDLE_NS + 1), KEYS_LOST)) == [("", KEYS_LOST)]
    assert decoder.dropped == 1
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


# --- keys ------------------------------------------------------------------------------------------------------------


def press(key: int, *held: int) -> Iterator[Event]:
    """One key with its modifiers as a scanner sends it: each change a report, each with its MSC_SCAN."""
    for code, value in [*((code, DOWN) for code in held), (key, DOWN), (key, UP), *((code, UP) for code in held)]:
        yield from ((4, 4, 0x70000 + code), (1, code, value), REPORT)


def keys_of(layout: str) -> dict[str, tuple[int, ...]]:
    """Where each character stands: its key, then the modifiers."""
    table = LAYOUTS[layout]
    levels = ((table.altgr, (ALT_GR,)), (table.shift, (LEFT_SHIFT,)), (table.plain, ()))
    found = {character: (key, *held) for level, held in levels for key, character in level.items()}
    return found | {"\r": (ENTER,), "\t": (TAB,)}


TYPEWRITERS = {layout: keys_of(layout) for layout in LAYOUTS}


def typed(text: str, layout: str = "us") -> list[Event]:
    return [event for character in text for event in press(*TYPEWRITERS[layout][character])]


def keyboard(layout: str = "us", **recipe: str | int) -> Keys:
    return Keys(frames(**recipe), LAYOUTS[layout])


def read(keys: Keys, events: Iterable[Event], at: Moment | None = None) -> Heard:
    return heard(reading for event in events for reading in keys.feed(*event, at or moment()))


@pytest.mark.parametrize("end", ["\r", "\t"])
@pytest.mark.parametrize(
    ("layout", "text"),
    [
        ("us", "TICKET-0001"),
        ("us", "abcdefghijklmnopqrstuvwxyz ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
        ("us", "1234567890-=[];'`\\,./ !@#$%^&*()_+{}:\"~|<>?"),
        ("us", "https://tickets.example/t?id=aZ_9&x=%7B"),
        ("de", "TICKET-0001"),
        ("de", "abcdefghijklmnopqrstuvwxyzäöüß ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÜ"),
        ("de", "1234567890+#<,.-!\"§$%&/()=?*'>;:_°"),
        ("de", "²³{[]}\\@€~µ|"),
        ("de", "https://tickets.example/t?id=aZ_9&x=%7B"),
    ],
)
def test_what_is_typed_is_what_is_read(layout: str, text: str, end: str) -> None:
    assert read(keyboard(layout), typed(text + end, layout)) == [text]


def test_key_codes_are_those_of_the_kernel() -> None:
    events = [*press(20, RIGHT_SHIFT), *press(44), *press(12), *press(3), *press(ENTER)]  # T z - 2
    assert read(keyboard("us"), events) == ["Tz-2"]
    assert read(keyboard("de"), events) == ["Tyß2"]


@pytest.mark.parametrize("shift", [LEFT_SHIFT, RIGHT_SHIFT])
def test_either_shift_makes_capitals_as_long_as_it_is_down(shift: int) -> None:
    events = [(1, shift, DOWN), *press(30), *press(48), (1, shift, UP), *press(46), *press(ENTER)]
    assert read(keyboard(), events) == ["ABc"]


def test_letting_one_shift_go_leaves_the_other() -> None:
    events = [(1, LEFT_SHIFT, DOWN), (1, RIGHT_SHIFT, DOWN), (1, LEFT_SHIFT, UP), *press(30), (1, RIGHT_SHIFT, UP)]
    assert read(keyboard(), [*events, *press(30), *press(ENTER)]) == ["Aa"]


def test_shift_does_not_change_what_ends_a_code() -> None:
    assert read(keyboard(), [*press(30), *press(ENTER, LEFT_SHIFT), *press(30), *press(TAB, ALT_GR)]) == ["a", "a"]


@pytest.mark.parametrize(
    ("layout", "text", "expected"),
    [
        ("us", "aBc-1!", "AbC-1!"),
        ("de", "äÖzß1-", "ÄöZß1-"),
        ("de", "@€µ", "@€µ"),
    ],
)
def test_caps_lock_turns_letters_round_and_nothing_else(layout: str, text: str, expected: str) -> None:
    keys = keyboard(layout)
    assert read(keys, [*press(CAPS_LOCK), *typed(text + "\r", layout)]) == [expected]
    assert read(keys, typed(text + "\r", layout)) == [expected]
    assert read(keys, [*press(CAPS_LOCK), *typed(text + "\r", layout)]) == [text]


def test_a_scanner_that_wraps_its_capitals_in_caps_lock_is_read() -> None:
    events = [*press(CAPS_LOCK), *typed("ab"), *press(CAPS_LOCK), *typed("c\r")]
    assert read(keyboard(), [*events, *events]) == ["ABc", "ABc"]


def test_alt_gr_reaches_the_third_level_and_wins_over_shift() -> None:
    assert read(keyboard("de"), [*press(16, ALT_GR), *press(16, ALT_GR, LEFT_SHIFT), *typed("q\r", "de")]) == ["@@q"]


def test_keys_that_make_no_character_do_no_harm_by_themselves() -> None:
    silent = [event for key in (NUM_LOCK, LEFT_CTRL, RIGHT_CTRL, LEFT_ALT, 125, 126) for event in press(key)]
    assert read(keyboard(), [*typed("a"), *silent, *typed("b\r"), *silent]) == ["ab"]


@pytest.mark.parametrize("held", [LEFT_CTRL, RIGHT_CTRL, LEFT_ALT, 125, 126])
def test_a_chord_is_not_the_bare_character(held: int) -> None:
    """Scanners type control characters as Ctrl and a letter, and others as Alt and digits of the keypad."""
    assert read(keyboard(), [*typed("a"), *press(27, held), *typed("b\rok\r")]) == [("a", KEYS_LOST), "ok"]


def test_the_keypad_types_digits_and_signs() -> None:
    digits = [82, 79, 80, 81, 75, 76, 77, 71, 72, 73]
    events = [event for key in [*digits, 98, 55, 74, 78, KEYPAD_ENTER] for event in press(key)]
    assert read(keyboard("us"), events) == ["0123456789/*-+"]
    assert read(keyboard("de"), events) == ["0123456789/*-+"]


def test_autorepeat_types_nothing_and_leaves_modifiers_alone() -> None:
    events: list[Event] = [(1, LEFT_SHIFT, DOWN), (1, LEFT_SHIFT, REPEAT), (1, 30, DOWN), *[(1, 30, REPEAT)] * 9]
    events += [(1, CAPS_LOCK, REPEAT), (1, LEFT_SHIFT, UP), (1, 30, UP), (1, LEFT_SHIFT, REPEAT)]
    assert read(keyboard(), [*events, *typed("b\r"), (1, ENTER, REPEAT)]) == ["Ab"]


@pytest.mark.parametrize("key", [ESCAPE, 59, 111, 113, 116, 0, 272, 767])
def test_an_unknown_key_makes_the_code_unreadable_at_once(key: int) -> None:
    keys = keyboard()
    assert read(keys, [*typed("ab"), *press(key)]) == [("ab", KEYS_LOST)]
    assert read(keys, [*press(key), *typed("cd\rok\r")]) == ["ok"]


def test_a_dead_key_makes_the_code_unreadable() -> None:
    assert read(keyboard("de"), [*typed("ab", "de"), *press(13), *typed("e\rok\r", "de")]) == [("ab", KEYS_LOST), "ok"]


def test_a_level_that_a_layout_does_not_have_makes_the_code_unreadable() -> None:
    assert read(keyboard("us"), [*press(16, ALT_GR), *typed("ab\rok\r")]) == [("", KEYS_LOST), "ok"]


def test_other_kinds_of_event_type_nothing() -> None:
    others: list[Event] = [(4, 30, 1), (2, 30, 1), (17, 1, 1), (20, 30, 1), (0, 1, 1), (0, 2, 1)]
    assert read(keyboard(), [*typed("a"), *others, *typed("b\r")]) == ["ab"]


def test_keys_obey_the_prefix_the_idle_time_and_the_lane_of_their_frames() -> None:
    keys = keyboard(prefix="-", idle_ms=10)
    read(keys, typed("half"))
    readings = [reading for event in typed("-A\r") for reading in keys.feed(*event, moment(10_000_001))]
    assert readings == [Reading("left", "A", b"A", moment(10_000_001))]


def test_a_code_typed_too_long_is_told_once() -> None:
    assert read(keyboard(), typed("a" * 600 + "\rok\r")) == [("a" * 512, TOO_LONG), "ok"]


# --- events that the kernel dropped ----------------------------------------------------------------------------------

SHOWN = ["Ab-1", "cD_2", "eF+3"]
STREAM = typed("".join(f"{code}\r" for code in SHOWN))
ENDS = [place for place, event in enumerate(STREAM) if event == (1, ENTER, DOWN)]


def without(events: Sequence[Event], start: int, stop: int) -> list[Event]:
    """What a reader gets when these events did not fit into the kernel's queue any more."""
    return [*events[:start], DROPPED, *events[stop:]]


@pytest.mark.parametrize("lost", [0, 1, 2, 3, 8, 21, 64])
def test_a_drop_at_any_place_costs_the_codes_it_touches_and_no_other(lost: int) -> None:
    for start in range(len(STREAM) + 1):
        resumed = next((place for place in range(start + lost, len(STREAM)) if STREAM[place] == REPORT), len(STREAM))
        before = SHOWN[: sum(end < start for end in ENDS)]
        behind = SHOWN[1 + sum(end < resumed for end in ENDS) :]
        found = read(keyboard(), without(STREAM, start, start + lost))
        (torso,) = [what for what in found if isinstance(what, tuple)]
        assert found == [*before, torso, *behind], start
        assert torso[1] == KEYS_LOST
        assert "".join(SHOWN[len(before) : len(before) + 1]).startswith(torso[0])


def test_everything_up_to_the_next_report_is_a_torso() -> None:
    torso: list[Event] = [(1, LEFT_SHIFT, DOWN), (1, 30, DOWN), (1, ENTER, DOWN)]
    assert read(keyboard(), [DROPPED, *torso, REPORT, *typed("b\rok\r")]) == [("", KEYS_LOST), "ok"]


def test_a_shift_held_when_events_were_dropped_is_held_no_more() -> None:
    events = [(1, LEFT_SHIFT, DOWN), *press(30), DROPPED, REPORT, *press(ENTER), *typed("ok\r")]
    assert read(keyboard(), events) == [("A", KEYS_LOST), "ok"]


def test_two_drops_in_one_code_are_told_once() -> None:
    events = [*typed("a"), DROPPED, REPORT, *typed("b"), DROPPED, DROPPED, REPORT, *typed("c\rok\r")]
    assert read(keyboard(), events) == [("a", KEYS_LOST), "ok"]


def test_a_drop_in_each_code_is_told_each_time() -> None:
    events = [*typed("a"), DROPPED, REPORT, *typed("b\r")]
    assert read(keyboard(), [*events, *events]) == [("a", KEYS_LOST), ("a", KEYS_LOST)]


def test_after_a_drop_and_silence_the_next_code_is_read() -> None:
    keys = keyboard()
    assert read(keys, [*typed("ab"), DROPPED, REPORT]) == [("ab", KEYS_LOST)]
    assert read(keys, typed("next\r"), moment(IDLE_NS + 1)) == ["next"]


def accepted(found: Heard) -> list[str]:
    return [what for what in found if isinstance(what, str)]


def test_a_caps_lock_that_may_have_been_dropped_never_turns_a_later_code_round() -> None:
    wrapped = [*press(CAPS_LOCK), *typed("ab\r"), *press(CAPS_LOCK)]
    for start in range(len(wrapped)):
        for stop in range(start, len(wrapped) + 1):
            shaken = [*without(wrapped, start, stop), REPORT]
            keys = keyboard()
            assert accepted(read(keys, shaken)) in ([], ["AB"])
            assert accepted(read(keys, wrapped)) in ([], ["AB"])
            assert read(keys, wrapped, moment(IDLE_NS + 1)) == ["AB"]
            assert {*accepted(read(keyboard(), [*shaken, *typed("cd\ref\r")]))} <= {"AB", "cd", "ef"}


def test_a_short_pause_does_not_tell_how_letters_stand_after_a_drop() -> None:
    keys = keyboard()
    read(keys, [*press(CAPS_LOCK), *typed("a"), DROPPED, REPORT])
    assert accepted(read(keys, typed("b\rcd\r1 2\r"), moment(IDLE_NS))) == ["1 2"]
    assert accepted(read(keys, typed("ef\r"), moment(IDLE_NS * 2 + 1))) == ["ef"]


# --- laws ------------------------------------------------------------------------------------------------------------

LAW = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
ALPHABET = st.sampled_from([b"A", b"B", "ü".encode(), "🎟".encode(), b"\0", b"\xff", b"\x80", b"\x02", b"~", b"A" * 170])
TALK = st.lists(ALPHABET | st.sampled_from([b"\r", b"\n", b"\t", b"\x03"]) | st.binary(max_size=4), max_size=30)
AFFIX = st.sampled_from(["", "~", "A", "ü"])
CUTS = st.lists(st.integers(0, 400), max_size=8)
EVENT = st.tuples(
    st.sampled_from([0, 1, 1, 1, 4]),
    st.sampled_from([0, 3, ENTER, TAB, LEFT_SHIFT, ALT_GR, CAPS_LOCK, 30, 13]) | st.integers(0, 0x2FF),
    st.integers(-1, 3),
)
TEXT = st.text(st.sampled_from(list("abAB1-_")), min_size=1, max_size=6)


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
    assert decoder.dropped <= len(arrivals)


@LAW
@given(st.lists(st.tuples(EVENT, st.integers(0, IDLE_NS * 2)), max_size=60), st.sampled_from(sorted(LAYOUTS)))
def test_no_events_break_the_decoder_and_every_reading_is_bounded(events: list[tuple[Event, int]], layout: str) -> None:
    keys, now_ns = keyboard(layout), 0
    for event, gap_ns in events:
        now_ns += gap_ns
        check(keys.feed(*event, moment(now_ns)))


def check(readings: Iterable[Reading]) -> None:
    for reading in readings:
        assert len(reading.code) <= MAX_CHARACTERS
        assert len(reading.raw) <= MAX_BYTES
        assert reading.flaw in (None, TOO_LONG, NOT_TEXT, KEYS_LOST)
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


@LAW
@given(st.lists(TEXT, min_size=1, max_size=4), st.sampled_from(sorted(LAYOUTS)), st.data())
def test_what_was_not_typed_is_never_accepted_whatever_was_dropped(
    codes: list[str], layout: str, data: st.DataObject
) -> None:
    events = typed("".join(f"{code}\r" for code in codes), layout)
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(events)))
        events = without(events, start, data.draw(st.integers(start, len(events))))
    found = read(keyboard(layout), events)
    remaining = iter(codes)
    assert all(code in remaining for code in accepted(found))
    assert any(isinstance(what, tuple) for what in found)
