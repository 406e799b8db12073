"""Whatever is wrong with a scanner gets its own sentence, and the sentence says what to do."""

from __future__ import annotations

import pytest

from kiosk import blame
from kiosk.calibration import TEXT, Found, Wrong, from_bytes, from_keys
from kiosk.layouts import LAYOUTS, LEFT_CTRL, LEFT_META
from tests.typist import DROPPED, ENTER, PAD, REPORT, Event, alt, press, typed


def keys(events: list[Event]) -> str:
    result = from_keys([(10**12, event) for event in events])
    assert isinstance(result, Wrong), result
    return result.problem


def line(data: bytes) -> str:
    result = from_bytes([(10**12, data)])
    assert isinstance(result, Wrong), result
    return result.problem


def test_nothing_but_a_trigger_or_noise_is_nothing() -> None:
    assert keys([*press(42), *press(ENTER)]) == blame.NOTHING
    assert keys([REPORT]) == blame.NOTHING
    assert line(b"\0\0\r\n") == blame.NOTHING


def test_lost_keys_are_scanned_again() -> None:
    assert keys([*typed(TEXT[:5]), DROPPED, REPORT, *typed(f"{TEXT}\r")]) == blame.KEYS_DROPPED


@pytest.mark.parametrize("layout", ["us", "fr"])
def test_letters_that_come_exchanged_or_changed_are_told_apart(layout: str) -> None:
    assert keys(typed(f"{TEXT.swapcase()}\r", layout)) == blame.CAPS
    assert keys(typed(f"{TEXT.upper()}\r", layout)) == blame.CASE
    assert keys(typed(f"{TEXT.lower()}\r", layout)) == blame.CASE
    assert line(f"{TEXT.upper()}\r".encode()) == blame.CASE


def test_an_end_that_comes_first_is_told_and_one_on_both_sides_is_not() -> None:
    assert keys(typed(f"\r{TEXT}")) == blame.END_FIRST
    assert line(f"\r\n{TEXT}".encode()) == blame.END_FIRST
    both = from_keys([(10**12, event) for event in typed(f"\r{TEXT}\r")])
    assert isinstance(both, Found)


@pytest.mark.parametrize("text", [f"{TEXT}\rX\r", f"X\r{TEXT}\r", f"{TEXT}\rX", f"X\r{TEXT}"])
def test_a_second_line_is_told(text: str) -> None:
    assert keys(typed(text)) == blame.SECOND_LINE
    assert line(text.encode()) == blame.SECOND_LINE


def test_two_scans_without_an_end_between_them_have_no_end() -> None:
    assert keys(typed(TEXT + TEXT)) == blame.NO_END
    assert line(f"{TEXT}{TEXT}".encode()) == blame.NO_END


def test_a_prefix_that_the_configuration_cannot_hold_is_told() -> None:
    assert keys(typed(f"{'x' * 17}{TEXT}\r")) == blame.TOO_MUCH
    assert line(f"{TEXT}{'x' * 17}\r".encode()) == blame.TOO_MUCH


@pytest.mark.parametrize("key", [1, 59, 103])
def test_a_key_that_types_nothing_is_named(key: int) -> None:
    assert f"key {key}," in keys([*press(key), *typed(f"{TEXT}\r")])
    assert f"key {key}," in keys([*typed(TEXT), *press(key), *press(ENTER)])


@pytest.mark.parametrize("held", [LEFT_CTRL, LEFT_META])
def test_a_key_held_with_ctrl_is_a_command(held: int) -> None:
    assert keys([*press(30, held), *typed(f"{TEXT}\r")]) == blame.HELD
    assert keys([*press(PAD[1], held), *typed(f"{TEXT}\r")]) == blame.HELD


def test_a_layout_that_is_not_known_here_is_named_by_the_nearest_and_by_what_differs() -> None:
    """A German scanner that leaves out what it would need AltGr for."""
    said = keys(typed(f"{TEXT.replace('|', '')}\r", "de"))
    assert 'nearest is "de", but | came otherwise' in said
    said = keys(typed(f"{TEXT.replace('#', '$').replace('_', '&')}\r", "fr"))
    assert 'nearest is "fr", but _ # came otherwise' in said


@pytest.mark.parametrize("layout", sorted(LAYOUTS))
def test_another_code_is_told_by_its_end_only(layout: str) -> None:
    said = keys(typed("SECRET-TICKET-1234\r", layout))
    assert "another code" in said
    assert "SECRET" not in said
    assert "1234" in keys(typed("SECRET-TICKET-1234\r"))
    assert r"(it ends in X\x1b[2)" in keys([*typed("XX"), *alt("\x1b[2"), *press(ENTER)])
    assert "another code" in line(b"SECRET-TICKET-1234\r")
    assert "SECRET" not in line(b"SECRET-TICKET-1234\r")


def test_a_wrong_rate_or_wrong_bits_are_told_by_how_much_came() -> None:
    code = f"{TEXT}\r".encode()
    assert line(bytes(byte ^ 0xA5 for byte in code)) == blame.WRONG_LINE
    assert line(bytes(byte ^ 0xA5 for byte in code[:-1])) == blame.WRONG_LINE
    assert line(bytes(byte ^ 0xA5 for byte in code + code)) == blame.BAUD
    assert line(b"\xff\xfe\x80\xf8\x00\xe6\r") == blame.BAUD


def test_bytes_that_are_not_text_around_the_code_are_told() -> None:
    assert line(b"\xff" + TEXT.encode() + b"\r") == blame.SURROUNDED


def test_every_sentence_says_what_to_do() -> None:
    sentences = [value for name, value in vars(blame).items() if name.isupper() and isinstance(value, str)]
    assert len(sentences) > 10
    for sentence in sentences:
        assert ": " in sentence
        assert not sentence.endswith(".")
        assert len(sentence) < 200
