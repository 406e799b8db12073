"""A virtual machine as an object: QEMU without KVM, driven by QMP and by the agent inside it."""

from __future__ import annotations

import base64
import contextlib
import itertools
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.vm.guest.keyboard import QCODES, Stroke
from tests.vm.wire import Lines, dial

HERE = Path(__file__).parent
SNAPSHOT = "ready"
DATA_SIZE = "256M"

SPEED = "shift=0,sleep=on"
"""The guest's clock counts instructions, one a nanosecond, and follows the host's only while the guest is idle. So its
processor is as fast as a small computer's at a door, however busy the host is."""

MEMORY_MB = 512
BOOT_S = 600.0
ANSWER_S = 120.0

KEY_EVENT_S = 0.010
"""QEMU's keyboard reports one event every 8 ms, and silently loses what comes faster."""


class GuestError(AssertionError):
    """A function in the guest raised; the text is its traceback."""


class Machine:
    """One guest with two disks: the system's on `/dev/vda`, an empty one for the kiosk's data on `/dev/vdb`.

    More disks that another guest has left are `/dev/disk/by-id/virtio-0` and so on.
    """

    def __init__(self, image: Path) -> None:
        self._image = image
        self._disks: Sequence[Path] = ()
        self.directory = Path(tempfile.mkdtemp(prefix="kiosk-vm-"))
        self._root, self._data = self.directory / "root.qcow2", self.directory / "data.qcow2"
        self._process: subprocess.Popen[bytes] | None = None
        self._ids = itertools.count(1)
        self._answers: dict[int, dict[str, Any]] = {}
        self.events: list[dict[str, Any]] = []

    # --- power -------------------------------------------------------------------------------------------------------

    def boot(self) -> None:
        """Start from the bare image; returns when the agent answers."""
        _create(self._root, "-F", "raw", "-b", str(self._image / "root.img"))
        _create(self._data, DATA_SIZE)
        self._start()
        self._await_agent()

    def resume(self, snapshot: Path) -> None:
        """Go on where `save` was called, a second later."""
        for disk in (self._root, self._data):
            shutil.copyfile(snapshot / disk.name, disk)
        self._start("-loadvm", SNAPSHOT)

    def save(self, snapshot: Path) -> None:
        """Write down the running guest, disks and memory, for `resume`; ends this one."""
        said = self.qmp("human-monitor-command", **{"command-line": f"savevm {SNAPSHOT}"})
        assert said == "", said
        self.cut_power()
        draft = Path(tempfile.mkdtemp(dir=snapshot.parent))
        for disk in (self._root, self._data):
            shutil.move(disk, draft / disk.name)
        with contextlib.suppress(OSError):  # another run was quicker
            draft.rename(snapshot)

    def cut_power(self) -> None:
        """Pull the plug: nothing in the guest is told. What had left it by then is heard."""
        self._process.kill()
        self._process.wait()
        with contextlib.suppress(EOFError, OSError):
            while True:
                said = self._agent.hear(1)
                self._answers[said["id"]] = said
        self._qmp.close()
        self._agent.close()

    def power_on(self, disks: Sequence[Path] = ()) -> None:
        """Boot again, with the disks as the power cut left them, and more disks beside them."""
        self._disks = disks
        self._start()
        self._await_agent()

    def copy_data(self, to: Path) -> Path:
        """Copy the data's disk, after the power was cut."""
        return Path(shutil.copyfile(self._data, to))

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.cut_power()
        shutil.rmtree(self.directory)

    def _start(self, *arguments: str) -> None:
        with (self.directory / "qemu.log").open("a", encoding="utf-8") as log:
            self._process = subprocess.Popen(
                [*self._command(), *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self._qmp = Lines(self.directory / "qmp")
        self._qmp.hear(10)
        self.qmp("qmp_capabilities")
        self._agent = Lines(self.directory / "agent")

    def recipe(self) -> str:
        """What a snapshot depends on: it can be resumed by the same machine only."""
        return " ".join(self._command()).replace(str(self.directory), "").replace(str(self._image), "")

    def _command(self) -> list[str]:
        def listening(name: str) -> str:
            return f"{self.directory / name},server=on,wait=off"

        return [
            "qemu-system-x86_64", "-M", "q35", "-accel", "tcg", "-cpu", "max", "-m", str(MEMORY_MB),
            "-smp", "1", "-icount", SPEED,
            "-nodefaults", "-no-user-config", "-display", "none",
            "-kernel", str(self._image / "vmlinuz"), "-initrd", str(self._image / "initrd.img"),
            "-append", "console=ttyS0 quiet panic=-1 mitigations=off tsc=reliable systemd.show_status=false",
            "-drive", f"file={self._root},if=none,id=root,format=qcow2", "-device", "virtio-blk-pci,drive=root",
            "-drive", f"file={self._data},if=none,id=data,format=qcow2", "-device", "virtio-blk-pci,drive=data",
            "-serial", f"file:{self.directory / 'console.log'}",
            "-qmp", f"unix:{listening('qmp')}",
            "-device", "virtio-serial-pci", "-chardev", f"socket,id=agent,path={listening('agent')}",
            "-device", "virtserialport,chardev=agent,name=agent",
            "-device", "qemu-xhci,id=usb",
            "-object", "rng-builtin,id=random", "-device", "virtio-rng-pci,rng=random",
            *(part for number, disk in enumerate(self._disks) for part in _further(number, disk)),
        ]  # fmt: skip

    def _await_agent(self) -> None:
        hello = self._agent.hear(BOOT_S)
        assert hello == {"id": 0, "value": "hello"}, hello

    # --- words -------------------------------------------------------------------------------------------------------

    def qmp(self, command: str, **arguments: object) -> Any:
        number = next(self._ids)
        self._qmp.say({"execute": command, "arguments": arguments, "id": number})
        while True:
            said = self._qmp.hear(60)
            if "event" in said:
                self.events.append(said)
            elif said.get("id") == number:
                assert "error" not in said, said
                return said["return"]

    def happened(self, event: str, **data: object) -> bool:
        """Tell whether QEMU has said this since the start, such as `RESET`."""
        self.qmp("query-status")
        return any(e["event"] == event and e.get("data", {}).items() >= data.items() for e in self.events)

    def await_event(self, event: str, patience_s: float = 60.0, **data: object) -> None:
        deadline = time.monotonic() + patience_s
        while not self.happened(event, **data):
            assert time.monotonic() < deadline, f"no {event} within {patience_s} s"
            time.sleep(0.01)

    def call(self, function: str, **arguments: object) -> Any:
        """Call a function of the guest's modules and return its value. Raises GuestError."""
        return self.end(self.begin(function, **arguments))

    def begin(self, function: str, **arguments: object) -> int:
        """Call a function whose value is fetched later, by `end`."""
        number = next(self._ids)
        self._agent.say({"id": number, "call": function, "with": arguments})
        return number

    def end(self, number: int, patience_s: float = ANSWER_S) -> Any:
        while number not in self._answers:
            said = self._agent.hear(patience_s)
            self._answers[said["id"]] = said
        said = self._answers.pop(number)
        if "error" in said:
            raise GuestError(said["error"])
        return said["value"]

    def run(self, command: str) -> str:
        """Run a shell command as root and return what it printed. Raises GuestError when it fails."""
        return str(self.call("shell.run", command=command))

    def put(self, path: str, content: bytes | str) -> None:
        data = content.encode() if isinstance(content, str) else content
        self.call("agent.put", path=path, content=base64.b64encode(data).decode())

    def console(self) -> str:
        """What kernel and boot said on the serial console."""
        return (self.directory / "console.log").read_text(errors="replace")

    def screen(self) -> list[str]:
        """The lines of the first text console, as a person in front of it sees them."""
        return list(self.call("shell.screen"))

    def answered(self, number: int) -> Any:
        """Return the value of a call if it has come, None if not."""
        return self._answers.get(number, {}).get("value")

    # --- QEMU's own devices ------------------------------------------------------------------------------------------

    def plug_keyboard(self, name: str = "keyboard") -> None:
        self.qmp("device_add", driver="usb-kbd", id=name, bus="usb.0")

    @contextlib.contextmanager
    def serial_line(self, name: str) -> Iterator[socket.socket]:
        """The far end of a serial adapter's cable, whether the adapter is plugged in or not."""
        path = self.directory / name
        address = {"type": "unix", "data": {"path": str(path)}}
        backend = {"type": "socket", "data": {"addr": address, "server": True, "wait": False}}
        self.qmp("chardev-add", id=name, backend=backend)
        with contextlib.closing(dial(path)) as line:
            yield line

    def plug_serial(self, line: str, name: str = "serial", number: str = "SCAN0001") -> None:
        self.qmp("device_add", driver="usb-serial", id=name, bus="usb.0", chardev=line, serial=number)

    def unplug(self, name: str) -> None:
        """Pull a device; returns when QEMU has taken it away, so that its name is free again."""
        self.qmp("device_del", id=name)
        self.await_event("DEVICE_DELETED", device=name)
        self.events.clear()

    def type(self, strokes: list[Stroke]) -> None:
        """Type on QEMU's keyboard, at the pace it can bear."""
        for stroke in strokes:
            keys = [*(["shift"] if stroke.shift else []), *(["ctrl"] if stroke.control else []), QCODES[stroke.usage]]
            for key, down in [(key, True) for key in keys] + [(key, False) for key in reversed(keys)]:
                event = {"type": "key", "data": {"down": down, "key": {"type": "qcode", "data": key}}}
                self.qmp("input-send-event", events=[event])
                self.call("shell.pause", pause_s=KEY_EVENT_S)  # by the guest's clock


def _further(number: int, disk: Path) -> list[str]:
    drive = f"file={disk},if=none,id=further{number},format=qcow2"
    return ["-drive", drive, "-device", f"virtio-blk-pci,drive=further{number},serial={number}"]


def _create(disk: Path, *arguments: str) -> None:
    options, last = arguments[:-1], arguments[-1]
    command = ["qemu-img", "create", "-q", "-f", "qcow2"]
    backing = [*command, *options, last, str(disk)] if options else [*command, str(disk), last]
    subprocess.run(backing, check=True)
