"""Setting the PIN, from a script and at a terminal."""

import os
import pty
import subprocess
import sys

import pytest

from kiosk.store import audit, pin


def test_the_pin_is_set_from_standard_input_and_removed(kiosk):
    done = kiosk.call("pin", input="402913\n")
    assert "is set" in done.stderr
    path = kiosk.data_dir / pin.FILE
    assert pin.read(path).is_("402913")
    kiosk.call("pin", "--remove")
    assert not path.exists()
    kiosk.call("pin", "--remove")
    assert [row["action"] for row in audit.read(kiosk.data_dir)] == ["PIN set", "PIN removed", "PIN removed"]
    assert b"402913" not in (kiosk.data_dir / audit.FILE).read_bytes()


def test_a_weak_pin_is_refused_and_the_old_one_stays(kiosk):
    kiosk.call("pin", input="402913\n")
    done = kiosk.call("pin", input="1234\n", check=False)
    assert (done.returncode, "choose another" in done.stderr) == (1, True)
    assert pin.read(kiosk.data_dir / pin.FILE).is_("402913")


def test_the_file_may_be_named(kiosk):
    place = kiosk.directory / "staff.pin"
    text = kiosk.file.read_text(encoding="utf-8")
    kiosk.file.write_text(text.replace("[display]", f'[display]\npin_file = "{place}"'), encoding="utf-8")
    kiosk.call("pin", input="402913\n")
    assert pin.read(place).is_("402913")


@pytest.mark.parametrize(("second", "status"), [("402913", 0), ("402914", 1)])
def test_at_a_terminal_it_is_asked_for_twice_and_not_shown(kiosk, second, status):
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "kiosk", "pin", "--config", str(kiosk.file), "--allow-volatile"],
        stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
    )  # fmt: skip
    os.close(slave)
    shown = b""
    for prompt, digits in ((b"PIN:", "402913"), (b"again:", second)):
        while prompt not in shown:
            shown += os.read(master, 100)
        os.write(master, f"{digits}\n".encode())
    assert process.wait(20) == status
    os.close(master)
    assert b"4029" not in shown
    assert (kiosk.data_dir / pin.FILE).exists() is (status == 0)
