"""What a scanner sends is shown as it is, and does nothing: letters that act are written out."""

import pytest

from kiosk import blame, languages
from kiosk.display.staff.calibration import MOST, order, shown, told, values
from kiosk.display.staff.problem import Problem
from kiosk.words import ENGLISH

FOUND = {
    "state": "found", "number": 7, "leftSeconds": 1,
    "found": {"layouts": ["ch-de", "ch-fr"], "byNumber": False, "prefix": "\u202e<b>\x1b", "suffix": "", "end": "CR"},
    "changes": [{"key": "prefix", "before": "", "after": "\u202e<b>\x1b"}, {"key": "bits", "before": 8, "after": 7}],
    "notes": [{"text": blame.ALIKE, "facts": {"layouts": '"ch-de" and "ch-fr"'}}],
}  # fmt: skip


@pytest.mark.parametrize(
    ("value", "seen"),
    [
        ("\u202e\u2066\u200b", "\\u202e\\u2066\\u200b"), ("\x1b[31m\r\n\0", "\\x1b[31m\\r\\n\\x00"),
        ("<b>&\"'", "<b>&\"'"), ("ä€", "ä€"), (" ", " "), (7, "7"), (["us", "de"], "us, de"), ("x" * 99, "x" * MOST),
    ],
)  # fmt: skip
def test_a_value_can_be_looked_at(value, seen):
    assert shown(value) == seen


def test_what_is_found_is_told_with_what_would_change():
    said = told(FOUND, ENGLISH)
    assert said["found"] == [
        {"key": "layouts", "value": "ch-de, ch-fr"}, {"key": "prefix", "value": "\\u202e<b>\\x1b"},
        {"key": "end", "value": "CR"},
    ]  # fmt: skip
    assert said["changes"][1] == {"key": "bits", "before": "8", "after": "7"}
    assert said["changes"][0]["after"] == "\\u202e<b>\\x1b"
    assert said["notes"] == [blame.ALIKE.format(layouts='"ch-de" and "ch-fr"')]


def test_what_is_wrong_is_said_in_the_doors_language_and_what_came_stays_text():
    wrong = {"state": "wrong", "text": blame.ANOTHER_END, "facts": {"end": "\u202e{0}"}, "secret": 1}
    said = told(wrong, languages.read("de"))
    assert said["text"].startswith("das war ein anderer Code")
    assert "\\u202e{0}" in said["text"]
    assert "secret" not in said


def test_nothing_calibrated_is_nothing_to_show():
    assert values({}) == []


@pytest.mark.parametrize(
    "asked",
    [
        {}, {"scanner": "left"}, {"step": "begin"}, {"scanner": "left", "step": "explode"},
        {"scanner": "x" * 65, "step": "begin"}, {"scanner": "left", "step": ["begin"]},
        {"scanner": "left", "step": "use", "number": True}, {"scanner": "left", "step": "use", "number": "1"},
    ],
)  # fmt: skip
def test_nonsense_does_not_come_to_the_gate(asked):
    with pytest.raises(Problem):
        order(asked)


def test_an_order_says_who_gives_it_whatever_a_page_says():
    found = order({"scanner": "left", "step": "use", "number": 7, "by": "root", "do": "drill"})
    assert found == {"do": "calibrate", "scanner": "left", "step": "use", "number": 7, "by": "staff"}
