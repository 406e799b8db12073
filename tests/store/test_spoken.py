"""The file of the language that staff chose: whole, or as configured."""

import pytest

from kiosk.config import parse
from kiosk.store import spoken


def config(directory, display=""):
    return parse(f"[device]\nid = 'n'\ndata_dir = '{directory}'\n{display}", "kiosk.toml")


def test_what_is_chosen_outdoes_the_file_until_it_is_given_back(tmp_path):
    dutch = config(tmp_path, "[display]\nlanguage = 'nl'\n")
    assert spoken.in_force(config(tmp_path)) == spoken.Joined("en", spoken.Origin.DEFAULT)
    assert spoken.in_force(dutch) == spoken.Joined("nl", spoken.Origin.FILE)
    spoken.write(tmp_path, "de")
    assert spoken.in_force(dutch) == spoken.Joined("de", spoken.Origin.STAFF)
    spoken.write(tmp_path, None)
    assert spoken.in_force(dutch) == spoken.Joined("nl", spoken.Origin.FILE)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"7", b"{}", b"\xff"])
def test_a_file_that_cannot_be_read_is_no_choice(tmp_path, content, caplog):
    (tmp_path / spoken.FILE).write_bytes(content)
    assert spoken.read(tmp_path) is None
    assert "as configured" in caplog.text


@pytest.mark.parametrize("content", [b'{"language": null}', b'{"language": "xx"}', b'{"language": ["de"]}'])
def test_a_language_that_is_not_there_is_no_choice(tmp_path, content):
    (tmp_path / spoken.FILE).write_bytes(content)
    assert spoken.read(tmp_path) is None


def test_no_file_is_no_choice_and_nothing_to_tell(tmp_path, caplog):
    assert spoken.read(tmp_path) is None
    assert not caplog.records
