"""Write the student of a distilled checkpoint as a checkpoint that the plain recognizer's config loads.

    python -m dynstg_mm publish-student configs/cgrkd/cgrkd-large-to-small_1xb16-joint-w64-60e_koa-keypoint-2d.py \\
        work_dirs/koa_nm/epoch_30.pth --out work_dirs/small.pth

The new file holds the student's weights, what it expects as input, the names of the classes and the training split.
The teacher, the projection, the memory, the optimizer and the config with its paths are left out. If the config has no
teacher, the recognizer itself is written. Like MMAction2's publish_model.py, the command adds the first digits of the
file's SHA-256 to its name.
"""
import argparse
from collections.abc import Sequence


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
    from pathlib import Path

    from mmaction.utils import register_all_modules

    from dynstg_mm.config import apply_options, parse_cfg_options, read_config
    from dynstg_mm.config_check import check_config
    from dynstg_mm.distillation.publish import plain_checkpoint, write_checkpoint
    from dynstg_mm.errors import ConfigError
    register_all_modules(init_default_scope=True)
    if Path(out).suffix != '.pth':
        raise ConfigError(f'--out: {out}; expected a path such as small.pth.')
    cfg = apply_options(read_config(config), parse_cfg_options(cfg_options))
    check_config(cfg)
    content, parameters = plain_checkpoint(cfg, checkpoint)
    path = write_checkpoint(content, Path(out))
    return f'{path}: {parameters:,} parameters, {path.stat().st_size / 1e6:.2f} MB'
