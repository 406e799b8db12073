"""Which rules would make two tickets of the stored lists alike, and are refused for that.

A rule is refused when it turns the code of one ticket, or what other rules made of it, into the code of another. That
is found out by sync, or an import, when a list has changed, kept in `tickets.db`, and followed by the gate. All rules
are looked at, whatever the configuration says, so that a change of it needs no new look.

A ticket that comes is compared with all that are here at once. Whether one that is here becomes the one that came, and
whether a rule may be used again, only a look at everything can tell: seconds for a million, portion by portion, outside
of any transaction.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from typing import Any

from kiosk.store import tickets
from kiosk.store.database import transaction
from kiosk.variants import RULES, variants

SETTING = "code_rules"

PORTION = 20_000
"""How many tickets are compared in one statement: no longer than a moment's worth of an old state is held."""

Ends = tuple[str, str]
"""The last characters of two codes that a rule makes alike."""

_CLASH = """
SELECT one.barcode, other.barcode
FROM ticket AS one
CROSS JOIN json_each(other_forms(one.barcode)) AS form
CROSS JOIN ticket AS other ON other.barcode = form.value
WHERE one.n > ? AND one.n <= ? AND one.gone = 0 AND other.gone = 0 AND other.id <> one.id
LIMIT 1
"""


def refused(database: sqlite3.Connection) -> dict[str, Ends]:
    """Return the rules that are refused, each with the ends of two codes that it makes alike."""
    found = _state(database).get("refused")
    if not isinstance(found, dict):
        return {}
    return {rule: (str(ends[0]), str(ends[1])) for rule, ends in found.items() if rule in RULES and _is_pair(ends)}


def _is_pair(ends: object) -> bool:
    return isinstance(ends, list) and len(ends) == 2


def sentence(rule: str, ends: Ends) -> str:
    """Say to a person that a rule is not used, and why."""
    return f"rule {rule} is not used: it makes two tickets alike (…{ends[0]}, …{ends[1]})"


def is_due(database: sqlite3.Connection, *, at_leisure: bool) -> bool:
    """Tell whether to look at everything: a list came or went, or, where there is leisure for it, a ticket did."""
    state = _state(database)
    if state.get("lists") != _lists(database):
        return True
    return at_leisure and state.get("newest") != _newest(database)


def compare(database: sqlite3.Connection) -> None:
    """Look at everything, and keep which rules are refused from now on."""
    lists, newest = _lists(database), _newest(database)  # as of now: what comes meanwhile is looked at again
    found: dict[str, Ends] = {}
    for start in range(0, newest, PORTION):
        while clash := _clash(database, start, set(RULES) - set(found)):
            found |= clash
    with transaction(database):
        _keep(database, {"lists": lists, "newest": newest, "refused": found})


def compare_these(database: sqlite3.Connection, arrived: Iterable[tuple[str, str]]) -> None:
    """Refuse the rules that turn one of these tickets, each an id and a code, into another one that is here."""
    found = _clashes(database, arrived, set(RULES) - set(refused(database)))
    if found:
        with transaction(database):
            _keep(database, _state(database) | {"refused": refused(database) | found})


def _clashes(database: sqlite3.Connection, arrived: Iterable[tuple[str, str]], rules: set[str]) -> dict[str, Ends]:
    found: dict[str, Ends] = {}
    other = "SELECT 1 FROM ticket WHERE barcode = ? AND gone = 0 AND id <> ? LIMIT 1"
    for ticket_id, code in arrived:
        for form in variants(code, rules)[1:]:
            if form.rules[-1] not in found and database.execute(other, (form.code, ticket_id)).fetchone():
                found[form.rules[-1]] = (_end(code), _end(form.code))
    return found


def _clash(database: sqlite3.Connection, start: int, rules: set[str]) -> dict[str, Ends]:
    """Return the first rule, among a portion of the tickets, that makes one of them another one."""

    def other_forms(code: str) -> str | None:
        forms = [form.code for form in variants(code, rules)[1:]]
        return json.dumps(forms) if forms else None

    database.create_function("other_forms", 1, other_forms, deterministic=True)
    for code, other in database.execute(_CLASH, (start, start + PORTION)).fetchall():
        last = next(form.rules[-1] for form in variants(code, rules) if form.code == other)
        return {last: (_end(code), _end(other))}
    return {}


def _end(code: str) -> str:
    return ascii(code[-4:])[1:-1]


def _lists(database: sqlite3.Connection) -> list[Any]:
    """What changes when a list has come, gone, or been looked at as a whole; or when this program knows other rules."""
    known = tickets.lists(database)
    layout = database.execute("PRAGMA schema_version").fetchone()[0]
    return [list(RULES), layout, sorted([event_id, state.whole_at] for event_id, state in known.items())]


def _newest(database: sqlite3.Connection) -> int:
    return int(database.execute("SELECT coalesce(max(n), 0) FROM ticket").fetchone()[0])


def _state(database: sqlite3.Connection) -> dict[str, Any]:
    found = tickets.setting(database, SETTING)
    return found if isinstance(found, dict) else {}


def _keep(database: sqlite3.Connection, state: dict[str, Any]) -> None:
    database.execute("INSERT OR REPLACE INTO setting VALUES (?, ?)", (SETTING, json.dumps(state)))
