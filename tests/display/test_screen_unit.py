"""The browser of systemd/kiosk-screen.service, with its very flags: no prompt, no network, back after a power cut."""

import contextlib
import re
import subprocess
from pathlib import Path

import pytest

api = pytest.importorskip("playwright.sync_api")
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
def pages(tmp_path, eventually):
    """What a browser shows, whichever has been started last."""
    started = []
    with api.sync_playwright() as playwright:

        def start(address):
            started.append(Browser(tmp_path / "profile", address))
            place = started[-1].place
            eventually("the browser listens", lambda: place.exists() and place.read_text().count("\n"))
            port = place.read_text().split()[0]
            browser = playwright.chromium.connect_over_cdp(f"http://127.0.0.1:{port}")
            return started[-1], lambda: [page for context in browser.contexts for page in context.pages]

        yield start
        for browser in started:
            browser.cut_power()


def face(pages):
    """Which face each page shows; none while one is on its way."""
    with contextlib.suppress(api.Error):
        return [page.evaluate("document.body?.dataset.face ?? null") for page in pages()]
    return []


def test_the_page_comes_by_itself_once_there_is_one_and_after_a_power_cut_with_nothing_else(kiosk, pages, eventually):
    address = f"http://127.0.0.1:{kiosk.port}/"
    browser, shown = pages(address)
    assert face(shown) == [None]
    kiosk.start("display")
    eventually("the page is there", lambda: face(shown) == ["lost"])  # no gate runs
    browser.cut_power()
    _, shown = pages(address)
    eventually("it is there again", lambda: face(shown) == ["lost"])
    assert [page.url for page in shown()] == [address]
