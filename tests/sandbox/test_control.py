import hashlib
import json

import pytest

from kiosk.sandbox import FAULTS
from kiosk.sandbox.messages import Request, RequestError
from kiosk.sandbox.routing import loopback


def test_the_server_says_that_it_is_there(http):
    assert http.get("/sandbox/health").json() == {"status": "ok"}


def test_all_faults_are_listed_with_words_and_state(http):
    http.post("/sandbox/faults", json={"name": "slow_reply", "times": 2, "seconds": 5, "route": "GET /api/"})
    entries = {each["name"]: each for each in http.get("/sandbox/faults").json()}
    assert entries.keys() == FAULTS.keys()
    assert all(each["description"].endswith(".") for each in entries.values())
    expected = {"times": 2, "played": 0, "route": "GET /api/", "seconds": 5.0}
    assert [name for name, each in entries.items() if each["armed"]] == ["slow_reply"]
    assert entries["slow_reply"]["armed"] == [expected]


def test_a_fault_is_armed_and_disarmed(http):
    http.post("/sandbox/faults", json={"name": "unauthorized", "times": None})
    http.post("/sandbox/faults", json={"name": "forbidden", "times": None})
    assert [http.get("/api/scans").status_code for _ in range(3)] == [401] * 3
    http.delete("/sandbox/faults/unauthorized")
    assert http.get("/api/scans").status_code == 403
    http.delete("/sandbox/faults")
    assert http.get("/api/scans").status_code == 200


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({}, "lost_reply"),
        ({"name": "gremlins"}, "lost_reply"),
        ({"name": "offline", "times": 0}, "times"),
        ({"name": "offline", "times": "always"}, "times"),
        ({"name": "offline", "seconds": 1}, "seconds"),
        ({"name": "slow_reply", "seconds": "long"}, "a number"),
        ({"name": "refuse_scan"}, "barcode"),
        ({"name": "offline", "self": 1}, "self"),
        (["offline"], "object"),
    ],
)
def test_what_cannot_be_armed_is_refused_with_the_reason(http, wrong, says):
    answer = http.post("/sandbox/faults", json=wrong)
    assert answer.status_code == 400
    assert says in answer.json()["message"]


def test_disarming_an_unknown_fault_names_the_known_ones(http):
    answer = http.delete("/sandbox/faults/gremlins")
    assert answer.status_code == 404
    assert "lost_reply" in answer.json()["message"]


def test_scans_reports_and_requests_are_shown(box, http, upload, scan):
    upload(scan())
    http.get("/api/accessusers/me")
    assert http.get("/sandbox/scans").json() == box.scans()
    assert http.get("/sandbox/reports").json() == []
    requests = http.get("/sandbox/requests").json()
    assert requests == box.requests()
    assert [(each["method"], each["path"], each["status"]) for each in requests] == [
        ("POST", "/api/scans", 200),
        ("GET", "/api/accessusers/me", 200),
    ]


def test_the_summary_counts_everything_and_duplicates_by_what_was_scanned(http, upload, scan):
    upload(scan(), scan(), scan(), scan(type="checkout"), scan(deviceId=None), scan(deviceId=None), scan(name="Else"))
    expected = {"scans": 7, "duplicates": 4, "tickets": 10, "events": 1, "requests": 1}
    assert http.get("/sandbox/summary").json() == expected


def test_the_digest_is_that_of_the_events_tickets_sorted(box, http, tickets, event):
    box.add_tickets([{"_id": "0", "eventId": event, "name": "Zoë"}, {"_id": "x", "eventId": "elsewhere"}])
    lines = sorted(
        json.dumps(each, sort_keys=True, ensure_ascii=False, separators=(",", ":")) + "\n"
        for each in tickets(top=100)["docs"]
    )
    expected = {"sha256": hashlib.sha256("".join(lines).encode()).hexdigest(), "count": 11}
    assert http.get(f"/sandbox/digest/{event}").json() == expected


def test_a_put_ticket_is_updated_now_whatever_it_says(http, tickets):
    ticket = tickets(top=1)["docs"][0]
    changed = ticket | {"barcode": "REISSUED0001", "updatedAt": "2001-01-01T00:00:00.000Z", "status": None}
    assert http.put("/sandbox/tickets", json=[changed]).json() == {"tickets": 1}
    after = tickets(top=1)["docs"][0]
    assert after["barcode"] == "REISSUED0001"
    assert after["updatedAt"] >= ticket["updatedAt"]
    assert after["createdAt"] == ticket["createdAt"]
    assert "status" not in after


def test_a_deleted_ticket_is_gone(http, tickets):
    ticket = tickets(top=1)["docs"][0]
    assert http.delete(f"/sandbox/tickets/{ticket['_id']}").status_code == 200
    assert http.get(f"/api/accessusers/tickets/{ticket['barcode']}").status_code == 404
    assert http.delete(f"/sandbox/tickets/{ticket['_id']}").status_code == 404


def test_events_can_be_added(http, event):
    assert http.put("/sandbox/events", json=[{"_id": "e2", "name": "Matinee"}]).json() == {"events": 1}
    assert [each["_id"] for each in http.get("/api/accessusers/events").json()] == [event, "e2"]


def test_the_clock_can_be_set_wrong(http, upload, scan, box):
    assert http.put("/sandbox/clock", json={"offset_s": -86_400 * 366}).status_code == 200
    upload(scan())
    assert box.scans()[0]["createdAt"] < box.requests()[0]["at"].replace("Z", "~")
    assert box.clock_offset_s == -86_400 * 366


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("tickets", {}),
        ("tickets", [7]),
        ("tickets", [{"name": "nobody"}]),
        ("tickets", [{"_id": 7}]),
        ("settings", []),
        ("events", [{"_id": "e"}]),
        ("events", {}),
        ("clock", {"offset_s": "now"}),
        ("clock", {"offset_s": 1e300}),
    ],
)
def test_wrong_data_is_refused(http, path, body):
    assert http.put(f"/sandbox/{path}", json=body).status_code == 400


def test_the_control_routes_need_no_credentials_but_this_machine():
    loopback(Request("GET", "/sandbox/health", client="127.3.2.1"), None)
    loopback(Request("GET", "/sandbox/health", client="::1"), None)
    with pytest.raises(RequestError):
        loopback(Request("GET", "/sandbox/health", client="192.0.2.7"), None)


def test_no_fault_touches_the_control_routes(box, http):
    box.arm("offline", None)
    assert http.get("/sandbox/health").status_code == 200
