"""The file of staff's choices: whole, or as configured."""

import pytest

from kiosk.choices import Choices
from kiosk.store import chosen


def test_what_is_written_is_read(tmp_path):
    choices = Choices.model_validate({"scanType": "checkout", "events": ["a"], "ticketTypes": {"a": ["b"]}})
    chosen.write(tmp_path, choices)
    assert chosen.read(tmp_path) == choices


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"events": []}', b"\xff"])
def test_a_file_that_cannot_be_read_is_no_choice(tmp_path, content, caplog):
    (tmp_path / chosen.FILE).write_bytes(content)
    assert not chosen.read(tmp_path)
    assert "as configured" in caplog.text


def test_no_file_is_no_choice_and_nothing_to_tell(tmp_path, caplog):
    assert not chosen.read(tmp_path)
    assert not caplog.records
