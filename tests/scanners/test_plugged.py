"""What is plugged in: sysfs and udev's links, as umockdev shows them to an unmodified program."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from kiosk.scanners.plugged import Plugged

pytestmark = pytest.mark.needs("umockdev-run")

ALL_KEYS = "ffffffffffffff fffffffffffffffe"
FEW_KEYS = "3f000000000000 0"
USB = "/devices/pci0000:00/0000:00:14.0/usb1"


def usb(port: str, ids: tuple[str, str], serial: str = "", product: str = "Scanner") -> str:
    vendor, product_id = ids
    lines = f"P: {USB}/{port}\nE: SUBSYSTEM=usb\nA: idVendor={vendor}\nA: idProduct={product_id}\n"
    return f"{lines}A: manufacturer=Maker\nA: product={product}\n" + (f"A: serial={serial}\n\n" if serial else "\n")


def keyboard(port: str, number: int, *, keys: str = ALL_KEYS, links: tuple[str, ...] = (), above: str = USB) -> str:
    parent = f"{above}/{port}/{port}:1.0/0003:0C2E:0B61.{number:04X}/input/input{number}"
    named = "".join(f"S: {link}\n" for link in links)
    return (
        f"P: {parent}/event{number}\nN: input/event{number}\n{named}E: DEVNAME=/dev/input/event{number}\n"
        f"E: SUBSYSTEM=input\nL: device=../../input{number}\n\n"
        f"P: {parent}\nE: SUBSYSTEM=input\nA: name=Keyboard {number}\nA: uniq=\nA: id/vendor=0c2e\nA: id/product=0b61\n"
        f"A: capabilities/key={keys}\n\n"
    )


def port(place: str, name: str, *, links: tuple[str, ...] = (), kind: str = "") -> str:
    named = "".join(f"S: {link}\n" for link in links)
    about = f"A: type={kind}\n" if kind else ""
    return (
        f"P: {place}/tty/{name}\nN: {name}\n{named}E: DEVNAME=/dev/{name}\nE: SUBSYSTEM=tty\n{about}L: device=../..\n\n"
    )


def seen(tmp_path: Path, *devices: str, ask: str = "plugged()") -> list[Plugged]:
    """Return what a program on a machine with these devices finds."""
    (tmp_path / "devices").write_text("".join(devices), encoding="utf-8")
    script = (
        "import json, dataclasses\nfrom kiosk.scanners.plugged import *\nfrom kiosk.scanners import plugged as room\n"
        f"print(json.dumps([dataclasses.asdict(one) | dict(links=one.links) for one in room.{ask}]))"
    )
    done = subprocess.run(
        ["umockdev-run", "-d", str(tmp_path / "devices"), "--", sys.executable, "-c", script],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [Plugged(**{**one, "links": tuple(one["links"])}) for one in json.loads(done.stdout)]


def test_a_keyboard_scanner_is_known_by_its_usb_device_its_port_and_its_links(tmp_path):
    links = ("input/by-id/usb-Maker_Scanner_SN1-event-kbd", "input/by-path/pci-usb-0:2:1.0-event-kbd")
    (one,) = seen(tmp_path, usb("1-2", ("0c2e", "0b61"), "SN1"), keyboard("1-2", 5, links=links))
    assert (one.kind, one.node, one.ids, one.serial, one.port) == (
        "hid",
        "/dev/input/event5",
        "0c2e:0b61",
        "SN1",
        "1-2",
    )
    assert one.name == "Maker Scanner"
    assert one.body == f"/sys{USB}/1-2"
    assert one.links == tuple(f"/dev/{link}" for link in links)
    assert one.stable_name == f"/dev/{links[0]}"


def test_a_scanner_without_a_serial_number_is_named_by_its_port(tmp_path):
    links = ("input/by-id/usb-Maker_Scanner-event-kbd", "input/by-path/pci-usb-0:2:1.0-event-kbd")
    (one,) = seen(tmp_path, usb("1-2", ("0c2e", "0b61")), keyboard("1-2", 5, links=links))
    assert one.stable_name == f"/dev/{links[1]}"


def test_without_links_a_scanner_is_named_by_what_it_is(tmp_path):
    (one,) = seen(tmp_path, usb("1-2", ("0c2e", "0b61")), keyboard("1-2", 5))
    assert one.stable_name == "0c2e:0b61"


def test_what_cannot_type_a_code_is_no_scanner(tmp_path):
    bodies = usb("1-2", ("0c2e", "0b61")), usb("1-3", ("046d", "c077"), product="Mouse")
    found = seen(
        tmp_path, *bodies, keyboard("1-2", 5), keyboard("1-3", 6, keys=FEW_KEYS), keyboard("1-3", 7, keys="what")
    )
    assert [one.node for one in found] == ["/dev/input/event5"]


def test_nodes_are_told_in_the_order_of_their_numbers(tmp_path):
    devices = [usb(f"1-{number}", ("0c2e", "0b61")) + keyboard(f"1-{number}", number) for number in (10, 9, 2)]
    assert [one.node for one in seen(tmp_path, *devices)] == [f"/dev/input/event{number}" for number in (2, 9, 10)]


def test_a_bluetooth_scanner_has_its_hid_device_for_a_body_and_no_port(tmp_path):
    (one,) = seen(tmp_path, keyboard("hci0", 5, above="/devices/virtual/misc/uhid"))
    assert one.body.endswith("/0003:0C2E:0B61.0005")
    assert (one.ids, one.port, one.name) == ("0c2e:0b61", "", "Keyboard 5")


def test_a_serial_port_is_known_by_its_usb_device_too(tmp_path):
    links = ("serial/by-id/usb-Maker_Scanner_SN1-if00", "serial/by-path/pci-usb-0:2:1.0")
    (one,) = seen(
        tmp_path,
        usb("1-2", ("0c2e", "0b6a"), "SN1"),
        f"P: {USB}/1-2/1-2:1.0\nE: SUBSYSTEM=usb\n\n",
        port(f"{USB}/1-2/1-2:1.0", "ttyACM0", links=links),
    )
    assert (one.kind, one.node, one.ids, one.port) == ("serial", "/dev/ttyACM0", "0c2e:0b6a", "1-2")
    assert one.stable_name == f"/dev/{links[0]}"


def test_a_port_on_the_board_is_one_when_there_is_a_chip_behind_it(tmp_path):
    board = "/devices/platform/serial8250"
    found = seen(
        tmp_path,
        f"P: {board}\nE: SUBSYSTEM=platform\n\n",
        port(board, "ttyS0", kind="4"),
        port(board, "ttyS1", kind="0"),
    )
    assert [(one.node, one.ids, one.stable_name) for one in found] == [("/dev/ttyS0", "", "/dev/ttyS0")]


def test_what_a_device_says_of_itself_is_not_given_to_a_terminal_as_it_is(tmp_path):
    (one,) = seen(tmp_path, usb("1-2", ("0c2e", "0b61"), "S\x1b[2J", "Evil\x1b]0;x"), keyboard("1-2", 5))
    assert one.name.isprintable()
    assert one.serial.isprintable()


def test_nothing_plugged_in_is_nothing(tmp_path):
    assert seen(tmp_path, f"P: {USB}\nE: SUBSYSTEM=usb\n\n") == []
