"""What is plugged in, as the kernel's own tree tells it: sysfs, and udev's links in /dev. Nothing is opened.

One scanner may have several nodes, such as a keyboard and its volume keys: they share their body, the USB device.
"""

from __future__ import annotations

import itertools
import re
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from kiosk.reports import is_scanner
from kiosk.words import plain

SYS, DEV = Path("/sys/class"), Path("/dev")
LINKS = ("input/by-id", "input/by-path", "serial/by-id", "serial/by-path")
MOST_LINKS = 8
TYPING = frozenset({11, 10, 30, 44, 28})
"""0, 9, A, Z and Enter: who has these keys can type a code (linux/input-event-codes.h)."""

_HID_DEVICE = re.compile(r"^[0-9A-F]{4}:([0-9A-F]{4}):([0-9A-F]{4})\.[0-9A-F]+$")
_NODE = re.compile(r"^(event|hidraw|tty[A-Za-z]+)\d+$")
_WORD_BITS = struct.calcsize("@l") * 8
_NO_PORTS = re.compile(r"^(tty\d*|console|ptmx|ttyprintk|hvc\d+)$")


@dataclass(frozen=True, slots=True)
class Plugged:
    """A node that a scanner may be read from. `body` is the device it is a part of; `port` where that is plugged in."""

    kind: str
    node: str
    body: str
    name: str = ""
    vendor: int | None = None
    product: int | None = None
    serial: str = ""
    port: str = ""
    links: tuple[str, ...] = field(default=(), compare=False)

    @property
    def ids(self) -> str:
        """Vendor and product as the configuration names them; empty for what has none."""
        return f"{self.vendor:04x}:{self.product:04x}" if self.vendor is not None and self.product is not None else ""

    @property
    def stable_name(self) -> str:
        """The best name to configure: its link by serial number or, without one, by port; else what it is, or where."""
        sort = "/by-id/" if self.serial else "/by-path/"
        links = sorted(self.links, key=lambda link: sort not in link)
        return next(iter(links), "") or (self.ids if self.kind != "serial" else "") or self.node


def plugged(*kinds: str) -> list[Plugged]:
    """Return what could be a scanner of these kinds, in the order of its nodes; all kinds when none is named."""
    finders = {"hid": _keyboards, "hidpos": _pos_scanners, "serial": _serial_ports}
    links = _links()
    found = itertools.chain.from_iterable(finders[kind](links) for kind in kinds or finders)
    return sorted(found, key=lambda one: _natural(one.node))


def node_name(path: str | Path) -> str:
    """Return the kernel's name of the node at a path, links followed."""
    place, steps = Path(path), 0
    while not _NODE.match(place.name) and place.is_symlink() and steps < MOST_LINKS:
        place, steps = place.parent / place.readlink(), steps + 1
    return place.name


def siblings(node: str) -> list[str]:
    """Return every event node of the scanner that this one belongs to, itself included."""
    name = node_name(node)
    body = _body(SYS / "input" / name)
    others = [entry.name for entry in _entries(SYS / "input", "event*") if _body(entry) == body]
    return [str(DEV / "input" / other) for other in sorted({name, *others}, key=_natural)]


def _keyboards(links: dict[str, list[str]]) -> Iterator[Plugged]:
    for entry in _entries(SYS / "input", "event*"):
        if _types(_text(entry / "device/capabilities/key")):
            yield _described("hid", DEV / "input" / entry.name, entry, links)


def _pos_scanners(links: dict[str, list[str]]) -> Iterator[Plugged]:
    for entry in _entries(SYS / "hidraw", "hidraw*"):
        if is_scanner(_bytes(entry / "device/report_descriptor")):
            yield _described("hidpos", DEV / entry.name, entry, links)


def _serial_ports(links: dict[str, list[str]]) -> Iterator[Plugged]:
    for entry in _entries(SYS / "tty", "*"):
        if (entry / "device").exists() and not _NO_PORTS.match(entry.name) and _text(entry / "type") != "0":
            yield _described("serial", DEV / entry.name, entry, links)


def _described(kind: str, node: Path, entry: Path, links: dict[str, list[str]]) -> Plugged:
    body = _body(entry)
    vendor, product = _ids(entry, body)
    maker = " ".join(filter(None, (_text(body / "manufacturer"), _text(body / "product"))))
    return Plugged(
        kind,
        str(node),
        str(body),
        plain(maker or _text(entry / "device/name") or _uevent(entry / "device").get("HID_NAME", "")),
        vendor,
        product,
        plain(_text(body / "serial") or _text(entry / "device/uniq")),
        body.name if _is_usb(body) else "",
        tuple(links.get(node.name, ())),
    )


def _body(entry: Path) -> Path:
    """Return the USB device that a node of sysfs belongs to; without one, the HID device; without that, itself."""
    place = entry.resolve()
    above = [place, *place.parents]
    usb = next((directory for directory in above if _is_usb(directory)), None)
    hid = next((directory for directory in above if _HID_DEVICE.match(directory.name)), None)
    return usb or hid or place.parent


def _is_usb(directory: Path) -> bool:
    return (directory / "idVendor").exists()


def _ids(entry: Path, body: Path) -> tuple[int | None, int | None]:
    vendor, product = _text(body / "idVendor"), _text(body / "idProduct")
    if not vendor:
        vendor, product = _text(entry / "device/id/vendor"), _text(entry / "device/id/product")
    if not vendor and (hid := _HID_DEVICE.match(body.name)):
        vendor, product = hid[1], hid[2]
    try:
        return int(vendor, 16), int(product, 16)
    except ValueError:
        return None, None


def _types(mask: str) -> bool:
    """Tell whether a mask of keys has all that typing needs: words of the kernel's size, the highest first."""
    try:
        words = [int(word, 16) for word in mask.split()]
    except ValueError:
        return False
    keys = sum(word << place * _WORD_BITS for place, word in enumerate(reversed(words)))
    return all(keys >> key & 1 for key in TYPING)


def _links() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for link in itertools.chain.from_iterable(_entries(DEV / directory, "*") for directory in LINKS):
        found.setdefault(node_name(link), []).append(str(link))
    return found


def _entries(directory: Path, pattern: str) -> list[Path]:
    try:
        return sorted(directory.glob(pattern))
    except OSError:  # it went while it was looked at
        return []


def _uevent(directory: Path) -> dict[str, str]:
    return dict(line.split("=", 1) for line in _text(directory / "uevent").splitlines() if "=" in line)


def _text(file: Path) -> str:
    return _bytes(file).decode(errors="replace").strip()


def _bytes(file: Path) -> bytes:
    """Read a file of sysfs; one that is not there, or went with its device, is empty."""
    try:
        return file.read_bytes()
    except OSError:
        return b""


def _natural(name: str) -> list[object]:
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


def names(found: Iterable[Plugged]) -> str:
    """Name devices for a person who is to choose one of them."""
    return ", ".join(f"{one.stable_name} ({one.name or 'no name'})" for one in found)
