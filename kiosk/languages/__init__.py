"""What the door says in other languages: one catalogue each, named by its tag (BCP 47), in the format of GNU gettext.

    de.po  ─▶ Language ─▶ the display's verdicts, and /words for its pages; the message of `kiosk scan`

English is in the code. A catalogue is read as it is: nothing has to be compiled, so nothing can be forgotten when the
package is built. `tests/README.md` says how to add one.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from gettext import c2py
from pathlib import Path
from string import Formatter

from kiosk.errors import ConfigError
from kiosk.words import ENGLISH, Language

log = logging.getLogger(__name__)

FOLDER = Path(__file__).parent
TABLED = 100
"""So many numbers, and once more as many, stand for all: rules of plurals look at two digits, and at small numbers."""


def names() -> list[str]:
    """Return the languages that there are."""
    return sorted({ENGLISH.name, *(file.stem for file in FOLDER.glob("*.po"))})


def read(name: str) -> Language:
    """Read a language's catalogue. Raises ConfigError.

    A text that is missing there, is marked fuzzy or has other placeholders than the English one stays English.
    """
    if name == ENGLISH.name:
        return ENGLISH
    import polib  # only where it is needed: the gate never comes here

    path = FOLDER / f"{name}.po"
    try:
        entries = polib.pofile(str(path), encoding="utf-8")
        form = c2py(entries.metadata.get("Plural-Forms", "").partition("plural=")[2].strip(" ;") or "n != 1")
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: this catalogue cannot be read: {error}") from error
    texts: dict[str, str | Sequence[str]] = {}
    for entry in entries.translated_entries():
        forms = [form for _, form in sorted(entry.msgstr_plural.items())] or [entry.msgstr]
        if fits((entry.msgid, entry.msgid_plural), forms):
            texts[entry.msgid] = forms if entry.msgid_plural else entry.msgstr
        else:
            log.warning("%s: %r stays English: its placeholders differ", path.name, entry.msgid)
    return Language(name, texts, form)


def fits(english: Sequence[str], forms: Sequence[str]) -> bool:
    """Tell whether a translation has the placeholders of its English text, each of its forms."""
    wanted = _placeholders(english[0]) | _placeholders(english[-1])
    return all(_placeholders(form) == wanted for form in forms)


def _placeholders(text: str) -> set[str]:
    """A text that cannot be formatted at all has one that no English text has."""
    try:
        return {name + (spec or "") for _, name, spec, _ in Formatter().parse(text) if name is not None}
    except ValueError:
        return {text}


def page(language: Language) -> dict[str, object]:
    """Return all of it as a page needs it: `forms` says for each number which form of a plural it takes."""
    forms = [language.form(count) for count in range(2 * TABLED)]
    return {"language": language.name, "texts": language.texts, "forms": forms, "tabled": TABLED}
