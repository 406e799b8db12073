"""A door whose list comes from a sandbox cloud, page by page, and can be interrupted at any of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest

from kiosk import config
from kiosk.cloud import access as access_room
from kiosk.cloud.access import Access, TicketPage
from kiosk.cloud.line import Line
from kiosk.cloud.portier import Portier
from kiosk.errors import NoAnswer
from kiosk.model import Listed, Ticket
from kiosk.sandbox import Sandbox, generate_tickets
from kiosk.store import tickets as store
from kiosk.store.cache import Cache
from kiosk.store.database import from_ms
from kiosk.store.ticketrows import COLUMNS, ticket_of
from kiosk.store.tickets import ListState
from kiosk.sync import eventlist as eventlist_room
from kiosk.sync.download import Download
from kiosk.sync.elsewhere import Elsewhere
from kiosk.sync.eventlist import EventList
from kiosk.words import stamp

EVENT_ID = "62a1c0ffee0000000000e001"
THREE_YEARS_S = 3 * 365 * 86_400.0
MOST_LOOKS = 500
PRICES = {"priceCategoryId", "priceCategory"}


@dataclass
class Interrupted:
    """The real access-control API, but the requests for tickets with these numbers come to nothing."""

    behind: Access
    fails: set[int]
    error: BaseException = field(default_factory=lambda: NoAnswer("the line went dead"))
    before: Callable[[], None] = lambda: None
    asked: int = 0

    def __post_init__(self) -> None:
        self.settings, self.events = self.behind.settings, self.behind.events

    def tickets(self, event_id: str, **page: Any) -> TicketPage:
        self.asked += 1
        self.before()
        if self.asked in self.fails:
            raise self.error
        return self.behind.tickets(event_id, **page)


class Dying(Cache):
    """A store that is killed while it writes the row with this number."""

    def __init__(self, directory: Path, dies_at: int | None) -> None:
        super().__init__(directory)
        self.left = dies_at

    def append(self, rows: Iterable[Listed], state: ListState) -> None:
        super().append(self._until_death(rows), state)

    def store(self, rows: Iterable[Listed], state: ListState) -> None:
        super().store(self._until_death(rows), state)

    def _until_death(self, rows: Iterable[Listed]) -> Iterator[Listed]:
        for row in rows:
            if self.left is not None:
                self.left -= 1
                if self.left < 0:
                    raise KeyboardInterrupt
            yield row


class Door:
    """What fetches a list, with its store; it can be begun anew as after a kill."""

    def __init__(self, directory: Path, box: Sandbox, event_id: str = EVENT_ID) -> None:
        self.directory, self.box, self.event_id = directory, box, event_id
        self.line = Line(f"{box.url}/api", lambda: {"token": "t", "Authorization": "Bearer k"})
        self.backstage = httpx.Client(base_url=f"{box.url}/sandbox", trust_env=False)
        self.gate, self.sync = config.Gate(), config.Sync()
        self.told: list[tuple[str, int, int]] = []
        self.restart()

    def restart(
        self, fails: set[int] | None = None, error: BaseException | None = None, dies_at: int | None = None
    ) -> Download:
        """Begin anew with the files that are there, on a line that fails at some requests, or to die at a row."""
        if hasattr(self, "store"):
            self.store.close()
        self.store = Dying(self.directory, dies_at)
        self.access = Interrupted(Access(self.line), fails or set(), error or NoAnswer("the line went dead"))
        self.download = Download(
            self.store, self.access, self.gate, self.sync, lambda *progress: self.told.append(progress)
        )
        return self.download

    def listen(self) -> Elsewhere:
        """Hear of the scans of other doors."""
        return Elsewhere(self.store, Portier(self.line), self.directory, self.download.events)

    # --- what it does ------------------------------------------------------------------------------------------------

    def look(self) -> None:
        """Look at settings and lists until there is nothing more to do."""
        self.download.look_at_settings()
        self.look_at_tickets()

    def look_at_tickets(self) -> None:
        for _ in range(MOST_LOOKS):
            if not self.download.look_at_tickets():
                return
        raise AssertionError(f"there is still more to do after {MOST_LOOKS} looks")

    def look_later(self, later_s: float = 0.0) -> None:
        """Look when all waiting times are over, and when so much time has passed at the cloud."""
        self.box.clock_offset_s += later_s
        for one in self.download.lists.values():
            one.count_at = one.comparison._not_before_s = 0.0
        self.download._compare_at = 0.0
        self.look()

    def look_and_die(self) -> None:
        """Look until the door is killed."""
        with pytest.raises(KeyboardInterrupt):
            self.look()

    @property
    def list(self) -> EventList:
        return self.download.lists[self.event_id]

    # --- what it has -------------------------------------------------------------------------------------------------

    def tickets(self) -> dict[str, Ticket]:
        """The tickets that the door knows, by their ids; of one that came twice the newest word."""
        here = f"SELECT {COLUMNS}, updated_ms, n FROM ticket WHERE gone = 0"
        arrived = f"SELECT {COLUMNS}, updated_ms, n FROM arrival"
        rows = self.store.database.execute(f"{here} UNION ALL {arrived} ORDER BY updated_ms, n").fetchall()
        return {row[0]: ticket_of(row[:-2]) for row in rows}

    def held(self) -> dict[str, str]:
        """The codes that the door knows, by their tickets."""
        return {ticket.id: ticket.barcode for ticket in self.tickets().values()}

    def gone(self) -> set[str]:
        return {row[0] for row in self.store.database.execute("SELECT id FROM ticket WHERE gone = 1")}

    def state(self, event_id: str | None = None) -> ListState:
        return store.lists(self.store.database)[event_id or self.event_id]

    def digest(self) -> dict[str, object]:
        """What the sandbox says of its list, of this one: for tickets of which all times are the same."""
        times = dict(self.store.database.execute("SELECT id, updated_ms FROM ticket WHERE gone = 0"))
        digest, held = hashlib.sha256(), self.tickets()
        for ticket_id in sorted(held):
            row = as_the_cloud_has_it(held[ticket_id], stamp(from_ms(times[ticket_id])))
            digest.update(json.dumps(row, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
        return {"sha256": digest.hexdigest(), "count": len(held)}

    # --- what the cloud has ------------------------------------------------------------------------------------------

    def fill(self, count: int, age: timedelta = timedelta(days=30)) -> dict[str, str]:
        """Give the cloud tickets that have not changed for a while; return their codes by their ids."""
        at = self.stamp(-age)
        rows = [
            {name: value for name, value in row.items() if name not in PRICES}
            | {"status": row.get("status", "VALID"), "updatedAt": at, "createdAt": at}
            for row in generate_tickets(count, self.event_id)
        ]
        self.box.add_tickets(rows)
        return {row["_id"]: row["barcode"] for row in rows}

    def sell(self, ticket_id: str, barcode: str, **more: Any) -> None:
        """Add a ticket to the cloud's list, or change one that is on it."""
        self.box.add_tickets([{"_id": ticket_id, "barcode": barcode, "eventId": self.event_id, **more}])

    def remove(self, *ticket_ids: str) -> None:
        """Remove tickets from the cloud's list."""
        for ticket_id in ticket_ids:
            self.backstage.delete(f"/tickets/{ticket_id}").raise_for_status()

    def stamp(self, distance: timedelta = timedelta(0)) -> str:
        """A moment by the cloud's clock, as the cloud writes it."""
        return stamp(self.cloud_now() + distance)

    def cloud_now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.box.clock_offset_s)

    def cloud_digest(self) -> dict[str, object]:
        found: dict[str, object] = self.backstage.get(f"/digest/{self.event_id}").raise_for_status().json()
        return found

    def asked(self) -> list[dict[str, str]]:
        """What the requests for tickets asked for, oldest first."""
        return [
            {name: values[-1] for name, values in parse_qs(request["query"]).items()}
            for request in self.box.requests()
            if "/tickets/v2/" in request["path"]
        ]

    def close(self) -> None:
        self.store.close()
        self.backstage.close()
        self.line.close()


def as_the_cloud_has_it(ticket: Ticket, at: str) -> dict[str, object]:
    fields = {
        "_id": ticket.id, "barcode": ticket.barcode, "eventId": ticket.event_id, "ticketTypeId": ticket.ticket_type_id,
        "ticketName": ticket.ticket_name, "name": ticket.name, "status": ticket.status, "area": ticket.area,
        "row": ticket.row, "seat": ticket.seat, "sellerId": ticket.seller_id, "createdAt": at, "updatedAt": at,
    }  # fmt: skip
    return {name: value for name, value in fields.items() if value is not None}


@pytest.fixture
def box() -> Iterator[Sandbox]:
    """A cloud that can be filled before its event is known here; its clock is three years behind the kiosk's."""
    with Sandbox(clock_offset_s=-THREE_YEARS_S) as made:
        made.add_event(EVENT_ID, "Summer Night")
        yield made


@pytest.fixture
def door(tmp_path: Path, box: Sandbox) -> Iterator[Door]:
    with closing(Door(tmp_path, box)) as made:
        yield made


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten tickets on a page, of which each shows one of the last: a hundredth of everything."""
    monkeypatch.setattr(access_room, "PAGE", 10)
    monkeypatch.setattr(eventlist_room, "OVERLAP_ROWS", 1, raising=False)


@pytest.fixture
def open_door() -> Iterator[Callable[[Path, Sandbox, str], Door]]:
    """For a test that needs one door after the other."""
    opened: list[Door] = []

    def open_one(directory: Path, box: Sandbox, event_id: str) -> Door:
        while opened:
            opened.pop().close()
        opened.append(Door(directory, box, event_id))
        return opened[-1]

    yield open_one
    while opened:
        opened.pop().close()
