"""MMAction2's `Graph` knows three skeleton layouts by name (no issue upstream).

With this patch it takes all of our layouts too, so that MMAction2's backbones and ours are interchangeable in a config.
Its own three keep their edges.
"""
import functools
from typing import Any

from dynstg_mm.import_hooks import when_imported


def apply() -> None:
    when_imported('mmaction.models.utils.graph', _take_our_layouts)


def _take_our_layouts(module: Any) -> None:
    initialise = module.Graph.__init__

    @functools.wraps(initialise)
    def with_our_layouts(self: Any, layout: Any = 'coco', *args: Any, **kwargs: Any) -> None:
        if isinstance(layout, str) and layout not in ('openpose', 'nturgb+d', 'coco'):
            from dynstg_mm.skeletons import get_layout
            layout = get_layout(layout)
        initialise(self, layout, *args, **kwargs)

    module.Graph.__init__ = with_our_layouts
