"""What people ask sync for, whose files these are: refused scans handed out again, a list that shrank believed.

The commands do it with the file's locks; the staff page, which writes nothing, asks at `sync.sock`:

    {"do": "retry", "numbers": [seq, …]}     none: all that were refused     → {"again": [seq, …]}
    {"do": "accept", "eventId": …}           null: every list that shrank    → {"accepted": {event: tickets, …}}

Where nothing could be done the answer is {"refused", "message"}, and what the message is made of: {"text", "facts"}.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from kiosk.errors import Refused, StoreError
from kiosk.store import audit, tickets
from kiosk.store.cache import Cache
from kiosk.store.ledger import FILE, hand_out_again
from kiosk.words import told

log = logging.getLogger(__name__)

SOCKET = "sync.sock"

NOTED = 100
"""How many numbers are written down."""

REFUSALS = {
    "never": "nothing was ever delivered from here: start `kiosk sync`",
    "not shrunk": "this list did not shrink: there is nothing to accept",
    "none shrunk": "no list shrank: there is nothing to accept",
    "malformed": "this is not an order that sync understands: {why}",
    "not written": "it could not be written down: {why}",
}


def retry(directory: Path, numbers: Sequence[int], *, unknown: bool = False, **who: str) -> list[int]:
    """Hand refused scans out again, all where none is named, and return which. Raises Refused."""
    if not (directory / FILE).exists():
        raise Refused(REFUSALS["never"])
    again = hand_out_again(directory, numbers, unknown=unknown)
    audit.note(directory, "retry", scans=len(again), numbers=again[:NOTED], unknown=unknown, **who)
    return again


def accept(directory: Path, event_id: str | None, *, names: bool, **who: str) -> dict[str, int]:
    """Believe lists that shrank; return how many tickets were taken off each. Raises Refused."""
    with closing(Cache(directory, names=names)) as store:
        shrunken = {i: s for i, s in tickets.lists(store.database).items() if s.shrunk_to is not None}
        if event_id is not None and event_id not in shrunken:
            raise Refused(REFUSALS["not shrunk"])
        if not shrunken:
            raise Refused(REFUSALS["none shrunk"])
        accepted = {}
        for state in [shrunken[event_id]] if event_id is not None else shrunken.values():
            accepted[state.event_id] = store.accept(state)
            audit.note(directory, "list accepted", event=state.event_id, tickets=accepted[state.event_id], **who)
    return accepted


class Errands:
    """Answers at the hatch. `names`: whether holders' names are kept."""

    def __init__(self, directory: Path, *, names: bool) -> None:
        self._directory, self._names = directory, names

    def answer(self, question: Any) -> Mapping[str, object]:
        """Do what is asked, or say why not."""
        try:
            return self._do(question["do"], question)
        except Refused as error:
            return {"refused": "nothing", **told(error.text, error.facts)}
        except (KeyError, TypeError, ValueError) as error:
            return {"refused": "malformed", **told(REFUSALS["malformed"], {"why": repr(error)})}
        except (StoreError, sqlite3.Error) as error:
            log.error("not done: %s", error)
            return {"refused": "not_written", **told(REFUSALS["not written"], {"why": str(error)})}

    def _do(self, what: str, question: Mapping[str, Any]) -> Mapping[str, object]:
        if what == "retry":
            return {"again": retry(self._directory, [int(seq) for seq in question["numbers"]], by="staff")}
        if what == "accept":
            event_id = question["eventId"]
            event_id = str(event_id) if event_id is not None else None
            return {"accepted": accept(self._directory, event_id, names=self._names, by="staff")}
        raise ValueError(what)
