"""The machine's clock and language, as staff set them: what is typed is read here, and set by the gate."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from kiosk import wristwatch
from kiosk.display.staff.overview import local
from kiosk.display.staff.problem import Problem, refused
from kiosk.errors import Refused
from kiosk.store.database import to_ms
from kiosk.words import told

Gate = Callable[[Mapping[str, object]], dict[str, Any]]


def clock(gate: Gate, text: str, *, sure: bool) -> dict[str, Any]:
    """Say what this time would be, or let it be so where somebody is sure. Raises Problem, Silent."""
    try:
        found = wristwatch.readings(text)
        if sure:
            wristwatch.read(text)
    except Refused as error:
        raise refused({"refused": "clock", **told(error.text, error.facts)}) from None
    said = [_ask(gate, {"do": "clock", "utcMs": to_ms(at), "sure": sure, "by": "staff"}) for at in found]
    return {
        "done": bool(said[0]["done"]),
        "doubt": local(datetime.fromisoformat(said[0]["doubt"]))["local"] if said[0]["doubt"] else None,
        "readings": [{"time": at.isoformat(), **local(at)} for at in found],
    }


def language(gate: Gate, name: object) -> None:
    """Have the door speak this language, None for the configured one. Raises Problem, Silent."""
    if name is not None and not isinstance(name, str):
        raise Problem(400, "malformed")
    _ask(gate, {"do": "language", "language": name, "by": "staff"})


def _ask(gate: Gate, order: Mapping[str, object]) -> dict[str, Any]:
    said = gate(order)
    if "refused" in said or "done" not in said:
        raise refused(said)
    return said
