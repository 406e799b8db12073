"""The sandbox cloud from the command line."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator

import httpx
import pytest

EVENT_ID = "62a1c0ffee0000000000e001"
Start = Callable[..., str]


@pytest.fixture
def sandbox() -> Iterator[Start]:
    """Start `kiosk sandbox` with these arguments on any port; give back the address that it prints."""
    running: list[subprocess.Popen[str]] = []

    def start(*arguments: str) -> str:
        process = subprocess.Popen(
            [sys.executable, "-m", "kiosk", "sandbox", "--port", "0", *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        running.append(process)
        assert process.stdout is not None
        return process.stdout.readline().strip()

    start.running = running  # type: ignore[attr-defined]
    yield start
    for process in running:
        process.kill()
        process.communicate()


def ask(url: str, path: str, **headers: str) -> httpx.Response:
    return httpx.get(f"{url}{path}", headers={"token": "t", "Authorization": "Bearer k"} | headers, trust_env=False)


def tickets(url: str, event_id: str = EVENT_ID) -> dict[str, object]:
    found: dict[str, object] = ask(url, f"/accessusers/tickets/v2/{event_id}").json()
    return found


def test_it_prints_the_address_at_which_both_apis_answer(sandbox):
    url = sandbox("--tickets", "7")
    assert url.startswith("http://127.0.0.1:")
    assert url.endswith("/api")
    assert tickets(url)["total"] == 7
    assert ask(url, "/scans").json() == {"docs": [], "total": 0}


@pytest.mark.parametrize(
    "content",
    [
        '[{"_id": "t-1", "barcode": "CODE00001"}, {"_id": "t-2", "barcode": "CODE00002"}]',
        '{"_id": "t-1", "barcode": "CODE00001"}\n{"_id": "t-2", "barcode": "CODE00002"}\n',
        "_id,barcode\nt-1,CODE00001\nt-2,CODE00002\n",
    ],
)
def test_its_tickets_may_come_from_a_file(sandbox, tmp_path, content):
    file = tmp_path / "list"
    file.write_text(content, encoding="utf-8")
    url = sandbox("--tickets", str(file), "--event", "my-event")
    assert [row["barcode"] for row in tickets(url, "my-event")["docs"]] == ["CODE00001", "CODE00002"]


def test_the_same_seed_makes_the_same_tickets_and_another_one_others(sandbox):
    lists = [tickets(sandbox("--tickets", "3", "--seed", seed))["docs"] for seed in ("5", "5", "6")]
    codes = [[row["barcode"] for row in rows] for rows in lists]
    assert codes[0] == codes[1] != codes[2]


def test_faults_are_armed_from_the_start_as_often_as_is_said(sandbox):
    url = sandbox("--tickets", "1", "--fault", "unauthorized=2", "--fault", "wrong_type=always")
    found = [
        (answer.status_code, answer.headers["Content-Type"][:9]) for answer in (ask(url, "/scans") for _ in range(4))
    ]
    assert found == [(401, "applicati")] * 2 + [(200, "text/html")] * 2


def test_a_key_and_a_token_may_be_asked_for(sandbox):
    url = sandbox("--tickets", "1", "--api-key", "right", "--token", "right")
    assert ask(url, "/scans").status_code == 401
    assert ask(url, "/scans", Authorization="Bearer right").status_code == 200
    assert ask(url, "/accessusers/me").status_code == 401
    assert ask(url, "/accessusers/me", token="right").status_code == 200


def test_what_it_was_given_outlives_it_in_a_file(sandbox, tmp_path):
    store = str(tmp_path / "store.db")
    scan = dict.fromkeys(("ticketId", "eventId", "barcode", "ticketTypeId"), "CODE00001")
    first = sandbox("--tickets", "1", "--store", store)
    sent = [scan | {"type": "checkin", "scanResult": "approved"}]
    httpx.post(f"{first}/scans", json=sent, headers={"Authorization": "Bearer k"}, trust_env=False).raise_for_status()
    sandbox.running[0].send_signal(signal.SIGTERM)
    sandbox.running[0].wait(5)
    assert ask(sandbox("--tickets", "1", "--store", store), "/scans").json()["total"] == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_cleanly_within_two_seconds(sandbox, number):
    sandbox("--tickets", "1")
    sandbox.running[0].send_signal(number)
    assert sandbox.running[0].wait(2) == 0


def call(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "kiosk", "sandbox", "--port", "0", *arguments],
        capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--fault", "nonsense"], "lost_reply"), (["--fault", "lost_reply=often"], "lost_reply=3"),
        (["--fault", "lost_reply=0"], "0"), (["--fault", "refuse_scan"], "barcode"),
        (["--tickets", "/nonexistent"], "/nonexistent"), (["--tickets", "2000000"], "2000000"),
    ],
    ids=str,
)  # fmt: skip
def test_a_wrong_call_exits_with_2_and_says_what_would_be_right(arguments, word):
    done = call(*arguments)
    assert done.returncode == 2
    assert word in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_that_somebody_else_has_is_said(sandbox):
    port = sandbox("--tickets", "1").split(":")[2].removesuffix("/api")
    done = call("--port", port)
    assert done.returncode == 1
    (said,) = done.stderr.splitlines()
    assert said.startswith("kiosk: the sandbox cannot start")


def test_help_names_every_fault():
    done = call("--help")
    assert "lost_reply " in done.stdout
    assert "captive_redirect " in done.stdout


def test_the_address_can_be_used_while_nobody_reads_on(sandbox):
    url = sandbox("--tickets", "1")
    summary = httpx.get(url.removesuffix("/api") + "/sandbox/summary", trust_env=False).json()
    assert json.loads(json.dumps(summary))["tickets"] == 1
