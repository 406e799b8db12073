"""Strings in, keys between, strings out."""

from __future__ import annotations

import string
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import zip_longest
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kiosk.decode import HALF, KEYS_LOST, MAX_BYTES, MAX_CHARACTERS, MISSED, NOT_TEXT, TOO_LONG, Frames
from kiosk.keys import Keys
from kiosk.layouts import (
    ACCENTS,
    ALT_GR,
    CAPS_LOCK,
    LAYOUTS,
    LEFT_ALT,
    LEFT_CTRL,
    LEFT_SHIFT,
    NUM_LOCK,
    RIGHT_CTRL,
    RIGHT_SHIFT,
    joined,
)
from kiosk.model import Moment, Reading

Event = tuple[int, int, int]
Heard = list[str | tuple[str, str]]

UP, DOWN, REPEAT = 0, 1, 2
ESCAPE, ENTER, KEYPAD_ENTER, TAB = 1, 28, 96, 15
REPORT: Event = (0, 0, 0)
DROPPED: Event = (0, 3, 0)
IDLE_NS = 120_000_000


def moment(ns: int = 0) -> Moment:
    return Moment(datetime(2026, 6, 1, 10, 0, tzinfo=UTC), 10**12 + ns, "boot")


def heard(readings: Iterable[Reading]) -> Heard:
    """Say a whole code as itself, one with a flaw as a pair."""
    return [reading.code if reading.flaw is None else (reading.code, reading.flaw) for reading in readings]


def frames(**recipe: str | int) -> Frames:
    return Frames("left", **recipe)  # type: ignore[arg-type]


def press(key: int, *held: int) -> Iterator[Event]:
    """One key with its modifiers as a scanner sends it: each change a report, each with its MSC_SCAN."""
    for code, value in [*((code, DOWN) for code in held), (key, DOWN), (key, UP), *((code, UP) for code in held)]:
        yield from ((4, 4, 0x70000 + code), (1, code, value), REPORT)


Stroke = tuple[int, ...]
"""A key, then the modifiers."""

SPACE = 57


def keys_of(layout: str) -> dict[str, tuple[Stroke, ...]]:
    """How each character is typed: with a dead key before a letter or a space if there is no other way."""
    table = LAYOUTS[layout]
    levels = (
        (table.shift_altgr, (ALT_GR, LEFT_SHIFT)), (table.altgr, (ALT_GR,)), (table.shift, (LEFT_SHIFT,)),
        (table.plain, ()),
    )  # fmt: skip
    signs = {sign: (key, *held) for level, held in levels for key, sign in level.items()}
    single = {sign: (stroke,) for sign, stroke in signs.items() if sign not in ACCENTS}
    pairs = [(joined(mark, sign), (signs[mark], signs[sign])) for mark in signs if mark in ACCENTS for sign in single]
    return {sign: pair for sign, pair in pairs if sign} | single | {"\r": ((ENTER,),), "\t": ((TAB,),)}


TYPEWRITERS = {layout: keys_of(layout) for layout in LAYOUTS}


def typed(text: str, layout: str = "us") -> list[Event]:
    return [event for character in text for stroke in TYPEWRITERS[layout][character] for event in press(*stroke)]


PAD = (82, 79, 80, 81, 75, 76, 77, 71, 72, 73)


def alt(*numbers: str) -> list[Event]:
    """Characters by their numbers: Alt down, the keypad's digits one after the other, Alt up."""
    events: list[Event] = []
    for number in numbers:
        digits = [event for digit in number for event in press(PAD[int(digit)])]
        events += [(1, LEFT_ALT, DOWN), REPORT, *digits, (1, LEFT_ALT, UP), REPORT]
    return events


def alt_at_once(*numbers: str) -> list[Event]:
    """The same with all digits in one report: the kernel says each key once, and Alt's release first."""
    events: list[Event] = []
    for number in numbers:
        keys = dict.fromkeys(PAD[int(digit)] for digit in number)
        events += [(1, LEFT_ALT, DOWN), *((1, key, DOWN) for key in keys), REPORT]
        events += [(1, LEFT_ALT, UP), *((1, key, UP) for key in keys), REPORT]
    return events


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


def test_alt_gr_reaches_the_third_level_and_with_shift_the_fourth() -> None:
    assert read(keyboard("de"), [*press(16, ALT_GR), *press(16, ALT_GR, LEFT_SHIFT), *typed("q\r", "de")]) == ["@Ωq"]
    assert read(keyboard("it"), [*press(26, ALT_GR), *press(26, ALT_GR, LEFT_SHIFT), *typed("q\r", "it")]) == ["[{q"]


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


def test_a_dead_key_joins_with_what_it_goes_with() -> None:
    events = [*press(13), *typed("e", "de"), *press(13), *press(18, LEFT_SHIFT), *press(13), *press(SPACE)]
    assert read(keyboard("de"), [*events, *press(41), *press(SPACE), *typed("e\r", "de")]) == ["éÉ´^e"]


@pytest.mark.parametrize("key", [45, 2, 13, 41, 16, 1])
def test_a_dead_key_that_joins_with_nothing_makes_the_code_unreadable(key: int) -> None:
    events = [*typed("ab", "de"), *press(13), *press(key), *typed("e\rok\r", "de")]
    assert read(keyboard("de"), events) == [("ab", KEYS_LOST), "ok"]


def test_a_dead_key_that_comes_last_makes_the_code_unreadable() -> None:
    assert read(keyboard("de"), [*typed("ab", "de"), *press(13), *typed("\rok\r", "de")]) == [("ab", KEYS_LOST), "ok"]
    assert read(keyboard("de"), [*press(13), *typed("\reok\r", "de")]) == [("", KEYS_LOST), "eok"]


def test_a_dead_key_is_forgotten_with_the_code_it_belonged_to() -> None:
    keys = keyboard("de")
    assert read(keys, [*typed("ab", "de"), *press(13)]) == []
    assert read(keys, typed("eok\r", "de"), moment(IDLE_NS + 1)) == [("ab", HALF), "eok"]
    assert read(keyboard("de"), [*press(13), DROPPED, REPORT, *typed("\re\r", "de")]) == [("", KEYS_LOST), "e"]


def test_where_no_terminator_is_sent_what_waits_for_its_second_key_loses_the_code() -> None:
    for half in (press(13), [(1, LEFT_ALT, DOWN), *press(82)], [(1, LEFT_CTRL, DOWN)]):
        keys = Keys(Frames("left", terminated=False), LAYOUTS["de"])
        assert read(keys, [*typed("ab", "de"), *half]) == []
        said = keys.silence(moment(IDLE_NS + 1))
        assert [(reading.code, reading.flaw) for reading in said] == [("ab", KEYS_LOST)]


def test_silence_ends_what_was_typed_where_no_terminator_is_sent() -> None:
    keys = Keys(Frames("left", terminated=False), LAYOUTS["us"])
    assert read(keys, typed("AB1")) == []
    assert keys.due_ns() == moment(IDLE_NS + 1).boottime_ns
    assert [reading.code for reading in keys.silence(moment(IDLE_NS + 1))] == ["AB1"]
    keys.doubt(moment(IDLE_NS * 2))
    assert read(keys, typed("x"), moment(IDLE_NS * 2)) == [("", MISSED)]


# --- every layout ----------------------------------------------------------------------------------------------------

TICKETS = [
    "https://tickets.example/t?id=aZ_9&x=%7B#top",
    "HTTPS://TICKETS.EXAMPLE/T/Q+Z~W",
    "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
    "{6BA7B810-9DAD-11D1-80B4-00C04FD430C8}",
    "eyJhbGciOi/JIUzI1+NiJ9==",
    "]Q3\\000026|a^b`c~d'e\"f",
    "us-AyqwzmQZ;,:.M",
    "0123456789",
]
ACCENTED = {
    "de": "Grüße-ÄÖÜ-é@€", "fr": "élèveñÂüç€", "it": "perché-òàùç", "es": "Ñandú¿Ü?", "be": "àéëôñ",
    "ch-de": "äöüÄÖÜéàêñ", "ch-fr": "éàèüñê", "se": "åäöÅÄÖéü~", "no": "æøåÆØÅéü", "dk": "æøåÆØÅéü", "fi": "åäöÅÄÖéü",
    "gb": "£100", "us": "",
}  # fmt: skip
EVERY_LAYOUT = pytest.mark.parametrize("layout", list(LAYOUTS))
PRINTABLE = string.ascii_letters + string.digits + string.punctuation + " "


def with_rubbish(events: Iterable[Event]) -> Iterator[Event]:
    """Between the events whatever else a device may say: repeats, lamps, other axes."""
    for event in events:
        yield from ((4, 4, 458792), (17, 1, 1), (2, 0, 3), (20, 0, 250), (1, LEFT_SHIFT, REPEAT), (1, 30, REPEAT))
        yield event


@EVERY_LAYOUT
@pytest.mark.parametrize("around", [list, with_rubbish])
def test_every_printable_character_and_every_kind_of_ticket_is_read_as_it_was_typed(
    layout: str, around: Callable[[Iterable[Event]], Iterable[Event]]
) -> None:
    codes = [*TICKETS, "-" + PRINTABLE, f"-{ACCENTED[layout]}-", *(f"x{sign}x" for sign in PRINTABLE)]
    assert read(keyboard(layout), around(typed("".join(f"{code}\r" for code in codes), layout))) == codes


@EVERY_LAYOUT
def test_every_character_that_a_keyboard_has_is_read_as_it_was_typed(layout: str) -> None:
    for sign, strokes in TYPEWRITERS[layout].items():
        if sign not in "\r\t":
            events = [event for stroke in strokes for event in press(*stroke)]
            assert read(keyboard(layout), [*events, *press(ENTER)]) == [sign]


@EVERY_LAYOUT
def test_caps_lock_makes_capitals_everywhere_and_turning_it_off_undoes_it(layout: str) -> None:
    codes = typed("ticket-az-QM\r", layout)
    events = [*press(CAPS_LOCK), *codes, *press(CAPS_LOCK), *codes]
    assert read(keyboard(layout), events) == ["TICKET-AZ-qm", "ticket-az-QM"]


@EVERY_LAYOUT
def test_the_keypad_is_read_as_if_num_lock_were_on_however_often_it_is_pressed(layout: str) -> None:
    pad = [event for key in (*PAD, 83) for event in press(key)]
    events = [*pad, *press(ENTER), *press(NUM_LOCK), *pad, *press(ENTER)]
    point = "," if layout in {"de", "se", "no", "dk", "fi"} else "."
    assert read(keyboard(layout), events) == ["0123456789" + point] * 2


# --- Alt and the keypad ----------------------------------------------------------------------------------------------


@EVERY_LAYOUT
@pytest.mark.parametrize("way", [alt, alt_at_once])
@pytest.mark.parametrize("form", ["{}", "{:03}", "{:04}"])
def test_characters_by_their_number_are_read_whatever_the_layout(
    layout: str, form: str, way: Callable[..., list[Event]]
) -> None:
    if way is alt:
        text = PRINTABLE
    else:  # a report has no key twice
        text = "".join(sign for sign in PRINTABLE if len(set(form.format(ord(sign)))) == len(form.format(ord(sign))))
    events = way(*(form.format(ord(sign)) for sign in text))
    assert len(text) > 3
    assert read(keyboard(layout), [*press(NUM_LOCK), *events, *press(ENTER)]) == [text]


def test_a_number_behind_a_0_is_of_page_1252_and_any_other_of_437() -> None:
    events = [*alt("0252", "0128", "0223"), *alt_at_once("129"), *alt("225", "132")]
    assert read(keyboard(), [*events, *press(ENTER)]) == ["ü€ßüßä"]


def test_numbers_and_keys_may_be_mixed() -> None:
    events = [
        *typed("A"),
        *alt("064"),
        *typed("b "),
        *alt_at_once("083"),
        *press(CAPS_LOCK),
        *alt("0122"),
        *press(ENTER),
    ]
    assert read(keyboard("de"), events) == ["A@b Sz"]


def test_a_separator_and_the_end_may_come_by_number() -> None:
    events = [*typed("0104"), *alt("029"), *typed("21"), *alt("013"), *typed("b"), *alt("0009"), *alt("0013", "010")]
    assert read(keyboard(), events) == ["0104\x1d21", "b"]


@pytest.mark.parametrize(
    "numbers", [["0"], ["7"], ["13"], ["00"], ["029", "0"], ["127"], ["0127"], ["256"], ["0999"], ["00065"], ["0129"]]
)
def test_a_number_that_is_no_character_makes_the_code_unreadable(numbers: list[str]) -> None:
    first, *_ = found = read(keyboard(), [*typed("a"), *alt(*numbers), *typed("b\rok\r")])
    assert found == [first, "ok"]
    assert first[1] == KEYS_LOST


def test_a_digit_that_the_kernel_cannot_say_twice_never_makes_another_character() -> None:
    for number in range(256):
        for form in ("{}", "{:03}", "{:04}"):
            spelt = form.format(number)
            whole = read(keyboard(), [*alt(spelt), *typed("x\r")])
            found = read(keyboard(), [*alt_at_once(spelt), *typed("x\r")])
            assert found == whole or isinstance(found[0], tuple), spelt


def test_alt_alone_types_nothing_and_with_any_other_key_loses_the_code() -> None:
    assert read(keyboard(), [*typed("a"), *alt(""), *typed("b\r")]) == ["ab"]
    for other in (30, 11, 98, 83, LEFT_SHIFT, LEFT_CTRL, ALT_GR, RIGHT_SHIFT):
        events = [(1, LEFT_ALT, DOWN), *press(PAD[0]), (1, other, DOWN), *press(PAD[6]), (1, other, UP), *press(PAD[5])]
        found = read(keyboard(), [*typed("a"), *events, (1, LEFT_ALT, UP), *typed("b\rok\r")])
        assert found == [("a", KEYS_LOST), "ok"], other


def test_a_digit_that_is_said_before_its_alt_loses_the_code() -> None:
    digits = [(1, PAD[0], DOWN), (1, LEFT_ALT, DOWN), (1, PAD[6], DOWN), (1, PAD[5], DOWN), REPORT]
    events = [*digits, *((kind, code, UP) for kind, code, _ in digits)]
    assert read(keyboard(), [*events, *typed("b\rok\r")]) == [("0", KEYS_LOST), "ok"]


def test_an_end_while_alt_is_down_loses_the_code_and_no_other() -> None:
    events = [*typed("a"), (1, LEFT_ALT, DOWN), *press(PAD[6]), *press(ENTER), (1, LEFT_ALT, UP), *typed("ok\r")]
    assert read(keyboard(), events) == [("a", KEYS_LOST), "ok"]


# --- modifiers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stuck", [LEFT_SHIFT, RIGHT_SHIFT, ALT_GR, LEFT_ALT, LEFT_CTRL])
def test_a_modifier_that_stays_down_is_let_go_after_one_code_that_is_not_believed(stuck: int) -> None:
    keys = keyboard("de")
    assert read(keys, [*typed("a\r", "de"), (1, stuck, DOWN)]) == ["a"]
    assert read(keys, typed("ok-1\r", "de"), moment(IDLE_NS + 1)) == [("", KEYS_LOST)]
    assert read(keys, typed("ok-1\r", "de"), moment(IDLE_NS * 2 + 2)) == ["ok-1"]


def test_a_digit_that_stays_down_is_let_go_by_a_silence() -> None:
    keys = keyboard()
    read(keys, [*typed("a\r"), (1, PAD[6], DOWN)])
    assert read(keys, [*alt("066"), *press(ENTER)], moment(IDLE_NS + 1)) == [("6", HALF), "B"]


def test_what_was_stuck_is_let_go_when_events_were_dropped() -> None:
    events = [*typed("a"), (1, LEFT_SHIFT, DOWN), *typed("\r"), DROPPED, REPORT, *typed("b\rok\r")]
    assert read(keyboard(), events) == ["a", ("", KEYS_LOST), "ok"]


def test_events_dropped_after_a_silence_leave_no_more_doubt_than_any_others() -> None:
    keys = keyboard()
    read(keys, [*press(CAPS_LOCK), *typed("a"), DROPPED, REPORT])
    assert read(keys, [DROPPED, REPORT, *typed("b\rok\r")], moment(IDLE_NS + 1)) == [("", KEYS_LOST), "ok"]


@pytest.mark.parametrize("number", range(1, 40))
def test_a_reader_that_stalls_never_makes_another_character_of_what_it_reads_late(number: int) -> None:
    keys = keyboard()
    events = [*press(30, LEFT_SHIFT), *alt("0252"), *typed("\r")]
    found = [*read(keys, events[:number]), *read(keys, events[number:], moment(IDLE_NS + 1))]
    assert set(accepted(found)) <= {"Aü", "ü"}
    assert read(keys, typed("ok\r"), moment(IDLE_NS * 3)) == ["ok"]


@pytest.mark.parametrize("stuck", [LEFT_SHIFT, RIGHT_SHIFT, ALT_GR])
def test_a_modifier_that_stays_down_over_an_end_is_not_believed_until_it_moves(stuck: int) -> None:
    events = [*typed("a", "de"), (1, stuck, DOWN), *typed("\rb\r", "de")]
    assert read(keyboard("de"), [*events, *press(ENTER)]) == ["a", ("", KEYS_LOST)]
    assert read(keyboard("de"), [*events, (1, stuck, UP), *typed("b\r", "de")]) == ["a", ("", KEYS_LOST), "b"]
    found = read(keyboard("de"), [*events, *press(18, stuck), *typed("\r", "de")])
    assert found == ["a", ("", KEYS_LOST), "€" if stuck == ALT_GR else "E"]


def test_a_modifier_pressed_long_after_the_last_code_counts() -> None:
    keys = keyboard()
    read(keys, typed("a\r"))
    late = [reading for event in press(30, LEFT_SHIFT) for reading in keys.feed(*event, moment(IDLE_NS * 9))]
    assert late == []
    assert read(keys, typed("\r"), moment(IDLE_NS * 9)) == ["A"]


def test_modifiers_and_digits_under_alt_are_no_silence() -> None:
    keys, step_ns, found = keyboard(), IDLE_NS - 1, []
    for number, event in enumerate([*typed("a"), *alt("0065"), *press(31, LEFT_SHIFT), *typed("\r")]):
        found += keys.feed(*event, moment(number * step_ns // 3))
    assert heard(found) == ["aAS"]


# --- several devices -------------------------------------------------------------------------------------------------


def test_two_scanners_that_type_at_once_do_not_mix() -> None:
    left, right = keyboard("fr"), keyboard("us")
    french, american = typed("àé-1²~^\r", "fr"), [*press(CAPS_LOCK), *alt("065"), *typed("bC\r")]
    found: tuple[Heard, Heard] = ([], [])
    for one, other in zip_longest(french, american):
        found[0].extend(heard(left.feed(*one, moment())) if one else [])
        found[1].extend(heard(right.feed(*other, moment())) if other else [])
    assert found == (["àé-1²~^"], ["ABc"])


def test_a_level_that_a_layout_does_not_have_makes_the_code_unreadable() -> None:
    assert read(keyboard("us"), [*press(16, ALT_GR), *typed("ab\rok\r")]) == [("", KEYS_LOST), "ok"]


def test_other_kinds_of_event_type_nothing() -> None:
    others: list[Event] = [(4, 30, 1), (2, 30, 1), (17, 1, 1), (20, 30, 1), (0, 1, 1), (0, 2, 1)]
    assert read(keyboard(), [*typed("a"), *others, *typed("b\r")]) == ["ab"]


def test_keys_obey_the_prefix_the_idle_time_and_the_lane_of_their_frames() -> None:
    keys = keyboard(prefix="-", idle_ms=10)
    read(keys, typed("half"))
    readings = [reading for event in typed("-A\r") for reading in keys.feed(*event, moment(10_000_001))]
    then = moment(10_000_001)
    assert readings == [Reading("left", "half", b"half", then, HALF), Reading("left", "A", b"A", then)]


def test_a_code_typed_too_long_is_told_once() -> None:
    assert read(keyboard(), typed("a" * 600 + "\rok\r")) == [("a" * 512, TOO_LONG), "ok"]


def test_the_first_code_after_the_machine_woke_is_like_any_other() -> None:
    woke = Moment(datetime(1970, 1, 1, tzinfo=UTC), 0, "boot")
    assert read(keyboard(), [*press(CAPS_LOCK), *typed("a\r")], woke) == ["A"]


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
EVENT = st.tuples(
    st.sampled_from([0, 1, 1, 1, 4]),
    st.sampled_from([0, 3, ENTER, TAB, LEFT_SHIFT, ALT_GR, CAPS_LOCK, 30, 13]) | st.integers(0, 0x2FF),
    st.integers(-1, 3),
)


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
        assert reading.flaw in (None, TOO_LONG, NOT_TEXT, KEYS_LOST, HALF)
        if reading.flaw is None:
            assert reading.code
            assert reading.raw == reading.code.encode()
            assert not set(reading.code) & set("\r\n\t\x03")


def strokes(draw: st.DrawFn, layout: str, character: str) -> list[Event]:
    """One character by its key, by the other letter of its key under CapsLock, or by its number in some spelling."""
    way = draw(st.sampled_from(["key", "key", "caps", "alt", "alt 0", "at once"])) if character.isascii() else "key"
    if way == "key":
        return typed(character, layout)
    if way == "caps":
        return [*press(CAPS_LOCK), *typed(character.swapcase(), layout), *press(CAPS_LOCK)]
    spelt = f"{ord(character):0{4 if way == 'alt 0' else 1}}"
    return alt(spelt) if way != "at once" or len(set(spelt)) < len(spelt) else alt_at_once(spelt)


@st.composite
def sessions(draw: st.DrawFn) -> tuple[str, list[str], list[Event]]:
    """Codes and the events by which a scanner in some layout types them."""
    layout = draw(st.sampled_from(list(LAYOUTS)))
    alphabet = [sign for sign in "abAB1-_é^~@ü€ẞ" if sign in TYPEWRITERS[layout]]
    codes = draw(st.lists(st.text(st.sampled_from(alphabet), min_size=1, max_size=6), min_size=1, max_size=4))
    events = [event for code in codes for sign in code + "\r" for event in strokes_or_end(draw, layout, sign)]
    return layout, codes, events


def strokes_or_end(draw: st.DrawFn, layout: str, sign: str) -> list[Event]:
    return typed(sign) if sign == "\r" else strokes(draw, layout, sign)


@LAW
@given(sessions())
def test_whatever_is_typed_in_whatever_way_is_read(session: tuple[str, list[str], list[Event]]) -> None:
    layout, codes, events = session
    assert read(keyboard(layout), events) == codes


@LAW
@given(sessions(), st.data())
def test_what_was_not_typed_is_never_accepted_whatever_was_dropped(
    session: tuple[str, list[str], list[Event]], data: st.DataObject
) -> None:
    layout, codes, events = session
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(events)))
        events = without(events, start, data.draw(st.integers(start, len(events))))
    found = read(keyboard(layout), events)
    remaining = iter(codes)
    assert all(code in remaining for code in accepted(found))
    assert any(isinstance(what, tuple) for what in found)


@LAW
@given(sessions(), sessions(), st.randoms(use_true_random=False))
def test_two_scanners_never_mix_however_their_events_interleave(
    one: tuple[str, list[str], list[Event]], other: tuple[str, list[str], list[Event]], dice: Random
) -> None:
    waiting = [(keyboard(layout), iter(events), found) for (layout, _, events), found in ((one, []), (other, []))]
    lists: list[Heard] = [found for _, _, found in waiting]
    while waiting:
        keys, events, found = lane = dice.choice(waiting)
        event = next(events, None)
        if event is None:
            waiting.remove(lane)
        else:
            found += heard(keys.feed(*event, moment()))
    assert lists == [one[1], other[1]]
