"""The calibration code as it is drawn, taken apart again."""

from __future__ import annotations

import re
import struct
import xml.etree.ElementTree as ET
import zlib
from pathlib import Path

import pytest
import segno

from kiosk import code128
from kiosk.calibration import TEXT
from kiosk.cli import sheet
from kiosk.errors import Refused

QR = [[bool(module) for module in row] for row in segno.make(TEXT, micro=False).matrix]
BARS = code128.modules(TEXT)


def cut(rows: list[list[bool]]) -> list[list[bool]]:
    """What is inside the white border."""
    dark = [number for number, row in enumerate(rows) if any(row)]
    columns = [number for number in range(len(rows[0])) if any(row[number] for row in rows)]
    return [row[columns[0] : columns[-1] + 1] for row in rows[dark[0] : dark[-1] + 1]]


def white_around(rows: list[list[bool]]) -> int:
    """How many rows and columns are white on each side, at least."""
    sides = (rows, rows[::-1], list(zip(*rows, strict=True)), list(zip(*rows, strict=True))[::-1])
    return min(next(number for number, line in enumerate(side) if any(line)) for side in sides)


def modules_of(path: str, width: int, height: int) -> list[list[bool]]:
    found = [[False] * width for _ in range(height)]
    for x, y in re.findall(r"M(\d+) (\d+)h1v1h-1z", path):
        found[int(y)][int(x)] = True
    return found


def test_the_terminal_shows_the_code_in_half_blocks_with_its_quiet_zone():
    lines = sheet.terminal(TEXT, colour=False).splitlines()
    halves = {" ": (False, False), "▀": (True, False), "▄": (False, True), "█": (True, True)}
    rows = [[halves[sign][half] for sign in line] for line in lines for half in (0, 1)]
    assert cut(rows) == QR
    assert white_around(rows) >= 4
    assert len(lines) < 24
    assert len(lines[0]) < 80


def test_with_colour_it_is_black_on_white_whatever_the_theme():
    plain, coloured = (sheet.terminal(TEXT, colour=colour).splitlines() for colour in (False, True))
    assert coloured == [f"\x1b[38;5;16;48;5;231m{line}\x1b[0m" for line in plain]


@pytest.mark.parametrize("name", ["sheet.svg", "sheet.html", "SHEET.SVG"])
def test_a_drawing_has_both_codes_with_white_around_them(tmp_path: Path, name: str):
    sheet.write(tmp_path / name, TEXT)
    content = (tmp_path / name).read_text(encoding="utf-8")
    drawing = ET.fromstring(content[content.index("<svg") : content.index("</svg>") + 6])
    square, bars = (part for part in drawing if part.tag.endswith("path"))
    rows = modules_of(square.get("d"), len(QR) + 8, len(QR) + 8)
    assert cut(rows) == QR
    assert white_around(rows) == 4
    assert modules_of(bars.get("d"), len(BARS) + 20, 1) == [[False] * 10 + BARS + [False] * 10]
    assert "".join(drawing.itertext()) == TEXT
    assert drawing.get("width").endswith("mm")


def test_the_page_says_what_to_do(tmp_path: Path):
    sheet.write(tmp_path / "sheet.html", TEXT)
    content = (tmp_path / "sheet.html").read_text(encoding="utf-8")
    assert content.startswith("<!doctype html>")
    for word in ("systemctl stop kiosk-gate", "kiosk calibrate", "systemctl start kiosk-gate"):
        assert word in content
    assert re.findall(r"(?:src|href)=", content) == []  # it is whole without a network


def pixels(content: bytes) -> list[list[bool]]:
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    parts, place = {}, 8
    while place < len(content):
        size, kind = struct.unpack(">I4s", content[place : place + 8])
        data, check = content[place + 8 : place + 8 + size], content[place + 8 + size : place + 12 + size]
        assert zlib.crc32(kind + data).to_bytes(4, "big") == check
        parts[kind], place = data, place + 12 + size
    assert list(parts) == [b"IHDR", b"pHYs", b"IDAT", b"IEND"]
    width, height, depth, colour = struct.unpack(">IIBB", parts[b"IHDR"][:10])
    assert (depth, colour) == (1, 0)
    raw, stride = zlib.decompress(parts[b"IDAT"]), 1 + -(-width // 8)
    assert len(raw) == height * stride
    lines = [raw[number * stride : (number + 1) * stride] for number in range(height)]
    assert {line[0] for line in lines} == {0}
    return [[not line[1 + x // 8] >> (7 - x % 8) & 1 for x in range(width)] for line in lines]


def test_a_picture_has_both_codes_with_white_around_them(tmp_path: Path):
    sheet.write(tmp_path / "sheet.png", TEXT)
    rows = pixels((tmp_path / "sheet.png").read_bytes())
    gap = next(number for number in range(100, len(rows)) if not any(rows[number]))
    square = cut(rows[:gap])
    assert [row[5::10] for row in square[5::10]] == QR
    assert [row[::10] for row in square[::10]] == QR  # sharp to the pixel
    bars = cut(rows[gap:])
    assert {tuple(row) for row in bars} == {tuple(dark for dark in BARS for _ in range(4))}
    assert white_around(rows) >= 40


@pytest.mark.parametrize("name", ["sheet", "sheet.pdf", "sheet.svgz"])
def test_another_format_is_refused_with_those_there_are(tmp_path: Path, name: str):
    with pytest.raises(Refused, match=r"\.svg, \.png, \.html"):
        sheet.write(tmp_path / name, TEXT)
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path):
    with pytest.raises(Refused, match="cannot be written"):
        sheet.write(tmp_path / "missing" / "sheet.svg", TEXT)
