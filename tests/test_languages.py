"""The catalogues: complete, true to their English texts, and one more of them is one more file."""

import importlib.util
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk import languages, words
from kiosk.config import parse
from kiosk.errors import ConfigError
from kiosk.model import Reason
from kiosk.words import Plural

TRANSLATED = [name for name in languages.names() if name != "en"]
HEADER = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=UTF-8\\n"\n"Plural-Forms: {}\\n"\n\n'
ONE_FORM = HEADER.format("nplurals=1; plural=0;")
POLISH = (
    "nplurals=3; plural=(n==1 ? 0 : n%10>=2 && n%10<=4 && (n%100<12 || n%100>14) ? 1 : 2);"
)  # fmt: skip


def _script():
    spec = importlib.util.spec_from_file_location("texts", Path(__file__).with_name("texts.py"))
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


texts = _script()


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Iterator[Path]:
    """A place of one's own for catalogues."""
    monkeypatch.setattr(languages, "FOLDER", tmp_path)
    return tmp_path


def write(folder, name, body, header=ONE_FORM):
    (folder / f"{name}.po").write_text(header + body, encoding="utf-8")


def entry(one, *forms):
    if len(forms) == 1:
        return f'msgid "{one}"\nmsgstr "{forms[0]}"\n\n'
    said = "".join(f'msgstr[{number}] "{form}"\n' for number, form in enumerate(forms))
    return f'msgid "{one}"\nmsgid_plural "{one}s"\n{said}\n'


def test_there_are_these_languages():
    assert languages.names() == ["de", "en", "es", "fr", "it", "nl"]


@pytest.mark.parametrize("name", TRANSLATED)
def test_a_language_has_every_text_that_is_said(name, caplog):
    found = languages.read(name)
    wanted = {text.one if isinstance(text, Plural) else text for text in texts.texts()}
    assert sorted(wanted - set(found.texts)) == []
    assert caplog.messages == []
    assert found.name == name


@pytest.mark.parametrize("name", TRANSLATED)
def test_a_language_has_as_many_forms_of_a_plural_as_its_rule_gives(name):
    found = languages.read(name)
    wanted = {found.form(count) for count in range(1000)}
    plurals = [forms for forms in found.texts.values() if not isinstance(forms, str)]
    assert plurals
    assert all(set(range(len(forms))) == wanted for forms in plurals)


@pytest.mark.parametrize("name", TRANSLATED)
def test_a_catalogue_has_the_placeholders_of_the_english_texts_and_nothing_twice(name):
    entries = texts.catalogue(name)
    said = [(each.msgid, each.msgid_plural, list(each.msgstr_plural.values()) or [each.msgstr]) for each in entries]
    assert [one for one, many, forms in said if not languages.fits((one, many or one), forms)] == []
    assert [one for one, _, forms in said if not all(form.strip() == form != "" for form in forms)] == []
    assert len({one for one, _, _ in said}) == len(said)
    assert [each.msgid for each in entries if each.fuzzy or each.obsolete] == []
    assert entries.metadata["Language"] == name


@pytest.mark.parametrize("name", TRANSLATED)
def test_every_reason_is_said_in_words_of_its_own(name):
    found = languages.read(name)
    said = {found.say(words.SENTENCES[reason], {"count": "2"}) for reason in Reason}
    assert len(said) == len(Reason)
    assert not said & {words.ENGLISH.say(text, {"count": "2"}) for text in words.SENTENCES.values()}


@pytest.mark.parametrize("name", TRANSLATED)
def test_the_large_words_stay_large(name):
    """Two lines of at most twelve letters: more would not be read from three metres."""
    for headline in words.Headline:
        lines = languages.read(name).say(headline.value).split(" ")
        assert len(lines) <= 2
        assert max(map(len, lines)) <= 12


@pytest.mark.parametrize("name", TRANSLATED)
def test_a_sentence_can_be_read_in_a_second(name):
    found = languages.read(name)
    long = {"clock_not_set"}
    said = {reason: found.say(text) for reason, text in words.SENTENCES.items() if reason not in long}
    assert {reason: text for reason, text in said.items() if len(text) > 75} == {}


def test_a_file_that_is_dropped_in_is_a_language(folder):
    write(folder, "pl", entry("Welcome", "Witamy"))
    assert languages.names() == ["en", "pl"]
    assert languages.read("pl").say("Welcome") == "Witamy"
    assert parse('[display]\nlanguage = "pl"', "kiosk.toml").display.language == "pl"


def test_what_a_language_lacks_stays_english(folder):
    write(folder, "pl", entry("Welcome", "") + entry("Goodbye", "Do widzenia"))
    found = languages.read("pl")
    assert (found.say("Welcome"), found.say("Goodbye")) == ("Welcome", "Do widzenia")
    assert found.say(Plural("{count} day", "{count} days"), {"count": "2"}) == "2 days"


def test_what_nobody_has_looked_at_again_stays_english(folder):
    write(folder, "pl", "#, fuzzy\n" + entry("Welcome", "Do widzenia"))
    assert languages.read("pl").say("Welcome") == "Welcome"


@pytest.mark.parametrize("wrong", ["{then}", "od", "{at} {at.x}", "{at!r:>9}", "{at", "{0}", "{}"])
def test_what_has_other_placeholders_than_the_english_text_stays_english_and_is_named(folder, wrong, caplog):
    write(folder, "pl", entry("Too early: from {at}", wrong))
    with caplog.at_level(logging.WARNING):
        found = languages.read("pl")
    assert found.say("Too early: from {at}", {"at": "19:00"}) == "Too early: from 19:00"
    assert caplog.messages == ["pl.po: 'Too early: from {at}' stays English: its placeholders differ"]


def test_plurals_follow_the_rule_in_the_file(folder):
    forms = ("{count} dzień", "{count} dni", "{count} dni.")
    write(folder, "pl", entry("{count} day", *forms), HEADER.format(POLISH))
    found = languages.read("pl")
    day = Plural("{count} day", "{count} days")
    assert [found.say(day, {"count": n}) for n in ("1", "3", "5", "112", "122")] == [
        "1 dzień", "3 dni", "5 dni.", "112 dni.", "122 dni",
    ]  # fmt: skip


def test_a_page_gets_all_of_it_with_the_form_of_each_number(folder):
    write(folder, "pl", entry("Welcome", "Witamy"), HEADER.format(POLISH))
    page = languages.page(languages.read("pl"))
    assert (page["language"], page["texts"]) == ("pl", {"Welcome": "Witamy"})
    assert [page["forms"][n] for n in (0, 1, 2, 5, 12, 22, 101, 102, 112, 122)] == [2, 0, 1, 2, 2, 1, 2, 1, 2, 1]
    assert len(page["forms"]) == 2 * page["tabled"]


@pytest.mark.parametrize(
    "content",
    ["this is no catalogue\n", HEADER.format("nplurals=2; plural=n ?;"), HEADER.format("plural=__import__;"), "\xff"],
)
def test_a_catalogue_that_cannot_be_read_is_named(folder, content):
    (folder / "pl.po").write_bytes(content.encode("latin-1"))
    with pytest.raises(ConfigError, match=r"pl\.po: this catalogue cannot be read: "):
        languages.read("pl")


def test_english_needs_no_file(folder):
    assert languages.read("en") is words.ENGLISH


def test_the_script_writes_what_a_catalogue_lacks_and_leaves_what_it_has(folder):
    write(folder, "pl", entry("Welcome", "Witamy") + entry("Of another branch", "Tak"))
    number = len(texts.texts())
    assert texts.complete("pl") == number - 1
    assert languages.read("pl").texts == {"Welcome": "Witamy", "Of another branch": "Tak"}
    assert len(texts.catalogue("pl")) == number + 1
    assert texts.complete("pl") == number - 1


def test_the_script_makes_a_new_catalogue(folder):
    assert texts.complete("pl") == len(texts.texts())
    assert languages.names() == ["en", "pl"]


def test_the_script_finds_what_a_page_says(tmp_path):
    page = tmp_path / "kiosk" / "staff"
    page.mkdir(parents=True)
    (page / "x.js").write_text('say("One {a}", { a }); say(\n  ["{count} b", "{count} bs"], { count });\nsay("C “d”");')
    (page / "x.html").write_text('<title>T</title><p data-say>Text</p><b aria-label="Label"></b><p>not said</p>')
    assert [text for _, text in texts.in_pages(tmp_path / "kiosk")] == [
        "One {a}", Plural("{count} b", "{count} bs"), "C “d”", "T", "Text", "Label",
    ]  # fmt: skip
