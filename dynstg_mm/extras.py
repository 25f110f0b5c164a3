"""Optional libraries, and the extras that install them."""
import importlib
from types import ModuleType

from dynstg_mm.errors import DataError


def need(module: str, extra: str, hint: str | None = None) -> ModuleType:
    """Import an optional library, or say how to install it.

    Args:
        module: Name of the module.
        extra: The extra of this package that installs it.
        hint: What to do instead, if the extra does not help.

    Raises:
        DataError: It is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError:
        raise DataError(f'{module.split(".")[0]} is not installed, but this input needs it; '
                        f'{hint or f"""run pip install "dynstg_mm[{extra}]"."""}') from None
