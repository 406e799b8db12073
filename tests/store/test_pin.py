"""The PIN's hash: which PINs are taken, and what is in the file."""

import pytest

from kiosk.errors import Refused
from kiosk.store import pin


@pytest.mark.parametrize(
    "digits",
    ["", "123", "1234567890123", "12a4", "１２３４", "0000", "1234", "4321", "7890", "0987", "1212", "123123", "2580",
     "999999", "-123", " 4029"],
)  # fmt: skip
def test_what_anybody_would_try_is_refused(tmp_path, digits):
    with pytest.raises(Refused):
        pin.write(tmp_path / "pin", digits)
    assert not (tmp_path / "pin").exists()


@pytest.mark.parametrize("digits", ["4029", "402913", "190487", "402913402914"])
def test_a_pin_is_kept_as_a_hash_that_only_its_owner_can_read(tmp_path, digits):
    path = tmp_path / "pin"
    pin.write(path, digits)
    assert path.stat().st_mode & 0o777 == 0o600
    assert digits not in path.read_text()
    kept = pin.read(path)
    assert kept.is_(digits)
    assert not kept.is_(digits[:-1])
    assert not kept.is_("")


def test_the_same_pin_again_has_another_hash(tmp_path):
    pin.write(tmp_path / "pin", "402913")
    first = pin.read(tmp_path / "pin")
    pin.write(tmp_path / "pin", "402913")
    assert pin.read(tmp_path / "pin") != first


def test_a_file_that_others_could_read_before_is_private_after(tmp_path):
    (tmp_path / "pin").write_text("old")
    (tmp_path / "pin").chmod(0o644)
    pin.write(tmp_path / "pin", "402913")
    assert (tmp_path / "pin").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", ["", "{}", '{"salt": "zz", "scrypt": "00"}', "[]"])
def test_a_file_that_cannot_be_read_is_no_missing_pin(tmp_path, content):
    (tmp_path / "pin").write_text(content)
    with pytest.raises(Refused, match="kiosk pin"):
        pin.read(tmp_path / "pin")


def test_no_file_is_no_pin(tmp_path):
    assert pin.read(tmp_path / "pin") is None
