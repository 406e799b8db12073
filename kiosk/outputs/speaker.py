"""Sound by ALSA: `aplay` (alsa-utils) plays one of the kiosk's own sounds, and is killed when it hangs or is too late.

A program of its own, because a sound card that hangs must hang somebody else; it gets the sound as a file in memory, so
that nobody waits for a pipe either.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from kiosk import tones
from kiosk.errors import OutputLost
from kiosk.outputs.output import Rest
from kiosk.signals import Signal

PROGRAM = "aplay"
LOOK_S, LOOKS = 0.02, 100
"""How often it is looked whether it has ended; after so many looks it hangs. The longest sound takes 0.9 s."""

LAST_S = 0.5


class Speaker:
    def __init__(self, device: str, audible: Callable[[], bool]) -> None:
        """`audible` tells whether there is to be any sound. Raises OutputLost."""
        self._device, self._audible = device or "default", audible
        if shutil.which(PROGRAM) is None:
            raise OutputLost(f"sound needs {PROGRAM}: apt-get install alsa-utils")
        for signal in Signal:  # made now, and not when somebody waits for it
            tones.wav(signal)

    def play(self, signal: Signal, rest: Rest) -> None:
        if not self._audible():
            return
        with _in_memory(tones.wav(signal)) as sound, _in_memory(b"") as said:
            process = subprocess.Popen(  # noqa: S603  # the device is the operator's own word
                [PROGRAM, "-q", "-D", self._device, "-"], stdin=sound, stdout=subprocess.DEVNULL, stderr=said
            )
            try:
                self._wait(process, rest)
            finally:
                _end(process)
            if process.returncode not in {0, -9}:
                raise OutputLost(f"{PROGRAM} -D {self._device}: {_last_line(said) or process.returncode}")

    def _wait(self, process: subprocess.Popen[bytes], rest: Rest) -> None:
        for _ in range(LOOKS):
            if process.poll() is not None or rest(LOOK_S):
                return
        raise OutputLost(f"{PROGRAM} -D {self._device}: it did not end, and was killed")

    def close(self) -> None:
        pass


@contextmanager
def _in_memory(content: bytes) -> Iterator[int]:
    descriptor = os.memfd_create("sound", os.MFD_CLOEXEC)
    try:
        os.write(descriptor, content)
        os.lseek(descriptor, 0, os.SEEK_SET)
        yield descriptor
    finally:
        os.close(descriptor)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill it if it still runs; one that the kernel holds fast is left behind."""
    process.kill()
    with suppress(subprocess.TimeoutExpired):
        process.wait(LAST_S)


def _last_line(descriptor: int) -> str:
    lines = os.pread(descriptor, 4096, 0).decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else ""
