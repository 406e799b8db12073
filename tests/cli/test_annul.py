"""`kiosk annul`: staff's way to take an admission back."""

import json


def test_it_needs_a_gate_that_runs(kiosk):
    done = kiosk.call("annul", "1", check=False)
    assert (done.returncode, "start `kiosk gate`" in done.stderr) == (3, True)


def test_it_is_refused_with_the_reason_done_with_force_and_written_down(kiosk, valid):
    kiosk.call("sync", "--once")
    kiosk.open_gate()
    kiosk.call("scan", valid[0]["barcode"])
    done = kiosk.call("annul", "1", check=False)
    assert (done.returncode, "no turnstile said" in done.stderr) == (1, True)
    done = kiosk.call("annul", "1", "--force")
    assert "scan 1 is taken back, by scan 2" in done.stderr
    rows = [json.loads(line) for line in kiosk.call("audit", "--json").stdout.splitlines()]
    (noted,) = [row for row in rows if row["action"] == "annul"]
    assert (noted["scan"], noted["by"], noted["force"]) == (1, 2, True)
    assert kiosk.scans()[1]["message"] == "The admission was taken back: may come in again"
