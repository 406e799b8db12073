"""The workbench: a scanner is calibrated while the gate runs, and its lane is no door meanwhile.

Orders come over the desk, `{"do": "calibrate", "scanner": NAME, "step": …}`, and are answered at once, each with how it
stands by then:

    begin    lends the device out, or joins who has begun          look     says how it stands
    cancel   gives it back                                         use      puts in force what was found (`number`)
    forget   as configured again

The ears do what takes time: they lend the device and open it again. What came is judged on a thread of its own, because
it may take a second to try all layouts. What is put in force is on disk before the device is opened with it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from kiosk.blame import Blame
from kiosk.calibration import Found, Wrong
from kiosk.collection import KINDS, judge
from kiosk.config import Scanner
from kiosk.errors import Refused
from kiosk.lanes import Lane, Loan
from kiosk.scanners.trial import Device, Trial
from kiosk.store import audit, calibrated
from kiosk.tuning import Tuning, Values, changes, counting, in_force, raw, tuned, tuning

log = logging.getLogger(__name__)

WAIT_S = 60.0
"""How long a lane is no door because nobody scans."""

REFUSALS = {
    "kind": "This scanner cannot be calibrated",
    "over": "This calibration is over: begin again",
    "written": "The settings cannot be written down: as they were",
}
CANCELLED = "The calibration was cancelled"
NOTHING_CAME = (
    "Nothing came from the scanner: does it beep? Then it is not in the mode that is configured, or it is another one. "
    "Does it not? Then hold it nearer to the code"
)
LOST = "The scanner does not answer: is it plugged in?"
FAILED = "The calibration failed: see the gate’s log"


class Hands(Protocol):
    """What is asked of the ears; none of it waits."""

    def lend(self, name: str, loan: Loan) -> None: ...
    def change(self, lane: Lane) -> None: ...
    def wake(self) -> None: ...


@dataclass(slots=True)
class _Session:
    """One calibration. `before` is how the scanner was read when it began."""

    number: int
    before: Scanner
    trial: Trial
    judging: threading.Thread | None = None
    result: Found | Wrong | None = None

    def judge(self) -> None:
        try:
            self.result = judge(self.trial.heard, self.before.layout)
        except Exception:
            log.exception("scanner %s: what it sent could not be judged", self.before.name)
            self.result = Wrong(Blame(FAILED))


@dataclass(slots=True)
class Workbench:
    """Belongs to the gate's thread, whose pen `calibrated.json` is. `lane` and `device` are recipes for a scanner."""

    directory: Path
    configured: Sequence[Scanner]
    lane: Callable[[Scanner], Lane]
    device: Callable[[Scanner], Callable[[], Device]]
    ears: Hands | None = None
    wait_s: float = WAIT_S
    _scanners: list[Scanner] = field(init=False)
    _tunings: dict[str, Tuning] = field(init=False)
    _sessions: dict[str, _Session] = field(default_factory=dict)
    _told: Callable[[Sequence[Scanner]], object] = lambda _scanners: None

    def __post_init__(self) -> None:
        self._tunings = calibrated.read(self.directory)
        self._scanners = in_force(self.configured, self._tunings)

    def follow(self, told: Callable[[Sequence[Scanner]], object]) -> None:
        """Tell this how the scanners are read, now and whenever that changes."""
        self._told = told
        told(self._scanners)

    def lanes(self) -> list[Lane]:
        return [self.lane(scanner) for scanner in self._scanners]

    def counting(self, name: str) -> Values:
        """Return what of a scanner's settings was calibrated."""
        return next((counting(one, self._tunings) for one in self.configured if one.name == name), {})

    def serve(self, words: Mapping[str, Any], by: str, now_ns: int) -> dict[str, object]:
        """Do one step for one scanner. Raises Refused, KeyError."""
        name, steps = str(words["scanner"]), self._steps(words, by, now_ns)
        steps[str(words["step"])](name)
        return self._facts(name, now_ns)

    def _steps(self, words: Mapping[str, Any], by: str, now_ns: int) -> dict[str, Callable[[str], None]]:
        return {
            "begin": lambda name: self._begin(name, by, now_ns),
            "look": lambda _name: None,
            "cancel": self._cancel,
            "use": lambda name: self._use(name, words["number"], by),
            "forget": lambda name: self._forget(name, by),
        }

    def _begin(self, name: str, by: str, now_ns: int) -> None:
        session, scanner = self._sessions.get(name), self._now(name)
        if scanner.kind not in KINDS or self.ears is None:
            raise Refused(REFUSALS["kind"])
        if session is not None and not session.trial.ended:
            return
        trial = Trial(self.device(raw(scanner)), now_ns, self.wait_s)
        self._sessions[name] = _Session(now_ns // 1_000_000, scanner, trial)
        audit.note(self.directory, "calibration begun", by=by, scanner=name)
        self.ears.lend(name, trial)

    def _cancel(self, name: str) -> None:
        session = self._sessions.get(name)
        if session is not None and self.ears is not None and not session.trial.ended:
            session.trial.cancel()
            self.ears.wake()

    def _use(self, name: str, number: object, by: str) -> None:
        session = self._sessions.get(name)
        if session is None or session.number != number or not isinstance(session.result, Found):
            raise Refused(REFUSALS["over"])
        found = tuning(self._configured(name), session.result)
        self._put(self._tunings | {name: found})
        audit.note(self.directory, "scanner calibrated", by=by, scanner=name, **found.settings)
        log.info("scanner %s: calibrated by %s: %s", name, by, found.settings)
        self._open_anew(name)

    def _forget(self, name: str, by: str) -> None:
        if name not in self._tunings:
            return
        self._put({other: kept for other, kept in self._tunings.items() if other != name})
        audit.note(self.directory, "calibration forgotten", by=by, scanner=name)
        log.info("scanner %s: as configured again, says %s", name, by)
        self._open_anew(name)

    def _put(self, tunings: dict[str, Tuning]) -> None:
        try:
            calibrated.write(self.directory, tunings)
        except OSError as error:
            log.error("%s cannot be written: %s", calibrated.FILE, error)
            raise Refused(REFUSALS["written"]) from error
        self._tunings = tunings

    def _open_anew(self, name: str) -> None:
        """Have a lane read as it is set now; one that is no longer configured has none."""
        self._sessions.pop(name, None)
        self._scanners = [tuned(one, self._tunings.get(one.name)) for one in self.configured]
        self._told(self._scanners)
        if self.ears is not None and any(one.name == name for one in self._scanners):
            self.ears.change(self.lane(self._now(name)))

    def _now(self, name: str) -> Scanner:
        return _named(self._scanners, name)

    def _configured(self, name: str) -> Scanner:
        return _named(self.configured, name)

    def _facts(self, name: str, now_ns: int) -> dict[str, object]:
        """Say how it stands with one scanner."""
        session = self._sessions.get(name)
        if session is None:
            return {"state": "none"}
        trial = session.trial
        told: dict[str, object] = {"number": session.number, "leftSeconds": round(trial.left_s(now_ns))}
        if not trial.ended:
            state = "receiving" if trial.receiving else "listening" if trial.open_ else "opening"
            return told | {"state": state}
        if why := _why(trial):
            return told | {"state": "ended", **_said(Blame(why))}
        if session.judging is None:
            session.judging = threading.Thread(target=session.judge, name="judging", daemon=True)
            session.judging.start()
        return told | self._outcome(session)

    def _outcome(self, session: _Session) -> dict[str, object]:
        result, before = session.result, session.before
        if result is None:
            return {"state": "judging"}
        if isinstance(result, Wrong):
            return {"state": "wrong", **_said(result.blame)}
        configured = self._configured(before.name)
        after = tuned(configured, tuning(configured, result))
        return {
            "state": "found",
            "found": _found(result),
            "changes": [{"key": key, "before": old, "after": new} for key, old, new in changes(before, after)],
            "notes": [_said(note) for note in result.notes()],
        }


def _named(scanners: Sequence[Scanner], name: str) -> Scanner:
    found = next((one for one in scanners if one.name == name), None)
    if found is None:
        raise Refused(REFUSALS["kind"])
    return found


def _why(trial: Trial) -> str | None:
    """Say why a calibration ended with nothing to judge."""
    if trial.cancelled:
        return CANCELLED
    if trial.problem is not None or (not trial.heard and not trial.open_):
        return LOST
    return NOTHING_CAME if not trial.heard else None


def _said(blame: Blame) -> dict[str, object]:
    return {"text": blame.text, "facts": dict(blame.facts)}


def _found(found: Found) -> dict[str, object]:
    return {
        "layouts": list(found.layouts),
        "byNumber": found.by_number,
        "prefix": found.prefix,
        "suffix": found.suffix,
        "end": found.terminator,
        "capsLock": found.caps_lock,
        "parity": found.parity,
    }
