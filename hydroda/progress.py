"""Progress on the terminal, with the time left; nothing where there is no terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from hydroda.parallel import communicator

T = TypeVar("T")


def bar(items: Iterable[T], total: int, label: str) -> Iterator[T]:
    """`items`, with a bar on standard error while they are consumed."""
    if not (sys.stderr.isatty() and communicator().root):
        yield from items
        return
    columns = (
        TextColumn("{task.description:<14}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        yield from progress.track(items, total=total, description=label)
