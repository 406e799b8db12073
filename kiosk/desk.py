"""The desk: what staff have the gate do by hand. Orders come over the gate's socket, one JSON line each.

    {"do": "check", "ticketId": …, "code": …, "type": "checkin" | "checkout" | null, "token": …}   found by name
    {"do": "override", "seq": …, "reason": …, "by": …, "token": …}                  a declined scan
    {"do": "choose", "choices": {…}, "by": …}                                       `choices.py`
    {"do": "drill", "minutes": …, "by": …}                                          practice: 0 ends it
    {"do": "clock", …} · {"do": "language", …}                                       `dials.py`
    {"do": "calibrate", "scanner": …, "step": …, "by": …}                           `workbench.py`
    {"do": "try"} · {"do": "signed in"}                                             counts PINs that are tried

The answer is the one to a code, `{"seq", "message", "repeated"}`, and `refused` names why nothing was done. A check is
judged by all rules and recorded with the ticket's own code. A token that comes again gets the same answer, and does
nothing: a double click admits one guest.

An override records one more scan, approved as `overridden`, and the declined one stays. The cloud takes no scan without
a ticket, and an admission that nobody else hears of would let its copy in at the next door; so nothing is overridden
that leaves open which ticket is meant (unreadable, unknown, ambiguous): there is the search by name. A code that its
ticket no longer has (reissued) is somebody else's by now. All other reasons are rules, and people may know better.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from kiosk.attempts import Attempts
from kiosk.errors import NotRecorded, Refused
from kiosk.model import Answer, Direction, Lookup, Moment, Order, Reading, Reason, Result, Scan, Ticket, Verdict
from kiosk.practice import Practice
from kiosk.words import told

FINAL = frozenset({Reason.UNREADABLE, Reason.UNKNOWN, Reason.UNKNOWN_STALE, Reason.REISSUED, Reason.AMBIGUOUS})
"""What nobody may override."""

OVERRIDE_WITHIN_S = 900
"""How old a declined scan may be: after that the guest is to be scanned again."""

MOST_WORDS = 200
"""How long the reason of an override may be."""

TOKENS = 256
"""How many orders are kept in mind that were carried out."""

REFUSALS = {
    "malformed": "This is not an order that the gate understands",
    "no_ticket": "This ticket is no longer on the list: search again",
    "no_scan": "There is no such scan",
    "not_declined": "This scan was not declined",
    "not_overridable": "This cannot be overridden, because no ticket is certain: find the guest by name",
    "too_old": "This scan is too old to be overridden: scan again",
    "admitted_since": "This ticket has been admitted since: scan again",
    "no_reason": "Say why this guest is admitted",
    "not_recorded": "This could not be written down: {why}",
}


Dial = Callable[[Moment, Mapping[str, Any]], Answer]
"""What else is set by an order, which may raise Refused."""


class Door(Protocol):
    """What the desk asks of the mind: both record before they answer."""

    def judge(self, reading: Reading, lookup: Lookup) -> Answer: ...
    def record(self, reading: Reading, verdict: Verdict) -> Answer: ...


class Past(Protocol):
    """What the desk asks of the journal. Raises NotRecorded."""

    def scan(self, seq: int) -> Scan | None: ...
    def admitted_since(self, ticket_id: str, seq: int) -> Scan | None: ...


@dataclass(slots=True)
class Desk:
    """Belongs to the gate's thread. `choose` and `dials` raise Refused, `note` writes down what people did."""

    past: Past
    ticket: Callable[[str, str], Ticket | None]
    choose: Callable[[object, str], None]
    note: Callable[..., None]
    attempts: Attempts = field(default_factory=Attempts)
    practice: Practice = field(default_factory=Practice)
    dials: Mapping[str, Dial] = field(default_factory=dict)
    calibrate: Callable[[Mapping[str, Any], str, int], Mapping[str, object]] | None = None
    """Raises Refused, KeyError."""
    _done: dict[str, Answer] = field(default_factory=dict)

    def serve(self, reading: Reading, order: Order, door: Door) -> Answer:
        """Carry out an order, or say why not."""
        work = self._orders().get(order.do)
        try:
            return work(reading, order.words, door) if work is not None else refuse("malformed")
        except NotRecorded as error:
            return refuse("not_recorded", why=str(error))
        except Refused as error:
            key = {"choose": "choice", "calibrate": "calibration"}.get(order.do, order.do)
            return Answer(None, str(error), facts={"refused": key, **told(error.text, error.facts)})
        except (KeyError, ValueError, TypeError):
            return refuse("malformed")

    def _orders(self) -> dict[str, Callable[[Reading, Mapping[str, Any], Door], Answer]]:
        return {
            "check": lambda reading, words, door: self._once(words, lambda: self._check(reading, words, door)),
            "override": lambda reading, words, door: self._once(words, lambda: self._override(reading, words, door)),
            "drill": lambda reading, words, _door: self._drill(reading.moment, words),
            "choose": lambda _reading, words, _door: self._choose(words),
            "calibrate": lambda reading, words, _door: self._calibrate(reading.moment, words),
            "try": lambda reading, _words, _door: self._try(reading.moment),
            "signed in": lambda _reading, _words, _door: self._signed_in(),
            **{name: _turned(dial) for name, dial in self.dials.items()},
        }

    def _once(self, words: Mapping[str, Any], work: Callable[[], Answer]) -> Answer:
        """Do a thing once, by its token; what was not recorded may be tried again."""
        token = str(words["token"])[:64]
        if token in self._done:
            return replace(self._done[token], repeated=True)
        answer = work()
        if answer.scan is not None:
            self._done[token] = answer
            if len(self._done) > TOKENS:
                del self._done[next(iter(self._done))]
        return answer

    def _check(self, reading: Reading, words: Mapping[str, Any], door: Door) -> Answer:
        direction = Direction(words["type"]) if words.get("type") else None
        ticket = self.ticket(str(words["ticketId"]), str(words.get("code") or ""))
        if ticket is None:
            return refuse("no_ticket")
        handed = replace(reading, code=ticket.barcode, raw=ticket.barcode.encode(), direction=direction, order=None)
        return door.judge(handed, Lookup((ticket,)))

    def _override(self, reading: Reading, words: Mapping[str, Any], door: Door) -> Answer:
        why, by = plain(words["reason"], MOST_WORDS), signed(words)
        declined = self.past.scan(int(words["seq"]))
        if declined is None:
            return refuse("no_scan")
        refusal = _refusal(declined, reading.moment) or ("no_reason" if not why else None)
        ticket = declined.verdict.ticket
        if refusal is not None or ticket is None:
            return refuse(refusal or "not_overridable")
        since = self.past.admitted_since(ticket.id, declined.seq)
        if since is not None:
            return _again(since)
        facts = {"overrides": str(declined.seq), "declined": declined.verdict.reason.value, "why": why, "by": by}
        verdict = Verdict(Direction.CHECKIN, Result.APPROVED, Reason.OVERRIDDEN, ticket, facts)
        code = declined.barcode
        answer = door.record(replace(reading, code=code, raw=code.encode(), order=None), verdict)
        if answer.scan is not None:
            self.note("override", by=by, scan=answer.scan.seq, overrides=declined.seq, declined=facts["declined"])
        return answer

    def _drill(self, now: Moment, words: Mapping[str, Any]) -> Answer:
        """Practise for so many minutes from now on; 0 ends it, and none at all changes nothing."""
        if (minutes := words.get("minutes")) is not None:
            self.practice.begin(now.boottime_ns, float(minutes))
            self.note("practice", by=signed(words), minutes=float(minutes))
        return Answer(None, "", facts={"leftSeconds": self.practice.left_s(now.boottime_ns)})

    def _choose(self, words: Mapping[str, Any]) -> Answer:
        self.choose(words["choices"], signed(words))
        return Answer(None, "", facts={"done": True})

    def _calibrate(self, now: Moment, words: Mapping[str, Any]) -> Answer:
        if self.calibrate is None:
            return refuse("malformed")
        return Answer(None, "", facts=self.calibrate(words, signed(words), now.boottime_ns))

    def _try(self, moment: Moment) -> Answer:
        wait_s = self.attempts.begin(moment.boottime_ns)
        then_s = self.attempts.wait_s(moment.boottime_ns)
        if not wait_s and then_s:
            self.note("PIN tried", times=self.attempts.failed, lockedSeconds=then_s)
        return Answer(None, "", facts={"waitSeconds": wait_s, "thenSeconds": then_s})

    def _signed_in(self) -> Answer:
        self.attempts.succeed()
        self.note("staff signed in")
        return Answer(None, "", facts={"done": True})


def refuse(key: str, **facts: str) -> Answer:
    """Return why nothing was done: what a page needs to say it in its own language, too."""
    said = told(REFUSALS[key], facts)
    return Answer(None, str(said["message"]), facts={"refused": key, **said})


def _turned(dial: Dial) -> Callable[[Reading, Mapping[str, Any], Door], Answer]:
    return lambda reading, words, _door: dial(reading.moment, words)


def overridable(scan: Scan) -> bool:
    """Tell whether people may decide otherwise about this scan."""
    verdict = scan.verdict
    return verdict.result is Result.DECLINED and verdict.ticket is not None and verdict.reason not in FINAL


def _refusal(scan: Scan, now: Moment) -> str | None:
    if scan.verdict.result is not Result.DECLINED:
        return "not_declined"
    if not overridable(scan):
        return "not_overridable"
    fresh = scan.moment.boot_id == now.boot_id
    aged_s = (now.boottime_ns - scan.moment.boottime_ns) / 1e9
    return None if fresh and aged_s <= OVERRIDE_WITHIN_S else "too_old"


def _again(since: Scan) -> Answer:
    """The guest was admitted meanwhile: by an override, of which this is the second click, or by a scan."""
    if since.verdict.reason is Reason.OVERRIDDEN:
        return Answer(since, REFUSALS["admitted_since"], repeated=True)
    return refuse("admitted_since")


def signed(words: Mapping[str, Any]) -> str:
    """Return who gave an order, as it is written down."""
    return plain(words.get("by") or "staff", 32)


def plain(text: object, most: int) -> str:
    """What people typed, on one line."""
    printable = "".join(letter if letter.isprintable() else " " for letter in str(text)[: 4 * most])
    return " ".join(printable.split())[:most]
