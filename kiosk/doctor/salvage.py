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
            section = getattr(Config.model_validate({name: _kept(name, tree[name])}), name)
        except ValidationError:
            continue
        found = found.model_copy(update={name: section})
    return found


def _kept(name: str, section: Any) -> Any:
    """Of several scanners, outputs or turnstiles, those that are right."""
    if not isinstance(section, list):
        return section
    return [one for one in section if _is_right(name, one)]


def _is_right(name: str, one: Any) -> bool:
    try:
        Config.model_validate({name: [one]})
    except ValidationError:
        return False
    return True
