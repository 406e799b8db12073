"""`choices.json`: what staff chose, written whole by the gate, read by everybody who wants to know the rules."""

from __future__ import annotations

import logging
from pathlib import Path

from pydantic import ValidationError

from kiosk.choices import Choices
from kiosk.store.database import write_whole

log = logging.getLogger(__name__)

FILE = "choices.json"


def read(directory: Path) -> Choices:
    """Return what is chosen. A file that is missing or cannot be read is no choice: the door is as configured."""
    try:
        return Choices.model_validate_json((directory / FILE).read_bytes())
    except FileNotFoundError:
        return Choices()
    except (OSError, ValidationError) as error:
        log.warning("%s cannot be read, the door is as configured: %s", FILE, error)
        return Choices()


def write(directory: Path, choices: Choices) -> None:
    """Put what is chosen in the place of what was. Raises OSError; what was stays in force then."""
    write_whole(directory / FILE, choices.model_dump_json(by_alias=True).encode())
