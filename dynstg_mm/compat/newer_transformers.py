"""transformers 4.56 and later lack functions that VindLU imports, so importing `mmaction.models` fails.

No issue upstream; seen with transformers 5.17. Does nothing without transformers, or if it has these functions. Its
source is read as text, because importing it takes seconds.
"""
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dynstg_mm.compat.find_packages import module_folder
from dynstg_mm.import_hooks import when_imported

NEEDED = ('apply_chunking_to_forward', 'find_pruneable_heads_and_indices', 'prune_linear_layer')


def apply() -> None:
    when_imported('mmaction.utils.dependency', _leave_out_vindlu)


def _leave_out_vindlu(dependency: Any) -> None:
    folder = module_folder('transformers') if dependency.WITH_MULTIMODAL else None
    if folder is None:
        return
    file = Path(folder, 'modeling_utils.py')
    source = file.read_text(encoding='utf-8') if file.is_file() else ''
    missing = [name for name in NEEDED if name not in source]
    if not missing:
        return

    def register_placeholders(names: Sequence[str], registry: Any) -> None:
        for name in names:
            def refuse(*args: object, name: str = name, **kwargs: object) -> None:
                raise ImportError(f'{name} needs {", ".join(missing)} of transformers.modeling_utils, not found here. '
                                  'Type:  pip install "transformers>=4.28,<4.56"')
            registry.register_module(name=name, module=refuse)

    dependency.WITH_MULTIMODAL = False
    dependency.register_multimodal_placeholder = register_placeholders
