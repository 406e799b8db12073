"""HID report descriptors (HID 1.11, section 6.2.2): which fields a device's input reports have. Pure.

A descriptor is a little program that every HID device brings along. It comes from whatever somebody plugged in: one
that is torn or does not add up says nothing, and raises nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

MAX_DESCRIPTOR = 4096
"""HID_MAX_DESCRIPTOR_SIZE of linux/hid.h."""

MAX_REPORT = 16_384
"""HID_MAX_BUFFER_SIZE of linux/hid.h: no report has more bytes."""

# Items by their tag and type, without the two bits of their size (HID 1.11, sections 6.2.2.4 to 6.2.2.8).
INPUT, FEATURE, COLLECTION, END_COLLECTION = 0x80, 0xB0, 0xA0, 0xC0
USAGE_PAGE, LOGICAL_MINIMUM, LOGICAL_MAXIMUM = 0x04, 0x14, 0x24
REPORT_SIZE, REPORT_ID, REPORT_COUNT, PUSH, POP = 0x74, 0x84, 0x94, 0xA4, 0xB4
USAGE, USAGE_MINIMUM, USAGE_MAXIMUM, DELIMITER = 0x08, 0x18, 0x28, 0xA8
LONG_ITEM = 0xFE
TYPE, MAIN, GLOBAL, LOCAL = 0x0C, 0x00, 0x04, 0x08
CONSTANT, VARIABLE = 0x01, 0x02


@dataclass(frozen=True, slots=True)
class Field:
    """`count` values of `size` bits each, from bit `offset` of a report on, its id included.

    `lowest` and `highest` are what a value may be; they say nothing where `highest` is not the higher one.
    """

    offset: int
    size: int
    count: int = 1
    lowest: int = 0
    highest: int = 0

    @property
    def end(self) -> int:
        return self.offset + self.size * self.count

    def value(self, report: bytes) -> int:
        """Return the first value, which must lie within the report."""
        return int.from_bytes(report, "little") >> self.offset & ((1 << self.size) - 1)

    def content(self, report: bytes) -> bytes:
        """Return all values as bytes; they must lie within the report, and be of whole bytes."""
        bits = self.size * self.count
        return (int.from_bytes(report, "little") >> self.offset & ((1 << bits) - 1)).to_bytes(bits // 8, "little")


Usage = tuple[int, int]
"""A page and an id on it."""


@dataclass(frozen=True, slots=True)
class Described:
    """What a descriptor says. `fields` are those of each input report, by its id, 0 where reports have none."""

    fields: Mapping[int, Mapping[Usage, Field]]
    features: frozenset[int]
    found: bool
    """Whether there is a collection of the page that was asked for."""


def read(descriptor: bytes, page: int, usages: Collection[Usage]) -> Described | None:
    """Return where the top collections of a usage page have these usages; None when the descriptor is malformed."""
    reader = _Reader(page, usages)
    try:
        for item, data in _items(descriptor):
            reader.take(item, data)
        return reader.described()
    except _MalformedError:
        return None


class _MalformedError(Exception):
    pass


def _items(descriptor: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield each short item, its size taken off, and its data. Long ones are reserved, and skipped."""
    _must(len(descriptor) <= MAX_DESCRIPTOR)
    at = 0
    while at < len(descriptor):
        prefix = descriptor[at]
        _must(prefix != LONG_ITEM or at + 1 < len(descriptor))
        start, size = (at + 3, descriptor[at + 1]) if prefix == LONG_ITEM else (at + 1, (0, 1, 2, 4)[prefix & 3])
        at = start + size
        _must(at <= len(descriptor))
        if prefix != LONG_ITEM:
            yield prefix & 0xFC, descriptor[start:at]


def _must(what: bool) -> None:  # noqa: FBT001
    if not what:
        raise _MalformedError


class _Usages(NamedTuple):
    """Usages in a row of one page. `own` where the item named its page itself."""

    page: int
    first: int
    last: int
    own: bool


class _Reader:
    """Takes a descriptor item by item."""

    def __init__(self, page: int, usages: Collection[Usage]) -> None:
        self._page, self._wanted = page, usages
        self._globals: dict[int, bytes] = {}
        self._stack: list[dict[int, bytes]] = []
        self._usages: list[_Usages] = []
        self._minimum = 0
        self._delimited: int | None = None
        self._depth = 0
        self._inside = False
        self._is_there = False
        self._numbered = False
        self._ends: dict[int, int] = {}
        self._fields: dict[int, dict[Usage, Field]] = {}
        self._features: set[int] = set()

    def take(self, item: int, data: bytes) -> None:
        if item & TYPE == MAIN:
            self._take_main(item, data)
        elif item & TYPE == GLOBAL:
            self._take_global(item, data)
        elif item & TYPE == LOCAL:
            self._take_local(item, data)

    def described(self) -> Described:
        _must(self._depth == 0)
        fields = {id_: fields for id_, fields in self._fields.items() if id_ or not self._numbered}
        return Described(fields, frozenset(self._features), self._is_there)

    # --- main ---------------------------------------------------------------------------------------------------------

    def _take_main(self, item: int, data: bytes) -> None:
        self._settle_pages()
        if item == COLLECTION:
            self._open()
        elif item == END_COLLECTION:
            _must(self._depth > 0)
            self._depth -= 1
        elif item == INPUT:
            self._input(int.from_bytes(data, "little"))
        elif item == FEATURE:
            self._features.add(self._global(REPORT_ID))
        self._usages, self._minimum, self._delimited = [], 0, None

    def _settle_pages(self) -> None:
        """Give usages that stand behind all usage pages but the last the page they get by section 6.2.2.8."""
        page = self._global(USAGE_PAGE)
        for number, usages in reversed(list(enumerate(self._usages))):
            if usages.own:
                continue
            if usages.page == page:  # as Linux does: what was complete before the page changed stays as it is
                break
            self._usages[number] = usages._replace(page=page)

    def _open(self) -> None:
        if self._depth == 0:
            self._inside = bool(self._usages) and self._usages[0].page == self._page
            self._is_there |= self._inside
        self._depth += 1

    def _input(self, flags: int) -> None:
        report_id, size, count = (self._global(item) for item in (REPORT_ID, REPORT_SIZE, REPORT_COUNT))
        start = self._ends.get(report_id, 8 if report_id else 0)
        self._ends[report_id] = start + size * count
        _must(self._ends[report_id] <= MAX_REPORT * 8)
        # An array's values choose among its usages: only where there is no choice they are the data itself.
        plain = flags & VARIABLE or (len(self._usages) == 1 and self._usages[0].first == self._usages[0].last)
        if self._depth and self._inside and size and plain and not flags & CONSTANT:
            self._place(report_id, start, size, count)

    def _place(self, report_id: int, start: int, size: int, count: int) -> None:
        lowest, highest = self._bounds()
        fields = self._fields.setdefault(report_id, {})
        for usage in self._wanted:
            number, width = self._find(usage, count)
            if width > 0:
                fields.setdefault(usage, Field(start + number * size, size, width, lowest, highest))

    def _find(self, usage: Usage, count: int) -> tuple[int, int]:
        """Return which of `count` values has this usage, and how many: the last usage is that of all that follow."""
        page, id_ = usage
        number = 0
        for usages in self._usages:
            if usages.page == page and usages.first <= id_ <= usages.last:
                number += id_ - usages.first
                last = usages is self._usages[-1] and id_ == usages.last
                return number, count - number if last else min(1, count - number)
            number += usages.last - usages.first + 1
        return 0, 0

    # --- global and local ---------------------------------------------------------------------------------------------

    def _global(self, item: int) -> int:
        return int.from_bytes(self._globals.get(item, b""), "little")

    def _bounds(self) -> tuple[int, int]:
        """A maximum is signed only where the minimum is negative: many descriptors write 255 as one byte."""
        lowest = int.from_bytes(self._globals.get(LOGICAL_MINIMUM, b""), "little", signed=True)
        return lowest, int.from_bytes(self._globals.get(LOGICAL_MAXIMUM, b""), "little", signed=lowest < 0)

    def _take_global(self, item: int, data: bytes) -> None:
        if item == PUSH:
            self._stack.append(dict(self._globals))
        elif item == POP:
            _must(bool(self._stack))
            self._globals = self._stack.pop()
        else:
            self._globals[item] = data
        if item == REPORT_ID:
            self._numbered = True
            _must(0 < self._global(REPORT_ID) <= 255)

    def _take_local(self, item: int, data: bytes) -> None:
        value = int.from_bytes(data, "little")
        if item == DELIMITER:
            self._delimited = len(self._usages) if value else None
        elif item == USAGE:
            self._add(value, value, own=len(data) > 2)
        elif item == USAGE_MINIMUM:
            self._minimum = value
        elif item == USAGE_MAXIMUM:
            self._add(self._minimum, value, own=len(data) > 2)

    def _add(self, first: int, last: int, *, own: bool) -> None:
        page = last >> 16 if own else self._global(USAGE_PAGE)
        first, last = first & 0xFFFF, last & 0xFFFF
        alternative = self._delimited is not None and len(self._usages) > self._delimited
        if first <= last and not alternative:  # of alternatives the first is the preferred one
            self._usages.append(_Usages(page, first, last, own))
