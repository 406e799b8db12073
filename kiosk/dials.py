"""What staff set on the machine itself, beside what they choose at the door: its clock and its language.

    {"do": "clock", "utcMs": …, "sure": true | false, "by": …}    → {"done", "doubt"}: `doubt` is when scans were made
                                                                    already, by the network's time, null where none was
    {"do": "language", "language": "de" | null, "by": …}          null: as configured                 → {"done"}

Not `sure` only asks what would become of it. No lock of the cloud's counts here: that is about scanning.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from kiosk import languages, wristwatch
from kiosk.dating import EARLIEST, LATEST
from kiosk.desk import Dial, signed
from kiosk.errors import Refused
from kiosk.model import Anchor, Answer, Moment, Source
from kiosk.store import spoken
from kiosk.store.database import from_ms, to_ms
from kiosk.words import stamp

REFUSALS = {
    "strange": "This kiosk does not speak that language",
    "unwritten": "It cannot be written down: {why}",
}


class Keeper(Protocol):
    """What is asked of the timekeeper. `believe` raises OSError, `high_water_ms` NotRecorded."""

    def facts(self) -> Mapping[str, object]: ...
    def believe(self, anchor: Anchor) -> None: ...
    def high_water_ms(self) -> int: ...


class Dials:
    """Belongs to the gate's thread, whose pen `language.json` is. `note` writes down what people did."""

    def __init__(self, directory: Path, keeper: Keeper, note: Callable[..., None]) -> None:
        self._directory, self._keeper, self._note = directory, keeper, note

    def orders(self) -> dict[str, Dial]:
        """Return what can be set, by what the desk is asked to do."""
        return {"clock": self._clock, "language": self._language}

    def _clock(self, now: Moment, words: Mapping[str, Any]) -> Answer:
        anchor = Anchor(now.boot_id, now.boottime_ns, int(words["utcMs"]), Source.OPERATOR)
        if not to_ms(EARLIEST) <= anchor.utc_ms < to_ms(LATEST):
            first, last = str(EARLIEST.year), str(LATEST.year)
            raise Refused(wristwatch.REFUSALS["bounds"], first=first, last=last)
        known = self._keeper.facts()
        if (outdone := wristwatch.outranked(known["quality"], known["source"])) is not None:
            raise Refused(wristwatch.REFUSALS[outdone])
        later_ms = self._keeper.high_water_ms()
        doubt = stamp(from_ms(later_ms)) if anchor.utc_ms < later_ms else None
        if words["sure"] is True:
            self._set(anchor, words)
        return Answer(None, "", facts={"done": words["sure"] is True, "doubt": doubt})

    def _set(self, anchor: Anchor, words: Mapping[str, Any]) -> None:
        try:
            self._keeper.believe(anchor)
        except OSError as error:
            raise Refused(REFUSALS["unwritten"], why=error.strerror or "?") from error
        self._note("clock set", by=signed(words), to=stamp(from_ms(anchor.utc_ms)))

    def _language(self, _now: Moment, words: Mapping[str, Any]) -> Answer:
        name = words["language"]
        if name is not None and name not in languages.names():
            raise Refused(REFUSALS["strange"])
        try:
            spoken.write(self._directory, name)
        except OSError as error:
            raise Refused(REFUSALS["unwritten"], why=error.strerror or "?") from error
        self._note("language chosen", by=signed(words), language=name or "as configured")
        return Answer(None, "", facts={"done": True})
