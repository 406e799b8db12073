"""`language.json`: which language staff chose for the door, written whole by the gate, read by whoever speaks.

It is no part of `choices.json`: those are rules, which the cloud may lock and "as configured" undoes together.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path

from kiosk import languages
from kiosk.config import Config
from kiosk.settings import Joined, Origin, origin
from kiosk.store.database import write_whole

log = logging.getLogger(__name__)

FILE = "language.json"


def read(directory: Path) -> str | None:
    """Return what is chosen. A file that is missing or cannot be read, or that names no language, is no choice."""
    try:
        name = json.loads((directory / FILE).read_bytes())["language"]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError) as error:
        log.warning("%s cannot be read, the language is as configured: %r", FILE, error)
        return None
    return name if name in languages.names() else None


def write(directory: Path, name: str | None) -> None:
    """Put what is chosen in the place of what was, None for what is configured. Raises OSError."""
    write_whole(directory / FILE, json.dumps({"language": name}).encode())


def in_force(config: Config) -> Joined[str]:
    """Return the language of the door, and who says so."""
    chosen, display = read(config.device.data_dir), config.display
    if chosen is not None:
        return Joined(chosen, Origin.STAFF)
    return Joined(display.language, origin(display, "language"))
