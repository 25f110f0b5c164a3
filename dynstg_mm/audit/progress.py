"""How far an audit is."""
from rich.console import Console
from rich.progress import track


def with_bar(things, what, shown):
    """Iterate over `things`, where `shown` with a bar on stderr, so that the report on stdout stays clean."""
    return track(things, what, console=Console(stderr=True), disable=not shown)
