"""What holds for the tree as a whole: the example is complete, two commands are enough, nothing in it names a place."""

import re
import subprocess
from pathlib import Path

import pytest

from kiosk import config

ROOT = Path(__file__).parents[1]
EXAMPLE = (ROOT / "config" / "kiosk.example.toml").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False).stdout
    return [ROOT / name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def test_the_example_is_a_right_configuration():
    assert config.parse(EXAMPLE, "example").device.id == "gate-north-1"


@pytest.mark.parametrize("section", ["device", "cloud", "gate", "scanner", "output", "turnstile", "sync", "display"])
def test_the_example_names_every_key(section):
    several = {"scanner": config.Scanner, "output": config.Output, "turnstile": config.Turnstile}
    model = several.get(section) or config.Config.model_fields[section].annotation
    body = re.search(rf"^#?\[\[?{section}\]\]?\n(.*?)(?=^#?\[|\Z)", EXAMPLE, re.MULTILINE | re.DOTALL)[1]
    assert set(re.findall(r"^#?([a-z_]+) = ", body, re.MULTILINE)) == set(model.model_fields)


def test_the_values_that_are_commented_out_are_the_defaults():
    uncommented = re.sub(r"^#([a-z_]+ = )", r"\1", EXAMPLE.partition("[[scanner]]")[0], flags=re.MULTILINE)
    found, default = config.parse(uncommented, "example"), config.parse("", "default")
    assert found.gate == default.gate
    assert found.cloud == default.cloud


def test_the_readme_is_short_and_names_the_two_commands():
    assert len(README.splitlines()) <= 160
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for command in ("demo", "test"):
        assert f"make {command}" in README
        assert re.search(rf"^{command}:", makefile, re.MULTILINE)


def test_ci_calls_exactly_the_readme_s_test_command():
    lines = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert lines[-1] == "make test"


def test_every_dependency_has_its_reason_in_the_readme():
    declared = re.search(r"^dependencies = \[(.*?)\]", (ROOT / "pyproject.toml").read_text(), re.MULTILINE | re.DOTALL)
    table = README.partition("## Why each dependency")[2]
    names = re.findall(r'"([\w-]+)', declared[1])
    assert names
    assert [name for name in names if name not in table] == []


def test_nothing_names_a_package_registry_or_a_machine_s_path():
    places = re.compile(rb"pypi\.org|pythonhosted|registry\.npmjs|deb\.debian\.org|/root/|/work/|/home/(?!kiosk)\w")
    own = Path(__file__)
    assert [path for path in tracked() if path != own and places.search(path.read_bytes())] == []


def test_the_outputs_of_the_example_are_right_as_they_stand_there():
    outputs = EXAMPLE[EXAMPLE.index("#[[output]]") : EXAMPLE.index("[sync]")]
    lines = re.sub(r"^#(\[\[|[a-z_]+ = )", r"\1", outputs, flags=re.MULTILINE)
    lines = lines.replace('lanes = ["left"]', "").replace('device = ""', "")
    found = config.parse(lines, "example")
    assert found.output[0].ms == 500
    assert (found.turnstile[0].timeout_s, found.turnstile[0].bounce_ms) == (10.0, 20)
