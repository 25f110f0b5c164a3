#!/usr/bin/env bash
# Build the documentation into docs/_build/html; a warning is an error:  bash tools/build_docs.sh [sphinx options]
set -euo pipefail
cd "$(dirname "$0")/.."
bash tools/make_venv.sh
if ! cmp -s tools/requirements_docs.txt .venv/requirements_docs.txt; then
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --requirement tools/requirements_docs.txt
    cp tools/requirements_docs.txt .venv
fi
.venv/bin/python -m sphinx --fail-on-warning --keep-going --quiet "$@" docs docs/_build/html
echo 'docs/_build/html/index.html'
