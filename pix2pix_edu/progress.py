"""One progress bar for all long work: silent for the first two seconds, then a bar in a terminal or a notebook."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

PATIENCE_SECONDS = 2.0


def progress(iterable: Iterable | None = None, *, description: str, total: int | None = None, **options: Any) -> Any:
    """Wrap a loop (or count by hand with `.update(n)`) in a bar that appears only if the work takes over two seconds.

    >>> sum(progress(range(3), description="adding"))
    3
    """
    from tqdm.auto import tqdm

    return tqdm(iterable, desc=description, total=total, delay=PATIENCE_SECONDS, leave=False, **options)
