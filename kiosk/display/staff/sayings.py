"""Every sentence that the staff page's back says by itself, by its key; the gate and sync say their own.

All of them are English here, and said in the door's language by `problem.py`.
"""

from __future__ import annotations

SAYINGS = {
    "malformed": "This page asked for something that is not understood: load it again",
    "not_json": "Only JSON is understood here",
    "too_long": "This is too long",
    "unknown": "There is nothing of this name",
    "foreign": "This did not come from the kiosk's own page",
    "network": "The staff page can be used on this machine only (display.staff_from_network)",
    "signed_out": "Enter the PIN",
    "no_pin": "No PIN is set: type `kiosk pin` on this machine, then load this page again",
    "unreadable_pin": "The PIN cannot be read: set it again with `kiosk pin`",
    "wrong_pin": "This PIN is wrong",
    "locked": "Too many wrong PINs: wait",
    "busy": "Too much at once: try again",
    "gate": "The gate does not answer: start `kiosk gate`",
    "sync": "Sync does not answer: start `kiosk sync`",
    "not_readable": "The kiosk's files cannot be read",
}
