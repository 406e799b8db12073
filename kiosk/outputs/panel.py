"""All outputs and turnstiles of a kiosk, behind one call that never waits and never raises."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from kiosk.clock import boottime_ns
from kiosk.model import Answer
from kiosk.outputs.output import Output
from kiosk.outputs.turnstile import Turnstile

log = logging.getLogger(__name__)

SAME_HAND_NS = 1_000_000_000
"""A code that stays before its scanner is told again and again; more often than this it says nothing new."""

FIRST_OFF_S, END_S = 0.5, 0.5
"""How long the start, and the end, wait for all outputs to be off; those that hang are left to themselves."""


class Panel:
    """Belongs to the mind: `show` is called with each answer, once it is on disk."""

    def __init__(self, outputs: Sequence[Output] = (), turnstiles: Sequence[Turnstile] = ()) -> None:
        self._outputs, self._turnstiles = outputs, turnstiles
        self._parts: tuple[Output | Turnstile, ...] = (*turnstiles, *outputs)
        self._last: dict[str, tuple[int, int]] = {}
        self._failed = False

    def start(self) -> None:
        """Switch everything off, whatever it was left as, before anybody is listened to."""
        for part in self._parts:
            part.start()
        until = time.monotonic() + FIRST_OFF_S
        for part in self._parts:
            part.tried.wait(max(0.0, until - time.monotonic()))

    def show(self, lane: str, answer: Answer) -> None:
        try:
            if not self._same_hand(lane, answer):
                for part in self._parts:
                    part.show(lane, answer)
        except Exception:
            if not self._failed:
                log.exception("the outputs fail; the door goes on without")
            self._failed = True

    def _same_hand(self, lane: str, answer: Answer) -> bool:
        """Tell whether this only says again what was said a moment ago."""
        seq, now_ns = answer.scan.seq if answer.scan is not None else 0, boottime_ns()
        before, at_ns = self._last.get(lane, (0, 0))
        if answer.repeated and seq == before and now_ns - at_ns < SAME_HAND_NS:
            return True
        self._last[lane] = seq, now_ns
        return False

    def facts(self) -> dict[str, object]:
        """Return how each part is; what hangs is named."""
        return {
            "outputs": [output.facts() for output in self._outputs],
            "turnstiles": [turnstile.facts() for turnstile in self._turnstiles],
        }

    def close(self) -> None:
        """Switch everything off, and wait no longer for it than a person would notice."""
        for part in self._parts:
            part.end()
        until = time.monotonic() + END_S
        for part in self._parts:
            if not part.ended_within(max(0.0, until - time.monotonic())):
                log.error("output %s hangs, and is left behind", part.facts()["name"])
