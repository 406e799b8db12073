"""Every text that the door says: finds them in the code, and writes those that a catalogue lacks into it.

    python tests/texts.py        # into each of kiosk/languages/*.po
    python tests/texts.py pl     # and into a new one, kiosk/languages/pl.po

A text of Python is one of the constants of kiosk/words.py, or one that staff are told (TOLD); one of a page is a
say("…") or say(["…", "…"], …) in its script, and what carries data-say, an aria-label or is the title in its HTML.
Nothing is removed: another branch may need it.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from enum import EnumType
from pathlib import Path

import polib

from kiosk import blame, desk, dials, languages, standing, words, workbench, wristwatch
from kiosk.display.staff import figures, labels, pictures, sayings
from kiosk.sync import errands
from kiosk.words import Plural, Text

TOLD: Mapping[str, Sequence[object]] = {
    "kiosk/desk.py": [desk.REFUSALS],
    "kiosk/dials.py": [dials.REFUSALS],
    "kiosk/wristwatch.py": [wristwatch.REFUSALS],
    "kiosk/standing.py": [standing.REFUSALS],
    "kiosk/workbench.py": [
        workbench.REFUSALS,
        workbench.CANCELLED,
        workbench.NOTHING_CAME,
        workbench.LOST,
        workbench.FAILED,
    ],
    "kiosk/blame.py": [value for name, value in vars(blame).items() if name.isupper() and isinstance(value, str)],
    "kiosk/sync/errands.py": [errands.REFUSALS],
    "kiosk/display/staff/sayings.py": [sayings.SAYINGS],
    "kiosk/display/staff/pictures.py": [pictures.TITLES, pictures.NOTHING, pictures.COURSE],
    "kiosk/display/staff/figures.py": [figures.OTHERS],
    "kiosk/display/staff/labels.py": [table for name, table in vars(labels).items() if name.isupper()],
}
"""What the staff page is told by the programs behind it, each in its own file."""

PACKAGE = Path(languages.__file__).parents[1]
STRING = r'"(?:[^"\\]|\\.)*"'
SAID = re.compile(rf"\bsay\(\s*(?:({STRING})|\[\s*({STRING}),\s*({STRING}),?\s*\])")
MARKED = re.compile(r'\bdata-say>([^<]+)<|\baria-label="([^"]+)"|<title>([^<]+)</title>')
NEW = {
    "Language": "",
    "MIME-Version": "1.0",
    "Content-Type": "text/plain; charset=UTF-8",
    "Content-Transfer-Encoding": "8bit",
    "Plural-Forms": "nplurals=2; plural=(n != 1);",
}


def texts() -> dict[Text, str]:
    """Return all of them, each with the file that says it first."""
    found: dict[Text, str] = {}
    for place, text in (*in_python(), *in_pages(PACKAGE)):
        found.setdefault(text, place)
    return found


def in_python() -> Iterator[tuple[str, Text]]:
    for name, value in vars(words).items():
        if name.isupper() or isinstance(value, EnumType):
            yield from (("kiosk/words.py", text) for text in _within(value))
    for place, told in TOLD.items():
        yield from ((place, text) for value in told for text in _within(value))


def _within(value: object) -> Iterator[Text]:
    if isinstance(value, str | Plural):
        yield value
    elif isinstance(value, EnumType):
        yield from (member.value for member in value if value.__module__ == words.__name__)
    elif isinstance(value, Mapping | list):
        for each in value.values() if isinstance(value, Mapping) else value:
            yield from _within(each)


def in_pages(package: Path) -> Iterator[tuple[str, Text]]:
    for path in sorted(package.rglob("*.js")) + sorted(package.rglob("*.html")):
        place, content = str(path.relative_to(package.parent)), path.read_text(encoding="utf-8")
        if path.suffix == ".html":
            yield from ((place, next(filter(None, match.groups()))) for match in MARKED.finditer(content))
            continue
        for match in SAID.finditer(content):
            one, first, second = (json.loads(part) if part else "" for part in match.groups())
            yield place, one or Plural(first, second)


def catalogue(name: str) -> polib.POFile:
    path = languages.FOLDER / f"{name}.po"
    if path.exists():
        return polib.pofile(str(path), encoding="utf-8", wrapwidth=0)
    made = polib.POFile(encoding="utf-8", wrapwidth=0)
    made.header = "What the door says. Writes what is missing: python tests/texts.py"
    made.metadata = NEW | {"Language": name}
    return made


def complete(name: str) -> int:
    """Write what a catalogue lacks into it, untranslated; return how many of its texts are to be translated."""
    found = catalogue(name)
    known = {(entry.msgid, entry.msgid_plural) for entry in found}
    for text, place in texts().items():
        one, many = text if isinstance(text, Plural) else (text, "")
        if (one, many) not in known:
            forms = {0: "", 1: ""} if many else {}
            found.append(polib.POEntry(msgid=one, msgid_plural=many, msgstr_plural=forms, occurrences=[(place, "")]))
    found.save(str(languages.FOLDER / f"{name}.po"))
    return len(found.untranslated_entries())


if __name__ == "__main__":
    for language in [name for name in {*languages.names(), *sys.argv[1:]} if name != words.ENGLISH.name]:
        print(f"kiosk/languages/{language}.po: {complete(language)} to translate")
