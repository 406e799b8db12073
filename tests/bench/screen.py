"""Measure how soon a scan stands on the screen, ten a second, and whether the page grows over many of them.

    make bench PARTS=screen                        600 scans at ten a second, one scanner and two
    make bench PARTS=screen ARGS="--grow 20000"    and so many as fast as can be, and the page's heap after each part

The display and the browser are real, the gate is the tests' stand-in. From the return of the commit to the first frame
that the browser has drawn with the verdict on it; both clocks are this machine's.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from tests.display.conftest import ARGUMENTS, CHROMIUM, Display, Door, scanner

LANES = ("left", "right")
PARTS = 8
WATCH = """() => {
  window.drawn = {};
  new MutationObserver(() => {
    const { seq } = document.body.dataset;
    const note = () => { window.drawn[seq] ??= performance.timeOrigin + performance.now(); };
    requestAnimationFrame(() => setTimeout(note));
  }).observe(document.body, { attributes: true, attributeFilter: ["data-seq"] });
}"""


def configure(door: Any, lanes: tuple[str, ...]) -> None:
    sections = "".join(f"[[scanner]]\nname = '{lane}'\nkind = 'serial'\ndevice = '/dev/{lane}'\n" for lane in lanes)
    door.configure(sections)
    door.beat(scanners=[scanner(lane, "serial") for lane in lanes])


def delays(door: Any, page: Page, lanes: tuple[str, ...], number: int) -> list[float]:
    """Scan ten times a second; return the milliseconds until each was drawn."""
    page.evaluate(WATCH)
    committed = {}
    begun = time.monotonic()
    for n in range(number):
        time.sleep(max(0.0, begun + n / 10 - time.monotonic()))
        scan = door.scan(lane=lanes[n % len(lanes)])
        committed[str(scan.seq)] = time.time() * 1000
    page.wait_for_timeout(1000)
    drawn = page.evaluate("window.drawn")
    return [drawn[seq] - at for seq, at in committed.items() if seq in drawn]


def grow(door: Any, page: Page, lanes: tuple[str, ...], number: int) -> None:
    page.reload()  # without what counted until here
    session = page.context.new_cdp_session(page)
    for part in range(PARTS):
        for n in range(number // PARTS):
            last = door.scan(lane=lanes[n % len(lanes)])
            time.sleep(0.004)
        page.wait_for_selector(f"body[data-seq='{last.seq}']", timeout=30_000)
        session.send("HeapProfiler.collectGarbage")
        heap = session.send("Runtime.getHeapUsage")["usedSize"] / 1e6
        nodes = session.send("Memory.getDOMCounters")
        print(f"  {(part + 1) * (number // PARTS):>6} scans: heap {heap:.2f} MB, {nodes['nodes']} nodes, "
              f"{nodes['jsEventListeners']} listeners")  # fmt: skip


def measure(lanes: tuple[str, ...], number: int, more: int) -> None:
    with tempfile.TemporaryDirectory() as directory, sync_playwright() as playwright:
        door = Door(Path(directory))
        configure(door, lanes)
        display = Display(door.file, door.port)
        display.start()
        browser = playwright.chromium.launch(executable_path=os.environ.get("CHROMIUM", str(CHROMIUM)), args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1024, "height": 600})
        page.goto(f"{display.url}/")
        page.wait_for_selector("body[data-face=ready]")
        try:
            found = sorted(delays(door, page, lanes, number))
            p95 = found[int(len(found) * 0.95)]
            print(f"{len(lanes)} scanner(s): {len(found)} of {number} drawn one by one; "
                  f"median {statistics.median(found):.0f} ms, p95 {p95:.0f} ms, most {found[-1]:.0f} ms")  # fmt: skip
            if more:
                grow(door, page, lanes, more)
        finally:
            browser.close()
            display.end()
            door.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scans", type=int, default=600, help="how many, ten a second")
    parser.add_argument("--grow", type=int, default=0, help="and so many more as fast as can be")
    parser.add_argument("--lanes", type=int, nargs="*", default=[1, 2], help="how many scanners: 1, 2 or both in turn")
    chosen = parser.parse_args()
    for lanes in chosen.lanes:
        measure(LANES[:lanes], chosen.scans, chosen.grow)


if __name__ == "__main__":
    main()
