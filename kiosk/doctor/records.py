"""What is kept here: the journal, the ticket list, the outbox, the backups."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

from kiosk.doctor.finding import Finding, amber, green, red
from kiosk.errors import NoListYet, TooNew
from kiosk.model import Delivery, Moment
from kiosk.store import journal, past
from kiosk.store.outlook import Outlook

WAITING_S = 3600
"""How long a scan may wait for its delivery before somebody should look."""

BACKUP_S = 26 * 3600
"""A backup a day, and two hours on top."""


def newest_scan(directory: Path) -> datetime | None:
    """Return when the last scan was made; None without one, or where the journal cannot be read."""
    try:
        with closing(journal.reader(directory)) as database:
            found = past.scans(database, [past.last_seq(database)])
    except Exception:  # noqa: BLE001  # another check says what is wrong with it
        return None
    return found[0].moment.at if found else None


def recorded(directory: Path) -> list[Finding]:
    """Check that the journal can be read, by this version."""
    name = "journal"
    if not (directory / journal.FILE).exists():
        return [green(name, "there is none yet: the gate makes it when it starts")]
    try:
        with closing(journal.reader(directory)) as database:
            seq = past.last_seq(database)
            past.scans(database, [seq])
    except TooNew as error:
        return [red(name, str(error), "install the newer kiosk again")]
    except NoListYet as error:
        return [red(name, str(error), "start `kiosk gate`, which brings it up to date or says what is wrong with it")]
    return [green(name, f"readable, newest scan {seq}, version {journal.SCHEMA.version}")]


def tickets(outlook: Outlook, events: Sequence[str], now: Moment, stale_after_s: float) -> list[Finding]:
    if not events:
        mend = "select events for this device in the cloud, or name them in gate.events; then see `kiosk check`"
        return [red("events", "none is selected: the gate is closed", mend)]
    return [green("events", ", ".join(events)), ticket_list(outlook.tickets(events, now), stale_after_s)]


def ticket_list(found: Mapping[str, Any], stale_after_s: float) -> Finding:
    name, age_s = "ticket list", found["ageSeconds"]
    if found["refused"]:
        shrunk = f"the list of event {', '.join(found['refused'])} shrank and is kept as it was"
        return amber(name, shrunk, "see `kiosk tickets`; if the cloud is right: `kiosk tickets accept`")
    if not found["total"]:
        return red(name, "there is none: nobody is admitted", "start `kiosk sync`, or `kiosk tickets import FILE`")
    if not found["complete"]:
        total = f" of {found['expected']}" if found["expected"] is not None else ""
        return amber(name, f"incomplete: {found['total']}{total} tickets", "let `kiosk sync` load it to its end")
    if age_s is not None and age_s > stale_after_s:
        mend = "let `kiosk sync` reach the cloud, or import a new list"
        return red(name, f"{found['total']} tickets, {age_s // 3600} h old: who is not on it is sent to staff", mend)
    return green(name, f"{found['total']} tickets, complete, {age_s} s old")


def outbox(found: Mapping[str, int | None]) -> Finding:
    name = "outbox"
    count = {state: found.get(state) or 0 for state in map(str, Delivery)}
    waiting = ", ".join(f"{count[state]} {state}" for state in ("pending", "inflight", "unknown", "refused"))
    if count[Delivery.REFUSED]:
        return amber(name, waiting, "`kiosk scans` says why the cloud refused them; `kiosk retry` hands them out again")
    if count[Delivery.UNKNOWN]:
        mend = "they are looked up by themselves; where the cloud does not let us look: `kiosk retry --unknown`"
        return amber(name, waiting, mend)
    if (found.get("oldestSeconds") or 0) > WAITING_S:
        mend = "let `kiosk sync` reach the cloud; nothing is lost meanwhile"
        return amber(name, f"{waiting}; the oldest waits for {(found['oldestSeconds'] or 0) // 3600} h", mend)
    return green(name, waiting)


def backup(directory: Path) -> list[Finding]:
    """Check how old the newest backup is, where backups are kept."""
    folder = directory / "backup"
    if not folder.is_dir():
        return []
    newest = max((file.stat().st_mtime for file in folder.iterdir() if file.is_file()), default=None)
    return [last_backup(time.time() - newest if newest is not None else None)]


def last_backup(age_s: float | None) -> Finding:
    mend = "the gate makes one while it runs: see its log, and the free space"
    if age_s is None:
        return amber("backup", "there is none yet", mend)
    if age_s > BACKUP_S:
        return amber("backup", f"the last one is {age_s / 86_400:.1f} days old", mend)
    return green("backup", f"the last one is {max(0.0, age_s) / 60:.0f} minutes old")
