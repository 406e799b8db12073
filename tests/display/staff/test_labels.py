"""Keys in words: each of them, in each language."""

import typing

import pytest

from kiosk import languages
from kiosk.admit import STATUS_REASONS
from kiosk.config import Scanner
from kiosk.display.staff import labels
from kiosk.model import ClockQuality, Delivery, Reason, Source
from kiosk.words import ENGLISH

KINDS = typing.get_args(Scanner.model_fields["kind"].annotation)


@pytest.mark.parametrize(
    ("table", "keys"),
    [
        (labels.REASONS, set(Reason)), (labels.DELIVERIES, set(Delivery)), (labels.CLOCKS, set(ClockQuality)),
        (labels.SOURCES, set(Source)), (labels.KINDS, set(KINDS)), (labels.STATUSES, {"VALID", *STATUS_REASONS}),
    ],
)  # fmt: skip
def test_every_key_has_a_word_in_every_language(table, keys):
    assert set(table) == keys
    for name in set(languages.names()) - {"en"}:
        language = languages.read(name)
        assert [word for word in table.values() if word not in language.texts] == [], name


@pytest.mark.parametrize("name", languages.names())
def test_no_two_bars_of_a_picture_are_called_alike(name):
    language = languages.read(name)
    said = [labels.reason(reason, language) for reason in Reason]
    assert len(set(said)) == len(said)


def test_a_word_of_the_clouds_that_nobody_knows_stays_as_it_is():
    assert labels.label(labels.STATUSES, "ODD", ENGLISH) == "ODD"
    assert labels.label(labels.STATUSES, None, ENGLISH) is None
    assert labels.reason("unheard", languages.read("de")) == "unheard"
