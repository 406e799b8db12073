"""Which device a lane means: the rule in the configuration, and which device that was the last time.

A lane keeps its device. Whatever else appears in its place, a scanner that somebody swapped or set to another mode, is
told and not read, until a person says `kiosk devices --accept LANE`.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

from kiosk.errors import ScannerLost
from kiosk.scanners.plugged import Plugged, names, node_name, plugged
from kiosk.store.database import write_whole
from kiosk.words import plain

FILE = "scanners.json"
VID_PID = re.compile(r"^([0-9a-fA-F]{4}):([0-9a-fA-F]{4})$")
KEPT = ("ids", "serial", "port", "name")
_FOLDERS = {"hid": "input", "serial": "serial"}


class Bindings:
    """The lanes' devices, on disk. May be asked from several threads; `lanes` are those that are configured.

    `look` tells what is plugged in of a kind.
    """

    def __init__(self, directory: Path, lanes: Iterable[str], look: Callable[[str], list[Plugged]] = plugged) -> None:
        self._file, self._lanes, self._look = directory / FILE, frozenset(lanes), look
        self._lock = threading.Lock()

    def find(self, lane: str, kind: str, device: str) -> str:
        """Return the node to open for a lane. Raises ScannerLost when there is none, several, or another one."""
        kept = _read(self._file)
        mine = kept.get(lane, {}) if kept.get(lane, {}).get("device") == device else {}
        others = [other for name, other in kept.items() if name in self._lanes - {lane}]
        if device != "auto" and not VID_PID.match(device):
            node = _named(kind, device)
            found = self._at(kind, node)
        else:
            found = _choose(device, _fitting(self._look(kind), device), mine, others)
            node = found.node
        if found is not None:
            _check(lane, device, found, mine)
        return node

    def keep(self, lane: str, kind: str, device: str, node: str) -> None:
        """Remember the device of a lane that was opened; what has no identity, as a port on the board, is none."""
        found = self._at(kind, node)
        if found is None or not found.ids:
            return
        with self._lock:
            kept = {name: entry for name, entry in _read(self._file).items() if name in self._lanes}
            entry = {"device": device, **{key: getattr(found, key) for key in KEPT}}
            if kept.get(lane) != entry:
                write_whole(self._file, _as_bytes(kept | {lane: entry}))

    def _at(self, kind: str, node: str) -> Plugged | None:
        name = node_name(node)
        return next((one for one in self._look(kind) if node_name(one.node) == name), None)


def accept(directory: Path, lane: str) -> bool:
    """Forget the device of a lane, so that the next one is taken; False when it had none."""
    kept = _read(directory / FILE)
    if lane not in kept:
        return False
    write_whole(directory / FILE, _as_bytes({name: entry for name, entry in kept.items() if name != lane}))
    return True


def _named(kind: str, device: str) -> str:
    """Return the path of a device that is named by one."""
    if device.startswith(("by-id/", "by-path/")):
        return f"/dev/{_FOLDERS.get(kind, 'input')}/{device}"
    if device.startswith("/"):
        return device
    raise ScannerLost(f"{device}: no such scanner is plugged in: `kiosk devices` shows what is, and how to name it")


def _fitting(plugged_in: list[Plugged], device: str) -> list[Plugged]:
    """Return the scanners that a rule fits, one node each; a port on the board is no scanner without being named."""
    wanted = VID_PID.match(device)
    bodies: dict[str, Plugged] = {}
    for one in plugged_in:
        if (one.ids == device.lower()) if wanted else (one.ids or one.kind != "serial"):
            bodies.setdefault(one.body, one)
    return list(bodies.values())


def _choose(device: str, found: list[Plugged], mine: dict[str, str], others: list[dict[str, str]]) -> Plugged:
    """Return the one that fits: this lane's own where it is there, else the only one that is no other lane's."""
    own = [one for one in found if _is(one, mine)]
    free = own or [one for one in found if not any(_is(one, other) for other in others)]
    if len(free) == 1:
        return free[0]
    if free:
        raise ScannerLost(f"{device}: {len(free)} devices fit: name one by its path ({names(free)})")
    if found:
        raise ScannerLost(f"{device}: what is plugged in belongs to another lane ({names(found)})")
    raise ScannerLost(f"{device}: no such scanner is plugged in")


def _is(one: Plugged, kept: dict[str, str]) -> bool:
    """Tell whether this is the device that was kept: the same kind of it, by its serial number or at the same port."""
    if not kept or one.ids != kept.get("ids"):
        return False
    return one.serial == kept.get("serial") if one.serial else one.port == kept.get("port")


def _check(lane: str, device: str, found: Plugged, mine: dict[str, str]) -> None:
    if mine and found.ids != mine.get("ids"):
        raise ScannerLost(
            f"{device}: another device ({found.ids} {found.name}) is where {plain(mine['ids'])} {plain(mine['name'])} "
            f"was: put that back, or say `kiosk devices --accept {lane}`"
        )


def _read(file: Path) -> dict[str, dict[str, str]]:
    """Return what was kept; a file that is not there, or nobody can read, keeps nothing."""
    try:
        kept = json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    entries = kept.items() if isinstance(kept, dict) else ()
    return {name: entry for name, entry in entries if _is_entry(entry)}


def _is_entry(entry: object) -> bool:
    return isinstance(entry, dict) and all(isinstance(entry.get(key), str) for key in ("device", *KEPT))


def _as_bytes(kept: dict[str, dict[str, str]]) -> bytes:
    return json.dumps(kept, indent=1).encode()
