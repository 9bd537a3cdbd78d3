"""Median and 90th centile; of nothing there is none."""

import math
import statistics
from collections.abc import Sequence
from datetime import timedelta


def minutes(length: timedelta) -> float:
    """To a tenth of a minute."""
    return round(length.total_seconds() / 60, 1)


def median(values: Sequence[float]) -> float | None:
    """The middle, or half-way between the two in the middle."""
    return round(statistics.median(values), 1) if values else None


def ninetieth(values: Sequence[float]) -> float | None:
    """The smallest of the values that nine in ten do not exceed (nearest rank)."""
    return sorted(values)[math.ceil(0.9 * len(values)) - 1] if values else None
