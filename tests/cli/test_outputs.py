"""`kiosk outputs`: shows, tries and switches off."""

import pytest

SECTIONS = '[[output]]\nname = "barrier"\nkind = "relay"\npin = 4\n[[output]]\nname = "horn"\nkind = "sound"\n'


@pytest.fixture
def fitted(kiosk, monkeypatch):
    pytest.importorskip("gpiozero")
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "mock")
    kiosk.file.write_text(kiosk.file.read_text() + SECTIONS, encoding="utf-8")
    return kiosk


def test_they_are_shown_with_what_is_dangerous_about_them(fitted):
    barrier, horn = fitted.call("outputs").stdout.splitlines()
    assert barrier.startswith("barrier: relay GPIO4 active high 500 ms on approved, checkout  BEWARE: GPIO4 is")
    assert horn.startswith("horn: sound")


def test_the_check_shows_each_with_where_its_values_come_from(fitted):
    found = fitted.call("check").stdout
    assert "[output barrier]" in found
    assert "pin = 4  (file)" in found
    assert "active_low = false  (default)" in found


def test_one_is_tried_by_its_name(fitted):
    assert fitted.call("outputs", "--try", "barrier").returncode == 0
    done = fitted.call("outputs", "--try", "bell", check=False)
    assert (done.returncode, "known here: barrier, horn" in done.stderr) == (2, True)


def test_none_is_tried_beside_a_gate_that_has_them(fitted):
    fitted.open_gate()
    done = fitted.call("outputs", "--try", "barrier", check=False)
    assert (done.returncode, "stop it first" in done.stderr) == (1, True)


def test_switching_off_goes_on_behind_one_that_fails(fitted, monkeypatch):
    monkeypatch.setenv("GPIOZERO_PIN_FACTORY", "none-such")
    lamp = '[[output]]\nname = "red"\nkind = "lamp"\npin = 22\n'
    fitted.file.write_text(fitted.file.read_text() + lamp, encoding="utf-8")
    done = fitted.call("outputs", "--off")
    assert "output barrier: GPIO4: Unable to find pin factory" in done.stderr
    assert "output red: GPIO22: Unable to find pin factory" in done.stderr
