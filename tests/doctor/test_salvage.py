"""What is right in a configuration with errors is still gone by."""

import pytest

from kiosk.config import Config
from kiosk.doctor.salvage import salvage

TEXT = """
[device]
data_dir = "/srv/kiosk"
[display]
port = "eighty"
[[scanner]]
name = "left"
kind = "hid"
[[scanner]]
name = "right"
kind = "typewriter"
[nonsense]
"""


def test_each_section_that_is_right_counts_and_the_others_are_as_by_default(tmp_path):
    file = tmp_path / "kiosk.toml"
    file.write_text(TEXT)
    found = salvage(file)
    assert str(found.device.data_dir) == "/srv/kiosk"
    assert found.display == Config().display
    assert [scanner.name for scanner in found.scanner] == ["left"]


@pytest.mark.parametrize("content", [None, b"= broken", b"\xff\xfe\x00", b"scanner = 7\ndevice = 1\n"])
def test_of_a_file_that_is_none_the_defaults_are_left(tmp_path, content):
    file = tmp_path / "kiosk.toml"
    if content is not None:
        file.write_bytes(content)
    assert salvage(file).cloud == Config().cloud
    assert salvage(file).scanner == ()
