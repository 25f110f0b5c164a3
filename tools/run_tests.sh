#!/usr/bin/env bash
# Run all tests in .venv, which is made where it is missing:  bash tools/run_tests.sh [pytest options]
set -euo pipefail
cd "$(dirname "$0")/.."
bash tools/make_venv.sh tests
# Two processes of one thread each, one of which takes over from the other where it has less left to do.
export OMP_NUM_THREADS=1
exec .venv/bin/python -m pytest tests --numprocesses 2 --dist worksteal "$@"
