"""A build as plain text: what GitHub, nbconvert, nbval and a plain terminal show.

The same facts in the same order as the HTML: the headline, the failing step with its log, the
steps that matter, the remote caches, the notes. No colours, no control characters, and a bound on
lines and width whatever the build.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envd_jupyter.notebook.wording import (
    BUILD_GLYPHS,
    cache_line,
    choose_steps,
    clean_line,
    fold_line,
    headline,
    shorten,
    step_line,
    summary_line,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envd_jupyter.builds.view import BuildView, CacheView, ErrorView

__all__ = ["one_line", "render_text"]

_ROWS = 14
_LOG_LINES = 12
_FACTS = 12
_MOST = 16_000


def one_line(view: BuildView) -> str:
    """Return the build in one line: ``✔ ml → localhost:5000/me/ml: built, 12/12 steps, …``."""
    state = view["state"]
    glyph = BUILD_GLYPHS.get(state, "●")
    image = f" → {clean_line(view['image'])}" if view["image"] else ""
    said = summary_line(view["summary"], view["elapsed"], running=state == "running")
    recording = " (a recording)" if view["recording"] else ""
    return f"{glyph} {clean_line(view['title'])}{image}: {headline(view)}, {said}{recording}"


def render_text(view: BuildView) -> str:
    """Render a build as text, without a newline at the end.

    Parameters
    ----------
    view
        The build at one moment.
    """
    return shorten("\n".join(_lines(view)), _MOST)


def _lines(view: BuildView) -> Iterator[str]:
    yield one_line(view)
    error = view["error"]
    if error:
        yield from _error(error)
    shown, folded = choose_steps(view["steps"], _ROWS, finished=view["state"] != "running")
    told = error["step"] if error else None
    for step in shown:
        yield f"  {step_line(step)}"
        if step["state"] in ("running", "failed") and step["name"] != told:
            yield from _log(step["log_tail"], 4)
    if folded or view["steps_omitted"]:
        yield f"    {fold_line(folded, view['steps_omitted'])}"
    for item in view["cache"]["imports"][:_FACTS]:
        yield from _cache("import", item)
    for item in view["cache"]["exports"][:_FACTS]:
        yield from _cache("export", item)
    for note in view["notes"][:_FACTS]:
        yield f"  {'!' if note['level'] == 'warning' else 'i'} {clean_line(note['message'])}"
        if note["hint"]:
            yield f"    {clean_line(note['hint'])}"


def _error(error: ErrorView) -> Iterator[str]:
    if error["step"]:
        yield f"  Failed: {clean_line(error['step'].replace(chr(10), ' '))}"
    for line in error["message"].splitlines()[:12]:
        yield f"  {clean_line(line)}"
    yield from _log(error["log_tail"], _LOG_LINES)
    if error["hint"]:
        yield f"  Hint: {clean_line(error['hint'].replace(chr(10), ' '))}"


def _log(lines: Sequence[str], count: int) -> Iterator[str]:
    for line in lines[-count:]:
        yield f"    | {clean_line(line, 200)}"


def _cache(direction: str, item: CacheView) -> Iterator[str]:
    glyph = {"ok": "✔", "failed": "✘", "missing": "○"}.get(item["state"], "·")
    yield f"  {glyph} cache {direction} {clean_line(cache_line(item, direction))}"
    if item["hint"]:
        yield f"    {clean_line(item['hint'])}"
