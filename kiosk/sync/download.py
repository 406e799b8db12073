"""The list's journey from the cloud to the door: settings, events, each event's tickets, the scans of other doors.

A list is downloaded whole once, page by page, and continued where it broke off; after that only what has changed since
the cloud's own time of the last look, with an overlap. The kiosk's clock plays no part in it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from kiosk import clock, config
from kiosk.cloud.access import TicketPage
from kiosk.cloud.answers import ScanRow, ticket_rows
from kiosk.cloud.line import Reply
from kiosk.errors import CloudError
from kiosk.model import Passage, Result
from kiosk.settings import Settings, rules
from kiosk.store import tickets
from kiosk.store.tickets import DEVICE_SETTINGS, ElsewhereScan, ListState, Tickets
from kiosk.words import stamp

log = logging.getLogger(__name__)

OVERLAP = timedelta(minutes=2)
"""How far each look reaches back behind the last one: what was stored there late is not missed."""


class AccessService(Protocol):
    """Raises CloudError."""

    def settings(self) -> Reply: ...
    def events(self) -> dict[str, str]: ...
    def tickets(self, event_id: str, *, skip: int, since: str | None, until: str | None) -> TicketPage: ...


class StoredScans(Protocol):
    """Raises CloudError."""

    def stored(self, event_id: str, since: datetime | None, until: datetime | None) -> Iterator[ScanRow]: ...


@dataclass(slots=True)
class Download:
    """Keeps `tickets.db` true. Belongs to one thread; each part that fails leaves the others alone."""

    store: Tickets
    access: AccessService
    scans: StoredScans
    gate: config.Gate
    device_id: str

    def look_at_settings(self) -> None:
        """Fetch what this device is to do, and what the events are called. Raises CloudError."""
        self.store.store_setting(DEVICE_SETTINGS, self.access.settings().body)
        self.store.store_events(self.access.events())

    def events(self) -> list[str]:
        """Return the events this door admits to."""
        answer = tickets.setting(self.store.database, DEVICE_SETTINGS)
        return list(rules(self.gate, Settings.model_validate(answer) if answer is not None else None).events)

    def look_at_tickets(self) -> None:
        """Bring every event's list up to date. Raises the first CloudError, after all have been tried."""
        self._for_each_event(self._bring_up_to_date)

    def _for_each_event(self, look: Callable[[str], None]) -> None:
        """One event that fails leaves the others alone."""
        failed: CloudError | None = None
        for event_id in self.events():
            try:
                look(event_id)
            except CloudError as error:
                failed = failed or error
        if failed is not None:
            raise failed

    def _bring_up_to_date(self, event_id: str) -> None:
        state = tickets.lists(self.store.database).get(event_id) or ListState(event_id, "cloud")
        since = state.watermark if state.complete else None
        while True:
            page = self.access.tickets(event_id, skip=state.skip, since=since, until=state.upto)
            state = self._store(page, state)
            if state.skip == 0:
                return

    def _store(self, page: TicketPage, state: ListState) -> ListState:
        """Store a page together with how far we are; the watermark moves with the last rows, in one transaction."""
        good, bad = ticket_rows(page.rows)
        for _, problem in bad:
            log.warning("a ticket of event %s cannot be read: %s", state.event_id, problem)
        state = replace(
            state,
            skip=state.skip + len(page.rows),
            upto=state.upto or (stamp(page.date) if page.date is not None else None),
            unreadable=len(bad) + (state.unreadable if state.skip else 0),
        )
        if not page.rows or state.skip >= page.total:
            state = self._finished(state)
            log.log(logging.INFO if page.rows else logging.DEBUG, "tickets of event %s are up to date", state.event_id)
        self.store.store_page(good, state)
        return state

    @staticmethod
    def _finished(state: ListState) -> ListState:
        since = datetime.fromisoformat(state.upto) - OVERLAP if state.upto is not None else None
        watermark = stamp(since) if since is not None else state.watermark
        return replace(state, complete=True, watermark=watermark, upto=None, skip=0, checked=clock.now())

    def look_elsewhere(self) -> None:
        """Fetch what other doors have done since the last look. Raises the first CloudError, after all were tried."""
        self._for_each_event(self._look_elsewhere)

    def _look_elsewhere(self, event_id: str) -> None:
        """Newest first, up to the one that was newest at the last look."""
        mark = f"newest scan of {event_id}"
        known = tickets.setting(self.store.database, mark)
        fresh: list[ScanRow] = []
        for row in self.scans.stored(event_id, None, None):
            if row.id == known and known is not None:
                break
            fresh.append(row)
        self.store.store_elsewhere(found for row in fresh if (found := self._foreign(row)) is not None)
        if fresh:
            self.store.store_setting(mark, fresh[0].id)

    def _foreign(self, row: ScanRow) -> ElsewhereScan | None:
        """An admission or exit at another door; our own we know better ourselves."""
        if row.device_id == self.device_id or row.scan_result is not Result.APPROVED or row.at is None or not row.id:
            return None
        return ElsewhereScan(row.id, row.ticket_id, Passage(row.type, row.at, row.device_id))
