"""The stage: sandbox cloud, gate, sync and display as real processes on free ports, and a virtual scanner on a pty."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import tty
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

from kiosk import pulse
from kiosk.errors import Refused

EVENT_ID = "62a1c0ffee0000000000e001"
TICKETS = 500
SEED = 7
PATIENCE_S = 20.0
POLL_S = 0.05
GRACE_S = 3.0

CONFIG = """\
[device]
id = "demo-gate"
data_dir = {data_dir}
runtime_dir = {runtime_dir}

[cloud]
scans_url = {cloud}
access_url = {cloud}
api_key_file = {secret}
token_file = {secret}

[gate]
hold_off_s = 1.0

[[scanner]]
name = "left"
kind = "serial"
device = {scanner}

[sync]
upload_interval_s = 0.5
tickets_interval_s = 2
scans_interval_s = 2

[display]
port = {port}
"""


class Stage:
    """A context manager: everything runs inside it, and nothing of it is left afterwards."""

    def __init__(self) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="kiosk-demo-"))
        self.data_dir = self.directory / "data"
        self.port = _free_port()
        self._programs: dict[str, subprocess.Popen[bytes]] = {}
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        self._cloud = ""

    def __enter__(self) -> Self:
        try:
            self._open()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_exception: object) -> None:
        for program in self._programs.values():
            program.terminate()
        for program in self._programs.values():
            _end(program)
        os.close(self._master)
        os.close(self._slave)
        shutil.rmtree(self.directory)

    @property
    def display_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def scan(self, code: str) -> None:
        """Hold a ticket under the virtual scanner."""
        os.write(self._master, code.encode("utf-8", "replace") + b"\r")

    def cut_network(self) -> None:
        """Take the cloud away: nobody answers any more."""
        if "sandbox" in self._programs:
            _end(self._programs.pop("sandbox"))

    def mend_network(self) -> None:
        """Bring it back, with everything that it had."""
        if "sandbox" not in self._programs:
            self._start_cloud(urlsplit(self._cloud).port or 0)

    def delivered(self) -> list[dict[str, Any]]:
        """Return every scan the cloud has, in order of arrival."""
        found: list[dict[str, Any]] = self._control("GET", "/sandbox/scans", None)
        return found

    def gate_is_open(self) -> bool:
        """Tell whether the gate has taken over which event it admits to: before that it records nothing."""
        gate = pulse.feel(self.directory / "run", "gate")
        return gate is not None and bool(gate["events"])

    def check_programs(self) -> None:
        """Raise Refused, with its last words, when a program has ended by itself."""
        for name, program in self._programs.items():
            if program.poll() is not None:
                raise Refused(f"{name} ended with status {program.returncode}:\n{self._last_words(name)}")

    def wait_for(self, what: str, happened: Callable[[], bool]) -> None:
        """Wait until something has happened. Raises Refused when it takes too long, or when a program ends."""
        if not self.happens(happened, PATIENCE_S):
            raise Refused(f"{what}: still not so after {PATIENCE_S:.0f} s")

    def happens(self, event: Callable[[], bool], patience_s: float) -> bool:
        """Wait for something that may not come; tell whether it came. Raises Refused when a program ends."""
        deadline = time.monotonic() + patience_s
        while not event():
            self.check_programs()
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL_S)
        return True

    def _open(self) -> None:
        self._start_cloud(0)
        self._configure()
        for name in ("sync", "gate", "display"):
            self._start(name, "--config", str(self.directory / "kiosk.toml"), "--allow-volatile")
        self.wait_for("the display answers", self._display_answers)
        self.wait_for("the gate listens to its scanner", self._gate_listens)

    def _start_cloud(self, port: int) -> None:
        made = ("--tickets", str(TICKETS), "--seed", str(SEED), "--event", EVENT_ID)
        self._start("sandbox", "--port", str(port), *made, "--store", str(self.directory / "cloud.db"))
        self.wait_for("the sandbox cloud starts", lambda: b"\n" in self._said("sandbox"))
        self._cloud = self._said("sandbox").decode().split()[0].removesuffix("/api")

    def _configure(self) -> None:
        secret = self.directory / "secret"
        secret.write_text("demo\n", encoding="ascii")
        values = {
            "data_dir": str(self.data_dir),
            "runtime_dir": str(self.directory / "run"),
            "cloud": f"{self._cloud}/api",
            "secret": str(secret),
            "scanner": os.ttyname(self._slave),
            "port": self.port,
        }
        text = CONFIG.format(**{key: json.dumps(value) for key, value in values.items()})
        (self.directory / "kiosk.toml").write_text(text, encoding="utf-8")

    def _start(self, name: str, *arguments: str) -> None:
        said, log = (self.directory / f"{name}.out").open("wb"), (self.directory / f"{name}.log").open("wb")
        with said, log:
            self._programs[name] = subprocess.Popen(  # noqa: S603  # our own program
                [sys.executable, "-m", "kiosk", name, *arguments],
                stdin=subprocess.DEVNULL, stdout=said, stderr=log, start_new_session=True,
            )  # fmt: skip

    def _said(self, name: str) -> bytes:
        return (self.directory / f"{name}.out").read_bytes()

    def _last_words(self, name: str) -> str:
        lines = (self.directory / f"{name}.log").read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(lines[-5:])

    def _gate_listens(self) -> bool:
        gate = pulse.feel(self.directory / "run", "gate")
        return gate is not None and all(scanner["connected"] for scanner in gate["scanners"])

    def _display_answers(self) -> bool:
        try:
            return httpx.get(f"{self.display_url}health", trust_env=False, timeout=1).is_success
        except httpx.HTTPError:
            return False

    def _control(self, method: str, path: str, body: object) -> Any:
        answer = httpx.request(method, f"{self._cloud}{path}", json=body, trust_env=False, timeout=PATIENCE_S)
        answer.raise_for_status()
        return answer.json()


def _end(program: subprocess.Popen[bytes]) -> None:
    program.terminate()
    try:
        program.wait(GRACE_S)
    except subprocess.TimeoutExpired:
        program.kill()
        program.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
