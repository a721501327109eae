"""Seconds and bytes as people read them."""

from __future__ import annotations

__all__ = ["amount", "seconds", "share"]


def seconds(value: float | None) -> str:
    """Return a duration: ``0.4 s``, ``12 s``, ``3 min 20 s``; ``unknown`` for None."""
    if value is None:
        return "unknown"
    if value < 0:
        return f"−{seconds(-value)}"
    if value < 9.95:
        return f"{value:.1f} s"
    if value < 119.5:
        return f"{value:.0f} s"
    minutes, rest = divmod(round(value), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def amount(count: float | None) -> str:
    """Return a number of bytes: ``310 B``, ``12 kB``, ``1.4 GB``; ``unknown`` for None."""
    if count is None:
        return "unknown"
    for unit in ("B", "kB", "MB", "GB"):
        if abs(count) < 999.5:
            return f"{count:.0f} {unit}" if unit == "B" or count >= 99.5 else f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"


def share(part: float, whole: float) -> str:
    """Return a part as a percentage."""
    return f"{100 * part / whole:.0f} %" if whole else "–"
