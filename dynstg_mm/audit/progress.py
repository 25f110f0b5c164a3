"""Progress bars of an audit."""
from collections.abc import Iterable, Sequence
from typing import TypeVar

from rich.console import Console
from rich.progress import track

Item = TypeVar('Item')


def with_bar(items: Sequence[Item], description: str, shown: bool) -> Iterable[Item]:
    """Iterate with a bar on stderr, so that the report on stdout stays clean; without one if not `shown`."""
    return track(items, description, console=Console(stderr=True), disable=not shown)
