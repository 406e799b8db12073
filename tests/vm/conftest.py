"""A guest with the kiosk in it, its gate running: booted once in a run, then resumed for each test."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from kiosk import config
from tests.vm import lanes
from tests.vm.machine import Machine

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CACHE = os.environ.get("KIOSK_VM")
NEEDS = {
    "qemu-system-x86_64": "qemu-system-x86", "qemu-img": "qemu-utils", "mmdebstrap": "mmdebstrap",
    "busybox": "busybox-static", "cpio": "cpio", "modprobe": "kmod",
}  # fmt: skip
LISTED = max(1_000, lanes.BURST)
"""How many tickets the list has: no test types more codes."""

if CACHE is None:  # `make test` passes by; `make test-vm` says where its images lie
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(scope="session")
def image() -> Path:
    missing = [package for program, package in NEEDS.items() if shutil.which(program) is None]
    if missing:
        pytest.exit(f"The virtual machine needs: apt-get install --no-install-recommends {' '.join(missing)}", 1)
    made = subprocess.run(
        [str(HERE / "image.sh"), str(CACHE), sys.executable], stdout=subprocess.PIPE, text=True, check=True
    )
    return Path(made.stdout.strip())


@pytest.fixture(scope="session")
def booted(image: Path) -> Path:
    """A guest that has booted, with nothing of this project in it: kept from run to run."""
    version = subprocess.run(["qemu-system-x86_64", "--version"], capture_output=True, check=True).stdout
    machine = Machine(image)
    key = hashlib.sha256(version + machine.recipe().encode()).hexdigest()[:16]
    snapshot = image / f"booted-{key}"
    if not snapshot.exists():
        machine.boot()
        machine.save(snapshot)
    machine.close()
    return snapshot


@pytest.fixture(scope="session")
def kinds() -> str:
    """Every scanner this version knows."""
    known = lanes.config(*lanes.ALL.values(), lanes.POINT_OF_SALE)
    try:
        config.parse(known, "vm")
    except config.ConfigError:
        return lanes.config(*lanes.ALL.values())
    return known


@pytest.fixture(scope="session")
def open_door(image: Path, booted: Path, kinds: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A guest whose gate runs, no scanner plugged in."""
    machine = Machine(image)
    try:
        machine.resume(booted)
        for module in (HERE / "guest").glob("*.py"):
            machine.put(f"/opt/vm/{module.name}", module.read_bytes())
        machine.call("door.install", code=base64.b64encode(project()).decode())
        machine.call("door.mount")
        machine.call("door.configure", config=kinds)
        machine.call("door.take_list", tickets=lanes.tickets(lanes.codes(LISTED)), event=lanes.EVENT)
        machine.call("door.open_gate")
        machine.call("door.await_scanners", connected={"manual": True})
        machine.run("sync")
        snapshot = tmp_path_factory.mktemp("vm") / "open-door"
        machine.save(snapshot)
    finally:
        machine.close()
    return snapshot


def project() -> bytes:
    """The package and the units, as they are in this tree."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name in ("kiosk", "systemd"):
            archive.add(ROOT / name, name, filter=lambda member: None if "__pycache__" in member.name else member)
    return packed.getvalue()


@pytest.fixture
def machine(image: Path, open_door: Path) -> Iterator[Machine]:
    """A guest of this test's own, its gate running, no scanner plugged in."""
    resumed = Machine(image)
    try:
        resumed.resume(open_door)
        yield resumed
    finally:
        resumed.close()
