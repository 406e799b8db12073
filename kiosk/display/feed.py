"""The newest snapshot, for as many screens as there are. A slow one misses the ones between; nothing is queued."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

from kiosk.display.snapshot import Snapshot


class Feed:
    """`publish` and `close` may be called from any thread, `follow` from one event loop."""

    def __init__(self, now_ns: Callable[[], int]) -> None:
        self._now_ns = now_ns
        self._latest: Snapshot | None = None
        self._moved = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closed = False

    def publish(self, snapshot: Snapshot) -> None:
        """Put this snapshot in the place of the last one."""
        self._latest = snapshot
        self._wake()

    def close(self) -> None:
        """End all who follow."""
        self._closed = True
        self._wake()

    async def follow(self) -> AsyncIterator[bytes]:
        """Return the newest snapshot as an event, and again each time there is a newer one."""
        self._loop = asyncio.get_running_loop()
        sent: Snapshot | None = None
        while not self._closed:
            moved, latest = self._moved, self._latest
            if latest is None or latest is sent or not latest.fresh(self._now_ns()):
                await moved.wait()
            else:
                sent = latest
                yield latest.event(self._now_ns())

    def _wake(self) -> None:
        if self._loop is not None:
            with suppress(RuntimeError):  # the loop is closed: nobody follows any more
                self._loop.call_soon_threadsafe(self._stir)

    def _stir(self) -> None:
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()
