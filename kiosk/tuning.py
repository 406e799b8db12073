"""A scanner's settings as they were calibrated at the door, over those that the configuration has.

They are kept whole, because they were found by one scan, and belong to the scanner as it is configured: where its kind
or its device is another one by now they do not count.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from kiosk.calibration import Found
from kiosk.config import Scanner

log = logging.getLogger(__name__)

SETTINGS: Mapping[str, tuple[str, ...]] = {
    "hid": ("layout", "prefix", "suffix", "terminator", "idle_ms"),
    "serial": ("prefix", "suffix", "terminator", "idle_ms", "bits", "parity"),
}
"""What a calibration can find of each kind, by the keys of the configuration."""

Values = Mapping[str, str | int]


class Tuning(BaseModel):
    """What was found, and of which scanner. Raises pydantic's ValidationError."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: str
    device: str
    settings: dict[str, str | int]


def tuning(scanner: Scanner, found: Found) -> Tuning:
    """Return what was found of a scanner as the configuration has it; patience that it has there is not taken away."""
    settings = found.settings()
    if scanner.kind == "serial" and not found.parity:
        settings |= {key: new for key, _, new in changes(scanner, raw(scanner))}
    if int(settings.get("idle_ms", 0)) <= scanner.idle_ms:
        settings.pop("idle_ms", None)
    return Tuning(kind=scanner.kind, device=scanner.device, settings=settings)


def raw(scanner: Scanner) -> Scanner:
    """Return how a port is opened to find out whether seven bits and parity are sent: as eight bits, it shows all."""
    seven = scanner.bits == 7 and scanner.parity != "none"
    return scanner.model_copy(update={"bits": 8, "parity": "none"}) if seven else scanner


def misfit(scanner: Scanner, tuning: Tuning) -> str | None:
    """Say why what was calibrated does not count for a scanner as it is configured; None where it does."""
    if (tuning.kind, tuning.device) != (scanner.kind, scanner.device):
        return "its kind or its device is another one now"
    if not set(tuning.settings) <= set(SETTINGS.get(scanner.kind, ())):
        return "it has settings that this kind of scanner does not have"
    try:
        _joined(scanner, tuning)
    except ValidationError as error:
        return f"{error.errors()[0]['loc'][-1]}: {error.errors()[0]['msg']}"
    return None


def tuned(scanner: Scanner, tuning: Tuning | None) -> Scanner:
    """Return a scanner as it is read: what was calibrated wins over the file where it counts."""
    return scanner if tuning is None or misfit(scanner, tuning) is not None else _joined(scanner, tuning)


def _joined(scanner: Scanner, tuning: Tuning) -> Scanner:
    written: dict[str, Any] = {key: getattr(scanner, key) for key in scanner.model_fields_set}
    return Scanner.model_validate({**written, **tuning.settings})


def counting(scanner: Scanner, tunings: Mapping[str, Tuning]) -> Values:
    """Return what was calibrated of a scanner and counts; nothing where it is as configured."""
    found = tunings.get(scanner.name)
    return found.settings if found is not None and misfit(scanner, found) is None else {}


def in_force(scanners: Iterable[Scanner], tunings: Mapping[str, Tuning]) -> list[Scanner]:
    """Return all scanners as they are read, and log which of them is not as configured, or no longer as calibrated."""
    found = []
    for scanner in scanners:
        own = tunings.get(scanner.name)
        if own is not None and (wrong := misfit(scanner, own)):
            log.warning("scanner %s: what was calibrated does not count: %s", scanner.name, wrong)
        elif own is not None:
            log.info("scanner %s: calibrated, over the configuration: %s", scanner.name, dict(own.settings))
        found.append(tuned(scanner, own))
    return found


def changes(before: Scanner, after: Scanner) -> list[tuple[str, str | int, str | int]]:
    """Return which settings differ: key, before, after."""
    pairs = ((key, getattr(before, key), getattr(after, key)) for key in SETTINGS.get(before.kind, ()))
    return [(key, old, new) for key, old, new in pairs if old != new]
