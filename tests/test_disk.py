"""The file system under a directory, and whether it forgets when the power goes."""

import os
import subprocess
from pathlib import Path

import pytest

from kiosk import disk


def said_by_df(column: str, directory: Path) -> str:
    done = subprocess.run(
        ["df", "--block-size=1", f"--output={column}", directory], capture_output=True, text=True, check=True
    )
    return done.stdout.split("\n")[1].strip()


@pytest.mark.parametrize("place", ["tmp_path", "/", "/proc", "/dev", "/sys"])
def test_kind_and_size_are_those_that_df_says(tmp_path, place):
    directory = tmp_path if place == "tmp_path" else Path(place)
    found = disk.volume(directory)
    assert found.kind == said_by_df("fstype", directory)
    assert found.size == int(said_by_df("size", directory).replace("-", "0"))


def test_what_is_free_is_what_this_user_may_use(tmp_path):
    before = disk.volume(tmp_path).free
    assert 0 < before <= os.statvfs(tmp_path).f_bfree * os.statvfs(tmp_path).f_frsize
    assert before <= disk.volume(tmp_path).size


def test_a_directory_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        disk.volume(tmp_path / "nowhere")


def mounted(monkeypatch, tmp_path: Path, *lines: str) -> None:
    """Make these the mounts of the machine (proc(5), mountinfo)."""
    table = tmp_path / "mountinfo"
    table.write_text("".join(f"{36 + n} 35 98:{n} / {line}\n" for n, line in enumerate(lines)), encoding="utf-8")
    monkeypatch.setattr(disk, "MOUNTS", table)


def kind(directory: Path) -> str:
    return disk.volume(directory).kind


def test_the_innermost_mount_counts_and_a_name_that_only_begins_alike_does_not(monkeypatch, tmp_path):
    data, database = tmp_path / "data", tmp_path / "database"
    (data / "kiosk").mkdir(parents=True)
    database.mkdir()
    mounted(
        monkeypatch, tmp_path,
        f"{data}/kiosk rw - ext4 /dev/sda rw", "/ rw shared:1 - overlay overlay rw,lowerdir=/a",
        f"{data} rw,noatime master:1 shared:7 - tmpfs tmpfs rw",
    )  # fmt: skip
    assert [kind(place) for place in (data / "kiosk", data, database)] == ["ext4", "tmpfs", "overlay"]


def test_of_two_mounts_on_one_place_the_later_hides_the_other(monkeypatch, tmp_path):
    mounted(monkeypatch, tmp_path, "/ rw - rootfs rootfs rw", "/ rw - ext4 /dev/root rw")
    assert kind(tmp_path) == "ext4"


def test_a_link_is_followed_to_where_the_data_really_lies(monkeypatch, tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    mounted(monkeypatch, tmp_path, "/ rw - ext4 /dev/root rw", f"{tmp_path}/real rw - tmpfs tmpfs rw")
    assert kind(tmp_path / "link") == "tmpfs"


def test_a_mount_point_with_a_blank_or_other_odd_characters_is_recognised(monkeypatch, tmp_path):
    for name, written in (("a b", "a\\040b"), ("a\tb", "a\\011b"), ("a\\b", "a\\134b"), ("ü", "ü")):
        (tmp_path / name).mkdir()
        mounted(monkeypatch, tmp_path, "/ rw - ext4 /dev/root rw", f"{tmp_path}/{written} rw - tmpfs tmpfs rw")
        assert kind(tmp_path / name) == "tmpfs"


def test_a_place_that_no_mount_holds_is_of_unknown_kind(monkeypatch, tmp_path):
    mounted(monkeypatch, tmp_path, "/elsewhere rw - ext4 /dev/root rw")
    assert kind(tmp_path) == "unknown"


@pytest.mark.parametrize(
    ("kind", "volatile"),
    [("tmpfs", True), ("ramfs", True), ("overlay", True), ("ext4", False), ("btrfs", False), ("vfat", False)],
)
def test_only_what_is_kept_in_memory_forgets(kind, volatile):
    assert disk.Volume(kind, 1, 2).volatile is volatile


def test_options_are_the_mounts_own_and_the_file_systems(monkeypatch, tmp_path):
    mounted(monkeypatch, tmp_path, "/ ro,noatime shared:1 - ext4 /dev/root rw,data=writeback,commit=600")
    assert disk.volume(tmp_path).options >= {"ro", "noatime", "data=writeback", "commit=600"}


def test_how_many_files_there_may_be_is_what_df_says(tmp_path):
    found = disk.volume(tmp_path)
    assert found.nodes == int(said_by_df("itotal", tmp_path).replace("-", "0"))
    assert 0 <= found.free_nodes <= found.nodes


def test_a_disk_is_low_when_what_is_free_is_below_the_mark_and_one_that_is_not_there_is_not(monkeypatch, tmp_path):
    assert not disk.is_low(tmp_path / "nowhere")
    free = disk.volume(tmp_path).free
    for mark, expected in ((free * 2, True), (free // 2, False)):
        monkeypatch.setattr(disk, "LOW", mark)
        assert disk.is_low(tmp_path) is expected


@pytest.mark.parametrize(
    ("free", "words"),
    [
        (disk.SCARCE, None), (disk.SCARCE - 1, "Only 199 MB are free on the disk"),
        (disk.LOW - 1, "Only 99 MB are free on the disk: no new ticket list is taken in, scans only while it lasts"),
    ],
)  # fmt: skip
def test_little_room_is_said_with_what_it_means(free, words):
    assert disk.warning(disk.Volume("ext4", free, 10**10)) == words
