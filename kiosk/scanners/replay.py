r"""A recording, or standard input, as a scanner: the same decoder, the same door.

A recording is JSON lines, each `{"at_s": seconds since the start, "bytes": "one character a byte"}`; any other
file is taken as the plain bytes of a scanner, as fast as they can be read.
"""

from __future__ import annotations

import itertools
import json
import logging
import os
import threading
import time
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path

from kiosk.decode import Frames
from kiosk.errors import ScannerLost
from kiosk.model import Moment, Reading

log = logging.getLogger(__name__)

CHUNK = 4096
LONGEST_S = 7 * 86_400.0
STEP = b'{"at_s":'
"""How the lines of a recording begin, and no ticket's code does."""


class ReplayScanner:
    """A feeder thread reads the source into a pipe, whose other end is polled as any scanner's is."""

    def __init__(self, device: str, frames: Frames) -> None:
        self._frames = frames
        if device != "-" and (Path(device).is_dir() or not os.access(device, os.R_OK)):
            raise ScannerLost(f"{device}: there is no such recording, or this user may not read it")
        self._out, into = os.pipe()
        threading.Thread(target=_pour, args=(device, into), name="replay", daemon=True).start()

    def fileno(self) -> int:
        return self._out

    def read(self, moment: Moment) -> list[Reading]:
        """Return the codes that are complete by what has arrived. Raises ScannerLost at the recording's end."""
        data = os.read(self._out, CHUNK)
        if not data:
            raise ScannerLost("the recording has ended")
        return self._frames.feed(data, moment)

    def close(self) -> None:
        os.close(self._out)


def _pour(device: str, into: int) -> None:
    """Open the source here, where a pipe that nobody writes to keeps nobody waiting."""
    with os.fdopen(into, "wb", buffering=0) as pipe:
        try:
            with os.fdopen(os.dup(0), "rb") if device == "-" else Path(device).open("rb") as source:
                for chunk in _chunks(source):
                    pipe.write(chunk)
        except BrokenPipeError:
            return  # the gate has stopped listening
        except OSError as error:
            log.warning("replay: %s: %s", device, error)


def _chunks(source: BufferedReader) -> Iterator[bytes]:
    """What the scanner sent, when it sent it."""
    head = _head(source)
    if head != STEP:
        yield head
        yield from iter(lambda: source.read1(CHUNK), b"")
        return
    started = time.monotonic()
    for line in itertools.chain([head + source.readline()], source):
        at_s, data = _step(line)
        time.sleep(max(0.0, started + at_s - time.monotonic()))
        yield data


def _head(source: BufferedReader) -> bytes:
    """The first bytes, as many as tell a recording from a scanner's own."""
    head = b""
    while len(head) < len(STEP) and STEP.startswith(head):
        piece = source.read1(len(STEP) - len(head))
        if not piece:
            break
        head += piece
    return head


def _step(line: bytes) -> tuple[float, bytes]:
    """Read a line of a recording; one that cannot be read sends nothing."""
    try:
        found = json.loads(line)
        at_s, data = float(found["at_s"]), found["bytes"].encode("latin-1")
        if not at_s <= LONGEST_S:
            raise ValueError(f"at_s is {at_s}")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        log.warning("replay: a line of the recording cannot be read: %s", error)
        return 0.0, b""
    return at_s, data
