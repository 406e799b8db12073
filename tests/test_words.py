"""What is said, to whom, and in which time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from kiosk import words
from kiosk.model import Direction, Notice, Reason, Result, Verdict
from kiosk.words import Language

APPROVING = {Reason.OK, Reason.OVERRIDDEN, Reason.NOT_INSIDE}
IN, OUT = Direction.CHECKIN, Direction.CHECKOUT
NOW = datetime(2026, 6, 1, 20, 30, tzinfo=UTC)

# Spelled out, so that no zone files are needed.
BERLIN, NEW_YORK = "CET-1CEST,M3.5.0,M10.5.0/3", "EST5EDT,M3.2.0,M11.1.0"
TOKYO, KIRITIMATI = "JST-9", "<+14>-14"


@pytest.fixture
def in_zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Move the kiosk to another time zone, and home again."""

    def move(zone: str) -> None:
        monkeypatch.setenv("TZ", zone)
        time.tzset()

    yield move
    monkeypatch.undo()
    time.tzset()


def verdict(reason: Reason, direction: Direction = IN, **facts: str) -> Verdict:
    return Verdict(direction, Result.APPROVED if reason in APPROVING else Result.DECLINED, reason, facts=facts)


SAID: dict[str, tuple[Verdict, str]] = {
    "admitted": (verdict(Reason.OK), "Welcome"),
    "out": (verdict(Reason.OK, OUT), "Goodbye"),
    "out without having been in": (verdict(Reason.NOT_INSIDE, OUT), "Out, but was not checked in: have a look"),
    "by staff": (verdict(Reason.OVERRIDDEN), "Admitted by staff"),
    "unreadable": (
        verdict(Reason.UNREADABLE, flaw="keys were lost"),
        "The code could not be read: scan again",
    ),
    "unknown": (verdict(Reason.UNKNOWN), "This code is not on the list"),
    "stale": (
        verdict(Reason.UNKNOWN_STALE),
        "Not on the list, but the list is missing or old: see staff",
    ),
    "unanswered": (verdict(Reason.UNKNOWN, unanswered="look-up"), "Not on the list yet: scan again in a moment"),
    "unanswered, and stale": (
        verdict(Reason.UNKNOWN_STALE, OUT, unanswered="look-up"),
        "Not on the list yet: scan again in a moment",
    ),
    "reissued": (verdict(Reason.REISSUED), "This ticket has a new code: ask for the new one"),
    "practice, which is off": (verdict(Reason.PRACTICE), "This code is for practice, and practice is off"),
    "practice": (verdict(Reason.PRACTICE, played="invalid"), "Practice: This ticket was cancelled"),
    "practice of an exit": (verdict(Reason.PRACTICE, OUT, played="ok"), "Practice: Goodbye"),
    "annulled": (verdict(Reason.ANNULLED, annuls="7"), "The admission was taken back: may come in again"),
    "ambiguous": (verdict(Reason.AMBIGUOUS, count="2"), "2 tickets have this code: see staff"),
    "another event": (verdict(Reason.WRONG_EVENT, event="The Gala"), "Ticket is for another event: The Gala"),
    "invalid": (verdict(Reason.INVALID, status="INVALID"), "This ticket was cancelled"),
    "not issued": (verdict(Reason.NOT_ISSUED, status="BLANK"), "This ticket was never issued"),
    "details": (
        verdict(Reason.DETAILS_REQUIRED, status="DETAILSREQUIRED"),
        "This ticket lacks its holder's details: see staff",
    ),
    "unknown status": (
        verdict(Reason.UNKNOWN_STATUS, status="{flaw}"),
        "Unknown ticket status ({flaw}): see staff",
    ),
    "expired": (verdict(Reason.EXPIRED, at="2026-06-01T18:00:00+00:00"), "This ticket expired at 18:00"),
    "excluded": (verdict(Reason.EXCLUDED), "This ticket is not good for this event"),
    "type": (verdict(Reason.TICKET_TYPE, type="Balcony"), "Balcony is not admitted at this gate"),
    "no entry": (verdict(Reason.NO_ENTRY), "Wrong entrance: ask for the right one"),
    "no entry here": (verdict(Reason.NO_ENTRY, entrance="Gate C"), "Wrong entrance: go to Gate C"),
    "a type of another entrance": (
        verdict(Reason.TICKET_TYPE, type="Standing", entrance="Gate C"),
        "Wrong entrance: go to Gate C",
    ),
    "early": (verdict(Reason.TOO_EARLY, at="2026-06-01T21:45:00+00:00"), "Too early: from 21:45"),
    "late": (verdict(Reason.TOO_LATE, at="2026-06-01T20:29:59+00:00"), "Too late: until 20:29"),
    "clock not set": (
        verdict(Reason.CLOCK_NOT_SET, clock="not set"),
        "This kiosk's clock is not set, and this ticket is only good at some time: see staff",
    ),
    "admitted without a look at the time": (
        verdict(Reason.OK, clock="not set"),
        "Admitted, but not by time: this kiosk's clock is not set",
    ),
    "in": (
        verdict(Reason.ALREADY_IN, at="2026-06-01T19:02:00+00:00", gate="gate-south"),
        "Already in since 19:02 at gate-south",
    ),
    "in at a gate without a name": (
        verdict(Reason.ALREADY_IN, at="2026-06-01T19:02:00+00:00", gate=""),
        "Already in since 19:02",
    ),
    "ambiguous, but for one": (verdict(Reason.AMBIGUOUS, count="1"), "1 ticket has this code: see staff"),
    "a missing fact": (verdict(Reason.AMBIGUOUS), "? tickets have this code: see staff"),
    "missing times": (verdict(Reason.ALREADY_IN), "Already in since ?"),
    "braces in a fact": (verdict(Reason.WRONG_EVENT, event="{0} {at}"), "Ticket is for another event: {0} {at}"),
}


@pytest.mark.parametrize(("given", "sentence"), SAID.values(), ids=SAID)
def test_a_verdict_is_said_in_one_sentence(given: Verdict, sentence: str, in_zone: Callable[[str], None]) -> None:
    in_zone("UTC")
    assert words.sentence(given, NOW) == sentence


def test_every_reason_has_its_sentence() -> None:
    assert set(words.SENTENCES) == set(Reason)
    assert {given.reason for given, _ in SAID.values()} == set(Reason)
    assert len(set(words.SENTENCES.values())) == len(Reason)


@pytest.mark.parametrize(
    ("zone", "at", "said"),
    [
        (BERLIN, "2026-06-01T18:00:00+00:00", "20:00"),
        (BERLIN, "2026-01-01T18:00:00+00:00", "Thu 1 Jan 19:00"),
        (BERLIN, "2026-06-01T21:59:00+00:00", "23:59"),
        (BERLIN, "2026-06-01T22:00:00+00:00", "Tue 2 Jun 00:00"),
        (BERLIN, "2026-05-31T22:00:00+00:00", "00:00"),
        (BERLIN, "2026-06-01T18:00:00+02:00", "18:00"),
        (NEW_YORK, "2026-06-01T18:00:00+00:00", "14:00"),
        (NEW_YORK, "2026-06-01T03:59:00+00:00", "Sun 31 May 23:59"),
        (TOKYO, "2026-06-01T14:59:00+00:00", "Mon 1 Jun 23:59"),
        (TOKYO, "2026-06-01T15:00:00+00:00", "00:00"),
        ("UTC", "2025-06-01T18:00:00+00:00", "Sun 1 Jun 18:00"),
    ],
)
def test_times_are_the_doors_own_with_their_day_when_it_is_not_today(
    zone: str, at: str, said: str, in_zone: Callable[[str], None]
) -> None:
    in_zone(zone)
    assert words.sentence(verdict(Reason.EXPIRED, at=at), NOW) == f"This ticket expired at {said}"


@pytest.mark.parametrize("zone", ["UTC", NEW_YORK, BERLIN, KIRITIMATI])
@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+00:00", "9999-12-31T23:59:59.999999+00:00"])
def test_a_time_at_an_end_of_the_calendar_is_said_somehow(zone: str, at: str, in_zone: Callable[[str], None]) -> None:
    in_zone(zone)
    assert words.sentence(verdict(Reason.EXPIRED, at=at), NOW).startswith("This ticket expired at ")


@pytest.mark.parametrize(
    ("given", "word"),
    [
        (verdict(Reason.OK), "OK"),
        (verdict(Reason.OVERRIDDEN), "OK"),
        (verdict(Reason.OK, OUT), "OUT"),
        (verdict(Reason.NOT_INSIDE, OUT), "OUT"),
        (verdict(Reason.UNKNOWN), "STOP"),
        (verdict(Reason.UNKNOWN, OUT), "STOP"),
        (verdict(Reason.ALREADY_IN), "STOP"),
        (verdict(Reason.UNREADABLE), "SCAN AGAIN"),
        (verdict(Reason.UNKNOWN, unanswered="look-up"), "SCAN AGAIN"),
        (verdict(Reason.UNKNOWN_STALE), "SEE STAFF"),
        (verdict(Reason.UNKNOWN_STALE, unanswered="look-up"), "SCAN AGAIN"),
    ],
)
def test_one_large_word_stands_over_a_verdict(given: Verdict, word: str) -> None:
    assert words.headline(given) == word


@pytest.mark.parametrize("reason", [reason for reason in Reason if reason not in APPROVING])
def test_who_is_told_to_see_staff_in_small_is_told_so_in_large(reason: Reason) -> None:
    text = words.SENTENCES[reason]
    small = (text if isinstance(text, str) else text.many).endswith("see staff")
    assert small == (words.headline(verdict(reason)) is words.Headline.STAFF)


@pytest.mark.parametrize("key", [*Notice, "of a newer gate"])
def test_an_answer_without_a_row_is_said_whatever_the_gate_calls_it(key: str) -> None:
    assert words.notice(key) == words.NOTICES.get(key, "This scan cannot be recorded: see staff")
    assert set(words.NOTICES) == set(Notice)


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"saved": 40, "lost": 0}, "The journal was damaged: 40 scans were saved. Tell support"),
        ({"saved": 1, "lost": 2}, "2 scans are lost. The journal was damaged: 1 scan was saved. Tell support"),
        ({"saved": None, "lost": None}, "The journal lacks scans that the second record has. Tell support"),
    ],
)
def test_staff_are_told_of_a_mended_journal(facts: dict[str, int | None], said: str) -> None:
    assert words.journal(facts) == said


DUTCH = Language("nl", {"Welcome": "Welkom", "Mon": "ma", "{day} {date} {month} {time}": "{time} op {day} {date}"})
POLISH = Language(
    "pl",
    {"{count} ticket has this code: see staff": ["{count} bilet", "{count} bilety", "{count} biletów"]},
    lambda n: 0 if n == 1 else 1 if 2 <= n % 10 <= 4 and not 12 <= n % 100 <= 14 else 2,
)


def test_a_verdict_is_said_in_another_language_and_what_that_lacks_in_english(in_zone: Callable[[str], None]) -> None:
    in_zone(TOKYO)
    late = verdict(Reason.TOO_LATE, at="2026-06-01T14:59:00+00:00")
    assert words.sentence(verdict(Reason.OK), NOW, DUTCH) == "Welkom"
    assert words.sentence(late, NOW, DUTCH) == "Too late: until 23:59 op ma 1"


@pytest.mark.parametrize(
    ("count", "said"),
    [("1", "1 bilet"), ("2", "2 bilety"), ("5", "5 biletów"), ("12", "12 biletów"), ("22", "22 bilety")],
)
def test_a_plural_follows_the_languages_own_rule(count: str, said: str) -> None:
    assert words.sentence(verdict(Reason.AMBIGUOUS, count=count), NOW, POLISH) == said


def test_a_number_that_is_missing_takes_the_last_form() -> None:
    assert words.sentence(verdict(Reason.AMBIGUOUS), NOW, POLISH) == "? biletów"


@pytest.mark.parametrize(
    ("english", "said"),
    [("Welcome", "Witamy"), ("Bad {input} {", "Bad {input} {"), ("{count} ticket", "{count} ticket")],
)
def test_what_another_program_has_said_is_looked_up_and_never_filled_in(english: str, said: str) -> None:
    spoken = Language("pl", {"Welcome": "Witamy", "{count} ticket": ["{count} bilet", "{count} bilety"]})
    assert spoken.again(english) == said


@pytest.mark.parametrize(
    ("at", "stamp"),
    [
        (datetime(2026, 6, 1, 20, 30, tzinfo=UTC), "2026-06-01T20:30:00.000Z"),
        (datetime(2026, 6, 1, 20, 30, 5, 7_999, UTC), "2026-06-01T20:30:05.007Z"),
    ],
)
def test_a_stamp_is_written_as_the_cloud_writes_it(at: datetime, stamp: str) -> None:
    assert words.stamp(at) == stamp


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("Ada Lovelace", "Ada Lovelace"),
        ("Zoë Gruß-Łukasz 李 €", "Zoë Gruß-Łukasz 李 €"),
        ("", ""),
        ("\x1b[2Jgone", "\ufffd[2Jgone"),
        ("two\nlines\r\t\0", "two\ufffdlines\ufffd\ufffd\ufffd"),
        ("evil\u202elive\u200f", "evil\ufffdlive\ufffd"),
        ("\x9b31m", "\ufffd31m"),
        ("half\ud800", "half\ufffd"),
    ],
)
def test_somebody_elses_text_cannot_command_a_terminal(given: str, shown: str) -> None:
    assert words.plain(given) == shown
