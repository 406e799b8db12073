"""`calibrated.json`: whole or not at all, and a broken one shuts no door."""

import logging

import pytest

from kiosk.store import calibrated
from kiosk.tuning import Tuning

OWN = Tuning(kind="serial", device="/dev/ttyACM0", settings={"prefix": "\u202e<b>\x1b", "idle_ms": 200})


def test_what_is_written_is_read_again(tmp_path):
    calibrated.write(tmp_path, {"left": OWN})
    assert calibrated.read(tmp_path) == {"left": OWN}
    assert (tmp_path / calibrated.FILE).read_bytes().isascii()
    calibrated.write(tmp_path, {})
    assert calibrated.read(tmp_path) == {}


def test_without_a_file_everything_is_as_configured(tmp_path):
    assert calibrated.read(tmp_path) == {}


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"left": 7}', b'{"left": {"kind": "serial"}}', b"\xff" * 99])
def test_a_file_that_cannot_be_read_is_logged_and_counts_as_none(tmp_path, caplog, content):
    caplog.set_level(logging.WARNING)
    (tmp_path / calibrated.FILE).write_bytes(content)
    assert calibrated.read(tmp_path) == {}
    assert "as configured" in caplog.text
