"""The machine itself, as the kernel tells: its power, its heat, and who holds a device."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kiosk.doctor.finding import Finding, amber, green, red

WARM_C, HOT_C = 70.0, 80.0
"""A Raspberry Pi slows down at 80 degrees."""

LOW_VOLTAGE = "use the power supply that belongs to this machine and a short cable; scanners may need a powered hub"


@dataclass(frozen=True, slots=True)
class Holder:
    """A process that has a device open."""

    pid: int
    name: str


class Machine:
    """Reads the kernel's trees below these roots; what is not there is not known."""

    def __init__(self, sys: Path = Path("/sys"), proc: Path = Path("/proc")) -> None:
        self._sys, self._proc = sys, proc

    def undervolted(self) -> bool | None:
        """Tell whether the supply's voltage is too low (raspberrypi-hwmon); None where nothing measures it."""
        for sensor in sorted((self._sys / "class/hwmon").glob("hwmon*")):
            if _text(sensor / "name") == "rpi_volt":
                return _text(sensor / "in0_lcrit_alarm") == "1"
        return None

    def temperature_c(self) -> float | None:
        """Return the hottest zone; None where nothing measures it."""
        zones = (self._sys / "class/thermal").glob("thermal_zone*")
        found = [int(text) / 1000 for zone in zones if (text := _text(zone / "temp")).removeprefix("-").isdecimal()]
        return max(found, default=None)

    def holders(self, node: Path) -> list[Holder]:
        """Return who has a device open, as far as this user may see that."""
        device = node.resolve()
        having = [process for process in self._proc.glob("[0-9]*") if device in _open_in(process)]
        found = [Holder(int(process.name), _text(process / "comm") or "?") for process in having]
        return sorted(found, key=lambda holder: holder.pid)


def _open_in(process: Path) -> Iterator[Path]:
    try:
        for descriptor in (process / "fd").iterdir():
            yield descriptor.readlink()
    except OSError:  # it ended, or is another user's
        return


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def power(undervolted: bool | None) -> Finding:  # noqa: FBT001  # it is the fact itself
    if undervolted is None:
        return green("power", "nothing here measures the supply's voltage")
    if undervolted:
        return red("power", "the supply's voltage is too low: cards are damaged that way", LOW_VOLTAGE)
    return green("power", "the supply's voltage is right")


def heat(celsius: float | None) -> Finding:
    if celsius is None:
        return green("temperature", "nothing here measures it")
    found = f"{celsius:.0f} °C"
    if celsius >= HOT_C:
        return red("temperature", f"{found}: the machine slows itself down", "out of the sun, and air to its case")
    if celsius >= WARM_C:
        return amber(
            "temperature", f"{found}: it slows itself down at {HOT_C:.0f}", "out of the sun, and air to its case"
        )
    return green("temperature", found)
