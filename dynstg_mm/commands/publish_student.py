"""Write the student of a distilled checkpoint as a checkpoint that the plain recognizer's config loads.

    python -m dynstg_mm publish-student configs/cgrkd/cgrkd-large-to-small_1xb16-joint-w64-30e_koa-keypoint-2d.py \\
        work_dirs/koa_nm/epoch_30.pth --out work_dirs/small.pth

The new file holds the student's weights, what it expects as input, the names of the classes and the training split.
The teacher, the projection, the memory, the optimizer and the config with its paths are left out. If the config has no
teacher, the recognizer itself is written. Like MMAction2's publish_model.py, the command adds the first digits of the
file's SHA-256 to its name.
"""
import argparse
from collections.abc import Sequence
from typing import Any


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config', help='the config that the checkpoint was trained with')
    parser.add_argument('checkpoint', help='the distilled checkpoint')
    parser.add_argument('--out', required=True, help='checkpoint to write, *.pth; digits are added to its name')
    parser.add_argument('--cfg-options', nargs='+', metavar='KEY=VALUE', default=[],
                        help='the settings that the checkpoint was trained with')
    args = parser.parse_args(argv)
    from dynstg_mm.commands.common import one_line_errors
    with one_line_errors():
        print(publish(args.config, args.checkpoint, args.out, args.cfg_options))
    return 0


def publish(config: str, checkpoint: str, out: str, cfg_options: Sequence[str] = ()) -> str:
    """Write the student alone.

    Args:
        config: Config that the checkpoint was trained with.
        checkpoint: The distilled checkpoint.
        out: Checkpoint to write; digits are added to its name.
        cfg_options: Further settings of the config, as `key=value`.

    Returns:
        One line with the file, the number of parameters and the size.

    Raises:
        UserError: A file cannot be read, the weights do not fit the student or are not finite.
    """
    import hashlib
    import io
    from pathlib import Path

    import torch
    from mmaction.registry import MODELS
    from mmaction.utils import register_all_modules

    from dynstg_mm.config import apply_options, parse_cfg_options, read_config
    from dynstg_mm.config_check import check_config
    from dynstg_mm.distillation.pair import recognizer_settings
    from dynstg_mm.distillation.teacher import load_weights, read_checkpoint
    from dynstg_mm.errors import ConfigError
    from dynstg_mm.files import atomic_open
    from dynstg_mm.inputs import ModelInputs
    register_all_modules(init_default_scope=True)
    path = Path(out)
    if path.suffix != '.pth':
        raise ConfigError(f'--out: {out}; expected a path such as small.pth.')
    cfg = apply_options(read_config(config), parse_cfg_options(cfg_options))
    check_config(cfg)
    settings = cfg.model
    student = MODELS.build(recognizer_settings(settings.student, 'student') if settings.get('student') else settings)
    weights, data = read_checkpoint(checkpoint)
    load_weights(student, weights, checkpoint)
    failed = [name for name, value in student.state_dict().items() if not value.isfinite().all()]
    if failed:
        raise ConfigError(f'{checkpoint}: {failed[0]}: values that are not finite; its training has failed.')
    meta: dict[str, Any] = dict(dataset_meta={field: data.get(field) for field in ('classes', 'source')})
    inputs = ModelInputs.from_checkpoint(checkpoint)
    if inputs is not None:
        meta['inputs'] = inputs.to_dict()
    buffer = io.BytesIO()
    torch.save(dict(state_dict=student.state_dict(), meta=meta), buffer)
    content = buffer.getvalue()
    path = path.with_name(f'{path.stem}-{hashlib.sha256(content).hexdigest()[:8]}.pth')
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_open(path, 'wb') as file:
        file.write(content)
    count = sum(value.numel() for value in student.parameters())
    return f'{path}: {count:,} parameters, {len(content) / 1e6:.2f} MB'
