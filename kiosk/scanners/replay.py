r"""A recording, or standard input, as a scanner: the same decoders, the same door.

A recording is JSON lines, each `{"at_s": seconds since the start, …}` with what came then: from a serial port
`"bytes": "one character a byte"` and, where a byte was lost, `"damaged": 1`; from a keyboard
`"events": [[type, code, value], …]`; from an HID-POS scanner `"descriptor"` and `"report"`, in hexadecimal.
`kiosk record` makes them. Any other file is taken as plain bytes, as fast as they can be read.
"""

from __future__ import annotations

import itertools
import json
import logging
import os
import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from io import BufferedReader
from pathlib import Path
from typing import Any, NamedTuple

from kiosk.errors import ScannerLost
from kiosk.model import Moment, Reading

log = logging.getLogger(__name__)

CHUNK = 4096
AHEAD = 256
"""How many steps wait at most to be read."""

LONGEST_S = 7 * 86_400.0
SILENCE_NS = 10_000_000_000
"""Behind the end of a recording: more than any scanner's idle time."""

STEP = b'{"at_s":'
"""How the lines of a recording begin, and no ticket's code does."""


class Step(NamedTuple):
    """What a scanner sent, and when, in seconds since the recording's start."""

    at_s: float
    kind: str = "bytes"
    sent: Any = b""


Decoder = Callable[[Any, Moment], list[Reading]]


class ReplayScanner:
    """A feeder thread puts steps on a queue, and a byte for each into a pipe that is polled as any scanner is.

    `decoders`: what takes each kind of step. Silence is the recording's own: a mind that is behind makes none.
    """

    def __init__(self, device: str, decoders: Mapping[str, Decoder]) -> None:
        self._decoders = decoders
        if device != "-" and (Path(device).is_dir() or not os.access(device, os.R_OK)):
            raise ScannerLost(f"{device}: there is no such recording, or this user may not read it")
        self._steps: queue.SimpleQueue[Step] = queue.SimpleQueue()
        self._room = threading.Semaphore(AHEAD)
        self._began_ns: int | None = None
        self._last: Moment | None = None
        self._out, into = os.pipe()
        threading.Thread(target=self._pour, args=(device, into), name="replay", daemon=True).start()

    def fileno(self) -> int:
        return self._out

    def read(self, moment: Moment) -> list[Reading]:
        """Return the codes that are complete by what has come. Raises ScannerLost at the recording's end."""
        told = os.read(self._out, AHEAD)
        if not told:
            return self._end(moment)
        readings: list[Reading] = []
        for _ in told:
            readings += self._play(self._steps.get(), moment)
            self._room.release()
        return readings

    def due_ns(self) -> int | None:
        return None

    def close(self) -> None:
        os.close(self._out)
        self._room.release()

    def _play(self, step: Step, moment: Moment) -> list[Reading]:
        if self._began_ns is None:
            self._began_ns = moment.boottime_ns - int(step.at_s * 1e9)
        self._last = replace(moment, boottime_ns=self._began_ns + int(step.at_s * 1e9))
        decoder = self._decoders.get(step.kind)
        if decoder is None:
            log.warning("replay: nothing here reads %s", step.kind)
            return []
        return decoder(step.sent, self._last)

    def _end(self, moment: Moment) -> list[Reading]:
        """Let what has begun end in silence, once; then it is over."""
        last, self._last = self._last, None
        if last is not None and "bytes" in self._decoders:
            silent = replace(moment, boottime_ns=last.boottime_ns + SILENCE_NS)
            if ended := self._decoders["bytes"](b"", silent):
                return ended
        raise ScannerLost("the recording has ended")

    def _pour(self, device: str, into: int) -> None:
        """Open the source here, where a pipe that nobody writes to keeps nobody waiting."""
        with os.fdopen(into, "wb", buffering=0) as pipe:
            try:
                with os.fdopen(os.dup(0), "rb") if device == "-" else Path(device).open("rb") as source:
                    for step in _steps(source):
                        self._room.acquire()
                        self._steps.put(step)
                        pipe.write(b"s")
            except BrokenPipeError:
                return  # the gate has stopped listening
            except OSError as error:
                log.warning("replay: %s: %s", device, error)


def _steps(source: BufferedReader) -> Iterator[Step]:
    """What the scanner sent, when it sent it."""
    head = _head(source)
    if head != STEP:
        yield Step(0.0, sent=head)
        yield from _plain(source)
        return
    started = time.monotonic()
    for line in itertools.chain([head + source.readline()], source):
        step = _step(line)
        if step is not None:
            time.sleep(max(0.0, started + step.at_s - time.monotonic()))
            yield step


def _plain(source: BufferedReader) -> Iterator[Step]:
    """Bytes without times: what counts is only how long the source itself kept silent."""
    waited_s = 0.0
    while True:
        began = time.monotonic()
        data = source.read1(CHUNK)
        waited_s += time.monotonic() - began
        if not data:
            return
        yield Step(waited_s, sent=data)


def _head(source: BufferedReader) -> bytes:
    """The first bytes, as many as tell a recording from a scanner's own."""
    head = b""
    while len(head) < len(STEP) and STEP.startswith(head):
        piece = source.read1(len(STEP) - len(head))
        if not piece:
            break
        head += piece
    return head


def _step(line: bytes) -> Step | None:
    """Read a line of a recording; one that cannot be read sends nothing."""
    try:
        found = json.loads(line)
        at_s = float(found["at_s"])
        if not at_s <= LONGEST_S:
            raise ValueError(f"at_s is {at_s}")
        kind = next(kind for kind in _READ if kind in found)
        return Step(max(0.0, at_s), kind, _READ[kind](found[kind]))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, StopIteration, OverflowError) as error:
        log.warning("replay: a line of the recording cannot be read: %s", error)
        return None


def _events(found: Any) -> list[tuple[int, int, int]]:
    return [(int(kind), int(code), int(value)) for kind, code, value in found]


_READ: dict[str, Callable[[Any], Any]] = {
    "bytes": lambda text: text.encode("latin-1"),
    "events": _events,
    "damaged": int,
    "descriptor": bytes.fromhex,
    "report": bytes.fromhex,
}
