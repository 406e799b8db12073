"""How a running program shows that it lives: one small file in the runtime directory, replaced whole at each beat.

`gate.json`, `recovery.json` and `sync.json` each have one writer. A beat counts by the time since boot, which nobody
sets; one from another boot, or older than a few seconds, is no sign of life.
"""

from __future__ import annotations

import json
import logging
import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from kiosk import clock
from kiosk.model import Moment

log = logging.getLogger(__name__)

BEAT_S = 1.0
"""How often a program says that it lives."""

RECOVERY = "recovery"
"""The gate's second file: it lives only while the journal is put together again, and the gate says nothing else."""

DEAD_AFTER_S = 3.0
"""How old the last beat of a living program may be."""


class Pulse:
    """The writing side. The file is not synced: it is worth nothing after a power cut."""

    def __init__(self, directory: Path, program: str) -> None:
        self._path = directory / f"{program}.json"
        self._draft = directory / f".{program}.json"
        self._mute = False

    def beat(self, **facts: object) -> None:
        """Say that the program lives, and what else there is to know."""
        self._say({"pid": os.getpid(), "boot_id": clock.boot_id(), "beat_ns": clock.boottime_ns()} | facts)

    def _say(self, facts: dict[str, object]) -> None:
        """A sign of life that cannot be written must not end a life: the screen goes grey, the door goes on."""
        try:
            self._draft.write_text(json.dumps(facts), encoding="utf-8")
            self._draft.replace(self._path)
        except OSError as error:
            if not self._mute:
                log.warning("no sign of life: %s", error)
            self._mute = True
        else:
            self._mute = False

    def end(self) -> None:
        """Take the sign of life away, keeping the rest for whoever asks later."""
        if facts := self.last():
            self._say(facts | {"beat_ns": 0, "ended_ns": clock.boottime_ns()})

    def quiet_s(self) -> float:
        """Return for how long, at least, the program before this one has not run."""
        if feel(self._path.parent, self._path.stem) is None:  # nobody knows
            return 0.0
        last = self.last()
        times = [last.get("beat_ns"), last.get("ended_ns")]
        return (clock.boottime_ns() - max((at for at in times if isinstance(at, int)), default=0)) / 1e9

    def last(self) -> dict[str, Any]:
        """Return what this program, or the one before it, said last; nothing where that was in another boot."""
        facts = feel(self._path.parent, self._path.stem) or {}
        return facts if facts.get("boot_id") == clock.boot_id() else {}


def feel(directory: Path, program: str) -> dict[str, Any] | None:
    """Return what a program last said, None when it never spoke or its file cannot be read."""
    try:
        facts = json.loads((directory / f"{program}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return facts if isinstance(facts, dict) else None


def alive(facts: dict[str, Any] | None) -> bool:
    """Tell whether these are the words of a program that still runs."""
    if facts is None or facts.get("boot_id") != clock.boot_id():
        return False
    try:
        aged_s = (clock.boottime_ns() - int(facts.get("beat_ns", 0))) / 1e9
        return aged_s < DEAD_AFTER_S and _exists(int(facts.get("pid", 0)))
    except (TypeError, ValueError, OverflowError):  # not what any program of ours says
        return False


def online(directory: Path) -> bool:
    """Tell whether sync runs and reaches its cloud, by what it says itself."""
    facts = feel(directory, "sync")
    cloud = facts.get("cloud") if facts is not None else None
    return isinstance(cloud, dict) and cloud.get("reachable") is True and alive(facts)


def clock_of(gate: dict[str, Any] | None) -> dict[str, Any]:
    """Return what a running gate says of its clock; nothing where none runs."""
    said = (gate or {}).get("clock") if alive(gate) else None
    return said if isinstance(said, dict) else {}


def known(gate: dict[str, Any] | None, now: Moment) -> Moment | None:
    """Return what time it is as the gate knows it, whatever the wall clock shows; None where nobody knows."""
    said = (gate or {}).get("clock") or {}
    if said.get("known") is False:
        return None
    return replace(now, at=now.at - timedelta(seconds=said.get("aheadSeconds") or 0.0))


def recovering(directory: Path) -> str | None:
    """Return how far the gate has come with a damaged journal, None while it is doing something else."""
    facts = feel(directory, RECOVERY)
    return str(facts.get("text")) if facts is not None and alive(facts) else None


def _exists(pid: int) -> bool:
    """Signal 0 asks the kernel only; a process of another user exists, too."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
