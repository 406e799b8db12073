"""Systemd's watchdog, fed from a thread of its own, but only while every part of the program has moved lately.

A thread that fed it whatever happens would hide a dead reader; a part that stands still is named, in the log and to
systemd, and the program ends and is started again unless it moves on in time. Where systemd does not ask for anything,
nothing is done (sd_notify(3), sd_watchdog_enabled(3)).
"""

from __future__ import annotations

import faulthandler
import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import TracebackType

from kiosk.clock import boottime_ns

log = logging.getLogger(__name__)

STALL_S = 10.0
"""How long a part of a program may stand still. A card may take five seconds for one sync."""

LOOK_S = 5.0
"""How often it is looked, at most; half of WatchdogSec where that is shorter."""

MORE_TIME_S, LONGEST_START_S = 30, 900.0
"""How much longer a start may take whenever it is looked, and how long in all: a journal that has to be put together
again takes minutes, and must not be killed half-way. While scans come that may take as long."""


@dataclass(frozen=True, slots=True)
class Part:
    """What must move: when it last did, by the time since boot, and how long it may stand still."""

    moved_ns: Callable[[], int]
    within_s: float = STALL_S


class Mark:
    """When something last moved."""

    def __init__(self) -> None:
        self._at_ns = boottime_ns()

    def move(self) -> None:
        self._at_ns = boottime_ns()

    def moved_ns(self) -> int:
        return self._at_ns


class Work:
    """Something that may take long only while it is done: at rest it counts as moving."""

    def __init__(self) -> None:
        self._since_ns: int | None = None

    @contextmanager
    def going_on(self) -> Iterator[None]:
        self._since_ns = boottime_ns()
        try:
            yield
        finally:
            self._since_ns = None

    def moved_ns(self) -> int:
        since_ns = self._since_ns
        return since_ns if since_ns is not None else boottime_ns()


def lenient(moved_ns: Callable[[], int], busy_s: Callable[[], float]) -> Callable[[], int]:
    """Let a part stand still while something has been going on that must not be killed half-way, but not for ever."""
    return lambda: boottime_ns() if 0 < busy_s() < LONGEST_START_S else moved_ns()


def stalled(parts: Mapping[str, Part], now_ns: int) -> list[str]:
    """Return the names of the parts that have stood still for too long."""
    return [name for name, part in parts.items() if now_ns - part.moved_ns() > part.within_s * 1e9]


class Notify:
    """The socket that systemd listens on; without one, nothing is said."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        address = environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        self._period_s = _number(environ.get("WATCHDOG_USEC")) / 1e6
        self._ours = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())

    def __bool__(self) -> bool:
        return bool(self._address)

    @property
    def period_s(self) -> float:
        """How often the watchdog wants to be fed; 0 where it wants nothing of this process."""
        return self._period_s if self._ours and self._address else 0.0

    def say(self, *lines: str) -> None:
        """Tell systemd. What does not arrive is not waited for: it asks again by itself, or ends us."""
        if not self._address:
            return
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as wire:
            wire.setblocking(False)
            wire.sendto("\n".join(lines).encode(), self._address)


class Watchdog:
    """Asks for more time from `with` on, feeds from `ready` on, says STOPPING at the end. `ready` may be repeated."""

    def __init__(self, notify: Notify | None = None, look_s: float = LOOK_S) -> None:
        self._notify = notify if notify is not None else Notify()
        half = self._notify.period_s / 2
        self._look_s = min(look_s, half) if half else look_s
        self._parts: Mapping[str, Part] | None = None
        self._stalled: list[str] = []
        self._began_ns = boottime_ns()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)

    def ready(self, parts: Mapping[str, Part]) -> None:
        """Say that the door is open, once, and what has to move from now on."""
        if self._parts is None:
            self._parts = parts
            self._notify.say("READY=1", "STATUS=running")

    def say(self, what: str | None) -> None:
        """Tell systemd, for its own `status`, what is being done; None when it is over."""
        usual = "running" if self._parts is not None else "starting"
        self._notify.say(f"STATUS={what if what is not None else usual}")

    def __enter__(self) -> Watchdog:
        if self._notify:
            faulthandler.enable()  # systemd's SIGABRT then tells where each thread stands
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._notify.say("STOPPING=1")

    def _run(self) -> None:
        while not self._over.is_set():
            self._look(boottime_ns())
            self._over.wait(self._look_s)

    def _look(self, now_ns: int) -> None:
        if self._parts is None:
            if now_ns - self._began_ns < LONGEST_START_S * 1e9:
                self._notify.say(f"EXTEND_TIMEOUT_USEC={MORE_TIME_S * 1_000_000}")
            return
        found = stalled(self._parts, now_ns)
        if found != self._stalled:
            self._tell(found)
        if not found and self._notify.period_s:
            self._notify.say("WATCHDOG=1")

    def _tell(self, found: list[str]) -> None:
        self._stalled = found
        if found:
            log.error("stands still: %s", ", ".join(found))
        else:
            log.warning("everything moves again")
        self._notify.say(f"STATUS=stands still: {', '.join(found)}" if found else "STATUS=running")


def _number(text: str | None) -> int:
    return int(text) if text is not None and text.isdecimal() else 0
