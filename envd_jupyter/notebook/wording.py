"""The words and numbers of a build, the same on every surface.

The HTML of a notebook, the plain text of a saved one and the terminal say the same things about
the same build; what they share is here: glyphs, the name of each state, durations, sizes, the
summary line, and which steps are worth a line when there is no room for all.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from envd_jupyter.builds.view import BuildView, CacheView, StepView, Summary

__all__ = [
    "BUILD_GLYPHS",
    "BUILD_WORDS",
    "PHASE_WORDS",
    "STEP_GLYPHS",
    "STEP_WORDS",
    "cache_line",
    "choose_steps",
    "clean_line",
    "duration",
    "fold_line",
    "headline",
    "shorten",
    "size",
    "step_detail",
    "step_line",
    "summary_line",
]

BUILD_GLYPHS = {
    "running": "●",
    "succeeded": "✔",
    "skipped": "○",
    "failed": "✘",
    "export_failed": "▲",
    "interrupted": "■",
    "lost": "?",
}

BUILD_WORDS = {
    "running": "building",
    "succeeded": "built",
    "skipped": "skipped: nothing to build",
    "failed": "failed",
    "export_failed": "image built, cache export failed",
    "interrupted": "interrupted",
    "lost": "lost: the build's driver is gone",
}

PHASE_WORDS = {
    "preflight": "checking the settings",
    "interpreting": "reading build.envd",
    "connecting": "connecting to the builder",
    "building": "building",
    "exporting": "exporting",
    "finishing": "finishing",
}

STEP_GLYPHS = {
    "waiting": "·",
    "running": "●",
    "cached": "≡",
    "done": "✔",
    "failed": "✘",
    "canceled": "■",
    "missing": "○",
}

STEP_WORDS = {
    "waiting": "waiting",
    "running": "running",
    "cached": "cached",
    "done": "done",
    "failed": "failed",
    "canceled": "canceled",
    "missing": "nothing there yet",
}

_NAME = 72

# Colours, cursor movements and titles that programs write when they believe in a terminal.
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


def duration(seconds: float | None) -> str:
    """Say a duration in seconds as people do: ``0.4 s``, ``2 min 05 s``, ``1 h 02 min``.

    >>> duration(125.2)
    '2 min 05 s'
    """
    if seconds is None:
        return ""
    seconds = max(seconds, 0.0)
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def size(count: float) -> str:
    """Say a number of bytes in decimal units, as registries and BuildKit do.

    >>> size(35_400_000)
    '35.4 MB'
    """
    if count < 1000:
        return f"{count:.0f} B"
    for unit in ("kB", "MB", "GB"):
        count /= 1000
        if count < 999.95:
            return f"{count:.1f} {unit}"
    return f"{count / 1000:.1f} TB"


def clean_line(text: str, limit: int = 300) -> str:
    """Return what a line of a log looks like when its terminal tricks have been played.

    Escape sequences go, a carriage return leaves what was written after it, and a line longer
    than ``limit`` characters ends in an ellipsis.
    """
    text = _ESCAPES.sub("", text.rstrip("\r\n"))
    text = text.rsplit("\r", 1)[-1]
    return shorten(_CONTROLS.sub("", text), limit)


def shorten(text: str, limit: int) -> str:
    """Cut ``text`` to ``limit`` characters, the last of which then is an ellipsis."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


def summary_line(summary: Summary, elapsed: float | None, *, running: bool = False) -> str:
    """Return ``12/15 steps, 9 cached (60 %), 14.2 s``."""
    total, completed, cached = summary["total"], summary["completed"], summary["cached"]
    parts: list[str] = []
    if total:
        parts.append(f"{completed}/{total} step{'' if total == 1 else 's'}")
        if cached or not running:
            parts.append(f"{cached} cached ({round(100 * cached / total)} %)")
    if elapsed is not None:
        parts.append(duration(elapsed))
    return ", ".join(parts)


def headline(view: BuildView) -> str:
    """Return the state of the build in words, the phase where that says more."""
    state = view["state"]
    if state == "running":
        return PHASE_WORDS.get(view["phase"] or "", BUILD_WORDS["running"])
    return BUILD_WORDS.get(state, state)


def step_detail(step: StepView) -> str:
    """Return how far a step is: bytes of its transfers, or nothing."""
    open_ones = [item for item in step["progress"] if not item["done"]] or step["progress"]
    with_total = [item for item in open_ones if item["total"]]
    if with_total:
        current = sum(min(item["current"], item["total"] or 0) for item in with_total)
        return f"{size(current)} / {size(sum(item['total'] or 0 for item in with_total))}"
    current = sum(item["current"] for item in open_ones)
    return size(current) if current else ""


def step_line(step: StepView) -> str:
    """Return a step as one line of text: its glyph, name, state and time."""
    state = step["state"]
    name = shorten(clean_line(step["name"].replace("\n", " ")), _NAME)
    word = STEP_WORDS.get(state, state)
    detail = step_detail(step) if state == "running" else ""
    time = duration(step["duration"]) if state != "cached" else ""
    end = "  ".join(part for part in (detail, word, time) if part)
    return f"{STEP_GLYPHS.get(state, '·')} {name:<{_NAME}}  {end}"


def cache_line(cache: CacheView, direction: str) -> str:
    """Say in one line what became of one cache import or export."""
    words = {
        "ok": "imported" if direction == "import" else "exported",
        "failed": "failed",
        "missing": "not there yet",
        "skipped": "not done",
        "pending": "to come",
    }
    line = f"{cache['entry']}: {words.get(cache['state'], cache['state'])}"
    return f"{line}, {cache['message']}" if cache["message"] else line


def choose_steps(
    steps: Sequence[StepView], limit: int, *, finished: bool
) -> tuple[list[StepView], list[StepView]]:
    """Split the steps into those that get a row and those folded away.

    Failed and running steps always come first in the choice; then, in a running build, the ones
    that finished last and the one that comes next; in a finished build, the ones that took
    longest. BuildKit's internal steps are folded away unless they fail or run. The order of the
    build is kept in both lists.

    Parameters
    ----------
    steps
        The steps of the view.
    limit
        How many rows there may be.
    finished
        Whether the build has ended.
    """

    def weight(indexed: tuple[int, StepView]) -> tuple[int, float]:
        index, step = indexed
        state = step["state"]
        if state == "failed":
            return 0, index
        if state == "running":
            return 1, index
        if step["kind"] == "internal":
            return 9, index
        if finished:
            return 3, -(step["duration"] or 0.0)
        if state == "waiting":
            return 4, index
        return 3, -index

    ranked = sorted(enumerate(steps), key=weight)
    shown = {index for index, step in ranked[:limit] if not _is_background(step)}
    return (
        [step for index, step in enumerate(steps) if index in shown],
        [step for index, step in enumerate(steps) if index not in shown],
    )


def _is_background(step: StepView) -> bool:
    return step["kind"] == "internal" and step["state"] not in ("failed", "running")


def fold_line(steps: Iterable[StepView], omitted: int) -> str:
    """Say what is folded away: ``12 more steps: 9 cached, 3 done``."""
    counts: dict[str, int] = {}
    total = omitted
    for step in steps:
        counts[step["state"]] = counts.get(step["state"], 0) + 1
        total += 1
    details = ", ".join(f"{counts[s]} {STEP_WORDS[s]}" for s in STEP_WORDS if counts.get(s))
    text = f"{total} more step{'' if total == 1 else 's'}"
    return f"{text}: {details}" if details else text
