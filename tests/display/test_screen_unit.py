"""The browser of systemd/kiosk-screen.service, with its very flags: no prompt, no network, back after a power cut."""

import re
import subprocess
from pathlib import Path

import httpx
import pytest

pytestmark = [pytest.mark.needs("chromium"), pytest.mark.timeout(180)]

UNIT = (Path(__file__).parents[2] / "systemd" / "kiosk-screen.service").read_text().replace("\\\n", "")
(LINE,) = re.findall(r"^ExecStart=/usr/bin/cage -d -- (.+)$", UNIT, re.MULTILINE)
HERE = ["--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0"]


class Browser:
    """Started as the unit does, without a screen."""

    def __init__(self, profile, address):
        self.place = profile / "DevToolsActivePort"
        self.place.unlink(missing_ok=True)
        line = LINE.replace("%t/kiosk-screen/profile", str(profile)).replace("http://127.0.0.1:8080/", address)
        program, *flags = line.split()
        self.process = subprocess.Popen([program, *HERE, *flags], stderr=subprocess.DEVNULL)

    def cut_power(self):
        self.process.kill()
        self.process.wait()


@pytest.fixture
def start(tmp_path, eventually):
    """Start the browser, and return it with what asks it for its pages: each one's address and title."""
    started = []

    def browser(address):
        started.append(Browser(tmp_path / "profile", address))
        place = started[-1].place
        eventually("the browser listens", lambda: place.exists() and place.read_text().count("\n"))
        port = place.read_text().split()[0]
        listed = lambda: httpx.get(f"http://127.0.0.1:{port}/json/list", timeout=30).json()  # noqa: E731
        return started[-1], lambda: [(page["url"], page["title"]) for page in listed() if page["type"] == "page"]

    yield browser
    for one in started:
        one.cut_power()


def test_the_page_comes_by_itself_once_there_is_one_and_after_a_power_cut_with_nothing_else(kiosk, start, eventually):
    address = f"http://127.0.0.1:{kiosk.port}/"
    browser, pages = start(address)
    eventually("there is no page yet", lambda: [title for _, title in pages()] == ["127.0.0.1"])
    kiosk.start("display")
    eventually("the page is there", lambda: pages() == [(address, "Gate")])
    browser.cut_power()
    _, pages = start(address)
    eventually("it is there again", lambda: pages() == [(address, "Gate")])
