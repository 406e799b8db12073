"""The file system under a directory: what it is, and whether it forgets when the power goes."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")
ESCAPED = re.compile(r"\\([0-7]{3})")
VOLATILE = frozenset({"tmpfs", "ramfs", "overlay"})
"""Kept in memory; an overlay root (raspi-config's read-only mode) writes to memory too."""


@dataclass(frozen=True, slots=True)
class Volume:
    """Sizes in bytes, as an unprivileged user may use them."""

    kind: str
    free: int
    size: int

    @property
    def volatile(self) -> bool:
        return self.kind in VOLATILE


def volume(directory: Path) -> Volume:
    """Return the file system that holds a directory. Raises OSError when there is no such directory."""
    sizes = os.statvfs(directory)
    return Volume(_kind(directory.resolve()), sizes.f_bavail * sizes.f_frsize, sizes.f_blocks * sizes.f_frsize)


def _kind(directory: Path) -> str:
    """Find the innermost mount (proc(5): field 5 is the mount point, the type follows a lone hyphen)."""
    kind, depth = "unknown", -1
    for line in MOUNTS.read_text(encoding="utf-8", errors="replace").splitlines():
        fields = line.split()
        point = Path(ESCAPED.sub(lambda octal: chr(int(octal[1], 8)), fields[4]))
        if directory.is_relative_to(point) and len(point.parts) >= depth:
            kind, depth = fields[fields.index("-") + 1], len(point.parts)
    return kind
