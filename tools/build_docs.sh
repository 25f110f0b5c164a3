#!/usr/bin/env bash
# Build the documentation into docs/_build/html; a warning is an error:  bash tools/build_docs.sh [sphinx options]
set -euo pipefail
cd "$(dirname "$0")/.."
bash tools/make_venv.sh docs
exec .venv/bin/python -m sphinx -W --keep-going -q docs docs/_build/html "$@"
