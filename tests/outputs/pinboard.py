"""gpiozero's own mock pins, each change of which is written to a file, as a factory for a real program.

`PINBOARD_LOG` is the file, `PINBOARD_CONTROL` a pipe on which contacts are closed and opened ("27 low"),
`PINBOARD_HANGS` a pin that hangs when it is switched to high, `PINBOARD_JOURNAL` the journal whose rows are counted at
each change.
"""

import os
import sqlite3
import threading
import time
from pathlib import Path

from gpiozero.pins.mock import MockFactory, MockPin


def scans():
    try:
        with sqlite3.connect(f"file:{os.environ['PINBOARD_JOURNAL']}?mode=ro", uri=True) as journal:
            return journal.execute("SELECT count(*) FROM scan").fetchone()[0]
    except (KeyError, sqlite3.Error):
        return 0


class Pin(MockPin):
    def _note(self, what):
        with Path(os.environ["PINBOARD_LOG"]).open("a", encoding="ascii") as log:
            log.write(f"{self._number} {what} {scans()}\n")

    def _set_state(self, value):
        self._note(int(value))
        if value and os.environ.get("PINBOARD_HANGS") == str(self._number):
            time.sleep(3600)
        super()._set_state(value)

    def close(self):
        self._note("close")
        super().close()


class Pinboard(MockFactory):
    def __init__(self):
        super().__init__(pin_class=Pin)
        threading.Thread(target=self._obey, daemon=True).start()

    def _obey(self):
        while True:
            with Path(os.environ["PINBOARD_CONTROL"]).open(encoding="ascii") as control:
                for line in control:
                    number, level = line.split()
                    pin = self.pin(f"GPIO{number}")
                    pin.drive_low() if level == "low" else pin.drive_high()
