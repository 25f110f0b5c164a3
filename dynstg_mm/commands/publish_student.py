"""Write the student of a distilled checkpoint alone, as a checkpoint that the plain recognizer's config loads.

    python -m dynstg_mm publish-student configs/cgrkd/cgrkd-large-to-small_1xb16-joint-w64-30e_koa-nm-keypoint-2d.py \\
        work_dirs/koa_nm/epoch_30.pth --out work_dirs/small.pth

Nothing of the teacher, the projection, the memory or the optimizer is left in it, nor the config with its paths; the names
of the classes and of the training split are. Of a config without a teacher the recognizer itself is written. As MMAction2's
publish_model.py does, it puts the first digits of the file's SHA-256 into its name.
"""
import argparse
import hashlib
import io
from collections.abc import Sequence
from pathlib import Path

import torch
from mmaction.registry import MODELS
from mmaction.utils import register_all_modules

from dynstg_mm.commands.common import one_line_errors
from dynstg_mm.config import ConfigOptions, merge_cfg_options, read_config
from dynstg_mm.distillation.distiller import read_weights, recognizer_settings
from dynstg_mm.files import atomic_open


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='the config that the checkpoint was trained with')
    parser.add_argument('checkpoint', help='the distilled checkpoint')
    parser.add_argument('--out', required=True, help='checkpoint to write, *.pth; its name gets the digits')
    parser.add_argument('--cfg-options', nargs='+', action=ConfigOptions, metavar='KEY=VALUE',
                        help='those that it was trained with')
    args = parser.parse_args(argv)
    with one_line_errors():
        publish(args)
    return 0


def publish(args):
    register_all_modules(init_default_scope=True)
    if Path(args.out).suffix != '.pth':
        raise ValueError(f'--out: {args.out}; expected a path such as small.pth.')
    settings = merge_cfg_options(read_config(args.config), args.cfg_options).get('model')
    if not settings:
        raise ValueError(f'{args.config}: model: missing; expected the config of a distiller or of a recognizer.')
    student = MODELS.build(recognizer_settings(settings.student, 'student') if settings.get('student') else settings)
    weights, data = read_weights(args.checkpoint)
    try:
        student.load_state_dict(weights)
    except RuntimeError as error:
        raise ValueError(f'{args.checkpoint}: of another architecture than the student of {args.config} '
                         f'({" ".join(str(error).split())[:200]} ...).') from None
    failed = [name for name, value in student.state_dict().items() if not value.isfinite().all()]
    if failed:
        raise ValueError(f'{args.checkpoint}: {failed[0]}: values that are no finite numbers; its training has failed.')
    kept = {field: data.get(field) for field in ('classes', 'source')}
    buffer = io.BytesIO()
    torch.save(dict(state_dict=student.state_dict(), meta=dict(dataset_meta=kept)), buffer)
    content = buffer.getvalue()
    out = Path(args.out)
    out = out.with_name(f'{out.stem}-{hashlib.sha256(content).hexdigest()[:8]}.pth')
    out.parent.mkdir(parents=True, exist_ok=True)
    with atomic_open(out, 'wb') as file:
        file.write(content)
    count = sum(value.numel() for value in student.parameters())
    print(f'{out}: {count:,} parameters, {len(content) / 1e6:.2f} MB')
