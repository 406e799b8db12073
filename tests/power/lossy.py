"""A file system that forgets, under real programs: `memory.py` behind the kernel's FUSE.

    python -m tests.power.lossy DIRECTORY

Orders come on standard input, one JSON object a line, and each is answered by one on standard output:

    {"do": "mount"}                      it is mounted, with what there is
    {"do": "sync"}                       everything is on disk
    {"do": "arm", "at": 17, "seed": 3}   the power goes at the 17th request from now that changes or syncs anything
    {"do": "fail", "start": 5, "stop": 9}  such requests fail, from the 5th to the 8th
    {"do": "cut", "seed": 3}             it goes now, unless it has gone; `null` for a seed: nothing is forgotten

Answered is how many such requests there were. Once the power has gone nothing is answered to the kernel any more, and
`{"cut": …}` is said unasked. The next `mount` ends those that hang, and brings back what is left. Only the mounting is
fusermount3's, which a user without rights may ask, too.
"""

from __future__ import annotations

import array
import errno
import json
import os
import random
import select
import socket
import struct
import subprocess
import sys
from typing import Any

from tests.power.memory import Disk
from tests.power.requests import MOST, OPERATIONS, Requests

ASK, ANSWER = struct.Struct("<IIQQIIIHH"), struct.Struct("<IiQ")

SILENT = {2, 36, 42}
"""FORGET, INTERRUPT, BATCH_FORGET want no answer: nothing is forgotten, nothing takes long."""


class Lossy:
    """One mount after the other of one disk."""

    def __init__(self, mountpoint: str) -> None:
        self._mountpoint = mountpoint
        self._disk = Disk()
        self._requests = Requests(self._disk)
        self.kernel, self.gone = -1, False
        self.count, self._cut_at, self._fails = 0, -1, range(0)
        self._seed: int | None = None

    def mount(self) -> None:
        self.unmount()
        self._requests, self.gone = Requests(self._disk), False
        self.count, self._cut_at, self._fails = 0, -1, range(0)
        ours, theirs = socket.socketpair()
        with ours, theirs:
            subprocess.run(
                ["fusermount3", "-o", "fsname=lossy,subtype=lossy", "--", self._mountpoint],
                env=os.environ | {"_FUSE_COMMFD": str(theirs.fileno())}, pass_fds=[theirs.fileno()], check=True,
            )  # fmt: skip
            _, ancillary, _, _ = ours.recvmsg(1, socket.CMSG_SPACE(4))
        self.kernel = array.array("i", ancillary[0][2])[0]

    def unmount(self) -> None:
        """End those that hang, too: nobody will answer them."""
        if self.kernel >= 0:
            os.close(self.kernel)
            self.kernel = -1
            subprocess.run(["fusermount3", "-u", "-z", "-q", "--", self._mountpoint], check=False)

    def sync(self) -> None:
        self._disk.sync()

    def arm(self, at: int, seed: int | None) -> None:
        self._cut_at, self._seed = self.count + at, seed

    def fail(self, start: int, stop: int) -> None:
        self._fails = range(self.count + start, self.count + stop)

    def cut(self, seed: int | None) -> None:
        if not self.gone and seed is not None:
            self._disk.cut(random.Random(seed))
        self.gone = True

    def serve(self) -> None:
        """Answer one request of the kernel."""
        try:
            asked = os.read(self.kernel, MOST + 4096)
        except OSError as error:
            if error.errno in {errno.ENOENT, errno.EINTR, errno.EAGAIN}:  # it was taken back
                return
            raise
        _, operation, number, node, *_ = ASK.unpack_from(asked)
        if operation in SILENT:
            return
        failure, body = 0, b""
        try:
            body = self._answer(operation, node, asked[ASK.size :])
        except OSError as error:
            failure = -(error.errno or errno.EIO)
        if not self.gone:
            os.write(self.kernel, ANSWER.pack(ANSWER.size + len(body), failure, number) + body)

    def _answer(self, operation: int, node: int, asked: bytes) -> bytes:
        if operation not in OPERATIONS:
            raise OSError(errno.ENOSYS, "")
        work, counts = OPERATIONS[operation]
        if counts:
            self.count += 1
            if self.count == self._cut_at:
                self.cut(self._seed)
                return b""
            if self.count in self._fails:
                self._requests.fail(operation, node)
        return work(self._requests, node, asked)


def _obey(lossy: Lossy, order: dict[str, Any]) -> None:
    getattr(lossy, order.pop("do"))(**order)
    _say({"count": lossy.count})


def _say(words: object) -> None:
    print(json.dumps(words), flush=True)


def main(mountpoint: str) -> None:
    lossy, heard = Lossy(mountpoint), b""
    while True:
        serving = [lossy.kernel] if lossy.kernel >= 0 and not lossy.gone else []
        ready, _, _ = select.select([0, *serving], [], [])
        if lossy.kernel in ready:
            lossy.serve()
            if lossy.gone:
                _say({"cut": lossy.count})
        if 0 in ready:
            said = os.read(0, 1 << 16)
            if not said:
                return lossy.unmount()
            *lines, heard = (heard + said).split(b"\n")
            for line in lines:
                _obey(lossy, json.loads(line))


if __name__ == "__main__":
    main(sys.argv[1])
