"""USB scanners that do not exist: the kernel's gadget drivers on one end of a virtual cable, its drivers on the other.

Everything above the wire is the kernel's own: enumeration, HID, hidraw, CDC-ACM, udev. See the kernel's
Documentation/usb/gadget_configfs.rst.
"""

import base64
import contextlib
import os
import subprocess
import termios
import time
import tty
from pathlib import Path

GADGETS = Path("/sys/kernel/config/usb_gadget")
MOST = 4
"""How many may be plugged in at a time."""

KEYBOARD = bytes.fromhex(
    "0501 0906 a101"
    "0507 19e0 29e7 1500 2501 7501 9508 8102"  # modifiers
    "9501 7508 8103"
    "9505 7501 0508 1901 2905 9102 9501 7503 9103"  # lamps
    "9506 7508 1500 2565 0507 1900 2965 8100"  # keys
    "c0"
)
"""A boot keyboard: a byte of modifiers, a reserved one, six keys (HID 1.11, appendix B.1)."""

POINT_OF_SALE = bytes.fromhex(
    "058c 0902 a101 0912 a102 8502 1500 26ff00 7508"
    "9501 0501 093b 8102"  # how many bytes of data there are
    "9503 058c 09fb 09fc 09fd 8102"  # AIM's symbology identifier
    "9538 09fe 820201"  # the data
    "9502 0666ff 0904 8102"  # the vendor's word for the symbology; reserved
    "058c 09ff 2501 7501 9501 8102 9507 8103"  # whether the data goes on in another report
    "c0 c0"
)
"""A bar code scanner (USB-IF, HID Point of Sale Usage Tables 1.02), in the shape that Honeywell and others use."""

HID = {
    "keyboard": {"protocol": 1, "subclass": 1, "report_length": 8, "report_desc": KEYBOARD},
    "pos": {"protocol": 0, "subclass": 0, "report_length": 64, "report_desc": POINT_OF_SALE},
}


def create(name: str, vendor: int, product: int, serial: str, parts: list[str]) -> None:
    """Make a device, not plugged in yet. Its parts: `keyboard`, `pos`, `line` (CDC-ACM)."""
    _load()
    place = GADGETS / name
    (place / "strings/0x409").mkdir(parents=True)
    (place / "configs/c.1").mkdir(parents=True)
    (place / "idVendor").write_text(hex(vendor))
    (place / "idProduct").write_text(hex(product))
    for key, text in {"manufacturer": "Acme", "product": f"Scanner {name}", "serialnumber": serial}.items():
        (place / "strings/0x409" / key).write_text(text)
    for part in parts:
        function = place / "functions" / (f"acm.{name}" if part == "line" else f"hid.{name}-{part}")
        function.mkdir()
        for key, value in HID.get(part, {}).items():
            (function / key).write_bytes(value if isinstance(value, bytes) else str(value).encode())
        (place / "configs/c.1" / function.name).symlink_to(function)


def _load() -> None:
    if GADGETS.exists():
        return
    subprocess.run(["modprobe", "dummy_hcd", f"num={MOST}"], check=True)
    subprocess.run(["modprobe", "libcomposite"], check=True)
    if not GADGETS.exists():
        subprocess.run(["mount", "-t", "configfs", "configfs", "/sys/kernel/config"], check=True)


def plug(name: str) -> None:
    """Put the plug in; returns when the kernel has enumerated it, which is before anybody has opened it."""
    used = {(place / "UDC").read_text().strip() for place in GADGETS.iterdir()}
    free = sorted({port.name for port in Path("/sys/class/udc").iterdir()} - used)
    (GADGETS / name / "UDC").write_text(free[0])
    state = Path("/sys/class/udc") / free[0] / "state"
    _await(lambda: state.read_text().strip() == "configured", f"{name}: not enumerated")


def pull(name: str) -> None:
    (GADGETS / name / "UDC").write_text("\n")


def _hid(name: str, part: str) -> Path:
    """Where the scanner's firmware writes its reports."""
    number = (GADGETS / name / f"functions/hid.{name}-{part}" / "dev").read_text().strip()
    return Path("/dev") / Path(f"/sys/dev/char/{number}").resolve().name


def _line(name: str) -> Path:
    number = (GADGETS / name / f"functions/acm.{name}" / "port_num").read_text().strip()
    return Path(f"/dev/ttyGS{number}")


def report(name: str, part: str, reports: str, size: int, pace_ms: float) -> dict:
    """Send reports (base64, one behind the other) at this pace, or as slowly as the host fetches them.

    Returns how many went and in how many seconds: fewer than all where the plug was pulled.
    """
    data = base64.b64decode(reports)
    sent, started = 0, time.monotonic()
    with contextlib.closing(_Descriptor(_hid(name, part), os.O_WRONLY)) as end, contextlib.suppress(OSError):
        for start in range(0, len(data), size):
            time.sleep(max(0.0, started + sent * pace_ms / 1000 - time.monotonic()))
            os.write(end.number, data[start : start + size])
            sent += 1
    return {"sent": sent, "seconds": time.monotonic() - started}


def say(name: str, data: str) -> None:
    """Send bytes (latin-1 as text) over the serial line; what is not sent when the plug is pulled is lost."""
    with contextlib.closing(_Descriptor(_line(name), os.O_RDWR | os.O_NOCTTY)) as end:
        tty.setraw(end.number)
        os.write(end.number, data.encode("latin-1"))
        termios.tcdrain(end.number)


class _Descriptor:
    def __init__(self, path: Path, flags: int) -> None:
        self.number = os.open(path, flags)

    def close(self) -> None:
        os.close(self.number)


def _await(so: object, what: str, patience_s: float = 10.0) -> None:
    deadline = time.monotonic() + patience_s
    while not so():
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        time.sleep(0.01)
