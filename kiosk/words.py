"""What a reason says to a person: a word or two for three metres, one sentence for thirty centimetres.

The English texts stand here and name themselves in the catalogues of `languages/`; what a page says by itself stands
in the page, and what staff are told by a program in its own file. Only constants in capitals are looked through for
texts: `tests/texts.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from kiosk.model import Direction, Notice, Reason, Result, Verdict


class Plural(NamedTuple):
    """A text that depends on its `{count}`, in English, which has two forms of it."""

    one: str
    many: str


Text = str | Plural


class Headline(StrEnum):
    """The large words over a verdict: one for each thing to do."""

    OK = "OK"
    OUT = "OUT"
    STOP = "STOP"
    AGAIN = "SCAN AGAIN"
    STAFF = "SEE STAFF"
    CLOSED = "CLOSED"


SENTENCES: Mapping[Reason, Text] = {
    Reason.OK: "Welcome",
    Reason.OVERRIDDEN: "Admitted by staff",
    Reason.NOT_INSIDE: "Out, but was not checked in: have a look",
    Reason.ANNULLED: "The admission was taken back: may come in again",
    Reason.PRACTICE: "This code is for practice, and practice is off",
    Reason.UNREADABLE: "The code could not be read: scan again",
    Reason.UNKNOWN: "This code is not on the list",
    Reason.UNKNOWN_STALE: "Not on the list, but the list is missing or old: see staff",
    Reason.REISSUED: "This ticket has a new code: ask for the new one",
    Reason.AMBIGUOUS: Plural("{count} ticket has this code: see staff", "{count} tickets have this code: see staff"),
    Reason.WRONG_EVENT: "Ticket is for another event: {event}",
    Reason.INVALID: "This ticket was cancelled",
    Reason.NOT_ISSUED: "This ticket was never issued",
    Reason.DETAILS_REQUIRED: "This ticket lacks its holder's details: see staff",
    Reason.UNKNOWN_STATUS: "Unknown ticket status ({status}): see staff",
    Reason.EXPIRED: "This ticket expired at {at}",
    Reason.EXCLUDED: "This ticket is not good for this event",
    Reason.TICKET_TYPE: "{type} is not admitted at this gate",
    Reason.NO_ENTRY: "Wrong entrance: ask for the right one",
    Reason.TOO_EARLY: "Too early: from {at}",
    Reason.TOO_LATE: "Too late: until {at}",
    Reason.CLOCK_NOT_SET: "This kiosk's clock is not set, and this ticket is only good at some time: see staff",
    Reason.ALREADY_IN: "Already in since {at}",
}
ALREADY_IN_BY = "Already in since {at} at {gate}"
GO_TO = "Wrong entrance: go to {entrance}"
GOODBYE = "Goodbye"
PRACTICE = "Practice: {said}"
PRACTICE_SHEET = "Practice"
PRACTICE_NOTE = "Marked as practice: never delivered, never counted, opens nothing"
UNTIMED = "Admitted, but not by time: this kiosk's clock is not set"
NOT_YET = "Not on the list yet: scan again in a moment"
NOTICES: Mapping[str, Text] = {
    Notice.NO_EVENT: "The gate is closed: no event is selected",
    Notice.NOT_RECORDED: "This scan cannot be recorded: see staff",
}
SEE_STAFF = frozenset(
    {Reason.UNKNOWN_STALE, Reason.AMBIGUOUS, Reason.DETAILS_REQUIRED, Reason.UNKNOWN_STATUS, Reason.CLOCK_NOT_SET}
)

JOURNAL_MENDED = Plural(
    "The journal was damaged: {count} scan was saved. Tell support",
    "The journal was damaged: {count} scans were saved. Tell support",
)
JOURNAL_LOST = Plural("{count} scan is lost", "{count} scans are lost")
JOURNAL_STRANGE = "Journal and second record were of two kiosks; the second is kept. Tell support"
JOURNAL_LACKS = "The journal lacks scans that the second record has. Tell support"
SCARCE = "Only {megabytes} MB are free on the disk"
LOW = "Only {megabytes} MB are free on the disk: no new ticket list is taken in, scans only while it lasts"

DAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
DATE = "{day} {date} {month} {time}"


@dataclass(frozen=True, slots=True)
class Language:
    """Our texts in one language, by their English (`one` of a plural); what is missing stays English.

    `form` says which of a plural's forms a number takes, as gettext's Plural-Forms do.
    """

    name: str = "en"
    texts: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    form: Callable[[int], int] = lambda count: int(count != 1)

    def say(self, text: Text, facts: Mapping[str, str] | None = None) -> str:
        """Return a text with its facts; one that is missing leaves a gap instead of an error."""
        return self._template(text, facts or {}).format_map(_Gaps(facts or {}))

    def again(self, sentence: str) -> str:
        """Return what another of our programs has said in English; what is no text of ours stays as it is."""
        found = self.texts.get(sentence, sentence)
        return found if isinstance(found, str) else sentence

    def _template(self, text: Text, facts: Mapping[str, str]) -> str:
        if isinstance(text, str):
            found = self.texts.get(text, text)
            return found if isinstance(found, str) else found[-1]
        count = facts.get("count", "")
        if not count.isdecimal():
            return self.texts.get(text.one, text)[-1]
        forms = self.texts.get(text.one)
        return forms[self.form(int(count))] if forms is not None else text[int(count) != 1]


ENGLISH = Language()


def told(text: str, facts: Mapping[str, str] | None = None) -> dict[str, object]:
    """Return a sentence as one program tells another of it: in English, and as what it is made of."""
    found = facts or {}
    return {"message": ENGLISH.say(text, found) if found else text, "text": text, "facts": found}


def sentence(verdict: Verdict, now: datetime, language: Language = ENGLISH) -> str:
    """Say a verdict in words; times are given in the kiosk's local time, with their day when that is not `now`'s."""
    facts = dict(verdict.facts)
    if "at" in facts:
        facts["at"] = _clock(datetime.fromisoformat(facts["at"]), now, language)
    if verdict.played is not None:
        return language.say(PRACTICE, {"said": language.say(_text(verdict), facts)})
    return language.say(_text(verdict), facts)


def _text(verdict: Verdict) -> Text:
    reason = verdict.played or verdict.reason
    if reason is Reason.OK and verdict.direction is Direction.CHECKOUT:
        return GOODBYE
    if verdict.unanswered:
        return NOT_YET
    if verdict.untimed and verdict.result is Result.APPROVED:
        return UNTIMED
    if reason is Reason.ALREADY_IN and verdict.facts.get("gate"):
        return ALREADY_IN_BY
    if verdict.facts.get("entrance"):
        return GO_TO
    return SENTENCES[reason]


def notice(key: str, language: Language = ENGLISH) -> str:
    """Say why an answer left no row; by a word that this version does not know it is at least told whom to ask."""
    return language.say(NOTICES.get(key, NOTICES[Notice.NOT_RECORDED]))


def journal(facts: Mapping[str, int | None], language: Language = ENGLISH) -> str:
    """Say what staff should know of a journal that was mended, or could not be."""
    saved, lost = facts.get("saved"), facts.get("lost")
    if saved is None:
        return language.say(JOURNAL_STRANGE if facts.get("strange") else JOURNAL_LACKS)
    said = language.say(JOURNAL_MENDED, {"count": str(saved)})
    return f"{language.say(JOURNAL_LOST, {'count': str(lost)})}. {said}" if lost else said


def headline(verdict: Verdict) -> Headline:
    """The large words over a verdict."""
    reason = verdict.played or verdict.reason
    if verdict.result is Result.APPROVED:
        return Headline.OUT if verdict.direction is Direction.CHECKOUT else Headline.OK
    if verdict.unanswered or reason is Reason.UNREADABLE:
        return Headline.AGAIN
    return Headline.STAFF if reason in SEE_STAFF else Headline.STOP


def stamp(at: datetime) -> str:
    """Write a UTC time as the cloud and our own JSON do: ISO 8601, milliseconds, `Z`."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def plain(text: str) -> str:
    """Return of somebody else's text what a terminal may be given: no control character, no change of direction."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


class _Gaps(dict[str, str]):
    def __missing__(self, name: str) -> str:
        return "?"


def _clock(at: datetime, now: datetime, language: Language) -> str:
    try:
        local = at.astimezone()
    except OverflowError:  # an end of the calendar, where local time has left it: sellers write 9999 for "never"
        local = at
    time = f"{local:%H:%M}"
    if local.date() == now.astimezone().date():
        return time
    day, month = language.say(DAYS[local.weekday()]), language.say(MONTHS[local.month - 1])
    return language.say(DATE, {"day": day, "date": str(local.day), "month": month, "time": time})
