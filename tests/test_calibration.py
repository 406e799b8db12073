"""What a scanner sends for the calibration code in, its settings out."""

from __future__ import annotations

import string
from datetime import UTC, datetime

import pytest

from kiosk import blame, code128, config
from kiosk.calibration import (
    IDLE_MS,
    LONGEST_AFFIX,
    LONGEST_IDLE_MS,
    TEXT,
    Found,
    Terminator,
    Wrong,
    from_bytes,
    from_keys,
)
from kiosk.decode import Frames
from kiosk.keys import Keys
from kiosk.layouts import ACCENTS, CAPS_LOCK, LAYOUTS, NUM_LOCK
from kiosk.model import Moment
from tests.typist import DROPPED, ENTER, KEYPAD_ENTER, TAB, WAYS, Event, Strokes, alt, press, typed

ASCII = string.ascii_letters + string.digits + string.punctuation + " "
ALIKE = ({"ch-de", "ch-fr"}, {"se", "fi"})
"""Layouts that no code of printable ASCII can tell apart."""

STEP_NS = 1_000_000


def sent(events: list[Event], step_ns: int = STEP_NS) -> list[tuple[int, Event]]:
    return [(10**12 + number * step_ns, event) for number, event in enumerate(events)]


def found(events: list[Event], prefer: str = "us") -> Found:
    result = from_keys(sent(events), prefer)
    assert isinstance(result, Found), result
    return result


def heard(*pieces: bytes, step_ns: int = STEP_NS) -> list[tuple[int, bytes]]:
    return [(10**12 + number * step_ns, piece) for number, piece in enumerate(pieces)]


# --- the text --------------------------------------------------------------------------------------------------------


def read(strokes: Strokes, layout: str) -> str | None:
    """What the gate reads when these keys are pressed before an x."""
    keys, now = Keys(Frames("left"), LAYOUTS[layout]), Moment(datetime(2026, 6, 1, tzinfo=UTC), 10**12, "boot")
    events = [event for stroke in (*strokes, (45,), (ENTER,)) for event in press(*stroke)]
    readings = [reading for event in events for reading in keys.feed(*event, now)]
    return readings[0].code.removesuffix("x") if readings[0].flaw is None else None


def telling(typed_in: str, read_as: str) -> set[str]:
    """The characters that a scanner set to one layout cannot type in any way so that another layout reads them."""
    return {sign for sign in ASCII if all(read(way, read_as) != sign for way in WAYS[typed_in][sign])}


@pytest.mark.parametrize("layout", sorted(LAYOUTS))
def test_the_text_tells_a_layout_from_all_that_type_any_ascii_character_otherwise(layout: str) -> None:
    for other in LAYOUTS.keys() - {layout}:
        differing = telling(layout, other)
        assert bool(differing) != ({layout, other} in ALIKE), other
        assert not differing or differing & set(TEXT), other


def test_the_text_fits_into_a_small_code_of_either_kind_and_no_ticket_has_it() -> None:
    assert TEXT.isascii()
    assert TEXT.isprintable()
    assert len(TEXT) <= 24
    assert code128.modules(TEXT)
    assert "/" in TEXT  # model.is_barcode: no barcode of the cloud's


@pytest.mark.parametrize("layout", sorted(LAYOUTS))
def test_nothing_in_the_text_needs_a_dead_key(layout: str) -> None:
    """A scanner may forget the space behind one."""
    assert [sign for sign in TEXT if len(WAYS[layout][sign][0]) > 1] == []
    assert not set(TEXT) & set(ACCENTS.values())


def test_the_limits_are_those_of_the_configuration() -> None:
    scanner = '[[scanner]]\nname = "left"\nkind = "hid"\n'
    good = f'prefix = "{"x" * LONGEST_AFFIX}"\nidle_ms = {LONGEST_IDLE_MS}\n'
    assert config.parse(scanner + good, "here").scanner[0].idle_ms == LONGEST_IDLE_MS
    for bad in (f'prefix = "{"x" * (LONGEST_AFFIX + 1)}"', f"idle_ms = {LONGEST_IDLE_MS + 1}"):
        with pytest.raises(config.ConfigError):
            config.parse(scanner + bad, "here")
    assert config.parse(scanner, "here").scanner[0].idle_ms == IDLE_MS


# --- keyboards -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", sorted(LAYOUTS))
def test_each_layout_is_found_from_one_scan(layout: str) -> None:
    result = found(typed(f"{TEXT}\r", layout))
    alike = next((pair for pair in ALIKE if layout in pair), {layout})
    assert set(result.layouts) == alike
    assert (result.prefix, result.suffix, result.terminator) == ("", "", Terminator.ENTER)
    assert not result.by_number
    assert not result.caps_lock
    assert not result.framed


@pytest.mark.parametrize(("layout", "way"), [(layout, way) for layout in sorted(LAYOUTS) for way in (0, -1)])
def test_it_does_not_matter_by_which_of_its_keys_a_character_is_typed(layout: str, way: int) -> None:
    events = [event for sign in f"{TEXT}\r" for stroke in WAYS[layout][sign][way] for event in press(*stroke)]
    assert layout in found(events).layouts


def test_of_layouts_that_fit_equally_well_the_configured_one_comes_first_and_the_person_is_told() -> None:
    for prefer, first in (("fi", "fi"), ("se", "se"), ("us", "se")):
        result = found(typed(f"{TEXT}\r", "fi"), prefer)
        assert result.settings()["layout"] == first
        assert any("alike" in sentence for sentence in result.advice())
    assert list(found(typed(f"{TEXT}\r", "de")).advice()) == []


@pytest.mark.parametrize("layout", ["us", "de", "fr", "ch-fr"])
@pytest.mark.parametrize(("prefix", "suffix"), [("", "*"), ("#", ""), ("Q-", "%%"), ("K", "|"), ("KIOSK", "KIOSK-")])
def test_prefix_and_suffix_are_what_stands_around_the_text(layout: str, prefix: str, suffix: str) -> None:
    result = found(typed(f"{prefix}{TEXT}{suffix}\r", layout))
    assert (result.prefix, result.suffix) == (prefix, suffix)
    expected = {"layout": result.layouts[0], "prefix": prefix, "suffix": suffix, "terminator": "any"}
    assert result.settings() == expected


def test_a_prefix_on_a_dead_key_is_found() -> None:
    assert found(typed(f"^{TEXT}\r", "de")).prefix == "^"


@pytest.mark.parametrize(
    ("end", "terminator"),
    [
        (press(ENTER), Terminator.ENTER),
        (press(KEYPAD_ENTER), Terminator.KEYPAD_ENTER),
        (press(TAB), Terminator.TAB),
        ((*press(TAB), *press(ENTER)), Terminator.TAB),
        (alt("\r"), Terminator.ENTER),
        ((), Terminator.NONE),
    ],
)
def test_the_end_is_found(end, terminator: Terminator) -> None:
    result = found([*typed(f"{TEXT}*", "de"), *end])
    assert (result.terminator, result.suffix, result.layouts) == (terminator, "*", ("de",))
    assert (blame.NO_END in result.advice()) == (terminator is Terminator.NONE)


@pytest.mark.parametrize("form", ["{}", "{:03}", "{:04}"])
def test_characters_by_number_leave_the_layout_open(form: str) -> None:
    result = found([*press(NUM_LOCK), *alt(f"~{TEXT}", form), *press(ENTER)])
    assert (result.by_number, result.layouts, result.prefix) == (True, (), "~")
    assert "layout" not in result.settings()


def test_a_scanner_that_spells_only_what_it_cannot_type_still_has_a_layout() -> None:
    events = [event for sign in TEXT for event in (alt(sign) if sign in "|#_" else typed(sign, "de"))]
    result = found([*events, *press(ENTER)])
    assert not result.by_number
    assert "de" in result.layouts
    assert "us" not in result.layouts


def test_caps_lock_that_the_scanner_presses_is_found_and_changes_nothing() -> None:
    events = [event for sign in TEXT.swapcase() for event in typed(sign, "de")]
    result = found([*press(CAPS_LOCK), *events, *press(CAPS_LOCK), *press(ENTER)])
    assert (result.caps_lock, result.layouts) == (True, ("de",))


def test_a_slow_scanner_gets_twice_the_patience_that_it_used() -> None:
    for step_ms, idle_ms in ((1, None), (60, None), (61, 130), (300, 600), (4_000, LONGEST_IDLE_MS)):
        events = sent(typed(f"{TEXT}\r"), 0)
        slow = [(at_ns + step_ms * 1_000_000 * (number > 20), event) for number, (at_ns, event) in enumerate(events)]
        result = from_keys(slow)
        assert isinstance(result, Found)
        assert result.settings().get("idle_ms") == idle_ms, step_ms


def test_a_second_scan_right_behind_the_first_changes_nothing() -> None:
    once, twice = typed(f"#{TEXT}*\r", "fr"), typed(f"#{TEXT}*\r#{TEXT}*\r", "fr")
    assert found(once) == found(twice)
    late = [(at_ns + 700_000_000 * (number > len(once)), event) for number, (at_ns, event) in enumerate(sent(twice))]
    assert from_keys(late) == found(once)


@pytest.mark.parametrize("layout", sorted(LAYOUTS))
def test_what_is_found_is_what_the_gate_then_reads(layout: str) -> None:
    result = found(typed(f"#{TEXT}*\r", layout), layout)
    frames = Frames("left", prefix=result.prefix, suffix=result.suffix)
    keys = Keys(frames, LAYOUTS[str(result.settings()["layout"])])
    now = Moment(datetime(2026, 6, 1, tzinfo=UTC), 10**12, "boot")
    readings = [reading for event in typed("#TKT-yz/7*\r", layout) for reading in keys.feed(*event, now)]
    assert [(reading.code, reading.flaw) for reading in readings] == [("TKT-yz/7", None)]


def test_an_aim_identifier_is_better_switched_off() -> None:
    assert any("AIM" in sentence for sentence in found(typed(f"]Q1{TEXT}\r")).advice())


# --- serial lines ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("end", "terminator"),
    [
        (b"\r", Terminator.CR), (b"\n", Terminator.LF), (b"\r\n", Terminator.CR_LF), (b"\t", Terminator.TAB),
        (b"\x03", Terminator.ETX), (b"", Terminator.NONE),
    ],
)  # fmt: skip
@pytest.mark.parametrize(("prefix", "suffix"), [("", ""), ("]Q1", "*"), ("é", "ß")])
def test_a_serial_line_tells_prefix_suffix_and_end(end: bytes, terminator: Terminator, prefix, suffix) -> None:
    data = f"{prefix}{TEXT}{suffix}".encode() + end
    whole = from_bytes(heard(data))
    assert isinstance(whole, Found)
    assert (whole.prefix, whole.suffix, whole.terminator) == (prefix, suffix, terminator)
    ends = "none" if terminator is Terminator.NONE else "any"
    assert whole.settings() == {"prefix": prefix, "suffix": suffix, "terminator": ends}
    byte_by_byte = from_bytes(heard(*(bytes([byte]) for byte in data), step_ns=1_000))
    assert byte_by_byte == whole
    assert (blame.NO_END in whole.advice()) == (terminator is Terminator.NONE)


@pytest.mark.parametrize("parity", ["even", "odd", "mark"])
@pytest.mark.parametrize("prefix", ["", "#"])
def test_seven_bits_and_their_parity_are_found(parity: str, prefix: str) -> None:
    """As a port that is set to 8 bits and no parity receives them."""
    code = f"{prefix}{TEXT}\r".encode()
    eighth = {"even": lambda byte: byte.bit_count() % 2, "odd": lambda byte: 1 - byte.bit_count() % 2}
    bit = eighth.get(parity, lambda byte: 1)
    result = from_bytes(heard(bytes(byte | bit(byte) << 7 for byte in code)))
    assert isinstance(result, Found)
    assert (result.parity, result.prefix, result.terminator) == (parity, prefix, Terminator.CR)
    assert (result.settings()["bits"], result.settings()["parity"]) == (7, parity)
    scanner = f'[[scanner]]\nname = "left"\nkind = "serial"\ndevice = "x"\nbits = 7\nparity = "{parity}"\n'
    assert config.parse(scanner, "here").scanner[0].parity == parity


def test_a_frame_of_stx_and_etx_is_found() -> None:
    result = from_bytes(heard(b"\0\x02", TEXT.encode(), b"\x03"))
    assert isinstance(result, Found)
    assert (result.framed, result.terminator, result.prefix) == (True, Terminator.ETX, "")
    plain = from_bytes(heard(TEXT.encode() + b"\x03"))
    assert isinstance(plain, Found)
    assert not plain.framed


def test_a_slow_line_gets_its_patience_and_a_second_scan_does_not_count() -> None:
    code = f"{TEXT}\r".encode()
    slow = from_bytes([(0, code[:5]), (200_000_000, code[5:]), (2_000_000_000, code)])
    assert isinstance(slow, Found)
    assert slow.settings()["idle_ms"] == 400


def test_no_input_is_ever_an_error() -> None:
    for events in ([], [DROPPED], [(0, 0, 0)], [(4, 4, 4)], [(1, 30, 2)], [(1, 300, 1)], [(1, ENTER, 1)]):
        assert isinstance(from_keys(sent(events)), Wrong)
    for data in (b"", b"\0", b"\r", b"\x02\x03", b"\xff", bytes(range(256)), b"x" * 5_000):
        assert isinstance(from_bytes(heard(data)), Wrong)
