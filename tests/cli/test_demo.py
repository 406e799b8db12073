"""The whole kiosk on one machine, played through; nothing of it is left afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest


class Demo:
    """A demo with a directory for temporary files of its own, and a mark by which its processes are known."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.mark = directory, f"KIOSK_TEST_MARK={uuid.uuid4()}"
        name, _, value = self.mark.partition("=")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "kiosk", "demo", "--once"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True,
            env={**os.environ, "TMPDIR": str(directory), name: value},
        )  # fmt: skip

    def alive(self) -> list[str]:
        """The command lines of everything that this demo started."""
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                environment, words = (entry / "environ").read_bytes(), (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if self.mark.encode() in environment:
                found.append(words.replace(b"\0", b" ").decode(errors="replace"))
        return found

    def left(self) -> list[Path]:
        return list(self.directory.iterdir())


@pytest.fixture
def demo(tmp_path) -> Iterator[Demo]:
    made = Demo(tmp_path)
    yield made
    made.process.kill()
    made.process.communicate()
    for entry in Path("/proc").glob("[0-9]*"):  # what a broken demo left behind
        try:
            if made.mark.encode() in (entry / "environ").read_bytes():
                os.kill(int(entry.name), signal.SIGKILL)
        except OSError:
            continue


def test_played_once_it_delivers_everything_in_under_a_minute_and_leaves_nothing(demo):
    began = time.monotonic()
    said, _ = demo.process.communicate(timeout=60)
    assert demo.process.returncode == 0, said
    assert time.monotonic() - began < 60
    words = " ".join(said.split())
    for act in ("The network goes down", "The network comes back", "exactly once: 14; missing: 0; too often: 0"):
        assert act in words
    assert demo.alive() == []
    assert demo.left() == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ended_in_the_middle_it_leaves_nothing_either(demo, number):
    assert demo.process.stdout is not None
    while "Six guests" not in (line := demo.process.stdout.readline()):
        assert line, "it ended by itself"
    assert len(demo.alive()) >= 5
    demo.process.send_signal(number)
    demo.process.wait(5)
    assert demo.alive() == []
    assert demo.left() == []
