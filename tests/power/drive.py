"""A disk that forgets, in a test's hand."""

from __future__ import annotations

import json
import random
import select
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]


class Drive:
    """A mounted file system of its own process: whoever serves a file must not be the one who waits for it."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir()
        self.directory = directory
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.power.lossy", str(directory)], cwd=ROOT,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.mount()

    def mount(self) -> None:
        """Mount it, with what there is; what hangs since the power has gone ends."""
        self._order(do="mount")

    def sync(self) -> None:
        self._order(do="sync")

    def arm(self, at: int, seed: int | None) -> None:
        """Let the power go at this request from now that changes or syncs anything; None: nothing is forgotten."""
        self._order(do="arm", at=at, seed=seed)

    def fail(self, start: int, stop: int) -> None:
        """Let such requests fail, from the one up to before the other."""
        self._order(do="fail", start=start, stop=stop)

    def count(self) -> int:
        """Return how many such requests there were since it was mounted."""
        return int(self._order(do="arm", at=-1, seed=0)["count"])

    def await_cut(self, patience_s: float) -> bool:
        """Wait for the power to go, as it is armed; return whether it has."""
        ready, _, _ = select.select([self._process.stdout], [], [], patience_s)
        return bool(ready) and "cut" in self._hear()

    def cut(self, seed: int | None) -> None:
        """Let the power go now, unless it has gone."""
        self._order(do="cut", seed=seed)

    def _order(self, **words: Any) -> dict[str, Any]:
        self._process.stdin.write(json.dumps(words) + "\n")
        self._process.stdin.flush()
        while "count" not in (said := self._hear()):
            pass
        return said

    def _hear(self) -> dict[str, Any]:
        line = self._process.stdout.readline()
        assert line, "the file system has ended"
        said: dict[str, Any] = json.loads(line)
        return said

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()


def cut(*drives: Drive, seed: int | None) -> None:
    """One power for all of them."""
    for number, drive in enumerate(drives):
        drive.cut(random.Random(f"{seed} {number}").randrange(1 << 30) if seed is not None else None)
