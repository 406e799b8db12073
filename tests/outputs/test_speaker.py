"""Sound by ALSA, with programs of our own in aplay's place: what it is given, and what is done when it hangs."""

import os
import time

import pytest

from kiosk import tones
from kiosk.errors import OutputLost
from kiosk.outputs import speaker as speakers
from kiosk.outputs.speaker import Speaker
from kiosk.signals import Signal


@pytest.fixture
def aplay(tmp_path, monkeypatch):
    """Put a shell script in aplay's place."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")

    def put(script):
        (folder / "aplay").write_text(f"#!/bin/sh\n{script}\n", encoding="ascii")
        (folder / "aplay").chmod(0o755)

    return put


def wait(seconds):
    time.sleep(seconds)
    return False


@pytest.mark.parametrize("signal", Signal)
def test_a_signal_s_own_sound_is_played_on_the_configured_card(aplay, tmp_path, signal):
    aplay(f'echo "$@" > {tmp_path}/args; cat > {tmp_path}/sound')
    Speaker("plughw:1", lambda: True).play(signal, wait)
    assert (tmp_path / "args").read_text().split() == ["-q", "-D", "plughw:1", "-"]
    assert (tmp_path / "sound").read_bytes() == tones.wav(signal)


def test_there_is_no_sound_where_the_cloud_wants_none(aplay, tmp_path):
    aplay(f"touch {tmp_path}/played")
    Speaker("", lambda: False).play(Signal.APPROVED, wait)
    assert not (tmp_path / "played").exists()


def test_one_that_hangs_is_killed_and_said(aplay, tmp_path, monkeypatch):
    aplay(f"echo $$ > {tmp_path}/pid; exec sleep 3600")
    monkeypatch.setattr(speakers, "LOOKS", 20)
    with pytest.raises(OutputLost, match="did not end, and was killed"):
        Speaker("", lambda: True).play(Signal.APPROVED, wait)
    assert not os.path.exists(f"/proc/{(tmp_path / 'pid').read_text().strip()}")  # noqa: PTH110


def test_what_is_newer_ends_a_sound_at_once(aplay, tmp_path):
    aplay("exec sleep 3600")
    began = time.monotonic()
    Speaker("", lambda: True).play(Signal.APPROVED, lambda seconds: True)
    assert time.monotonic() - began < 10


def test_what_aplay_complains_of_is_said(aplay):
    aplay("echo 'ALSA lib pcm.c: oh' >&2; echo 'audio open error: No such device' >&2; exit 1")
    with pytest.raises(OutputLost, match=r"aplay -D default: audio open error: No such device$"):
        Speaker("", lambda: True).play(Signal.APPROVED, wait)


def test_a_machine_without_aplay_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(OutputLost, match="apt-get install alsa-utils"):
        Speaker("", lambda: True)
