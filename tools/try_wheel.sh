#!/usr/bin/env bash
# Build sdist and wheel into dist/, and use the wheel as a new user does: from an empty folder, with an empty HOME.
set -euo pipefail
cd "$(dirname "$0")/.."
bash tools/make_venv.sh dev
rm -rf build dist
.venv/bin/python -m build --no-isolation --outdir dist . > dist.log 2>&1 || { cat dist.log; exit 1; }
rm dist.log

# A new environment that sees the packages of .venv, but neither this checkout nor its installation.
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
.venv/bin/python -m venv --without-pip "$fresh/venv"
site=$("$fresh/venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' > "$site/packages.pth"
.venv/bin/python -m pip --python "$fresh/venv/bin/python" install --quiet --disable-pip-version-check --no-deps \
    --no-index --ignore-installed dist/*.whl

mkdir "$fresh/home" "$fresh/work"
cd "$fresh/work"
export HOME="$fresh/home" PYTHONPATH= OMP_NUM_THREADS=1
dynstg="$fresh/venv/bin/dynstg_mm"
cat > mine.py << 'CONFIG'
_base_ = 'dynstg_mm::dynstg_mamba/dynstg-mamba-small_1xb16-joint-w64-20e_synthetic-gait-keypoint-2d.py'
train_cfg = dict(max_epochs=1)
train_dataloader = dict(dataset=dict(ann_file='walks.pkl'))
val_dataloader = dict(dataset=dict(ann_file='walks.pkl'))
test_dataloader = dict(dataset=dict(ann_file='walks.pkl'))
CONFIG
run() {  # show the output only if it fails
    echo "+ dynstg_mm $*"
    "$dynstg" "$@" > log 2>&1 || { cat log; exit 1; }
}
run -h
run synthetic-gait --subjects 8 --out walks.pkl
run audit walks.pkl --source-layout body_25
run train mine.py --work-dir work
run test mine.py work/epoch_1.pth --work-dir work
run report mine=work --out report
run predict mine.py work/epoch_1.pth walks.pkl --source-layout body_25 --no-page --out answers
run predict koa-nm walks.pkl --source-layout body_25 --no-page --out answers-of-shipped
"$fresh/venv/bin/python" - << 'PYTHON'
import dynstg_mm
from mmengine.hub import get_config, get_model

name = 'dynstg_mm::dynstg_mamba/dynstg-mamba-small_1xb16-joint-w64-20e_synthetic-gait-keypoint-2d.py'
assert 'site-packages' in dynstg_mm.__file__, dynstg_mm.__file__
assert get_config(name).model.backbone.type == type(get_model(name).backbone).__name__ == 'DynSTGMamba'
PYTHON
echo "$(cd - > /dev/null && ls dist)"
