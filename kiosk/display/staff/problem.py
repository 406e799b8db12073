"""What an answer says that is none."""

from __future__ import annotations

from starlette.responses import JSONResponse, Response

from kiosk.display.staff.sayings import SAYINGS
from kiosk.words import Language


class Problem(Exception):
    """Something that a request cannot have: a status, a key and a sentence."""

    def __init__(self, status: int, key: str, message: str | None = None, **more: object) -> None:
        super().__init__(key)
        self._status, self._message, self._facts = status, message or SAYINGS[key], {"error": key, **more}

    def answer(self, language: Language) -> Response:
        return JSONResponse(self._facts | {"message": language.again(self._message)}, self._status)
