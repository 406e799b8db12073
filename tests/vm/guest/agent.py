"""The host's hand in the guest: calls functions for it, over virtio-serial. One JSON object a line each way.

`{"id": 1, "call": "shell.run", "with": {…}}` is answered by `{"id": 1, "value": …}`, or by `{"id": 1, "error": …}`.
Each call runs on a thread of its own. The modules lie beside this file; the host puts them there before it uses them.
"""

import base64
import importlib
import json
import os
import threading
import time
import traceback
from pathlib import Path


def port() -> str:
    """Wait for the device that the host calls `agent`."""
    while True:
        for name in Path("/sys/class/virtio-ports").glob("*/name"):
            device = Path("/dev") / name.parent.name
            if name.read_text().strip() == "agent" and device.exists():
                return str(device)
        time.sleep(0.1)


def put(path: str, content: str) -> None:
    """Write a file; the content is base64."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_bytes(base64.b64decode(content))
    importlib.invalidate_caches()


class Agent:
    def __init__(self) -> None:
        self._line = os.open(port(), os.O_RDWR)
        self._lock = threading.Lock()

    def run(self) -> None:
        self._say({"id": 0, "value": "hello"})
        received = b""
        while True:
            data = self._read()
            *lines, received = (received + data).split(b"\n")
            for line in filter(None, lines):
                threading.Thread(target=self._answer, args=(json.loads(line),), daemon=True).start()

    def _read(self) -> bytes:
        """What came; nothing, a moment later, while the host is not connected."""
        data = os.read(self._line, 65536)
        if not data:
            time.sleep(0.05)
        return data

    def _answer(self, request: dict) -> None:
        try:
            module, _, name = request["call"].rpartition(".")
            value = getattr(importlib.import_module(module), name)(**request["with"])
            self._say({"id": request["id"], "value": value})
        except BaseException:  # noqa: BLE001  # the host wants to know, whatever it was
            self._say({"id": request["id"], "error": traceback.format_exc()})

    def _say(self, words: dict) -> None:
        data = json.dumps(words).encode() + b"\n"
        with self._lock:
            while data:
                data = data[os.write(self._line, data) :]


if __name__ == "__main__":
    Agent().run()
