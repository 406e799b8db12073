"""Who may come in: from where, for how long; a clock that is set by hand."""

from contextlib import contextmanager

import httpx
import pytest

from kiosk import clock
from kiosk.config import parse
from kiosk.display.feed import Feed
from kiosk.display.site import site
from kiosk.display.staff.entrance import Entrance
from kiosk.display.staff.overview import Overview
from kiosk.display.staff.programs import Programs
from kiosk.display.staff.records import Records
from kiosk.display.staff.routes import Staff
from kiosk.display.staff.sessions import IDLE_S, LONGEST_S
from kiosk.display.staff.workers import Workers
from kiosk.store import pin

DIGITS = "402913"


class Clock:
    def __init__(self):
        self.now_ns = 10**12

    def __call__(self):
        return self.now_ns

    def pass_(self, seconds):
        self.now_ns += seconds * 10**9


@pytest.fixture
def door(tmp_path):
    """A display's application, asked directly by a client at some address; no gate runs."""
    pin.write(tmp_path / pin.FILE, DIGITS)
    config = parse(f"[device]\ndata_dir = '{tmp_path}'\nruntime_dir = '{tmp_path}'\n", "x")
    programs = Programs(tmp_path / "gate.sock", tmp_path, tmp_path / pin.FILE)

    @contextmanager
    def client(address="127.0.0.1", *, from_network=False, time=None):
        entrance = Entrance(programs, Workers("reads"), time or Clock(), from_network=from_network)
        staff = Staff(entrance, programs, Records(config), Overview(config), clock.now)
        app = site(Feed(lambda: 0), "door.example", staff.routes())
        url = "http://door.example:8080"
        yield lambda: httpx.AsyncClient(
            transport=httpx.ASGITransport(app, client=(address, 1234)), base_url=url, headers={"Origin": url}
        )

    return client


@pytest.mark.parametrize(
    ("address", "from_network", "status"),
    [
        ("127.0.0.1", False, 200),
        ("::1", False, 200),
        ("192.0.2.7", False, 403),
        ("192.0.2.7", True, 200),
        ("", False, 403),
    ],
)
def test_only_this_machine_comes_in_unless_told_otherwise(door, run, address, from_network, status):
    async def main(make):
        async with make() as client:
            answer = await client.post("/staff/api/session", json={"pin": DIGITS})
            picture = await client.get("/staff/pictures/lanes.svg")
            return answer.status_code, picture.status_code

    with door(address, from_network=from_network) as make:
        assert run(main(make)) == (status, status)


def test_a_session_ends_after_a_while_unused_and_in_any_case_and_asking_for_the_state_is_no_use(door, run):
    time = Clock()

    async def main(make):
        async with make() as client:

            async def said(name):
                answer = await client.post(f"/staff/api/{name}", json={})
                return answer.status_code, answer.json()

            await client.post("/staff/api/session", json={"pin": DIGITS})
            time.pass_(IDLE_S - 10)
            assert (await said("state"))[1]["leftSeconds"] == 10
            assert (await said("lists"))[0] == 200
            time.pass_(IDLE_S - 10)
            assert (await said("state"))[0] == 200
            time.pass_(11)
            assert (await said("state"))[0] == 401
            assert (await said("session"))[1]["signedIn"] is False
            await client.post("/staff/api/session", json={"pin": DIGITS})
            for _ in range(LONGEST_S // 100):
                assert (await said("lists"))[0] == 200
                time.pass_(100)
            assert (await said("lists"))[0] == 401

    with door(time=time) as make:
        run(main(make))


def test_a_request_without_an_origin_is_foreign(door, run):
    async def main(make):
        async with make() as client:
            del client.headers["Origin"]
            return (await client.post("/staff/api/session", json={"pin": DIGITS})).json()["error"]

    with door() as make:
        assert run(main(make)) == "foreign"


def test_a_pin_that_cannot_be_read_is_told(door, run, tmp_path):
    (tmp_path / pin.FILE).write_text("rubbish")

    async def main(make):
        async with make() as client:
            told = (await client.post("/staff/api/session", json={})).json()
            return (
                told["pin"],
                "kiosk pin" in told["howTo"],
                (await client.post("/staff/api/state", json={})).status_code,
            )

    with door() as make:
        assert run(main(make)) == ("unreadable", True, 503)
