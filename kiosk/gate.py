"""The mind: takes readings in order of arrival, decides, records, and only then shows.

    reading → look up → hold-off? → (not found: wait for the cloud's word) → decide → append → commit → answer

No network, no lock shared with another program. When a scan cannot be recorded the answer is "see staff", never green.
"""

from __future__ import annotations

import heapq
import logging
import math
import queue
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from kiosk import admit, annulment, clock, practice, words
from kiosk.desk import Desk, refuse
from kiosk.errors import NotRecorded
from kiosk.holdoff import HoldOff
from kiosk.model import (
    UNANSWERED,
    Annulment,
    Answer,
    Direction,
    Lookup,
    Moment,
    Notice,
    Order,
    Passage,
    Passed,
    Reading,
    Reason,
    Rules,
    Scan,
    Ticket,
    Verdict,
)  # fmt: skip
from kiosk.pulse import BEAT_S
from kiosk.suspicion import Suspicion
from kiosk.waiting import LOOK_S, Case, Waiting, Word

log = logging.getLogger(__name__)

LAST_ANSWERS_S = 1.0


class List(Word, Protocol):
    """What the mind asks of the ticket list; none of it raises."""

    def elsewhere(self, ticket: Ticket) -> Sequence[Passage]: ...
    def look_again(self) -> None: ...


class Record(Protocol):
    """What the mind asks of the journal. All of it raises NotRecorded: a door that cannot remember must not admit."""

    def append(self, reading: Reading, verdict: Verdict) -> Scan: ...
    def history(self, ticket: Ticket) -> Sequence[Passage]: ...
    def recent(self, boot_id: str, since_ns: int) -> Sequence[Scan]: ...
    def rest(self, now: Moment) -> None: ...
    def turn(self, seq: int, passed: Passed, moment: Moment) -> None: ...
    def admission(self, seq: int) -> tuple[Scan | None, Passed | None]: ...


@dataclass(slots=True)
class Shown:
    """The last answer; `turn` counts them, so that the display notices the ones that left no new row."""

    turn: int = 0
    lane: str = ""
    answer: Answer | None = None


@dataclass(frozen=True, slots=True)
class _Turn:
    """What the turnstile says of a scan, and when it said so."""

    seq: int
    passed: Passed
    moment: Moment


class Gate:
    """Answers readings. Belongs to one thread; `hear` and `stop` may be called from any."""

    def __init__(
        self,
        journal: Record,
        tickets: List,
        rules: Callable[[], Rules],
        *,
        hold_off_s: float,
        waiting: Waiting | None = None,
    ) -> None:
        self._journal, self._tickets, self._rules = journal, tickets, rules
        self._hold_off = HoldOff(hold_off_s)
        self._waiting = waiting if waiting is not None else Waiting(tickets)
        self._readings: queue.SimpleQueue[Reading | _Turn | None] = queue.SimpleQueue()
        self._end_at = math.inf
        self._untold = True
        self.shown = Shown()
        self.show: Callable[[str, Answer], object] | None = None
        """Given each answer with its lane, once it is on disk; it must neither block nor raise."""
        self.suspicion = Suspicion()
        self.practice = practice.Practice()
        self.time: Callable[[Moment], Moment | None] = lambda moment: moment
        self.fault: str | None = None
        self.desk: Desk | None = None
        self._heard, self._taken = Counter[str](), Counter[str]()

    def hear(self, reading: Reading) -> None:
        """Put a reading behind those that wait. Comes from the ears' thread, and never waits."""
        self._heard[reading.lane] += 1
        self._readings.put(reading)

    def passed(self, seq: int, passed: Passed) -> None:
        """Have it written down what the turnstile said of a scan. Never waits."""
        self._readings.put(_Turn(seq, passed, clock.now()))

    def backlog(self, lane: str) -> int:
        """Return how many readings of a lane wait."""
        return self._heard[lane] - self._taken[lane]

    def stop(self) -> None:
        """End `run` once the readings before it are answered, or after a second: a recording may hold thousands."""
        self._end_at = time.monotonic() + LAST_ANSWERS_S
        self._readings.put(None)

    def remember(self, now: Moment) -> None:
        """Take the hold-off up where the last process left it: a guest is not to see red because we were restarted."""
        for scan in self._journal.recent(now.boot_id, now.boottime_ns - self._hold_off.length_ns):
            if scan.verdict.reason is Reason.ANNULLED:
                self._hold_off.forget(scan.barcode)
                continue
            names, seen_ns = frozenset((scan.barcode,)), scan.moment.boottime_ns
            answer = Answer(scan, words.sentence(scan.verdict, now.at))
            self._hold_off.keep(scan.lane, names, scan.verdict.direction, seen_ns, answer)

    def run(self, beat: Callable[[], None]) -> None:
        """Answer until told to stop; `beat` is called at least every second while the mind moves."""
        beat_at, moving = 0.0, True
        try:
            while moving:
                if self._untold or time.monotonic() >= beat_at:
                    self._untold = False
                    self._tickets.look_again()
                    beat()
                    beat_at = time.monotonic() + BEAT_S
                moving = self._step()
        finally:
            self.tend(math.inf)

    def _step(self) -> bool:
        """Answer the next reading, or use the pause; return False at the end."""
        self.tend(clock.boottime_ns())
        try:
            reading = self._readings.get(timeout=LOOK_S if self._waiting else BEAT_S / 2)
        except queue.Empty:
            self._rest()
            return True
        if reading is None or time.monotonic() >= self._end_at:
            return False
        if isinstance(reading, _Turn):
            self._note(reading)
        else:
            self._taken[reading.lane] += 1
            self.take(reading)
        return True

    def _note(self, turn: _Turn) -> None:
        try:
            self._journal.turn(turn.seq, turn.passed, turn.moment)
        except NotRecorded as error:
            log.error("what the turnstile said of scan %d could not be recorded: %s", turn.seq, error)

    def take(self, reading: Reading) -> Answer | None:
        """Answer a reading: the last verdict again within the hold-off, else a new one, recorded before it is told.

        None while it waits for the cloud's word on its code; `tend` answers it then.
        """
        if reading.order is not None:
            return self._serve(reading, reading.order)
        rules = self._rules()
        if reading.annuls is not None:
            return self._annul(Case(reading, rules, ""), reading.annuls)
        lookup = self._look_up(reading, rules)
        case = Case(reading, rules, lookup.code or reading.code)
        if self._waiting.join(case):
            return None
        for other in self._waiting.leave(reading.lane):
            self._settle(other)
        held = self._hold_off.again(case)
        if held is not None and not self._has_news(held, case, lookup):
            return self._tell(case, replace(held, repeated=True))
        if self._card(case, lookup) is None and self._may_be_new(case, lookup) and self._waiting.begin(case):
            return None
        return self._tell(case, self._judge(case, lookup))

    def _serve(self, reading: Reading, order: Order) -> Answer:
        """Do what staff want done by hand."""
        answer = self.desk.serve(reading, order, self) if self.desk is not None else refuse("malformed")
        if reading.asker is not None:
            reading.asker(answer)
        return answer

    def judge(self, reading: Reading, lookup: Lookup) -> Answer:
        """Decide on a ticket that staff have found, record it, and show it."""
        case = Case(reading, self._rules(), reading.code)
        return self._by_hand(case, self._judge(case, lookup))

    def record(self, reading: Reading, verdict: Verdict) -> Answer:
        """Record a verdict that people came to, and show it."""
        if not self._rules().events:
            return _unrecorded(Notice.NO_EVENT)
        try:
            scan = self._journal.append(reading, verdict)
        except NotRecorded as error:
            return self._not_recorded(error)
        self.fault = None
        case, now = Case(reading, self._rules(), reading.code), self.time(reading.moment) or reading.moment
        return self._by_hand(case, Answer(scan, words.sentence(verdict, now.at)))

    def _by_hand(self, case: Case, answer: Answer) -> Answer:
        self._put_up(case, answer)
        return self._noted(case, answer)

    @staticmethod
    def _may_be_new(case: Case, lookup: Lookup) -> bool:
        """Who goes out with a ticket that the list no longer has need not wait: nobody is kept inside."""
        out_again = lookup.gone is not None and case.direction is Direction.CHECKOUT
        return lookup.unknown and bool(case.rules.events) and not out_again

    @staticmethod
    def _card(case: Case, lookup: Lookup) -> practice.Card | None:
        """Return what a practice code plays; whoever has a ticket with such a code is a guest."""
        return practice.card(case.reading.code) if lookup.unknown and case.reading.flaw is None else None

    def tend(self, now_ns: float) -> None:
        """Answer those whose waiting is over at this time since boot."""
        for case in self._waiting.over(now_ns):
            self._settle(case)

    def _settle(self, case: Case) -> None:
        """Decide with what is known by now; the list is looked at last, because the word comes with the ticket."""
        answered = self._waiting.answered(case)
        lookup = self._look_up(case.reading, case.rules)
        self._tell(case, self._judge(case, lookup, unanswered=lookup.unknown and not answered))

    def _tell(self, case: Case, answer: Answer) -> Answer:
        self._put_up(case, answer)
        for asker in case.askers:
            asker(answer)
        return self._noted(case, answer)

    def _put_up(self, case: Case, answer: Answer) -> None:
        self.shown = Shown(self.shown.turn + 1, case.reading.lane, answer)
        if self.show is not None:
            self.show(case.reading.lane, answer)

    def _noted(self, case: Case, answer: Answer) -> Answer:
        if answer.scan is None or answer.repeated:
            self._untold = True  # there is no new row by which the display would notice
        else:
            _log(answer.scan)
            self.suspicion.note(case.reading, answer.scan.verdict.reason, partial(self._is_known, case))
        return answer

    def _is_known(self, case: Case, code: str) -> bool:
        """Tell whether some ticket has this code, by the rules and at the time of the case."""
        return not self._look_up(replace(case.reading, code=code), case.rules).unknown

    def _has_news(self, held: Answer, case: Case, lookup: Lookup) -> bool:
        """Whoever was told to scan again is judged anew as soon as there is more to say.

        So is a code for practice once it has begun or ended.
        """
        verdict = held.scan.verdict if held.scan is not None else None
        if verdict is not None and verdict.reason is Reason.PRACTICE:
            return (verdict.played is not None) != self.practice.on(case.reading.moment.boottime_ns)
        if verdict is None or not verdict.unanswered:
            return False
        return self._waiting.answered(case) or not lookup.unknown

    def _look_up(self, reading: Reading, rules: Rules) -> Lookup:
        if reading.flaw is not None:
            return Lookup()
        return self._tickets.look_up(reading.code, rules.events, reading.moment)

    def _judge(self, case: Case, lookup: Lookup, *, unanswered: bool = False) -> Answer:
        """Decide, record, and only then say."""
        reading, card, now = case.reading, self._card(case, lookup), self.time(case.reading.moment)
        said = (now or reading.moment).at
        if card is None and not case.rules.events:
            return _unrecorded(Notice.NO_EVENT)
        try:
            if card is not None:
                verdict = practice.verdict(card, said, on=self.practice.on(reading.moment.boottime_ns))
            else:
                verdict = admit.decide(reading, lookup, self._history, case.rules, now.at if now is not None else None)
            if unanswered:
                verdict = replace(verdict, facts={UNANSWERED: "look-up"})
            if lookup.rule is not None:  # it goes on under the ticket's code, and its bytes stay as they came
                verdict, reading = verdict.found_by(lookup.rule), replace(reading, code=lookup.code)
            scan = self._journal.append(reading, verdict)
        except NotRecorded as error:
            return self._not_recorded(error)
        self.fault = None
        answer = Answer(scan, words.sentence(verdict, said))
        if reading.flaw is None:
            names = case.names | {reading.code}
            self._hold_off.keep(reading.lane, names, case.direction, case.seen_ns, answer)
        return answer

    def _not_recorded(self, error: NotRecorded) -> Answer:
        log.error("a scan could not be recorded: %s", error)
        self.fault = str(error)
        return _unrecorded(Notice.NOT_RECORDED)

    def _annul(self, case: Case, wish: Annulment) -> Answer:
        """Take an admission back. A refusal is for whoever asked: the screen is for guests."""
        try:
            answer = annulment.take_back(self._journal, wish, case.reading, self._history)
        except NotRecorded as error:
            log.error("an admission could not be taken back: %s", error)
            answer = _unrecorded(Notice.NOT_RECORDED)
        if answer.scan is not None:
            self._hold_off.forget(answer.scan.barcode)
            return self._tell(case, answer)
        for asker in case.askers:
            asker(answer)
        return answer

    def _history(self, ticket: Ticket) -> Sequence[Passage]:
        """Our own scans keep their own order; the others are merged in by the time they carry."""
        ours, others = self._journal.history(ticket), self._tickets.elsewhere(ticket)
        return list(heapq.merge(ours, others, key=lambda passage: passage.at)) if others else ours

    def _rest(self) -> None:
        """Nobody is at the door: look for a new list, and let the journal tidy up."""
        if self._waiting:
            return
        self._tickets.look_again()
        try:
            self._journal.rest(clock.now())
            self.fault = None
        except NotRecorded as error:
            if str(error) != self.fault:  # else it is known, and on the screen
                log.warning("the journal could not be tidied: %s", error)
            self.fault = str(error)


def _unrecorded(notice: Notice) -> Answer:
    return Answer(None, words.notice(notice), notice=notice)


def _log(scan: Scan) -> None:
    """One line a scan: never a name, and of the code only its end."""
    verdict, end = scan.verdict, ascii(scan.barcode[-4:])[1:-1]
    by = f" by {verdict.rule}" if verdict.rule is not None else ""
    log.info(
        "scan %d %s %s %s %s …%s%s", scan.seq, scan.lane, verdict.direction, verdict.result, verdict.reason, end, by
    )
