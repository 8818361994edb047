"""One progress bar for all long work: silent for the first two seconds, then a bar in a terminal or a notebook."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

PATIENCE_SECONDS = 2.0
_UNITS = (("s", 1, 90), ("min", 60, 5400), ("h", 3600, 72 * 3600), ("days", 86400, math.inf))  # each up to so many s


def progress(iterable: Iterable | None = None, *, description: str, total: int | None = None, **options: Any) -> Any:
    """Wrap a loop (or count by hand with `.update(n)`) in a bar that appears only if the work takes over two seconds.

    >>> sum(progress(range(3), description="adding"))
    3
    """
    from tqdm.auto import tqdm

    return tqdm(iterable, desc=description, total=total, delay=PATIENCE_SECONDS, leave=False, **options)


def duration(seconds: float) -> str:
    """A time as a person would say it: in one unit, and with two figures where one would be too coarse.

    >>> [duration(seconds) for seconds in (0.4, 42, 700, 50_000, 400_000)]
    ['0.4 s', '42 s', '12 min', '14 h', '4.6 days']
    """
    unit, length, _ = next(row for row in _UNITS if seconds < row[2])
    amount = seconds / length
    return f"{amount:.1f} {unit}" if amount < 9.95 and not (unit == "s" and amount >= 2) else f"{amount:.0f} {unit}"


def short_time(seconds: float) -> str:
    """The time of one step, with three figures.

    >>> short_time(0.1834), short_time(2.5)
    ('183 ms', '2.5 s')
    """
    return f"{1000 * seconds:.3g} ms" if seconds < 0.9995 else f"{seconds:.3g} s"
