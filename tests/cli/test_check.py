"""The configuration as it comes out, and where each part of it comes from."""

from __future__ import annotations

import json
import re

import httpx

from kiosk.store.tickets import DEVICE_SETTINGS, Tickets

EVENT_ID = "62a1c0ffee0000000000e001"


def test_every_value_is_shown_with_its_origin(kiosk):
    said = kiosk.call("check").stdout
    assert '[device]\n  id = "gate-north-1"  (file)' in said
    assert "  batch_size = 200  (default)" in said
    assert "  upload_interval_s = 0.1  (file)" in said
    assert f'[scanner left]\n  name = "left"  (file)\n  kind = "serial"  (file)\n  device = "{kiosk.scanner}"' in said
    assert all(
        re.search(r"\((file|default|cloud|file or default)\)$", line) for line in said.splitlines() if "=" in line
    )


def test_a_gate_without_any_event_is_said_to_be_closed(kiosk):
    assert "events = NONE: the gate stays closed" in kiosk.call("check").stdout


def test_what_the_cloud_decides_is_shown_as_the_clouds(kiosk, cloud):
    change = {"deviceSettings": {"scanConfig": {"enableMultiCheckin": True}}}
    httpx.put(f"{cloud.url}/sandbox/settings", json=change, trust_env=False).raise_for_status()
    kiosk.call("sync", "--once")
    said = kiosk.call("check").stdout
    assert f"events = Summer Night ({EVENT_ID})  (cloud)" in said
    assert "multi_checkin = true  (cloud)" in said
    assert "direction = checkin  (file or default)" in said


def test_a_door_that_keeps_its_own_settings_shows_them_as_its_own(kiosk, cloud):
    kiosk.configure(cloud.url, gate='events = ["other"]\nsettings_from_cloud = false')
    kiosk.call("sync", "--once")
    assert "events = ? (other)  (file or default)" in kiosk.call("check").stdout


def test_settings_of_another_version_that_cannot_be_read_are_left_out_and_said(kiosk, cloud):
    kiosk.call("sync", "--once")
    tickets = Tickets(kiosk.data_dir)
    tickets.store_setting(DEVICE_SETTINGS, {"deviceSettings": 5})
    tickets.close()
    done = kiosk.call("check")
    assert "cannot be read" in done.stderr
    assert "events = NONE: the gate stays closed" in done.stdout
    assert json.loads(kiosk.call("status", "--json").stdout)["tickets"]["complete"] is False


def test_a_credential_is_never_shown(kiosk):
    (kiosk.directory / "secret").write_text("s3cr3t\n", encoding="ascii")
    done = kiosk.call("check")
    assert "s3cr3t" not in done.stdout + done.stderr
