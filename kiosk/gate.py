"""The mind: takes readings in order of arrival, decides, records, and only then shows.

    reading → hold-off? → look up → decide → append → commit → answer

No network, no lock shared with another program. When a scan cannot be recorded the answer is "see staff", never green.
"""

from __future__ import annotations

import heapq
import logging
import math
import queue
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from kiosk import admit, words
from kiosk.errors import NotRecorded
from kiosk.model import Answer, Direction, Lookup, Moment, Passage, Reading, Rules, Scan, Ticket, Verdict
from kiosk.pulse import BEAT_S

log = logging.getLogger(__name__)

LAST_ANSWERS_S = 1.0

NO_EVENT = "The gate is closed: no event is selected"


class List(Protocol):
    """What the mind asks of the ticket list; none of it raises."""

    def look_up(self, code: str, events: Mapping[str, object], now: Moment) -> Lookup: ...
    def elsewhere(self, ticket: Ticket) -> Sequence[Passage]: ...
    def look_again(self) -> None: ...


class Record(Protocol):
    """What the mind asks of the journal. All of it raises NotRecorded: a door that cannot remember must not admit."""

    def append(self, reading: Reading, verdict: Verdict) -> Scan: ...
    def history(self, ticket: Ticket) -> Sequence[Passage]: ...
    def recent(self, boot_id: str, since_ns: int) -> Sequence[Scan]: ...
    def rest(self) -> None: ...


@dataclass(slots=True)
class _Held:
    """What a lane showed last, and when its scanner last saw that code."""

    code: str
    direction: Direction
    seen_ns: int
    answer: Answer


@dataclass(slots=True)
class Shown:
    """The last answer; `turn` counts them, so that the display notices the ones that left no new row."""

    turn: int = 0
    lane: str = ""
    answer: Answer | None = None


class Gate:
    """Answers readings. Belongs to one thread; `hear` and `stop` may be called from any."""

    def __init__(self, journal: Record, tickets: List, rules: Callable[[], Rules], *, hold_off_s: float) -> None:
        self._journal, self._tickets, self._rules = journal, tickets, rules
        self._hold_off_ns = int(hold_off_s * 1e9)
        self._readings: queue.SimpleQueue[Reading | None] = queue.SimpleQueue()
        self._held: dict[str, _Held] = {}
        self._end_at = math.inf
        self.shown = Shown()
        self.fault: str | None = None
        self.hear: Callable[[Reading], None] = self._readings.put
        self.backlog: Callable[[], int] = self._readings.qsize

    def stop(self) -> None:
        """End `run` once the readings before it are answered, or after a second: a recording may hold thousands."""
        self._end_at = time.monotonic() + LAST_ANSWERS_S
        self._readings.put(None)

    def remember(self, now: Moment) -> None:
        """Take the hold-off up where the last process left it: a guest is not to see red because we were restarted."""
        for scan in self._journal.recent(now.boot_id, now.boottime_ns - self._hold_off_ns):
            answer = Answer(scan, words.sentence(scan.verdict, now.at))
            self._held[scan.lane] = _Held(
                scan.barcode, scan.verdict.direction, scan.moment.boottime_ns, answer
            )  # fmt: skip

    def run(self, beat: Callable[[], None]) -> None:
        """Answer until told to stop; `beat` is called at least every second while the mind moves."""
        beat_at = 0.0
        while True:
            if time.monotonic() >= beat_at:
                self._tickets.look_again()
                beat()
                beat_at = time.monotonic() + BEAT_S
            try:
                reading = self._readings.get(timeout=BEAT_S / 2)
            except queue.Empty:
                self._rest()
                continue
            if reading is None or time.monotonic() >= self._end_at:
                return
            answer = self.take(reading)
            if answer.repeated or answer.scan is None:
                beat_at = 0.0  # there is no new row by which the display would notice

    def take(self, reading: Reading) -> Answer:
        """Answer a reading: the last verdict again within the hold-off, else a new one, recorded before it is told."""
        rules = self._rules()
        held = self._held_off(reading, reading.direction or rules.direction)
        answer = replace(held, repeated=True) if held is not None else self._judge(reading, rules)
        self.shown = Shown(self.shown.turn + 1, reading.lane, answer)
        if reading.asker is not None:
            reading.asker(answer)
        if answer.scan is not None and not answer.repeated:
            _log(answer.scan)
        return answer

    def _held_off(self, reading: Reading, direction: Direction) -> Answer | None:
        """A code that stays in front of its scanner slides its hold-off; one with a flaw has no identity to compare."""
        held = self._held.get(reading.lane)
        if held is None or reading.flaw is not None or (held.code, held.direction) != (reading.code, direction):
            return None
        if reading.moment.boottime_ns - held.seen_ns >= self._hold_off_ns:
            return None
        held.seen_ns = reading.moment.boottime_ns
        return held.answer

    def _judge(self, reading: Reading, rules: Rules) -> Answer:
        if not rules.events:
            return Answer(None, NO_EVENT)
        now = reading.moment
        lookup = self._tickets.look_up(reading.code, rules.events, now) if reading.flaw is None else Lookup()
        try:
            verdict = admit.decide(reading, lookup, self._history, rules, now.at)
            scan = self._journal.append(reading, verdict)
        except NotRecorded as error:
            log.error("a scan could not be recorded: %s", error)
            self.fault = str(error)
            return Answer(None, words.NOT_RECORDED)
        self.fault = None
        answer = Answer(scan, words.sentence(verdict, now.at))
        if reading.flaw is None:
            self._held[reading.lane] = _Held(reading.code, verdict.direction, now.boottime_ns, answer)
        return answer

    def _history(self, ticket: Ticket) -> Sequence[Passage]:
        """Our own scans keep their own order; the others are merged in by the time they carry."""
        ours, others = self._journal.history(ticket), self._tickets.elsewhere(ticket)
        return list(heapq.merge(ours, others, key=lambda passage: passage.at)) if others else ours

    def _rest(self) -> None:
        """Nobody is at the door: look for a new list, and tidy the journal."""
        self._tickets.look_again()
        try:
            self._journal.rest()
        except NotRecorded as error:
            log.warning("the journal could not be tidied: %s", error)


def _log(scan: Scan) -> None:
    """One line a scan: never a name, and of the code only its end."""
    verdict, end = scan.verdict, ascii(scan.barcode[-4:])[1:-1]
    log.info("scan %d %s %s %s %s …%s", scan.seq, scan.lane, verdict.direction, verdict.result, verdict.reason, end)
