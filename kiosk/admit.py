"""The decision: facts in, verdict out. One pure function, whose order of questions is its documentation.

The first question that finds something wrong gives the reason. A check-out asks only whether the ticket is known:
nobody is kept inside by a rule. Time is an argument; history is counted, so no clock decides who is inside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta

from kiosk.model import CLOCK, Direction, EventRules, Lookup, Passage, Reading, Reason, Result, Rules, Ticket, Verdict

Finding = tuple[Reason, dict[str, str]] | None
"""What a question found wrong, with the facts for its sentence; None: nothing."""

MOST_ENTRANCES = 3
"""How many entrances a guest is told of."""

FIRST_TIME, LAST_TIME = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)

STATUS_REASONS = {
    "INVALID": Reason.INVALID,
    "RESERVED": Reason.NOT_ISSUED,
    "BLANK": Reason.NOT_ISSUED,
    "DETAILSREQUIRED": Reason.DETAILS_REQUIRED,
}


def decide(
    reading: Reading, lookup: Lookup, history: Callable[[Ticket], Sequence[Passage]], rules: Rules, now: datetime | None
) -> Verdict:
    """Judge one reading.

    `history` gives a ticket's approved scans in journal order, wherever they happened; it is asked for the one
    ticket that is meant, and only then. `now` is UTC and aware, None while nobody knows the time.
    """
    direction = reading.direction or rules.direction
    if reading.flaw is not None:
        return Verdict(direction, Result.DECLINED, Reason.UNREADABLE, facts={"flaw": reading.flaw})
    if direction is Direction.CHECKOUT:
        return _check_out(lookup, history, rules)
    return _check_in(lookup, history, rules, now)


def inside(history: Iterable[Passage]) -> bool:
    """Tell whether the ticket was checked in more often than out."""
    return sum(1 if passage.direction is Direction.CHECKIN else -1 for passage in history) > 0


def _check_out(lookup: Lookup, history: Callable[[Ticket], Sequence[Passage]], rules: Rules) -> Verdict:
    known = sorted(lookup.tickets, key=lambda ticket: ticket.belongs_to(rules.events) is None)
    known += [ticket for ticket in (lookup.reissued, lookup.gone) if ticket is not None]
    if not known:
        reason, facts = _unknown(lookup, rules)
        return Verdict(Direction.CHECKOUT, Result.DECLINED, reason, facts=facts)
    within = next((ticket for ticket in known if inside(history(ticket))), None)
    reason = Reason.OK if within is not None else Reason.NOT_INSIDE
    return Verdict(Direction.CHECKOUT, Result.APPROVED, reason, within or known[0])


def _check_in(
    lookup: Lookup, history: Callable[[Ticket], Sequence[Passage]], rules: Rules, now: datetime | None
) -> Verdict:
    ticket, finding = _which(lookup, rules)
    if ticket is not None and finding is None:
        finding = _wrong_with(ticket, rules, now) or _already_in(history(ticket), rules)
    if finding is None:
        untimed = now is None and ticket is not None and _needs_time(ticket, rules)
        return Verdict(Direction.CHECKIN, Result.APPROVED, Reason.OK, ticket, {CLOCK: "not set"} if untimed else {})
    reason, facts = finding
    return Verdict(Direction.CHECKIN, Result.DECLINED, reason, ticket, facts)


def _which(lookup: Lookup, rules: Rules) -> tuple[Ticket | None, Finding]:
    """Find the one ticket that is meant; a ticket may come with a finding, and without one it is the right one."""
    ours = [ticket for ticket in lookup.tickets if ticket.belongs_to(rules.events) is not None]
    if len(ours) == 1:
        return ours[0], None
    if ours:
        return None, (Reason.AMBIGUOUS, {"count": str(len(ours))})
    if lookup.reissued is not None:
        return lookup.reissued, (Reason.REISSUED, {})
    if lookup.tickets:
        return lookup.tickets[0], _wrong_event(lookup.tickets[0], lookup)
    return None, _unknown(lookup, rules)


def _unknown(lookup: Lookup, rules: Rules) -> tuple[Reason, dict[str, str]]:
    if lookup.complete and lookup.age_s is not None and lookup.age_s <= rules.stale_after_s:
        return Reason.UNKNOWN, {}
    return Reason.UNKNOWN_STALE, {}


def _wrong_event(ticket: Ticket, lookup: Lookup) -> Finding:
    return Reason.WRONG_EVENT, {"event": lookup.event_names.get(ticket.event_id, ticket.event_id)}


def _wrong_with(ticket: Ticket, rules: Rules, now: datetime | None) -> Finding:
    event = ticket.belongs_to(rules.events) or ticket.event_id
    event_rules = rules.events[event]
    return (
        _status(ticket, rules)
        or _validity(ticket, event, now)
        or _type(ticket, event_rules, rules)
        or _entry(ticket, rules)
        or (_timeslot(ticket, event_rules, now) if rules.check_timeslots else None)
        or _clock(ticket, rules, now)
    )


def _status(ticket: Ticket, rules: Rules) -> Finding:
    if ticket.status == "VALID" or (ticket.status == "DETAILSREQUIRED" and rules.accept_details_required):
        return None
    return STATUS_REASONS.get(ticket.status, Reason.UNKNOWN_STATUS), {"status": ticket.status[:32]}


def _validity(ticket: Ticket, event: str, now: datetime | None) -> Finding:
    if ticket.expires_at is not None and now is not None and now > ticket.expires_at:
        return Reason.EXPIRED, {"at": ticket.expires_at.isoformat()}
    if {event, ticket.event_id} & ticket.excluded_event_ids:
        return Reason.EXCLUDED, {}
    return None


def _type(ticket: Ticket, event: EventRules, rules: Rules) -> Finding:
    if event.ticket_types is None or ticket.ticket_type_id in event.ticket_types:
        return None
    return Reason.TICKET_TYPE, {"type": ticket.ticket_name or ticket.ticket_type_id, **_entrance(ticket, rules)}


def _entry(ticket: Ticket, rules: Rules) -> Finding:
    if not rules.entry_permissions or rules.entry_permissions & ticket.entry:
        return None
    return Reason.NO_ENTRY, _entrance(ticket, rules)


def _entrance(ticket: Ticket, rules: Rules) -> dict[str, str]:
    """Where this ticket goes in, if anybody has said so."""
    keys = (*sorted(ticket.entry), ticket.ticket_type_id)
    found = dict.fromkeys(rules.entrances[key] for key in keys if key in rules.entrances)
    return {"entrance": ", ".join([*found][:MOST_ENTRANCES])} if found else {}


def _timeslot(ticket: Ticket, rules: EventRules, now: datetime | None) -> Finding:
    """Both ends of the widened slot still belong to it."""
    if ticket.slot_start is None or now is None:
        return None
    opens = _moved(ticket.slot_start, -rules.slot_before_s)
    closes = _moved(ticket.slot_start, rules.slot_after_s)
    if now < opens:
        return Reason.TOO_EARLY, {"at": opens.isoformat()}
    if now > closes:
        return Reason.TOO_LATE, {"at": closes.isoformat()}
    return None


def _clock(ticket: Ticket, rules: Rules, now: datetime | None) -> Finding:
    if now is None and rules.needs_clock and _needs_time(ticket, rules):
        return Reason.CLOCK_NOT_SET, {CLOCK: "not set"}
    return None


def _needs_time(ticket: Ticket, rules: Rules) -> bool:
    return ticket.expires_at is not None or (rules.check_timeslots and ticket.slot_start is not None)


def _moved(at: datetime, seconds: float) -> datetime:
    """A time and a margin, as far as the calendar goes: sellers write 9999 for "never"."""
    try:
        return at + timedelta(seconds=seconds)
    except OverflowError:
        return LAST_TIME if seconds > 0 else FIRST_TIME


def _already_in(history: Sequence[Passage], rules: Rules) -> Finding:
    entries = [passage for passage in history if passage.direction is Direction.CHECKIN]
    if not entries or (rules.multi_checkin and not inside(history)):
        return None
    last = entries[-1]
    return Reason.ALREADY_IN, {"at": last.at.isoformat(), "gate": last.gate or ""}
