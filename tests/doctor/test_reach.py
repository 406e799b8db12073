"""The two hosts: the way there, the certificate, the credential, and never longer than the time limit."""

import socket
import ssl
import subprocess
import threading
import time
from contextlib import closing
from datetime import UTC, datetime

import pytest

from kiosk.cloud import wire
from kiosk.config import Cloud
from kiosk.doctor.finding import Colour, Finding, green
from kiosk.doctor.reach import certificate, cloud_checks, meaning, side_by_side
from kiosk.errors import Misaddressed, NoAnswer, NotSent, Paced, TooMany, Unauthorized

GREEN, AMBER, RED = Colour.GREEN, Colour.AMBER, Colour.RED
EVENT_ID = "62a1c0ffee0000000000e001"


@pytest.fixture
def secret(tmp_path):
    file = tmp_path / "secret"
    file.write_text("secret\n")
    file.chmod(0o600)
    return file


def asked(url: str, secret, deadline_s: float = 10.0) -> dict[str, Finding]:
    found = Cloud(scans_url=f"{url}/api", access_url=f"{url}/api", api_key_file=secret, token_file=secret)
    return {finding.name: finding for finding in side_by_side(cloud_checks(found, EVENT_ID), deadline_s)}


def test_a_cloud_that_takes_us_is_green_in_every_respect_and_asked_once_a_host(cloud, secret):
    before = len(cloud.requests())
    found = asked(cloud.url, secret)
    assert {name: each.colour for name, each in found.items()} == {
        "credential for the scans service": GREEN, "scans service": GREEN, "clock against the cloud": GREEN,
        "credential for the access-control API": GREEN, "access-control API": GREEN,
    }  # fmt: skip
    assert found["credential for the scans service"].found == "accepted"
    assert len(cloud.requests()) - before == 2


def test_a_credential_that_is_refused_is_red_and_the_way_there_stays_green(cloud, secret):
    cloud.arm("unauthorized", times=None)
    found = asked(cloud.url, secret)
    assert found["credential for the access-control API"].colour is RED
    assert found["access-control API"].colour is GREEN
    assert "401" in found["credential for the access-control API"].found


def test_a_credential_that_is_missing_is_red_without_a_request_and_the_way_is_looked_at(cloud, tmp_path):
    before = len(cloud.requests())
    found = asked(cloud.url, tmp_path / "nowhere")
    assert found["credential for the scans service"].colour is RED
    assert found["scans service"].colour is GREEN
    assert len(cloud.requests()) == before


def test_a_credential_that_others_may_read_is_amber_though_the_cloud_accepts_it(cloud, secret):
    secret.chmod(0o644)
    found = asked(cloud.url, secret)["credential for the scans service"]
    assert (found.colour, "chmod 600" in found.mend) == (AMBER, True)


def test_a_log_in_page_is_not_the_cloud(cloud, secret):
    cloud.arm("captive_html", times=None)
    assert asked(cloud.url, secret)["access-control API"].colour is RED


def test_a_host_that_nobody_knows_or_that_refuses_is_red_with_the_reason(secret):
    found = asked("https://nowhere.invalid", secret)["scans service"]
    assert (found.colour, "name" in found.found) == (RED, True)
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
    refused = asked(f"http://127.0.0.1:{port}", secret)["scans service"]
    assert (refused.colour, "refused" in refused.found) == (RED, True)


def test_whoever_never_answers_is_given_up_at_the_time_limit_and_keeps_nobody_else(secret):
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        began = time.monotonic()
        found = side_by_side(
            {
                "quick": lambda: [green("quick", "fine")],
                **cloud_checks(
                    Cloud(
                        scans_url=f"http://127.0.0.1:{silent.getsockname()[1]}", api_key_file=secret,
                        access_url="http://127.0.0.1:1", token_file=secret,
                    ), EVENT_ID,
                ),
            }, 0.5,
        )  # fmt: skip
        assert time.monotonic() - began < 3.0
    named = {finding.name: finding for finding in found}
    assert named["quick"].colour is GREEN
    assert "no answer within" in named["scans service"].found
    assert "refused" in named["access-control API"].found


@pytest.mark.needs("openssl")
def test_a_certificate_that_ends_soon_is_amber_and_one_that_nobody_signed_is_red(tmp_path, secret, monkeypatch):
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "5",
         "-subj", "/CN=x", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", tmp_path / "key",
         "-out", tmp_path / "certificate"], check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "certificate", tmp_path / "key")
    listener = context.wrap_socket(socket.create_server(("127.0.0.1", 0)), server_side=True)
    threading.Thread(target=shaking_hands, args=(listener,), daemon=True).start()
    url = f"https://127.0.0.1:{listener.getsockname()[1]}"
    wire.trust.cache_clear()
    unknown = asked(url, secret)["scans service"]
    assert (unknown.colour, "authority" in unknown.found) == (RED, True)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate"))
    wire.trust.cache_clear()
    try:
        known = asked(url, secret)["certificate of 127.0.0.1"]
    finally:
        wire.trust.cache_clear()
        listener.close()
    assert (known.colour, known.found) == (AMBER, "valid for 4 more days only")


def shaking_hands(listener) -> None:
    while listener.fileno() >= 0:
        try:
            listener.accept()[0].close()
        except OSError:
            continue


def test_a_certificate_is_green_while_there_is_time_to_renew_it():
    now = datetime(2026, 6, 1, tzinfo=UTC)
    assert certificate("h", "Jun 15 00:00:00 2026 GMT", now).colour is GREEN
    assert certificate("h", "Jun 14 23:59:59 2026 GMT", now).colour is AMBER


@pytest.mark.parametrize(
    ("error", "name", "colour"),
    [
        (Unauthorized("the cloud answers 403: no"), "scans service", AMBER),  # it may not look, but may hand in
        (Unauthorized("the cloud answers 401: no"), "scans service", RED),
        (Unauthorized("the cloud answers 403: no"), "access-control API", RED),
        (Misaddressed("404"), "scans service", RED), (NotSent("dark"), "scans service", RED),
        (NoAnswer("dark"), "scans service", RED), (TooMany("429"), "scans service", AMBER),
        (Paced("wait", wait_s=1.0), "scans service", AMBER),
    ],
)  # fmt: skip
def test_what_a_question_comes_to(error, name, colour):
    found = meaning(name, error)
    assert found.colour is colour
    assert found.mend
