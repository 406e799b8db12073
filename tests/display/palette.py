"""Pictures of sixteen colours, a quarter as large: what a browser writes of a page has few, and many shades between."""

import base64
import struct
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

COLOURS = 16
ALIKE = 500
"""As the square of a distance in RGB."""
SIGNATURE = b"\x89PNG\r\n\x1a\n"
CHANNELS = {2: 3, 6: 4}


def take(page, scale: float) -> bytes:
    """Return a picture of what a browser shows, so much smaller."""
    clip = {"x": 0, "y": 0, **page.viewport_size, "scale": scale}
    session = page.context.new_cdp_session(page)
    told = session.send("Page.captureScreenshot", {"format": "png", "clip": clip})
    session.detach()
    return base64.b64decode(told["data"])


def keep(folder: str, name: str, picture: bytes) -> None:
    Path(folder).mkdir(parents=True, exist_ok=True)
    (Path(folder) / f"{name}.png").write_bytes(reduce(picture))


def reduce(picture: bytes) -> bytes:
    """Return this PNG with its commonest colours, no two alike, and for others the nearest. Its width is even."""
    width, rows = _pixels(picture)
    counted = Counter(colour for row in rows for colour in row)
    kept = _unlike(colour for colour, _ in counted.most_common())
    nearest = {colour: _nearest(colour, kept) for colour in counted}
    lines = (
        bytes(nearest[one] << 4 | nearest[two] for one, two in zip(row[::2], row[1::2], strict=True)) for row in rows
    )
    header = struct.pack(">IIBBBBB", width, len(rows), 4, 3, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + line for line in lines), 9)
    parts = {b"IHDR": header, b"PLTE": b"".join(map(bytes, kept)), b"IDAT": data, b"IEND": b""}
    return SIGNATURE + b"".join(map(_chunk, parts, parts.values()))


def _unlike(colours):
    """The first sixteen that differ: many shades of one edge would leave none for small print."""
    kept = []
    for colour in colours:
        if len(kept) < COLOURS and all(_distance(colour, each) > ALIKE for each in kept):
            kept.append(colour)
    return kept


def _nearest(colour, kept):
    return min(range(len(kept)), key=lambda n: _distance(colour, kept[n]))


def _distance(colour, other):
    return sum((one - two) ** 2 for one, two in zip(colour, other, strict=True))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _chunks(picture: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(SIGNATURE)
    while at < len(picture):
        length, kind = struct.unpack(">I4s", picture[at : at + 8])
        yield kind, picture[at + 8 : at + 8 + length]
        at += 12 + length


def _pixels(picture):
    """Undo the filters of a PNG of eight bits a channel (PNG 1.2, section 6); return its width and its rows."""
    chunks = list(_chunks(picture))
    width, height, _, kind = struct.unpack(">IIBB", chunks[0][1][:10])
    step = CHANNELS[kind]
    raw = zlib.decompress(b"".join(data for name, data in chunks if name == b"IDAT"))
    length, above, rows = width * step, bytearray(width * step), []
    for at in range(0, height * (length + 1), length + 1):
        above = _unfiltered(raw[at], bytearray(raw[at + 1 : at + 1 + length]), above, step)
        rows.append(list(zip(*(above[n::step] for n in range(3)), strict=True)))
    return width, rows


def _unfiltered(kind, row, above, step):
    if kind == 2:
        return bytearray((one + two) & 255 for one, two in zip(row, above, strict=True))
    for n in range(len(row)) if kind else ():
        left, corner = (row[n - step], above[n - step]) if n >= step else (0, 0)
        row[n] = (row[n] + (0, left, 0, (left + above[n]) // 2, _paeth(left, above[n], corner))[kind]) & 255
    return row


def _paeth(left, above, corner):
    return min((left, above, corner), key=lambda each: abs(left + above - corner - each))
