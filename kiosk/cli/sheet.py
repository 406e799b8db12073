"""A code to scan, drawn as a QR code and as Code 128: in a terminal, or on a sheet to print.

On paper a module of the QR code is 1 mm wide and one of Code 128 0.4 mm: any scanner reads that at arm's length.
"""

from __future__ import annotations

import html
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import segno

from kiosk import code128
from kiosk.errors import Refused

T = TypeVar("T")

Rows = list[list[bool]]
"""Modules from top to bottom, True for a dark one."""

BORDER = 4
"""The quiet zone of a QR code, in modules (ISO/IEC 18004)."""

MM = 10
"""Pixels a millimetre, in a PNG."""

BAR_MM, BAR_HEIGHT_MM, GAP_MM, LINE_MM = 0.4, 18, 6, 8
_BLACK_ON_WHITE, _RESET = "\x1b[38;5;16;48;5;231m", "\x1b[0m"
_HALVES = {(False, False): " ", (True, False): "▀", (False, True): "▄", (True, True): "█"}


def qr(text: str) -> Rows:
    """Return the text as a QR code, with its quiet zone."""
    return [[bool(module) for module in row] for row in segno.make(text, micro=False).matrix_iter(border=BORDER)]


def terminal(text: str, *, colour: bool) -> str:
    """Return the QR code as lines of half blocks.

    With colour it is black on white whatever the terminal's theme; without, dark on a light background only.
    """
    rows = qr(text)
    if len(rows) % 2:
        rows.append([False] * len(rows[0]))
    lines = ("".join(_HALVES[pair] for pair in zip(*two, strict=True)) for two in zip(*[iter(rows)] * 2, strict=True))
    return "\n".join(f"{_BLACK_ON_WHITE}{line}{_RESET}" if colour else line for line in lines)


def write(path: Path, text: str) -> None:
    """Write the sheet of this code in the format that the file's name ends in. Raises Refused."""
    write_as(path, _FORMATS, text)


def write_as(path: Path, formats: Mapping[str, Callable[[T], bytes]], drawn: T) -> None:
    """Write what is drawn in that of the formats that the file's name ends in. Raises Refused."""
    draw = formats.get(path.suffix.lower())
    if draw is None:
        names = (" or " if len(formats) == 2 else ", ").join(formats)
        raise Refused(f"{path}: a sheet is written as {names}: end the file's name in one of them")
    try:
        path.write_bytes(draw(drawn))
    except OSError as error:
        raise Refused(f"{path}: cannot be written: {error.strerror}: name another file") from error


def bars(text: str) -> list[bool]:
    quiet = [False] * code128.QUIET
    return [*quiet, *code128.modules(text), *quiet]


def _svg(text: str) -> bytes:
    square, code = qr(text), bars(text)
    width = max(len(square), len(code) * BAR_MM)
    beneath = len(square) + GAP_MM
    height = beneath + BAR_HEIGHT_MM + LINE_MM
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}mm" height="{height:g}mm" '
        f'viewBox="0 0 {width:g} {height:g}" shape-rendering="crispEdges">'
        f'<rect width="100%" height="100%" fill="#fff"/>'
        f'<path transform="translate({(width - len(square)) / 2:g})" d="{_path(square)}"/>'
        f'<path transform="translate({(width - len(code) * BAR_MM) / 2:g} {beneath}) scale({BAR_MM} {BAR_HEIGHT_MM})" '
        f'd="{_path([code])}"/>'
        f'<text x="{width / 2:g}" y="{height - LINE_MM / 4:g}" font-size="4" font-family="monospace" '
        f'text-anchor="middle">{html.escape(text)}</text></svg>'
    ).encode()


def _path(rows: Rows) -> str:
    return "".join(f"M{x} {y}h1v1h-1z" for y, row in enumerate(rows) for x, dark in enumerate(row) if dark)


def _html(text: str) -> bytes:
    guide = (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>kiosk calibrate</title>'
        "<style>body{font-family:sans-serif;max-width:45em;margin:15mm auto;text-align:center}"
        "ol{text-align:left;line-height:1.5}</style><h1>Set up a scanner</h1>"
        "<ol><li>Stop the gate: <code>systemctl stop kiosk-gate</code>"
        "<li>Start <code>kiosk calibrate</code>"
        "<li>Scan one of these two codes, whichever kind your tickets have"
        "<li>Put the lines it prints into the scanner's section of <code>kiosk.toml</code>"
        "<li>Start the gate again: <code>systemctl start kiosk-gate</code></ol>"
    )
    return guide.encode() + _svg(text)


def _png(text: str) -> bytes:
    square, code = qr(text), bars(text)
    square_row = [_wide(row, MM) for row in square]
    bar_row = _wide(code, int(BAR_MM * MM))
    width = max(len(square_row[0]), len(bar_row))
    rows = [_centred(row, width) for row in square_row for _ in range(MM)]
    rows += [_centred([], width)] * (GAP_MM * MM)
    rows += [_centred(bar_row, width)] * (BAR_HEIGHT_MM * MM) + [_centred([], width)] * (GAP_MM * MM)
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunks(width, rows))


def _wide(row: Sequence[bool], times: int) -> list[bool]:
    return [dark for dark in row for _ in range(times)]


def _centred(row: list[bool], width: int) -> bytes:
    """A row of pixels, eight a byte, white where nothing is."""
    left = (width - len(row)) // 2
    pixels = [False] * left + row + [False] * (-(-width // 8) * 8 - left - len(row))
    bits = "".join("0" if dark else "1" for dark in pixels)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


def _chunks(width: int, rows: list[bytes]) -> Iterator[bytes]:
    """The chunks of a PNG of one bit a pixel, with its resolution (W3C PNG, sections 11.2 and 11.3.4.3)."""
    parts = {
        b"IHDR": struct.pack(">IIBBBBB", width, len(rows), 1, 0, 0, 0, 0),
        b"pHYs": struct.pack(">IIB", MM * 1000, MM * 1000, 1),
        b"IDAT": zlib.compress(b"".join(b"\0" + row for row in rows), 9),
        b"IEND": b"",
    }
    for kind, data in parts.items():
        yield struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


_FORMATS: dict[str, Callable[[str], bytes]] = {".svg": _svg, ".png": _png, ".html": _html}
