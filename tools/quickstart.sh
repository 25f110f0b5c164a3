#!/usr/bin/env bash
# Train the small DynSTG-Mamba on the synthetic sample, test it, and ask it about a new walk: all on a fresh machine.
set -euo pipefail
cd "$(dirname "$0")/.."
CONFIG=configs/dynstg_mamba/dynstg-mamba-small_1xb16-joint-w64-20e_synthetic-gait-keypoint-2d.py
OUT=work_dirs/quickstart

echo 'Installing into .venv (some minutes, the first time) ...'
bash tools/make_venv.sh
export PATH="$PWD/.venv/bin:$PATH"
rm -rf "$OUT"
mkdir -p "$OUT"

run() {  # show the lines that tell of progress; the whole log stays in $OUT
    if ! python "$@" 2>&1 | tee -a "$OUT/quickstart.log" | sed -nu 's/.* - INFO - \(Epoch([a-z]*)\)/\1/p; /^error/p'; then
        tail -n 20 "$OUT/quickstart.log" >&2
        exit 1
    fi
}
echo "Training on the synthetic sample (the first epoch compiles kernels; whole log: $OUT/quickstart.log) ..."
run tools/train.py "$CONFIG" --work-dir "$OUT"
run tools/test.py "$CONFIG" "$OUT/epoch_20.pth" --work-dir "$OUT"
python tools/analysis_tools/report.py small="$OUT" --out "$OUT/report"
python tools/predict.py "$CONFIG" "$OUT/epoch_20.pth" data/synthetic_gait/walk.csv --out "$OUT/answer"
echo "The answer to a new walk, for your browser: $OUT/answer/visualizations/walk.html"
