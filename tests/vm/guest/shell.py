"""What the host asks of any guest."""

import os
import subprocess
import time
from pathlib import Path


def run(command: str) -> str:
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, errors="replace", check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{command}\nexit status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def screen() -> list[str]:
    """Return what stands on the first text console (vcs(4))."""
    text = Path("/dev/vcs1").read_bytes().decode("latin-1")
    with Path("/dev/vcsa1").open("rb") as screen_file:
        width = screen_file.read(2)[1]
    return [text[start : start + width].rstrip() for start in range(0, len(text), width)]


def await_screen_other_than(lines: list[str], patience_s: float = 20.0) -> list[str]:
    deadline = time.monotonic() + patience_s
    while (found := screen()) == lines:
        if time.monotonic() > deadline:
            raise TimeoutError("nothing new on the screen")
        time.sleep(0.05)
    return found


def hold_open(path: str) -> int:
    """Open a device and keep it, as a program that does not notice that it has gone."""
    return os.open(path, os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK)


def pause(pause_s: float) -> None:
    time.sleep(pause_s)
