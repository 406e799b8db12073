"""The rules of this moment: the file's, the cloud's and staff's choices, joined again only when one of them changed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from pydantic import ValidationError

from kiosk import config, settings
from kiosk.choices import Choices
from kiosk.errors import Refused
from kiosk.model import Rules
from kiosk.store import audit, chosen
from kiosk.store.ticketlist import TicketList

log = logging.getLogger(__name__)

REFUSALS = {
    "locked": "The cloud has locked the settings of this gate",
    "events": "Choose an event at least: without one the gate is closed",
    "ticketTypes": "Choose a ticket type at least, or all of them",
    "malformed": "This cannot be chosen",
    "strange": "This kiosk knows no event {event}",
    "unwritten": "The choice cannot be written down: {why}",
}


class Standing:
    """Belongs to the gate's thread, whose pen `choices.json` is."""

    def __init__(self, gate: config.Gate, tickets: TicketList, directory: Path) -> None:
        self._gate, self._tickets, self._directory = gate, tickets, directory
        self._choices = chosen.read(directory)
        tickets.look_again()
        self._join()

    def __call__(self) -> Rules:
        if self._tickets.settings is not self._settings:
            self._join()
        return self._rules

    def _join(self) -> None:
        self._settings = self._tickets.settings
        self._rules = settings.rules(self._gate, self._settings, self._choices)

    def audible(self, display: config.Display) -> Callable[[], bool]:
        """Return what tells whether the cloud wants any sound."""
        return lambda: settings.looks(display, self._gate, self._tickets.settings).sound

    def choose(self, words: object, by: str) -> None:
        """Let staff's choices be these from now on; none at all is as configured. Raises Refused."""
        self._tickets.look_again()
        if settings.locked(self._gate, self._tickets.settings):
            raise Refused(REFUSALS["locked"])
        try:
            choices = Choices.model_validate(words)
        except ValidationError as error:
            raise Refused(_flaw(error)) from None
        if strange := self._strange(choices):
            raise Refused(REFUSALS["strange"], event=strange[0])
        try:
            chosen.write(self._directory, choices)
        except OSError as error:
            raise Refused(REFUSALS["unwritten"], why=error.strerror or "?") from error
        self._choices = choices
        self._join()
        facts = choices.model_dump(mode="json", by_alias=True, exclude_none=True)
        audit.note(self._directory, "settings chosen", by=by, **(facts or {"choice": "as configured"}))
        log.info("staff chose: %s", facts or "as configured")

    def _strange(self, choices: Choices) -> list[str]:
        """Return the events that neither the configuration nor the cloud's list of events has."""
        known = {*settings.events(self._gate, self._tickets.settings).value, *self._tickets.event_names}
        types: Mapping[str, object] = choices.ticket_types or {}
        return [event for event in (*(choices.events or ()), *types) if event not in known]


def _flaw(error: ValidationError) -> str:
    """What a person can do wrong is said in a sentence of its own: to choose none of several."""
    first = error.errors()[0]
    where = str(first["loc"][0]) if first["loc"] and first["type"] == "too_short" else ""
    return REFUSALS.get(where, REFUSALS["malformed"])
