"""Which device a lane means, and that it keeps it."""

import json

import pytest

from kiosk.errors import ScannerLost
from kiosk.scanners.binding import FILE, Bindings, accept
from kiosk.scanners.plugged import Plugged

ONE = Plugged("hid", "/dev/input/event5", "/sys/1-1", "Voyager", 0x0C2E, 0x0B61, "SN1", "1-1")
TWO = Plugged("hid", "/dev/input/event6", "/sys/1-2", "Voyager", 0x0C2E, 0x0B61, "SN2", "1-2")
OTHER = Plugged("hid", "/dev/input/event5", "/sys/1-1", "Keyboard", 0x046D, 0xC31C, "", "1-1")
NAMELESS = Plugged("hid", "/dev/input/event7", "/sys/1-3", "Scanner", 0x05E0, 0x1200, "", "1-3")
SAME_AT_ANOTHER_PORT = Plugged("hid", "/dev/input/event9", "/sys/1-9", "Voyager", 0x0C2E, 0x0B61, "SN1", "1-9")
SECOND_NODE = Plugged("hid", "/dev/input/event8", "/sys/1-1", "Voyager", 0x0C2E, 0x0B61, "SN1", "1-1")


class Machine:
    """A machine in which devices are plugged, and a lane that looks for its own."""

    def __init__(self, directory) -> None:
        self.directory, self.devices = directory, []

    def open(
        self,
        *devices: Plugged,
        device: str = "auto",
        lane: str = "left",
        lanes: tuple[str, ...] = ("left",),
        kind: str = "hid",
    ) -> str:
        """Plug in these alone; return the node that the lane opens, as a gate that was just started would."""
        self.devices = list(devices)
        bindings = Bindings(self.directory, lanes, lambda kind: [one for one in self.devices if one.kind == kind])
        node = bindings.find(lane, kind, device)
        bindings.keep(lane, kind, device, node)
        return node


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


@pytest.mark.parametrize("device", ["auto", "0c2e:0b61", "0C2E:0B61", "/dev/input/event5"])
def test_the_only_one_that_fits_is_taken(machine, device):
    assert machine.open(ONE, device=device) == ONE.node


@pytest.mark.parametrize("device", ["auto", "0c2e:0b61"])
def test_of_two_that_fit_neither_is_guessed(machine, device):
    with pytest.raises(ScannerLost, match="2 devices fit: name one by its path"):
        machine.open(ONE, TWO, device=device)


@pytest.mark.parametrize("device", ["auto", "0c2e:0b61"])
def test_a_lane_finds_its_own_among_others_that_came_later(machine, device):
    machine.open(ONE, device=device)
    assert machine.open(TWO, ONE, device=device) == ONE.node


def test_a_scanner_of_several_nodes_is_one(machine):
    assert machine.open(ONE, SECOND_NODE) == ONE.node


def test_a_scanner_is_known_again_at_another_port_by_its_serial_number(machine):
    machine.open(ONE)
    assert machine.open(SAME_AT_ANOTHER_PORT) == SAME_AT_ANOTHER_PORT.node


def test_of_two_of_the_same_model_a_lane_keeps_the_one_with_its_serial_number_whatever_their_ports(machine):
    machine.open(ONE)
    at_its_port = Plugged("hid", "/dev/input/event3", "/sys/1-1", "Voyager", 0x0C2E, 0x0B61, "SN9", "1-1")
    assert machine.open(at_its_port, SAME_AT_ANOTHER_PORT) == SAME_AT_ANOTHER_PORT.node


def test_without_a_serial_number_a_lane_keeps_the_one_at_its_port(machine):
    machine.open(NAMELESS)
    twin = Plugged("hid", "/dev/input/event2", "/sys/1-4", "Scanner", 0x05E0, 0x1200, "", "1-4")
    assert machine.open(twin, NAMELESS) == NAMELESS.node


@pytest.mark.parametrize("device", ["auto", "/dev/input/event5"])
def test_another_kind_of_device_in_its_place_is_an_alarm_and_no_scanner(machine, device):
    machine.open(ONE, device=device)
    with pytest.raises(ScannerLost, match=r"another device \(046d:c31c Keyboard\) is where 0c2e:0b61 Voyager was"):
        machine.open(OTHER, device=device)
    assert machine.open(ONE, device=device) == ONE.node


def test_a_spare_of_the_same_model_in_its_place_is_taken(machine):
    machine.open(ONE)
    assert machine.open(TWO) == TWO.node


def test_a_device_that_was_accepted_is_the_lanes_from_then_on(machine):
    machine.open(ONE)
    assert accept(machine.directory, "left")
    assert machine.open(OTHER) == OTHER.node
    with pytest.raises(ScannerLost, match="another device"):
        machine.open(ONE)
    assert not accept(machine.directory, "right")


def test_a_lane_that_is_configured_anew_begins_anew(machine):
    machine.open(ONE, device="auto")
    assert machine.open(OTHER, device="046d:c31c") == OTHER.node


def test_what_belongs_to_another_lane_is_not_taken_by_a_lane_that_takes_anything(machine):
    lanes = ("left", "right")
    machine.open(ONE, device="/dev/input/event5", lanes=lanes)
    assert machine.open(ONE, TWO, lane="right", lanes=lanes) == TWO.node
    with pytest.raises(ScannerLost, match="belongs to another lane"):
        machine.open(ONE, lane="third", lanes=(*lanes, "third"))


def test_a_lane_that_is_configured_no_more_keeps_nothing_from_others(machine):
    machine.open(ONE, lane="old", lanes=("old",))
    assert machine.open(ONE, lane="new", lanes=("new",)) == ONE.node
    assert list(json.loads((machine.directory / FILE).read_text())) == ["new"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        '{"left": 1}',
        '{"left": {}}',
        "\xff",
        '{"left": {"device": []}}',
        '{"left": {"device": "auto"}}',
        "[" * 100_000,
    ],
)
def test_a_memory_that_nobody_can_read_is_none(machine, text):
    (machine.directory / FILE).write_text(text, encoding="latin-1")
    assert machine.open(ONE) == ONE.node


def test_nothing_is_written_when_nothing_has_changed(machine):
    machine.open(ONE)
    before = (machine.directory / FILE).stat()
    machine.open(ONE)
    assert (machine.directory / FILE).stat().st_ino == before.st_ino


@pytest.mark.parametrize("device", ["left", "by-foo/x", "", "0c2e", "0c2e:0b61:1"])
def test_a_name_that_is_none_says_where_to_look(machine, device):
    with pytest.raises(ScannerLost, match="kiosk devices"):
        machine.open(ONE, device=device)


def test_a_link_is_looked_up_where_its_kind_has_its_links(tmp_path):
    bindings = Bindings(tmp_path, ["left"])
    assert bindings.find("left", "hid", "by-path/x-event-kbd") == "/dev/input/by-path/x-event-kbd"
    assert bindings.find("left", "serial", "by-id/usb-x") == "/dev/serial/by-id/usb-x"


def test_what_has_no_identity_is_opened_and_not_remembered(machine):
    board = Plugged("hid", "/dev/input/event5", "/sys/board")
    assert machine.open(board, device="/dev/input/event5") == board.node
    assert not (machine.directory / FILE).exists()


def test_a_port_on_the_board_is_opened_by_its_name_only(machine):
    board = Plugged("serial", "/dev/ttyS0", "/sys/board")
    usb = Plugged("serial", "/dev/ttyACM0", "/sys/1-1", "Voyager", 0x0C2E, 0x0B6A, "SN1", "1-1")
    assert machine.open(board, usb, kind="serial") == usb.node
    assert machine.open(board, usb, kind="serial", device="/dev/ttyS0") == board.node
