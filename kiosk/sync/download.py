"""What the cloud tells this door: settings, events, each event's tickets."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from kiosk import clock, config
from kiosk.choices import Choices
from kiosk.cloud.line import Reply
from kiosk.errors import CloudError, NoAnswer, Paced, TooMany
from kiosk.settings import Settings, rules, tickets_interval_s
from kiosk.store import alike, tickets
from kiosk.store.cache import Cache
from kiosk.store.tickets import DEVICE_SETTINGS, ListState
from kiosk.sync.eventlist import EventList, Progress, TicketPages

log = logging.getLogger(__name__)

NAMES_EVERY_S = 300.0
"""How often the names of the events are asked for."""

TIDY_EVERY_S = 3600.0

LEISURE = 100
"""How much longer than a look at all codes took it is until the next one, where single tickets came."""

DAY_S = 86_400.0


class AccessService(TicketPages, Protocol):
    """Raises CloudError."""

    def settings(self) -> Reply: ...
    def events(self) -> dict[str, str]: ...


@dataclass(slots=True)
class Download:
    """Keeps `tickets.db` true. Belongs to one thread; each part that fails leaves the others alone."""

    store: Cache
    access: AccessService
    gate: config.Gate
    sync: config.Sync
    progress: Progress = lambda _event_id, _here, _total: None
    low: Callable[[], bool] = lambda: False
    """Whether what room there is on the disk belongs to the scans."""
    choices: Callable[[], Choices] = Choices
    """What staff chose at the door."""
    lists: dict[str, EventList] = field(default_factory=dict)
    _names_at: float = 0.0
    _tidy_at: float = 0.0
    _compare_at: float = 0.0
    _cloud_at: datetime | None = None
    _was_low: bool = False

    def look_at_settings(self) -> None:
        """Fetch what this device is to do, and what the events are called. Raises CloudError."""
        answer = self.access.settings()
        self._refuse_emptied(Settings.model_validate(answer.body))
        self.store.store_setting(DEVICE_SETTINGS, answer.body)
        self._cloud_at = answer.date or self._cloud_at
        nameless = set(self.events()) - set(tickets.event_names(self.store.database))
        if (nameless or time.monotonic() >= self._names_at) and not self.low():
            with suppress(Paced):  # names can wait; the settings are not asked for again for their sake
                self.store.store_events(self.access.events())
                self._names_at = time.monotonic() + NAMES_EVERY_S

    def _refuse_emptied(self, found: Settings) -> None:
        """Settings that were there and suddenly say nothing at all are no settings: a gate must not close for them."""
        last = self.settings()
        if found.device_settings is None and last is not None and last.device_settings is not None:
            raise NoAnswer("the device settings are suddenly empty: the last ones stay in force", running=False)

    def settings(self) -> Settings | None:
        """Return what the cloud last said, None before it said anything."""
        return _settings(self.store.database)

    def events(self) -> list[str]:
        """Return the events this door admits to."""
        return selected(self.store.database, self.gate, self.choices())

    def interval_s(self) -> float:
        """Return how often to look at settings and lists: as the cloud says, else as the file does."""
        return tickets_interval_s(self.sync, self.gate, self.settings())

    def look_at_tickets(self) -> bool:
        """Bring every event's list up to date; return whether there is more to do at once.

        Raises the first CloudError, after all events have been tried, the one that was looked at longest ago first.
        """
        self._tidy()
        try:
            return self._look_at_lists()
        finally:
            self._compare_codes()

    def _look_at_lists(self) -> bool:
        failed: CloudError | None = None
        more = False
        for each in sorted(map(self._list, self._welcome()), key=lambda each: each.looked_at):
            try:
                more |= each.look()
            except (Paced, TooMany):
                raise
            except CloudError as error:
                failed = failed or error
        if failed is not None:
            raise failed
        return more

    def _welcome(self) -> list[str]:
        """Return the events whose lists there is room for: of a full disk, those that are here already."""
        low = self.low()
        if low and not self._was_low:
            log.warning("the disk is nearly full: no new ticket list is taken in until there is room")
        self._was_low = low
        return [event_id for event_id in self.events() if not low or self.store.list_of(event_id).complete]

    def _compare_codes(self) -> None:
        """See which rules make two tickets alike: at once when a list has come as a whole, else at leisure."""
        began = time.monotonic()
        if alike.is_due(self.store.database, at_leisure=began >= self._compare_at):
            alike.compare(self.store.database)
            self._compare_at = time.monotonic() + LEISURE * (time.monotonic() - began)

    def _list(self, event_id: str) -> EventList:
        if event_id not in self.lists:
            self.lists[event_id] = EventList(event_id, self.store, self.access, self.sync, self.progress)
        return self.lists[event_id]

    def _tidy(self) -> None:
        """Remove the lists of events that were over long ago, and what the log still has of anything removed."""
        if time.monotonic() < self._tidy_at:
            return
        self._tidy_at = time.monotonic() + TIDY_EVERY_S
        kept = set(self.events())
        others = [state for event_id, state in tickets.lists(self.store.database).items() if event_id not in kept]
        over = [state for state in others if self._unused_s(state) > self.sync.retention_days * DAY_S]
        for state in over:
            log.info("event %s is over: its list is removed", state.event_id)
        self.store.purge(over)

    def _unused_s(self, state: ListState) -> float:
        """How long ago a list was last brought up to date: by the cloud's clock, else, from a file, by our own."""
        if state.watermark is None:
            return state.age_s(clock.now()) or 0.0
        since = datetime.fromisoformat(state.watermark)
        return (self._cloud_at - since).total_seconds() if self._cloud_at is not None else 0.0


def selected(database: sqlite3.Connection, gate: config.Gate, choices: Choices) -> list[str]:
    """Return the events this door admits to, by the file, what the cloud last said, and what staff chose."""
    return list(rules(gate, _settings(database), choices).events)


def _settings(database: sqlite3.Connection) -> Settings | None:
    answer = tickets.setting(database, DEVICE_SETTINGS)
    return Settings.model_validate(answer) if answer is not None else None
