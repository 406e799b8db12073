"""The file system under a directory: what it is, what room it has, and whether it forgets when the power goes."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from kiosk import words

MOUNTS = Path("/proc/self/mountinfo")
ESCAPED = re.compile(r"\\([0-7]{3})")
VOLATILE = frozenset({"tmpfs", "ramfs", "overlay"})
"""Kept in memory; an overlay root (raspi-config's read-only mode) writes to memory too."""


SCARCE, LOW = 200_000_000, 100_000_000
"""Bytes. Below the one people are told; below the other nothing is taken in any more but scans."""


@dataclass(frozen=True, slots=True)
class Volume:
    """Sizes in bytes, as an unprivileged user may use them; nodes are how many files there may be, 0 for any number.

    `options` are the mount's and the file system's own.
    """

    kind: str
    free: int
    size: int
    options: frozenset[str] = frozenset()
    nodes: int = 0
    free_nodes: int = 0

    @property
    def volatile(self) -> bool:
        return self.kind in VOLATILE


def volume(directory: Path) -> Volume:
    """Return the file system that holds a directory. Raises OSError when there is no such directory."""
    sizes = os.statvfs(directory)
    kind, options = _mount(directory.resolve())
    free, size = sizes.f_bavail * sizes.f_frsize, sizes.f_blocks * sizes.f_frsize
    return Volume(kind, free, size, options, sizes.f_files, sizes.f_favail)


def warning(found: Volume, language: words.Language = words.ENGLISH) -> str | None:
    """Say what little room there is, and what that means; None while there is enough."""
    if found.free >= SCARCE:
        return None
    text = words.LOW if found.free < LOW else words.SCARCE
    return language.say(text, {"megabytes": str(found.free // 1_000_000)})


def is_low(directory: Path) -> bool:
    """Tell whether what room there is belongs to the scans alone. A directory that cannot be asked is not low."""
    try:
        return volume(directory).free < LOW
    except OSError:
        return False


def _mount(directory: Path) -> tuple[str, frozenset[str]]:
    """Find the innermost mount (proc(5): field 5 is the mount point, 6 its options; the type follows a lone hyphen)."""
    kind, options, depth = "unknown", frozenset[str](), -1
    for line in MOUNTS.read_text(encoding="utf-8", errors="replace").splitlines():
        fields = line.split()
        point = Path(ESCAPED.sub(lambda octal: chr(int(octal[1], 8)), fields[4]))
        if directory.is_relative_to(point) and len(point.parts) >= depth:
            rest = fields[fields.index("-") + 1 :]
            kind, depth = rest[0], len(point.parts)
            options = frozenset(",".join((fields[5], *rest[2:])).split(","))
    return kind, options
