"""The eye: looks at the files of the others, cheaply and often, and says what has changed.

A look costs one number from the journal and one small file; what has to be counted is counted once a second. Belongs
to one thread.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from kiosk import __version__, disk, pulse, words
from kiosk.config import Config
from kiosk.display.guise import Guise
from kiosk.display.places import Places
from kiosk.display.snapshot import Shown, Snapshot, describe, refuse, short
from kiosk.display.speech import Speech
from kiosk.display.stage import MOST, Beat, Cue, Stage, beat
from kiosk.model import Moment
from kiosk.pulse import DEAD_AFTER_S
from kiosk.store import journal, ledger, ticketrows
from kiosk.store.outlook import Outlook
from kiosk.words import Language

log = logging.getLogger(__name__)

T = TypeVar("T")

LOOK_S = 0.05
"""How often to look: a verdict is on its way to the screen this long after its commit at the latest."""

COUNT_NS = 1_000_000_000
"""How often to count, and to say that all is still as it was."""

GAP_NS = 2_000_000_000
"""An eye that was away for longer begins anew: what happened meanwhile is too old to be shown."""


class Eye:
    """Keeps what the screen shows; `look` returns a snapshot when there is something to say."""

    def __init__(self, config: Config, speech: Speech | None = None) -> None:
        self._config, self._speech = config, speech or Speech(config)
        self._data_dir, self._runtime_dir = config.device.data_dir, config.device.runtime_dir
        self._guise = Guise(config)
        self._outlook = Outlook(self._data_dir)
        self._files = self._identity()
        self._stage: Stage | None = None
        self._places = Places(config.scanner)
        self._quick: tuple[object, ...] = ()
        self._figures: dict[str, Any] = {}
        self._looked_ns = self._counted_ns = self._blind_ns = 0
        self._problem: str | None = None

    @property
    def _language(self) -> Language:
        return self._speech()

    def look(self, now: Moment) -> Snapshot | None:
        """Return a snapshot when something changed, and each second; none while the journal cannot be read.

        Raises TooNew when a file was written by a newer version.
        """
        try:
            found = self._look(now)
        except sqlite3.Error as error:  # saying nothing turns the screens grey, which is the truth
            self._note(str(error))
            self._begin_anew()
            return None
        self._note(None)
        return found

    def _look(self, now: Moment) -> Snapshot | None:
        newest = self._outlook.newest()
        self._speech.look()
        self._guise.look(self._outlook.settings, now)
        facts = pulse.feel(self._runtime_dir, "gate")
        self._follow(newest, beat(facts), pulse.known(facts, now) or now)
        gate = self._gate(facts, now, newest)
        places = (self._places.newest, self._places.halves, self._places.elsewhere)
        quick = (gate, places, self._language.name)
        changed, waited_ns = quick != self._quick, now.boottime_ns - self._counted_ns
        self._quick = quick
        if waited_ns >= (2 * COUNT_NS if changed else COUNT_NS):  # a verdict does not wait for the counting
            self._count(gate["events"], now)
        elif changed:
            self._figures |= self._admitted(hasty=True)
        else:
            return None
        fixed = {**self._fixed(), "time": _time(facts, now)}
        newest_shown, halves, elsewhere = places
        return Snapshot({**fixed, "gate": gate, **self._figures}, newest_shown, now.boottime_ns, halves, elsewhere)

    def _follow(self, newest: int, beat: Beat | None, now: Moment) -> None:
        away = now.boottime_ns - self._looked_ns > GAP_NS
        self._looked_ns = now.boottime_ns
        if self._stage is None or away or (newest and not self._stage.newest):
            older = self._stage.newest if self._stage is not None and not away else None
            self._stage = Stage(newest, beat, older)
            self._show_recent(newest, now)
        else:
            for cue in self._stage.follow(newest, beat):
                self._show(cue, now)
        self._places.take_back(now.boottime_ns, self._guise.looks.reveal_s)

    def _show_recent(self, newest: int, now: Moment) -> None:
        """After a start: each lane's verdict that is still the current one at the door, and nothing older."""
        for seq in range(max(0, newest - MOST) + 1, newest + 1):
            scan = self._outlook.scan(seq)
            if scan is not None and scan.moment.boot_id == now.boot_id:
                facts = describe(scan, now.at, self._language, repeated=False)
                self._places.put(scan.lane, Shown(facts, scan.moment.boottime_ns))

    def _show(self, cue: Cue, now: Moment) -> None:
        if cue.seq is None:
            facts = refuse(cue.lane, cue.notice, self._language)
            self._places.put(cue.lane, Shown(facts, now.boottime_ns))
        elif scan := self._outlook.scan(cue.seq):
            repeated = cue.repeated and not self._places.holds(scan.lane, scan.seq, now.boottime_ns)
            facts = describe(scan, now.at, self._language, repeated=repeated)
            self._places.put(scan.lane, Shown(facts, now.boottime_ns))

    def _gate(self, facts: dict[str, Any] | None, now: Moment, newest: int) -> dict[str, Any]:
        said = facts or {}
        return {
            "alive": not self._blind(beat(facts), newest, now) and pulse.alive(facts) and _ears_live(said, now),
            "scanners": [
                {key: scanner.get(key) for key in ("kind", "connected")}
                | {"calibrating": bool(scanner.get("calibrating"))}
                | {key: short(scanner.get(key)) for key in ("name", "hint")}
                for scanner in said.get("scanners") or []
            ],
            "events": list(said.get("events") or []),
            "fault": short(said.get("fault")),
            **_fittings(said),
            "notice": self._notice((said.get("journal") or {}).get("notice")),
            "practice": bool(said.get("practice")),
            "clockKnown": (said.get("clock") or {}).get("known") is not False,
        }

    def _notice(self, facts: Any) -> str | None:
        return words.journal(facts, self._language) if isinstance(facts, dict) else None

    def _blind(self, beat: Beat | None, newest: int, now: Moment) -> bool:
        """The gate speaks of rows that cannot be seen from here: its verdicts would not be shown."""
        if beat is None or beat.seq is None or beat.seq <= newest:
            self._blind_ns = now.boottime_ns
        return now.boottime_ns - self._blind_ns > COUNT_NS

    def _count(self, events: list[str], now: Moment) -> None:
        self._counted_ns = now.boottime_ns
        if self._identity() != self._files:
            self._begin_anew()
        names = _or_none(self._outlook.event_names) or {}
        self._figures = {
            **self._admitted(hasty=False),
            "eventNames": [short(names.get(event, event)) for event in events],
            "tickets": self._tickets(events, now),
            "outbox": _or_none(lambda: self._outlook.outbox(now)),
            "disk": _or_none(lambda: disk.warning(disk.volume(self._data_dir), self._language)),
            **self._cloud(),
        }

    def _admitted(self, *, hasty: bool) -> dict[str, Any]:
        """A verdict does not wait while the scans of a long time are counted by type."""
        counts = {"counts": self._outlook.counts()}
        if hasty and self._figures.get("types") is None:
            return counts
        types = self._outlook.types()
        return {**counts, "types": types and [(short(name), number) for name, number in types]}

    def _cloud(self) -> dict[str, Any]:
        """What sync says of the cloud; of one that has ended, nothing is true any more."""
        sync = pulse.feel(self._runtime_dir, "sync")
        alive = pulse.alive(sync)
        said = ((sync or {}).get("cloud") or {}) if alive else {}
        return {
            "syncAlive": alive,
            "online": bool(said.get("reachable")),
            "cloudProblem": short(said.get("lastError")),
            "deliveryRefused": short(said.get("deliveryRefused")),
        }

    def _tickets(self, events: list[str], now: Moment) -> dict[str, Any] | None:
        found = _or_none(lambda: self._outlook.tickets(events or self._config.gate.events, now))
        if found is None:
            return None
        return {**found, "old": (found["ageSeconds"] or 0) > self._config.gate.stale_after_s}

    def _fixed(self) -> dict[str, Any]:
        return {
            "version": __version__,
            "language": self._language.name,
            "deviceId": self._config.device.id,
            **self._guise.facts(),
        }

    def _identity(self) -> tuple[int, ...]:
        """Which files these are: one that was removed and made again must not be read on from its old self."""
        return tuple(_inode(self._data_dir / name) for name in (journal.FILE, ticketrows.FILE, ledger.FILE))

    def _begin_anew(self) -> None:
        self._outlook.close()
        self._outlook, self._files, self._stage = Outlook(self._data_dir), self._identity(), None

    def _note(self, problem: str | None) -> None:
        if problem is not None and problem != self._problem:
            log.error("the journal cannot be read, the screens turn grey: %s", problem)
        self._problem = problem

    def close(self) -> None:
        self._outlook.close()


def _time(facts: dict[str, Any] | None, now: Moment) -> str:
    """Return the time of day as the gate knows it, whatever the wall clock shows; nothing where nobody knows it."""
    known = pulse.known(facts, now)
    return f"{known.at.astimezone():%H:%M}" if known is not None else ""


def _fittings(facts: dict[str, Any]) -> dict[str, Any]:
    """Which outputs and turnstiles do not work, and who was admitted and did not pass."""
    turnstiles = facts.get("turnstiles") or []
    broken = [part for part in (*(facts.get("outputs") or []), *turnstiles) if part.get("problem")]
    missed = [turnstile["missed"] for turnstile in turnstiles if turnstile.get("missed")]
    return {
        "outputs": [short(part["name"]) for part in broken],
        "missed": [{"lane": short(one["lane"]), "seq": one["seq"]} for one in missed],
    }


def _ears_live(facts: dict[str, Any], now: Moment) -> bool:
    return now.boottime_ns - int(facts.get("ears_ns") or 0) < DEAD_AFTER_S * 1e9


def _or_none(ask: Callable[[], T]) -> T | None:
    """What cannot be counted is unknown; the verdicts go on."""
    try:
        return ask()
    except (sqlite3.Error, OSError):
        return None


def _inode(path: Path) -> int:
    try:
        return path.stat().st_ino
    except OSError:
        return 0
