"""`calibrated.json`: scanners' settings as they were calibrated at the door, written whole by the gate.

Everybody may read it. Who changes it while no gate runs holds the gate's lock.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from kiosk.store.database import write_whole
from kiosk.tuning import Tuning

log = logging.getLogger(__name__)

FILE = "calibrated.json"

_ALL = TypeAdapter(dict[str, Tuning])


def read(directory: Path) -> dict[str, Tuning]:
    """Return what was calibrated, by scanner. A file that is missing or cannot be read is nothing: as configured."""
    try:
        return _ALL.validate_json((directory / FILE).read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValidationError) as error:
        log.warning("%s cannot be read, the scanners are as configured: %s", FILE, error)
        return {}


def write(directory: Path, tunings: Mapping[str, Tuning]) -> None:
    """Put what is calibrated in the place of what was. Raises OSError; what was stays in force then."""
    kept = {name: tuning.model_dump() for name, tuning in tunings.items()}
    write_whole(directory / FILE, json.dumps(kept, indent=1).encode("ascii"))
