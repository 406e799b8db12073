"""How far putting the journal together again has come: told each second, while the pen's own thread is busy with it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from kiosk.clock import boottime_ns

log = logging.getLogger(__name__)

TELL_S = 1.0
LOG_EVERY = 10
"""So many seconds lie between two lines in the log."""


class Mending:
    """Written by the pen's thread. `told` gets a text each second from another one, and None once it is over."""

    def __init__(self, told: Callable[[str | None], None] = lambda _: None) -> None:
        self._told = told
        self._since_ns: int | None = None
        self._text = ""

    @contextmanager
    def going_on(self) -> Iterator[None]:
        over = threading.Event()
        teller = threading.Thread(target=self._tell, args=(over,), name="mending", daemon=True)
        self._since_ns, self._text = boottime_ns(), "looking what is left of it"
        teller.start()
        try:
            yield
        finally:
            self._since_ns = None
            over.set()
            teller.join()
            self._told(None)

    def at(self, what: str, done: int, of: int) -> None:
        """Say what is being done, and how much of it is. Costs nothing."""
        self._text = f"{what}, {100 * done // max(of, 1)} %"

    def for_s(self) -> float:
        """Return how long it has been going on, 0 while nothing is mended."""
        since_ns = self._since_ns
        return (boottime_ns() - since_ns) / 1e9 if since_ns is not None else 0.0

    def _tell(self, over: threading.Event) -> None:
        told = 0
        while True:
            self._told(self._text)
            if over.wait(TELL_S):
                return
            told += 1
            if told % LOG_EVERY == 0:
                log.warning("the journal is being put together again: %s", self._text)
