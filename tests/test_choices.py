"""What staff may choose, by its form."""

import pytest
from pydantic import ValidationError

from kiosk.choices import Choices


@pytest.mark.parametrize(
    "words",
    [{"events": []}, {"events": ["x"] * 101}, {"events": [""]}, {"events": ["x" * 65]}, {"ticketTypes": {"e": []}},
     {"scanType": "up"}, {"other": 1}],
)  # fmt: skip
def test_what_makes_no_sense_is_no_choice(words):
    with pytest.raises(ValidationError):
        Choices.model_validate(words)


def test_nothing_chosen_is_false():
    assert not Choices()
    assert Choices(events=("e",))
