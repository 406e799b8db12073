"""A scanner that is lent for a calibration: open like any other, but what it sends is kept and is no reading."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from kiosk.collection import Collection, Heard
from kiosk.lanes import Scanner
from kiosk.model import Moment, Reading


class Device(Protocol):
    """An open scanner that also tells what it got, undecoded."""

    def fileno(self) -> int: ...
    def sent(self, moment: Moment) -> list[tuple[Moment, str, Any]]: ...
    def close(self) -> None: ...


class Trial:
    """The loan of one device, of `wait_s` at most while nothing comes.

    The ears feed and end it. Others may look at `open_` and `ended`, and at the rest once it has ended.
    """

    def __init__(self, opened: Callable[[], Device], began_ns: int, wait_s: float) -> None:
        self._opened, self._collection = opened, Collection(began_ns, wait_s)
        self.open_ = self.ended = self.cancelled = False
        self.problem: str | None = None

    def open(self) -> Scanner:
        """Open the device. Raises ScannerLost."""
        device = self._opened()
        self.open_ = True
        return _Lent(device, self._collection)

    def due_ns(self) -> int:
        return self._collection.due_ns()

    def over(self, now_ns: int) -> bool:
        """Tell whether the lane is a door again; from then on nothing changes here."""
        self.ended = self.cancelled or self.problem is not None or self._collection.over(now_ns)
        return self.ended

    def lose(self, problem: str) -> None:
        self.problem = problem

    def cancel(self) -> None:
        """Have it end at the next look of the ears. May be called from any thread."""
        self.cancelled = True

    @property
    def receiving(self) -> bool:
        return bool(self._collection.heard)

    def left_s(self, now_ns: int) -> float:
        return self._collection.left_s(now_ns)

    @property
    def heard(self) -> list[Heard]:
        return self._collection.heard


class _Lent:
    """What the ears have of it."""

    def __init__(self, device: Device, collection: Collection) -> None:
        self._device, self._collection = device, collection
        self._fresh = True

    def fileno(self) -> int:
        return self._device.fileno()

    def read(self, moment: Moment) -> list[Reading]:
        """Keep what has come. Raises ScannerLost."""
        self._fresh = False
        self._collection.take(moment.boottime_ns, self._device.sent(moment))
        return []

    def due_ns(self) -> int | None:
        """At once at first: what came while it was opened is no news to any poll."""
        return 0 if self._fresh else None

    def close(self) -> None:
        self._device.close()
