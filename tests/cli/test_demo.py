"""The whole kiosk on one machine, played through; nothing of it is left afterwards."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


class Demo:
    """A demo with a directory for temporary files of its own, and a mark by which its processes are known."""

    def __init__(self, directory: Path, *options: str, stdin: int = subprocess.DEVNULL) -> None:
        self.directory, self.mark = directory, f"KIOSK_TEST_MARK={uuid.uuid4()}"
        name, _, value = self.mark.partition("=")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "kiosk", "demo", *options],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=stdin, text=True,
            env={**os.environ, "TMPDIR": str(directory), name: value},
        )  # fmt: skip

    def alive(self) -> dict[int, str]:
        """The process ids and command lines of everything that this demo started."""
        found = {}
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                environment, words = (entry / "environ").read_bytes(), (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if self.mark.encode() in environment:
                found[int(entry.name)] = words.replace(b"\0", b" ").decode(errors="replace")
        return found

    def clear(self) -> None:
        for number in self.alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)

    def read_until(self, words: str) -> str:
        assert self.process.stdout is not None
        said = ""
        while words not in said:
            line = self.process.stdout.readline()
            assert line, f"it ended by itself: {said}"
            said += line
        return said

    def left(self) -> list[Path]:
        return list(self.directory.iterdir())


@pytest.fixture
def begin(tmp_path) -> Iterator[Callable[..., Demo]]:
    """Begin a demo; whatever a broken one leaves behind is cleared away at the end."""
    begun: list[Demo] = []

    def start(*options: str, stdin: int = subprocess.DEVNULL) -> Demo:
        begun.append(Demo(tmp_path, *options, stdin=stdin))
        return begun[-1]

    yield start
    for made in begun:
        made.process.kill()
        made.process.communicate()
        made.clear()


@pytest.fixture
def demo(begin) -> Demo:
    return begin("--once")


def test_played_once_it_delivers_everything_in_under_a_minute_and_leaves_nothing(demo):
    began = time.monotonic()
    said, _ = demo.process.communicate(timeout=60)
    assert demo.process.returncode == 0, said
    assert time.monotonic() - began < 60
    words = " ".join(said.split())
    for act in ("The network goes down", "The network comes back", "exactly once: 14; missing: 0; too often: 0"):
        assert act in words
    assert demo.alive() == {}
    assert demo.left() == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ended_in_the_middle_it_leaves_nothing_either(demo, number):
    demo.read_until("Six guests")
    assert len(demo.alive()) >= 5
    demo.process.send_signal(number)
    demo.process.wait(5)
    assert demo.alive() == {}
    assert demo.left() == []


def test_after_the_evening_codes_can_be_typed_and_the_network_cut(begin):
    master, slave = os.openpty()
    demo = begin(stdin=slave)
    os.close(slave)
    said = demo.read_until("cancelled: ")
    valid = said.split("valid: ")[1].split(",")[0]
    # When the code is typed nobody may know yet that the network is down: "not on the list", or "not yet".
    for line, answer in (
        (valid, "Welcome"), (valid, "shown again"), ("down", "the network is down"), ("ABCD1234", "ABCD1234"),
        (said.split("valid: ")[1].split(", ")[1], "Welcome"), ("up", "the network is back"),
    ):  # fmt: skip
        os.write(master, f"{line}\n".encode())
        demo.read_until(answer)
    os.write(master, b"\x04")
    rest, _ = demo.process.communicate(timeout=30)
    os.close(master)
    assert demo.process.returncode == 0, rest
    assert "exactly once: 16; missing: 0; too often: 0" in " ".join(rest.split())
    assert demo.alive() == {}
    assert demo.left() == []
