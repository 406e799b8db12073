"""What the gate knows of the time: how far its clock can be trusted, and since when that is known.

    the clock was set · sync heard the cloud's Date · somebody told us  →  an anchor of this boot, in the journal

It sets no clock. What a clock says that is behind what is known to have been is a guess, whoever set it.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from kiosk import clock, dating
from kiosk.dating import AGREE_MS, EARLIEST, Stamp
from kiosk.errors import NotRecorded
from kiosk.model import Anchor, ClockQuality, Moment, Source
from kiosk.pulse import feel
from kiosk.store.database import from_ms, to_ms

log = logging.getLogger(__name__)

HEARD_AGAIN_NS = 600 * 1_000_000_000
"""How soon what was heard is written down anew: two hosts whose clocks differ would fill the journal."""

OPERATOR = "operator-clock.json"
"""What somebody has said, at the page or by `kiosk clock set`, in the runtime directory: no reboot survives it."""


class Record(Protocol):
    """What is asked of the journal. All of it raises NotRecorded."""

    def anchor(self, anchor: Anchor) -> None: ...
    def anchors(self) -> list[Anchor]: ...
    def high_water_ms(self) -> int: ...


class Timekeeper:
    """`now` and `time` may be called from any thread, `tend` from the journal's only."""

    def __init__(self, record: Record, runtime_dir: Path, now: Callable[[], Moment] = clock.now) -> None:
        self._record, self._runtime_dir, self._now = record, runtime_dir, now
        self._boot_id = now().boot_id
        self._anchors = tuple(anchor for anchor in record.anchors() if anchor.boot_id == self._boot_id)
        self._high_ms = max(record.high_water_ms(), to_ms(EARLIEST))
        self._offset_ms: int | None = None
        if was_set := [anchor for anchor in self._anchors if anchor.source is Source.NTP]:
            clock.resume(was_set[-1].began_ms * 1_000_000)

    def now(self) -> Moment:
        """Return this moment, its clock no better than it can be."""
        moment = self._now()
        if to_ms(moment.at) < self._high_ms - AGREE_MS:
            return replace(moment, quality=ClockQuality.GUESSED)
        return moment

    def time(self, moment: Moment) -> Moment | None:
        """Return what time it really was, None where nobody knows."""
        wall_ms = to_ms(moment.at)
        stamp = Stamp(0, wall_ms, wall_ms, moment.boot_id, moment.boottime_ns, moment.quality)
        known_ms = dating.known_ms(stamp, self._anchors)
        return replace(moment, at=from_ms(known_ms)) if known_ms is not None else None

    def tend(self) -> None:
        """Write down what has become known since. What cannot be written now is tried again next time."""
        moment = self.now()
        self._notice_a_step(moment)
        for anchor in (self._set(moment), self._heard(), self._told()):
            if anchor is not None and self._is_news(anchor, moment):
                try:
                    self._record.anchor(anchor)
                except NotRecorded as error:
                    log.warning("what time it is could not be written down: %s", error)
                    return
                log.info("it is %s, by %s", from_ms(anchor.began_ms + moment.boottime_ns // 1_000_000), anchor.source)
                self._anchors = (*self._anchors, anchor)

    def believe(self, anchor: Anchor) -> None:
        """Take somebody's word for it at once, and over a restart of the gate. Raises OSError."""
        tell(self._runtime_dir, anchor)
        self.tend()

    def high_water_ms(self) -> int:
        """Return the latest time that the network is known to have said. Raises NotRecorded."""
        return self._record.high_water_ms()

    def facts(self) -> dict[str, object]:
        """Return what the gate's sign of life says of its clock."""
        moment = self.now()
        anchor = dating.best(self._anchors, moment.boot_id, moment.boottime_ns)
        age_s = (moment.boottime_ns - anchor.boottime_ns) // 1_000_000_000 if anchor is not None else None
        known = self.time(moment)
        return {
            "quality": moment.quality,
            "known": known is not None,
            "aheadSeconds": (moment.at - known.at).total_seconds() if known is not None else None,
            "source": anchor.source if anchor is not None else None,
            "ageSeconds": age_s,
        }

    def _notice_a_step(self, moment: Moment) -> None:
        offset_ms = to_ms(moment.at) - moment.boottime_ns // 1_000_000
        if self._offset_ms is not None and abs(offset_ms - self._offset_ms) > AGREE_MS:
            log.warning("the wall clock was set by %+.1f s", (offset_ms - self._offset_ms) / 1e3)
        self._offset_ms = offset_ms
        if moment.quality is ClockQuality.SYNCED:
            self._high_ms = max(self._high_ms, to_ms(moment.at))

    def _is_news(self, anchor: Anchor, moment: Moment) -> bool:
        """One anchor of each kind is enough, until it is found to be wrong. What was set outdoes what was heard."""
        if anchor.boot_id != moment.boot_id or not 0 <= anchor.boottime_ns <= moment.boottime_ns:
            return False
        known = [each for each in self._anchors if each.source is anchor.source]
        if anchor.source is Source.HTTP_DATE:
            too_soon = known and anchor.boottime_ns - known[-1].boottime_ns < HEARD_AGAIN_NS
            if too_soon or any(each.source is Source.NTP for each in self._anchors):
                return False
        return not known or abs(known[-1].began_ms - anchor.began_ms) > AGREE_MS

    @staticmethod
    def _set(moment: Moment) -> Anchor | None:
        if moment.quality is not ClockQuality.SYNCED:
            return None
        return Anchor(moment.boot_id, moment.boottime_ns, to_ms(moment.at), Source.NTP)

    def _heard(self) -> Anchor | None:
        return dating.read((feel(self._runtime_dir, "sync") or {}).get("clock"), Source.HTTP_DATE)

    def _told(self) -> Anchor | None:
        return dating.read(told(self._runtime_dir), Source.OPERATOR)


def tell(runtime_dir: Path, anchor: Anchor) -> None:
    """Leave for the gate what somebody says the time is. Raises OSError."""
    draft = runtime_dir / f".{OPERATOR}"
    draft.write_text(json.dumps(dating.facts(anchor)), encoding="utf-8")
    draft.replace(runtime_dir / OPERATOR)


def told(runtime_dir: Path) -> Any:
    """Return what was left there last, None where there is nothing that can be read."""
    try:
        return json.loads((runtime_dir / OPERATOR).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
