"""The staff page's PIN: a salted scrypt hash in a file that only the kiosk's own user can read.

A PIN of a few digits has no secret left for whoever has the file: all of them are tried in minutes. What protects it is
the file's mode, and, at the page, how often it may be tried (`attempts.py`).
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

from kiosk.config import Config
from kiosk.errors import Refused
from kiosk.store.database import write_whole

FILE = "staff-pin"

COST, BLOCK, LANES = 1 << 14, 8, 1
"""scrypt's N, r and p (RFC 7914): 16 MB and some 50 ms; a Raspberry Pi 3 takes a quarter of a second."""

SALT_BYTES = 16
RUN_UP, RUN_DOWN = "01234567890123456789", "98765432109876543210"
COLUMNS = {"2580", "0852", "1470", "0741", "3690", "0963"}
"""Down and up a keypad."""


@dataclass(frozen=True, slots=True)
class Pin:
    """A PIN as it is kept."""

    salt: bytes
    digest: bytes

    def is_(self, digits: str) -> bool:
        """Tell whether this is the PIN, in a time that says nothing about it."""
        return hmac.compare_digest(_hashed(digits, self.salt), self.digest)


def place(config: Config) -> Path:
    return config.display.pin_file or config.device.data_dir / FILE


def read(path: Path) -> Pin | None:
    """Return the PIN that is set, None where none is. Raises Refused when the file cannot be read."""
    try:
        found = json.loads(path.read_bytes())
        return Pin(bytes.fromhex(found["salt"]), bytes.fromhex(found["scrypt"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Refused(f"{path} cannot be read: set the PIN again with `kiosk pin`") from error


def write(path: Path, digits: str) -> None:
    """Set the PIN. Raises Refused for one that anybody would try, OSError."""
    if (problem := weakness(digits)) is not None:
        raise Refused(problem)
    salt = os.urandom(SALT_BYTES)
    kept = {"salt": salt.hex(), "scrypt": _hashed(digits, salt).hex()}
    write_whole(path, json.dumps(kept).encode() + b"\n", private=True)


def weakness(digits: str) -> str | None:
    """Say what is wrong with a PIN, None for nothing."""
    if not re.fullmatch(r"[0-9]{4,12}", digits):
        return "a PIN has four to twelve digits"
    runs = digits in RUN_UP or digits in RUN_DOWN or digits in COLUMNS
    repeats = any(digits == digits[:size] * (len(digits) // size) for size in (1, 2, 3) if len(digits) > size)
    return "this PIN is among the first that anybody tries: choose another one" if runs or repeats else None


def _hashed(digits: str, salt: bytes) -> bytes:
    return hashlib.scrypt(digits.encode(), salt=salt, n=COST, r=BLOCK, p=LANES, maxmem=64 << 20)
