"""Guests in front of a gate, and what they were told."""

from __future__ import annotations

import json
import os
import random
import select
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

TICKETS = 3_000
"""So many are on the list."""

CLIENTS = 3

Evidence = tuple[str, int | None, str]
"""The code or its end, the scan's number, what was said of it."""


def code(number: int) -> str:
    return f"CODE{number:06}"


@dataclass
class Told:
    """Answers on the socket, and how many seconds the first of them took since the crowd came."""

    answers: list[Evidence] = field(default_factory=list)
    opened_s: float | None = None


class Crowd:
    """Guests at three hand-held programs and a serial scanner, who come until the door is shut."""

    def __init__(self, path: Path, scanner: int, guests: random.Random, told: Told) -> None:
        self._path, self._scanner, self._guests, self._told = path, scanner, guests, told
        self._began = time.monotonic()
        self._gone = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(CLIENTS)]
        self._threads.append(threading.Thread(target=self._hold_under_scanner))
        for thread in self._threads:
            thread.start()

    def _ask(self) -> None:
        while not self._gone.is_set():
            with suppress(OSError, ValueError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
                line.connect(str(self._path))
                with line.makefile("rwb") as file:
                    while not self._gone.is_set():
                        self._ask_one(file)
            time.sleep(0.01)  # the gate is not there yet

    def _ask_one(self, file: BinaryIO) -> None:
        asked = self._next()
        file.write(json.dumps({"code": asked}).encode() + b"\n")
        file.flush()
        answer = json.loads(file.readline())
        self._told.answers.append((asked, answer["seq"], answer["message"]))
        if self._told.opened_s is None:
            self._told.opened_s = time.monotonic() - self._began

    def _hold_under_scanner(self) -> None:
        while not self._gone.wait(0.01):
            if select.select([], [self._scanner], [], 0)[1]:
                os.write(self._scanner, self._next().encode() + b"\r")

    def _next(self) -> str:
        """One of those on the list, perhaps once more, or of nobody."""
        return code(self._guests.randrange(TICKETS * 11 // 10))

    def leave(self) -> None:
        self._gone.set()
        for thread in self._threads:
            thread.join()
