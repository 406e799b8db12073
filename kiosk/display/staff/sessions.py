"""Who has given the PIN: a few random tokens in memory, each bound to the address it was given to and to the PIN.

They end with the process, with "lock", with another PIN, after five minutes without use, and after half an hour.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

IDLE_S, LONGEST_S = 300, 1_800
MOST = 8
"""How many people may be signed in; the one longest unused gives way."""


@dataclass(slots=True)
class _Session:
    address: str
    pin: object
    began_ns: int
    used_ns: int

    def left_s(self, now_ns: int) -> int:
        idle_s, whole_s = (now_ns - self.used_ns) / 1e9, (now_ns - self.began_ns) / 1e9
        return max(0, int(min(IDLE_S - idle_s, LONGEST_S - whole_s)))


class Sessions:
    """Belongs to one event loop. Times are since boot."""

    def __init__(self) -> None:
        self._open: dict[str, _Session] = {}

    def begin(self, address: str, pin: object, now_ns: int) -> str:
        """Return a new token, for who comes from this address, as long as this is the PIN."""
        token = secrets.token_urlsafe(32)
        self._open[token] = _Session(address, pin, now_ns, now_ns)
        while len(self._open) > MOST:
            del self._open[min(self._open, key=lambda each: self._open[each].used_ns)]
        return token

    def left_s(self, token: str, address: str, pin: object, now_ns: int, *, used: bool) -> int:
        """Return for how many seconds this token is good, 0 for not at all; `used` begins the idle time anew."""
        session = self._open.get(token)
        if session is None:
            return 0
        if session.address != address or session.pin != pin or session.left_s(now_ns) <= 0:
            del self._open[token]
            return 0
        if used:
            session.used_ns = now_ns
        return session.left_s(now_ns)

    def end(self, token: str) -> None:
        self._open.pop(token, None)
