"""Threads that do for an event loop what may take a while: few of them, and few who wait for them.

They are no reason for a program to stay: whatever they are at ends with it.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

T = TypeVar("T")

MOST_WAITING = 16


class Busy(Exception):
    """Too many wait already."""


class Workers:
    """With one thread, what belongs to a thread may be used by all that is done here."""

    def __init__(self, name: str, number: int = 1) -> None:
        self._waiting: queue.Queue[tuple[Callable[[], Any], asyncio.Future[Any]]] = queue.Queue(MOST_WAITING)
        for _ in range(number):
            threading.Thread(target=self._work, name=name, daemon=True).start()

    async def do(self, work: Callable[[], T]) -> T:
        """Return what the work returns, or raise what it raises. Raises Busy."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        try:
            self._waiting.put_nowait((work, future))
        except queue.Full:
            raise Busy from None
        return await future

    def _work(self) -> None:
        while True:
            work, future = self._waiting.get()
            if future.cancelled():
                continue
            try:
                result = work()
            except Exception as error:  # noqa: BLE001  # it is raised where somebody waits for it
                _tell(future, future.set_exception, error)
            else:
                _tell(future, future.set_result, result)


def _tell(future: asyncio.Future[Any], say: Callable[[Any], None], what: object) -> None:
    def tell() -> None:
        if not future.done():  # who asked has gone
            say(what)

    with suppress(RuntimeError):  # the loop is closed: nobody waits any more
        future.get_loop().call_soon_threadsafe(tell)
