import signal
import socket
import subprocess
import sys
import threading
import time

import httpx
import pytest

from kiosk.sandbox import Sandbox, generate_tickets

SERVE_UNTIL_TERMINATED = """
import signal
from kiosk.sandbox import Sandbox
box = Sandbox()
signal.signal(signal.SIGTERM, lambda *_: box.shutdown())
print(box.url, flush=True)
box.serve_forever()
print("ended")
"""


def reachable(box):
    try:
        return httpx.get(box.url + "/sandbox/health").status_code == 200
    except httpx.ConnectError:
        return False


def test_the_address_is_known_before_the_first_connection():
    box = Sandbox()
    assert box.url == f"http://127.0.0.1:{box.port}"
    assert not reachable(box)
    box.start()
    assert reachable(box)
    box.stop()
    assert not reachable(box)


def test_a_stopped_cloud_comes_back_at_the_same_address_with_all_it_knew(box, upload, scan):
    upload(scan())
    box.stop()
    assert not reachable(box)
    assert len(box.scans()) == 1
    box.start()
    assert reachable(box)
    upload(scan())
    assert len(box.scans()) == 2


def test_leaving_the_context_stops_it_at_once():
    with Sandbox() as box:
        assert reachable(box)
        started = time.monotonic()
    assert time.monotonic() - started < 0.3
    assert not reachable(box)


def test_stopping_is_harmless_at_any_time():
    box = Sandbox()
    box.stop()
    box.stop()
    box.start()
    box.stop()
    box.stop()


def test_a_sandbox_does_not_run_twice_at_once(box):
    with pytest.raises(RuntimeError, match="already running"):
        box.start()


def test_a_port_is_taken_by_one_sandbox_only(box):
    with pytest.raises(OSError, match="in use"):
        Sandbox(port=box.port)


def test_stopping_cuts_connections_that_were_kept(box, http):
    assert http.get("/sandbox/health").status_code == 200
    box.stop()
    with pytest.raises(httpx.TransportError):
        http.get("/sandbox/health")


@pytest.mark.parametrize(
    ("fault", "parameters"), [("black_hole", {}), ("dribble", {"seconds": 30}), ("slow_reply", {"seconds": 30})]
)
def test_stopping_waits_for_no_fault(box, fault, parameters):
    box.arm(fault, None, route="", **parameters)
    clients = [socket.create_connection(("127.0.0.1", box.port)) for _ in range(5)]
    for client in clients:
        client.sendall(b"GET /api/scans HTTP/1.1\r\nAuthorization: Bearer k\r\n\r\n")
    while len(box.requests()) < 5:
        time.sleep(0.01)
    started = time.monotonic()
    box.stop()
    assert time.monotonic() - started < 1
    for client in clients:
        client.close()


def test_a_client_that_leaves_frees_its_thread(box, http):
    box.arm("black_hole")
    with socket.create_connection(("127.0.0.1", box.port)) as client:
        client.sendall(b"GET /api/scans HTTP/1.1\r\n\r\n")
        while not box.requests():
            time.sleep(0.01)
        busy = threading.active_count()
    deadline = time.monotonic() + 2
    while threading.active_count() >= busy:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_serving_in_the_calling_thread_ends_with_shutdown():
    box = Sandbox()
    thread = threading.Thread(target=box.serve_forever)
    thread.start()
    while not reachable(box):
        time.sleep(0.01)
    started = time.monotonic()
    box.shutdown()
    thread.join(2)
    assert not thread.is_alive()
    assert time.monotonic() - started < 1


def test_a_signal_handler_may_shut_it_down():
    with subprocess.Popen([sys.executable, "-c", SERVE_UNTIL_TERMINATED], stdout=subprocess.PIPE, text=True) as process:
        url = process.stdout.readline().strip()
        assert httpx.get(url + "/sandbox/health").status_code == 200
        process.send_signal(signal.SIGTERM)
        assert process.communicate(timeout=3)[0] == "ended\n"
        assert process.returncode == 0


def test_what_is_kept_in_a_file_outlives_the_sandbox(tmp_path, scan):
    for expected in (1, 2):
        with Sandbox(store=tmp_path / "cloud.db") as box:
            box.add_event("e1", "Summer Night")
            box.add_tickets(generate_tickets(5, "e1"))
            httpx.post(box.url + "/api/scans", json=[scan()], headers={"Authorization": "Bearer k"})
            assert len(box.scans()) == expected
            summary = httpx.get(box.url + "/sandbox/summary").json()
            assert (summary["tickets"], summary["events"]) == (5, 1)


def test_tickets_are_completed_and_merged(box, http, event):
    assert box.add_tickets([{"barcode": "ALONE0000001", "eventId": event}]) == 1
    found = "/api/accessusers/tickets/ALONE0000001"
    ticket = http.get(found).json()
    required = {"_id", "barcode", "ticketTypeId", "ticketName", "eventId", "sellerId", "createdAt", "updatedAt"}
    assert ticket.keys() == required
    assert len(ticket["_id"]) == len(ticket["ticketTypeId"]) == 24
    box.add_tickets([{"barcode": "ALONE0000001", "eventId": event, "status": "INVALID"}])
    changed = http.get(found).json()
    assert changed == ticket | {"status": "INVALID", "updatedAt": changed["updatedAt"]}


def test_times_that_a_ticket_brings_are_kept(box, http, event):
    times = {"createdAt": "2020-01-01T00:00:00.000Z", "updatedAt": "2021-01-01T00:00:00.000Z"}
    box.add_tickets([{"barcode": "ALONE0000001", "eventId": event} | times])
    assert http.get("/api/accessusers/tickets/ALONE0000001").json().items() >= times.items()


@pytest.mark.parametrize("ticket", [{}, {"name": "Nobody"}, {"_id": 7, "barcode": "BARCODE00001"}, {"_id": ""}])
def test_a_ticket_without_identity_is_refused(box, ticket):
    with pytest.raises(ValueError, match="_id"):
        box.add_tickets([ticket])


def test_requests_are_on_record_with_their_query(box, http):
    http.get("/api/scans?top=5&skip=10")
    http.get("/nowhere")
    first, second = box.requests()
    assert first.pop("at").endswith("Z")
    assert first == {"method": "GET", "path": "/api/scans", "query": "top=5&skip=10", "status": 200}
    assert (second["path"], second["status"]) == ("/nowhere", 404)
