"""The pictures: well-formed, told in words too, and harmless whatever a name is."""

from datetime import UTC, datetime
from xml.etree import ElementTree

import pytest

from kiosk import languages
from kiosk.display.staff.figures import figures
from kiosk.display.staff.pictures import NOTHING, TITLES, draw, pictures
from kiosk.store.tallies import Tallies

NOW = datetime(2026, 6, 1, 22, 0, tzinfo=UTC)
MINUTE = int(NOW.timestamp()) // 60
SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = [
    "<script>alert(1)</script>",
    '"/><a href="http://x">',
    "\u202egnp",
    "x" * 10_000,
    "\0\x1b[31m",
    "&amp;",
    "]]>",
]
ALLOWED = {"svg", "title", "desc", "rect", "text", "path", "polyline"}


def numbers(names=("left",)):
    tallies = Tallies(0)
    tallies.admitted.update({MINUTE - n: n for n in range(60)})
    tallies.steps.update(tallies.admitted)
    for counter in (tallies.lanes, tallies.types, tallies.reasons):
        counter.update(dict.fromkeys(names, 7))
    return figures(tallies, 2_000, NOW)


@pytest.mark.parametrize("name", list(TITLES))
@pytest.mark.parametrize(
    "found", [numbers(), numbers(HOSTILE), figures(Tallies(0), 0, NOW), figures(Tallies(0), -3, NOW)]
)
def test_a_picture_is_well_formed_says_what_it_shows_and_holds_nothing_that_runs(name, found):
    text = draw(name, found)
    root = ElementTree.fromstring(text)
    elements = list(root.iter())
    assert {element.tag.removeprefix(SVG) for element in elements} <= ALLOWED
    assert not [
        key for element in elements for key in element.attrib if key in {"style", "href", "class"} or key[:2] == "on"
    ]
    assert (root.find(f"{SVG}title").text, bool(root.find(f"{SVG}desc").text)) == (TITLES[name], True)
    assert len(text) < 20_000
    assert "\u202e" not in text


def test_bars_are_told_in_words():
    root = ElementTree.fromstring(draw("lanes", numbers(["left", "right"])))
    assert root.find(f"{SVG}desc").text == "left: 7; right: 7"


def test_the_highest_column_is_as_high_as_it_should_be():
    found = numbers()
    found["perMinute"]["admitted"] = [0, 5, 10]
    root = ElementTree.fromstring(draw("admissions", found))
    assert "highest 10, last 10" in root.find(f"{SVG}desc").text
    columns = next(each.get("d") for each in root.iter(f"{SVG}path") if (each.get("d") or "").count("M") == 2)
    assert [part.partition("V")[2] for part in columns.split("M")[1:]] == ["155.0", "40.0"]


def test_it_is_drawn_in_a_language():
    german = languages.read("de")
    root = ElementTree.fromstring(draw("admissions", numbers(), german))
    assert (root.find(f"{SVG}title").text, "höchster Wert 59" in root.find(f"{SVG}desc").text) == (
        "Einlässe pro Minute",
        True,
    )
    empty = figures(Tallies(0), 0, NOW)
    assert all("Heute Abend noch nichts" in draw(name, empty, german) for name in ("inside", "declines"))


def test_an_empty_evening_says_so():
    assert NOTHING in draw("declines", figures(Tallies(0), 0, NOW))


def test_there_is_no_other_picture():
    with pytest.raises(KeyError):
        draw("x", numbers())
    assert pictures() == list(TITLES)
