import pytest

from kiosk.sandbox import generate_tickets

ME = "/api/accessusers/me"


def test_the_settings_have_every_field_and_all_events(box, http, event):
    box.add_event("e2", "Matinee")
    me = http.get(ME).json()
    assert set(me) == {"sellerId", "_id", "name", "deviceSettings", "accessControlSettings"}
    assert me["accessControlSettings"] == {"includeDetailsRequiredTickets": False}
    device = me["deviceSettings"]
    assert set(device) == {
        "accessMode",
        "scanGroupId",
        "colorSettings",
        "enableSoundFeedback",
        "enableHapticFeedback",
        "scanRevealInterval",
        "ticketSyncInterval",
        "scanConfig",
    }
    assert device["scanRevealInterval"] in (1, 3, 5, 10, 15, 30)
    assert device["ticketSyncInterval"] in (5, 15, 30, 60, 300, 600, 900)
    colors = device["colorSettings"]
    assert set(colors) == {"success", "declined", "repeated", "highlighted", "actionRequired"}
    assert set(colors.values()) <= {"green", "orange", "red", "blue", "pink"}
    assert (colors["success"], colors["declined"]) == ("green", "red")
    assert device["scanConfig"].pop("scanZoneId")
    assert device["scanConfig"] == {
        "mode": "default",
        "events": [admitting_all(event), admitting_all("e2")],
        "scanTypes": {"checkin": True, "checkout": True},
        "enableMultiCheckin": False,
        "checkTimeslots": False,
        "tapAndGo": {"enabled": False, "eventIds": []},
    }


def admitting_all(event_id):
    return {
        "eventId": event_id,
        "allowAllTicketTypes": True,
        "allowedTicketTypeIds": [],
        "timeslotSettings": {"beforeMinutes": 0, "afterMinutes": 0},
    }


def test_changed_settings_are_merged_and_null_removes(http):
    http.put("/sandbox/settings", json={"deviceSettings": {"scanRevealInterval": 10, "scanConfig": {"events": []}}})
    http.put("/sandbox/settings", json={"deviceSettings": {"scanGroupId": None}, "name": "North"})
    me = http.get(ME).json()
    assert me["name"] == "North"
    assert me["deviceSettings"]["scanRevealInterval"] == 10
    assert me["deviceSettings"]["ticketSyncInterval"] == 15
    assert me["deviceSettings"]["scanConfig"]["events"] == []
    assert "scanGroupId" not in me["deviceSettings"]


def test_events_are_listed_in_the_order_in_which_they_came(box, http, event):
    box.add_event("e2", "Matinee")
    box.add_event(event, "Renamed")
    expected = [{"_id": event, "name": "Renamed"}, {"_id": "e2", "name": "Matinee"}]
    assert http.get("/api/accessusers/events?includeRootEvents=true").json() == expected
    assert http.get("/api/accessusers/events?includeRootEvents=maybe").status_code == 400


def test_3456_tickets_come_complete_in_pages(box, tickets):
    box.add_tickets(generate_tickets(3456, "62a1c0ffee0000000000e001", seed=7))
    box.add_tickets(generate_tickets(50, "another event"))
    collected = []
    while (page := tickets(top=1000, skip=len(collected)))["docs"]:
        assert page["total"] == 3466
        collected += page["docs"]
    assert len({each["_id"] for each in collected}) == len(collected) == 3466


def test_a_page_has_25_tickets_unless_told_otherwise(box, tickets, event):
    box.add_tickets(generate_tickets(30, event, seed=2))
    assert len(tickets()["docs"]) == 25


def test_a_changed_ticket_keeps_its_place(box, tickets):
    before = [each["_id"] for each in tickets()["docs"]]
    box.add_tickets([{"_id": before[3], "barcode": "NEWCODE00001"}])
    docs = tickets()["docs"]
    assert [each["_id"] for each in docs] == before
    assert docs[3]["barcode"] == "NEWCODE00001"


def test_increments_are_cut_by_the_later_of_created_and_updated(box, tickets, event):
    def ticket(n, created, updated):
        return {
            "_id": f"i{n}",
            "barcode": f"INCREMENT{n}",
            "eventId": event,
            "createdAt": created,
            "updatedAt": updated,
        }

    first, second, third = (f"2031-01-0{day}T00:00:00.000Z" for day in (1, 2, 3))
    box.add_tickets([ticket(1, first, first), ticket(2, first, second), ticket(3, third, third)])

    def found(**window):
        page = tickets(**{"from": "2031-01-01T00:00:00.000Z"} | window)
        assert page["total"] == len(page["docs"])
        return [each["_id"] for each in page["docs"]]

    assert found() == ["i1", "i2", "i3"]
    assert found(**{"from": second}) == ["i2", "i3"]
    assert found(until=second) == ["i1"]
    assert found(**{"from": second}, until=third) == ["i2"]


def test_the_total_follows_every_change(box, http, tickets, event):
    assert tickets()["total"] == 10
    box.add_tickets([{"_id": "extra", "eventId": event}])
    assert tickets()["total"] == 11
    http.delete("/sandbox/tickets/extra")
    assert tickets()["total"] == 10


@pytest.mark.parametrize("query", ["top=0", "top=1001", "top=ten", "skip=-1", "from=2030", "until=now", "eventId=x"])
def test_a_bad_query_is_refused(http, event, query):
    answer = http.get(f"/api/accessusers/tickets/v2/{event}?{query}")
    assert answer.status_code == 400
    assert answer.json()["message"].startswith(query.partition("=")[0])


def test_an_unknown_event_has_no_tickets(http):
    assert http.get("/api/accessusers/tickets/v2/nowhere").json() == {"docs": [], "total": 0}


def test_a_ticket_is_found_by_its_barcode_within_its_event(box, http, event):
    box.add_tickets([{"_id": "t", "barcode": "CODE/ÄÖ 1", "eventId": event}])
    path = "/api/accessusers/tickets/CODE%2F%C3%84%C3%96%201"
    assert http.get(path).json()["_id"] == "t"
    assert http.get(path, params={"eventId": event}).json()["_id"] == "t"
    missing = http.get(path, params={"eventId": "e2"})
    assert missing.status_code == 404
    assert missing.json()["error"] == "Not Found"


def report(**changed):
    usual = {"barcode": "UNKNOWN00001", "scanned_at": "2030-01-23T23:00:00.123Z", "type": "FAIL", "direction": "IN"}
    return usual | changed


def test_reports_are_kept_with_their_event(box, http):
    answer = http.post("/api/accessusers/scans/e1", json=[report(), report(type="OK", direction="OUT", ticketId="t")])
    assert answer.json() == {"status": "OK"}
    first, second = box.reports()
    assert first.items() >= (report() | {"eventId": "e1"}).items()
    assert (second["ticketId"], second["direction"]) == ("t", "OUT")
    assert box.scans() == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"barcode": "SHORT"},
        {"scanned_at": "2030"},
        {"type": "approved"},
        {"direction": "in"},
        {"ticketId": ""},
        {"deviceId": "gate"},
    ],
)
def test_a_wrong_report_is_refused_with_all_others(box, http, wrong):
    answer = http.post("/api/accessusers/scans/e1", json=[report(), report(**wrong)])
    assert answer.status_code == 400
    assert answer.json()["message"].startswith(f"[1].{next(iter(wrong))} ")
    assert box.reports() == []
