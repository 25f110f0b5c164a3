"""Progress bars."""
from collections.abc import Iterable, Iterator
from typing import TypeVar

Item = TypeVar('Item')


def with_bar(items: Iterable[Item], description: str, shown: bool = True, *,
             total: float | None = None) -> Iterator[Item]:
    """Iterate with a bar on stderr if that is a terminal; files and pipes stay clean.

    Args:
        items: What to iterate over.
        description: What is shown beside the bar.
        shown: Show the bar.
        total: Number of items, if they have no length.
    """
    from rich.console import Console
    from rich.progress import track
    console = Console(stderr=True)
    yield from track(items, description, total=total, console=console, transient=True,
                     disable=not (shown and console.is_terminal))
