"""The map in kiosk/README.md is true, and the walls between the rooms stand."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "kiosk"
MAP = (PACKAGE / "README.md").read_text(encoding="utf-8")


def modules() -> list[Path]:
    return [path for path in PACKAGE.rglob("*.py") if path.name not in {"__init__.py", "__main__.py"}]


def names_in(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return {node.name for node in ast.walk(tree) if isinstance(node, kinds)}


def test_imports_go_downward_only():
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


def test_the_map_names_only_files_that_exist():
    files = re.findall(r"`([\w/]+\.py)`", MAP)
    assert files
    rooms = (PACKAGE, *(path for path in PACKAGE.iterdir() if path.is_dir()))
    missing = [file for file in files if not any((room / file).exists() for room in rooms)]
    assert missing == []


def test_every_room_is_on_the_map():
    rooms = {path.relative_to(PACKAGE).parts[0] for path in modules()}
    assert [room for room in sorted(rooms) if f"`{room}`" not in MAP and f"`{room}/`" not in MAP] == []


def test_every_step_of_the_journeys_is_taken_in_the_code():
    steps = MAP.partition("## A barcode's journey")[2].partition("## What is where")[0]
    names = {name for words in re.findall(r"`([A-Z]\w+\.\w+|[a-z_]+|[A-Z]\w+)`", steps) for name in words.split(".")}
    known = set().union(*(names_in(path) for path in modules()))
    states = {"pending", "local", "inflight", "unknown"}
    assert sorted(names - known - states) == []


@pytest.mark.parametrize("word", ["utils", "helpers", "common", "base", "manager"])
def test_no_module_is_called_by_a_word_that_says_nothing(word):
    assert [path for path in modules() if word in path.stem.split("_")] == []
