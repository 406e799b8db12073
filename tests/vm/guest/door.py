"""The kiosk in the guest: put in by the steps of systemd/README.md, and asked what it knows.

Asked in this process: starting `kiosk status` anew takes seconds without KVM. It reads the same files.
"""

import base64
import contextlib
import io
import json
import sqlite3
import subprocess
import tarfile
import time
from pathlib import Path

PACKAGES = Path("/opt/kiosk/lib/python3.11/site-packages")
CONFIG = Path("/etc/kiosk/kiosk.toml")
BEAT = Path("/run/kiosk/gate.json")
GATE = "kiosk-gate.service"


def install(code: str) -> None:
    """Unpack the project's package, units and rules (a tar in base64)."""
    with tarfile.open(fileobj=io.BytesIO(base64.b64decode(code))) as archive:
        archive.extractall("/opt/vm/project")
    _run(f"cp -r /opt/vm/project/kiosk {PACKAGES}/")
    _run("cp /opt/vm/project/systemd/*.service /etc/systemd/system/ && systemctl daemon-reload")
    _run("! ls /opt/vm/project/systemd/*.rules || cp /opt/vm/project/systemd/*.rules /etc/udev/rules.d/")
    _run("udevadm control --reload")
    _run(f"/opt/kiosk/bin/python -m compileall -q {PACKAGES}/kiosk")


def mount() -> None:
    """Put the data on a disk of its own, by way of the device mapper, which can hold it up."""
    _run('dmsetup create data --table "0 $(blockdev --getsz /dev/vdb) linear /dev/vdb 0"')
    _run("blkid /dev/mapper/data || mkfs.ext4 -q /dev/mapper/data")
    _run("mkdir -p /var/lib/kiosk && mount /dev/mapper/data /var/lib/kiosk && chown kiosk: /var/lib/kiosk")


def configure(config: str) -> None:
    CONFIG.write_text(config, encoding="utf-8")


def take_list(tickets: str, event: str) -> None:
    Path("/run/tickets.json").write_text(tickets, encoding="utf-8")
    _run(f"runuser -u kiosk -- /opt/kiosk/bin/kiosk tickets import /run/tickets.json --event {event}")


def open_gate() -> None:
    _run(f"systemctl restart {GATE}")


def ask(code: str) -> dict:
    """Hand a code in at the gate's socket, as `kiosk scan` does."""
    from kiosk.scanners import socket

    return socket.ask(BEAT.with_name(socket.FILE), code, None)


def forget() -> None:
    """Let the gate write its journal with `synchronous = NORMAL` from its next start on."""
    program = Path("/opt/kiosk/bin/kiosk")
    started = program.read_text()
    broken = """
from kiosk.store import journal
opened = journal.open_for_writing
journal.open_for_writing = lambda path, schema, _: opened(path, schema, "NORMAL")
"""
    program.write_text(started.replace("sys.exit(", f"{broken}sys.exit("))


def left_on(disk: str, code: str) -> dict:
    """Return what is on a disk, for the journal alone and for the gate that opens it; then scan a code."""
    _run(f"mount {disk} /var/lib/kiosk")
    alone = _alone(Path("/var/lib/kiosk"))
    started = time.monotonic()
    open_gate()
    await_scanners({"manual": True})
    opened_s = time.monotonic() - started
    found = {"journal": alone, "gate": [[scan["seq"], scan["barcode"]] for scan in scans()], "opened_s": opened_s}
    found["next"] = ask(code)["seq"]
    _run(f"systemctl stop {GATE} && umount --lazy /var/lib/kiosk")
    return found


def _alone(data: Path) -> list:
    """Numbers and codes in the journal, without the gate's mending."""
    copy = Path("/run/journal")
    _run(f"rm -rf {copy} && mkdir {copy} && cp {data}/journal.db {copy} && (cp {data}/journal.db-wal {copy} || true)")
    with contextlib.closing(sqlite3.connect(copy / "journal.db")) as database:
        return [list(row) for row in database.execute("SELECT seq, barcode FROM scan ORDER BY seq")]


def status() -> dict:
    """What `kiosk status --json` says."""
    from kiosk.cli import status as told
    from kiosk.cli.options import Setup

    return told.status(Setup(CONFIG, allow_volatile=False))


def scans(since: int = 0) -> list[dict]:
    """What `kiosk scans --json` says."""
    from kiosk.cli import scans as told
    from kiosk.cli.options import Setup

    return list(told.rows(Setup(CONFIG, allow_volatile=False), since))


def await_scanners(connected: dict[str, bool], patience_s: float = 30.0) -> float:
    """Wait until `kiosk status` says so of these scanners; return how many seconds that took.

    Watched in the file that it reads, and then asked itself: asking all the time takes the processor from the gate.
    """
    started, found = time.monotonic(), {}
    while time.monotonic() - started < patience_s:
        if _agree(json.loads(BEAT.read_text()) if BEAT.exists() else {}, connected):
            found = status()
            if _agree(found, connected):
                return time.monotonic() - started
        time.sleep(0.02)
    raise TimeoutError(f"{found or status()} after {patience_s} s, not {connected}\n{log()}")


def _agree(told: dict, connected: dict[str, bool]) -> bool:
    found = {scanner["name"]: scanner["connected"] for scanner in told.get("scanners", [])}
    return all(found.get(name) == so for name, so in connected.items())


def await_scans(number: int, patience_s: float = 60.0) -> list[dict]:
    """Wait until so many are recorded; return what there is then, or when patience ends."""
    deadline, found = time.monotonic() + patience_s, scans()
    while len(found) < number and time.monotonic() < deadline:
        time.sleep(0.2)
        found += _more(found)
    return found


def await_quiet(quiet_s: float = 5.0) -> list[dict]:
    """Wait until nothing more is recorded; return what there is."""
    found, changed = scans(), time.monotonic()
    while time.monotonic() - changed < quiet_s:
        time.sleep(0.5)
        more = _more(found)
        found, changed = found + more, time.monotonic() if more else changed
    return found


def _more(found: list[dict]) -> list[dict]:
    return scans(found[-1]["seq"] if found else 0)


def log() -> str:
    return _run(f"journalctl --unit {GATE} --no-pager --output cat | tail -n 40")


def processor_s() -> float:
    """How many seconds of processor the gate has used (proc(5), stat)."""
    pid = _run(f"systemctl show --property MainPID --value {GATE}").strip()
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def hold_up_disk(stall_s: float, every_s: float, times: int) -> None:
    """Let the data's disk answer nothing for so long, so often."""
    for _ in range(times):
        time.sleep(every_s)
        _run("dmsetup suspend --noflush --nolockfs data")
        time.sleep(stall_s)
        _run("dmsetup resume data")


def _run(command: str) -> str:
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{command}\nexit status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout
