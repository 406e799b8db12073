"""The plug of the kiosk itself is pulled: QEMU is killed, at any moment. KIOSK_VM_CUTS says how often.

What is lost then is what the guest had not written, and what QEMU had not made known in its disk's own tables, a write
cache of a kind. What the guest had handed over and not flushed may stay, for the host's memory outlives QEMU:
`tests/power/` forgets that, too.
"""

import os
import random
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.vm import lanes
from tests.vm.machine import Machine

CUTS = int(os.environ.get("KIOSK_VM_CUTS", "3"))
FORGETFUL = max(1, CUTS // 5)
"""How many more cuts of a gate that is to be seen losing scans."""

AT_A_BOOT = 15
"""So many disks are looked at by one guest: a boot takes longer than all of them."""

AT_ONCE = 4
"""So many codes wait for their answer at any time."""


def answered_before_a_cut(machine: Machine, chance: random.Random) -> dict[int, str]:
    """Scan, pull the plug at some moment, and return what had left the machine by then: numbers and their codes."""
    asked = deque((machine.begin("door.ask", code=code), code) for code in lanes.codes(AT_ONCE))
    answers = []
    for code in lanes.codes(AT_ONCE + chance.randrange(60))[AT_ONCE:]:
        number, before = asked.popleft()
        answers.append((before, machine.end(number)))
        asked.append((machine.begin("door.ask", code=code), code))
    time.sleep(chance.uniform(0, 0.1))  # the moment that is to be any
    machine.cut_power()
    answers += [(code, machine.answered(number)) for number, code in asked]
    return {answer["seq"]: code for code, answer in answers if answer is not None}


def forget(machine: Machine, kinds: str) -> None:
    """Let the same gate write with `synchronous = NORMAL`, and a second record that is not synced either."""
    machine.call("door.forget")
    machine.call("door.configure", config=kinds.replace("[gate]", 'witness_sync = "none"\n[gate]', 1))
    machine.call("door.open_gate")
    machine.call("door.await_scanners", connected={"manual": True})


def lacking(answered: dict[int, str], found: list[list[Any]]) -> int:
    numbers, codes = dict(found), [code for _, code in found]
    assert len(numbers) == len(codes) == len(set(codes))
    return sum(numbers.get(seq) != code for seq, code in answered.items())


def after_cuts(
    image: Path, open_door: Path, kinds: str, cuts: Sequence[int], place: Path
) -> Iterator[tuple[dict[int, str], dict[str, Any]]]:
    """Cut so many guests, boot the last one again, and look with it at what is left on all their disks."""
    answered, disks = [], []
    for cut in cuts:
        with closing(Machine(image)) as machine:
            machine.resume(open_door)
            if cut < FORGETFUL:
                forget(machine, kinds)
            answered.append(answered_before_a_cut(machine, random.Random(cut)))
            disks.append(machine.copy_data(place / f"{cut}.qcow2"))
            if cut == cuts[-1]:
                machine.power_on(disks)
                for number, told in enumerate(answered):
                    yield told, machine.call("door.left_on", disk=f"/dev/disk/by-id/virtio-{number}", code="another")
                assert machine.run("dmesg").count("recovery complete") >= len(disks)


def test_what_was_answered_is_there_after_every_cut_and_with_synchronous_normal_some_of_it_is_not(
    image, open_door, kinds, tmp_path
):
    cuts, lost = range(FORGETFUL + CUTS), []
    for start in cuts[::AT_A_BOOT]:
        for told, found in after_cuts(image, open_door, kinds, cuts[start : start + AT_A_BOOT], tmp_path):
            lost.append((lacking(told, found["journal"]), lacking(told, found["gate"])))
            print(f"{len(told)} answered, lost {lost[-1]}, open again after {found['opened_s']:.1f} s")
            assert found["next"] == len(found["gate"]) + 1
    assert lost[FORGETFUL:] == [(0, 0)] * CUTS
    assert sum(after for _, after in lost[:FORGETFUL]) > 0
