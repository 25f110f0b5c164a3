#!/usr/bin/env bash
# Build the documentation into docs/_build/html; a warning is an error:  bash tools/build_docs.sh [sphinx options]
set -euo pipefail
cd "$(dirname "$0")/.."
bash tools/make_venv.sh docs
.venv/bin/python -m sphinx --fail-on-warning --keep-going --quiet "$@" docs docs/_build/html
echo 'docs/_build/html/index.html'
