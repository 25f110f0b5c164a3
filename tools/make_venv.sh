#!/usr/bin/env bash
# Make .venv with the versions that were tested together, and this package in it:  bash tools/make_venv.sh [EXTRA ...]
# EXTRA: tests, docs or dev, for what those need besides. Leaves alone what is installed already.
set -euo pipefail
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-python3}
if ! "$PYTHON" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))'; then
    echo "error: $("$PYTHON" --version) found; Python 3.10 to 3.13 is needed. Name one:  PYTHON=python3.11 bash $0" >&2
    exit 1
fi
PIP=".venv/bin/python -m pip install --quiet --disable-pip-version-check"
# Each file of requirements is copied into .venv after its installation, so that an interrupted one starts again.
if ! cmp -s tools/requirements.txt .venv/requirements.txt; then
    rm -rf .venv
    "$PYTHON" -m venv .venv
    $PIP --requirement tools/requirements.txt
    $PIP --editable .
    cp tools/requirements.txt .venv
fi
for extra in "$@"; do
    if ! cmp -s "tools/requirements_$extra.txt" ".venv/requirements_$extra.txt"; then
        $PIP --requirement "tools/requirements_$extra.txt"
        cp "tools/requirements_$extra.txt" .venv
    fi
done
