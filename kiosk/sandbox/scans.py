"""The scans and the reports of scans, in the order in which they arrived."""

import json
import secrets
from collections.abc import Callable, Iterable, Mapping

from kiosk.sandbox.database import Database
from kiosk.sandbox.messages import Document

_INSERT = "INSERT INTO scans VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?)"

_MATCHING = """
WITH matching AS (
    SELECT n, doc FROM scans
    WHERE (:eventId IS NULL OR event_id = :eventId)
    AND (:parentEventId IS NULL OR parent_event_id = :parentEventId)
    AND (:barcode IS NULL OR barcode = :barcode) AND (:type IS NULL OR type = :type)
    AND (:gte IS NULL OR time >= :gte) AND (:gt IS NULL OR time > :gt)
    AND (:lte IS NULL OR time <= :lte) AND (:lt IS NULL OR time < :lt)
)
"""
_PAGE = _MATCHING + "SELECT doc FROM matching ORDER BY n DESC LIMIT :top OFFSET :skip"  # noqa: S608 - made of constants
_TOTAL = _MATCHING + "SELECT count(*) FROM matching"  # noqa: S608 - made of constants
_ALL = dict.fromkeys(("eventId", "parentEventId", "barcode", "type", "gte", "gt", "lte", "lt"))

_DUPLICATES = """
SELECT coalesce(sum(copies - 1), 0)
FROM (SELECT count(*) AS copies FROM scans GROUP BY device_id, time, barcode, type, result)
"""


class Scans:
    """Keep what the doors sent, as often as they sent it."""

    def __init__(self, database: Database, stamp: Callable[[], str]) -> None:
        self._database = database
        self._stamp = stamp

    def add(self, scans: Iterable[Document]) -> list[Document]:
        """Store all scans or none and return them as stored."""
        stored = [self._stamped(scan) for scan in scans]
        with self._database.writing() as connection:
            connection.executemany(_INSERT, map(_row, stored))
        return stored

    def everything(self) -> list[Document]:
        """Return every scan, first arrival first."""
        return self._database.documents("SELECT doc FROM scans ORDER BY n")

    def page(self, filters: Mapping[str, str], top: int, skip: int = 0) -> list[Document]:
        """Return some of the scans that pass the filters, last arrival first."""
        return self._database.documents(_PAGE, **{**_ALL, **filters}, top=top, skip=skip)

    def total(self, filters: Mapping[str, str]) -> int:
        """Count the scans that pass the filters."""
        return self._database.number(_TOTAL, **{**_ALL, **filters})

    def duplicates(self) -> int:
        """Count the scans that are stored again: same device, time, barcode, type and result."""
        return self._database.number(_DUPLICATES)

    def add_reports(self, event_id: str, reports: Iterable[Document]) -> None:
        """Store what the access-control API was told about an event."""
        rows = [(json.dumps(self._stamped({"eventId": event_id} | report)),) for report in reports]
        with self._database.writing() as connection:
            connection.executemany("INSERT INTO reports (doc) VALUES (?)", rows)

    def reports(self) -> list[Document]:
        """Return every report, first arrival first."""
        return self._database.documents("SELECT doc FROM reports ORDER BY n")

    def _stamped(self, item: Document) -> Document:
        now = self._stamp()
        return item | {"_id": secrets.token_hex(12), "createdAt": now, "updatedAt": now}


def _row(scan: Document) -> tuple[object, ...]:
    return (
        scan["eventId"],
        scan.get("parentEventId"),
        scan["barcode"],
        scan["type"],
        scan["scanResult"],
        scan.get("deviceId"),
        scan.get("time", scan["createdAt"]),
        json.dumps(scan),
    )
