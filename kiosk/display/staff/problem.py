"""What an answer says that is none."""

from __future__ import annotations

from starlette.responses import JSONResponse, Response

from kiosk.display.staff.sayings import SAYINGS


class Problem(Exception):
    """Something that a request cannot have: a status, a key and a sentence."""

    def __init__(self, status: int, key: str, message: str | None = None, **more: object) -> None:
        super().__init__(key)
        self._status, self._facts = status, {"error": key, "message": message or SAYINGS[key], **more}

    def answer(self) -> Response:
        return JSONResponse(self._facts, self._status)
