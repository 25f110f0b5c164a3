"""MMAction2's registries under the name `dynstg_mm`, which MMEngine's `get_model('dynstg_mm::...')` looks types up in.

All of ours is registered in `mmaction.registry`; nothing is registered here.
"""
import mmaction.registry
from mmengine.registry import Registry

for _name, _parent in vars(mmaction.registry).copy().items():
    if isinstance(_parent, Registry) and _parent.scope == 'mmaction':
        globals()[_name] = Registry(_parent.name, parent=_parent, scope='dynstg_mm', locations=_parent._locations)
