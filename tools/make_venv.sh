#!/usr/bin/env bash
# Make .venv with the versions that were tried, and this package in it:  bash tools/make_venv.sh [tests]
# With `tests`, what the tests need besides. What is there already is left alone.
set -euo pipefail
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-python3}
if ! "$PYTHON" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))'; then
    echo "error: $("$PYTHON" --version) found; Python 3.10 to 3.13 is needed. Name one:  PYTHON=python3.11 bash $0" >&2
    exit 1
fi
PIP=".venv/bin/python -m pip install --quiet --disable-pip-version-check"
# Copied into .venv last, so that an interrupted installation is made again.
if ! cmp -s tools/requirements.txt .venv/requirements.txt; then
    rm -rf .venv
    "$PYTHON" -m venv .venv
    $PIP --requirement tools/requirements.txt
    $PIP --editable .
    cp tools/requirements.txt .venv
fi
if [ "${1-}" = tests ] && ! cmp -s tools/requirements_tests.txt .venv/requirements_tests.txt; then
    $PIP --requirement tools/requirements_tests.txt
    cp tools/requirements_tests.txt .venv
fi
