"""Rename the parameters of a checkpoint of dynstg_mm 0.1 to those of mamba, which the models now use.

    python -m dynstg_mm upgrade-checkpoint work_dirs/old.pth work_dirs/new.pth

The values and their order do not change, and everything else in the checkpoint is kept, so that training can also
resume from the new checkpoint.
"""
import argparse
from collections.abc import Mapping, Sequence
from typing import Any


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('old', help='checkpoint of dynstg_mm 0.1, *.pth')
    parser.add_argument('new', help='checkpoint to write; may be the same file')
    args = parser.parse_args(argv)
    from dynstg_mm.commands.common import one_line_errors
    with one_line_errors():
        print(f'{args.new}: {upgrade(args.old, args.new)} parameters renamed')
    return 0


def upgrade(old: str, new: str) -> int:
    """Write the checkpoint `old` with new names to the file `new`, whole or not at all.

    Returns:
        The number of parameters that were renamed.

    Raises:
        UserError: `old` is not a checkpoint of MMEngine, holds anything that could run code, or has no old names.
    """
    import io
    import pickle
    from pathlib import Path

    import torch
    from mmengine.runner import CheckpointLoader

    from dynstg_mm.errors import UserError
    from dynstg_mm.files import atomic_open
    try:
        checkpoint = CheckpointLoader.load_checkpoint(old, map_location='cpu', logger='silent')
    except pickle.UnpicklingError as error:
        raise UserError(str(error)) from None
    if not isinstance(checkpoint, dict) or not isinstance(checkpoint.get('state_dict'), dict):
        raise UserError(f'{old}: state_dict: missing; expected a checkpoint of MMEngine.')
    count = 0
    for part in ('state_dict', 'ema_state_dict'):
        if part in checkpoint:
            renamed = rename(checkpoint[part])
            count += len(renamed.keys() - checkpoint[part].keys())
            checkpoint[part] = renamed
    if not count:
        raise UserError(f'{old}: no parameter has an old name; nothing to convert.')
    buffer = io.BytesIO()
    torch.save(checkpoint, buffer)
    Path(new).parent.mkdir(parents=True, exist_ok=True)
    with atomic_open(new, 'wb') as file:
        file.write(buffer.getvalue())
    return count


def rename(weights: Mapping[str, Any]) -> dict[str, Any]:
    """Weights with the new names, in the same order; only those of STG-Mamba blocks are renamed."""
    from dynstg_mm.layers.stg_mamba import RENAMED
    blocks = {name.removesuffix('A_log') for name in weights if name.endswith('A_log')}
    names = {f'{block}{old}': f'{block}{new}' for block in blocks for old, new in RENAMED.items()}
    return {names.get(name, name): value for name, value in weights.items()}
