"""The journal from the command line, and handing refused scans out again."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from kiosk.model import Delivery, Direction, Moment, Reading, Reason, Result, Ticket, Verdict
from kiosk.store.journal import Journal
from kiosk.store.ledger import Ledger

FIELDS = [
    "seq", "time", "barcode", "type", "scanResult", "reason", "message", "ticketId", "eventId", "ticketTypeId",
    "ticketName", "name", "deviceId", "scanner", "clock", "delivery", "deliveryError",
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
        journal = Journal(kiosk.data_dir, "gate-north-1")
        for number, verdict in enumerate(verdicts):
            moment = Moment(START + timedelta(milliseconds=number), number, "boot")
            journal.append(Reading("left", code, code.encode(), moment), verdict)
        journal.close()

    return write


@pytest.fixture
def ledger(kiosk, record) -> Ledger:
    """A ledger in which the states of scans can be set."""
    made = Ledger(kiosk.data_dir)
    yield made
    made.close()


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
        "scanner": "left", "clock": "guessed", "delivery": "pending", "deliveryError": None,
    }  # fmt: skip
    assert (second["reason"], second["ticketId"], second["delivery"]) == ("unknown", None, "local")


@pytest.mark.parametrize("state", list(Delivery))
def test_what_the_cloud_has_of_a_scan_is_told_with_what_it_said(kiosk, record, ledger, state):
    record(ADMITTED)
    ledger._database.execute("INSERT INTO delivery VALUES (1, ?, '400: no')", (state.value,))
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


def test_a_line_for_people_has_no_name_and_of_the_code_only_its_end(kiosk, record, ledger):
    record(ADMITTED)
    ledger._database.execute("INSERT INTO delivery VALUES (1, 'refused', '400: no')")
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


# --- kiosk retry -----------------------------------------------------------------------------------------------------


@pytest.fixture
def refused(record, ledger) -> Ledger:
    """Scans 2, 3 and 5 of five were refused."""
    record(*[ADMITTED] * 5)
    states = ["acked", "refused", "refused", "pending", "refused"]
    rows = [(seq, state, "400: no") for seq, state in enumerate(states, start=1)]
    ledger._database.executemany("INSERT INTO delivery VALUES (?, ?, ?)", rows)
    return ledger


def test_all_refused_scans_are_handed_out_again_and_nothing_else(kiosk, refused):
    done = kiosk.call("retry")
    assert done.stdout == ""
    assert "3 scans" in done.stderr
    assert [row["delivery"] for row in told(kiosk)] == ["acked", *["pending"] * 4]
    assert told(kiosk)[1]["deliveryError"] is None


def test_only_the_named_scans_are_handed_out_again(kiosk, refused):
    kiosk.call("retry", "3", "5")
    assert refused.numbers(Delivery.REFUSED) == [2]
    assert refused.numbers(Delivery.PENDING) == [3, 4, 5]


def test_a_scan_that_was_not_refused_is_left_alone_and_named(kiosk, refused):
    done = kiosk.call("retry", "1", "2", "4", "77", check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "kiosk: not refused, so left alone: 1, 4, 77"
    assert refused.numbers(Delivery.REFUSED) == [3, 5]
    assert told(kiosk)[0]["delivery"] == "acked"


def test_nothing_refused_is_nothing_to_do(kiosk, record, ledger):
    done = kiosk.call("retry")
    assert "0 scans" in done.stderr


def test_without_a_ledger_nothing_was_ever_refused_and_none_is_made(kiosk, record):
    record(ADMITTED)
    done = kiosk.call("retry", check=False)
    assert done.returncode == 1
    assert "kiosk sync" in done.stderr
    assert not (kiosk.data_dir / "ledger.db").exists()


def test_the_running_sync_delivers_what_is_handed_out_again(kiosk, cloud, record, eventually):
    record(ADMITTED)
    cloud.arm("refuse_scan", None, barcode="CODE00001")
    kiosk.start("sync")
    eventually("it is refused", lambda: [row["delivery"] for row in kiosk.scans()] == ["refused"])
    cloud.disarm()
    kiosk.call("retry")
    eventually("it is delivered", lambda: [row["delivery"] for row in kiosk.scans()] == ["acked"])
    assert len(cloud.scans()) == 1
