"""A door to look at: its journal and its beats written as the gate writes them, a real display, a real browser."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from kiosk import clock, languages
from kiosk.config import parse
from kiosk.model import Direction, Listed, Notice, Reading, Reason, Result, Ticket, Verdict
from kiosk.pulse import Pulse
from kiosk.store.cache import Cache
from kiosk.store.journal import Journal
from kiosk.store.tickets import DEVICE_SETTINGS, ListState

EVENT_ID = "e1"
CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required",
]  # fmt: skip
TICKET = Ticket("t1", "ABCD1234", EVENT_ID, "tt1", ticket_name="Weekend", name="Zoë Müller")


class Door:
    """Plays the gate and sync: appends to the journal, and beats until told to fall silent."""

    def __init__(self, directory):
        self.data_dir, self.runtime_dir = directory / "data", directory / "run"
        self.data_dir.mkdir()
        self.runtime_dir.mkdir()
        self.file = directory / "kiosk.toml"
        self.port = free_port()
        self.configure()
        self.journal = Journal(self.data_dir, "gate-north-1")
        self._pulses = {name: Pulse(self.runtime_dir, name) for name in ("gate", "sync")}
        self.turn, self.shown = 0, {"turn": 0, "lane": "", "seq": None, "notice": None}
        self.facts = {"events": [EVENT_ID], "fault": None, "scanners": [scanner("left", "serial")]}
        self.reachable, self.ears_stuck_ns = True, 0
        self.cloud_error = self.delivery_refused = None
        self._beating, self._over, self._lock = True, threading.Event(), threading.Lock()
        self._thread = threading.Thread(target=self._run)
        self.beat()
        self._thread.start()

    def configure(self, more=""):
        self.file.write_text(
            f"[device]\nid = 'gate-north-1'\ndata_dir = '{self.data_dir}'\nruntime_dir = '{self.runtime_dir}'\n"
            f"[gate]\nevents = ['{EVENT_ID}']\n[display]\nport = {self.port}\n{more}",
            encoding="utf-8",
        )

    @property
    def config(self):
        return parse(self.file.read_text(encoding="utf-8"), "kiosk.toml")

    def scan(self, reason=Reason.OK, ticket=TICKET, direction=Direction.CHECKIN, code="ABCD1234", lane="left", **facts):
        approved = {Reason.OK, Reason.OVERRIDDEN, Reason.NOT_INSIDE}
        result = Result.APPROVED if facts.get("played", reason) in approved else Result.DECLINED
        reading = Reading(lane, code, code.encode(), clock.now())
        scan = self.journal.append(reading, Verdict(direction, result, reason, ticket, facts))
        self._turn(lane, scan.seq)
        return scan

    def repeat(self, scan):
        """What the gate does within the hold-off: no row, but a beat at once."""
        self._turn(scan.lane, scan.seq)
        self.beat()

    def refuse(self, notice=Notice.NOT_RECORDED, lane="left"):
        """What the gate does when nothing could be recorded."""
        self._turn(lane, None, notice)
        self.beat()

    def _turn(self, lane, seq, notice=None):
        with self._lock:
            self.turn += 1
            self.shown = {"turn": self.turn, "lane": lane, "seq": seq, "notice": notice}

    def beat(self, **facts):
        with self._lock:
            self.facts |= facts
            heard_ns = self.ears_stuck_ns or clock.boottime_ns()
            self._pulses["gate"].beat(version="1", ears_ns=heard_ns, shown=self.shown, **self.facts)
            cloud = {"reachable": self.reachable, "lastSuccess": None, "lastError": self.cloud_error}
            cloud["deliveryRefused"] = self.delivery_refused
            self._pulses["sync"].beat(version="1", cloud=cloud)

    def list_tickets(self, number=3, *, complete=True):
        with contextlib.closing(Cache(self.data_dir)) as tickets:
            tickets.store_events({EVENT_ID: "Summer Night"})
            rows = [Listed(Ticket(f"t{n}", f"c{n}", EVENT_ID, "tt1")) for n in range(number)]
            tickets.store(rows, ListState(EVENT_ID, "cloud", complete, checked=clock.now() if complete else None))

    def store_settings(self, answer):
        """What sync does with the cloud's answer."""
        with contextlib.closing(Cache(self.data_dir)) as tickets:
            tickets.store_setting(DEVICE_SETTINGS, answer)

    def tell(self, **device):
        self.store_settings({"_id": "me", "deviceSettings": device})

    def fall_silent(self):
        self._beating = False

    def speak_again(self):
        self._beating = True

    def close(self):
        self._over.set()
        self._thread.join()
        self.journal.close()

    def _run(self):
        while not self._over.wait(0.3):
            if self._beating:
                self.beat()


def scanner(name, kind, *, connected=True):
    return {"name": name, "kind": kind, "device": "/dev/x", "connected": connected, "problem": None}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Display:
    """The real command, as a child process."""

    def __init__(self, file, port):
        self._file, self.port, self.process = file, port, None
        self.url = f"http://127.0.0.1:{port}"

    def start(self):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "kiosk", "display", "--config", str(self._file), "--allow-volatile"],
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        deadline = time.monotonic() + 20
        while not self._answers():
            assert self.process.poll() is None, self.process.stderr.read()
            assert time.monotonic() < deadline, "the display does not answer"
            time.sleep(0.02)

    def _answers(self):
        try:
            return httpx.get(f"{self.url}/health").json() == {"ok": True}
        except httpx.TransportError:
            return False

    def end(self, number=signal.SIGTERM):
        """Send a signal; return the exit status, how long it took, and what was said."""
        process, self.process = self.process, None
        began = time.monotonic()
        process.send_signal(number)
        _, said = process.communicate(timeout=20)
        return process.returncode, time.monotonic() - began, said

    def memory_kib(self):
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))

    @contextlib.contextmanager
    def events(self):
        """The stream, as snapshots; the first is the one of now."""
        with httpx.stream("GET", f"{self.url}/events", timeout=10) as answer:
            assert answer.status_code == 200
            yield snapshots(answer)

    def snapshot(self, *, when=lambda _: True):
        """The first snapshot of which something is true."""
        with self.events() as stream:
            return first(stream, when)


def snapshots(answer):
    return (json.loads(line[5:]) for line in answer.iter_lines() if line.startswith("data:"))


def first(stream, when, patience_s=15):
    deadline = time.monotonic() + patience_s
    for snapshot in stream:
        if when(snapshot):
            return snapshot
        assert time.monotonic() < deadline, f"still not so: {snapshot}"
    raise AssertionError("the stream has ended")


@pytest.fixture
def first_that():
    return first


@pytest.fixture
def run():
    """Run a coroutine on a thread of its own: a browser of another test may keep this one's event loop."""

    def on_a_thread(main):
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(asyncio.run, main).result()

    return on_a_thread


@pytest.fixture
def door(tmp_path):
    made = Door(tmp_path)
    yield made
    made.close()


@pytest.fixture
def display(door):
    made = Display(door.file, door.port)
    made.start()
    yield made
    if made.process is not None:
        made.end(signal.SIGKILL)


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api")
    executable = os.environ.get("CHROMIUM", str(CHROMIUM))
    with playwright.sync_playwright() as found:
        started = found.chromium.launch(executable_path=executable, args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture(scope="session")
def axe():
    """Ask axe-core what keeps people from using a page; what it cannot tell is not its finding."""
    found = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()

    def violations(page):
        told = found.run(page, options={"resultTypes": ["violations"]}).response["violations"]
        return [
            f"{each['id']}: {node['html'][:150]} {node['failureSummary']}" for each in told for node in each["nodes"]
        ]

    return violations


class Screen:
    """A browser's page, asked as a person would: what is to be seen."""

    def __init__(self, page):
        self.page = page
        self.errors, self.requests = [], []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        page.on("request", lambda request: self.requests.append(request.url))

    def wait_for(self, face, timeout_s=15):
        self.page.wait_for_selector(f"body[data-face={face}]", timeout=timeout_s * 1000)

    @property
    def face(self):
        return self.page.evaluate("document.body.dataset.face")

    def text(self, place):
        return self.page.locator(f"#{place}").text_content()

    def seen(self):
        """The text that stands in front of everything else in the middle of the screen."""
        return self.page.evaluate(
            "document.elementFromPoint(innerWidth / 2, innerHeight / 2).closest('main, section:not(.call)').innerText"
        )

    def wait_for_text(self, place, text):
        self.page.wait_for_function(
            "([place, text]) => document.getElementById(place).textContent.includes(text)",
            arg=[place, text], timeout=15_000,
        )  # fmt: skip


@pytest.fixture
def screen(browser, display):
    """The display's page in a browser of the smallest size, ready."""
    context = browser.new_context(viewport={"width": 1024, "height": 600})
    made = Screen(context.new_page())
    made.page.goto(f"{display.url}/")
    made.wait_for("ready")
    yield made
    context.close()


PSEUDO = (
    'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=UTF-8\\n"\n"Plural-Forms: nplurals=1; plural=0;\\n"\n\n'
)


@pytest.fixture
def brackets(tmp_path, monkeypatch):
    """The kiosk in another place, with one more file: a language, xx, that puts every English text into brackets."""
    place = tmp_path / "copy"
    shutil.copytree(Path(languages.__file__).parents[1], place / "kiosk", ignore=shutil.ignore_patterns("__pycache__"))
    texts = (languages.FOLDER / "de.po").read_text(encoding="utf-8").split("\n\n")[1:]
    folder = place / "kiosk" / "languages"
    (folder / "xx.po").write_text(PSEUDO + "\n\n".join(map(bracketed, texts)), encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(place), *filter(None, [os.environ.get("PYTHONPATH")])]))
    monkeypatch.chdir(place)
    monkeypatch.setattr(languages, "FOLDER", folder)


def bracketed(entry):
    lines = [line for line in entry.strip().splitlines() if line.startswith("msgid")]
    said = lines[-1].partition('"')[2].rstrip('"')
    key = "msgstr[0]" if len(lines) == 2 else "msgstr"
    return "\n".join([*lines, f'{key} "⟦{said}⟧"'])
