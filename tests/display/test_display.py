"""The command, as a process: what it prints, how it ends, what it needs."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from kiosk.model import Reason


def call(file, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "kiosk", "display", "--config", str(file), *arguments],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip


def test_a_scan_reaches_the_stream_with_its_words(door, display, first_that):
    with display.events() as stream:
        first_that(stream, lambda s: s["gate"]["alive"])
        door.scan(Reason.ALREADY_IN, at="2025-07-01T18:05:00+00:00", gate="gate-south-2")
        shown = first_that(stream, lambda s: s["shown"])["shown"]
    assert (shown["seq"], shown["headline"], shown["reason"], shown["codeEnd"]) == (1, "STOP", "already_in", "1234")
    assert shown["message"].endswith("at gate-south-2")
    assert 0 <= shown["ageMs"] < 3000


def test_the_stream_beats_each_second_though_nothing_happens(display, first_that):
    with display.events() as stream:
        assert [next(stream)["deviceId"] for _ in range(3)] == ["gate-north-1"] * 3


ME = "GET /api/accessusers/me"


@pytest.fixture
def running(kiosk, cloud, eventually):
    """Gate, sync and display of a kiosk whose settings come from the cloud, at the file's pace."""
    change_settings(cloud, ticketSyncInterval=None)
    for program in ("gate", "sync", "display"):
        kiosk.start(program)
    eventually("the display answers", lambda: kiosk.status()["display"] == "running")
    eventually("the gate is open", lambda: told(kiosk)["gate"]["events"])
    return kiosk


def change_settings(cloud, **device):
    httpx.put(f"{cloud.url}/sandbox/settings", json={"deviceSettings": device}, trust_env=False).raise_for_status()


def told(kiosk):
    """What a screen that comes now is told first."""
    with httpx.stream("GET", f"http://127.0.0.1:{kiosk.port}/events", timeout=10, trust_env=False) as answer:
        return json.loads(next(line for line in answer.iter_lines() if line.startswith("data:"))[5:])


def test_what_is_changed_in_the_cloud_reaches_gate_and_screen_without_a_restart(running, cloud, eventually):
    assert told(running)["colours"]["repeated"] == "orange"
    change_settings(
        cloud, colorSettings={"repeated": "blue"}, enableSoundFeedback=False, scanRevealInterval=10,
        scanConfig={"events": []},
    )  # fmt: skip
    eventually("the screen is blue", lambda: told(running)["colours"]["repeated"] == "blue", patience_s=5)
    eventually("the gate is closed", lambda: told(running)["gate"]["events"] == [], patience_s=5)
    found = told(running)
    assert (found["sound"], found["revealSeconds"]) == (False, 10)


def test_an_answer_that_cannot_be_read_changes_neither_gate_nor_screen(running, cloud, eventually):
    eventually("the sandbox's settings are shown", lambda: told(running)["colours"]["actionRequired"] == "pink")
    before = told(running)
    spoilt = {"scanConfig": {"events": [{"eventId": 5}]}, "colorSettings": {"repeated": "pink"}}
    cloud.arm("answer_other", None, route=ME, answer={"_id": "me", "deviceSettings": spoilt})
    asked = len(cloud.requests())
    eventually("it was answered", lambda: sum(r["path"].endswith("/me") for r in cloud.requests()[asked:]) > 2)
    after = told(running)
    assert (after["gate"]["events"], after["colours"]) == (before["gate"]["events"], before["colours"])
    cloud.disarm("answer_other")
    change_settings(cloud, colorSettings={"repeated": "pink"})
    eventually("a good one is taken", lambda: told(running)["colours"]["repeated"] == "pink", patience_s=5)


def test_a_repeat_and_a_fault_reach_the_stream(door, display, first_that):
    with display.events() as stream:
        first_that(stream, lambda s: s["gate"]["alive"])
        scan = door.scan()
        before = first_that(stream, lambda s: s["shown"])["shown"]
        door.repeat(scan)
        again = first_that(stream, lambda s: s["shown"] and s["shown"]["showing"] != before["showing"])["shown"]
        door.refuse()
        fault = first_that(stream, lambda s: s["shown"] and s["shown"]["seq"] is None)["shown"]
    assert again["seq"] == before["seq"]
    assert (fault["headline"], fault["result"], fault["message"]) == (
        "SEE STAFF", "declined", "This scan cannot be recorded: see staff",
    )  # fmt: skip


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_within_two_seconds_though_screens_are_looking(display, number):
    with display.events() as one, display.events() as other:
        next(one), next(other)
        status, took_s, said = display.end(number)
    assert (status, took_s < 2) == (0, True), said
    assert "Traceback" not in said
    assert "ERROR" not in said


def test_it_ends_within_two_seconds_though_a_screen_has_stopped_reading(door, display):
    with contextlib.closing(silent_client(display.port)):
        for _ in range(20):
            door.scan()
        status, took_s, _ = display.end()
    assert (status, took_s < 2) == (0, True)


def silent_client(port):
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
    client.connect(("127.0.0.1", port))
    client.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
    return client


def test_it_prints_its_address(display):
    _, _, said = display.end()
    assert f"http://127.0.0.1:{display.port}/" in said


def test_a_taken_port_is_said_in_words(door, display):
    done = call(door.file)
    assert done.returncode == 1
    assert f"port {display.port} of 127.0.0.1 is taken" in done.stderr
    assert "display.port" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_host_that_is_not_here_is_a_matter_of_configuration(door):
    door.configure('host = "192.0.2.1"\n')
    done = call(door.file)
    assert done.returncode == 2
    assert "display.host" in done.stderr


def test_help_teaches():
    done = subprocess.run(
        [sys.executable, "-m", "kiosk", "display", "--help"], capture_output=True, text=True, timeout=30, check=True
    )
    assert "chromium --kiosk" in done.stdout
    assert "display.port" in done.stdout


def test_it_may_be_started_before_everything_else_and_makes_nothing(door, tmp_path, display):
    display.end()
    data = tmp_path / "not" / "yet"
    door.file.write_text(door.file.read_text(encoding="utf-8").replace(str(door.data_dir), str(data)), encoding="utf-8")
    display.start()
    assert display.snapshot()["counts"]["checkin"] == 0
    assert not data.exists()


def test_it_writes_nothing(door, display):
    def contents():  # the shared index of a write-ahead log holds its readers' marks
        return {path.name: path.read_bytes() for path in door.data_dir.iterdir() if not path.name.endswith("-shm")}

    door.scan()
    before = contents()
    display.snapshot(when=lambda s: s["counts"]["checkin"] == 1)
    assert str(door.data_dir / "journal.db") not in list(opened_for_writing(display))
    display.end()
    assert contents() == before


def opened_for_writing(display):
    pid = display.process.pid
    for path in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # a connection that has just ended
            info = Path(f"/proc/{pid}/fdinfo/{path.name}").read_text(encoding="ascii")
            flags = int(next(line.split()[1] for line in info.splitlines() if line.startswith("flags")), 8)
            if flags & (os.O_WRONLY | os.O_RDWR):
                yield str(path.readlink())


def test_memory_stays_flat_over_thousands_of_scans_and_a_client_that_does_not_read(door, display):
    with contextlib.closing(silent_client(display.port)):
        record(door, display, 300)
        before = display.memory_kib()
        record(door, display, 3000)
        assert display.memory_kib() - before < 4096


def record(door, display, number):
    wanted = door.journal._seq + number
    for _ in range(number):
        door.scan()
    display.snapshot(when=lambda s: s["counts"]["checkin"] == wanted)


def test_too_many_screens_are_sent_away_and_the_others_go_on(display, first_that):
    with contextlib.ExitStack() as stack:
        answers = [
            stack.enter_context(httpx.stream("GET", f"{display.url}/events", timeout=10)).status_code for _ in range(70)
        ]
        assert set(answers) == {200, 503}
    # Those who left make room again.
    assert display.snapshot()["deviceId"] == "gate-north-1"


def test_many_clients_that_come_and_go_leave_nothing_behind(display, eventually):
    def open_files():
        return len(list(Path(f"/proc/{display.process.pid}/fd").iterdir()))

    display.snapshot()
    before = open_files()
    for _ in range(30):
        display.snapshot()
    eventually("all are gone", lambda: open_files() <= before)
