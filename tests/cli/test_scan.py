"""Manual entry from the command line, with a real gate behind it."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from kiosk.clock import now
from kiosk.cloud.answers import ticket_rows
from kiosk.store.cache import Cache
from kiosk.store.tickets import ListState

FIELDS = [
    "seq", "time", "barcode", "type", "scanResult", "reason", "message", "ticketId", "eventId", "ticketTypeId",
    "ticketName", "name",
]  # fmt: skip


EVENT_ID = "62a1c0ffee0000000000e001"


@pytest.fixture
def opened(kiosk, cloud, valid):
    """A gate that is open, with the list of the cloud."""
    kiosk.data_dir.mkdir()
    tickets = Cache(kiosk.data_dir)
    tickets.store(ticket_rows(valid)[0], ListState(EVENT_ID, "cloud", complete=True, checked=now()))
    tickets.close()
    kiosk.configure(cloud.url, gate=f'events = ["{EVENT_ID}"]')
    kiosk.open_gate()
    return kiosk


def test_the_verdict_is_one_json_object_of_exactly_these_fields(opened, valid):
    ticket = valid[0]
    found = json.loads(opened.call("scan", ticket["barcode"], "--json").stdout)
    assert list(found) == FIELDS
    assert found["seq"] == 1
    expected = {"barcode": ticket["barcode"], "type": "checkin", "scanResult": "approved", "reason": "ok"}
    expected |= {"message": "Welcome", "ticketId": ticket["_id"], "eventId": ticket["eventId"], "name": ticket["name"]}
    expected |= {"ticketTypeId": ticket["ticketTypeId"], "ticketName": ticket["ticketName"]}
    assert found == expected | {"seq": 1, "time": opened.scans()[0]["time"]}


def test_an_unknown_code_has_the_same_fields_and_the_same_exit_status(opened):
    done = opened.call("scan", "NOBODYKNOWS", "--json")
    found = json.loads(done.stdout)
    assert (done.returncode, list(found)) == (0, FIELDS)
    assert (found["scanResult"], found["reason"], found["ticketId"], found["name"]) == (
        "declined",
        "unknown",
        None,
        None,
    )


def test_people_are_told_in_one_line_and_that_it_is_shown_again(opened, valid):
    ticket = valid[0]
    said = opened.call("scan", ticket["barcode"]).stdout
    assert said.startswith("OK    Welcome — ")
    assert ticket["name"] in said
    assert "shown again" not in said
    assert "(shown again)" in opened.call("scan", ticket["barcode"]).stdout
    assert opened.call("scan", "NOBODYKNOWS").stdout.startswith("STOP  ")


def test_people_are_told_in_the_language_of_the_door_though_the_gate_knows_none(opened):
    configured = opened.file.read_text(encoding="utf-8")
    opened.file.write_text(configured.replace("[display]", '[display]\nlanguage = "nl"'), encoding="utf-8")
    assert "Deze code staat niet op de lijst" in opened.call("scan", "NOBODYKNOWS").stdout


def test_the_direction_may_be_chosen(opened, valid):
    code = valid[0]["barcode"]
    opened.call("scan", code)
    found = json.loads(opened.call("scan", code, "--type", "checkout", "--json").stdout)
    assert (found["type"], found["reason"], found["message"]) == ("checkout", "ok", "Goodbye")


def test_whatever_is_typed_comes_to_the_gate_as_it_is(opened):
    codes = ["ÄÖ€", "-", "--json", "a b\tc", '"{}', "\x1b[31m", "x" * 512]
    settings = {"KIOSK_CONFIG": str(opened.file), "KIOSK_ALLOW_VOLATILE": "1"}
    for code in codes:
        done = subprocess.run(
            [sys.executable, "-m", "kiosk", "scan", "--json", "--", code],
            capture_output=True, text=True, timeout=60, check=True, env={**os.environ, **settings},
        )  # fmt: skip
        assert json.loads(done.stdout)["barcode"] == code
    assert [scan["barcode"] for scan in opened.scans()] == codes


def test_a_code_that_is_too_long_is_recorded_as_unreadable(opened):
    assert json.loads(opened.call("scan", "x" * 600, "--json").stdout)["reason"] == "unreadable"


def test_a_gate_that_cannot_record_is_a_failure(kiosk):
    kiosk.open_gate()  # without any event it is closed, and records nothing
    done = kiosk.call("scan", "ANYTHING", "--json", check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("kiosk: The gate is closed")


@pytest.mark.parametrize("arguments", [["scan", "ANYTHING"], ["scan", "ANYTHING", "--json"]], ids=str)
def test_a_gate_that_was_killed_is_not_running(opened, arguments):
    opened.stop("gate", 9)
    done = opened.call(*arguments, check=False)
    assert (done.returncode, done.stdout) == (3, "")
    (said,) = done.stderr.splitlines()
    assert said.startswith("kiosk: the gate does not answer on ")
