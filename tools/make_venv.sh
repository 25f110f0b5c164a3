#!/usr/bin/env bash
# Make .venv with the versions that were tried, and this package in it; done already, it does nothing.
set -euo pipefail
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-python3}
if ! "$PYTHON" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))'; then
    echo "error: $("$PYTHON" --version) found; Python 3.10 to 3.13 is needed. Name one:  PYTHON=python3.11 bash $0" >&2
    exit 1
fi
# Written last, so that an interrupted installation is made again.
DONE=.venv/installed-requirements.txt
if ! cmp -s tools/requirements.txt "$DONE"; then
    rm -rf .venv
    "$PYTHON" -m venv .venv
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --requirement tools/requirements.txt
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --editable .
    cp tools/requirements.txt "$DONE"
fi
