"""Facts in, verdict out. The numbers such as C2.30 are those of the collection of field scenarios."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from kiosk.admit import decide, inside
from kiosk.model import Direction, EventRules, Lookup, Moment, Passage, Reading, Reason, Result, Rules, Ticket, Verdict

IN, OUT = Direction.CHECKIN, Direction.CHECKOUT
NOW = datetime(2026, 6, 1, 10, 0, tzinfo=UTC)
FIRST = datetime.min.replace(tzinfo=UTC)
LAST = datetime.max.replace(tzinfo=UTC)
FEST, GALA, OTHER, SERIES = "fest", "gala", "other", "series"
TICKET = Ticket("t-1", "CODE-0001", FEST, "standing", "Standing", "Ada")
RULES = Rules({FEST: EventRules()})


def at(hour: int, minute: int = 0, second: int = 0) -> datetime:
    return datetime(2026, 6, 1, hour, minute, second, tzinfo=UTC)


def listed(*tickets: Ticket, reissued: Ticket | None = None, complete: bool = True, age_s: float | None = 9) -> Lookup:
    return Lookup(tickets, reissued, complete, age_s, {GALA: "The Gala", OTHER: "Another Evening"})


def passages(*directions: Direction, gate: str | None = "gate-1") -> tuple[Passage, ...]:
    return tuple(Passage(direction, at(8, number), gate) for number, direction in enumerate(directions))


@dataclass(frozen=True)
class Scene:
    """All that a decision looks at; as it stands here, the guest is admitted."""

    lookup: Lookup = field(default_factory=lambda: listed(TICKET))
    history: Mapping[str, Sequence[Passage]] = field(default_factory=dict)
    rules: Rules = RULES
    now: datetime | None = NOW
    flaw: str | None = None
    direction: Direction | None = None

    def decided(self) -> Verdict:
        reading = Reading("left", "CODE-0001", b"", Moment(self.now or NOW, 1, "boot"), self.flaw, self.direction)
        return decide(reading, self.lookup, lambda ticket: self.history.get(ticket.id, ()), self.rules, self.now)


def with_ticket(rules: Rules = RULES, now: datetime | None = NOW, **changes: object) -> Scene:
    return Scene(listed(replace(TICKET, **changes)), rules=rules, now=now)  # type: ignore[arg-type]


def with_history(*directions: Direction, multi: bool = False, direction: Direction | None = None) -> Scene:
    rules = replace(RULES, multi_checkin=multi)
    return Scene(history={TICKET.id: passages(*directions)}, rules=rules, direction=direction)


def slot(now: datetime | None, start: datetime | None = NOW, before_m: float = 15, after_m: float = 30) -> Scene:
    rules = Rules({FEST: EventRules(None, before_m * 60, after_m * 60)}, check_timeslots=True)
    return with_ticket(rules, now, slot_start=start)


def selected(**events: EventRules) -> Rules:
    return Rules(events)


NEEDS_CLOCK = replace(RULES, needs_clock=True)
STANDING_ONLY = EventRules(frozenset({"standing"}))
SEATS_ONLY = EventRules(frozenset({"seat"}))
TWIN = replace(TICKET, id="t-2", event_id=GALA)
BOTH = selected(fest=EventRules(), gala=EventRules())

# --- check-ins -------------------------------------------------------------------------------------------------------

CHECK_INS: dict[str, tuple[Scene, Reason]] = {
    "C1.1 a valid ticket": (Scene(), Reason.OK),
    "C1.2 a code that is not on a complete and fresh list": (Scene(listed()), Reason.UNKNOWN),
    "C1.3 cancelled": (with_ticket(status="INVALID"), Reason.INVALID),
    "C1.10 cancelled and outside its time": (
        with_ticket(replace(RULES, check_timeslots=True), status="INVALID", slot_start=at(23), expires_at=at(1)),
        Reason.INVALID,
    ),
    "C1.11 details missing": (with_ticket(status="DETAILSREQUIRED"), Reason.DETAILS_REQUIRED),
    "C1.11 details missing, and accepted so": (
        with_ticket(replace(RULES, accept_details_required=True), status="DETAILSREQUIRED"),
        Reason.OK,
    ),
    "C1.11 accepting missing details accepts nothing else": (
        with_ticket(replace(RULES, accept_details_required=True), status="INVALID"),
        Reason.INVALID,
    ),
    "C1.12 reserved": (with_ticket(status="RESERVED"), Reason.NOT_ISSUED),
    "C1.12 blank": (with_ticket(status="BLANK"), Reason.NOT_ISSUED),
    "C1.12 a status of tomorrow": (with_ticket(status="PENDING_REVIEW"), Reason.UNKNOWN_STATUS),
    "C1.12 an empty status": (with_ticket(status=""), Reason.UNKNOWN_STATUS),
    "C1.12 a status in small letters": (with_ticket(status="valid"), Reason.UNKNOWN_STATUS),
    "C1.16 the same code in two selected events": (Scene(listed(TICKET, TWIN), rules=BOTH), Reason.AMBIGUOUS),
    "C1.16 the same code twice in one event": (
        Scene(listed(TICKET, replace(TWIN, event_id=FEST))),
        Reason.AMBIGUOUS,
    ),
    "C1.16 the same code in an event that is not selected": (Scene(listed(TWIN, TICKET)), Reason.OK),
    "the list was never whole": (Scene(listed(age_s=None)), Reason.UNKNOWN_STALE),
    "the list is incomplete": (Scene(listed(complete=False)), Reason.UNKNOWN_STALE),
    "there is no list": (Scene(Lookup()), Reason.UNKNOWN_STALE),
    "the list is as old as it may be": (Scene(listed(age_s=86_400)), Reason.UNKNOWN),
    "the list is a second older": (Scene(listed(age_s=86_401)), Reason.UNKNOWN_STALE),
    "the list may be older here": (
        Scene(listed(age_s=86_401), rules=replace(RULES, stale_after_s=90_000)),
        Reason.UNKNOWN,
    ),
    "a known ticket on an old and incomplete list": (
        Scene(listed(TICKET, complete=False, age_s=10**9)),
        Reason.OK,
    ),
    "a code that was this ticket's": (Scene(listed(reissued=TICKET)), Reason.REISSUED),
    "a code that was this ticket's, on an old list": (
        Scene(listed(reissued=TICKET, complete=False, age_s=None)),
        Reason.REISSUED,
    ),
    "a code that was one ticket's and is another's": (Scene(listed(TWIN, reissued=TICKET), rules=BOTH), Reason.OK),
    "a code that was ours and is another event's": (
        Scene(listed(replace(TWIN, event_id=OTHER), reissued=TICKET)),
        Reason.REISSUED,
    ),
    "C2.20 a second before it expires": (with_ticket(now=at(11, 59, 59), expires_at=at(12)), Reason.OK),
    "C2.20 at the second at which it expires": (with_ticket(now=at(12), expires_at=at(12)), Reason.OK),
    "C2.20 a second after it expired": (with_ticket(now=at(12, 0, 1), expires_at=at(12)), Reason.EXPIRED),
    "C2.30 09:44 is too early": (slot(at(9, 44)), Reason.TOO_EARLY),
    "C2.30 09:44:59 is too early": (slot(at(9, 44, 59)), Reason.TOO_EARLY),
    "C2.30 09:45 is in time": (slot(at(9, 45)), Reason.OK),
    "C2.30 10:00 is in time": (slot(at(10)), Reason.OK),
    "C2.30 10:30 is in time": (slot(at(10, 30)), Reason.OK),
    "C2.30 10:30:01 is too late": (slot(at(10, 30, 1)), Reason.TOO_LATE),
    "C2.30 10:31 is too late": (slot(at(10, 31)), Reason.TOO_LATE),
    "C2.30 without margins only the moment itself": (slot(at(10), before_m=0, after_m=0), Reason.OK),
    "C2.30 without margins a second before": (slot(at(9, 59, 59), before_m=0, after_m=0), Reason.TOO_EARLY),
    "C2.30 without margins a second after": (slot(at(10, 0, 1), before_m=0, after_m=0), Reason.TOO_LATE),
    "C2.30 a ticket without a timeslot": (slot(at(3), start=None), Reason.OK),
    "C2.30 timeslots are not looked at": (with_ticket(now=at(3), slot_start=at(10)), Reason.OK),
    "C2.31 in 1970 a timeslot is far off": (slot(datetime(1970, 1, 1, tzinfo=UTC)), Reason.TOO_EARLY),
    "C2.30 a timeslot at the beginning of the calendar": (slot(NOW, start=FIRST), Reason.TOO_LATE),
    "C2.30 a timeslot at the end of the calendar": (slot(NOW, start=LAST), Reason.TOO_EARLY),
    "C2.30 a margin that ends half a second behind the calendar": (
        slot(LAST, start=LAST, before_m=0, after_m=1 / 120),
        Reason.OK,
    ),
    "C2.30 margins wider than the calendar": (slot(NOW, at(3), before_m=1e300, after_m=float("inf")), Reason.OK),
    "C3.34 in already": (with_history(IN), Reason.ALREADY_IN),
    "C3.34 in already, in again allowed": (with_history(IN, multi=True), Reason.ALREADY_IN),
    "C3.36 in and out, in again allowed": (with_history(IN, OUT, multi=True), Reason.OK),
    "C3.36 in, out and in, in again allowed": (with_history(IN, OUT, IN, multi=True), Reason.ALREADY_IN),
    "C3.37 in and out, in again not allowed": (with_history(IN, OUT), Reason.ALREADY_IN),
    "C3.37 out only, in again not allowed": (with_history(OUT), Reason.OK),
    "C3.41 in twice, out once": (with_history(IN, IN, OUT, multi=True), Reason.ALREADY_IN),
    "C3.41 in twice, out twice": (with_history(IN, IN, OUT, OUT, multi=True), Reason.OK),
    "C3.41 out more often than in": (with_history(OUT, OUT, IN, multi=True), Reason.OK),
    "C3.42 what counts is the order of the journal": (
        Scene(
            history={TICKET.id: (Passage(IN, at(9), None), Passage(OUT, at(8), None), Passage(IN, at(7), None))},
            rules=replace(RULES, multi_checkin=True),
        ),
        Reason.ALREADY_IN,
    ),
    "C2.32 the clock was set back between in and out": (
        Scene(
            history={TICKET.id: (Passage(IN, at(9, 30), None), Passage(OUT, at(9, 10), None))},
            rules=replace(RULES, multi_checkin=True),
        ),
        Reason.OK,
    ),
    "another ticket's history": (Scene(history={"t-2": passages(IN)}), Reason.OK),
    "C4.43 a type that is not admitted": (with_ticket(selected(fest=SEATS_ONLY)), Reason.TICKET_TYPE),
    "C4.43 a type that is admitted": (with_ticket(selected(fest=STANDING_ONLY)), Reason.OK),
    "C4.43 no type is admitted": (with_ticket(selected(fest=EventRules(frozenset()))), Reason.TICKET_TYPE),
    "C4.43 the type is admitted at the other event": (
        with_ticket(selected(fest=SEATS_ONLY, gala=STANDING_ONLY)),
        Reason.TICKET_TYPE,
    ),
    "C4.44 the event that admits all": (
        with_ticket(selected(fest=EventRules(), gala=SEATS_ONLY)),
        Reason.OK,
    ),
    "C4.44 the event that admits some": (
        with_ticket(selected(fest=EventRules(), gala=SEATS_ONLY), event_id=GALA),
        Reason.TICKET_TYPE,
    ),
    "C4.44 each event has its own margins": (
        with_ticket(
            Rules({FEST: EventRules(), GALA: EventRules(None, 3600, 0)}, check_timeslots=True),
            at(9),
            event_id=GALA,
            slot_start=at(10),
        ),
        Reason.OK,
    ),
    "C4.44 a ticket of a series, by its parent": (
        with_ticket(selected(series=STANDING_ONLY), parent_event_id=SERIES),
        Reason.OK,
    ),
    "C4.44 its own event's rules come before its parent's": (
        with_ticket(selected(series=STANDING_ONLY, fest=SEATS_ONLY), parent_event_id=SERIES),
        Reason.TICKET_TYPE,
    ),
    "C4.44 the parent's rules are asked when only the parent is selected": (
        with_ticket(selected(series=SEATS_ONLY, gala=STANDING_ONLY), parent_event_id=SERIES),
        Reason.TICKET_TYPE,
    ),
    "C4.47 no event is selected": (Scene(rules=Rules({})), Reason.WRONG_EVENT),
    "C4.48 a ticket of a sibling": (with_ticket(event_id=GALA), Reason.WRONG_EVENT),
    "C4.48 a cancelled ticket of a sibling": (with_ticket(event_id=GALA, status="INVALID"), Reason.WRONG_EVENT),
    "C4.48 a ticket of a sibling on an old list": (
        Scene(listed(TWIN, complete=False, age_s=None)),
        Reason.WRONG_EVENT,
    ),
    "the ticket excludes this event": (with_ticket(excluded_event_ids=frozenset({FEST})), Reason.EXCLUDED),
    "the ticket excludes another event": (with_ticket(excluded_event_ids=frozenset({GALA})), Reason.OK),
    "the ticket excludes the event it is scanned for through its parent": (
        with_ticket(selected(series=EventRules()), parent_event_id=SERIES, excluded_event_ids=frozenset({SERIES})),
        Reason.EXCLUDED,
    ),
    "the ticket excludes its own event and is scanned for its parent": (
        with_ticket(selected(series=EventRules()), parent_event_id=SERIES, excluded_event_ids=frozenset({FEST})),
        Reason.EXCLUDED,
    ),
    "the ticket has none of the entry permissions": (
        with_ticket(replace(RULES, entry_permissions=frozenset({"north", "vip"})), entry=frozenset({"south"})),
        Reason.NO_ENTRY,
    ),
    "the ticket has no entry permission at all": (
        with_ticket(replace(RULES, entry_permissions=frozenset({"north"}))),
        Reason.NO_ENTRY,
    ),
    "the ticket has one of the entry permissions": (
        with_ticket(replace(RULES, entry_permissions=frozenset({"north", "vip"})), entry=frozenset({"vip", "south"})),
        Reason.OK,
    ),
    "the gate asks for no entry permission": (with_ticket(entry=frozenset({"south"})), Reason.OK),
    "C5.52 cancelled after it was admitted": (
        replace(with_ticket(status="INVALID"), history={TICKET.id: passages(IN)}),
        Reason.INVALID,
    ),
    "C6.54 in at another door": (
        Scene(history={TICKET.id: passages(IN, gate="gate-south")}),
        Reason.ALREADY_IN,
    ),
    "C6.54 in here, out at another door": (
        Scene(
            history={TICKET.id: (*passages(IN), *passages(OUT, gate="gate-south"))},
            rules=replace(RULES, multi_checkin=True),
        ),
        Reason.OK,
    ),
    "C6.53 admitted at two doors, out once": (
        Scene(
            history={TICKET.id: (*passages(IN), *passages(IN, gate=None), *passages(OUT))},
            rules=replace(RULES, multi_checkin=True),
        ),
        Reason.ALREADY_IN,
    ),
    "nobody knows the time, and the ticket has no time": (
        with_ticket(replace(NEEDS_CLOCK, check_timeslots=True), None),
        Reason.OK,
    ),
    "nobody knows the time, and it expired long ago": (with_ticket(RULES, None, expires_at=at(1)), Reason.OK),
    "nobody knows the time, and it expires": (
        with_ticket(NEEDS_CLOCK, None, expires_at=at(23)),
        Reason.CLOCK_NOT_SET,
    ),
    "nobody knows the time, and its slot is over": (slot(None, at(1)), Reason.OK),
    "nobody knows the time, and it has a slot": (
        with_ticket(replace(NEEDS_CLOCK, check_timeslots=True), None, slot_start=NOW),
        Reason.CLOCK_NOT_SET,
    ),
    "nobody knows the time, and slots do not matter here": (with_ticket(NEEDS_CLOCK, None, slot_start=NOW), Reason.OK),
    "the time is known, and has to be": (with_ticket(NEEDS_CLOCK, expires_at=at(23)), Reason.OK),
    "keys were lost": (Scene(flaw="keys were lost"), Reason.UNREADABLE),
    "a flaw without a name": (Scene(flaw=""), Reason.UNREADABLE),
}

WITHOUT_A_TICKET = {Reason.UNREADABLE, Reason.UNKNOWN, Reason.UNKNOWN_STALE, Reason.AMBIGUOUS}


@pytest.mark.parametrize(("scene", "reason"), CHECK_INS.values(), ids=CHECK_INS)
def test_a_check_in_has_its_reason(scene: Scene, reason: Reason) -> None:
    verdict = scene.decided()
    assert verdict.reason is reason
    assert verdict.result is (Result.APPROVED if reason is Reason.OK else Result.DECLINED)
    assert verdict.direction is IN
    assert (verdict.ticket is None) == (reason in WITHOUT_A_TICKET)


def test_every_reason_that_the_decision_gives_has_a_scene() -> None:
    given_to_check_ins = {reason for _, reason in CHECK_INS.values()}
    assert given_to_check_ins == set(Reason) - {Reason.OVERRIDDEN, Reason.NOT_INSIDE, Reason.ANNULLED, Reason.PRACTICE}


# --- the order of the questions --------------------------------------------------------------------------------------

EVERY_FAULT = Scene(
    lookup=Lookup((), None, complete=False, age_s=10**9),
    history={"t-1": passages(IN), "t-2": passages(IN)},
    rules=Rules({FEST: SEATS_ONLY}, entry_permissions=frozenset({"north"}), check_timeslots=True),
    flaw="not text",
)
WORST = replace(
    TICKET, event_id=OTHER, status="INVALID", expires_at=at(1), excluded_event_ids=frozenset({FEST}), slot_start=at(11)
)
OURS = replace(WORST, event_id=FEST)
ALL_OF_OURS = replace(EVERY_FAULT, flaw=None, lookup=listed(OURS))


def so_far(**changes: object) -> Scene:
    """Return every fault that a ticket of ours can have, but for these, mended."""
    return replace(ALL_OF_OURS, lookup=listed(replace(OURS, **changes)))  # type: ignore[arg-type]


NOT_EXPIRED = {"status": "VALID", "expires_at": None}
NOT_EXCLUDED = {**NOT_EXPIRED, "excluded_event_ids": frozenset()}
RIGHT_TYPE = {**NOT_EXCLUDED, "ticket_type_id": "seat"}
ENTITLED = {**RIGHT_TYPE, "entry": frozenset({"north"})}
IN_TIME = {**ENTITLED, "slot_start": NOW}

MENDED_ONE_BY_ONE: list[tuple[Reason, Scene]] = [
    (Reason.UNREADABLE, replace(EVERY_FAULT, lookup=replace(listed(OURS, OURS, reissued=WORST), age_s=None))),
    (Reason.UNREADABLE, EVERY_FAULT),
    (Reason.UNKNOWN, replace(EVERY_FAULT, flaw=None, lookup=listed())),
    (Reason.UNKNOWN_STALE, replace(EVERY_FAULT, flaw=None)),
    (Reason.REISSUED, replace(EVERY_FAULT, flaw=None, lookup=listed(WORST, reissued=OURS, age_s=None))),
    (Reason.AMBIGUOUS, replace(EVERY_FAULT, flaw=None, lookup=listed(WORST, OURS, replace(OURS, id="t-2")))),
    (Reason.WRONG_EVENT, replace(EVERY_FAULT, flaw=None, lookup=listed(WORST))),
    (Reason.INVALID, ALL_OF_OURS),
    (Reason.NOT_ISSUED, so_far(status="BLANK")),
    (Reason.DETAILS_REQUIRED, so_far(status="DETAILSREQUIRED")),
    (Reason.UNKNOWN_STATUS, so_far(status="NEW")),
    (Reason.EXPIRED, so_far(status="VALID")),
    (Reason.EXCLUDED, so_far(**NOT_EXPIRED)),
    (Reason.TICKET_TYPE, so_far(**NOT_EXCLUDED)),
    (Reason.NO_ENTRY, so_far(**RIGHT_TYPE)),
    (Reason.TOO_EARLY, so_far(**ENTITLED)),
    (Reason.TOO_LATE, so_far(**{**ENTITLED, "slot_start": at(9)})),
    (Reason.CLOCK_NOT_SET, replace(so_far(**IN_TIME), now=None, rules=replace(ALL_OF_OURS.rules, needs_clock=True))),
    (Reason.ALREADY_IN, so_far(**IN_TIME)),
    (Reason.OK, replace(so_far(**IN_TIME), history={})),
]


@pytest.mark.parametrize(("reason", "scene"), MENDED_ONE_BY_ONE, ids=lambda value: str(value)[:16])
def test_the_first_fault_gives_the_reason(reason: Reason, scene: Scene) -> None:
    assert scene.decided().reason is reason


def test_the_faults_come_in_the_order_in_which_the_reasons_are_documented() -> None:
    mended = [reason for reason, _ in MENDED_ONE_BY_ONE[1:-1]]
    assert mended == list(Reason)[list(Reason).index(Reason.UNREADABLE) :]
    assert " ".join(mended) == (
        "unreadable unknown unknown_stale reissued ambiguous wrong_event invalid not_issued details_required "
        "unknown_status expired excluded ticket_type no_entry too_early too_late clock_not_set already_in"
    )


def test_what_was_admitted_without_a_look_at_the_time_says_so_and_nothing_else_does() -> None:
    assert with_ticket(RULES, None, expires_at=at(1)).decided().untimed
    assert slot(None).decided().untimed
    for scene in (with_ticket(RULES, None), with_ticket(RULES, None, slot_start=NOW), slot(NOW), with_ticket()):
        assert not scene.decided().untimed


# --- check-outs ------------------------------------------------------------------------------------------------------


def out(lookup: Lookup, rules: Rules = RULES, **history: tuple[Passage, ...]) -> Scene:
    return Scene(lookup, {key.replace("_", "-"): value for key, value in history.items()}, rules, direction=OUT)


ELSEWHERE = replace(TICKET, id="t-2", event_id=OTHER)
CHECK_OUTS: dict[str, tuple[Scene, Reason, str | None]] = {
    "inside": (out(listed(TICKET), t_1=passages(IN)), Reason.OK, "t-1"),
    "inside by the gate's own direction": (
        Scene(history={"t-1": passages(IN)}, rules=replace(RULES, direction=OUT)),
        Reason.OK,
        "t-1",
    ),
    "C3.38 never in": (out(listed(TICKET)), Reason.NOT_INSIDE, "t-1"),
    "C3.38 out already": (out(listed(TICKET), t_1=passages(IN, OUT)), Reason.NOT_INSIDE, "t-1"),
    "in twice, out once": (out(listed(TICKET), t_1=passages(IN, IN, OUT)), Reason.OK, "t-1"),
    "in again after out": (out(listed(TICKET), t_1=passages(IN, OUT, IN)), Reason.OK, "t-1"),
    "C3.39 every fault, and inside": (
        replace(ALL_OF_OURS, direction=OUT),
        Reason.OK,
        "t-1",
    ),
    "C3.39 every fault, and not inside": (
        replace(ALL_OF_OURS, direction=OUT, history={}),
        Reason.NOT_INSIDE,
        "t-1",
    ),
    "C5.52 cancelled while inside": (
        out(listed(replace(TICKET, status="INVALID")), t_1=passages(IN)),
        Reason.OK,
        "t-1",
    ),
    "of another event": (out(listed(ELSEWHERE), t_2=passages(IN)), Reason.OK, "t-2"),
    "on an old list": (out(listed(TICKET, complete=False, age_s=None), t_1=passages(IN)), Reason.OK, "t-1"),
    "with the code it had before": (out(listed(reissued=TICKET), t_1=passages(IN)), Reason.OK, "t-1"),
    "with the code it had before, not inside": (out(listed(reissued=TICKET)), Reason.NOT_INSIDE, "t-1"),
    "the one inside had the code before": (out(listed(TWIN, reissued=TICKET), t_1=passages(IN)), Reason.OK, "t-1"),
    "nobody inside: the one that has the code now": (out(listed(TWIN, reissued=TICKET)), Reason.NOT_INSIDE, "t-2"),
    "ambiguous, the second inside": (out(listed(TICKET, TWIN), BOTH, t_2=passages(IN)), Reason.OK, "t-2"),
    "ambiguous, both inside": (
        out(listed(TICKET, TWIN), BOTH, t_1=passages(IN), t_2=passages(IN)),
        Reason.OK,
        "t-1",
    ),
    "ambiguous, none inside": (out(listed(TICKET, TWIN), BOTH), Reason.NOT_INSIDE, "t-1"),
    "of two events, none inside: ours": (out(listed(ELSEWHERE, TICKET)), Reason.NOT_INSIDE, "t-1"),
    "of two events, both inside: ours": (
        out(listed(ELSEWHERE, TICKET), t_1=passages(IN), t_2=passages(IN)),
        Reason.OK,
        "t-1",
    ),
    "of two events, the other inside": (out(listed(ELSEWHERE, TICKET), t_2=passages(IN)), Reason.OK, "t-2"),
    "unknown": (out(listed()), Reason.UNKNOWN, None),
    "unknown on an old list": (out(listed(age_s=86_401)), Reason.UNKNOWN_STALE, None),
    "unknown on an incomplete list": (out(listed(complete=False)), Reason.UNKNOWN_STALE, None),
    "unreadable": (replace(out(listed(TICKET)), flaw="not text"), Reason.UNREADABLE, None),
}


@pytest.mark.parametrize(("scene", "reason", "ticket"), CHECK_OUTS.values(), ids=CHECK_OUTS)
def test_a_check_out_asks_only_whether_the_ticket_is_known(scene: Scene, reason: Reason, ticket: str | None) -> None:
    verdict = scene.decided()
    assert verdict.reason is reason
    assert verdict.result is (Result.DECLINED if ticket is None else Result.APPROVED)
    assert verdict.direction is OUT
    assert (verdict.ticket.id if verdict.ticket is not None else None) == ticket


@pytest.mark.parametrize(("asked", "rule"), [(IN, OUT), (OUT, IN)])
def test_a_scanner_may_override_the_direction_of_its_gate(asked: Direction, rule: Direction) -> None:
    assert Scene(rules=replace(RULES, direction=rule), direction=asked).decided().direction is asked
    assert Scene(flaw="x", rules=replace(RULES, direction=rule), direction=asked).decided().direction is asked


# --- facts -----------------------------------------------------------------------------------------------------------

NORTH = replace(
    RULES,
    entry_permissions=frozenset({"north"}),
    entrances={"south": "Gate S", "upper south": "Gate S", "south-east": "Gate SE", "west": "Gate W", "east": "Gate E"},
)


def no_entry(*permissions: str) -> Scene:
    return with_ticket(NORTH, entry=frozenset(permissions))


FACTS: dict[str, tuple[Scene, dict[str, str]]] = {
    "admitted": (Scene(), {}),
    "the flaw": (Scene(flaw="not text"), {"flaw": "not text"}),
    "unknown": (Scene(listed()), {}),
    "unknown, out": (out(listed()), {}),
    "out": (out(listed(TICKET)), {}),
    "how many tickets have the code": (Scene(listed(TICKET, TWIN, ELSEWHERE), rules=BOTH), {"count": "2"}),
    "C4.48 the other event by its name": (with_ticket(event_id=GALA), {"event": "The Gala"}),
    "C4.48 the first of other events": (Scene(listed(ELSEWHERE, TWIN)), {"event": "Another Evening"}),
    "C4.48 an event without a name by its id": (with_ticket(event_id="6f1a"), {"event": "6f1a"}),
    "the status": (with_ticket(status="RESERVED"), {"status": "RESERVED"}),
    "a status that is no word": (with_ticket(status="X" * 33), {"status": "X" * 32}),
    "when it expired": (with_ticket(expires_at=at(9)), {"at": "2026-06-01T09:00:00+00:00"}),
    "excluded": (with_ticket(excluded_event_ids=frozenset({FEST})), {}),
    "the type by its name": (with_ticket(selected(fest=SEATS_ONLY)), {"type": "Standing"}),
    "a type without a name by its id": (
        with_ticket(selected(fest=SEATS_ONLY), ticket_name=None),
        {"type": "standing"},
    ),
    "no entry": (with_ticket(replace(RULES, entry_permissions=frozenset({"north"}))), {}),
    "no entry, and where there is one": (no_entry("south"), {"entrance": "Gate S"}),
    "no entry, and by which of several, each told once": (
        no_entry("west", "south", "upper south", "south-east"),
        {"entrance": "Gate S, Gate SE, Gate W"},
    ),
    "no entry, and no more of them than a guest can keep in mind": (
        no_entry("east", "west", "south", "south-east"),
        {"entrance": "Gate E, Gate S, Gate SE"},
    ),
    "no entry, and nobody has said where there is one": (no_entry("elsewhere"), {}),
    "no entry, and the type has an entrance": (
        with_ticket(replace(NORTH, entrances={"standing": "Gate T"})),
        {"entrance": "Gate T"},
    ),
    "the type, and where it goes in": (
        with_ticket(replace(selected(fest=SEATS_ONLY), entrances={"standing": "Gate T"})),
        {"type": "Standing", "entrance": "Gate T"},
    ),
    "C2.30 from when": (slot(at(9, 44)), {"at": "2026-06-01T09:45:00+00:00"}),
    "C2.30 until when": (slot(at(10, 31)), {"at": "2026-06-01T10:30:00+00:00"}),
    "C2.30 from when, at the end of the calendar": (
        slot(NOW, LAST, before_m=0.5),
        {"at": "9999-12-31T23:59:29.999999+00:00"},
    ),
    "C3.34 since when and at which gate": (
        with_history(IN),
        {"at": "2026-06-01T08:00:00+00:00", "gate": "gate-1"},
    ),
    "C3.37 the last of several": (
        with_history(IN, OUT, IN, OUT),
        {"at": "2026-06-01T08:02:00+00:00", "gate": "gate-1"},
    ),
    "C6.54 at a gate without a name": (
        Scene(history={TICKET.id: passages(IN, gate=None)}),
        {"at": "2026-06-01T08:00:00+00:00", "gate": ""},
    ),
    "a code that has changed": (Scene(listed(reissued=TICKET)), {}),
}


@pytest.mark.parametrize(("scene", "facts"), FACTS.values(), ids=FACTS)
def test_a_verdict_brings_the_facts_of_its_sentence(scene: Scene, facts: dict[str, str]) -> None:
    assert dict(scene.decided().facts) == facts


def test_a_declined_ticket_is_named_in_the_verdict() -> None:
    assert Scene(listed(reissued=TWIN)).decided().ticket == TWIN
    assert Scene(listed(ELSEWHERE, TWIN)).decided().ticket == ELSEWHERE
    assert with_history(IN).decided().ticket == TICKET


def test_history_is_asked_for_the_one_ticket_that_is_meant_and_only_then() -> None:
    asked: list[str] = []

    def history(ticket: Ticket) -> Sequence[Passage]:
        asked.append(ticket.id)
        return ()

    reading = Reading("left", "CODE-0001", b"", Moment(NOW, 1, "boot"))
    for lookup in (listed(), listed(TICKET, TWIN), listed(reissued=TICKET), listed(replace(TICKET, status="INVALID"))):
        decide(reading, lookup, history, BOTH, NOW)
    assert asked == []
    decide(reading, listed(ELSEWHERE, TICKET), history, RULES, NOW)
    assert asked == ["t-1"]


@pytest.mark.parametrize(
    ("directions", "expected"),
    [((), False), ((IN,), True), ((OUT,), False), ((IN, OUT), False), ((OUT, IN), False), ((IN, OUT, IN), True)],
)
def test_inside_is_in_more_often_than_out(directions: tuple[Direction, ...], expected: bool) -> None:
    assert inside(passages(*directions)) is expected
    assert inside(iter(passages(*directions))) is expected


# --- laws ------------------------------------------------------------------------------------------------------------

LAW = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
KNOWN_STATUSES = ["VALID", "INVALID", "RESERVED", "BLANK", "DETAILSREQUIRED"]
EVENTS = st.sampled_from([FEST, GALA, OTHER, SERIES])
MOMENTS = st.sampled_from([FIRST, LAST, NOW]) | st.datetimes(timezones=st.just(UTC))
MARGINS = st.sampled_from([0.0, 1.0, 900.0, 1e9, 1e18, float("inf")]) | st.floats(0)
DIRECTIONS = st.sampled_from(Direction)
WORDS = st.frozensets(st.sampled_from(["north", "south", "standing", "seat"]), max_size=2)
TICKETS = st.builds(
    Ticket,
    id=st.sampled_from(["t-1", "t-2", "t-3"]),
    barcode=st.just("CODE-0001"),
    event_id=EVENTS,
    ticket_type_id=st.sampled_from(["standing", "seat"]),
    ticket_name=st.none() | st.text(max_size=5),
    status=st.sampled_from(KNOWN_STATUSES) | st.text(max_size=40),
    entry=WORDS,
    slot_start=st.none() | MOMENTS,
    expires_at=st.none() | MOMENTS,
    excluded_event_ids=st.frozensets(EVENTS, max_size=1),
    parent_event_id=st.none() | EVENTS,
)
PASSAGES = st.lists(st.builds(Passage, DIRECTIONS, MOMENTS, st.none() | st.text(max_size=5)), max_size=6)
LOOKUPS = st.builds(
    Lookup,
    st.lists(TICKETS, max_size=3).map(tuple),
    st.none() | TICKETS,
    st.booleans(),
    st.none() | st.floats(0),
    st.dictionaries(EVENTS, st.text(max_size=5)),
)
ALL_RULES = st.builds(
    Rules,
    st.dictionaries(EVENTS, st.builds(EventRules, st.none() | WORDS, MARGINS, MARGINS)),
    DIRECTIONS,
    WORDS,
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.floats(0, exclude_min=True),
)
SCENES = st.builds(
    Scene,
    LOOKUPS,
    st.fixed_dictionaries({"t-1": PASSAGES, "t-2": PASSAGES, "t-3": PASSAGES}),
    ALL_RULES,
    MOMENTS,
    st.none() | st.sampled_from(["", "not text"]),
    st.none() | DIRECTIONS,
)


@LAW
@given(SCENES)
@example(slot(NOW, start=FIRST))
@example(slot(LAST, start=FIRST, after_m=1e300))
def test_whatever_the_facts_are_there_is_a_verdict_and_it_agrees_with_itself(scene: Scene) -> None:
    verdict = scene.decided()
    assert verdict == scene.decided()
    approved = {Reason.OK} if verdict.direction is IN else {Reason.OK, Reason.NOT_INSIDE}
    assert (verdict.result is Result.APPROVED) == (verdict.reason in approved)
    assert (verdict.ticket is None) == (verdict.reason in WITHOUT_A_TICKET)
    assert verdict.direction is (scene.direction or scene.rules.direction)
    assert all(isinstance(fact, str) for fact in verdict.facts.values())


@LAW
@given(SCENES, st.sampled_from(["", "keys were lost"]))
def test_a_flawed_reading_is_always_unreadable(scene: Scene, flaw: str) -> None:
    verdict = replace(scene, flaw=flaw).decided()
    assert (verdict.reason, verdict.result, verdict.ticket) == (Reason.UNREADABLE, Result.DECLINED, None)


@LAW
@given(SCENES, st.text().filter(lambda text: text not in KNOWN_STATUSES))
def test_an_unknown_status_is_never_admitted(scene: Scene, status: str) -> None:
    tickets = tuple(replace(ticket, status=status) for ticket in scene.lookup.tickets)
    verdict = replace(scene, lookup=replace(scene.lookup, tickets=tickets), direction=IN).decided()
    assert verdict.result is Result.DECLINED


@LAW
@given(SCENES, st.sampled_from(["INVALID", "RESERVED", "BLANK"]))
def test_no_rule_admits_a_ticket_that_is_not_valid(scene: Scene, status: str) -> None:
    tickets = tuple(replace(ticket, status=status) for ticket in scene.lookup.tickets)
    verdict = replace(scene, lookup=replace(scene.lookup, tickets=tickets), direction=IN).decided()
    assert verdict.result is Result.DECLINED


@LAW
@given(SCENES)
def test_a_known_ticket_can_always_leave(scene: Scene) -> None:
    verdict = replace(scene, flaw=None, direction=OUT).decided()
    known = bool(scene.lookup.tickets) or scene.lookup.reissued is not None
    assert verdict.result is (Result.APPROVED if known else Result.DECLINED)


@LAW
@given(SCENES, st.data())
def test_the_times_in_a_history_decide_nothing(scene: Scene, data: st.DataObject) -> None:
    """But for the fact that is shown: since when."""
    other = {
        ticket: [replace(passage, at=data.draw(MOMENTS)) for passage in history]
        for ticket, history in scene.history.items()
    }
    verdict, elsewhen = scene.decided(), replace(scene, history=other).decided()
    assert replace(verdict, facts={}) == replace(elsewhen, facts={})


def play(attempts: Sequence[Direction], multi: bool) -> tuple[list[Direction], list[Verdict]]:
    """Let one ticket come to the door again and again; return what was approved and every verdict."""
    approved: list[Direction] = []
    verdicts = []
    for direction in attempts:
        verdict = with_history(*approved, multi=multi, direction=direction).decided()
        verdicts.append(verdict)
        if verdict.result is Result.APPROVED:
            approved.append(direction)
    return approved, verdicts


@LAW
@given(st.lists(DIRECTIONS, max_size=12), st.booleans())
def test_a_declined_check_in_changes_nothing(attempts: list[Direction], multi: bool) -> None:
    approved, verdicts = play(attempts, multi)
    again, verdicts_again = play(approved, multi)
    assert again == approved
    assert verdicts_again == [verdict for verdict in verdicts if verdict.result is Result.APPROVED]


@LAW
@given(st.lists(DIRECTIONS, max_size=12))
def test_nobody_is_inside_twice(attempts: list[Direction]) -> None:
    for multi in (False, True):
        approved, _ = play(attempts, multi)
        balances = [approved[:length].count(IN) - approved[:length].count(OUT) for length in range(len(approved) + 1)]
        assert max(balances) <= 1
        assert multi or approved.count(IN) <= 1


@LAW
@given(st.lists(DIRECTIONS, max_size=8))
def test_in_and_out_again_leaves_everything_as_it_was(before: list[Direction]) -> None:
    after = [*before, IN, OUT]
    assert inside(passages(*before)) == inside(passages(*after))
    for direction in Direction:
        then = with_history(*before, multi=True, direction=direction).decided()
        now = with_history(*after, multi=True, direction=direction).decided()
        assert replace(then, facts={}) == replace(now, facts={})


@LAW
@given(st.lists(DIRECTIONS, max_size=8))
def test_in_again_is_allowed_once_out_as_often_as_in(before: list[Direction]) -> None:
    admitted = with_history(*before, multi=True).decided().result is Result.APPROVED
    assert admitted == (before.count(OUT) >= before.count(IN))


@LAW
@given(st.timedeltas(timedelta(hours=-2), timedelta(hours=2)), st.integers(0, 60), st.integers(0, 60))
def test_a_timeslot_is_one_stretch_with_both_its_ends(offset: timedelta, before_m: int, after_m: int) -> None:
    reason = slot(NOW + offset, before_m=before_m, after_m=after_m).decided().reason
    early, late = offset < -timedelta(minutes=before_m), offset > timedelta(minutes=after_m)
    assert reason is (Reason.TOO_EARLY if early else Reason.TOO_LATE if late else Reason.OK)
