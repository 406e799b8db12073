"""What many tests stand on: Debian packages that may be missing, a sandbox cloud, a configured kiosk, its programs."""

import contextlib
import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import tty
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from kiosk.cli.options import Setup
from kiosk.cli.scans import rows
from kiosk.cli.status import status
from kiosk.pulse import BEAT_S, Pulse
from kiosk.sandbox import Sandbox, generate_tickets

EVENT_ID = "62a1c0ffee0000000000e001"
PACKAGES = {
    "chromium": "chromium", "strace": "strace", "umockdev-run": "umockdev", "systemd-analyze": "systemd",
    "zsh": "zsh", "fish": "fish", "gcc": "gcc python3-dev linux-libc-dev",
    "unshare": "util-linux", "fusermount3": "fuse3", "openssl": "openssl", "libxkbcommon.so.0": "libxkbcommon0",
    "faketime": "faketime",
}  # fmt: skip
PATIENCE_S = 60.0


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what needs a missing program or library, with the line that installs it; a failure where CI is set."""
    for marker in item.iter_markers("needs"):
        program = marker.args[0]
        if not (is_library(program) if ".so." in program else shutil.which(program)):
            text = f"needs {program}: apt-get install {PACKAGES[program]}"
            pytest.fail(text, pytrace=False) if os.environ.get("CI") else pytest.skip(text)


def is_library(name: str) -> bool:
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


def wait_for(what: str, happened: Callable[[], Any], patience_s: float = PATIENCE_S) -> Any:
    """Wait until something is true and return it."""
    deadline = time.monotonic() + patience_s
    while not (found := happened()):
        assert time.monotonic() < deadline, f"{what}: still not so after {patience_s} s"
        time.sleep(0.02)
    return found


@pytest.fixture
def eventually() -> Callable[..., Any]:
    return wait_for


@pytest.fixture
def listens() -> Callable[[Path], bool]:
    """Tell whether somebody can come in at a Unix socket: its name is there a moment before."""

    def comes_in(path: Path) -> bool:
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
                client.connect(str(path))
        except OSError:
            return False
        return True

    return comes_in


@pytest.fixture
def cloud() -> Iterator[Sandbox]:
    """A sandbox cloud with 60 tickets of one event; how often to look is left to the kiosk's own file."""
    with Sandbox() as box:
        own_pace = {"deviceSettings": {"ticketSyncInterval": None}}
        httpx.put(f"{box.url}/sandbox/settings", json=own_pace, trust_env=False).raise_for_status()
        box.add_event(EVENT_ID, "Summer Night")
        box.add_tickets(generate_tickets(60, EVENT_ID))
        yield box


class Kiosk:
    """A configured kiosk in a directory of its own, whose programs run as real processes."""

    def __init__(self, directory: Path, cloud_url: str) -> None:
        self.directory = directory
        self.data_dir, self.runtime_dir = directory / "data", directory / "run"
        self.file = directory / "kiosk.toml"
        self.master, self._slave = os.openpty()
        tty.setraw(self._slave)
        self.scanner = os.ttyname(self._slave)
        self.port = free_port()
        self.running: dict[str, subprocess.Popen[str]] = {}
        (directory / "secret").write_text("secret\n", encoding="ascii")
        self.configure(cloud_url)

    def configure(self, cloud_url: str, *, gate: str = "", scanner: str | None = None, sync: str = "") -> None:
        secret = json.dumps(str(self.directory / "secret"))
        own_scanner = f'[[scanner]]\nname = "left"\nkind = "serial"\ndevice = {json.dumps(self.scanner)}\n'
        self.file.write_text(
            f"""
[device]
id = "gate-north-1"
data_dir = {json.dumps(str(self.data_dir))}
runtime_dir = {json.dumps(str(self.runtime_dir))}
[cloud]
scans_url = "{cloud_url}/api"
access_url = "{cloud_url}/api"
api_key_file = {secret}
token_file = {secret}
[gate]
{gate}
[sync]
upload_interval_s = 0.1
tickets_interval_s = 0.5
scans_interval_s = 0.5
{sync}
[display]
port = {self.port}
{own_scanner if scanner is None else scanner}
""",
            encoding="utf-8",
        )

    def scan(self, code: str | bytes) -> None:
        """Hold a ticket under the virtual scanner."""
        os.write(self.master, (code.encode() if isinstance(code, str) else code) + b"\r")

    def call(self, *arguments: str, check: bool = True, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run one command to its end."""
        done = subprocess.run(
            [sys.executable, "-m", "kiosk", *arguments, "--config", str(self.file), "--allow-volatile"],
            capture_output=True, text=True, timeout=60, check=False, **options,
        )  # fmt: skip
        assert not check or done.returncode == 0, done.stderr
        return done

    def start(self, program: str) -> subprocess.Popen[str]:
        """Start a program in the background."""
        with (self.directory / f"{program}.log").open("a", encoding="utf-8") as log:
            self.running[program] = subprocess.Popen(
                [sys.executable, "-m", "kiosk", program, "--config", str(self.file), "--allow-volatile"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, text=True,
            )  # fmt: skip
        return self.running[program]

    def open_gate(self) -> None:
        """Start the gate and wait until its scanner is listened to."""
        self.start("gate")
        wait_for("the gate listens", lambda: all(s["connected"] for s in self.scanners()))

    def scanners(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.status()["scanners"]
        return found

    def status(self) -> dict[str, Any]:
        """What `kiosk status` says, without the second that a process takes."""
        return status(Setup(self.file, allow_volatile=True))

    def scans(self) -> list[dict[str, Any]]:
        """What `kiosk scans` says."""
        return list(rows(Setup(self.file, allow_volatile=True)))

    @contextlib.contextmanager
    def saying(self, program: str, **facts: object) -> Iterator[None]:
        """Stand in for a program that says this of itself, for as long as this slow machine takes to hear it."""
        self.runtime_dir.mkdir(exist_ok=True)
        sign, ended = Pulse(self.runtime_dir, program), threading.Event()
        sign.beat(**facts)

        def beat() -> None:
            while not ended.wait(BEAT_S / 4):
                sign.beat(**facts)

        thread = threading.Thread(target=beat)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
            sign.end()

    def stop(self, program: str, number: int = signal.SIGTERM) -> int:
        process = self.running.pop(program)
        process.send_signal(number)
        return process.wait(10)

    def close(self) -> None:
        for process in self.running.values():
            process.kill()
            process.wait()
        self._kill_orphans()
        for descriptor in (self.master, self._slave):
            with contextlib.suppress(OSError):  # a test may have pulled the plug
                os.close(descriptor)

    def _kill_orphans(self) -> None:
        """End whatever a tracer left behind: it would go on opening a pty whose number is somebody else's by then."""
        mine = str(self.file).encode()
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):  # it has ended by itself
                if mine in (process / "cmdline").read_bytes().split(b"\0"):
                    os.kill(int(process.name), signal.SIGKILL)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.fixture
def kiosk(tmp_path: Path, cloud: Sandbox) -> Iterator[Kiosk]:
    """A kiosk pointed at the sandbox cloud, with one serial scanner on a pty; nothing of it runs yet."""
    made = Kiosk(tmp_path, cloud.url)
    yield made
    made.close()


@pytest.fixture
def valid(cloud: Sandbox) -> list[dict[str, Any]]:
    """The tickets of the cloud that are admitted without more ado."""
    tickets = generate_tickets(60, EVENT_ID)
    return [ticket for ticket in tickets if ticket.get("status", "VALID") == "VALID"]
