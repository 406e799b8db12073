"""Power, heat and holders, read from trees that stand in for the kernel's."""

import os

import pytest

from kiosk.doctor.finding import Colour
from kiosk.doctor.machine import HOT_C, WARM_C, Holder, Machine, heat, power


def sensor(root, number: int, name: str, **files: str) -> None:
    directory = root / f"class/hwmon/hwmon{number}"
    directory.mkdir(parents=True)
    for file, text in {"name": name, **files}.items():
        (directory / file).write_text(f"{text}\n")


def test_the_supply_is_asked_of_the_one_sensor_that_knows_it(tmp_path):
    sensor(tmp_path, 0, "cpu_thermal", in0_lcrit_alarm="1")
    assert Machine(sys=tmp_path).undervolted() is None
    sensor(tmp_path, 1, "rpi_volt", in0_lcrit_alarm="0")
    assert Machine(sys=tmp_path).undervolted() is False
    (tmp_path / "class/hwmon/hwmon1/in0_lcrit_alarm").write_text("1\n")
    assert Machine(sys=tmp_path).undervolted() is True


def test_the_hottest_zone_counts_and_one_that_cannot_be_read_does_not(tmp_path):
    assert Machine(sys=tmp_path).temperature_c() is None
    for number, text in enumerate(["48312", "71200", "", "-4000", "hot"]):
        zone = tmp_path / f"class/thermal/thermal_zone{number}"
        zone.mkdir(parents=True)
        (zone / "temp").write_text(text)
    assert Machine(sys=tmp_path).temperature_c() == 71.2


def test_who_has_a_device_open_is_found_through_any_link_to_it(tmp_path):
    node, link = tmp_path / "ttyACM0", tmp_path / "by-id"
    node.touch()
    link.symlink_to(node)
    for pid, name, target in (("812", "brltty", node), ("9", "other", "/dev/null")):
        (tmp_path / f"proc/{pid}/fd").mkdir(parents=True)
        (tmp_path / f"proc/{pid}/comm").write_text(f"{name}\n")
        (tmp_path / f"proc/{pid}/fd/3").symlink_to(target)
    (tmp_path / "proc/13").mkdir()  # ended just now
    assert Machine(proc=tmp_path / "proc").holders(link) == [Holder(812, "brltty")]


def test_the_real_kernel_tells_that_we_have_a_file_open(tmp_path):
    with (tmp_path / "node").open("w"):
        assert [holder.pid for holder in Machine().holders(tmp_path / "node")] == [os.getpid()]
    assert Machine().holders(tmp_path / "node") == []


@pytest.mark.parametrize(("fact", "colour"), [(None, Colour.GREEN), (False, Colour.GREEN), (True, Colour.RED)])
def test_a_supply_that_is_too_weak_is_red(fact, colour):
    assert power(fact).colour is colour
    assert bool(power(fact).mend) == (colour is Colour.RED)


@pytest.mark.parametrize(
    ("celsius", "colour"),
    [
        (None, Colour.GREEN), (WARM_C - 0.1, Colour.GREEN), (WARM_C, Colour.AMBER), (HOT_C - 0.1, Colour.AMBER),
        (HOT_C, Colour.RED),
    ],
)  # fmt: skip
def test_heat_is_amber_before_it_slows_the_machine_down_and_red_when_it_does(celsius, colour):
    assert heat(celsius).colour is colour
