"""The data directory and what it lies on."""

import os
from contextlib import closing
from pathlib import Path

import pytest

from kiosk.disk import LOW, SCARCE, Volume
from kiosk.doctor.finding import Colour
from kiosk.doctor.storage import FEW_NODES, Place, directory, file_system, nodes, place, room, storage
from kiosk.store.journal import Journal

GREEN, AMBER, RED = Colour.GREEN, Colour.AMBER, Colour.RED


def volume(kind: str = "ext4", free: int = 10**10, options: str = "rw", free_nodes: int = 10**6) -> Volume:
    return Volume(kind, free, 10**11, frozenset(options.split(",")), 10**7, free_nodes)


def test_a_directory_that_is_not_there_is_red_and_nothing_else_is_asked(tmp_path):
    (found,) = storage(tmp_path / "nowhere", allow_volatile=False)
    assert found.colour is RED
    assert "start `kiosk gate`" in found.mend


def test_a_real_directory_is_looked_at_in_all_respects(tmp_path):
    named = {finding.name: finding for finding in storage(tmp_path, allow_volatile=True)}
    assert set(named) >= {"data directory", "file system", "free space"}
    assert named["data directory"].colour is GREEN


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_files_of_another_user_are_named_because_the_kiosk_could_not_write_them(tmp_path):
    (tmp_path / "tickets.db").touch()
    (tmp_path / "journal.db").touch()
    os.chown(tmp_path / "tickets.db", 4242, 4242)
    assert place(tmp_path).strangers == ("tickets.db",)
    assert directory(place(tmp_path)).colour is RED
    assert "tickets.db" in directory(place(tmp_path)).found


def test_a_directory_that_may_not_be_written_is_red_and_names_its_owner():
    found = directory(Place(Path("/srv"), exists=True, writable=False, owner="kiosk"))
    assert (found.colour, "run the kiosk as kiosk" in found.mend) == (RED, True)


@pytest.mark.parametrize(
    ("under", "allowed", "colour"),
    [
        (volume(), False, GREEN), (volume("tmpfs"), False, RED), (volume("overlay"), False, RED),
        (volume("tmpfs"), True, AMBER), (volume(options="ro,relatime"), False, RED),
        (volume(options="rw,data=writeback"), False, AMBER), (volume(options="rw,commit=600"), False, AMBER),
        (volume(options="rw,commit=5"), False, GREEN), (volume(options="rw,data=ordered"), False, GREEN),
        (volume(options="rw,nobarrier"), False, AMBER), (volume(options="rw,errors=remount-ro"), False, GREEN),
        (volume(options="rw,commit=x"), False, GREEN),
    ],
)  # fmt: skip
def test_what_forgets_is_red_and_what_may_forget_is_amber(under, allowed, colour):
    (found,) = file_system(under, allow_volatile=allowed)
    assert found.colour is colour


@pytest.mark.parametrize(
    ("free", "colour"), [(SCARCE, GREEN), (SCARCE - 1, AMBER), (LOW, AMBER), (LOW - 1, RED), (0, RED)]
)
def test_room_is_amber_below_one_threshold_and_red_below_the_other(free, colour):
    assert room(volume(free=free)).colour is colour


def test_inodes_are_told_only_when_they_run_out_and_where_there_is_a_limit():
    assert list(nodes(volume(free_nodes=FEW_NODES))) == []
    assert [found.colour for found in nodes(volume(free_nodes=FEW_NODES - 1))] == [RED]
    assert list(nodes(Volume("btrfs", 10**10, 10**11))) == []


def test_what_is_set_aside_for_scans_is_looked_for_once_there_is_a_journal(tmp_path):
    assert "reserve" not in {found.name for found in storage(tmp_path, allow_volatile=True)}
    with closing(Journal(tmp_path, "north")):
        pass
    named = {found.name: found.colour for found in storage(tmp_path, allow_volatile=True)}
    assert named["reserve"] is GREEN
    (tmp_path / "ballast").unlink()
    named = {found.name: found.colour for found in storage(tmp_path, allow_volatile=True)}
    assert named["reserve"] is AMBER
