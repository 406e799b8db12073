"""What a screen is told."""

import json
from dataclasses import replace

from kiosk import clock
from kiosk.display.snapshot import MAX_TEXT, Shown, Snapshot, describe, refuse, short
from kiosk.model import Direction, Notice, Reason, Result, Scan, Ticket, Verdict

TICKET = Ticket("t1", "ABCD1234", "e1", "tt1", ticket_name="Weekend", name="Zoë", area="North", row="4", seat="12")


def scan(verdict):
    now = clock.now()
    return Scan(7, "id", now.at, "gate-north-1", now, "left", "ABCD1234", verdict)


def told(verdict):
    return describe(scan(verdict), clock.now().at, repeated=False)


def test_a_scan_is_told_in_words_with_ticket_and_seat():
    found = told(Verdict(Direction.CHECKIN, Result.APPROVED, Reason.OK, TICKET))
    assert (found["headline"], found["message"], found["result"], found["reason"]) == (
        "OK",
        "Welcome",
        "approved",
        "ok",
    )
    assert [found[key] for key in ("ticketName", "name", "area", "row", "seat")] == [
        "Weekend",
        "Zoë",
        "North",
        "4",
        "12",
    ]


def test_of_the_code_only_its_last_four_characters_leave_the_machine():
    found = json.dumps(told(Verdict(Direction.CHECKIN, Result.APPROVED, Reason.OK, TICKET)))
    assert '"1234"' in found
    assert "ABCD" not in found


def test_a_scan_without_a_ticket_has_no_names():
    found = told(Verdict(Direction.CHECKIN, Result.DECLINED, Reason.UNKNOWN))
    assert (found["headline"], found["ticketName"], found["name"], found["seat"]) == ("STOP", None, None, None)


def test_what_was_not_recorded_is_never_approved_and_has_the_same_keys():
    refused = refuse("left", Notice.NOT_RECORDED)
    assert (refused["headline"], refused["sign"], refused["result"]) == ("SEE STAFF", "staff", "declined")
    assert refused["message"] == "This scan cannot be recorded: see staff"
    assert refuse("left", Notice.NO_EVENT)["headline"] == "CLOSED"
    assert refused.keys() == told(Verdict(Direction.CHECKIN, Result.APPROVED, Reason.OK, TICKET)).keys()


def test_long_texts_are_cut():
    assert short("x" * MAX_TEXT) == "x" * MAX_TEXT
    assert short("x" * 10_000) == "x" * (MAX_TEXT - 1) + "…"
    long = replace(TICKET, ticket_name="x" * 10_000, name="y" * 10_000, seat="z" * 10_000)
    facts = {"event": "w" * 10_000}
    assert len(json.dumps(told(Verdict(Direction.CHECKIN, Result.DECLINED, Reason.WRONG_EVENT, long, facts)))) < 2_000


def test_signs_that_turn_the_order_of_letters_around_are_left_out():
    assert short("\u202etfel\u202c \u2066x\u2069 عربي") == "tfel x عربي"


def test_ages_are_those_of_the_moment_of_sending():
    snapshot = Snapshot({"version": "1"}, Shown({"seq": 7}, 5_000_000_000), 5_000_000_000)
    early, late = (json.loads(snapshot.event(now).removeprefix(b"data: ")) for now in (5_000_000_000, 6_500_000_000))
    assert (early["shown"]["ageMs"], late["shown"]["ageMs"]) == (0, 1500)
    assert early["shown"]["showing"] == late["shown"]["showing"] == 5000


def test_an_event_is_one_line_whatever_is_in_it():
    event = Snapshot({"deviceId": "a\n\ndata: b\r\u2028é\ud800"}, None, 0).event(0)
    assert event.isascii()
    assert (event.count(b"\n"), event.count(b"\r"), event[-2:]) == (2, 0, b"\n\n")
