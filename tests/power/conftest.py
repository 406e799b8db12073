"""These tests stand on a file system of their own."""

import os

import pytest


def pytest_runtest_setup() -> None:
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        text = "needs /dev/fuse, for this user: modprobe fuse"
        pytest.fail(text, pytrace=False) if os.environ.get("CI") else pytest.skip(text)
