import pytest

EVENT = "62a1c0ffee0000000000e001"


def ids(page):
    return [each["_id"] for each in page["docs"]]


def test_an_upload_can_be_answered_with_an_array(box, upload, scan):
    box.arm("answer_array")
    assert upload(scan(), scan(type="checkout")).json() == [scan(), scan(type="checkout")]


def test_an_upload_can_be_answered_with_anything(box, upload, scan):
    box.arm("answer_other")
    assert upload(scan()).json() == {"ok": True}
    box.arm("answer_other", answer=None)
    assert upload(scan()).json() is None
    assert len(box.scans()) == 2


def test_an_upload_can_be_answered_with_somebody_elses_scan(box, upload, scan):
    box.arm("wrong_ids")
    answer = upload(scan()).json()
    assert answer["barcode"] != box.scans()[0]["barcode"]
    assert answer["deviceId"] == "another-door"


def test_an_upload_can_be_answered_in_part(box, upload, scan):
    box.arm("partial_answer", 2)
    assert upload(*[scan()] * 5).json() == [scan()] * 2
    assert upload(scan()).json() == []
    assert len(box.scans()) == 6


@pytest.mark.parametrize("fault", ["answer_array", "answer_other", "wrong_ids", "partial_answer"])
def test_a_refused_upload_stays_refused(box, upload, fault):
    box.arm(fault)
    assert upload({}).status_code == 400


def test_a_list_can_be_empty(box, tickets):
    box.arm("empty_list")
    assert tickets() == {"docs": [], "total": 0}
    assert tickets()["total"] == 10


def test_a_list_can_be_half_over_all_its_pages(box, tickets):
    every = ids(tickets())
    box.arm("half_list", None)
    pages = [tickets(top=3, skip=skip) for skip in (0, 3, 6)]
    assert [each for page in pages for each in ids(page)] == every[:5]
    assert {page["total"] for page in pages} == {5}


def test_a_total_can_move_between_pages(box, tickets):
    box.arm("moving_total", None, by=3)
    assert [tickets()["total"] for _ in range(3)] == [13, 7, 13]


def test_shifting_pages_miss_rows_and_repeat_others(box, tickets):
    every = ids(tickets())
    box.arm("shifting_pages", None)
    first, second, third = (ids(tickets(top=3, skip=skip)) for skip in (0, 3, 6))
    assert first == every[0:3]
    assert second == every[4:7]
    assert third == every[5:8]


def test_a_shift_is_not_used_up_by_the_first_page(box, tickets):
    every = ids(tickets())
    box.arm("shifting_pages", by=2)
    tickets(top=3)
    assert ids(tickets(top=3, skip=3)) == every[5:8]


def test_the_time_filter_can_be_ignored(box, http, upload, scan):
    upload(scan())
    query = {"time": '{"$gte": "2099-01-01T00:00:00.000Z"}', "barcode": "BARCODE00001", "top": 5}
    assert http.get("/api/scans", params=query).json()["total"] == 0
    box.arm("ignore_time_filter", 2)
    assert http.get("/api/scans", params=query).json()["total"] == 1
    assert http.get("/api/scans", params=query | {"barcode": "ELSEWHERE"}).json()["total"] == 0


def test_the_window_of_the_ticket_list_can_be_ignored(box, tickets):
    box.arm("ignore_time_filter", route="GET /api/accessusers/tickets/v2/")
    assert tickets(**{"from": "2099-01-01T00:00:00.000Z"})["total"] == 10
    assert tickets(**{"from": "2099-01-01T00:00:00.000Z"})["total"] == 0


def test_other_devices_check_in_the_last_tickets_anonymously(box, http, tickets):
    every = tickets()["docs"]
    box.arm("null_device", None, count=4)
    docs = http.get("/api/scans", params={"eventId": EVENT}).json()["docs"]
    assert [each["deviceId"] for each in docs] == [None] * 4
    assert {each["ticketId"] for each in docs} == {each["_id"] for each in every[-4:]}
    for total in (8, 10, 10):
        assert http.get("/api/scans", params={"eventId": EVENT}).json()["total"] == total
    assert len({each["ticketId"] for each in box.scans()}) == 10


def test_scans_can_come_without_names(box, http, upload, scan):
    upload(scan())
    box.arm("bare_scans")
    (bare,) = http.get("/api/scans").json()["docs"]
    assert bare.keys() == scan().keys() - {"name", "ticketName"} | {"_id", "createdAt", "updatedAt"}


@pytest.mark.parametrize(
    "path", ["/api/accessusers/me", "/api/accessusers/events", f"/api/accessusers/tickets/v2/{EVENT}"]
)
def test_unknown_fields_are_everywhere(box, http, path):
    before = http.get(path).json()
    box.arm("unknown_fields")
    after = http.get(path).json()
    assert [row["futureField"] for row in rows(after)]
    assert all(
        new.items() >= {k: v for k, v in old.items() if k != "docs"}.items()
        for old, new in zip(rows(before), rows(after), strict=True)
    )


def rows(answer):
    if isinstance(answer, list):
        return answer
    return [answer, *answer.get("docs", [])]


def test_a_status_can_be_unknown(box, tickets):
    box.arm("unknown_status", status="LIMBO")
    assert {each["status"] for each in tickets()["docs"]} == {"LIMBO"}
    box.arm("unknown_status", every=5)
    strange = [index for index, each in enumerate(tickets()["docs"]) if each.get("status") == "ON_HOLD"]
    assert strange == [0, 5]


def test_a_status_can_be_missing(box, tickets):
    box.add_tickets([each | {"status": "INVALID"} for each in tickets()["docs"]])
    box.arm("no_status", every=2)
    assert ["status" in each for each in tickets()["docs"]] == [False, True] * 5


def test_a_row_can_be_unreadable(box, tickets):
    before = tickets()["docs"]
    box.arm("bad_row", index=2, row=["what"])
    after = tickets()
    assert after["docs"] == [*before[:2], ["what"], *before[3:]]
    assert after["total"] == 10


def test_a_ticket_can_be_reissued_under_its_id(box, http, tickets):
    before = tickets()["docs"][0]
    box.arm("reissued")
    after = tickets()["docs"][0]
    assert after["_id"] == before["_id"]
    assert after["barcode"] != before["barcode"]
    assert http.get(f"/api/accessusers/tickets/{before['barcode']}").status_code == 404
    assert http.get(f"/api/accessusers/tickets/{after['barcode']}").json() == after
    box.arm("reissued", barcode="AGAIN0000001")
    assert tickets()["docs"][0]["barcode"] == "AGAIN0000001"


def test_a_barcode_can_appear_in_two_events(box, http, tickets):
    box.add_event("e2", "Matinee")
    box.arm("same_barcode", 2)
    ticket = tickets()["docs"][0]
    assert tickets()["docs"][0] == ticket
    (twin,) = http.get("/api/accessusers/tickets/v2/e2").json()["docs"]
    assert twin["barcode"] == ticket["barcode"]
    assert twin["_id"] != ticket["_id"]
    box.arm("same_barcode", event_id="e3")
    tickets()
    assert http.get("/api/accessusers/tickets/v2/e3").json()["total"] == 1


def test_what_another_fault_left_of_an_answer_is_not_bent_further(box, tickets, http):
    box.arm("half_list", route="GET /api/")
    box.arm("captive_meta")
    assert http.get(f"/api/accessusers/tickets/v2/{EVENT}").text.startswith("<!DOCTYPE")
