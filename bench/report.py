"""Where every figure is printed: ``name value unit goal ok|short``."""

from __future__ import annotations

__all__ = ["report", "short_figures"]

_short: list[str] = []


def report(name: str, value: float, unit: str, goal: str, ok: bool) -> None:
    """Print one figure.

    Parameters
    ----------
    name
        What was measured, in snake case.
    value
        The figure, in `unit`.
    unit
        ``s``, ``ms``, ``MB``, ``ratio`` …
    goal
        What it should reach, without blanks (``>=0.95``).
    ok
        Whether it does.
    """
    if not ok:
        _short.append(name)
    print(f"{name} {value:.4g} {unit} {goal} {'ok' if ok else 'short'}", flush=True)


def short_figures() -> tuple[str, ...]:
    """Return the names of the figures that missed their goal so far."""
    return tuple(_short)
