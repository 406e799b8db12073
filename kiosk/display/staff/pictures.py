"""The evening's numbers drawn as SVG, in greys that print, with a title and a text for those who do not see them.

No script, no style, nothing from outside; texts are escaped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from xml.sax.saxutils import escape

from kiosk.display.snapshot import short
from kiosk.words import ENGLISH, Language

WIDTH, HEIGHT = 640, 300
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 40, 30
INK, PALE, DARK = "#222", "#ccc", "#555"
BAR, LABEL = 22, 190
LONGEST_LABEL = 24

TITLES = {
    "admissions": "Admissions per minute",
    "inside": "Inside over time",
    "lanes": "Admissions per lane",
    "types": "Admissions per ticket type",
    "declines": "Declined, by reason",
}
NOTHING = "Nothing yet this evening"
COURSE = "From {since} to {until}; highest {highest}, last {last}"


def pictures() -> list[str]:
    """Return the names of all pictures."""
    return list(TITLES)


def draw(name: str, figures: Mapping[str, Any], language: Language = ENGLISH) -> str:
    """Return one picture. Raises KeyError for one that there is not."""
    title = language.say(TITLES[name])
    if name in {"admissions", "inside"}:
        series = figures["perMinute" if name == "admissions" else "inside"]
        values = series["admitted" if name == "admissions" else "people"]
        described = _described(series, values, language)
        return _over_time((title, described), series, values, _columns if name == "admissions" else _line)
    return _bars(title, figures[{"lanes": "perLane", "types": "perType", "declines": "declines"}[name]], language)


def _described(series: Mapping[str, Any], values: Sequence[float], language: Language) -> str:
    if not any(values):
        return language.say(NOTHING)
    ends = _ends(series, len(values))
    facts = {"since": _time(ends[0]), "until": _time(ends[-1])}
    return language.say(COURSE, facts | {"highest": f"{max(values):g}", "last": f"{values[-1]:g}"})


def _ends(series: Mapping[str, Any], number: int) -> list[datetime]:
    """Return when each of so many points begins, and when the last one ends."""
    began = datetime.fromisoformat(series["begins"])
    return [began + timedelta(minutes=series["minutes"] * index) for index in range(number + 1)]


def _over_time(
    said: tuple[str, str],
    series: Mapping[str, Any],
    values: Sequence[float],
    shape: Callable[[list[tuple[float, float]]], str],
) -> str:
    """Draw it under a title, with what it shows in words."""
    top = _round_up(max([1, *values]))
    low = min([0, *values])
    wide, high = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    points = [
        (LEFT + wide * (index + 0.5) / len(values), TOP + high * (top - value) / (top - low))
        for index, value in enumerate(values)
    ]
    body = [*_scale(top, low), shape(points), *_hours(_ends(series, len(values)))]
    return _svg(*said, body, HEIGHT)


def _columns(points: list[tuple[float, float]]) -> str:
    thick = max(1.0, 0.8 * (WIDTH - LEFT - RIGHT) / len(points))
    steps = "".join(f"M{x:.1f} {HEIGHT - BOTTOM}V{y:.1f}" for x, y in points if y < HEIGHT - BOTTOM)
    return f'<path d="{steps}" stroke="{DARK}" stroke-width="{thick:.1f}" fill="none"/>'


def _line(points: list[tuple[float, float]]) -> str:
    steps = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{steps}" stroke="{INK}" stroke-width="2.5" fill="none"/>'


def _scale(top: float, low: float) -> Iterator[str]:
    """Three lines across, with what they stand for."""
    for share in (0.0, 0.5, 1.0):
        y = TOP + (HEIGHT - TOP - BOTTOM) * share
        yield f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="{PALE}"/>'
        yield _text(LEFT - 6, y + 4, f"{top - (top - low) * share:g}", "end")


def _hours(ends: Sequence[datetime]) -> Iterator[str]:
    for share, anchor in ((0.0, "start"), (0.5, "middle"), (1.0, "end")):
        at = ends[round(share * (len(ends) - 1))]
        yield _text(LEFT + (WIDTH - LEFT - RIGHT) * share, HEIGHT - 10, _time(at), anchor)


def _bars(title: str, bars: Sequence[Mapping[str, Any]], language: Language) -> str:
    most = max([1, *(bar["number"] for bar in bars)])
    described = "; ".join(f"{_label(bar['name'], 60)}: {bar['number']}" for bar in bars)
    nothing, body = language.say(NOTHING), []
    for index, bar in enumerate(bars):
        y, length = TOP + BAR * index, (WIDTH - LABEL - 70) * bar["number"] / most
        body.append(_text(LABEL - 8, y + 15, _label(bar["name"], LONGEST_LABEL), "end"))
        body.append(f'<rect x="{LABEL}" y="{y + 2}" width="{length:.1f}" height="{BAR - 6}" fill="{DARK}"/>')
        body.append(_text(LABEL + length + 6, y + 15, str(bar["number"]), "start"))
    body = body or [_text(LEFT, TOP + 20, nothing, "start")]
    return _svg(title, described or nothing, body, TOP + BAR * max(2, len(bars)) + 8)


def _svg(title: str, described: str, body: Sequence[str], height: int) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'role="img" font-family="sans-serif" font-size="13" fill="{INK}">'
        f"<title>{escape(title)}</title><desc>{escape(described)}</desc>"
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>'
        f'<text x="{RIGHT}" y="24" font-size="16" font-weight="bold">{escape(title)}</text>{"".join(body)}</svg>'
    )


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(text)}</text>'


def _label(name: str, most: int) -> str:
    """A name that somebody else chose: no control characters, and not longer than there is room for."""
    plain = "".join(letter if letter.isprintable() else " " for letter in short(name) or "")
    return plain if len(plain) <= most else plain[: most - 1] + "…"


def _round_up(value: float) -> float:
    """The top of a scale: 1, 2 or 5 times a power of ten."""
    power = 1.0
    while power * 10 < value:
        power *= 10
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value)


def _time(at: datetime) -> str:
    return f"{at.astimezone():%H:%M}"
