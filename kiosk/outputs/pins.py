"""GPIO by gpiozero and lgpio, both optional (`kiosk[gpio]`): pins that are off from the first moment to after the last.

gpiozero's own lgpio pins are a low output for a moment before they are what was asked for, which switches on what is
active low, and end as inputs that float. Ours are claimed at their level at once, and are pulled to where they were
off. `GPIOZERO_PIN_FACTORY` names another factory; without it no other is fallen back to.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from kiosk.errors import OutputLost

NO_LIBRARY = "GPIO needs gpiozero and lgpio: pip install 'kiosk[gpio]'"

_lock = threading.Lock()


class Pin:
    """An output on a pin; off from the moment it is there. Raises OutputLost."""

    def __init__(self, number: int, *, active_low: bool) -> None:
        self._number = number
        with _translated(number):
            from gpiozero import DigitalOutputDevice

            self._device = DigitalOutputDevice(
                number, active_high=not active_low, initial_value=False, pin_factory=factory()
            )

    def put(self, *, on: bool) -> None:
        with _translated(self._number):
            self._device.value = on

    def close(self) -> None:
        with _translated(self._number):
            self._device.close()


class Contact:
    """A contact on a pin; `closed` is called, on a thread of gpiozero's, each time it closes. Raises OutputLost."""

    def __init__(self, number: int, *, active_low: bool, bounce_s: float, closed: Callable[[], None]) -> None:
        self._number = number
        with _translated(number):
            from gpiozero import DigitalInputDevice

            self._device = DigitalInputDevice(
                number, pull_up=active_low, bounce_time=bounce_s or None, pin_factory=factory()
            )
            self._device.when_activated = closed

    def close(self) -> None:
        with _translated(self._number):
            self._device.close()


@contextmanager
def _translated(number: int) -> Iterator[None]:
    """What gpiozero and lgpio raise has no tree of its own: lgpio's errors are plain exceptions."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise OutputLost(f"{NO_LIBRARY} ({error})") from error
    except Exception as error:
        raise OutputLost(f"GPIO{number}: {error}") from error


def factory() -> Any:
    """Return the one way to the pins of this process."""
    from gpiozero import Device

    with _lock:
        if Device.pin_factory is None:
            if "GPIOZERO_PIN_FACTORY" in os.environ:
                Device.ensure_pin_factory()
            else:
                Device.pin_factory = steady_factory()()
    return Device.pin_factory


def steady_factory() -> Any:
    """Return a factory of pins that know no moment of being on by accident."""
    import lgpio
    from gpiozero.pins.lgpio import LGPIOFactory, LGPIOPin

    class SteadyPin(LGPIOPin):  # type: ignore[misc]
        _off: bool | None = None

        def output_with_state(self, state: Any) -> None:
            self._off = bool(state)
            lgpio.gpio_claim_output(self.factory._handle, self._number, int(self._off))

        def close(self) -> None:
            if self._off is None or self.factory._handle is None:
                super().close()
                return
            pull = lgpio.SET_PULL_UP if self._off else lgpio.SET_PULL_DOWN
            lgpio.gpio_free(self.factory._handle, self._number)  # flags change only when it is claimed anew
            lgpio.gpio_claim_input(self.factory._handle, self._number, pull)

    class SteadyFactory(LGPIOFactory):  # type: ignore[misc]
        def __init__(self, chip: int | None = None) -> None:
            super().__init__(chip)
            self.pin_class = SteadyPin

    return SteadyFactory
