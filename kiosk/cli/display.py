"""`kiosk display`: eye, feed and web server, put together."""

from __future__ import annotations

import errno
import queue
import socket
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path

import click

from kiosk import clock, pulse
from kiosk.cli.options import Setup, log_to_stderr, on_signal, with_setup
from kiosk.cli.scan import gate_socket
from kiosk.cli.status import display_answers
from kiosk.config import Display
from kiosk.display.eye import LOOK_S, Eye
from kiosk.display.feed import Feed
from kiosk.display.serve import Service, listen
from kiosk.display.site import site
from kiosk.display.speech import Speech
from kiosk.display.staff.entrance import Entrance
from kiosk.display.staff.overview import Overview
from kiosk.display.staff.programs import Programs
from kiosk.display.staff.records import Records
from kiosk.display.staff.routes import Staff
from kiosk.display.staff.workers import Workers
from kiosk.errors import KioskError, Refused
from kiosk.model import Moment
from kiosk.store import pin
from kiosk.watchdog import Mark, Part, Watchdog

COUNTING_S = 60.0
"""How long a first look at a journal may take that has to be counted."""


@click.command("display")
@with_setup
def command(setup: Setup) -> None:
    r"""Serve the screen at the door: open the address it prints in a browser, full-screen.

    Each verdict fills the screen for `display.scan_reveal_s` seconds; between them it shows that the gate is ready, who
    is in, and what wants attention. Colours, and how long a verdict stays, are the cloud's where its device settings
    name them; a change is followed at once, and `kiosk check` shows what is in force. The page turns grey, "No
    connection to the gate", as soon as the gate or this program stops, and comes back by itself.

    Runs in the foreground until Ctrl-C or SIGTERM. It only reads, may be started before the gate and sync, and can be
    stopped at any time. `display.host` and `display.port` say where it listens: this machine only, unless told
    otherwise. GET /health answers 200 while it runs.

    \b
    kiosk display --config kiosk.toml
    chromium --kiosk --autoplay-policy=no-user-gesture-required http://127.0.0.1:8080/
    """
    log_to_stderr("display")
    listener = _listen(setup)
    click.echo(f"kiosk display: http://{_address(listener)}/", err=True)
    _run(setup, listener)


def _run(setup: Setup, listener: socket.socket) -> None:
    feed, stop = Feed(clock.boottime_ns), queue.SimpleQueue[None]()
    speech = Speech(setup.config)
    service = Service(site(feed, setup.config.display.host, _staff(setup, speech).routes(), speech), listener)
    with ExitStack() as stack:
        stack.enter_context(on_signal(partial(stop.put, None)))
        eye = stack.enter_context(closing(Eye(setup.config, speech)))
        stack.enter_context(service)
        stack.callback(feed.close)
        watchdog, eyes = stack.enter_context(Watchdog()), Mark()
        parts = {"eye": Part(eyes.moved_ns, COUNTING_S), "server": Part(_Server(setup.config.display).moved_ns)}
        while not _told(stop):
            eyes.move()
            if not service.alive:
                raise KioskError("the web server has stopped by itself")
            if (snapshot := eye.look(clock.now())) is not None:
                feed.publish(snapshot)
            watchdog.ready(parts)


def _staff(setup: Setup, speech: Speech) -> Staff:
    config = setup.config
    programs = Programs(gate_socket(setup), config.device.runtime_dir, pin.place(config))
    reading, from_network = Workers("staff-reads"), config.display.staff_from_network
    entrance = Entrance(programs, reading, clock.boottime_ns, from_network=from_network, speaking=speech)
    now = partial(_now, config.device.runtime_dir)
    return Staff(entrance, programs, Records(config, speech), Overview(config, speech), now)


def _now(runtime_dir: Path) -> Moment:
    """Return this moment, its time as the gate knows it."""
    gate, now = pulse.feel(runtime_dir, "gate"), clock.now()
    return (pulse.known(gate, now) if pulse.alive(gate) else None) or now


class _Server:
    """When the web server last answered. Asking takes a second at most."""

    def __init__(self, display: Display) -> None:
        self._display, self._mark = display, Mark()

    def moved_ns(self) -> int:
        if display_answers(self._display):
            self._mark.move()
        return self._mark.moved_ns()


def _told(stop: queue.SimpleQueue[None]) -> bool:
    """Wait for the next look; True when told to stop. A queue, because a signal may come at any instruction."""
    try:
        stop.get(timeout=LOOK_S)
    except queue.Empty:
        return False
    return True


def _listen(setup: Setup) -> socket.socket:
    """Raises Refused when somebody else has the port, ConfigError when this machine has no such place."""
    host, port = setup.config.display.host, setup.config.display.port
    try:
        return listen(host, port)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise Refused(
                f"port {port} of {host} is taken: stop the program that has it (perhaps another kiosk display), "
                f"or choose another display.port in {setup.path}"
            ) from None
        key = "port" if error.errno == errno.EACCES else "host"
        text = f"cannot listen on port {port} of {host}: {error.strerror}: choose another {key}"
        raise setup.error("display", key, text) from None


def _address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
