"""A calibration as the staff page tells of it: sentences in the door's language, and values that can be looked at.

What a scanner sends is hostile: a value is shown as text, with whatever is no visible character written out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kiosk.display.staff.problem import Problem
from kiosk.words import Language

STEPS = frozenset({"begin", "look", "cancel", "use", "forget"})
MOST = 64
"""How much of a value is shown; none that counts is longer."""

_KEPT = ("state", "number", "leftSeconds")


def order(asked: Mapping[str, Any]) -> dict[str, object]:
    """Return what the gate is asked for a page's request. Raises Problem."""
    scanner, step, number = asked.get("scanner"), asked.get("step"), asked.get("number")
    if not isinstance(scanner, str) or len(scanner) > MOST or not isinstance(step, str) or step not in STEPS:
        raise Problem(400, "malformed")
    if step == "use" and type(number) is not int:
        raise Problem(400, "malformed")
    return {"do": "calibrate", "scanner": scanner, "step": step, "number": number, "by": "staff"}


def told(said: Mapping[str, Any], language: Language) -> dict[str, Any]:
    """Return what the gate says, for people."""
    found = {key: said[key] for key in _KEPT if key in said}
    if "text" in said:
        found["text"] = _sentence(said, language)
    if "found" in said:
        found["found"] = values(said["found"])
        found["changes"] = [
            {"key": one["key"], "before": shown(one["before"]), "after": shown(one["after"])} for one in said["changes"]
        ]
        found["notes"] = [_sentence(note, language) for note in said["notes"]]
    return found


def values(found: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return what is set, without what is not."""
    return [{"key": key, "value": shown(value)} for key, value in found.items() if value not in ("", False, [], None)]


def shown(value: object) -> str:
    """Return a value as it can be looked at: no letter of it acts, turns the line around or is not seen."""
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text[:MOST])


def _sentence(said: Mapping[str, Any], language: Language) -> str:
    facts = {name: shown(fact) for name, fact in said["facts"].items()}
    return language.say(str(said["text"]), facts)
