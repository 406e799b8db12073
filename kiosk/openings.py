"""Devices that are just being opened, each on a thread of its own: one that is ill keeps nobody waiting."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence

from kiosk.errors import ScannerLost
from kiosk.lanes import Ear, Scanner, lost

Opened = tuple[Ear, Callable[[], Scanner], Scanner | ScannerLost]

LAST_OPENING_S = 0.5
"""How long the end waits for devices that are just being opened."""


class Openings:
    """Belongs to the ears' thread; `wake` is called, on any, when something was opened, and never after `end`."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._opened: queue.SimpleQueue[Opened] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._over = False

    def begin(self, ear: Ear, before: Scanner | None = None) -> None:
        """Open an ear's device by the recipe of now; what it had `before` is closed first, as slow as that may be."""
        ear.opening = threading.Thread(target=self._open, args=(ear, ear.recipe, before), name="opening", daemon=True)
        ear.opening.start()

    def _open(self, ear: Ear, recipe: Callable[[], Scanner], before: Scanner | None) -> None:
        """Open a scanner; whatever is wrong with it, the others are heard."""
        if before is not None:
            close(ear, before)
        opened: Scanner | ScannerLost
        try:
            opened = recipe()
        except Exception as error:  # noqa: BLE001
            opened = lost(ear, error)
        with self._lock:
            if not self._over:
                self._opened.put((ear, recipe, opened))
                self._wake()
                return
        if not isinstance(opened, ScannerLost):
            opened.close()

    def taken(self) -> Iterator[tuple[Ear, Scanner | ScannerLost]]:
        """Return what was opened since, but what its ear no longer wants: that is closed, and the right one opened."""
        while not self._opened.empty():
            ear, recipe, opened = self._opened.get()
            ear.opening = None
            if recipe == ear.recipe:
                yield ear, opened
            elif not isinstance(opened, ScannerLost):
                self.begin(ear, opened)

    def end(self, ears: Sequence[Ear]) -> None:
        """Wait shortly for what is being opened; what comes later is closed by itself."""
        until = time.monotonic() + LAST_OPENING_S
        for opening in [ear.opening for ear in ears if ear.opening is not None]:
            opening.join(max(0.0, until - time.monotonic()))
        with self._lock:
            self._over = True
        while not self._opened.empty():
            ear, _, opened = self._opened.get()
            if not isinstance(opened, ScannerLost):
                close(ear, opened)


def close(ear: Ear, scanner: Scanner) -> None:
    """Close a device, whatever it makes of that."""
    try:
        scanner.close()
    except Exception as error:  # noqa: BLE001
        lost(ear, error)
