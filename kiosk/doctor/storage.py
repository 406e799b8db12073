"""The data directory: who may write it, what it lies on, and what room there is."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from kiosk import disk
from kiosk.disk import LOW, SCARCE, Volume
from kiosk.doctor.finding import Finding, amber, green, red
from kiosk.store import journal
from kiosk.store.ballast import Ballast

MB = 1_000_000
FEW_NODES = 1_000
LONG_COMMIT_S = 60
ROOM = "remove what does not belong here (`du -xh / | sort -h | tail`), or use a larger card"


@dataclass(frozen=True, slots=True)
class Place:
    """A directory as this user finds it. `strangers`: files in it that are somebody else's than the directory."""

    path: Path
    exists: bool
    writable: bool = False
    owner: str = "?"
    strangers: tuple[str, ...] = ()


def place(path: Path) -> Place:
    """Look at the data directory."""
    if not path.is_dir():
        return Place(path, exists=False)
    uid = path.stat().st_uid
    strangers = tuple(file.name for file in sorted(path.iterdir()) if _uid(file) not in {uid, None})
    return Place(path, exists=True, writable=os.access(path, os.W_OK | os.X_OK), owner=_user(uid), strangers=strangers)


def _uid(file: Path) -> int | None:
    with suppress(FileNotFoundError):  # a write-ahead log that has just gone
        return file.stat().st_uid
    return None


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def storage(path: Path, *, allow_volatile: bool) -> list[Finding]:
    """Check the data directory and what it lies on."""
    found = place(path)
    if not found.exists:
        return [directory(found)]
    under = disk.volume(path)
    about = [*file_system(under, allow_volatile=allow_volatile), room(under), *nodes(under)]
    begun = (path / journal.FILE).exists()
    kept = [reserve(is_there=Ballast.is_there(path))] if begun else []
    return [directory(found), *about, *kept]


def directory(found: Place) -> Finding:
    if not found.exists:
        mend = "start `kiosk gate` once as its own user, or make it and chown it to that user"
        return red("data directory", f"there is no {found.path}", mend)
    if not found.writable:
        mend = f"run the kiosk as {found.owner}, or chown the directory to its user"
        return red("data directory", f"{found.path} belongs to {found.owner}; this user may not write it", mend)
    if found.strangers:
        mend = f"chown -R {found.owner} {found.path}; run commands as that user, such as with sudo -u {found.owner}"
        names = ", ".join(found.strangers[:4])
        return red("data directory", f"files in {found.path} are not {found.owner}'s: {names}", mend)
    return green("data directory", f"{found.path}, {found.owner}'s, writable")


def file_system(under: Volume, *, allow_volatile: bool) -> Iterator[Finding]:
    """Check what kind it is and how it is mounted."""
    if under.volatile:
        say = amber if allow_volatile else red
        mend = "name a device.data_dir on a disk; with a read-only root, mount a writable partition for it"
        yield say("file system", f"{under.kind}: everything is forgotten when the power goes", mend)
    elif "ro" in under.options:
        mend = "dmesg tells why: a worn card makes itself read-only; copy the data directory away and change the card"
        yield red("file system", f"{under.kind} is mounted read-only", mend)
    elif careless := sorted(filter(_is_careless, under.options)):
        mend = "take the option out of /etc/fstab (data=ordered, commit=5 are the defaults) and reboot"
        yield amber(
            "file system", f"{under.kind} with {', '.join(careless)}: files may be damaged by a power cut", mend
        )
    else:
        yield green("file system", under.kind)


def _is_careless(option: str) -> bool:
    name, _, value = option.partition("=")
    if name == "commit":
        return value.isdecimal() and int(value) >= LONG_COMMIT_S
    return option in {"data=writeback", "nobarrier", "barrier=0"}


def room(under: Volume) -> Finding:
    found = f"{under.free // MB} MB free of {under.size // MB} MB"
    if under.free < LOW:
        return red("free space", f"{found}: lists are not taken in any more, scans only while it lasts", ROOM)
    if under.free < SCARCE:
        return amber("free space", f"{found}: below {LOW // MB} MB no list is taken in any more", ROOM)
    return green("free space", found)


def reserve(*, is_there: bool) -> Finding:
    """Check for the ballast."""
    if is_there:
        return green("reserve", "there is room set aside for scans on a full disk")
    mend = f"{ROOM}; the gate makes it again by itself"
    return amber("reserve", "what was set aside for scans on a full disk is given up, or was never made", mend)


def nodes(under: Volume) -> Iterator[Finding]:
    """Check how many files there may still be; some file systems set no limit."""
    if under.nodes and under.free_nodes < FEW_NODES:
        mend = "thousands of small files fill it: find and remove them (`du --inodes -x / | sort -n | tail`)"
        yield red("inodes", f"only {under.free_nodes} more files can be made", mend)
