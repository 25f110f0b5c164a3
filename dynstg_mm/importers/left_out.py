"""What a conversion leaves out."""
from dynstg_mm.errors import DataError


class LeftOut:
    """Collects what is left out, or refuses it.

    Args:
        skip_bad: Leave broken recordings out instead of stopping at the first.
    """

    def __init__(self, skip_bad: bool) -> None:
        self.skip_bad = skip_bad
        self.lines: list[str] = []

    def add(self, line: str) -> None:
        """Leave something out; without `skip_bad`, a DataError with that line."""
        if not self.skip_bad:
            raise DataError(line)
        self.lines.append(line)
