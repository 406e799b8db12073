"""Print the packages of a dependency group of pyproject.toml, one a line: Debian 12's pip does not know groups yet."""

import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

GROUPS = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]


def packages(group: str) -> Iterator[str]:
    for entry in GROUPS[group]:
        if isinstance(entry, dict):
            yield from packages(entry["include-group"])
        else:
            yield entry


if __name__ == "__main__":
    print("\n".join(packages(sys.argv[1])))
