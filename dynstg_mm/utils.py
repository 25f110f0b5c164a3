"""`register_all_modules`, which MMEngine's `get_model('dynstg_mm::...')` calls."""


def register_all_modules(init_default_scope: bool = True) -> None:
    """Register MMAction2's modules; ours are registered at a registry's first look-up.

    Args:
        init_default_scope: Look up types in MMAction2's registries from now on.
    """
    from mmaction.utils import register_all_modules as register_modules_of_mmaction
    register_modules_of_mmaction(init_default_scope)
