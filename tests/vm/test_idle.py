"""A gate with nothing to do leaves the processor alone."""

import time

from tests.vm import lanes
from tests.vm.scanner import Gadget

WATCHED_S = 30
MOST = 0.01


def test_an_idle_gate_with_three_scanners_one_unplugged_uses_under_a_hundredth_of_the_processor(machine, kinds):
    last = lanes.POINT_OF_SALE if "hidpos" in kinds else lanes.ALL["de"]
    machine.call("door.configure", config=lanes.config(lanes.ALL["us"], lanes.ALL["acm"], last))
    machine.call("door.open_gate")
    Gadget(machine, "us", lanes.KEYBOARDS["us"], "keyboard").plug()
    Gadget(machine, "acm", lanes.ACM, "line").plug()
    before = machine.call("door.processor_s")
    time.sleep(WATCHED_S)  # the span that is measured
    share = (machine.call("door.processor_s") - before) / WATCHED_S
    print(f"an idle gate: {share:.2%} of the emulated processor")
    assert share < MOST
