"""`kiosk drill-sheet`: the codes to practise with, on one page of A4, as SVG or PDF.

Drawn once as rectangles and lines of text, in millimetres from the top left corner, and then written in either format.
A module of a QR code is 0.8 mm wide, one of Code 128 0.33 mm: any scanner reads that at arm's length.
"""

from __future__ import annotations

import html
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import click
import pydyf

from kiosk import clock, languages, practice, words
from kiosk.cli import sheet
from kiosk.cli.options import Setup, with_setup
from kiosk.store import spoken
from kiosk.words import Language

WIDTH, HEIGHT, MARGIN = 210.0, 297.0, 12.0
COLUMNS, TOP = 2, 34.0
CELL_WIDTH, CELL_HEIGHT = (WIDTH - 2 * MARGIN) / COLUMNS, 42.0
MODULE, BAR, BAR_HEIGHT, GAP = 0.8, 0.33, 9.0, 1.5
LINE, LINE_LENGTH = 4.6, 34
POINT = 72 / 25.4
"""Points of a PDF a millimetre."""


@dataclass(slots=True)
class Drawing:
    """What is on the page: rectangles (x, y, width, height) and texts (x, y of the base line, size, bold, text)."""

    rectangles: list[tuple[float, float, float, float]] = field(default_factory=list)
    texts: list[tuple[float, float, float, bool, str]] = field(default_factory=list)

    def modules(self, x: float, y: float, rows: sheet.Rows, size: tuple[float, float]) -> None:
        """Draw rows of modules of this width and height; neighbours in a row become one rectangle."""
        width, height = size
        for number, row in enumerate(rows):
            for first, length in _runs(row):
                self.rectangles.append((x + first * width, y + number * height, length * width, height))


def _runs(row: list[bool]) -> Iterator[tuple[int, int]]:
    """Return where the dark runs of a row begin, and how long they are."""
    first = None
    for place, dark in enumerate([*row, False]):
        if dark and first is None:
            first = place
        elif not dark and first is not None:
            yield first, place - first
            first = None


@click.command("drill-sheet")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@with_setup
def command(setup: Setup, file: Path) -> None:
    r"""Write the codes to practise with to FILE, one page of A4: .pdf or .svg, as QR code and as Code 128.

    Each of them plays one thing that happens at a door: welcome, already in, scan again, see staff and so on, with
    screen, lamp and sound. They are marked as practice, never delivered and never counted, and open no turnstile. They
    work at every kiosk, but only while practice is on.

    \b
    kiosk drill-sheet practice.pdf
    kiosk drill on
    """
    sheet.write_as(file, _FORMATS, draw(languages.read(spoken.in_force(setup.config).value), clock.now().at))
    click.echo(f"written: {file}; the codes work while practice is on: kiosk drill on", err=True)


def draw(language: Language, now: datetime) -> Drawing:
    """Return the page in this language; the times in its sentences lie around `now`."""
    page = Drawing()
    page.texts.append((MARGIN, 18, 7, True, language.say(words.PRACTICE_SHEET)))
    page.texts.append((MARGIN, 25, 4, False, f"{language.say(words.PRACTICE_NOTE)} (kiosk drill on)"))
    for number, card in enumerate(practice.CARDS):
        row, column = divmod(number, COLUMNS)
        place = MARGIN + column * CELL_WIDTH, TOP + row * CELL_HEIGHT
        verdict = practice.played(card, now)
        said = language.say(words.headline(verdict).value), words.sentence(verdict, now, language)
        _cell(page, card.code, place, said)
    return page


def _cell(page: Drawing, code: str, place: tuple[float, float], said: tuple[str, str]) -> None:
    (x, y), (headline, sentence), square = place, said, sheet.qr(code)
    page.modules(x, y, square, (MODULE, MODULE))
    side = len(square) * MODULE
    page.modules(x, y + side + GAP, [sheet.bars(code)], (BAR, BAR_HEIGHT))
    page.texts.append((x + side + 2, y + 8, 5, True, headline))
    for number, line in enumerate(_lines(sentence)):
        page.texts.append((x + side + 2, y + 8 + LINE * (number + 1), 3.4, False, line))
    page.texts.append((x + side + 2, y + side - 2, 2.6, False, code))


def _lines(text: str) -> Iterator[str]:
    line = ""
    for word in text.split():
        if line and len(line) + len(word) >= LINE_LENGTH:
            yield line
            line = ""
        line = f"{line} {word}".strip()
    yield line


def _svg(page: Drawing) -> bytes:
    path = "".join(
        f"M{x:.2f} {y:.2f}h{width:.2f}v{height:.2f}h-{width:.2f}z" for x, y, width, height in page.rectangles
    )
    texts = "".join(
        f'<text x="{x:g}" y="{y:g}" font-size="{size:g}"{" font-weight=" + chr(34) + "bold" + chr(34) if bold else ""}>'
        f"{html.escape(text)}</text>"
        for x, y, size, bold, text in page.texts
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH:g}mm" height="{HEIGHT:g}mm" '
        f'viewBox="0 0 {WIDTH:g} {HEIGHT:g}" font-family="Helvetica, Arial, sans-serif">'
        f'<rect width="100%" height="100%" fill="#fff"/><path shape-rendering="crispEdges" d="{path}"/>{texts}</svg>\n'
    ).encode()


def _pdf(page: Drawing) -> bytes:
    """A PDF's own fonts have the letters of Western Europe (PDF 1.7, annex D.2)."""
    document, content = pydyf.PDF(), pydyf.Stream()
    for x, y, width, height in page.rectangles:
        content.rectangle(x * POINT, (HEIGHT - y - height) * POINT, width * POINT, height * POINT)
    content.fill()
    for x, y, size, bold, text in page.texts:
        content.begin_text()
        content.set_font_size("B" if bold else "R", size * POINT)
        content.set_text_matrix(1, 0, 0, 1, x * POINT, (HEIGHT - y) * POINT)
        content.show_text_string(text.encode("cp1252", "replace"))
        content.end_text()
    document.add_object(content)
    fonts = {name: _font(face) for name, face in (("R", "Helvetica"), ("B", "Helvetica-Bold"))}
    document.add_page(
        pydyf.Dictionary({
            "Type": "/Page", "Parent": document.pages.reference, "Contents": content.reference,
            "MediaBox": pydyf.Array([0, 0, WIDTH * POINT, HEIGHT * POINT]),
            "Resources": pydyf.Dictionary({"Font": pydyf.Dictionary(fonts)}),
        })
    )  # fmt: skip
    written = io.BytesIO()
    document.write(written)
    return written.getvalue()


def _font(face: str) -> pydyf.Dictionary:
    return pydyf.Dictionary(
        {"Type": "/Font", "Subtype": "/Type1", "BaseFont": f"/{face}", "Encoding": "/WinAnsiEncoding"}
    )


_FORMATS: dict[str, Callable[[Drawing], bytes]] = {".pdf": _pdf, ".svg": _svg}
