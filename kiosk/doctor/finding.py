"""What one check comes to."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum


class Colour(StrEnum):
    """Green: nothing to do. Amber: worth a look. Red: the kiosk does not do its work, or will soon not."""

    GREEN = "green"
    AMBER = "amber"
    RED = "red"


@dataclass(frozen=True, slots=True)
class Finding:
    """The name of a check, how it is, what was found, and what to do about it; nothing where all is well."""

    name: str
    colour: Colour
    found: str
    mend: str = ""


def green(name: str, found: str) -> Finding:
    return Finding(name, Colour.GREEN, found)


def amber(name: str, found: str, mend: str) -> Finding:
    return Finding(name, Colour.AMBER, found, mend)


def red(name: str, found: str, mend: str) -> Finding:
    return Finding(name, Colour.RED, found, mend)


def worst(findings: Iterable[Finding]) -> Colour:
    """Return the worst colour among these."""
    return max((finding.colour for finding in findings), key=_rank, default=Colour.GREEN)


def worst_of_each(findings: Iterable[Finding]) -> list[Finding]:
    """Return of the findings of one name only the worst, and of equally bad ones the last, which knows more."""
    kept: dict[str, Finding] = {}
    for finding in findings:
        if finding.name not in kept or _rank(finding.colour) >= _rank(kept[finding.name].colour):
            kept[finding.name] = finding
    return list(kept.values())


def _rank(colour: Colour) -> int:
    return list(Colour).index(colour)


def look(name: str, check: Callable[[], list[Finding]]) -> list[Finding]:
    """Make a check; one that fails as nobody foresaw is a finding, and the others are made all the same."""
    try:
        return check()
    except Exception as error:  # noqa: BLE001
        return [red(name, f"cannot be looked at: {error}", "see to what it says, then ask again")]
