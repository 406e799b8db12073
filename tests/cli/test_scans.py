"""The journal from the command line."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from kiosk.model import Delivery, Direction, Moment, Reading, Reason, Result, Ticket, Verdict
from kiosk.store import journal, past
from kiosk.store.journal import Journal
from kiosk.store.ledger import Entry, Ledger

FIELDS = [
    "seq", "time", "barcode", "type", "scanResult", "reason", "message", "ticketId", "eventId", "ticketTypeId",
    "ticketName", "name", "deviceId", "scanner", "clock", "wallTime", "timeEstimated", "rule", "flaw", "why",
    "passed", "delivery", "deliveryError",
]  # fmt: skip
START = datetime(2030, 1, 23, 23, tzinfo=UTC)
TICKET = Ticket("t-1", "CODE00001", "fest", "standing", "Standing", "Ada Lovelace")
ADMITTED = Verdict(Direction.CHECKIN, Result.APPROVED, Reason.OK, TICKET)
UNKNOWN = Verdict(Direction.CHECKIN, Result.DECLINED, Reason.UNKNOWN)


@pytest.fixture
def record(kiosk) -> Callable[..., None]:
    """Write scans as a gate does, which is not running."""
    kiosk.data_dir.mkdir()

    def write(*verdicts: Verdict, code: str = "CODE00001") -> None:
        with closing(Journal(kiosk.data_dir, "gate-north-1")) as pen:
            for number, verdict in enumerate(verdicts):
                moment = Moment(START + timedelta(milliseconds=number), number, "boot")
                pen.append(Reading("left", code, code.encode(), moment), verdict)

    return write


def settle(kiosk, state: Delivery, error: str | None = None) -> None:
    """Write into the ledger what became of the first scan."""
    with closing(Ledger(kiosk.data_dir)) as ledger, closing(journal.reader(kiosk.data_dir)) as database:
        ledger.take_in([Entry(scan, state) for scan in past.scans(database, [1])])
        ledger._database.execute("UPDATE delivery SET error = ?", (error,))


def told(kiosk, *arguments: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in kiosk.call("scans", "--json", *arguments).stdout.splitlines()]


def test_a_scan_is_told_with_all_its_fields_one_object_a_line(kiosk, record):
    record(ADMITTED, UNKNOWN)
    first, second = told(kiosk)
    assert sorted(first) == sorted(second) == sorted(FIELDS)
    assert first == {
        "seq": 1, "time": "2030-01-23T23:00:00.000Z", "barcode": "CODE00001", "type": "checkin",
        "scanResult": "approved", "reason": "ok", "message": "Welcome", "ticketId": "t-1", "eventId": "fest",
        "ticketTypeId": "standing", "ticketName": "Standing", "name": "Ada Lovelace", "deviceId": "gate-north-1",
        "scanner": "left", "clock": "guessed", "wallTime": None, "timeEstimated": False, "rule": None, "flaw": None,
        "why": None, "passed": None, "delivery": "pending", "deliveryError": None,
    }  # fmt: skip
    assert (second["reason"], second["ticketId"], second["delivery"]) == ("unknown", None, "local")


def test_a_scan_is_told_in_the_language_of_the_door(kiosk, record):
    record(ADMITTED)
    configured = kiosk.file.read_text(encoding="utf-8")
    kiosk.file.write_text(configured.replace("[display]", '[display]\nlanguage = "de"'), encoding="utf-8")
    assert [row["message"] for row in told(kiosk)] == ["Willkommen"]


@pytest.mark.parametrize("state", list(Delivery))
def test_what_the_cloud_has_of_a_scan_is_told_with_what_it_said(kiosk, record, state):
    record(ADMITTED)
    settle(kiosk, state, "400: no")
    (row,) = told(kiosk)
    assert (row["delivery"], row["deliveryError"]) == (state.value, "400: no")


def test_the_journal_is_told_oldest_first_and_from_any_number_on(kiosk, record):
    record(*[ADMITTED] * 1203)
    assert [row["seq"] for row in told(kiosk)] == list(range(1, 1204))
    assert [row["seq"] for row in told(kiosk, "--since", "1200")] == [1201, 1202, 1203]
    assert told(kiosk, "--since", "1203") == []
    assert told(kiosk, "--since", "999999999999") == []


def test_without_a_journal_nothing_has_happened(kiosk):
    done = kiosk.call("scans", "--json")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert kiosk.call("scans").stdout == ""


def test_a_line_for_people_has_no_name_and_of_the_code_only_its_end(kiosk, record):
    record(ADMITTED)
    settle(kiosk, Delivery.REFUSED, "400: no")
    said = kiosk.call("scans").stdout
    assert re.fullmatch(
        r" +1  2030-01-23T23:00:00\.000Z  left .* checkin .* approved .* ok .* …0001  refused: 400: no\n", said
    )
    assert "Ada" not in said
    assert "CODE" not in said


def test_a_code_of_control_characters_does_nothing_to_a_terminal(kiosk, record):
    record(UNKNOWN, code="\x1b]0;title\x07")
    assert "\x1b" not in kiosk.call("scans").stdout
    assert "\x07" not in kiosk.call("scans").stdout
    assert told(kiosk)[0]["barcode"] == "\x1b]0;title\x07"
