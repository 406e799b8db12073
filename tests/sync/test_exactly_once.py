"""Exactly once, through anything: the real planner, ledger, journal and upload against a model of the cloud.

Any interleaving of scans, steps, faults, kills at every write, reboots, lost ledgers and other devices' scans ends with
every deliverable scan in the cloud exactly once. `KIOSK_EXAMPLES=5000 make test ARGS=tests/sync/test_exactly_once.py`
plays longer.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from kiosk.model import Anchor, ClockQuality, Source
from kiosk.store.database import to_ms
from kiosk.store.ledger import hand_out_again
from kiosk.sync import upload as uploads
from tests.sync.modelcloud import DEVICE, HALF_DONE, NOTHING_DONE, START, Clock, Cloud, Dice, Door, like, stamp

EXAMPLES = int(os.environ.get("KIOSK_EXAMPLES", "150"))
MEMORY = Path("/dev/shm")  # only for speed: what is tested here does not need a disk


class Delivery(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        self.clock = Clock()
        for name, stand_in in (("time", self.clock), ("clock", self.clock), ("random", Dice)):
            self.patch.setattr(uploads, name, stand_in)
        self.directory = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None))
        self.in_order = True
        self.estimates = False

    @initialize(
        batch=st.integers(1, 9),
        bad=st.sets(st.integers(1, 25), max_size=3),
        largest=st.sampled_from([2, 5, 10_000]),
        by_time=st.booleans(),
        honours_time=st.booleans(),
        cap=st.sampled_from([1, 3, 1000]),
    )
    def open(self, batch: int, bad: set[int], largest: int, by_time: bool, honours_time: bool, cap: int) -> None:
        self.cloud = Cloud(
            self.clock, bad={f"CODE{number:05}" for number in bad}, largest=largest, by_time=by_time,
            honours_time=honours_time, cap=cap,
        )  # fmt: skip
        self.door = Door(self.directory, self.cloud, batch)
        self.door.clock_wait_s = 600.0

    # --- what happens at the door, and in time ---

    @rule(count=st.integers(1, 6), event=st.sampled_from(["fest", "gala"]))
    def guests_come(self, count: int, event: str) -> None:
        self.door.record(count, event)

    @rule()
    def an_unknown_code_is_scanned(self) -> None:
        self.door.record_unknown()

    @rule(count=st.integers(1, 6))
    def sync_goes_on(self, count: int) -> None:
        for _ in range(count):
            self.door.step()

    @rule(seconds=st.sampled_from([0.5, 3.0, 29.0, 31.0, 400.0]))
    def time_passes(self, seconds: float) -> None:
        self.clock.now_s += seconds

    # --- what goes wrong ---

    @rule(faults=st.lists(st.sampled_from([*NOTHING_DONE, *HALF_DONE, ""]), min_size=1, max_size=4))
    def the_network_will_fail(self, faults: list[str]) -> None:
        self.cloud.script += faults
        self.in_order &= not {"unauthorized", "misaddressed"} & set(faults)  # a look may be what is refused

    @rule(writes=st.integers(0, 14))
    def sync_will_be_killed(self, writes: int) -> None:
        self.door.deaths.append(writes)

    @rule()
    def sync_is_killed(self) -> None:
        self.door.end()

    @rule(seconds=st.sampled_from([1.0, 40.0]))
    def the_machine_is_restarted(self, seconds: float) -> None:
        self.door.end()
        self.clock.reboot(seconds)

    @rule()
    def the_ledger_is_lost(self) -> None:
        self.door.lose("ledger.db")

    @rule()
    def the_ledger_is_lost_and_its_times_too(self) -> None:
        if not self.estimates:  # what went with an estimate is known by nothing else
            self.door.lose("ledger.db", "dates.db")

    @rule()
    def the_times_are_lost(self) -> None:
        self.door.lose("dates.db")
        self.estimates |= self.clock.quality is ClockQuality.GUESSED

    @rule(hours=st.sampled_from([-1.0, 1.0, -24.0 * 365 * 70]))
    def the_clock_is_wrong(self, hours: float) -> None:
        self.clock.wrong_s, self.clock.quality = hours * 3600, ClockQuality.GUESSED
        self.estimates |= not self.cloud.may_read

    @rule()
    def the_clock_is_set(self) -> None:
        self.clock.wrong_s, self.clock.quality = 0.0, ClockQuality.SYNCED

    @rule(source=st.sampled_from(Source))
    def the_gate_writes_an_anchor(self, source: Source) -> None:
        now, truth = self.clock.now(), START + timedelta(seconds=self.clock.now_s)
        self.door.journal.anchor(Anchor(now.boot_id, now.boottime_ns, to_ms(truth), source))

    @rule(allowed=st.booleans())
    def reading_back_is_allowed_or_not(self, allowed: bool) -> None:
        self.cloud.may_read = allowed
        self.in_order = False  # what is held back is overtaken
        self.estimates |= self.clock.quality is ClockQuality.GUESSED

    @rule(back=st.integers(0, 3), device=st.sampled_from(["gate-2", None]), shift_ms=st.sampled_from([0, 1]))
    def another_device_hands_in_the_like(self, back: int, device: str | None, shift_ms: int) -> None:
        ours = [scan for scan in self.door.scans if scan.deliverable][-1 - back :]
        if ours:
            theirs = like(ours[0]) | {"deviceId": device}
            at = ours[0].at.replace(microsecond=(ours[0].at.microsecond + 1000 * shift_ms) % 1_000_000)
            self.cloud.store([theirs | {"time": stamp(at)}])

    # --- what people do ---

    @rule()
    def the_cloud_comes_back(self) -> None:
        if self.door.upload is not None:
            self.door.upload.hurry()

    @rule()
    def a_person_hands_refused_scans_out_again(self) -> None:
        if (self.directory / "ledger.db").exists():
            self.door.end()
            hand_out_again(self.directory, [])
            self.in_order = False

    @rule()
    def the_bad_is_mended(self) -> None:
        self.cloud.bad.clear()

    # --- what always holds ---

    @invariant()
    def nothing_is_called_delivered_that_the_cloud_does_not_have(self) -> None:
        if hasattr(self, "door") and (self.directory / "ledger.db").exists():
            arrived = set(self.cloud.codes())
            for seq in self.door.states().get("acked", []):
                assert self.door.scans[seq - 1].barcode in arrived, f"scan {seq} is not in the cloud"

    @invariant()
    def nothing_is_there_twice(self) -> None:
        if hasattr(self, "door"):
            assert [code for code, count in Counter(self.cloud.codes()).items() if count > 1] == []

    @invariant()
    def no_two_scans_have_the_same_time(self) -> None:
        if hasattr(self, "door"):
            times = Counter(scan["time"] for scan in self.cloud.stored if scan.get("deviceId") == DEVICE)
            assert [time for time, count in times.items() if count > 1] == []

    def teardown(self) -> None:
        try:
            if hasattr(self, "door"):
                self._come_to_an_end()
        finally:
            if hasattr(self, "door"):
                self.door.close()
            self.patch.undo()
            shutil.rmtree(self.directory)

    def _come_to_an_end(self) -> None:
        self.cloud.script.clear()
        self.door.deaths.clear()
        self.cloud.may_read = True
        self.door.finish()
        self.clock.now_s += 1_000.0
        self.cloud.settle()  # whatever was still at work in the cloud
        arrived, expected = self.cloud.codes(), self.door.expected()
        refused = {self.door.scans[seq - 1].barcode for seq in self.door.states().get("refused", [])}
        assert sorted(arrived) == sorted(code for code in expected if code not in refused)
        if self.in_order and not refused:
            assert arrived == expected
            times = [scan["time"] for scan in self.cloud.stored if scan.get("deviceId") == DEVICE]
            assert self.estimates or times == sorted(times)
        self.nothing_is_called_delivered_that_the_cloud_does_not_have()


class TestDelivery(Delivery.TestCase):
    settings = settings(
        max_examples=EXAMPLES, stateful_step_count=40, deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
    )  # fmt: skip
