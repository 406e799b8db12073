"""Signs of life: one small file, replaced whole at each beat, and who can be believed to live by it."""

import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from kiosk import clock
from kiosk.pulse import BEAT_S, DEAD_AFTER_S, RECOVERY, Pulse, alive, feel, known, online, recovering


def rewrite(directory: Path, **facts: object) -> None:
    file = directory / "gate.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **facts}), encoding="utf-8")


def test_a_program_that_beats_lives_and_what_it_says_is_heard(tmp_path):
    Pulse(tmp_path, "gate").beat(version="1", scanners=[{"name": "Süd"}])
    facts = feel(tmp_path, "gate")
    assert facts is not None
    assert alive(facts)
    assert (facts["version"], facts["scanners"], facts["pid"]) == ("1", [{"name": "Süd"}], os.getpid())


def test_a_beat_leaves_one_file_and_nothing_else(tmp_path):
    pulse = Pulse(tmp_path, "gate")
    for number in range(3):
        pulse.beat(number=number)
    assert [file.name for file in tmp_path.iterdir()] == ["gate.json"]
    assert (feel(tmp_path, "gate") or {})["number"] == 2


def test_each_program_speaks_for_itself(tmp_path):
    gate, sync = Pulse(tmp_path, "gate"), Pulse(tmp_path, "sync")
    gate.beat(who="gate")
    sync.beat(who="sync")
    gate.end()
    assert (alive(feel(tmp_path, "gate")), alive(feel(tmp_path, "sync"))) == (False, True)
    assert (feel(tmp_path, "gate") or {})["who"] == "gate"  # what it said last stays for whoever asks


def test_ending_before_the_first_beat_says_nothing(tmp_path):
    Pulse(tmp_path, "gate").end()
    assert list(tmp_path.iterdir()) == []


def test_who_never_spoke_does_not_live(tmp_path):
    assert feel(tmp_path, "gate") is None
    assert feel(tmp_path / "nowhere", "gate") is None
    assert not alive(None)


def test_what_was_said_last_in_this_boot_is_heard_by_the_next_start_and_no_other(tmp_path):
    Pulse(tmp_path, "gate").beat(budget={"left": 7})
    assert Pulse(tmp_path, "gate").last()["budget"] == {"left": 7}
    assert Pulse(tmp_path, "sync").last() == {}
    rewrite(tmp_path, boot_id="another")
    assert Pulse(tmp_path, "gate").last() == {}


def since(pulse: Pulse, seconds: float) -> bool:
    return seconds <= pulse.quiet_s() < seconds + 5.0


def test_a_program_has_been_quiet_since_it_ended_or_else_since_its_last_beat(tmp_path):
    pulse, ten_s_ns = Pulse(tmp_path, "gate"), 10 * 10**9
    pulse.beat()
    assert since(pulse, 0.0)
    rewrite(tmp_path, beat_ns=clock.boottime_ns() - ten_s_ns)  # it was killed then
    assert since(pulse, 10.0)
    pulse.end()  # or was it: it went on to its end without another beat
    assert since(pulse, 0.0)


@pytest.mark.parametrize("said", [{"boot_id": "another"}, {"beat_ns": None, "ended_ns": "then"}, {"beat_ns": "x"}])
def test_of_a_program_that_said_nothing_in_this_boot_no_more_is_known_than_that_the_boot_was_after_it(tmp_path, said):
    pulse = Pulse(tmp_path, "gate")
    up_s = clock.boottime_ns() / 1e9
    assert since(pulse, 0.0)  # without a word of it nothing is known at all
    pulse.beat()
    rewrite(tmp_path, **said)
    assert since(pulse, up_s)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"17", b"\xff\xfe"])
def test_a_file_that_cannot_be_read_says_nothing(tmp_path, content):
    (tmp_path / "gate.json").write_bytes(content)
    assert feel(tmp_path, "gate") is None


def test_a_beat_is_believed_for_a_few_seconds_and_no_longer(tmp_path):
    Pulse(tmp_path, "gate").beat()
    fresh, old = ((DEAD_AFTER_S - 1) * 1e9, (DEAD_AFTER_S + 0.001) * 1e9)
    rewrite(tmp_path, beat_ns=clock.boottime_ns() - int(fresh))
    assert alive(feel(tmp_path, "gate"))
    rewrite(tmp_path, beat_ns=clock.boottime_ns() - int(old))
    assert not alive(feel(tmp_path, "gate"))
    assert 2 * BEAT_S < DEAD_AFTER_S  # one beat that comes late kills nobody


def test_a_beat_of_another_boot_is_no_sign_of_life(tmp_path):
    Pulse(tmp_path, "gate").beat()
    rewrite(tmp_path, boot_id="another")
    assert not alive(feel(tmp_path, "gate"))


def test_a_recovery_is_heard_of_while_it_goes_on_and_its_program_lives(tmp_path):
    assert recovering(tmp_path) is None
    sign = Pulse(tmp_path, RECOVERY)
    sign.beat(text="the damaged file, 7 %")
    assert recovering(tmp_path) == "the damaged file, 7 %"
    sign.end()
    assert recovering(tmp_path) is None
    sign.beat(text="x")
    file = tmp_path / f"{RECOVERY}.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "pid": 2**22 + 1}))
    assert recovering(tmp_path) is None


def test_sync_is_online_while_it_runs_and_says_so_and_not_otherwise(tmp_path):
    assert not online(tmp_path)
    pulse = Pulse(tmp_path, "sync")
    for said, expected in (({"reachable": True}, True), ({"reachable": False}, False), ({}, False), (None, False)):
        pulse.beat(cloud=said)
        assert online(tmp_path) is expected
    pulse.beat(cloud={"reachable": True})
    pulse.end()
    assert not online(tmp_path)


@pytest.mark.parametrize(
    "facts",
    [
        {"cloud": 7}, {"cloud": "reachable"}, {"cloud": {"reachable": "yes"}}, {"pid": "x"}, {"pid": None},
        {"pid": 10**30}, {"beat_ns": "now"}, {"beat_ns": None}, {"beat_ns": []},
    ],
    ids=str,
)  # fmt: skip
def test_nonsense_is_no_sign_of_life_and_stops_nobody(tmp_path, facts):
    Pulse(tmp_path, "sync").beat(cloud={"reachable": True})
    file = tmp_path / "sync.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **facts}), encoding="utf-8")
    assert not online(tmp_path)


BEATING = """
import sys, time
from pathlib import Path
from kiosk.pulse import Pulse
Pulse(Path(sys.argv[1]), "gate").beat()
print("beaten", flush=True)
time.sleep(60)
"""


def test_a_killed_program_is_dead_at_once_not_after_seconds(tmp_path):
    with subprocess.Popen([sys.executable, "-c", BEATING, str(tmp_path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert alive(feel(tmp_path, "gate"))
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert not alive(feel(tmp_path, "gate"))


def test_a_program_of_another_user_lives_too(tmp_path):
    Pulse(tmp_path, "gate").beat()
    rewrite(tmp_path, pid=1)
    assert alive(feel(tmp_path, "gate"))


def test_nobody_ever_reads_half_a_beat(tmp_path):
    pulse, stop = Pulse(tmp_path, "gate"), threading.Event()
    pulse.beat(text="")

    def beat() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            pulse.beat(text="x" * (number * 997 % 20_000))

    beating = threading.Thread(target=beat)
    beating.start()
    try:
        assert all(feel(tmp_path, "gate") is not None for _ in range(2_000))
    finally:
        stop.set()
        beating.join()


def test_a_beat_that_cannot_be_written_ends_no_program_and_the_next_one_is(tmp_path, caplog):
    directory = tmp_path / "run"
    pulse = Pulse(directory, "gate")
    for _ in range(3):
        pulse.beat()
    pulse.end()
    directory.mkdir()
    assert len([record for record in caplog.records if "gate.json" in record.getMessage()]) == 1  # said once
    pulse.beat()
    assert alive(feel(directory, "gate"))


def test_the_time_is_what_the_gate_knows_and_without_a_gate_what_the_clock_shows():
    now = clock.now()
    behind = known({"clock": {"known": True, "aheadSeconds": -90.5}}, now)
    assert behind == replace(now, at=now.at + timedelta(seconds=90.5))
    assert known({"clock": {"known": False, "aheadSeconds": None}}, now) is None
    assert known({}, now) == known(None, now) == now
