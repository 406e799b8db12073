"""What a screen is told: everything it needs in one message, so that any message may be lost."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kiosk import signals, words
from kiosk.model import Notice, Reason, Result, Scan
from kiosk.signals import Signal
from kiosk.words import ENGLISH, Headline, Language

MAX_TEXT = 160
"""How much of a text goes to the screen: what is longer could not be read from where a guest stands."""

_ORDER = dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A)))
"""The embeddings, overrides and isolates of Unicode's annex 9; names in any script are right without them."""

FRESH_NS = 2_000_000_000
"""How old a snapshot may be when it is sent; without this limit a stuck eye would look alive to each new client."""


@dataclass(frozen=True, slots=True)
class Shown:
    """What is on the screen, since when (boot time)."""

    facts: Mapping[str, Any]
    since_ns: int

    def at(self, now_ns: int) -> dict[str, Any]:
        """Return it as it is sent. `showing` names it: a row that is shown again gets another one."""
        showing, age = self.since_ns // 1_000_000, (now_ns - self.since_ns) // 1_000_000
        return {"showing": showing, **self.facts, "ageMs": age}


@dataclass(frozen=True, slots=True)
class Half:
    """A half of the screen: whose it is, and what is shown there."""

    lanes: tuple[str, ...]
    shown: Shown | None

    def at(self, now_ns: int) -> dict[str, Any]:
        """Return it as it is sent."""
        return {"lanes": [short(lane) for lane in self.lanes], "shown": _sent(self.shown, now_ns)}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that a screen shows, as of one look. `shown` is the newest of all, `elsewhere` what has no half."""

    facts: Mapping[str, Any]
    shown: Shown | None
    made_ns: int
    halves: tuple[Half, ...] = ()
    elsewhere: Shown | None = None

    def fresh(self, now_ns: int) -> bool:
        return now_ns - self.made_ns < FRESH_NS

    def event(self, now_ns: int) -> bytes:
        """Return it as a server-sent event; ages are those of this moment."""
        told = {
            "shown": _sent(self.shown, now_ns),
            "elsewhere": _sent(self.elsewhere, now_ns),
            "halves": [half.at(now_ns) for half in self.halves],
        }
        return b"data: %s\n\n" % json.dumps({**self.facts, **told}).encode("ascii")


def _sent(shown: Shown | None, now_ns: int) -> dict[str, Any] | None:
    return shown.at(now_ns) if shown is not None else None


def describe(scan: Scan, now: datetime, language: Language = ENGLISH, *, repeated: bool) -> dict[str, Any]:
    """Say what a screen may tell of a scan: of its code only the end."""
    verdict, ticket = scan.verdict, scan.verdict.ticket
    return {
        "seq": scan.seq,
        "lane": short(scan.lane),
        **_large(words.headline(verdict), language),
        "result": verdict.result,
        "reason": verdict.played or verdict.reason,
        "practice": verdict.reason is Reason.PRACTICE,
        "message": short(words.sentence(verdict, now, language)),
        "ticketName": short(ticket.ticket_name) if ticket is not None else None,
        "name": short(ticket.name) if ticket is not None else None,
        "area": short(ticket.area) if ticket is not None else None,
        "row": short(ticket.row) if ticket is not None else None,
        "seat": short(ticket.seat) if ticket is not None else None,
        "type": verdict.direction,
        "codeEnd": scan.barcode[-4:],
        "repeated": repeated,
        "untimed": verdict.untimed,
        "signal": signals.of(verdict, repeated=repeated),
    }


def refuse(lane: str, notice: str, language: Language = ENGLISH) -> dict[str, Any]:
    """Say an answer that could not be recorded. It has no reason, and is never green."""
    headline = Headline.CLOSED if notice == Notice.NO_EVENT else Headline.STAFF
    nothing = dict.fromkeys(("seq", "reason", "ticketName", "name", "area", "row", "seat", "type", "codeEnd"))
    told = {"lane": short(lane), "result": Result.DECLINED, "message": short(words.notice(notice, language))}
    plain = {"repeated": False, "untimed": False, "practice": False, "signal": Signal.SEE_STAFF}
    return {**nothing, **told, **_large(headline, language), **plain}


def _large(headline: Headline, language: Language) -> dict[str, str]:
    """The large words, and the sign that stands beside them in any language."""
    return {"headline": language.say(headline.value), "sign": headline.name.lower()}


def short(text: str | None) -> str | None:
    """Cut a text to what fits a screen, without the signs that could turn the order of its letters around."""
    if text is None:
        return None
    found = text[: 2 * MAX_TEXT].translate(_ORDER)
    return found if len(found) <= MAX_TEXT else found[: MAX_TEXT - 1] + "…"
