"""A build in a terminal, repainted in place with rich.

Only for IPython in a real terminal: in a notebook the display id does this work.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from envd_jupyter.notebook.wording import (
    BUILD_GLYPHS,
    STEP_GLYPHS,
    STEP_WORDS,
    cache_line,
    choose_steps,
    clean_line,
    duration,
    fold_line,
    headline,
    step_detail,
    summary_line,
)

if TYPE_CHECKING:
    from rich.console import RenderableType

    from envd_jupyter.builds.view import BuildView, CacheView, StepView

__all__ = ["TerminalScreen", "render_terminal"]

_TONES = {
    "running": "yellow",
    "cached": "blue",
    "done": "green",
    "succeeded": "green",
    "skipped": "blue",
    "failed": "red",
    "export_failed": "red",
    "lost": "red",
    "ok": "green",
    "missing": "yellow",
    "warning": "yellow",
}


class TerminalScreen:
    """Repaints the build in place and leaves the final state standing.

    Parameters
    ----------
    console
        Where to write; standard output if None.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console()
        self._live: Live | None = None

    def paint(self, view: BuildView, *, final: bool) -> None:
        """Show the build as it is now."""
        if self._live is None:
            # No refresh thread: BuildDisplay says when.
            self._live = Live(
                console=self._console,
                auto_refresh=False,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()
        rows = max(self._console.size.height - 8, 5)
        self._live.update(render_terminal(view, rows=rows), refresh=True)
        if final:
            self._live.stop()
            self._live = None


def render_terminal(view: BuildView, *, rows: int = 14) -> RenderableType:
    """Render a build for a terminal.

    Parameters
    ----------
    view
        The build at one moment.
    rows
        How many steps may have a line.
    """
    parts: list[RenderableType] = [_head(view)]
    error = view["error"]
    if error:
        parts.extend(_error(view))
    shown, folded = choose_steps(view["steps"], rows, finished=view["state"] != "running")
    told = error["step"] if error else None
    parts.append(_table(shown, told))
    if folded or view["steps_omitted"]:
        parts.append(Text(f"  {fold_line(folded, view['steps_omitted'])}", style="dim"))
    for direction, items in (
        ("import", view["cache"]["imports"]),
        ("export", view["cache"]["exports"]),
    ):
        for item in items[:8]:
            parts.extend(_cache(direction, item))
    for note in view["notes"][:8]:
        parts.append(_fact(note["level"], "!", note["message"], note["hint"]))
    return Group(*parts)


def _head(view: BuildView) -> Text:
    state = view["state"]
    tone = _TONES.get(state, "default")
    text = Text(no_wrap=True, overflow="ellipsis")
    text.append(f"{BUILD_GLYPHS.get(state, '●')} ", style=f"bold {tone}")
    text.append(clean_line(view["title"]), style="bold")
    if view["image"]:
        text.append(f" → {clean_line(view['image'])}")
    text.append(f"  {headline(view)}  ", style=tone)
    said = summary_line(view["summary"], view["elapsed"], running=state == "running")
    text.append(said, style="dim")
    if view["recording"]:
        text.append("  a recording", style="italic blue")
    return text


def _error(view: BuildView) -> list[RenderableType]:
    error = view["error"]
    if error is None:
        return []
    parts: list[RenderableType] = []
    if error["step"]:
        parts.append(Text(f"  Failed: {clean_line(error['step'])}", style="bold red"))
    parts.extend(Text(f"  {clean_line(line)}") for line in error["message"].splitlines()[:8])
    parts.extend(
        Text(f"  │ {clean_line(line, 200)}", style="dim") for line in error["log_tail"][-12:]
    )
    if error["hint"]:
        parts.append(Text(f"  Hint: {clean_line(error['hint'])}", style="bold"))
    return parts


def _table(steps: list[StepView], told: str | None) -> Table:
    table = Table.grid(padding=(0, 1), expand=True)
    table.add_column(width=3, justify="right")
    table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    table.add_column(justify="right", no_wrap=True)
    table.add_column(justify="right", no_wrap=True, min_width=8)
    for step in steps:
        state = step["state"]
        tone = _TONES.get(state, "dim")
        detail = step_detail(step) if state == "running" else ""
        table.add_row(
            Text(STEP_GLYPHS.get(state, "·"), style=tone),
            Text(
                clean_line(step["name"].replace("\n", " ")),
                style="dim" if state == "waiting" else "",
            ),
            Text(detail or STEP_WORDS.get(state, state), style=tone if not detail else "dim"),
            Text("" if state == "cached" else duration(step["duration"]), style="dim"),
        )
        if state in ("running", "failed") and step["name"] != told:
            for line in step["log_tail"][-4:]:
                table.add_row("", Text(f"│ {clean_line(line, 200)}", style="dim"), "", "")
    return table


def _cache(direction: str, item: CacheView) -> list[RenderableType]:
    glyph = {"ok": "✔", "failed": "✘", "missing": "○"}.get(item["state"], "·")
    text = f"cache {direction} {cache_line(item, direction)}"
    return [_fact(item["state"], glyph, text, item["hint"])]


def _fact(state: str, glyph: str, message: str, hint: str | None) -> Text:
    text = Text("  ")
    text.append(f"{glyph} ", style=_TONES.get(state, "dim"))
    text.append(clean_line(message))
    if hint:
        text.append(f" {clean_line(hint)}", style="dim")
    return text
