"""The door that the tests play at: which scanners it has, and which tickets."""

from __future__ import annotations

import json
import os

EVENT = "62a1c0ffee0000000000e001"
KEYBOARDS = {"us": (0x0C2E, 0x0B61), "de": (0x05E0, 0x1200)}
"""Two scanners in keyboard mode, each named after its layout."""

QEMU_KEYBOARD = (0x0627, 0x0001)
POS = (0x0C2E, 0x0B6A)
ACM = (0x05F9, 0x4204)
ACM_PATH = "/dev/serial/by-id/usb-Acme_Scanner_acm_SN-acm-if00"
ADAPTER_PATH = "/dev/serial/by-id/usb-QEMU_QEMU_USB_SERIAL_SCAN0001-if00-port0"

BURST = int(os.environ.get("KIOSK_VM_CODES", "600"))
"""How many codes are typed at full speed. `make test-vm` has time for hundreds, an evening for 10,000."""

HEAD = f"""
[device]
id = "vm"
[gate]
events = ["{EVENT}"]
settings_from_cloud = false
"""


def scanner(name: str, kind: str, device: str, **more: object) -> str:
    lines = {"name": name, "kind": kind, "device": device, **more}
    return "[[scanner]]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in lines.items())


def keyboard(name: str, ids: tuple[int, int], layout: str, **more: object) -> str:
    return scanner(name, "hid", f"{ids[0]:04x}:{ids[1]:04x}", layout=layout, **more)


ALL = {
    **{layout: keyboard(layout, ids, layout) for layout, ids in KEYBOARDS.items()},
    "qemu": keyboard("qemu", QEMU_KEYBOARD, "us", idle_ms=5000),  # typed from outside, on a busy host slowly
    "acm": scanner("acm", "serial", ACM_PATH),
    "adapter": scanner("adapter", "serial", ADAPTER_PATH),
}
POINT_OF_SALE = scanner("pos", "hidpos", "auto")


def config(*scanners: str) -> str:
    return HEAD + "".join(scanners)


def codes(number: int) -> list[str]:
    """Codes with what differs between keyboards: y, z, minus, underscore, both cases."""
    return [f"{'yzYZ'[index % 4]}T-{index:05d}_{'zyZY'[index % 3]}" for index in range(number)]


def tickets(listed: list[str]) -> str:
    return json.dumps([
        {"_id": f"{index:024x}", "barcode": code, "ticketTypeId": "standard", "status": "VALID"}
        for index, code in enumerate(listed)
    ])  # fmt: skip
