#!/usr/bin/env bash
# Check style and types:  bash tools/lint.sh
set -euo pipefail
cd "$(dirname "$0")/.."
bash tools/make_venv.sh dev
.venv/bin/python -m ruff check .
.venv/bin/python -m mypy
