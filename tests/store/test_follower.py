"""The witness keeps up with the journal, and no scan waits for it, whatever becomes of its medium."""

import os
import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest

from kiosk.store import follower, witness
from kiosk.store.journal import Journal
from kiosk.store.witness import Witness
from tests.store.conftest import scan, there


@pytest.fixture
def stick():
    """A directory on another device than the tests' own."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as made:
        yield Path(made)


def test_a_second_medium_follows(running, stick, tmp_path, eventually):
    pen, beside = running(mirror=stick)
    assert not beside.follower.beside
    for number in range(300):
        scan(pen, number)
    eventually("it has followed", lambda: there(stick) == list(range(1, 301)))
    assert not (tmp_path / witness.DIRECTORY).exists()


def test_a_second_medium_that_is_pulled_out_and_comes_back_is_caught_up_with(running, stick, eventually):
    pen, beside = running(mirror=stick)
    scan(pen, 0)
    eventually("it has followed", lambda: there(stick) == [1])
    away = stick.with_name(f"{stick.name}-away")
    stick.rename(away)
    for number in range(1, 10):
        scan(pen, number)
    beside.follower.witness = None  # its files are still open in memory: a real stick's are not
    eventually("it is told", lambda: beside.follower.problem)
    assert str(stick) in beside.follower.problem
    away.rename(stick)
    eventually("it has caught up", lambda: there(stick) == list(range(1, 11)))
    eventually("it is told no more", lambda: beside.follower.problem is None)


def test_a_second_medium_that_is_missing_at_the_start_keeps_no_door_shut(running, tmp_path):
    pen, beside = running(mirror=tmp_path / "nowhere")
    scan(pen, 0)
    assert "No such file" in beside.follower.problem
    assert pen.facts()["witness"] == beside.follower.problem
    assert not (tmp_path / "nowhere").exists()


def test_a_second_medium_that_hangs_holds_no_scan(running, stick, monkeypatch):
    hanging, entered = threading.Event(), threading.Event()
    extend = Witness.extend

    def hang(self: Witness, rows: object) -> None:
        entered.set()
        hanging.wait(20)
        extend(self, rows)  # type: ignore[arg-type]

    monkeypatch.setattr(Witness, "extend", hang)
    pen, beside = running(mirror=stick)
    scan(pen, 0)
    assert entered.wait(10)
    began = time.monotonic()
    for number in range(1, 50):
        scan(pen, number)
    assert time.monotonic() - began < 5
    monkeypatch.setattr(follower, "HANGING_NS", 0)
    assert "does not answer" in beside.follower.problem
    hanging.set()


def test_a_witness_that_cannot_be_written_loses_no_scan_its_record_and_is_caught_up_with(
    running, tmp_path, monkeypatch, eventually
):
    pen, beside = running()
    scan(pen, 0)
    write, full = os.write, threading.Event()
    full.set()

    def filled(descriptor: int, data: bytes) -> int:
        if full.is_set():
            raise OSError(28, "No space left on device")
        return write(descriptor, data)

    monkeypatch.setattr(os, "write", filled)
    for number in range(1, 10):
        scan(pen, number)
    eventually("it is told", lambda: beside.follower.problem)
    assert there(tmp_path) == [1]
    full.clear()
    eventually("it has caught up", lambda: there(tmp_path) == list(range(1, 11)))
    eventually("it is told no more", lambda: beside.follower.problem is None)
    scan(pen, 10)
    assert there(tmp_path)[-1] == 11


def test_a_witness_that_lacks_many_scans_gets_them_while_the_door_is_open(tmp_path, running, eventually, monkeypatch):
    monkeypatch.setattr(follower, "PAUSE_S", 0.001)
    with closing(Journal(tmp_path, "gate-1")) as old:
        for number in range(1_500):
            scan(old, number)
    pen, _ = running()
    scan(pen, 1_500)
    eventually("it has caught up", lambda: there(tmp_path) == list(range(1, 1_502)))


@pytest.mark.parametrize(("sync", "expected"), [("second", True), ("none", False)])
def test_the_witness_is_put_on_disk_each_second_or_not_at_all(running, monkeypatch, eventually, sync, expected):
    synced: list[int] = []
    monkeypatch.setattr(os, "fdatasync", synced.append)
    pen, beside = running(sync=sync)
    scan(pen, 0)
    steps: list[int] = []
    step = beside._step
    monkeypatch.setattr(beside, "_step", lambda: (step(), steps.append(1)))
    eventually("it has had its turn", lambda: len(steps) >= 2)
    assert (beside.follower.witness._descriptor in synced) is expected
