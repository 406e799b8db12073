#!/usr/bin/env bash
# Changes the pure core in every small way and asks whether a test notices. Takes minutes; works on a copy.
set -euo pipefail
bin=$(cd "$1" && pwd)
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cp -r kiosk tests pyproject.toml README.md "$copy"
cd "$copy"
cat >> pyproject.toml <<'TOML'

[tool.mutmut]
source_paths = ["kiosk"]
only_mutate = ["kiosk/decode.py", "kiosk/keys.py", "kiosk/admit.py"]
pytest_add_cli_args_test_selection = ["tests/test_decode.py", "tests/test_keys.py", "tests/test_admit.py"]
also_copy = ["pyproject.toml", "README.md"]
TOML
"$bin/mutmut" run
"$bin/mutmut" results
