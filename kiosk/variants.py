"""What a code may be apart from what the scanner sent: named rules, each a small pure function.

A list knows a ticket by its bare code; scanners, wallets and shops put something before it, or write it otherwise. A
code is looked up as it came first. Only where nobody has it are these tried, fewest changes first, and a rule counts
only where it finds a ticket.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from kiosk.model import is_barcode

Rule = Callable[[str], str | None]
"""What a code becomes, None where the rule does not apply."""

_AIM = r"\][A-Za-z][0-9A-Za-z]"
_ECI = r"\\[0-9]{6}"
_HEAD = re.compile(f"\ufeff*(?:{_AIM})?(?:{_ECI}|\ufeff)*")
_DESIGNATORS = re.compile(f"(?:{_ECI})+")
_IDENTIFIER = re.compile(_AIM)

DOUBLING = re.compile(r"\](Q[246]|d[456]|L1|z[3459AB]|U[23]|h1)")
"""Symbology identifiers that promise the ECI protocol: each backslash of the code is sent twice (ISO/IEC 15424)."""


def _bom(code: str) -> str | None:
    """Take the byte order mark off, also behind what the scanner put before it."""
    head = _HEAD.match(code) if "\ufeff" in code else None
    if head is None or "\ufeff" not in head[0]:
        return None
    return head[0].replace("\ufeff", "") + code[head.end() :]


def _aim(code: str) -> str | None:
    """Take the symbology identifier off, and what it promises of backslashes."""
    if not _IDENTIFIER.match(code):
        return None
    content = code[3:]
    return content.replace("\\\\", "\\") if DOUBLING.match(code) else content


def _eci(code: str) -> str | None:
    r"""Take the designators of the character set off, as in `\000026` for UTF-8 (AIM ITS/04-001)."""
    found = _DESIGNATORS.match(code)
    return code[found.end() :] if found else None


def _url(code: str) -> str | None:
    """Return the last part of a web address's path or, where it has no path, its only parameter."""
    if code[:4].lower() != "http":
        return None
    try:
        parts = urlsplit(code)
        if parts.scheme not in {"http", "https"} or not parts.netloc:
            return None
        _, _, last = parts.path.rstrip("/").rpartition("/")
        return unquote(last or _only_value(parts.query), errors="strict")
    except ValueError:  # no address after all, or not text
        return None


def _only_value(query: str) -> str:
    return "" if "&" in query else query.partition("=")[2]


def _ean(code: str) -> str | None:
    """Put the zero before a UPC-A that makes it an EAN-13, or take it off: they are one code (GS1)."""
    if not (code.isascii() and code.isdigit() and len(code) in {12, 13} and _has_check_digit(code)):
        return None
    if len(code) == 12:
        return f"0{code}"
    return code[1:] if code[0] == "0" else None


def _has_check_digit(code: str) -> bool:
    return sum(int(digit) * (3 if n % 2 else 1) for n, digit in enumerate(reversed(code))) % 10 == 0


def _upper(code: str) -> str | None:
    raised = code.upper()
    return raised if len(raised) == len(code) else None  # "ß" would become two letters


RULES: Mapping[str, Rule] = {
    "bom": _bom, "aim": _aim, "eci": _eci, "url": _url, "ean": _ean, "upper": _upper,
}  # fmt: skip
"""All rules, in the order in which they are applied: from the outside of a code to its letters."""

WRAPPINGS = frozenset({"bom", "aim", "eci", "url"})
"""What takes something off that is no part of any ticket's code; the others only guess how the code is written."""


class Variant(NamedTuple):
    """A code, and the rules that made it."""

    code: str
    rules: tuple[str, ...] = ()


def variants(code: str, names: Collection[str] = tuple(RULES)) -> tuple[Variant, ...]:
    """Return what these rules make of a code, each taken or left: the code itself first, then by number of changes.

    They are few: what one rule takes off must be there before the next one finds anything.
    """
    found: dict[str, tuple[str, ...]] = {code: ()}
    for name, rule in RULES.items():
        for text, taken in tuple(found.items()) if name in names else ():
            made = rule(text)
            if made and (made not in found or len(found[made]) > len(taken) + 1):
                found[made] = (*taken, name)
    ordered = sorted(found.items(), key=lambda entry: len(entry[1]))
    return tuple(Variant(*entry) for entry in ordered)


def barest(code: str, names: Collection[str] = tuple(RULES)) -> str:
    """Return what is left of a code that a ticket of the cloud's may have; the code itself where nothing else may."""
    made = variants(code, WRAPPINGS.intersection(names))
    return next((variant.code for variant in reversed(made) if is_barcode(variant.code)), code)
