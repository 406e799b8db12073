"""The sheet to practise with: taken apart again, and read back."""

import re
import xml.etree.ElementTree as ET
from datetime import UTC, datetime

import pytest
import segno

from kiosk import code128, languages, practice
from kiosk.cli import drill_sheet
from kiosk.cli.drill_sheet import BAR, BAR_HEIGHT, HEIGHT, MARGIN, MODULE, POINT, WIDTH

NOW = datetime(2026, 6, 1, 19, 30, tzinfo=UTC)
PAGE = drill_sheet.draw(languages.read("en"), NOW)


def dark(page, height, unit):
    """Where the modules of this height are dark, in modules from the left edge and millimetres from above."""
    return {
        (round(x / unit, 3) + place, round(y, 3))
        for x, y, width, tall in page.rectangles
        if tall == height
        for place in range(round(width / unit))
    }


@pytest.mark.parametrize("card", practice.CARDS, ids=[card.name for card in practice.CARDS])
def test_each_card_is_there_as_qr_code_and_as_code_128(card):
    squares, bars = dark(PAGE, MODULE, MODULE), dark(PAGE, BAR_HEIGHT, BAR)
    (x, y) = next((x, y) for x, y, _, _, text in PAGE.texts if text == card.code)
    matrix = [[bool(module) for module in row] for row in segno.make(card.code, micro=False).matrix]
    left, top = x - 2 - (len(matrix) + 8) * MODULE, y + 2 - (len(matrix) + 8) * MODULE
    wanted = {
        (round(left / MODULE, 3) + column + 4, round(top + (row + 4) * MODULE, 3))
        for row, modules in enumerate(matrix)
        for column, module in enumerate(modules)
        if module
    }
    near = {(round(column), round(row * 100)) for column, row in squares}
    assert {(round(column), round(row * 100)) for column, row in wanted} <= near
    begin = left / BAR + code128.QUIET
    wide = {round(begin + place) for place, module in enumerate(code128.modules(card.code)) if module}
    assert wide <= {round(column) for column, row in bars if abs(row - (y + 2 + drill_sheet.GAP)) < 0.01}


def test_everything_lies_on_the_page():
    assert all(
        x >= MARGIN and x + wide <= WIDTH - MARGIN / 2 and y + tall < HEIGHT for x, y, wide, tall in PAGE.rectangles
    )
    assert all(y < HEIGHT for _, y, *_ in PAGE.texts)


def test_a_sheet_says_what_each_card_plays_in_the_language_of_the_door():
    said = " ".join(text for *_, text in drill_sheet.draw(languages.read("de"), NOW).texts)
    assert "STOP" in said
    assert "Willkommen" in said


def test_a_pdf_is_written_that_holds_the_same(kiosk, tmp_path):
    kiosk.call("drill-sheet", str(tmp_path / "sheet.pdf"))
    written = (tmp_path / "sheet.pdf").read_bytes()
    assert written.startswith(b"%PDF-")
    assert written.rstrip().endswith(b"%%EOF")
    content = b"".join(found for found in re.findall(rb"stream\n(.*?)\nendstream", written, re.DOTALL))
    assert len(re.findall(rb" re$", content, re.MULTILINE)) == len(PAGE.rectangles)
    assert b"(PRACTICE-WELCOME) Tj" in content
    (box,) = re.findall(rb"/MediaBox \[([\d. ]+)\]", written)
    assert [round(float(side) / POINT) for side in box.split()] == [0, 0, WIDTH, HEIGHT]


def test_an_svg_is_written_that_is_one(kiosk, tmp_path):
    kiosk.call("drill-sheet", str(tmp_path / "sheet.svg"))
    root = ET.fromstring((tmp_path / "sheet.svg").read_text(encoding="utf-8"))
    assert [root.get("width"), root.get("height")] == ["210mm", "297mm"]
    assert {element.text for element in root.iter("{http://www.w3.org/2000/svg}text")} >= {
        card.code for card in practice.CARDS
    }


def test_a_file_of_another_kind_is_refused_with_what_there_is(kiosk, tmp_path):
    refused = kiosk.call("drill-sheet", str(tmp_path / "sheet.doc"), check=False)
    assert refused.returncode == 1
    assert ".pdf or .svg" in refused.stderr
    assert not (tmp_path / "sheet.doc").exists()


def test_a_place_that_cannot_be_written_is_named(kiosk, tmp_path):
    refused = kiosk.call("drill-sheet", str(tmp_path / "missing" / "sheet.pdf"), check=False)
    assert refused.returncode == 1
    assert "name another file" in refused.stderr
