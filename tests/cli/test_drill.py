"""Practice at a real gate: on, played, off; no trace of it in a count or in the cloud."""

import json
import signal


def played(kiosk, code):
    return json.loads(kiosk.call("scan", code, "--json").stdout)


def test_a_card_plays_while_practice_is_on_and_is_declined_otherwise(kiosk):
    kiosk.open_gate()
    off = played(kiosk, "PRACTICE-WELCOME")
    assert (off["scanResult"], off["reason"]) == ("declined", "practice")
    assert "off" in off["message"]
    assert "practice is on for 10 min" in kiosk.call("drill", "on", "--minutes", "10").stdout
    on = played(kiosk, "PRACTICE-GOODBYE")
    assert (on["scanResult"], on["type"], on["reason"], on["message"]) == (
        "approved", "checkout", "practice", "Practice: Goodbye",
    )  # fmt: skip
    assert on["ticketId"] is None
    assert "practice is on" in kiosk.call("drill").stdout
    assert kiosk.call("drill", "off").stdout == "practice is off\n"
    assert played(kiosk, "PRACTICE-ALREADY-IN")["scanResult"] == "declined"
    status = json.loads(kiosk.call("status", "--json").stdout)
    assert (status["counts"]["checkin"], status["counts"]["checkout"], status["counts"]["declined"]) == (0, 0, 0)
    assert (status["outbox"]["pending"], status["outbox"]["local"]) == (0, 3)
    rows = [json.loads(line) for line in kiosk.call("scans", "--json").stdout.splitlines()]
    assert [row["delivery"] for row in rows] == ["local"] * 3


def test_who_turns_practice_on_is_in_the_audit(kiosk):
    kiosk.open_gate()
    kiosk.call("drill", "on")
    rows = [json.loads(line) for line in kiosk.call("audit", "--json").stdout.splitlines()]
    assert [(row["by"], row["minutes"]) for row in rows if row["action"] == "practice"] == [("command line", 30.0)]


def test_practice_ends_with_its_gate(kiosk):
    kiosk.open_gate()
    kiosk.call("drill", "on")
    kiosk.stop("gate", signal.SIGKILL)
    kiosk.open_gate()
    assert kiosk.call("drill").stdout == "practice is off\n"


def test_without_a_gate_there_is_no_practice(kiosk):
    assert kiosk.call("drill", "on", check=False).returncode == 3


def test_a_time_that_is_none_is_refused(kiosk):
    kiosk.open_gate()
    for minutes in ("0", "121", "-1", "nan"):
        assert kiosk.call("drill", "on", "--minutes", minutes, check=False).returncode in {1, 2}
    assert kiosk.call("drill").stdout == "practice is off\n"
