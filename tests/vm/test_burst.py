"""More than the machine can follow: two scanners at full speed, and a disk that stops for seconds at a time."""

from tests.vm import lanes
from tests.vm.scanner import Gadget, keys, recorded

PACE_MS = 1.0
STALL_S = 2.0


def test_no_wrong_code_and_no_silent_loss_at_full_speed_while_the_disk_stalls(machine):
    scanners = [Gadget(machine, layout, ids, "keyboard") for layout, ids in lanes.KEYBOARDS.items()]
    for scanner in scanners:
        scanner.plug()
    codes = lanes.codes(lanes.BURST)
    typed = {"us": codes[: lanes.BURST // 2], "de": codes[lanes.BURST // 2 :]}
    stalling = machine.begin("door.hold_up_disk", stall_s=STALL_S, every_s=1.0, times=max(2, lanes.BURST // 200))
    typing = {s.lane: s.begin(keys(typed[s.lane], s.lane), PACE_MS) for s in scanners}
    pace = {lane: machine.end(number, patience_s=3600) for lane, number in typing.items()}
    machine.end(stalling, patience_s=3600)
    scans = machine.call("door.await_quiet")
    for lane, sent in typed.items():
        found = recorded(scans, lane)
        right = [code for code, reason in found if reason == "ok"]
        lost = [code for code, reason in found if reason == "unreadable"]
        print(f"{lane}: {len(sent)} codes at {1000 * pace[lane]['seconds'] / pace[lane]['sent']:.2f} ms a report: "
              f"{len(right)} recorded, {len(lost)} said to be unreadable")  # fmt: skip
        assert [(code, reason) for code, reason in found if reason not in {"ok", "unreadable"}] == []
        assert right == [code for code in sent if code in set(right)], "twice, or not in order"
        assert silent_gaps(sent, found) == []


def silent_gaps(sent: list[str], found: list[tuple[str, str]]) -> list[str]:
    """The codes that went missing where the journal says nothing of a loss."""
    silent: list[str] = []
    start, said = 0, False
    for code, reason in [*found, (None, "ok")]:
        if reason != "ok":
            said = True
            continue
        end = len(sent) if code is None else sent.index(code)
        silent += [] if said else sent[start:end]
        start, said = end + 1, False
    return silent
