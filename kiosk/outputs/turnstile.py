"""A turnstile's answer: its contact closes when somebody has gone through; whoever was admitted has some seconds.

`Passing` is pure: whoever was admitted first goes through first, and time is an argument. Who goes through late has
passed all the same, so that nobody who is inside has their admission taken back by mistake.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from kiosk.clock import boottime_ns
from kiosk.errors import OutputLost
from kiosk.model import ANNULS, Answer, Passed
from kiosk.signals import passage

log = logging.getLogger(__name__)

RETRY_S = 5.0
MOST_WAITING = 50


@dataclass(frozen=True, slots=True)
class Admitted:
    """A scan that opened the way, when that was, and at which lane."""

    seq: int
    lane: str
    at_ns: int


@dataclass(frozen=True, slots=True)
class TakenBack:
    """A scan whose admission is taken back."""

    seq: int


class Passing:
    """Who was admitted and has not gone through yet."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_ns = int(timeout_s * 1e9)
        self._waiting: deque[Admitted] = deque(maxlen=MOST_WAITING)

    def admit(self, admitted: Admitted) -> None:
        self._waiting.append(admitted)

    def forget(self, seq: int) -> None:
        """Wait for this one no more: else whoever comes next would pass in their name."""
        self._waiting = deque((each for each in self._waiting if each.seq != seq), MOST_WAITING)

    def turned(self) -> Admitted | None:
        """Return who has gone through, None where nobody was admitted."""
        return self._waiting.popleft() if self._waiting else None

    def over(self, now_ns: int) -> list[Admitted]:
        """Return whose time is over."""
        found = []
        while (due_ns := self.due_ns()) is not None and due_ns <= now_ns:
            found.append(self._waiting.popleft())
        return found

    def due_ns(self) -> int | None:
        """Return when the next one's time is over."""
        return self._waiting[0].at_ns + self._timeout_ns if self._waiting else None


class Closing(Protocol):
    def close(self) -> None: ...


class Turnstile:
    """Listens to one contact. `passed` is called with each scan's number and what became of it, and must not block."""

    def __init__(
        self,
        name: str,
        lanes: frozenset[str],
        timeout_s: float,
        open_: Callable[[Callable[[], None]], Closing],
        passed: Callable[[int, Passed], None],
    ) -> None:
        self.name, self._lanes, self._open, self._passed = name, lanes, open_, passed
        self._passing = Passing(timeout_s)
        self._news: queue.SimpleQueue[Admitted | TakenBack | int | None] = queue.SimpleQueue()
        self._over = threading.Event()
        self._missed: Admitted | None = None
        self._unasked = 0
        self.problem: str | None = None
        self.tried = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"turnstile {name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def show(self, lane: str, answer: Answer) -> None:
        """Wait for whoever is admitted; forget of whom it was taken back."""
        annulled = _annulled(answer)
        if annulled is not None:
            self._news.put(TakenBack(annulled))
        concerned = not self._lanes or lane in self._lanes
        if answer.scan is not None and concerned and passage(answer) is not None and self.problem is None:
            self._news.put(Admitted(answer.scan.seq, lane, boottime_ns()))

    def facts(self) -> dict[str, object]:
        """Return how it is; `missed` is the last one who was admitted and did not pass, `unasked` who just passed."""
        missed = {"seq": self._missed.seq, "lane": self._missed.lane} if self._missed is not None else None
        return {"name": self.name, "problem": self.problem, "missed": missed, "unasked": self._unasked}

    def end(self) -> None:
        self._over.set()
        self._news.put(None)

    def ended_within(self, seconds: float) -> bool:
        self._thread.join(seconds)
        return not self._thread.is_alive()

    # --- on its own thread -------------------------------------------------------------------------------------------

    def _run(self) -> None:
        while not self._over.is_set():
            try:
                contact = self._open(self._closed)
            except OutputLost as error:
                self._note(str(error))
                self.tried.set()
                self._over.wait(RETRY_S)
                continue
            self._note(None)
            self.tried.set()
            try:
                while not self._over.is_set():
                    self._step()
            finally:
                contact.close()

    def _closed(self) -> None:
        self._news.put(boottime_ns())

    def _step(self) -> None:
        """Wait for who is admitted, for the contact, or for a time to be over."""
        due_ns = self._passing.due_ns()
        try:
            news = self._news.get(timeout=max(0.0, (due_ns - boottime_ns()) / 1e9) if due_ns is not None else None)
        except queue.Empty:
            news = None
        for late in self._passing.over(news if isinstance(news, int) else boottime_ns()):
            self._missed = late
            self._passed(late.seq, Passed.TIMED_OUT)
        if isinstance(news, Admitted):
            self._passing.admit(news)
        elif isinstance(news, TakenBack):
            self._forget(news.seq)
        elif news is not None:
            self._turn()

    def _forget(self, seq: int) -> None:
        self._passing.forget(seq)
        if self._missed is not None and self._missed.seq == seq:
            self._missed = None

    def _turn(self) -> None:
        """Somebody went through: whoever was admitted, or, where nobody waits, the last one who was late."""
        admitted, self._missed = self._passing.turned() or self._missed, None
        if admitted is not None:
            self._passed(admitted.seq, Passed.TURNED)
            return
        self._unasked += 1
        log.warning("turnstile %s: somebody passed who was not admitted here", self.name)

    def _note(self, problem: str | None) -> None:
        if problem is not None and problem != self.problem:
            log.error("turnstile %s: %s", self.name, problem)
        self.problem = problem


def _annulled(answer: Answer) -> int | None:
    """Return whose admission this answer takes back."""
    annuls = answer.scan.verdict.facts.get(ANNULS) if answer.scan is not None else None
    return int(annuls) if annuls is not None else None
