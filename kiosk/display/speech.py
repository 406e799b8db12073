"""The language that the door speaks now: the configured one, or the one that staff have chosen meanwhile."""

from __future__ import annotations

import logging
from collections.abc import Callable

from kiosk import languages
from kiosk.config import Config
from kiosk.errors import ConfigError
from kiosk.store import spoken
from kiosk.words import ENGLISH, Language

log = logging.getLogger(__name__)

Speaking = Callable[[], Language]
"""Tells which language is spoken: ask anew for each sentence, for it may change."""


def english() -> Language:
    return ENGLISH


class Speech:
    """`look` belongs to one thread, everybody may ask. Raises ConfigError, where the first language cannot be read."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._print = self._fingerprint()
        self._language = self._read() or languages.read(config.display.language)

    def __call__(self) -> Language:
        return self._language

    def look(self) -> None:
        """Look whether somebody has chosen another; one that cannot be read leaves the last one in force."""
        if (found := self._fingerprint()) == self._print:
            return
        self._print = found
        self._language = self._read() or self._language

    def _read(self) -> Language | None:
        try:
            return languages.read(spoken.in_force(self._config).value)
        except ConfigError as error:
            log.error("this language cannot be spoken: %s", error)
            return None

    def _fingerprint(self) -> tuple[int, int]:
        try:
            found = (self._config.device.data_dir / spoken.FILE).stat()
        except OSError:
            return 0, 0
        return found.st_ino, found.st_mtime_ns
