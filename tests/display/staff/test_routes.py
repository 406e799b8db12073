"""What staff can do from their page, with a real gate, a real sync and a real display behind it."""

import json
import sqlite3
import threading
from datetime import UTC, datetime

import httpx
import pytest

from kiosk.sandbox import generate_tickets
from kiosk.store import audit, chosen

EVENT_ID = "62a1c0ffee0000000000e001"
OTHER_ID = "62a1c0ffee0000000000e002"
NAMES = ["state", "scan", "find", "ticket", "check", "override", "choices", "outbox", "retry", "lists", "accept",
         "statistics", "clock", "language"]  # fmt: skip


def actions(kiosk):
    return [row["action"] for row in audit.read(kiosk.data_dir)]


def told(kiosk, action):
    return next(row for row in audit.read(kiosk.data_dir) if row["action"] == action)


# --- who may ask -----------------------------------------------------------------------------------------------------


def test_without_a_pin_the_page_says_how_to_set_one_and_does_nothing_else(venue, eventually):
    page = venue.open(eventually, signed_in=False)
    found = page.ask("session")
    assert (found["pin"], found["signedIn"]) == ("missing", False)
    assert "kiosk pin" in found["howTo"]
    assert page.sign_in().json()["signedIn"] is False
    for name in NAMES:
        assert page.refusal(name) == (401, "no_pin")


def test_without_a_session_nothing_is_told_and_nothing_is_done(venue, eventually):
    page = venue.open(eventually)
    stranger = venue.page()
    for name in NAMES:
        assert stranger.refusal(name) == (401, "signed_out")
    assert stranger.client.get("/staff/pictures/lanes.svg").status_code == 401
    cookie = page.client.cookies["kiosk_staff"]
    said = page.client.post("/staff/api/session", json={"pin": "402913"}).headers["set-cookie"]
    assert "HttpOnly" in said
    assert "SameSite=strict" in said
    assert "Path=/staff" in said
    assert page.client.cookies["kiosk_staff"] != cookie
    stranger.client.cookies.set("kiosk_staff", cookie)
    assert stranger.refusal("state") == (401, "signed_out"), "the session before it has ended"


def test_to_lock_ends_the_session(page):
    kept = page.client.cookies["kiosk_staff"]
    page.ask("lock")
    page.client.cookies.set("kiosk_staff", kept)
    assert page.refusal("state") == (401, "signed_out")


def test_another_pin_ends_every_session(page, venue):
    venue.set_pin("918273")
    assert page.refusal("state") == (401, "signed_out")
    assert page.sign_in("918273").status_code == 200


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": ""}, {"Origin": "http://127.0.0.1:1"},
     {"Origin": "http://[::1"},
     {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}],
)  # fmt: skip
def test_a_foreign_page_can_ask_nothing_not_even_with_the_cookie(page, headers):
    assert page.post("state", {}, **headers).json()["error"] == "foreign"


def test_only_json_of_a_bounded_size_from_a_known_host_is_read(page):
    assert page.post("state", {}, Host="evil.example").status_code == 421
    url = "/staff/api/state"
    assert page.client.post(url, content=b"{}", headers={"Content-Type": "text/plain"}).status_code == 415
    as_json = {"Content-Type": "application/json"}
    assert page.client.post(url, content=b"{" + b" " * 20_000 + b"}", headers=as_json).status_code == 413
    for body in (b"", b"[]", b"nonsense", b"[" * 10_000):
        assert page.client.post(url, content=body, headers=as_json).json()["error"] == "malformed"
    assert page.client.get(url).status_code == 405
    assert page.refusal("nothing") == (404, "unknown")
    answer = page.post("state")
    assert answer.headers["cache-control"] == "no-store"
    assert "default-src 'self'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("name", "asked"),
    [("session", {"pin": "\ud800"}), ("ticket", {"ticketId": "t\udfff"}), ("find", {"text": "ada\ud83d"}),
     ("scan", {"code": "\ud800"}), ("scan", {"code": "TKT", "type": []}), ("scan", {"code": "TKT", "type": {}})],
)  # fmt: skip
def test_what_no_page_of_ours_sends_is_not_understood_and_leaves_no_trace_in_the_log(page, venue, name, asked):
    body, as_json = json.dumps(asked).encode("ascii"), {"Content-Type": "application/json"}
    answer = page.client.post(f"/staff/api/{name}", content=body, headers=as_json)
    assert (answer.status_code, answer.json()["error"]) == (400, "malformed")
    assert "Traceback" not in (venue.kiosk.directory / "display.log").read_text(encoding="utf-8")


def test_wrong_pins_lock_all_out_for_a_while_that_outlives_the_display(venue, eventually):
    page = venue.open(eventually, signed_in=False)
    venue.set_pin()
    assert [page.sign_in(f"99999{n}").json()["error"] for n in range(3)] == ["wrong_pin"] * 3
    answer = page.sign_in()
    assert (answer.status_code, answer.json()["error"]) == (429, "locked"), "not even the right one is looked at"
    assert 0 < answer.json()["waitSeconds"] <= 30
    venue.kiosk.stop("display")
    page = venue.show(eventually, signed_in=False)
    assert page.sign_in().json()["error"] == "locked"
    assert page.ask("session")["waitSeconds"] > 0
    venue.kiosk.stop("gate")
    venue.kiosk.open_gate()
    assert page.sign_in().json()["error"] == "locked", "a gate that is started anew goes on counting"
    row = told(venue.kiosk, "PIN tried")
    assert (row["times"], row["lockedSeconds"]) == (3, 30)
    assert "402913" not in json.dumps(list(audit.read(venue.kiosk.data_dir)))


def test_while_no_gate_runs_pins_are_counted_all_the_same(venue, eventually):
    page = venue.show(eventually, signed_in=False)
    venue.set_pin()
    assert page.sign_in().json()["signedIn"] is True
    errors = [page.sign_in(f"99999{n}").json()["error"] for n in range(4)]
    assert errors == ["wrong_pin"] * 3 + ["locked"]


# --- scan, find, check, override -------------------------------------------------------------------------------------


def test_a_code_that_was_typed_is_judged_and_recorded(page, venue):
    found = page.ask("scan", code="TKT-ADA-0001")
    assert (found["scan"]["scanResult"], found["scan"]["name"], found["repeated"]) == ("approved", "Ada Öğünç", False)
    assert page.ask("scan", code="TKT-ADA-0001")["repeated"] is True
    assert page.ask("scan", code="TKT-ADA-0001", type="checkout")["scan"]["type"] == "checkout"
    assert [scan["scanner"] for scan in venue.kiosk.scans()] == ["manual", "manual"]
    assert "barcode" not in found["scan"]


def test_a_guest_is_found_by_name_and_checked_in_once(page, venue, eventually):
    eventually("the names are read", lambda: page.ask("find", text="ogunc ada")["ready"])
    found = page.ask("find", text="ogunc ada")
    (guest,) = found["guests"]
    assert (guest["name"], guest["inside"], guest["codeEnd"]) == ("Ada Öğünç", False, "0001")
    once = page.ask("check", ticketId="t-ada", type="checkin", token="first")
    assert (once["scan"]["scanResult"], once["scan"]["lane"]) == ("approved", "manual")
    again = page.ask("check", ticketId="t-ada", type="checkin", token="first")
    assert (again["repeated"], again["scan"]["seq"]) == (True, once["scan"]["seq"])
    assert page.ask("find", text="ogunc")["guests"][0]["inside"] is True
    other = page.ask("check", ticketId="t-ada", type="checkin", token="second")
    assert other["scan"]["reason"] == "already_in"
    assert page.ask("check", ticketId="t-ada", type="checkout", token="third")["scan"]["scanResult"] == "approved"
    assert [scan["barcode"] for scan in venue.kiosk.scans()] == ["TKT-ADA-0001"] * 3
    assert page.refusal("check", ticketId="nobody", type="checkin", token="x") == (409, "no_ticket")


def test_the_rules_hold_for_who_is_found_by_name(page):
    found = page.ask("check", ticketId="t-bob", type="checkin", token="a")["scan"]
    assert (found["reason"], found["overridable"]) == ("invalid", True)


def test_an_override_admits_with_a_reason_that_the_history_keeps_and_is_delivered(page, venue, cloud, eventually):
    declined = page.ask("scan", code="TKT-BOB-0002")["scan"]
    found = page.ask("override", seq=declined["seq"], reason="the organiser\nknows him", token="a")
    scan = found["scan"]
    assert (scan["scanResult"], scan["reason"], scan["seq"]) == ("approved", "overridden", declined["seq"] + 1)
    first, second = page.ask("ticket", ticketId="t-bob")["history"]
    assert (first["why"], first["by"], second["reason"]) == ("the organiser knows him", "staff", "invalid")
    row = told(venue.kiosk, "override")
    assert (row["by"], row["scan"], row["overrides"], row["declined"]) == ("staff", 2, 1, "invalid")
    assert "organiser" not in json.dumps(row), "what people type may be a name"
    venue.kiosk.start("sync")
    eventually("both are delivered", lambda: len(cloud.scans()) == 2)
    assert sorted(scan["scanResult"] for scan in cloud.scans()) == ["approved", "declined"]


def test_two_pages_at_once_override_one_guest_once(page, venue):
    declined = page.ask("scan", code="TKT-BOB-0002")["scan"]["seq"]
    pages = [page, venue.page()]
    pages[1].sign_in()
    found = []

    def click(each, token):
        found.append(each.ask("override", seq=declined, reason="known", token=token))

    clicks = [threading.Thread(target=click, args=(pages[n % 2], f"token {n // 2}")) for n in range(6)]
    for each in clicks:
        each.start()
    for each in clicks:
        each.join()
    assert {answer["scan"]["seq"] for answer in found} == {declined + 1}
    assert sum(not answer["repeated"] for answer in found) == 1
    assert len(venue.kiosk.scans()) == 2


def test_what_names_no_ticket_is_never_overridden(page):
    unknown = page.ask("scan", code="NOBODYKNOWS")["scan"]
    assert unknown["overridable"] is False
    assert page.refusal("override", seq=unknown["seq"], reason="please", token="a") == (409, "not_overridable")
    approved = page.ask("scan", code="TKT-ADA-0001")["scan"]
    assert page.refusal("override", seq=approved["seq"], reason="x", token="b") == (409, "not_declined")
    assert page.refusal("override", seq=99, reason="x", token="c") == (409, "no_scan")
    for asked in ({"seq": "1"}, {"seq": 0}, {"seq": 1 << 70}, {}):
        assert page.refusal("override", reason="x", token="d", **asked) == (400, "malformed")


def test_without_a_gate_the_page_says_so_and_still_reads(page, venue):
    venue.kiosk.stop("gate")
    assert page.refusal("scan", code="TKT-ADA-0001") == (503, "gate")
    assert page.ask("state")["gate"] is False
    assert page.ask("ticket", ticketId="t-ada")["history"] == []


# --- what the door goes by -------------------------------------------------------------------------------------------


def test_staff_choose_direction_events_and_types_and_go_back(page, venue, eventually):
    venue.list_tickets(event_id=OTHER_ID)
    eventually(
        "the gate knows it", lambda: {"id": OTHER_ID, "name": "Event 2", "types": []} in page.ask("choices")["events"]
    )
    chosen_now = {"scanType": "checkout", "events": [EVENT_ID, OTHER_ID], "ticketTypes": {EVENT_ID: ["type-2"]}}
    found = page.ask("choices", choices=chosen_now)
    assert found["choices"] == chosen_now
    assert found["configured"] == {"scanType": "checkin", "events": {EVENT_ID: None}}
    assert page.ask("scan", code="TKT-EVE-0003")["scan"]["type"] == "checkout"
    declined = page.ask("scan", code="TKT-ADA-0001", type="checkin")["scan"]
    assert declined["reason"] == "ticket_type"
    state = page.ask("state")
    assert (state["scanType"], [event["id"] for event in state["events"]]) == ("checkout", [EVENT_ID, OTHER_ID])
    shown = venue.kiosk.call("check").stdout
    assert "direction = checkout  (staff)" in shown
    assert "ticket_types = type-2  (staff)" in shown
    row = told(venue.kiosk, "settings chosen")
    assert (row["by"], row["scanType"]) == ("staff", "checkout")
    page.ask("choices", choices={})
    assert page.ask("state")["scanType"] == "checkin"


def test_a_choice_outlives_the_gate_and_sync_loads_what_was_chosen(page, venue, cloud, eventually):
    cloud.add_event(OTHER_ID, "Winter Night")
    cloud.add_tickets(generate_tickets(5, OTHER_ID))
    only = {"deviceSettings": {"scanConfig": {"events": [{"eventId": EVENT_ID, "allowAllTicketTypes": True}]}}}
    httpx.put(f"{cloud.url}/sandbox/settings", json=only, trust_env=False).raise_for_status()
    venue.kiosk.start("sync")
    eventually("it is known", lambda: any(e["id"] == OTHER_ID for e in page.ask("choices")["events"]))
    eventually("it may be chosen", lambda: page.post("choices", {"choices": {"events": [OTHER_ID]}}).status_code == 200)
    eventually("its list is here", lambda: any(each["id"] == OTHER_ID for each in page.ask("lists")["events"]))
    venue.kiosk.stop("gate")
    venue.kiosk.open_gate()
    assert [event["id"] for event in page.ask("state")["events"]] == [OTHER_ID]
    eventually("it is whole", lambda: venue.kiosk.status()["tickets"]["complete"])


@pytest.mark.parametrize(
    "choices",
    [{"events": []}, {"events": ["nobody"]}, {"ticketTypes": {"nobody": ["x"]}}, {"ticketTypes": {EVENT_ID: []}},
     {"scanType": "sideways"}, {"unheard": 1}, "nonsense", None],
)  # fmt: skip
def test_what_cannot_be_chosen_is_refused_and_changes_nothing(page, venue, choices):
    assert page.refusal("choices", choices=choices) == (409, "choice")
    assert not chosen.read(venue.kiosk.data_dir)


def test_a_gate_whose_settings_the_cloud_locks_leaves_staff_no_choice(venue, eventually):
    page = venue.open(eventually)
    page.ask("choices", choices={"scanType": "checkout"})
    venue.list_tickets(settings={"deviceSettings": {"scanConfig": {"mode": "lock"}}})
    eventually("it is locked", lambda: page.ask("state")["locked"])
    assert page.ask("state")["scanType"] == "checkin"
    assert page.refusal("choices", choices={}) == (409, "choice")
    assert page.ask("scan", code="TKT-ADA-0001")["scan"]["type"] == "checkin"


# --- deliveries, lists, numbers --------------------------------------------------------------------------------------


def test_refused_scans_are_shown_with_what_the_cloud_said_and_handed_out_again(page, venue, cloud, eventually):
    page.ask("scan", code="TKT-ADA-0001")
    assert page.refusal("retry", numbers=[]) == (503, "sync")
    venue.kiosk.start("sync")
    eventually("it is delivered", lambda: len(cloud.scans()) == 1)
    venue.kiosk.stop("sync")
    with sqlite3.connect(venue.kiosk.data_dir / "ledger.db") as database:
        database.execute("UPDATE delivery SET state = 'refused', error = '400: no such <ticket>'")
    database.close()
    (refused,) = page.ask("outbox")["refused"]
    assert (refused["seq"], refused["deliveryError"]) == (1, "400: no such <ticket>")
    assert page.ask("outbox")["states"]["refused"] == 1
    venue.kiosk.start("sync")
    eventually("sync listens", lambda: page.post("retry", {"numbers": [7]}).status_code == 200)
    assert page.ask("retry", numbers=[1]) == {"again": [1]}
    eventually("it is delivered again", lambda: len(cloud.scans()) == 2)
    assert (told(venue.kiosk, "retry")["by"], page.ask("outbox")["refused"]) == ("staff", [])


def test_a_list_that_shrank_is_accepted(page, venue, eventually):
    with sqlite3.connect(venue.kiosk.data_dir / "tickets.db") as database:
        database.execute("UPDATE list SET shrunk_to = 2")
        database.execute("INSERT INTO missing SELECT 't-eve', no FROM list")
    database.close()
    assert page.ask("lists")["events"][0]["shrunkTo"] == 2
    venue.configure(events=(), gate="settings_from_cloud = false")  # so that sync leaves this list alone
    venue.kiosk.start("sync")
    eventually("sync listens", lambda: page.post("accept", {"eventId": EVENT_ID}).status_code != 503)
    assert told(venue.kiosk, "list accepted")["tickets"] == 1
    assert page.refusal("accept", eventId=EVENT_ID) == (409, "nothing")
    assert page.refusal("check", ticketId="t-eve", type="checkin", token="a") == (409, "no_ticket")


def test_the_evening_is_told_in_numbers_and_drawn(page):
    page.ask("scan", code="TKT-ADA-0001")
    page.ask("scan", code="TKT-BOB-0002")
    found = page.ask("statistics")
    assert (found["checkin"], found["declined"], found["insideNow"]) == (1, 1, 1)
    assert found["perLane"] == [{"name": "manual", "number": 1}]
    assert found["declines"] == [{"name": "cancelled", "number": 1}]
    for name in ("admissions", "inside", "lanes", "types", "declines"):
        answer = page.client.get(f"/staff/pictures/{name}.svg")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "image/svg+xml")
        assert "<title>" in answer.text
        assert "<script" not in answer.text
    assert page.client.get("/staff/pictures/nothing.svg").status_code == 404
    assert page.client.get("/staff/pictures/lanes.svg", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403


def test_a_name_is_text_and_never_more(page, eventually):
    eventually("the names are read", lambda: page.ask("find", text="olsen")["guests"])
    answer = page.post("find", {"text": "olsen"})
    assert answer.json()["guests"][0]["name"] == "Bob <b>Ølsen</b>"
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_page_has_the_time_from_the_gate_and_not_from_the_wall_clock(venue, eventually):
    real = datetime(2026, 6, 1, 19, 30, tzinfo=UTC)
    said = {"quality": "guessed", "known": True, "source": "operator"}
    with venue.kiosk.saying("gate", clock=said | {"aheadSeconds": (datetime.now(UTC) - real).total_seconds()}):
        page = venue.show(eventually)
        clock, evening = page.ask("state")["clock"], page.ask("statistics")
    assert (clock["quality"], clock["time"][:13]) == ("known", "2026-06-01T19")
    assert evening["until"].startswith("2026-06-01T19")
    assert not page.ask("state")["clock"]["time"].startswith("2026-06-01"), "of a gate that has ended nothing is true"
