"""What the kernel asks of a file system (fuse(4), linux/fuse.h 7.31), answered from `memory.py`."""

from __future__ import annotations

import errno
import os
import stat
import struct
from collections.abc import Callable

from tests.power.memory import Change, Disk, Node

MOST = 128 << 10
"""Bytes of one write."""

BLOCKS = 1 << 16
"""Of 4,096 bytes: the size of the file system."""

FOR_EVER = 1 << 20
"""Seconds that the kernel may believe what it was told: nobody else changes anything here."""

NO_OPEN, NO_OPENDIR = 1 << 17, 1 << 24
"""FUSE_NO_OPEN_SUPPORT, FUSE_NO_OPENDIR_SUPPORT: files are known by their node, and stay in the page cache."""

ATTRIBUTES = struct.Struct("<QQQQQQIIIIIIIIII")
MODE, SIZE, TIME = 1, 8, 32
FSYNC = 20


class Requests:
    """One mount of a disk: what its kernel calls which node. Each raises OSError for the errors there are."""

    def __init__(self, disk: Disk) -> None:
        self.disk = disk
        self._nodes: dict[int, Node] = {1: disk.root}
        self._numbers: dict[int, int] = {id(disk.root): 1}

    def init(self, _: int, body: bytes) -> bytes:
        major, _minor, ahead, _flags = struct.unpack_from("<IIII", body)
        return struct.pack("<IIIIHHIIHH32x", major, 31, ahead, NO_OPEN | NO_OPENDIR, 16, 12, MOST, 1, 0, 0)

    def lookup(self, node: int, body: bytes) -> bytes:
        found = self._nodes[node].names.get(_text(body))
        if found is None:
            raise FileNotFoundError(errno.ENOENT, "")
        return self._entry(found)

    def getattr(self, node: int, _: bytes) -> bytes:
        return struct.pack("<QII", FOR_EVER, 0, 0) + self._attributes(self._nodes[node])

    def setattr(self, node: int, body: bytes) -> bytes:
        valid, _, _, size, _, _, changed_at = struct.unpack_from("<IIQQQQQ", body)
        found = self._nodes[node]
        if valid & SIZE:
            found.change(Change(size))
        if valid & MODE:
            (mode,) = struct.unpack_from("<I", body, 68)
            found.mode = stat.S_IFMT(found.mode) | stat.S_IMODE(mode)
        if valid & TIME:
            found.changed_at = float(changed_at)
        return self.getattr(node, b"")

    def mknod(self, node: int, body: bytes) -> bytes:
        mode, _, umask, _ = struct.unpack_from("<IIII", body)
        return self._make(node, _text(body[16:]), mode & ~umask)

    def mkdir(self, node: int, body: bytes) -> bytes:
        mode, umask = struct.unpack_from("<II", body)
        return self._make(node, _text(body[8:]), stat.S_IFDIR | mode & ~umask)

    def _make(self, node: int, name: str, mode: int) -> bytes:
        made = Node(mode)
        self.disk.name({(self._nodes[node], name): made})
        return self._entry(made)

    def remove(self, node: int, body: bytes) -> bytes:
        directory, name = self._nodes[node], _text(body)
        if directory.names[name].names:
            raise OSError(errno.ENOTEMPTY, "")
        self.disk.name({(directory, name): None})
        return b""

    def rename(self, node: int, body: bytes) -> bytes:
        return self._rename(node, struct.unpack_from("<Q", body)[0], body[8:])

    def rename2(self, node: int, body: bytes) -> bytes:
        to, flags = struct.unpack_from("<QI", body)
        if flags:
            raise OSError(errno.EINVAL, "")
        return self._rename(node, to, body[16:])

    def _rename(self, node: int, to: int, names: bytes) -> bytes:
        old, new = (name.decode() for name in names.split(b"\0")[:2])
        source, target = self._nodes[node], self._nodes[to]
        self.disk.name({(source, old): None, (target, new): source.names[old]})
        return b""

    def read(self, node: int, body: bytes) -> bytes:
        _, offset, size = struct.unpack_from("<QQI", body)
        return bytes(self._nodes[node].content[offset : offset + size])

    def write(self, node: int, body: bytes) -> bytes:
        _, offset, size = struct.unpack_from("<QQI", body)
        self._nodes[node].change(Change(offset, body[40 : 40 + size]))
        return struct.pack("<II", size, 0)

    def fallocate(self, node: int, body: bytes) -> bytes:
        _, offset, length, mode = struct.unpack_from("<QQQI", body)
        found = self._nodes[node]
        if mode:
            raise OSError(errno.EOPNOTSUPP, "")
        found.change(Change(max(len(found.content), offset + length)))
        return b""

    def fsync(self, node: int, _: bytes) -> bytes:
        self._nodes[node].sync()
        return b""

    def fsyncdir(self, node: int, _: bytes) -> bytes:
        self.disk.sync_names(self._nodes[node])
        return b""

    def readdir(self, node: int, body: bytes) -> bytes:
        _, offset, most = struct.unpack_from("<QQI", body)
        listed = b""
        for number, (name, found) in enumerate(list(self._nodes[node].names.items())[offset:], start=offset + 1):
            raw = name.encode()
            entry = struct.pack("<QQII", self._number(found), number, len(raw), found.mode >> 12) + raw
            entry += bytes(-len(entry) % 8)
            if len(listed) + len(entry) > most:
                break
            listed += entry
        return listed

    def statfs(self, _: int, __: bytes) -> bytes:
        return struct.pack("<QQQQQIIII24x", BLOCKS, BLOCKS, BLOCKS, BLOCKS, BLOCKS, 4096, 255, 4096, 0)

    def fail(self, operation: int, node: int) -> None:
        """Fail, and lose what was to be synced, as Linux does. Raises OSError."""
        if operation == FSYNC:
            self._nodes[node].sync(fails=True)
        raise OSError(errno.EIO, "the disk dies")

    # --- answers -----------------------------------------------------------------------------------------------------

    def _number(self, node: Node) -> int:
        number = self._numbers.setdefault(id(node), len(self._numbers) + 1)
        self._nodes[number] = node
        return number

    def _entry(self, node: Node) -> bytes:
        return struct.pack("<QQQQII", self._number(node), 0, FOR_EVER, FOR_EVER, 0, 0) + self._attributes(node)

    def _attributes(self, node: Node) -> bytes:
        size, at = len(node.content), int(node.changed_at)
        part = int(node.changed_at % 1 * 1e9)
        return ATTRIBUTES.pack(
            self._number(node), size, -(-size // 512), at, at, at, part, part, part, node.mode, 1, os.getuid(),
            os.getgid(), 0, 4096, 0,
        )  # fmt: skip


def _text(raw: bytes) -> str:
    return raw.split(b"\0", 1)[0].decode()


Operation = Callable[[Requests, int, bytes], bytes]

OPERATIONS: dict[int, tuple[Operation, bool]] = {
    1: (Requests.lookup, False), 3: (Requests.getattr, False), 4: (Requests.setattr, True), 8: (Requests.mknod, True),
    9: (Requests.mkdir, True), 10: (Requests.remove, True), 11: (Requests.remove, True), 12: (Requests.rename, True),
    15: (Requests.read, False), 16: (Requests.write, True), 17: (Requests.statfs, False), FSYNC: (Requests.fsync, True),
    26: (Requests.init, False), 28: (Requests.readdir, False), 30: (Requests.fsyncdir, True),
    43: (Requests.fallocate, True), 45: (Requests.rename2, True),
}  # fmt: skip
"""By number, and whether it changes or syncs anything."""
