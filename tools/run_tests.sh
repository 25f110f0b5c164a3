#!/usr/bin/env bash
# Run all tests in .venv, which is made where it is missing:  bash tools/run_tests.sh [pytest options]
set -euo pipefail
cd "$(dirname "$0")/.."
bash tools/make_venv.sh tests
exec .venv/bin/python -m pytest tests "$@"
