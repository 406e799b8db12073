"""What a value in the configuration may be: each kind of it with its check, which says what would be right."""

from __future__ import annotations

import difflib
import ipaddress
from pathlib import Path
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, Field

from kiosk import languages
from kiosk.dialects import DIALECTS
from kiosk.layouts import LAYOUTS, nearest
from kiosk.variants import RULES


def _printable(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise ValueError("needs one to 64 printable characters")
    return text


def _named(path: Path) -> Path:
    if path == Path() or not str(path).isprintable():
        raise ValueError("needs a path of printable characters")
    return path


FilePath = Annotated[Path, Field(strict=False), AfterValidator(_named)]
Word = Annotated[str, Field(max_length=64), AfterValidator(_printable)]
Seconds = Annotated[float, Field(gt=0, le=86_400 * 7)]
Minutes = Annotated[float, Field(ge=0, le=60 * 24 * 7)]


def _checked_url(url: str) -> str:
    parts = urlsplit(url)
    if any(character.isspace() for character in url):
        raise ValueError("has a space in it: needs a whole address such as https://portier.vivenu.com/api")
    if parts.scheme not in {"http", "https"} or not _is_possible(parts.hostname) or not _has_possible_port(parts):
        raise ValueError("needs a whole address such as https://portier.vivenu.com/api")
    if parts.scheme == "http" and not _is_loopback(parts.hostname or ""):
        raise ValueError("http:// would send the credential in the clear: use https:// (http:// only to 127.0.0.1)")
    return url.rstrip("/")


def _is_possible(host: str | None) -> bool:
    """Whether the resolver may be asked for it: two dots in a row, say, it takes for a mistake of the program."""
    try:
        return bool((host or "").encode("idna"))
    except UnicodeError:
        return False


def _has_possible_port(parts: SplitResult) -> bool:
    try:
        return parts.port != 0
    except ValueError:
        return False


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


Url = Annotated[str, AfterValidator(_checked_url)]


def _known_layout(name: str) -> str:
    if name in LAYOUTS:
        return name
    near = nearest(name)
    guess = f"did you mean {near!r}? " if near else ""
    raise ValueError(f"no such layout; {guess}known here: {', '.join(LAYOUTS)}")


LayoutName = Annotated[str, AfterValidator(_known_layout)]


def _known_dialect(name: str) -> str:
    if name not in DIALECTS:
        raise ValueError(f"no such dialect; known here: {', '.join(DIALECTS)}; or give good_read and bad_read")
    return name


DialectName = Annotated[str, AfterValidator(_known_dialect)]


def _known_language(name: str) -> str:
    if name not in languages.names():
        raise ValueError(f"no such language; known here: {', '.join(languages.names())}")
    return name


LanguageName = Annotated[str, AfterValidator(_known_language)]


def _one_byte_each(text: str) -> str:
    if any(ord(character) > 0xFF for character in text):
        raise ValueError("needs one character a byte, up to \\u00ff")
    return text


Sent = Annotated[str, AfterValidator(_one_byte_each)]


def _known_rule(name: str) -> str:
    if name in RULES:
        return name
    near = difflib.get_close_matches(name, RULES, n=1)
    guess = f"did you mean {near[0]!r}? " if near else ""
    raise ValueError(f"no such rule; {guess}known here: {', '.join(RULES)}")


RuleName = Annotated[str, AfterValidator(_known_rule)]
