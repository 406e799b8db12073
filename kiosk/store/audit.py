"""`audit.log`: what people did to this kiosk, one JSON object a line, appended and synced by whichever program it was.

It is a plain file, because it has several writers and must be written while the gate runs, and has the journal. A line
goes to the file in one write; one that was cut off by a power cut costs no other. It never holds a secret, a name or a
code, and `kiosk reset` leaves it.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import pwd
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from kiosk import clock
from kiosk.config import Config
from kiosk.store.database import sync_directory
from kiosk.words import stamp

log = logging.getLogger(__name__)

FILE = "audit.log"
CONFIGURED = "configuration"
DIGITS = 8
"""How much of a value's hash is kept: enough to see that it changed, too little to tell what it was."""


def note(directory: Path, action: str, **facts: object) -> None:
    """Write down that somebody did something. What cannot be written is logged, and keeps nobody from doing it."""
    now = clock.now()
    row = {"time": stamp(now.at), "clock": now.quality, "bootId": now.boot_id, "action": action, **_who(), **facts}
    try:
        _append(directory / FILE, json.dumps(row, ensure_ascii=True).encode("ascii"))
    except OSError as error:
        log.warning("not written into %s: %s: %s", FILE, action, error)


def note_configuration(directory: Path, path: Path, config: Config) -> None:
    """Write down that the configuration is another one than the last that was noted, and which keys changed."""
    digest, keys = _hash(path.read_bytes(), 64), dict(_digests(config))
    before = next((row for row in reversed(list(read(directory))) if row.get("action") == CONFIGURED), None)
    if before is not None and before.get("digest") == digest:
        return
    known = before.get("keys") if before is not None else None
    old = known if isinstance(known, dict) else {}
    changed = sorted(key for key in old.keys() | keys.keys() if old.get(key) != keys.get(key))
    note(directory, CONFIGURED, digest=digest, changed=changed if old else None, keys=keys)


def read(directory: Path) -> Iterator[dict[str, Any]]:
    """Return what was done, oldest first; a line that cannot be read is left out."""
    try:
        lines = (directory / FILE).read_bytes().splitlines()
    except FileNotFoundError:
        return
    for line in lines:
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict):
            yield row


def _append(file: Path, line: bytes) -> None:
    fresh, home = not file.exists(), file.parent.stat()
    descriptor = os.open(file, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if fresh and os.getuid() == 0:  # who uses sudo must not shut the kiosk's own user out
            os.fchown(descriptor, home.st_uid, home.st_gid)
        size = os.fstat(descriptor).st_size
        torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
        os.write(descriptor, (b"\n" if torn else b"") + line + b"\n")
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    if fresh:
        sync_directory(file.parent)


def _who() -> dict[str, object]:
    """Who does this: the user, whom they were before sudo, and the terminal, where there is one."""
    uid = os.getuid()
    program = " ".join(["kiosk", *sys.argv[1:2]])
    sudo_user = os.environ.get("SUDO_USER")
    return {"user": _name(uid), "uid": uid, "sudoUser": sudo_user, "terminal": _terminal(), "program": program}


def _name(uid: int) -> str | None:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return None


def _terminal() -> str | None:
    try:
        return os.ttyname(0)
    except OSError:
        return None


def _digests(config: Config) -> Iterator[tuple[str, str]]:
    """Return every key of the configuration with a hash of its value."""
    for section in type(config).model_fields:
        found = getattr(config, section)
        parts: Mapping[str, BaseModel] = (
            {section: found} if isinstance(found, BaseModel) else {f"{section}.{one.name}": one for one in found}
        )
        for name, part in parts.items():
            for key, value in part.model_dump(mode="json").items():
                yield f"{name}.{key}", _hash(json.dumps(value).encode(), DIGITS)


def _hash(data: bytes, digits: int) -> str:
    return hashlib.sha256(data).hexdigest()[:digits]
