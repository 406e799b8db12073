import itertools
import json
import threading
from collections import Counter

import pytest

from kiosk.sandbox import FAULTS, generate_tickets
from kiosk.sandbox.cloud import Clock, Cloud
from kiosk.sandbox.faults import Panel
from kiosk.sandbox.messages import Request
from kiosk.sandbox.records import Records
from kiosk.sandbox.routing import answer


def statuses(http, count, path="/api/scans"):
    return [http.get(path).status_code for _ in range(count)]


def test_a_fault_is_armed_once_unless_told_otherwise(box, http):
    box.arm("unauthorized")
    assert statuses(http, 3) == [401, 200, 200]


def test_a_fault_is_played_as_often_as_it_is_armed_for(box, http):
    box.arm("unauthorized", 2)
    assert statuses(http, 4) == [401, 401, 200, 200]


def test_a_fault_can_be_armed_for_always_and_disarmed(box, http):
    box.arm("unauthorized", None)
    assert statuses(http, 5) == [401] * 5
    box.disarm("unauthorized")
    assert statuses(http, 1) == [200]


def test_disarming_without_a_name_disarms_all(box, http):
    box.arm("unauthorized", None)
    box.arm("forbidden", None)
    box.disarm()
    assert statuses(http, 1) == [200]


def test_a_lasting_fault_stays_armed_unless_told_otherwise(box, upload, scan):
    box.arm("too_large", limit=1)
    assert [upload(scan(), scan()).status_code for _ in range(2)] == [413, 413]
    box.disarm()
    box.arm("too_large", 1, limit=1)
    assert [upload(scan(), scan()).status_code for _ in range(2)] == [413, 200]


def test_a_fault_can_be_limited_to_a_route(box, http, upload, scan):
    box.arm("unauthorized", None, route="POST /api/scans")
    assert http.get("/api/scans").status_code == 200
    assert upload(scan()).status_code == 401


def test_a_route_without_a_method_means_all_methods(box, http, upload, scan):
    box.arm("unauthorized", None, route="/api/scans")
    assert http.get("/api/scans").status_code == 401
    assert upload(scan()).status_code == 401
    assert http.get("/api/accessusers/me").status_code == 200


def test_several_faults_are_a_script(box, upload, scan):
    box.arm("error_before", 2)
    box.arm("error_after")
    box.arm("too_large", 1, limit=0)
    assert [upload(scan()).status_code for _ in range(4)] == [503, 503, 502, 200]
    assert len(box.scans()) == 1


def test_a_fault_that_is_not_reached_is_not_used_up(box, http):
    box.arm("unauthorized")
    box.arm("forbidden")
    assert statuses(http, 3) == [401, 403, 200]


def test_faults_that_do_not_exclude_each_other_are_played_together(box, upload, scan):
    box.arm("wrong_type")
    box.arm("answer_other", answer=[1])
    answer = upload(scan())
    assert answer.headers["Content-Type"].startswith("text/html")
    assert answer.json() == [1]


def test_two_of_a_kind_are_two_faults(box, upload, scan):
    box.arm("refuse_scan", barcode="BARCODE0000A")
    box.arm("refuse_scan", barcode="BARCODE0000B")
    assert upload(scan(barcode="BARCODE0000A")).status_code == 400
    assert upload(scan(barcode="BARCODE0000B")).status_code == 400
    assert upload(scan(barcode="BARCODE0000C")).status_code == 200


@pytest.mark.parametrize("times", [0, -1, True, 1.5, "2"])
def test_a_fault_is_armed_for_a_whole_number_of_times(box, times):
    with pytest.raises(ValueError, match="times"):
        box.arm("offline", times)


def test_an_unknown_fault_is_refused_with_the_names_of_all(box):
    with pytest.raises(ValueError, match=r"there is no fault 'gremlins'; there are offline, .*bad_row"):
        box.arm("gremlins")
    with pytest.raises(ValueError, match="there are offline"):
        box.disarm("gremlins")


def test_wrong_parameters_are_refused_by_name(box):
    with pytest.raises(ValueError, match="offline has no parameter seconds; it has none"):
        box.arm("offline", seconds=1)
    with pytest.raises(ValueError, match="slow_reply: seconds must be a number, not 'long'"):
        box.arm("slow_reply", seconds="long")
    with pytest.raises(ValueError, match="refuse_scan needs the parameter barcode"):
        box.arm("refuse_scan")


def test_every_fault_has_a_sentence_and_a_route():
    assert len(FAULTS) >= 36
    for name, fault in FAULTS.items():
        assert fault.name == name
        assert fault.description.endswith(".")
        assert "\n" not in fault.description
        assert fault.route == "" or " /api/" in fault.route


def test_any_two_faults_together_still_make_a_reply(scan, event):
    clock = Clock()
    records = Records(None, clock.now)
    records.tickets.add(generate_tickets(3, event))
    cloud = Cloud(records, Panel(FAULTS), clock)
    credentials = {"authorization": "Bearer key", "token": "token"}
    requests = [
        Request("POST", "/api/scans", headers=credentials, body=json.dumps([scan()]).encode()),
        Request("GET", "/api/scans", f"eventId={event}", headers=credentials),
        Request("GET", f"/api/accessusers/tickets/v2/{event}", "skip=1", headers=credentials),
    ]
    for one, other in itertools.product(FAULTS, repeat=2):
        for name in (one, other):
            cloud.panel.arm(name, None, route="", **{"barcode": "BARCODE00001"} if name == "refuse_scan" else {})
        for request in requests:
            assert 200 <= answer(request, cloud).status < 600
        cloud.panel.disarm()
    records.close()


def test_many_threads_meet_a_fault_exactly_as_often_as_it_is_armed_for(box, http):
    box.arm("unauthorized", 50)
    seen = Counter()
    lock = threading.Lock()

    def ask():
        for _ in range(25):
            status = http.get("/api/accessusers/events").status_code
            with lock:
                seen[status] += 1

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == {401: 50, 200: 150}
    assert Counter(each["status"] for each in box.requests()) == seen
