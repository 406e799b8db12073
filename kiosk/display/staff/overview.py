"""How the door is doing and what it goes by, as staff see it. Reads only, and belongs to one thread."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import ValidationError

from kiosk import clock, collection, languages, pulse, settings, wristwatch
from kiosk.config import Config
from kiosk.display.snapshot import short
from kiosk.display.speech import Speaking, english
from kiosk.display.staff import calibration
from kiosk.display.staff.labels import CLOCKS, KINDS, SOURCES, label
from kiosk.model import ClockQuality, Moment, Source
from kiosk.settings import Settings
from kiosk.store import journal, ledger, spoken, ticketrows
from kiosk.store.outlook import Outlook
from kiosk.words import stamp


class Overview:
    """Raises StoreError, sqlite3.Error: the files cannot be read."""

    def __init__(self, config: Config, speaking: Speaking = english) -> None:
        self._speaking = speaking
        self._config, self._directory = config, config.device.data_dir
        self._outlook, self._files = Outlook(self._directory), self._identity()

    def state(self, now: Moment) -> dict[str, Any]:
        """Return everything at a glance."""
        outlook, gate = self._fresh(), self._config.gate
        found, choices = self._settings(), outlook.choices()
        names, rules = outlook.event_names(), settings.rules(gate, found, choices)
        return {
            "scanType": rules.direction,
            "events": [{"id": event, "name": short(names.get(event, event))} for event in rules.events],
            "locked": settings.locked(gate, found),
            "choices": choices.model_dump(mode="json", by_alias=True),
            **self._programs(),
            "clock": self._clock(now),
            **self.languages(),
            "counts": outlook.counts(),
            "tickets": outlook.tickets(rules.events, now),
            "outbox": outlook.outbox(now),
        }

    def choices(self) -> dict[str, Any]:
        """Return what is chosen, and what there would be without it."""
        outlook, gate, found = self._fresh(), self._config.gate, self._settings()
        events = settings.events(gate, found).value
        types = {event: each.ticket_types.value for event, each in events.items()}
        return {
            "choices": outlook.choices().model_dump(mode="json", by_alias=True),
            "locked": settings.locked(gate, found),
            "configured": {
                "scanType": settings.decisions(gate, found)["direction"].value,
                "events": {event: sorted(listed) if listed is not None else None for event, listed in types.items()},
            },
        }

    def languages(self) -> dict[str, Any]:
        """Return which language is spoken, and what there is to choose from."""
        configured = self._config.display.language
        chosen = spoken.read(self._directory)
        return {
            "language": chosen or configured,
            "languages": {"chosen": chosen, "configured": configured, "known": languages.names()},
        }

    def outbox(self, now: Moment) -> dict[str, Any]:
        return self._fresh().outbox(now)

    def inside(self) -> int:
        return self._fresh().counts()["inside"]

    def _programs(self) -> dict[str, Any]:
        directory = self._config.device.runtime_dir
        gate, sync = pulse.feel(directory, "gate"), pulse.feel(directory, "sync")
        alive = pulse.alive(gate)
        return {
            "gate": alive,
            "sync": pulse.alive(sync),
            "scanners": [self._scanner(one) for one in (gate or {}).get("scanners") or []] if alive else [],
        }

    def _clock(self, now: Moment) -> dict[str, Any]:
        """Return what time it is, who says so, and why nobody here may say otherwise.

        `quality` is the wall clock's, or `known` where the gate knows the time by somebody else.
        """
        said, language = pulse.clock_of(pulse.feel(self._config.device.runtime_dir, "gate")), self._speaking()
        quality, source = said.get("quality") or clock.quality(), said.get("source")
        own = quality == ClockQuality.RTC and source == Source.OPERATOR  # a watch does not outdo it (`dating.py`)
        known = source is not None and quality != ClockQuality.SYNCED and not own
        outdone = wristwatch.outranked(quality, source)
        return {
            "time": stamp(now.at),
            **local(now.at),
            "quality": "known" if known else str(quality),
            "label": label(SOURCES, source, language) if known else label(CLOCKS, quality, language),
            "final": language.say(wristwatch.REFUSALS[outdone]) if outdone is not None else None,
        }

    def _scanner(self, said: dict[str, Any]) -> dict[str, Any]:
        """One lane; `calibrate` is the name by which a scanner that can be set wrong is calibrated."""
        name, kind = str(said.get("name")), str(said.get("kind"))
        return {
            "name": short(name),
            "kind": kind,
            "label": label(KINDS, kind, self._speaking()),
            "connected": bool(said.get("connected")),
            "problem": short(said.get("problem")),
            "hint": short(said.get("hint")),
            "calibrate": name if kind in collection.KINDS else None,
            "calibrating": bool(said.get("calibrating")),
            "calibrated": calibration.values(said.get("calibrated") or {}),
        }

    def _settings(self) -> Settings | None:
        answer = self._outlook.settings()
        try:
            return Settings.model_validate(answer) if answer is not None else None
        except ValidationError:  # settings nobody can read are in force nowhere
            return None

    def _fresh(self) -> Outlook:
        """Begin anew where a file was removed and made again."""
        if (identity := self._identity()) != self._files:
            self._outlook.close()
            self._outlook, self._files = Outlook(self._directory), identity
        return self._outlook

    def _identity(self) -> tuple[int, ...]:
        paths = (self._directory / name for name in (journal.FILE, ticketrows.FILE, ledger.FILE))
        return tuple(path.stat().st_ino if path.exists() else 0 for path in paths)


def local(at: datetime) -> dict[str, str]:
    """Return what a watch on this kiosk's wall shows then, and in which zone."""
    here = at.astimezone()
    return {"local": f"{here:%Y-%m-%dT%H:%M}", "zone": f"{here:%Z} (UTC{here.isoformat()[-6:]})"}
