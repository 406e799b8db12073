"""The language of the door, as it changes under a running display."""

from kiosk import languages
from kiosk.config import parse
from kiosk.display.speech import Speech
from kiosk.store import spoken


def config(directory, language="en"):
    text = f"[device]\nid = 'n'\ndata_dir = '{directory}'\n[display]\nlanguage = '{language}'\n"
    return parse(text, "kiosk.toml")


def test_another_language_is_spoken_from_the_next_look_on(tmp_path):
    speech = Speech(config(tmp_path, "nl"))
    assert speech().name == "nl"
    spoken.write(tmp_path, "de")
    assert speech().name == "nl"
    speech.look()
    assert (speech().name, speech().say("Welcome")) == ("de", languages.read("de").say("Welcome"))
    spoken.write(tmp_path, None)
    speech.look()
    assert speech().name == "nl"


def test_what_was_chosen_before_the_start_is_spoken_at_once(tmp_path):
    spoken.write(tmp_path, "fr")
    assert Speech(config(tmp_path))().name == "fr"


def test_a_language_that_cannot_be_read_leaves_the_last_one_in_force(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(languages, "FOLDER", tmp_path)
    for name in ("de", "xx"):
        (tmp_path / f"{name}.po").write_bytes(b'msgid "Welcome"\nmsgstr "Willkommen"\n')
    speech = Speech(config(tmp_path))
    spoken.write(tmp_path, "de")
    speech.look()
    (tmp_path / "xx.po").write_bytes(b"\xff\xfe nothing of ours")
    spoken.write(tmp_path, "xx")
    speech.look()
    assert speech().name == "de"
    assert "cannot be spoken" in caplog.text
    assert Speech(config(tmp_path))().name == "en", "and a display that starts has its configured one"


def test_a_file_that_is_not_touched_is_not_read_again(tmp_path, monkeypatch):
    spoken.write(tmp_path, "de")
    speech, read = Speech(config(tmp_path)), []
    monkeypatch.setattr(languages, "read", read.append)
    for _ in range(3):
        speech.look()
    assert read == []
