"""What commands share: `--config`, the directories it names, logging, and a clean end."""

from __future__ import annotations

import functools
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar, cast

import click

from kiosk import config, disk
from kiosk.cli.aside import Aside
from kiosk.config import Config
from kiosk.errors import ConfigError
from kiosk.store.database import sync_directory

P = ParamSpec("P")
R = TypeVar("R")


class Setup:
    """The configuration and the file it comes from."""

    def __init__(self, path: Path, *, allow_volatile: bool) -> None:
        self.path = path
        self.allow_volatile = allow_volatile

    @functools.cached_property
    def config(self) -> Config:
        """The whole file, read and checked at the first look. Raises ConfigError."""
        return config.read(self.path)

    def error(self, section: str, key: str, text: str) -> ConfigError:
        """An error in the place where the file says, or leaves out, this key."""
        return ConfigError(f"{config.place(self.path, section, key)}: {section}.{key}: {text}")

    def data_dir(self) -> Path:
        """Return the data directory, made when missing, safe to keep scans in. Raises ConfigError."""
        directory = self._directory("data_dir")
        volume = disk.volume(directory)
        if volume.volatile and not self.allow_volatile:
            raise self.error(
                "device",
                "data_dir",
                f"{directory} is on {volume.kind}, which forgets everything when the power goes: "
                "choose a directory on a disk, or try it out with --allow-volatile",
            )
        return directory

    def runtime_dir(self) -> Path:
        """Return the directory for sockets and signs of life, made when missing. Raises ConfigError."""
        return self._directory("runtime_dir")

    def _directory(self, key: str) -> Path:
        directory: Path = getattr(self.config.device, key)
        try:
            _make(directory)
        except OSError as error:
            text = f"{directory} cannot be made: {error.strerror}: make it, or name another one"
            raise self.error("device", key, text) from error
        if not os.access(directory, os.W_OK | os.X_OK):
            raise self.error("device", key, f"{directory} is not writable for this user: chown it, or name another one")
        return directory


def _make(directory: Path) -> None:
    """Make a directory with all above it, each on disk: what is synced inside one that is not is lost with it."""
    if not directory.is_dir():
        _make(directory.parent)
        directory.mkdir(exist_ok=True)
        sync_directory(directory.parent)


def with_setup(function: Callable[Concatenate[Setup, P], R]) -> Callable[P, R]:
    """Give a command `--config` and `--allow-volatile`, and hand it the checked configuration as its first argument."""

    @click.option(
        "--config",
        "config_file",
        metavar="FILE",
        type=click.Path(dir_okay=False),
        help=f"The configuration. [default: $KIOSK_CONFIG, then {config.DEFAULT_PATH}]",
    )
    @click.option(
        "--allow-volatile",
        is_flag=True,
        envvar="KIOSK_ALLOW_VOLATILE",
        help="Accept a data directory that is kept in memory, to try things out.",
    )
    @functools.wraps(function)
    def command(*args: P.args, **kwargs: P.kwargs) -> R:
        path, allow_volatile = kwargs.pop("config_file"), kwargs.pop("allow_volatile")
        parent = click.get_current_context().parent
        if parent is not None:  # the options may stand before a subcommand, too
            path = path or parent.params.get("config_file")
            allow_volatile = allow_volatile or parent.params.get("allow_volatile")
        setup = Setup(config.locate(cast("str | None", path)), allow_volatile=bool(allow_volatile))
        return function(setup, *args, **kwargs)

    return command


def log_to_stderr(program: str) -> None:
    """Write log lines to standard error, where systemd's journal takes them with its own time."""
    lines = f"{program}: %(levelname)s: %(message)s"
    logging.basicConfig(handlers=[Aside(sys.stderr)], level=logging.INFO, format=lines)
    logging.getLogger("httpx").setLevel(logging.WARNING)


@contextmanager
def on_signal(stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` on Ctrl-C and SIGTERM."""
    before = {number: signal.signal(number, lambda *_: stop()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
