"""Several scanners at one kiosk, from outside: a real gate, ptys, and a keyboard that umockdev makes up."""

import json
import os
import subprocess
import sys
import threading
import tty

import pytest

from tests.scanners.test_hid import Machine, keys_for


class Ptys:
    """Serial scanners by name."""

    def __init__(self) -> None:
        self.far: dict[str, int] = {}
        self.near: dict[str, int] = {}

    def plug_in(self, name: str) -> str:
        self.far[name], self.near[name] = os.openpty()
        tty.setraw(self.near[name])
        return os.ttyname(self.near[name])

    def send(self, name: str, code: str) -> None:
        os.write(self.far[name], code.encode() + b"\r")

    def close(self) -> None:
        for end in (*self.far.values(), *self.near.values()):
            os.close(end)


@pytest.fixture
def ptys():
    made = Ptys()
    yield made
    made.close()


@pytest.fixture
def listed(kiosk, cloud):
    kiosk.call("sync", "--once")
    return kiosk


def lane(name: str, device: str, more: str = "", kind: str = "serial") -> str:
    return f'[[scanner]]\nname = "{name}"\nkind = "{kind}"\ndevice = {json.dumps(device)}\n{more}\n'


def test_each_lane_has_its_direction_and_its_settings_and_decisions_come_in_the_order_of_arrival(
    listed, cloud, valid, ptys, eventually
):
    in_, out = ptys.plug_in("in"), ptys.plug_in("out")
    lanes = lane("in", in_, 'prefix = "#"') + lane("out", out, 'type = "checkout"') + lane("gone", "/dev/nowhere")
    listed.configure(cloud.url, scanner=lanes)
    listed.start("gate")
    eventually("both are there", lambda: [one["connected"] for one in listed.scanners()][:3] == [True, True, False])
    expected = []
    for number, ticket in enumerate(valid[:6]):
        for name, prefix, direction in (("in", "#", "checkin"), ("out", "", "checkout")):
            ptys.send(name, prefix + ticket["barcode"])
            expected.append((name, ticket["barcode"], direction, "ok"))
            eventually("it is recorded", lambda number=number: len(listed.scans()) == len(expected))
    rows = [(row["scanner"], row["barcode"], row["type"], row["reason"]) for row in listed.scans()]
    assert rows == expected


def test_codes_of_several_lanes_at_once_are_all_recorded_each_lanes_in_its_order(
    listed, cloud, valid, ptys, eventually
):
    names = [f"lane-{number}" for number in range(4)]
    listed.configure(cloud.url, scanner="".join(lane(name, ptys.plug_in(name)) for name in names))
    listed.start("gate")
    eventually("all are there", lambda: [one["connected"] for one in listed.scanners()][:4] == [True] * 4)
    codes = {name: [ticket["barcode"] for ticket in valid[number::4]] for number, name in enumerate(names)}

    def scan(name: str) -> None:
        for code in codes[name]:
            ptys.send(name, code)

    at_once = [threading.Thread(target=scan, args=(name,)) for name in names]
    for thread in at_once:
        thread.start()
    for thread in at_once:
        thread.join()
    number = sum(map(len, codes.values()))
    rows = eventually("all are recorded", lambda: (rows := listed.scans()) and len(rows) == number and rows)
    assert {name: [row["barcode"] for row in rows if row["scanner"] == name] for name in names} == codes
    assert {row["reason"] for row in rows} == {"ok"}


@pytest.mark.needs("umockdev-run")
def test_a_keyboard_scanner_is_read_by_a_real_gate_in_its_own_layout(listed, cloud, valid, tmp_path, eventually):
    pytest.importorskip("evdev")
    machine = Machine(tmp_path)
    machine.plug_in(5)
    codes = [ticket["barcode"] for ticket in valid[:5]]
    machine.will_type(keys_for("".join(f"{code}\n" for code in codes), "de"))
    patient = 'layout = "de"\nidle_ms = 2000'  # whoever types here is a process, which may be put to sleep
    listed.configure(cloud.url, scanner=lane("left", "0c2e:0b61", patient, kind="hid"))
    command = [sys.executable, "-m", "kiosk", "gate", "--config", str(listed.file), "--allow-volatile"]
    with subprocess.Popen(["umockdev-run", *machine._arguments, "--", *command], stderr=subprocess.DEVNULL) as gate:
        try:
            rows = eventually("all are recorded", lambda: (rows := listed.scans()) and len(rows) == len(codes) and rows)
        finally:
            gate.terminate()
    assert [(row["barcode"], row["reason"], row["scanner"]) for row in rows] == [(code, "ok", "left") for code in codes]
