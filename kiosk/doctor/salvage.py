"""What can be had of a configuration file with errors in it: each section that is right by itself."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from kiosk.config import Config


def salvage(path: Path) -> Config:
    """Return the sections that can be read, and the defaults of all others. Never raises."""
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8-sig", errors="replace"))
    except (OSError, tomllib.TOMLDecodeError, RecursionError):
        return Config()
    found = Config()
    for name in Config.model_fields.keys() & tree.keys():
        try:
            section = getattr(Config.model_validate({name: _kept(tree[name])}), name)
        except ValidationError:
            continue
        found = found.model_copy(update={name: section})
    return found


def _kept(section: Any) -> Any:
    """Of several scanners, those that are right."""
    if not isinstance(section, list):
        return section
    return [one for one in section if _is_right(one)]


def _is_right(scanner: Any) -> bool:
    try:
        Config.model_validate({"scanner": [scanner]})
    except ValidationError:
        return False
    return True
