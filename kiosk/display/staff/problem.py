"""What an answer says that is none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import JSONResponse, Response

from kiosk.display.snapshot import short
from kiosk.display.staff.sayings import SAYINGS
from kiosk.words import Language


class Problem(Exception):
    """Something that a request cannot have: a status, a key and a sentence, with what fills its gaps."""

    def __init__(
        self, status: int, key: str, message: str | None = None, gaps: Mapping[str, str] | None = None, **more: object
    ) -> None:
        super().__init__(key)
        self._status, self._message, self._facts = status, message or SAYINGS[key], {"error": key, **more}
        self._gaps = gaps or {}

    def answer(self, language: Language) -> Response:
        said = language.say(self._message, self._gaps) if self._gaps else language.again(self._message)
        return JSONResponse(self._facts | {"message": said}, self._status)


def refused(said: Mapping[str, Any]) -> Problem:
    """Return why another program did not do what it was asked for (`words.told`)."""
    gaps = {name: short(str(fact)) or "" for name, fact in (said.get("facts") or {}).items()}
    return Problem(409, str(said.get("refused") or "refused"), str(said.get("text") or said.get("message")), gaps)
