"""Which times the cloud gets from a machine that does not know the time; journal, ledger and upload are real."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from kiosk.model import Anchor, ClockQuality, Direction, Moment, Reading, Reason, Result, Source, Ticket, Verdict
from kiosk.store import dates, ledger
from kiosk.store.database import to_ms
from kiosk.sync import upload as uploads
from kiosk.sync.cloudtime import CloudTime
from tests.sync.modelcloud import DEVICE, Clock, Cloud, Dice, Door

GUESSED, RTC, SYNCED = ClockQuality.GUESSED, ClockQuality.RTC, ClockQuality.SYNCED
NOW = datetime(2026, 6, 1, 19, 30, tzinfo=UTC)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
WAIT_S = 600.0


class Machine(Clock):
    """A machine: what time it really is, and what its wall clock makes of it."""

    def __init__(self) -> None:
        super().__init__()
        self.quality, self.wrong = SYNCED, timedelta(0)

    @property
    def truth(self) -> datetime:
        return NOW + timedelta(seconds=self.now_s)

    @property
    def date(self) -> datetime:
        return self.truth.replace(microsecond=0)

    def now(self) -> Moment:
        wall = self.truth + self.wrong
        wall = wall.replace(microsecond=wall.microsecond // 1000 * 1000)
        return Moment(wall, int((self.now_s - self.booted_s) * 1e9), self.boot_id(), self.quality)

    def shows(self, wall: datetime, quality: ClockQuality = GUESSED) -> None:
        """Set the wall clock."""
        self.wrong, self.quality = wall - self.truth, quality

    def is_set(self) -> None:
        self.wrong, self.quality = timedelta(0), SYNCED


class Gate(Door):
    """A door whose guests come now and then, and whose gate writes anchors."""

    machine: Machine

    def __init__(self, directory: Path, cloud: Cloud, machine: Machine) -> None:
        super().__init__(directory, cloud)
        self.clock_wait_s = WAIT_S
        self.machine, self.cloud_time, self.truths = machine, CloudTime(), list[datetime]()

    def start(self):
        super().start()
        return self.listen(self.cloud_time)

    def guests(self, number: int, every_s: float = 3.25) -> None:
        for _ in range(number):
            self.machine.now_s += every_s
            self.truths.append(self.machine.truth)
            self.record()

    def anchor(self, source: Source = Source.NTP, off_s: float = 0.0) -> None:
        now = self.machine.now()
        utc = self.machine.truth + timedelta(seconds=off_s)
        self.journal.anchor(Anchor(now.boot_id, now.boottime_ns, to_ms(utc), source))

    def power_cut(self, off_s: float = 20.0) -> None:
        self.end()
        self.cloud_time = CloudTime()
        self.machine.reboot(off_s)

    def steps(self, number: int = 5) -> list[float | None]:
        return [(self.upload or self.start()).step() for _ in range(number)]

    def delivered(self) -> list[datetime]:
        return [datetime.fromisoformat(scan["time"]) for scan in self.cloud.stored if scan["deviceId"] == DEVICE]

    def in_order(self) -> bool:
        """All in the order of the journal, each once, each with a time of its own that rises."""
        times = self.delivered()
        return self.cloud.codes() == self.expected() and all(a < b for a, b in itertools.pairwise(times))

    def off_s(self) -> list[float]:
        """By how much each time that the cloud has differs from when the guest was there."""
        return [(at - truth).total_seconds() for at, truth in zip(self.delivered(), self.truths, strict=True)]

    def estimated(self) -> list[int]:
        with closing(ledger.reader(self.directory)) as database:
            found = dates.of(database, range(1, len(self.scans) + 1))
        return sorted(seq for seq, date in found.items() if date.estimated)


@pytest.fixture
def machine(monkeypatch) -> Machine:
    made = Machine()
    for name, stand_in in (("time", made), ("clock", made), ("random", Dice)):
        monkeypatch.setattr(uploads, name, stand_in)
    return made


@pytest.fixture
def cloud(machine) -> Cloud:
    return Cloud(machine)


@pytest.fixture
def gate(tmp_path, cloud, machine) -> Iterator[Gate]:
    made = Gate(tmp_path, cloud, machine)
    made.start()
    yield made
    made.close()


def within(seconds: float, found: list[float]) -> bool:
    return all(abs(off) <= seconds for off in found)


def test_the_clock_script(gate, machine, cloud):
    """1970, 40 scans, the clock is set, 10 scans, cut, a boot without a network, 5 scans, the clock is set."""
    cloud.script = ["refused connection"] * 1000
    machine.shows(EPOCH + timedelta(seconds=30))
    gate.guests(40)
    gate.steps()
    machine.is_set()
    gate.anchor()
    gate.guests(10)
    gate.power_cut(3600)
    machine.shows(NOW - timedelta(hours=2))  # what was saved last
    gate.guests(5)
    gate.steps()
    machine.is_set()
    gate.anchor()
    machine.now_s += 400
    cloud.script.clear()
    gate.finish()
    assert gate.in_order()
    assert within(0.002, gate.off_s())
    assert gate.estimated() == []
    assert [scan.moment.quality for scan in gate.scans] == [GUESSED] * 40 + [SYNCED] * 10 + [GUESSED] * 5


def test_a_boot_that_is_never_set_goes_within_its_bounds_once_the_next_one_is(gate, machine):
    gate.guests(10)
    gate.finish()
    gate.power_cut(20)
    machine.shows(EPOCH)
    gate.guests(5)
    gate.power_cut(20)
    machine.is_set()
    gate.guests(3)
    gate.finish()
    assert gate.in_order()
    assert gate.estimated() == [11, 12, 13, 14, 15]
    assert within(0.002, gate.off_s()[:10] + gate.off_s()[15:])
    assert all(-25 <= off <= 0 for off in gate.off_s()[10:15])  # it lacks the time without power, which nobody knows
    gaps = [b - a for a, b in itertools.pairwise(gate.delivered()[10:15])]
    assert gaps == [timedelta(seconds=3.25)] * 4


def test_an_estimate_never_stands_behind_the_boot_that_came_after(gate, machine):
    gate.guests(2)
    gate.power_cut(5)
    machine.shows(NOW + timedelta(days=9))
    gate.guests(4)
    gate.power_cut(5)
    machine.is_set()
    gate.guests(2)
    gate.finish()
    assert gate.in_order()
    assert within(10, gate.off_s())
    assert within(0.002, gate.off_s()[6:])


def test_a_guess_waits_for_whoever_knows_the_time_and_everything_after_it_waits_too(gate, machine, cloud):
    cloud.may_read = False
    machine.shows(EPOCH)
    gate.guests(3)
    waits_s = gate.steps()[-1]
    assert cloud.posts == []
    assert 550 < waits_s < WAIT_S
    machine.now_s += 100
    gate.anchor(Source.OPERATOR, off_s=20)
    gate.finish()
    assert gate.in_order()
    assert gate.estimated() == []
    assert all(19.9 < off < 20.1 for off in gate.off_s())


def test_a_guess_that_nobody_resolves_goes_when_its_time_is_over(gate, machine, cloud):
    cloud.may_read = False
    machine.shows(NOW - timedelta(days=7))
    gate.guests(3)
    machine.now_s += WAIT_S - 20
    gate.steps()
    assert cloud.posts == []
    machine.now_s += 30
    gate.finish()
    assert gate.in_order()
    assert gate.estimated() == [1, 2, 3]
    assert gate.delivered()[0].date() == (NOW - timedelta(days=7)).date()


def test_the_cloud_is_asked_what_time_it_is_before_anything_waits(gate, machine, cloud):
    machine.shows(EPOCH)
    gate.guests(3)
    gate.finish()
    assert (cloud.reads, gate.in_order(), gate.estimated()) == (1, True, [])
    assert within(1.0, gate.off_s())
    gate.guests(2)
    gate.finish()
    assert cloud.reads == 1


def test_a_clock_that_agrees_with_the_cloud_is_taken_at_its_word(gate, machine):
    machine.shows(machine.truth + timedelta(seconds=0.7))
    gate.guests(3)
    gate.finish()
    assert within(0.002, [off - 0.7 for off in gate.off_s()])


def test_an_hour_back_by_hand_is_seen_against_the_time_since_boot(gate, machine):
    gate.guests(5)
    gate.anchor()
    machine.shows(machine.truth - timedelta(hours=1))
    gate.guests(5)
    gate.finish()
    assert gate.in_order()
    assert within(0.002, gate.off_s())


def test_an_hour_back_by_the_network_puts_nothing_out_of_order(gate, machine):
    machine.shows(machine.truth + timedelta(hours=1), SYNCED)
    gate.guests(5)
    gate.finish()
    machine.is_set()
    gate.guests(5)
    gate.finish()
    assert gate.in_order()
    assert within(0.002, [off - 3600 for off in gate.off_s()[:5]])


def test_two_boots_that_show_the_same_times_have_each_their_own(gate, machine):
    """Fake-hwclock saves the time once an hour: after a power cut it repeats."""
    saved = machine.truth
    for _ in range(3):
        machine.shows(saved)
        gate.guests(5)
        gate.power_cut(30)
    machine.is_set()
    gate.guests(1)
    gate.finish()
    assert gate.in_order()
    assert len({scan.moment.at for scan in gate.scans[:5]} & {scan.moment.at for scan in gate.scans[5:10]}) == 5
    assert within(200, gate.off_s())


def test_a_real_time_clock_in_local_time_is_corrected_once_the_network_says_so(gate, machine, cloud):
    machine.shows(machine.truth + timedelta(hours=2), RTC)
    gate.guests(3)
    machine.is_set()
    gate.guests(2)
    gate.finish()
    assert gate.in_order()
    assert within(0.002, gate.off_s())


def test_a_real_time_clock_waits_for_nobody(gate, machine, cloud):
    cloud.may_read = False
    machine.shows(machine.truth + timedelta(seconds=50), RTC)
    gate.guests(3)
    gate.finish()
    assert (gate.in_order(), cloud.reads) == (True, 0)


def test_what_is_known_does_not_stand_behind_what_was_estimated(gate, machine, cloud):
    cloud.may_read = False
    machine.shows(NOW + timedelta(days=30_000))
    gate.guests(2)
    machine.now_s += WAIT_S
    gate.finish()
    machine.is_set()
    gate.guests(2)
    gate.finish()
    assert cloud.codes() == gate.expected()
    assert within(0.002, gate.off_s()[2:])
    assert len(set(gate.delivered())) == 4


def test_what_was_sent_keeps_its_time_whatever_becomes_known_later(gate, machine, cloud):
    cloud.may_read = False
    machine.shows(NOW - timedelta(days=7))
    gate.guests(3)
    machine.now_s += WAIT_S
    cloud.script = ["lost after"]
    gate.steps(2)
    sent = gate.delivered()
    cloud.may_read = True
    gate.anchor()
    gate.end()
    machine.now_s += 100
    gate.finish()
    assert (gate.delivered(), gate.in_order()) == (sent, True)


def test_what_did_not_go_out_yet_has_the_right_time_once_there_is_one(gate, machine, cloud):
    """No network for longer than scans wait; the network that comes knows the time."""
    cloud.script = ["refused connection"] * 1000
    machine.shows(EPOCH)
    gate.guests(5)
    machine.now_s += WAIT_S
    gate.steps()
    assert gate.estimated() == [1, 2, 3, 4, 5]
    machine.is_set()
    gate.anchor()
    machine.now_s += 400
    cloud.script.clear()
    gate.finish()
    assert (gate.in_order(), gate.estimated()) == (True, [])
    assert within(0.002, gate.off_s())


def test_a_wrong_time_that_somebody_corrects_before_anything_went_out_goes_nowhere(gate, machine, cloud):
    cloud.script = ["refused connection"] * 1000
    machine.shows(EPOCH)
    gate.anchor(Source.OPERATOR, off_s=3600)
    gate.guests(3)
    gate.steps()
    gate.anchor(Source.OPERATOR)
    machine.now_s += 400
    cloud.script.clear()
    cloud.may_read = False
    gate.finish()
    assert gate.in_order()
    assert within(0.002, gate.off_s())


def test_what_was_made_ready_goes_with_the_time_that_became_known_meanwhile(gate, machine, cloud):
    """Or the ledger would know another time than the cloud, and not find what arrived without an answer."""
    gate.finish()
    gate.end()
    gate.batch_size, cloud.may_read = 3, False
    machine.shows(NOW - timedelta(days=7))
    gate.guests(6)
    machine.now_s += WAIT_S
    gate.steps(1)
    assert cloud.prepared == [["CODE00004", "CODE00005", "CODE00006"]]
    gate.anchor()
    cloud.may_read, cloud.script = True, ["lost after"]
    gate.finish()
    assert gate.in_order()
    assert within(0.002, gate.off_s()[3:])
    assert gate.estimated() == [1, 2, 3]


def test_a_year_that_was_mistyped_moves_nothing_once_the_time_is_known(gate, machine, cloud):
    cloud.may_read = False
    machine.shows(EPOCH)
    gate.anchor(Source.OPERATOR, off_s=365 * 86_400)
    gate.guests(3)
    gate.finish()
    machine.is_set()
    for _ in range(2):
        gate.guests(2)
        gate.finish()
    assert cloud.codes() == gate.expected()
    assert within(0.002, gate.off_s()[3:])


def test_no_anchor_gives_a_scan_the_time_of_one_that_went_with_its_own(gate, machine, cloud):
    cloud.may_read = False
    gate.guests(2)
    gate.finish()
    gate.power_cut(5)
    machine.shows(EPOCH)
    gate.guests(1)
    machine.now_s += WAIT_S
    gate.finish()
    gate.guests(1)
    gate.anchor(off_s=(gate.scans[0].at - machine.truth).total_seconds())
    gate.finish()
    assert gate.estimated() == [3]
    assert gate.delivered()[3] > gate.delivered()[1]


def test_no_wrong_time_is_the_very_one_that_another_scan_went_with(gate, machine, cloud):
    cloud.may_read = False
    gate.guests(2)
    machine.now_s += 4 * 3600
    gate.guests(1)
    gate.finish()
    gate.power_cut()
    machine.shows(EPOCH)
    gate.guests(1)
    gate.anchor(Source.OPERATOR, off_s=(gate.scans[1].at - machine.truth).total_seconds())
    gate.finish()
    assert gate.delivered()[3] == gate.scans[1].at + timedelta(milliseconds=1)


def test_an_estimate_from_when_an_earlier_scan_was_in_doubt_comes_behind_it_all_the_same(gate, machine, cloud):
    """One event after the other is looked up after a loss: of the second nothing is pending before that."""
    for event in ("gala", "fest"):
        machine.now_s += 2
        gate.record(1, event)
    gate.power_cut(1)
    machine.shows(machine.truth - timedelta(hours=1))
    gate.record(1, "gala")
    gate.power_cut(1)
    gate.lose("ledger.db")
    gate.finish()
    assert gate.in_order()


@pytest.mark.parametrize("source", Source)
def test_a_ledger_that_is_lost_doubles_nothing_that_went_out_with_an_estimate(gate, machine, cloud, source):
    cloud.may_read = False
    machine.shows(NOW - timedelta(days=7))
    gate.guests(3)
    machine.now_s += WAIT_S
    gate.finish()
    sent = gate.delivered()
    gate.anchor(source)
    cloud.may_read = True
    gate.lose("ledger.db")
    machine.now_s += 100
    gate.finish()
    assert (gate.delivered(), gate.estimated()) == (sent, [1, 2, 3])


def test_a_ledger_that_is_lost_doubles_nothing_that_went_out_with_a_wrong_time(gate, machine, cloud):
    cloud.may_read = False
    machine.shows(EPOCH)
    gate.anchor(Source.OPERATOR, off_s=3600)
    gate.guests(3)
    gate.finish()
    sent = gate.delivered()
    gate.anchor()
    cloud.may_read = True
    gate.lose("ledger.db", "dates.db")
    machine.now_s += 100
    gate.finish()
    assert gate.delivered() == sent


@pytest.mark.parametrize("fault", ["lost after", "lost before"])
def test_a_ledger_that_is_lost_doubles_nothing_that_went_out_with_another_time(gate, machine, cloud, fault):
    machine.shows(EPOCH)
    gate.guests(4)
    gate.steps(1)
    gate.anchor(off_s=1.5)  # the gate heard it a little later than sync
    cloud.script = [fault]
    gate.steps(2)
    gate.lose("ledger.db")
    machine.now_s += 100
    gate.finish()
    assert gate.in_order()
    assert within(2, gate.off_s())


def test_a_ledger_that_is_lost_takes_no_new_guest_for_an_old_one(gate, machine, cloud):
    """The same ticket once more, declined both times: one had arrived."""
    machine.shows(EPOCH)
    ticket = Ticket("t-1", "CODE00001", "fest", "standing")

    def come() -> None:
        machine.now_s += 60
        verdict = Verdict(Direction.CHECKIN, Result.DECLINED, Reason.INVALID, ticket)
        gate.scans.append(gate.journal.append(Reading("left", ticket.barcode, b"", machine.now()), verdict))
        gate.truths.append(machine.truth)

    come()
    gate.finish()
    gate.anchor()
    come()
    gate.lose("ledger.db")
    machine.now_s += 100
    gate.finish()
    assert len(cloud.codes()) == 2
    assert within(1.0, sorted(gate.off_s()))


def test_summer_time_begins_and_nobody_notices(gate, machine, monkeypatch):
    monkeypatch.setenv("TZ", "Europe/Berlin")
    machine.now_s = (datetime(2026, 10, 25, 0, 59, 50, tzinfo=UTC) - NOW).total_seconds()  # ten seconds before three
    machine.booted_s = machine.now_s - 100
    gate.guests(10)
    gate.finish()
    assert gate.in_order()
    assert within(0.002, gate.off_s())


def test_an_open_end_without_any_network_loses_nothing(gate, machine, cloud):
    cloud.script = ["refused connection"] * 30
    machine.shows(EPOCH)
    gate.guests(5)
    gate.steps(20)
    assert cloud.stored == []
    assert gate.states() == {"pending": [1, 2, 3, 4, 5]}


def test_what_is_known_has_a_time_of_its_own_beside_an_estimate_that_says_the_same(gate, machine, cloud):
    cloud.may_read = False
    ahead = machine.truth + timedelta(seconds=2000)
    machine.shows(ahead)
    gate.guests(1, every_s=0)
    machine.now_s += WAIT_S
    gate.finish()
    machine.is_set()
    machine.now_s += (ahead - machine.truth).total_seconds()
    gate.guests(1, every_s=0)
    gate.finish()
    assert gate.delivered() == [ahead, ahead + timedelta(milliseconds=1)]


def test_a_clock_that_is_set_a_little_behind_what_was_told_puts_nothing_out_of_order(gate, machine):
    machine.shows(EPOCH)
    gate.anchor(Source.OPERATOR, off_s=30)
    gate.guests(2)
    gate.finish()
    machine.is_set()
    gate.guests(2)
    gate.finish()
    assert gate.in_order()


def test_an_earlier_boots_guesses_do_not_wait_once_this_boot_is_known(gate, machine, cloud):
    gate.finish()
    machine.shows(EPOCH)
    gate.guests(2)
    gate.power_cut()
    machine.is_set()
    gate.steps(3)
    assert len(cloud.posts) == 1
