"""MMEngine writes checkpoints and `last_checkpoint` in place, so a killed run leaves a truncated file.

No issue upstream. Does nothing if the user has replaced the local backend.
"""
import io
import os
from typing import Any

from dynstg_mm.import_hooks import when_imported


def apply() -> None:
    when_imported('mmengine.fileio', _write_files_whole)
    when_imported('mmengine.hooks.checkpoint_hook', _write_pointer_whole)


def _write_files_whole(fileio: Any) -> None:
    if fileio.backends.registry_utils.backends['local'] is not fileio.LocalBackend:
        return

    class WholeFileBackend(fileio.LocalBackend):
        """LocalBackend that replaces files whole or not at all."""

        def put(self, obj: bytes | io.BytesIO, filepath: str | os.PathLike) -> None:
            from dynstg_mm.files import atomic_open
            os.makedirs(os.path.dirname(os.path.abspath(filepath)), exist_ok=True)
            with atomic_open(filepath, 'wb') as file:
                file.write(obj.getvalue() if isinstance(obj, io.BytesIO) else obj)

        def put_text(self, obj: str, filepath: str | os.PathLike, encoding: str = 'utf-8') -> None:
            self.put(obj.encode(encoding), filepath)

    fileio.register_backend('local', WholeFileBackend, force=True, prefixes='')


def _write_pointer_whole(checkpoint_hook: Any) -> None:
    from dynstg_mm.files import atomic_open
    checkpoint_hook.open = atomic_open  # its only use of open(): last_checkpoint
