"""What MMEngine's `get_model('dynstg_mm::...')` calls by this name."""


def register_all_modules(init_default_scope: bool = True) -> None:
    """Register MMAction2's modules; ours follow when a registry is first asked for a type.

    Args:
        init_default_scope: Look up types in MMAction2's registries from now on.
    """
    from mmaction.utils import register_all_modules as register_modules_of_mmaction
    register_modules_of_mmaction(init_default_scope)
