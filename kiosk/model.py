"""The nouns of the door. Plain, frozen values: every room may import them, they import nobody."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple


class Direction(StrEnum):
    CHECKIN = "checkin"
    CHECKOUT = "checkout"


class Result(StrEnum):
    APPROVED = "approved"
    DECLINED = "declined"


class Reason(StrEnum):
    """Why a scan was approved or declined; the declined ones stand in the order of the questions."""

    OK = "ok"
    OVERRIDDEN = "overridden"
    NOT_INSIDE = "not_inside"
    ANNULLED = "annulled"
    PRACTICE = "practice"

    UNREADABLE = "unreadable"
    UNKNOWN = "unknown"
    UNKNOWN_STALE = "unknown_stale"
    REISSUED = "reissued"
    AMBIGUOUS = "ambiguous"
    WRONG_EVENT = "wrong_event"
    INVALID = "invalid"
    NOT_ISSUED = "not_issued"
    DETAILS_REQUIRED = "details_required"
    UNKNOWN_STATUS = "unknown_status"
    EXPIRED = "expired"
    EXCLUDED = "excluded"
    TICKET_TYPE = "ticket_type"
    NO_ENTRY = "no_entry"
    TOO_EARLY = "too_early"
    TOO_LATE = "too_late"
    CLOCK_NOT_SET = "clock_not_set"
    ALREADY_IN = "already_in"


class Notice(StrEnum):
    """Why the door's answer to a reading left no row in the journal."""

    NO_EVENT = "no_event"
    NOT_RECORDED = "not_recorded"


class Delivery(StrEnum):
    """What the cloud has of a scan. `local` is for what it cannot take: a scan without a ticket."""

    PENDING = "pending"
    INFLIGHT = "inflight"
    UNKNOWN = "unknown"
    ACKED = "acked"
    REFUSED = "refused"
    LOCAL = "local"


class ClockQuality(StrEnum):
    SYNCED = "synced"
    RTC = "rtc"
    GUESSED = "guessed"


class Passed(StrEnum):
    """What the turnstile said of who was admitted."""

    TURNED = "turned"
    TIMED_OUT = "timed_out"


@dataclass(frozen=True, slots=True)
class Annulment:
    """The wish that an admission be taken back; `force`: even though nobody saw that the guest did not pass."""

    seq: int
    force: bool = False


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in time as three clocks saw it: the wall (UTC), the time since boot, and which boot that was.

    `late_ns`: how long ago, at most, what is stamped with it may have happened.
    """

    at: datetime
    boottime_ns: int
    boot_id: str
    quality: ClockQuality = ClockQuality.GUESSED
    late_ns: int = field(default=0, compare=False)


class Source(StrEnum):
    """Who said what time it was; the most reliable one first."""

    NTP = "ntp"
    HTTP_DATE = "http-date"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class Anchor:
    """What time it really was (milliseconds since 1970) at one moment of one boot: it dates the whole boot."""

    boot_id: str
    boottime_ns: int
    utc_ms: int
    source: Source

    @property
    def began_ms(self) -> int:
        """When the boot began."""
        return self.utc_ms - self.boottime_ns // 1_000_000


@dataclass(frozen=True, slots=True)
class Order:
    """What staff want the gate to do by hand, and with what; nothing of it has been checked yet."""

    do: str
    words: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reading:
    """What came out of a scanner, stamped when it came.

    `flaw` is None for a whole code, else what is wrong with it; `raw` is bounded by the decoder. `asker` is told the
    answer, where somebody waits for one; it must not block. `by_number`: some of it was spelt with Alt and a keypad.
    `order` is what staff want instead of a code being judged, `annuls` an admission to be taken back.
    """

    lane: str
    code: str
    raw: bytes
    moment: Moment
    flaw: str | None = None
    direction: Direction | None = None
    asker: Callable[[Answer], None] | None = field(default=None, compare=False)
    by_number: bool = False
    order: Order | None = None
    annuls: Annulment | None = None


SHORTEST_BARCODE, LONGEST_BARCODE = 8, 128
"""The API knows no shorter one; no ticket has a longer one."""


def is_barcode(code: str) -> bool:
    """Tell whether a ticket of the cloud's could have this code, and its address would be that of a ticket."""
    whole = SHORTEST_BARCODE <= len(code) <= LONGEST_BARCODE and code.isprintable()
    return whole and not set(code) & {"/", "\\"} and set(code) != {"."}


@dataclass(frozen=True, slots=True)
class Ticket:
    """A row of the cloud's list. `status` is the cloud's own word, which may be one that this version does not know."""

    id: str
    barcode: str
    event_id: str
    ticket_type_id: str
    ticket_name: str | None = None
    name: str | None = None
    status: str = "VALID"
    area: str | None = None
    row: str | None = None
    seat: str | None = None
    entry: frozenset[str] = frozenset()
    slot_start: datetime | None = None
    expires_at: datetime | None = None
    excluded_event_ids: frozenset[str] = frozenset()
    parent_event_id: str | None = None
    seller_id: str | None = None

    def belongs_to(self, events: Mapping[str, object]) -> str | None:
        """Return which of these events the ticket is for, itself or through its parent; None when for none of them."""
        own = (self.event_id, self.parent_event_id)
        return next((event for event in own if event is not None and event in events), None)


@dataclass(frozen=True, slots=True)
class Listed:
    """A row of the cloud's list: the ticket, and when it last changed by the cloud's clock, if it says so.

    `unread` names the optional fields that could not be read; the ticket goes without them.
    """

    ticket: Ticket
    updated: datetime | None = None
    unread: str | None = None


@dataclass(frozen=True, slots=True)
class Lookup:
    """What the list says of one code, and how far the list can be trusted.

    `age_s` is None when the list was never whole; `reissued` is the ticket that had this code before it got a new one,
    `gone` one that the cloud's list no longer has. `rule` names what it took to find them, None where the code is the
    ticket's as it came; `code` is what the rules made of it: the ticket's code, or, where no ticket was found, the one
    that the cloud may be asked for. It is empty where they made nothing of it.
    """

    tickets: tuple[Ticket, ...] = ()
    reissued: Ticket | None = None
    complete: bool = False
    age_s: float | None = None
    event_names: Mapping[str, str] = field(default_factory=dict)
    gone: Ticket | None = None
    code: str = ""
    rule: str | None = None

    @property
    def unknown(self) -> bool:
        """Whether no ticket has this code, as far as the list goes, nor had it before it got a new one."""
        return not self.tickets and self.reissued is None

    @property
    def means(self) -> frozenset[str]:
        """The ids of the tickets that have this code, had it, or would have it if they were still listed."""
        others = [ticket for ticket in (self.reissued, self.gone) if ticket is not None]
        return frozenset(ticket.id for ticket in (*self.tickets, *others))


@dataclass(frozen=True, slots=True)
class Passage:
    """One approved scan of a ticket, here or elsewhere: the history that a decision looks at."""

    direction: Direction
    at: datetime
    gate: str | None
    seq: int | None = field(default=None, compare=False)
    """Which scan of this door it was, None for another door's."""


@dataclass(frozen=True, slots=True)
class EventRules:
    """What one event admits. `ticket_types` None: all of them. Margins widen the timeslot, in seconds."""

    ticket_types: frozenset[str] | None = None
    slot_before_s: float = 0.0
    slot_after_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Rules:
    """Everything that the decision asks, apart from the ticket itself."""

    events: Mapping[str, EventRules]
    direction: Direction = Direction.CHECKIN
    entry_permissions: frozenset[str] = frozenset()
    entrances: Mapping[str, str] = field(default_factory=dict)
    """Where other tickets go in: an entrance's name by an entry permission's id or a ticket type's."""
    multi_checkin: bool = False
    check_timeslots: bool = False
    accept_details_required: bool = False
    stale_after_s: float = 86_400.0
    needs_clock: bool = False
    """Whether a ticket that is only good at some time is declined while nobody knows the time."""


CLOCK = "clock"
"""The fact of a ticket that is only good at some time, judged while nobody knew the time."""

PLAYED = "played"
"""The fact of a practice scan that says which reason it plays; one without it was made while practice was off."""

UNANSWERED = "unanswered"
"""The fact of an unknown code that the cloud was asked for, without an answer in time."""

RULE = "rule"
"""The fact of a code that is the ticket's only by rules: their names."""


ANNULS = "annuls"
"""The fact of a check-out that takes an admission back: its number."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer to one reading. `ticket` is None when no single ticket is meant.

    `facts` fill the reason's sentence (when, which gate, which event), so that the screen can say it in any language.
    """

    direction: Direction
    result: Result
    reason: Reason
    ticket: Ticket | None = None
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def unanswered(self) -> bool:
        """Whether the cloud was asked for the code and did not answer in time: soon it may be known."""
        return UNANSWERED in self.facts

    @property
    def rule(self) -> str | None:
        """By which rules the code was found to be the ticket's, None where it was that as it came."""
        return self.facts.get(RULE)

    @property
    def played(self) -> Reason | None:
        """Which reason a practice scan plays."""
        return Reason(self.facts[PLAYED]) if PLAYED in self.facts else None

    @property
    def untimed(self) -> bool:
        """Whether a rule that needs the time was left out, because nobody knew it."""
        return CLOCK in self.facts

    def found_by(self, rule: str) -> Verdict:
        """Return the same verdict on a code that is the ticket's by these rules."""
        return replace(self, facts={**self.facts, RULE: rule})


@dataclass(frozen=True, slots=True)
class Scan:
    """A row of the journal. `seq` is the order; `at` is UTC and one of a kind for this device."""

    seq: int
    id: str
    at: datetime
    device_id: str
    moment: Moment
    lane: str
    barcode: str
    verdict: Verdict
    raw: bytes | None = None

    @property
    def deliverable(self) -> bool:
        """Whether the cloud can take this scan: it wants a ticket and never the code of an unreadable one."""
        return self.verdict.ticket is not None

    @property
    def begins_as(self) -> Delivery:
        """What is known of its delivery before sync has looked at it."""
        return Delivery.PENDING if self.deliverable else Delivery.LOCAL


class Parcel(NamedTuple):
    """As much of a scan as goes to the cloud. A tuple, because a backlog has thousands of them.

    Without a ticket there is a `ticket_id` of None, and nothing that the scans service could take.
    """

    seq: int
    at: datetime
    device_id: str
    barcode: str
    direction: str
    result: str
    ticket_id: str | None
    event_id: str | None = None
    parent_event_id: str | None = None
    ticket_type_id: str | None = None
    ticket_name: str | None = None
    name: str | None = None
    seller_id: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What the door says to one reading. `scan` is None when nothing could be recorded: then it is never green.

    `message` is in English, for programs that ask by hand: a screen says it again in its own language. `repeated`: the
    same code again within the hold-off; nothing new was recorded. `notice`: why nothing could be. `facts` are what else
    a program is told that gave an order.
    """

    scan: Scan | None
    message: str
    repeated: bool = False
    facts: Mapping[str, object] = field(default_factory=dict)
    notice: Notice | None = None
