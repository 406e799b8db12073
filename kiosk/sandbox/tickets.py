"""The tickets of all events, a million of them if need be: no list is ever held in Python."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import islice
from typing import Any

from kiosk.sandbox.database import Database
from kiosk.sandbox.messages import Document

SELLER = "5d3c1a9f0b7e42860c11d0a5"

_ROWS_AT_ONCE = 5_000
_EARLIEST, _LATEST = "", "~"  # before and after every time, compared as text

# The columns beside `doc` are for searching only. ("WHERE true" tells SQLite that ON CONFLICT is not a join's.)
_UPSERT = """
INSERT INTO tickets (id, doc, event_id, barcode, changed_at)
SELECT :id, doc, json_extract(doc, '$.eventId'), json_extract(doc, '$.barcode'),
    max(json_extract(doc, '$.createdAt'), json_extract(doc, '$.updatedAt'))
FROM (SELECT json_patch(coalesce((SELECT doc FROM tickets WHERE id = :id), :usual), :given) AS doc) WHERE true
ON CONFLICT (id) DO UPDATE SET
    doc = excluded.doc, event_id = excluded.event_id, barcode = excluded.barcode, changed_at = excluded.changed_at
"""

_BY_ID = "SELECT doc FROM tickets WHERE event_id = ? AND id > ? ORDER BY id LIMIT ?"

# The inner query walks the index alone, however many rows it skips.
_PAGE = """
SELECT doc FROM tickets WHERE n IN (
    SELECT n FROM tickets WHERE event_id = :event_id AND changed_at >= :since AND changed_at < :until
    ORDER BY n LIMIT :top OFFSET :skip
) ORDER BY n
"""

_TOTAL = """
SELECT count(*) FROM tickets WHERE event_id = :event_id AND changed_at >= :since AND changed_at < :until
"""


def derived_id(*parts: str) -> str:
    """Return an id in the API's form, 24 hexadecimal digits, that always belongs to these parts."""
    return hashlib.sha256("/".join(parts).encode()).hexdigest()[:24]


class Tickets:
    """Keep tickets in the order in which their ids first came."""

    def __init__(self, database: Database, stamp: Callable[[], str]) -> None:
        self._database = database
        self._stamp = stamp
        # Counting a million rows takes longer than fetching a page of them: count anew after a change only.
        self._version = object()
        self._counted = lru_cache(maxsize=64)(self._count)

    def add(self, tickets: Iterable[Mapping[str, Any]], *, touch: bool = False) -> int:
        """Add tickets and count them; one whose `_id` is known is merged into what is there (RFC 7396: null removes).

        What every ticket has is made up for a new one. `touch` makes all updated now, whatever they say. Raises
        ValueError for one that has neither `_id` nor `barcode`.
        """
        rows = (self._row(ticket, touch=touch) for ticket in tickets)
        count = 0
        # In portions: a million tickets must not keep everybody else waiting.
        while portion := list(islice(rows, _ROWS_AT_ONCE)):
            with self._database.writing() as connection:
                connection.executemany(_UPSERT, portion)
            self._version = object()
            count += len(portion)
        return count

    def remove(self, ticket_id: str) -> bool:
        """Remove a ticket and tell whether there was one."""
        with self._database.writing() as connection:
            removed = connection.execute("DELETE FROM tickets WHERE id = ?", (ticket_id,)).rowcount
        self._version = object()
        return removed > 0

    def find(self, barcode: str, event_id: str | None) -> Document | None:
        """Return the first ticket with this barcode, of any event where none is named."""
        sql = "SELECT doc FROM tickets WHERE barcode = ?1 AND (?2 IS NULL OR event_id = ?2) ORDER BY n LIMIT 1"
        return next(iter(self._database.documents(sql, barcode, event_id)), None)

    def page(
        self, event_id: str, top: int, skip: int = 0, since: str = _EARLIEST, until: str = _LATEST
    ) -> list[Document]:
        """Return some of an event's tickets that were created or updated in [since, until)."""
        return self._database.documents(_PAGE, event_id=event_id, top=top, skip=skip, since=since, until=until)

    def total(self, event_id: str, since: str = _EARLIEST, until: str = _LATEST) -> int:
        """Count an event's tickets that were created or updated in [since, until)."""
        return self._counted(self._version, event_id, since, until)

    def digest(self, event_id: str) -> Document:
        """Return count and SHA-256 of an event's tickets: by `_id`, each as JSON with sorted keys and a line feed."""
        digest, count = hashlib.sha256(), 0
        for ticket in self._by_id(event_id):
            canonical = json.dumps(ticket, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
            digest.update(canonical.encode() + b"\n")
            count += 1
        return {"sha256": digest.hexdigest(), "count": count}

    def _count(self, _version: object, event_id: str, since: str, until: str) -> int:
        return self._database.number(_TOTAL, event_id=event_id, since=since, until=until)

    def _by_id(self, event_id: str) -> Iterator[Document]:
        last = ""
        while portion := self._database.documents(_BY_ID, event_id, last, _ROWS_AT_ONCE):
            yield from portion
            last = portion[-1]["_id"]

    def _row(self, ticket: Mapping[str, Any], *, touch: bool) -> dict[str, str]:
        """Return what `_UPSERT` wants: what is given, and what a new ticket has besides."""
        now, ticket_id = self._stamp(), _id_of(ticket)
        given = {"updatedAt": now} | dict(ticket) | {"_id": ticket_id} | ({"updatedAt": now} if touch else {})
        return {"id": ticket_id, "given": json.dumps(given), "usual": json.dumps(_usual(given))}


def _id_of(ticket: Mapping[str, Any]) -> str:
    if "_id" in ticket and isinstance(ticket["_id"], str) and ticket["_id"]:
        return ticket["_id"]
    if "_id" in ticket or not ticket.get("barcode"):
        raise ValueError("a ticket needs an _id, or at least a barcode")
    return derived_id(str(ticket.get("eventId", "")), str(ticket["barcode"]))


def _usual(given: Mapping[str, Any]) -> Document:
    event_id, name = str(given.get("eventId", "")), str(given.get("ticketName", "Admission"))
    return {
        "barcode": given["_id"][:12].upper(),
        "ticketTypeId": derived_id(event_id, name),
        "ticketName": name,
        "eventId": event_id,
        "sellerId": SELLER,
        "createdAt": given["updatedAt"],
    }
