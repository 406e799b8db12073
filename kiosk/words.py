"""What a reason says to a person: one word for three metres, one sentence for thirty centimetres."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from kiosk.model import Direction, Reason, Result, Verdict

SENTENCES = {
    Reason.OK: "Welcome",
    Reason.OVERRIDDEN: "Admitted by staff",
    Reason.NOT_INSIDE: "Out, but was not checked in: have a look",
    Reason.ANNULLED: "The admission was taken back: may come in again",
    Reason.UNREADABLE: "The code could not be read ({flaw}): scan again",
    Reason.UNKNOWN: "This code is not on the list",
    Reason.UNKNOWN_STALE: "Not on the list, but the list is missing, incomplete or old: see staff",
    Reason.REISSUED: "This ticket has a new code: ask for the new one",
    Reason.AMBIGUOUS: "{count} tickets have this code: see staff",
    Reason.WRONG_EVENT: "Ticket is for another event: {event}",
    Reason.INVALID: "This ticket was cancelled",
    Reason.NOT_ISSUED: "This ticket was never issued ({status})",
    Reason.DETAILS_REQUIRED: "This ticket lacks its holder's details: see staff",
    Reason.UNKNOWN_STATUS: "This ticket has a status this kiosk does not know ({status}): see staff",
    Reason.EXPIRED: "This ticket expired at {at}",
    Reason.EXCLUDED: "This ticket excludes this event",
    Reason.TICKET_TYPE: "{type} is not admitted at this gate",
    Reason.NO_ENTRY: "This ticket has no permission for this entry",
    Reason.TOO_EARLY: "Too early: from {at}",
    Reason.TOO_LATE: "Too late: until {at}",
    Reason.CLOCK_NOT_SET: "This kiosk's clock is not set, and this ticket is only good at some time: see staff",
    Reason.ALREADY_IN: "Already in since {at}{gate}",
}
GOODBYE = "Goodbye"
UNTIMED = "Admitted, but not by time: this kiosk's clock is not set"
NOT_YET = "Not on the list yet: scan again in a moment"
NOT_RECORDED = "This scan cannot be recorded: see staff"


def sentence(verdict: Verdict, now: datetime) -> str:
    """Say a verdict in words; times are given in the kiosk's local time, with their day when that is not `now`'s."""
    if verdict.reason is Reason.OK and verdict.direction is Direction.CHECKOUT:
        return GOODBYE
    if verdict.unanswered:
        return NOT_YET
    if verdict.untimed and verdict.result is Result.APPROVED:
        return UNTIMED
    return SENTENCES[verdict.reason].format_map(_Facts(verdict.facts, now))


def headline(verdict: Verdict) -> str:
    """The one large word over the verdict."""
    if verdict.result is Result.DECLINED:
        return "STOP"
    return "OUT" if verdict.direction is Direction.CHECKOUT else "OK"


def stamp(at: datetime) -> str:
    """Write a UTC time as the cloud and our own JSON do: ISO 8601, milliseconds, `Z`."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def plain(text: str) -> str:
    """Return of somebody else's text what a terminal may be given: no control character, no change of direction."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


class _Facts(dict[str, str]):
    """Facts as a person reads them; one that is missing leaves a gap instead of an error."""

    def __init__(self, facts: Mapping[str, str], now: datetime) -> None:
        super().__init__(facts)
        if "at" in self:
            self["at"] = _clock(datetime.fromisoformat(self["at"]), now)
        self["gate"] = f" at {self['gate']}" if self.get("gate") else ""

    def __missing__(self, name: str) -> str:
        return "?"


def _clock(at: datetime, now: datetime) -> str:
    try:
        local = at.astimezone()
    except OverflowError:  # an end of the calendar, where local time has left it: sellers write 9999 for "never"
        local = at
    return f"{local:%H:%M}" if local.date() == now.astimezone().date() else f"{local:%a %d %b %H:%M}"
