"""A running sandbox, a client with valid credentials, and what is sent again and again."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from kiosk.sandbox import Sandbox, generate_tickets

EVENT = "62a1c0ffee0000000000e001"
CREDENTIALS = {"Authorization": "Bearer key", "token": "token"}


@pytest.fixture
def event() -> str:
    return EVENT


@pytest.fixture
def box() -> Iterator[Sandbox]:
    """A running sandbox with one event and ten tickets."""
    with Sandbox() as box:
        box.add_event(EVENT, "Summer Night")
        box.add_tickets(generate_tickets(10, EVENT))
        yield box


@pytest.fixture
def http(box: Sandbox) -> Iterator[httpx.Client]:
    """A client whose every request carries both credentials."""
    # There is no TLS here, and to load the certificates takes longer than most tests.
    with httpx.Client(base_url=box.url, headers=CREDENTIALS, timeout=5, verify=False) as client:
        yield client


@pytest.fixture
def scan() -> Callable[..., dict[str, Any]]:
    """Make a valid scan; keywords change fields, None removes one."""

    def make(**changed: Any) -> dict[str, Any]:
        usual = {
            "ticketId": "t1",
            "eventId": EVENT,
            "barcode": "BARCODE00001",
            "ticketTypeId": "tt1",
            "type": "checkin",
            "scanResult": "approved",
            "time": "2030-01-23T23:00:00.123Z",
            "deviceId": "gate-1",
            "ticketName": "Standing",
            "name": "Amina Ackerfeld",
        }
        return {name: value for name, value in (usual | changed).items() if value is not None}

    return make


@pytest.fixture
def upload(http: httpx.Client) -> Callable[..., httpx.Response]:
    """Send scans."""
    return lambda *scans: http.post("/api/scans", json=list(scans))


@pytest.fixture
def tickets(http: httpx.Client) -> Callable[..., Any]:
    """Fetch one page of the event's tickets."""
    return lambda **query: http.get(f"/api/accessusers/tickets/v2/{EVENT}", params=query).json()
