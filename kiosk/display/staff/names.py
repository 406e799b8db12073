"""Finding a guest by name among a million, on a small computer: the folded names in memory, and nothing on the card.

Folded is without case, marks and special letters: "ogunc" finds "Öğünç", "soren" finds "Søren". All names stand in one
run of bytes, line by line, which is searched at the speed of memory; what is found is looked up in the list again, so
that nothing is shown that has changed since. Measured against an index of trigrams in `tickets.db`: see README.md.
"""

from __future__ import annotations

import re
import sqlite3
import unicodedata
from array import array
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field

SHORTEST = 3
"""How many letters it takes: with fewer everybody would be found."""

LONGEST_NAME, MOST_BYTES = 80, 64 << 20
"""So much of a name is searched, and so much memory is spent on all of them: two million of usual length."""

MOST_WORDS, MOST_TEXT = 6, 100
MOST_LOOKED_AT = 20_000
"""How many lines with the rarest word are looked at for the others."""

_BETWEEN = re.compile(r"[\W_]+")


class _Letters(dict[int, str | int | None]):
    """What a character is compared as; looked up in Unicode's tables the first time it comes."""

    def __missing__(self, code: int) -> int | None:
        letter = chr(code)
        kept = unicodedata.category(letter)[0] not in "MC" or letter.isspace()
        self[code] = code if kept else None
        return code if kept else None


_LETTERS = _Letters(
    str.maketrans(
        {"ø": "o", "ł": "l", "ı": "i", "æ": "ae", "œ": "oe", "đ": "d", "ð": "d", "þ": "th", "ħ": "h", "ŋ": "n"}
    )
    | dict.fromkeys(map(ord, "'’ʼ`´"))
)


def fold(text: str) -> str:
    """Return letters and digits only, words parted by one space, as they are compared."""
    spread = text[:MOST_TEXT].lower() if text.isascii() else unicodedata.normalize("NFKD", text[:MOST_TEXT]).casefold()
    return _BETWEEN.sub(" ", spread.translate(_LETTERS)).strip()[:LONGEST_NAME]


def words_of(text: str) -> list[str]:
    """Return what to look for; nothing when it is too short. A character that is a word of its own counts twice."""
    words = fold(text).split()[:MOST_WORDS]
    weight = sum(2 if letter >= "\u2e80" else 1 for word in words for letter in word)
    return words if weight >= SHORTEST else []


def rank(folded: str, words: Sequence[str]) -> tuple[int, str] | None:
    """Return where a name belongs: those in which the words begin a word come first, then as in a dictionary.

    None for a name that does not have all of them.
    """
    if not all(word in folded for word in words):
        return None
    return sum(f" {word}" not in f" {folded}" for word in words), folded


@dataclass(slots=True)
class Roll:
    """The folded names of one table, with the numbers of their rows, in order."""

    table: str
    _text: bytearray = field(default_factory=lambda: bytearray(b"\n"))
    _starts: array[int] = field(default_factory=lambda: array("I"))
    _numbers: array[int] = field(default_factory=lambda: array("q"))
    upto: int = 0

    @property
    def size(self) -> int:
        """How many bytes it takes."""
        return len(self._text) + self._starts.itemsize * len(self._starts) + 8 * len(self._numbers)

    def read(self, database: sqlite3.Connection, most: int) -> bool:
        """Take in up to so many rows that came behind the last one; return whether there may be more."""
        query = f"SELECT n, name FROM {self.table} WHERE n > ? ORDER BY n LIMIT ?"  # noqa: S608
        rows = database.execute(query, (self.upto, most)).fetchall()
        for number, name in rows:
            self.upto = number
            if name and len(self._text) < MOST_BYTES and (folded := fold(name)):
                self._starts.append(len(self._text))
                self._numbers.append(number)
                self._text += folded.encode() + b"\n"
        return len(rows) == most

    def find(self, words: Sequence[str], most: int) -> list[int]:
        """Return the numbers of rows whose names have all of these words, the first ones of them."""
        rarest, *others = [word.encode() for word in words]
        if others:
            rarest, *others = sorted((rarest, *others), key=self._text.count)
        found: list[int] = []
        at, looked_at = self._text.find(rarest), 0
        while at >= 0 and len(found) < most and looked_at < MOST_LOOKED_AT:
            end = self._text.find(b"\n", at)
            line = bisect_right(self._starts, at) - 1
            name = self._text[self._starts[line] : end]
            if all(word in name for word in others):
                found.append(self._numbers[line])
            at, looked_at = self._text.find(rarest, end), looked_at + 1
        return found
