"""How the screen is to look: the file's section and the cloud's settings, joined again only when those have changed."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from typing import Any

from kiosk import settings
from kiosk.config import Config
from kiosk.model import Moment
from kiosk.settings import Looks, Settings

log = logging.getLogger(__name__)

LOOK_NS = 1_000_000_000
"""How often to ask whether the settings have changed."""


class Guise:
    """Keeps the looks in force. Settings that are missing or cannot be read leave the last good ones in force."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._answer: Any = None
        self._problem = ""
        self._looked_ns = -LOOK_NS
        self.looks = self._joined(None)

    def look(self, ask: Callable[[], Any], now: Moment) -> None:
        """Look at the cloud's answer, which `ask` returns, if the last look was a second ago."""
        if now.boottime_ns - self._looked_ns < LOOK_NS:
            return
        self._looked_ns = now.boottime_ns
        try:
            self._take(ask())
        except (sqlite3.Error, ValueError) as error:
            self._note(f"the device settings cannot be read, the last ones stay: {error}")

    def _take(self, answer: Any) -> None:
        if answer is not None and answer != self._answer:
            self._answer = answer
            self.looks = self._joined(Settings.model_validate(answer))

    def _note(self, problem: str) -> None:
        if problem != self._problem:
            log.warning(problem)
        self._problem = problem

    def _joined(self, found: Settings | None) -> Looks:
        return settings.looks(self._config.display, self._config.gate, found)

    def facts(self) -> dict[str, Any]:
        """Return them as a screen is told."""
        looks = self.looks
        return {
            "revealSeconds": looks.reveal_s,
            "sound": looks.sound,
            "colours": {
                "success": looks.success,
                "declined": looks.declined,
                "repeated": looks.repeated,
                "highlighted": looks.highlighted,
                "actionRequired": looks.action_required,
            },
        }
