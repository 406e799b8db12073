"""A server that behaves as the vivenu cloud does, its awkward parts included, and plays every fault on demand.

It stands in for both hosts: the scans service and the access-control API live on one port. It is for trying the kiosk
out, for demonstrating it, and for its tests; it never speaks to anybody by itself.

    with Sandbox() as box:
        box.add_event("62a1", "Summer night")
        box.add_tickets(generate_tickets(500, "62a1"))
        box.arm("lost_reply")
        ...                                     # point a kiosk at box.url + "/api"
        assert box.scans()

Inside, a request runs from `server` (HTTP) through `routing` (doors and armed faults) to the one function in `portier`,
`access` or `control` that answers it from the `records`; the reply is played on the `wire`.
"""

from kiosk.sandbox.box import FAULTS, Sandbox
from kiosk.sandbox.faults import Fault
from kiosk.sandbox.files import read_tickets
from kiosk.sandbox.people import generate_tickets

__all__ = ["FAULTS", "Fault", "Sandbox", "generate_tickets", "read_tickets"]
