"""The door as a whole, with pins that are written down: real gates, killed and started again."""

import signal as signals
import time

import pytest

from kiosk.outputs.panel import Panel

RELAY = '[[output]]\nname = "barrier"\nkind = "relay"\npin = 17\npulse_ms = 300\n'
LONG = RELAY.replace("300", "10000")
LAMP = '[[output]]\nname = "red"\nkind = "lamp"\npin = 22\non = ["declined"]\n'
DRUM = '[[turnstile]]\nname = "drum"\npin = 27\ntimeout_s = 1\n'


class Told:
    """An output that keeps what it is told."""

    def __init__(self):
        self.answers = []

    def show(self, lane, answer):
        self.answers.append((lane, answer))


def test_a_code_that_stays_before_its_scanner_is_told_once_a_second_at_most(answers):
    told = Told()
    panel = Panel([told])
    panel.show("left", answers(seq=1))
    for _ in range(20):
        panel.show("left", answers(seq=1, repeated=True))
    assert len(told.answers) == 1
    panel.show("right", answers(seq=1, repeated=True))
    panel.show("left", answers(seq=2))
    assert len(told.answers) == 3


def test_a_panel_that_fails_raises_nothing(answers, caplog):
    class Broken:
        def show(self, lane, answer):
            raise ZeroDivisionError

    panel = Panel([Broken()])
    for seq in range(3):
        panel.show("left", answers(seq=seq))
    assert caplog.text.count("the outputs fail") == 1


@pytest.fixture
def door(kiosk, board, valid, cloud, monkeypatch):
    """A kiosk with pins, its list fetched."""

    def start(outputs, gate=""):
        monkeypatch.setenv("PINBOARD_JOURNAL", str(kiosk.data_dir / "journal.db"))
        kiosk.configure(cloud.url, gate=gate)
        kiosk.file.write_text(kiosk.file.read_text() + outputs, encoding="utf-8")
        kiosk.call("sync", "--once")
        kiosk.open_gate()
        return kiosk

    return start


def test_the_relay_opens_after_the_scan_is_on_disk_once_and_for_approved_codes_only(door, board, valid, eventually):
    kiosk = door(RELAY + LAMP)
    assert board.lines(17) == [("0", 0)]  # off before anybody was listened to
    kiosk.scan("NOBODY-HAS-THIS")
    eventually("the lamp goes on", lambda: "1" in board.levels(22))
    kiosk.scan(valid[0]["barcode"])
    eventually("the relay has been on", lambda: board.levels(17)[-2:] == ["1", "0"])
    kiosk.scan(valid[0]["barcode"])  # within the hold-off: shown again, and not let in again
    kiosk.scan(valid[1]["barcode"])
    eventually("and again", lambda: board.levels(17).count("1") == 2)
    assert [scans for level, scans in board.lines(17) if level == "1"] == [2, 3]
    assert [scan["reason"] for scan in kiosk.scans()] == ["unknown", "ok", "ok"]
    assert [scans for level, scans in board.lines(22) if level == "1"] == [1]


def test_it_is_off_when_the_gate_ends(door, board, valid, eventually):
    kiosk = door(LONG)
    kiosk.scan(valid[0]["barcode"])
    eventually("the relay is on", lambda: board.levels(17)[-1] == "1")
    assert kiosk.stop("gate") == 0
    assert board.levels(17)[-1] == "0"
    assert board.lines(17)[-1][0] == "close"


def test_after_kill_9_it_is_off_by_what_systemd_runs_then_and_again_when_the_gate_is_back(
    door, board, valid, eventually
):
    kiosk = door(LONG)
    kiosk.scan(valid[0]["barcode"])
    eventually("the relay is on", lambda: board.levels(17)[-1] == "1")
    kiosk.stop("gate", signals.SIGKILL)
    assert board.levels(17)[-1] == "1"
    kiosk.call("outputs", "--off")
    assert board.levels(17)[-1] == "0"
    before = len(board.lines(17))
    kiosk.open_gate()
    assert board.levels(17)[len(board.levels(17)) - 1] == "0"
    assert [what for what, _ in board.lines(17)[before:]] == ["0"]  # and who was admitted gets no second opening


def test_an_output_that_hangs_is_named_delays_no_verdict_and_not_the_end(door, board, valid, eventually, monkeypatch):
    monkeypatch.setenv("PINBOARD_HANGS", "17")
    kiosk = door(RELAY + LAMP)
    kiosk.scan(valid[0]["barcode"])
    eventually("the relay hangs", lambda: "1" in board.levels(17))
    began = time.monotonic()
    for number in range(20):
        kiosk.scan(f"NOBODY-{number}")
    eventually("all are judged", lambda: len(kiosk.scans()) == 21)
    assert time.monotonic() - began < 10
    problems = {"barrier": "hangs, for "}
    eventually("it is named", lambda: str(kiosk.status()["outputs"][0]["problem"]).startswith(problems["barrier"]))
    assert kiosk.status()["outputs"][1] == {"name": "red", "kind": "lamp", "problem": None}
    assert "barrier: relay hangs, for" in kiosk.call("status").stdout
    began = time.monotonic()
    assert kiosk.stop("gate") == 0
    assert time.monotonic() - began < 4


def test_who_did_not_pass_is_told_and_may_come_in_again_once_the_admission_is_taken_back(
    door, board, valid, eventually
):
    kiosk = door(RELAY + DRUM, gate="hold_off_s = 600")
    code = valid[0]["barcode"]
    kiosk.scan(code)
    eventually("nobody passed", lambda: [scan["passed"] for scan in kiosk.scans()] == ["timed_out"])
    missed = eventually("it is told", lambda: kiosk.status()["turnstiles"][0]["missed"])
    assert missed == {"seq": 1, "lane": "left"}
    kiosk.scan(code)
    assert "scan 1 is taken back, by scan 2" in kiosk.call("annul", "1").stderr
    kiosk.scan(code)
    eventually("in again", lambda: [scan["reason"] for scan in kiosk.scans()] == ["ok", "annulled", "ok"])
    board.drive(27, "low")
    eventually("they passed", lambda: kiosk.scans()[2]["passed"] == "turned")
    assert board.levels(17).count("1") == 2  # neither the code shown again nor the annulment has opened anything
    done = kiosk.call("annul", "3", check=False)
    assert (done.returncode, "has passed the turnstile" in done.stderr) == (1, True)
    assert kiosk.scans()[1]["type"] == "checkout"
    kiosk.call("sync", "--once")
    assert [scan["delivery"] for scan in kiosk.scans()] == ["acked"] * 3
