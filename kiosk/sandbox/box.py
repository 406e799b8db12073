"""The sandbox as its users hold it: a cloud in a box, with a lever for every fault."""

import threading
import weakref
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import EllipsisType
from typing import Any, Self

from kiosk.sandbox.cloud import Clock, Cloud
from kiosk.sandbox.distortions import DISTORTIONS
from kiosk.sandbox.faults import Fault, Panel
from kiosk.sandbox.messages import Document
from kiosk.sandbox.outages import OUTAGES
from kiosk.sandbox.records import Records
from kiosk.sandbox.server import Listener

FAULTS: Mapping[str, Fault] = {fault.name: fault for fault in (*OUTAGES, *DISTORTIONS)}

_PATIENCE_S = 2.0


class Sandbox:
    """Serve both hosts' APIs on one port.

    The port is taken at once, the first connection is accepted after `start`. What was stored outlives `stop`, so that
    a sandbox can be looked into afterwards, or started again on the same port as a cloud that comes back.
    """

    def __init__(
        self,
        port: int = 0,
        host: str = "127.0.0.1",
        api_key: str | None = None,
        token: str | None = None,
        store: str | Path | None = None,
        *,
        clock_offset_s: float = 0.0,
    ) -> None:
        clock = Clock(clock_offset_s)
        records = Records(None if store is None else Path(store), clock.now)
        # Not at exit, when a thread may still be serving and the file needs no closing.
        weakref.finalize(self, records.close).atexit = False
        self._cloud = Cloud(records, Panel(FAULTS), clock, api_key, token)
        self._listener = self._occupy((host, port))
        self.host, self.port = host, int(self._listener.server_address[1])

    @property
    def url(self) -> str:
        """Return the address without a path; both APIs live under `/api`."""
        return f"http://{self.host}:{self.port}"

    @property
    def clock_offset_s(self) -> float:
        """Return by how much the server's clock is wrong."""
        return self._cloud.clock.offset_s

    @clock_offset_s.setter
    def clock_offset_s(self, offset_s: float) -> None:
        self._cloud.clock.offset_s = offset_s

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.stop()

    def start(self) -> None:
        """Serve in a thread of its own; connections are accepted when this returns."""
        self._open()
        threading.Thread(target=self._run, name="sandbox", daemon=True).start()

    def serve_forever(self) -> None:
        """Serve in the calling thread until `shutdown`."""
        self._open()
        self._run()

    def shutdown(self) -> None:
        """Ask the server to end and return at once; for any thread and for signal handlers."""
        self._listener.quit()

    def stop(self) -> None:
        """End the server, with all its connections, and wait until it has ended."""
        self._listener.quit()
        if self._listener.opened:
            self._listener.ended.wait(_PATIENCE_S)
        else:
            self._listener.close()

    def add_event(self, event_id: str, name: str) -> None:
        """Add an event, or rename a known one."""
        self._cloud.records.add_event(event_id, name)

    def add_tickets(self, tickets: Iterable[Mapping[str, Any]]) -> int:
        """Add tickets and count them; those whose `_id` is known are merged into what is there, null removes a field.

        What every ticket must have is made up where it is missing. Raises ValueError for one that has neither `_id`
        nor `barcode`.
        """
        return self._cloud.records.tickets.add(tickets)

    def arm(self, name: str, times: int | EllipsisType | None = ..., **parameters: Any) -> None:
        """Arm a fault n times or always (None); without `times` once, or until disarmed for those that say so.

        `route` limits it to what begins so, such as "POST /api/scans". Raises ValueError for what cannot be armed.
        """
        self._cloud.panel.arm(name, times, **parameters)

    def disarm(self, name: str | None = None) -> None:
        """Disarm a fault, or all; raises ValueError for an unknown one."""
        self._cloud.panel.disarm(name)

    def scans(self) -> list[Document]:
        """Return every stored scan, first arrival first."""
        return self._cloud.records.scans.everything()

    def reports(self) -> list[Document]:
        """Return every report of the access-control API, first arrival first."""
        return self._cloud.records.scans.reports()

    def requests(self) -> list[Document]:
        """Return the latest requests as method, path, query, status (None: the client saw none) and at."""
        return self._cloud.log.latest()

    def _occupy(self, address: tuple[str, int]) -> Listener:
        listener = Listener(address, self._cloud)
        weakref.finalize(self, listener.server_close).atexit = False
        return listener

    def _open(self) -> None:
        if self._listener.ended.is_set():
            self._listener = self._occupy((self.host, self.port))
        self._listener.open()

    def _run(self) -> None:
        # A method of the box, so that a running server keeps its box, and with it the store, alive.
        self._listener.run()
