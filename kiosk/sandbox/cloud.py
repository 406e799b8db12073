"""What the services share: the store, the panel of faults, the record of requests and the server's own clock."""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from kiosk.sandbox.faults import Panel
from kiosk.sandbox.messages import Document, Reply, Request, timestamp
from kiosk.sandbox.records import Records

_REQUESTS_KEPT = 100_000


@dataclass(slots=True)
class Clock:
    """Tell the time, wrong by an offset that may be changed while the server runs."""

    offset_s: float = 0.0

    def now(self) -> datetime:
        """Return the present moment as the server believes it to be."""
        return datetime.now(UTC) + timedelta(seconds=self.offset_s)


class RequestLog:
    """Keep the latest requests and count all; the control routes are no part of it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._latest: deque[Document] = deque(maxlen=_REQUESTS_KEPT)
        self._count = 0

    def add(self, request: Request, status: int | None, at: datetime) -> None:
        """Add a request; the status is None where the client saw none."""
        entry = {"method": request.method, "path": request.path, "query": request.query, "status": status}
        with self._lock:
            self._latest.append(entry | {"at": timestamp(at)})
            self._count += 1

    def latest(self) -> list[Document]:
        """Return the requests that are kept, oldest first."""
        with self._lock:
            return list(self._latest)

    @property
    def count(self) -> int:
        """Return how many requests there ever were."""
        return self._count


@dataclass(frozen=True, slots=True)
class Cloud:
    """Hold together what every service needs; a key that is None accepts any that is not empty."""

    records: Records
    panel: Panel
    clock: Clock
    api_key: str | None = None
    token: str | None = None
    log: RequestLog = field(default_factory=RequestLog)


Handler = Callable[[Request, Cloud], Reply]
