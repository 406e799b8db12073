"""Pins by the real gpiozero: on its mock pins, and on its lgpio pins over an lgpio that writes down what it is told."""

import json
import subprocess
import sys
import textwrap

import pytest

pytest.importorskip("gpiozero")

LGPIO = """
    import json, os
    SET_PULL_NONE, SET_PULL_UP, SET_PULL_DOWN, BOTH_EDGES, RISING_EDGE, FALLING_EDGE = 0, 32, 64, 3, 1, 2
    class error(Exception): pass
    level = {}
    def _say(*what):
        with open(os.environ["LGPIO_LOG"], "a") as log: log.write(json.dumps(what) + "\\n")
    def gpiochip_open(chip): return 1
    def gpiochip_close(handle): _say("chip closed")
    def gpio_claim_input(handle, gpio, flags=0):
        if gpio == 9: raise error("GPIO busy")
        _say("input", gpio, {0: "floats", 32: "up", 64: "down"}[flags])
    def gpio_claim_output(handle, gpio, level=0, flags=0): _say("output", gpio, level)
    def gpio_free(handle, gpio): _say("free", gpio)
    def gpio_write(handle, gpio, level): _say("write", gpio, int(level))
    def gpio_get_mode(handle, gpio): return 2
    def gpio_read(handle, gpio): return 0
"""
SCRIPT = """
    from gpiozero import Device
    from kiosk.outputs import pins
    Steady = pins.steady_factory()
    class OnAPi(Steady):
        def _get_revision(self): return 0xC03114
    Device.pin_factory = OnAPi()
"""


@pytest.fixture
def told(tmp_path):
    """Run a few lines on lgpio pins, and return what lgpio was told."""

    def run(lines):
        (tmp_path / "lgpio.py").write_text(textwrap.dedent(LGPIO), encoding="ascii")
        script = textwrap.dedent(SCRIPT) + textwrap.dedent(lines)
        log, path = tmp_path / "log", ":".join([str(tmp_path), *sys.path])
        environ = {"PYTHONPATH": path, "LGPIO_LOG": str(log), "PATH": "/usr/bin:/bin"}
        done = subprocess.run([sys.executable, "-c", script], env=environ, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return [tuple(json.loads(line)) for line in log.read_text().splitlines()]

    return run


@pytest.mark.parametrize(("active_low", "off", "pull"), [(False, 0, "down"), (True, 1, "up")])
def test_a_pin_is_off_from_its_first_moment_as_an_output_and_is_pulled_to_off_in_the_end(told, active_low, off, pull):
    found = told(f"pin = pins.Pin(17, active_low={active_low})\npin.put(on=True)\npin.put(on=False)\npin.close()")
    claimed = found.index(("output", 17, off))
    assert [row for row in found[:claimed] if row[0] != "input"] == []
    assert found[claimed + 1 : claimed + 3] == [("write", 17, 1 - off), ("write", 17, off)]
    assert found[-3:-1] == [("free", 17), ("input", 17, pull)]


def test_a_program_that_just_ends_leaves_its_pins_pulled_to_off(told):
    found = told("pin = pins.Pin(17, active_low=True)\npin.put(on=True)")
    assert ("input", 17, "up") in found[found.index(("write", 17, 0)) :]


def test_a_pin_that_somebody_else_has_is_said(told):
    told(
        """
        from kiosk.errors import OutputLost
        try:
            pins.Pin(9, active_low=False)
        except OutputLost as error:
            assert "GPIO9: GPIO busy" in str(error), error
        else:
            raise AssertionError("it is busy")
        """
    )


def run(script, **environ):
    path = ":".join(sys.path)
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        env={"PYTHONPATH": path, "PATH": "/usr/bin:/bin", **environ}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_a_machine_without_the_library_says_what_to_install():
    done = run(
        """
        import sys
        sys.modules["gpiozero"] = None
        from kiosk.outputs.pins import Pin
        Pin(17, active_low=False)
        """
    )
    assert "OutputLost: GPIO needs gpiozero and lgpio: pip install 'kiosk[gpio]'" in done.stderr


def test_no_other_library_is_fallen_back_to_in_silence():
    """gpiozero would try RPi.GPIO, pigpio and its own native pins, one after the other."""
    done = run("from kiosk.outputs.pins import Pin\nPin(17, active_low=False)")
    assert "OutputLost" in done.stderr
    assert "Falling back" not in done.stderr


def test_a_contact_calls_once_each_time_it_closes():
    done = run(
        """
        from gpiozero import Device
        from kiosk.outputs.pins import Contact
        calls = []
        for active_low, closed, open_ in ((True, "low", "high"), (False, "high", "low")):
            contact = Contact(27, active_low=active_low, bounce_s=0.02, closed=lambda: calls.append(1))
            pin = Device.pin_factory.pin("GPIO27")
            for level in (closed, open_, closed):
                getattr(pin, f"drive_{level}")()
            contact.close()
            print(len(calls))
        """,
        GPIOZERO_PIN_FACTORY="mock",
    )
    assert done.stdout.split() == ["2", "4"], done.stderr
