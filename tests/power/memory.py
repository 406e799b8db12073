"""Files in memory that forget, when the power goes, what nobody has put on disk. Stricter than any disk at a door.

- A file's content is on disk after its own fsync, and not before; a name, old or new, after its directory's.
- What nobody has synced may be kept all the same, whole or in pieces, in any order: of each block the content of some
  moment since the last fsync, the size of some moment, names up to some moment or some names only.
- What was written before an fsync that failed never comes to the disk, though it can still be read (as Linux does it).

The chance that decides is an argument, so that a seed says which cut it was.
"""

from __future__ import annotations

import random
import stat
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

PIECES = (512, 4096)
"""Bytes that a card keeps or loses as one: a sector, a page."""


@dataclass(frozen=True)
class Change:
    """One write, or where `data` is None the file's new size."""

    at: int
    data: bytes | None = None

    def onto(self, content: bytearray) -> None:
        if self.data is None:
            del content[self.at :]
            content.extend(bytes(self.at - len(content)))
        else:
            content.extend(bytes(max(0, self.at - len(content))))
            content[self.at : self.at + len(self.data)] = self.data


@dataclass(eq=False)
class Node:
    """A file or a directory: as it is read, and as it is on disk."""

    mode: int
    content: bytearray = field(default_factory=bytearray)
    kept: bytearray = field(default_factory=bytearray)
    changes: list[Change] = field(default_factory=list)
    names: dict[str, Node] = field(default_factory=dict)
    kept_names: dict[str, Node] = field(default_factory=dict)
    changed_at: float = field(default_factory=time.time)

    @property
    def is_directory(self) -> bool:
        return stat.S_ISDIR(self.mode)

    def change(self, change: Change) -> None:
        change.onto(self.content)
        self.changes.append(change)
        self.changed_at = time.time()

    def sync(self, *, fails: bool = False) -> None:
        if not fails:
            for change in self.changes:
                change.onto(self.kept)
        self.changes.clear()

    def survive(self, chance: random.Random) -> None:
        """Become what the disk has of it."""
        fate = chance.choice(["nothing", "all", "pieces", "pieces"])
        if fate == "all":
            self.sync()
        elif fate == "pieces":
            self.kept = self._pieces(chance, chance.choice(PIECES))
        self.changes.clear()
        self.content = bytearray(self.kept)

    def _pieces(self, chance: random.Random, size: int) -> bytearray:
        """Each block is that of some moment, and so is the length."""
        moments: dict[int, int] = defaultdict(lambda: chance.choice([0, len(self.changes), self._moment(chance)]))
        lengths, content = [len(self.kept)], bytearray(self.kept)
        for number, change in enumerate(self.changes):
            if change.data is None:
                _cut_blocks(content, change.at, size, {b for b, moment in moments.items() if moment <= number})
                lengths.append(change.at)
                continue
            for block, piece in _blocks(change, size):
                if number < moments[block]:
                    piece.onto(content)
            lengths.append(max(lengths[-1], change.at + len(change.data)))
        Change(lengths[chance.choice([self._moment(chance), len(self.changes)])]).onto(content)
        return content

    def _moment(self, chance: random.Random) -> int:
        return chance.randint(0, len(self.changes))


def _blocks(change: Change, size: int) -> Iterator[tuple[int, Change]]:
    """Cut a write where blocks end."""
    assert change.data is not None
    at, end = change.at, change.at + len(change.data)
    while at < end:
        upto = min(end, (at // size + 1) * size)
        yield at // size, Change(at, change.data[at - change.at : upto - change.at])
        at = upto


def _cut_blocks(content: bytearray, length: int, size: int, old: set[int]) -> None:
    """Shorten a file but for the blocks that are still as they were before."""
    for start in range(length, len(content), size):
        end = min(len(content), (start // size + 1) * size)
        if start // size not in old:
            content[start:end] = bytes(end - start)


Place = tuple[Node, str]


class Disk:
    """A tree of files. What changes names changes them at one stroke: a rename is never half done."""

    def __init__(self) -> None:
        self.root = Node(stat.S_IFDIR | 0o755)
        self._renamed: list[dict[Place, Node | None]] = []

    def name(self, names: dict[Place, Node | None]) -> None:
        """Give names, or take them away (None), all at once."""
        for (directory, name), node in names.items():
            directory.changed_at = time.time()
            _name(directory.names, name, node)
        self._renamed.append(names)

    def sync_names(self, directory: Node) -> None:
        """Put a directory on disk, and what was done to the same names elsewhere before."""
        wanted: set[Place] = set()
        chosen = []
        for names in reversed(self._renamed):
            if not wanted.isdisjoint(names) or any(place is directory for place, _ in names):
                wanted.update(names)
                chosen.append(names)
        for names in reversed(chosen):
            self._keep(names)
        self._renamed = [names for names in self._renamed if not any(names is one for one in chosen)]

    @staticmethod
    def _keep(names: dict[Place, Node | None]) -> None:
        for (directory, name), node in names.items():
            _name(directory.kept_names, name, node)

    def sync(self) -> None:
        """Put everything on disk."""
        for names in self._renamed:
            self._keep(names)
        self._renamed.clear()
        for node in self._nodes(self.root):
            node.sync()

    def cut(self, chance: random.Random) -> None:
        """Lose the power: what is left is what was on disk, and what came there by itself."""
        upto = chance.choice([0, len(self._renamed), chance.randint(0, len(self._renamed))])
        lost: set[Place] = set()
        for number, names in enumerate(self._renamed):
            if number >= upto and (chance.random() < 0.7 or not lost.isdisjoint(names)):
                lost.update(names)  # what is done to a name rests on what was done to it before
            else:
                self._keep(names)
        self._renamed.clear()
        self._forget(self.root, chance)

    def _forget(self, node: Node, chance: random.Random) -> None:
        node.names = dict(node.kept_names)
        if not node.is_directory:
            node.survive(chance)
        for child in node.names.values():
            self._forget(child, chance)

    def _nodes(self, node: Node) -> Iterator[Node]:
        yield node
        for child in node.names.values():
            yield from self._nodes(child)


def _name(names: dict[str, Node], name: str, node: Node | None) -> None:
    if node is None:
        names.pop(name, None)
    else:
        names[name] = node
