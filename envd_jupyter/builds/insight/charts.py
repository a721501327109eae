"""Two pictures of a build as SVG: when each step ran, and what the cache saved.

No scripts, nothing from the network; colours follow the theme of JupyterLab or VS Code where there
is one, and are readable in light and dark without. Each picture carries its content as text too
(``title``, ``desc``), for screen readers and for those who search.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from envd_jupyter.builds.insight.figures import seconds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envd_jupyter.builds.insight.report import BuildReport, StepReport

__all__ = ["savings_svg", "timeline_svg"]

_WIDTH = 860
_NAMES = 300
_LETTERS = 42  # of a name: as many as fit in a wide font
_RIGHT = 70
_ROW = 20
_MOST_ROWS = 40
# Words and lines take the colour of the text around them, so that they are read on any background;
# the bars have colours that stand out on light and dark alike.
_STYLE = (
    ".eji{--ok:var(--jp-success-color1,var(--vscode-charts-green,#2da44e));"
    "--hit:var(--jp-brand-color1,var(--vscode-charts-blue,#3b8eea));"
    "--bad:var(--jp-error-color1,var(--vscode-charts-red,#e5534b));"
    "--crit:var(--jp-warn-color1,var(--vscode-charts-orange,#d18616));"
    "font:12px system-ui,-apple-system,sans-serif}"
    ".eji text{fill:currentColor}.eji .d{opacity:.7}.eji .g{stroke:currentColor;opacity:.15}"
    ".eji .ran{fill:var(--ok)}.eji .cached{fill:var(--hit)}.eji .failed,.eji .canceled"
    "{fill:var(--bad)}.eji .running{fill:var(--crit)}.eji .crit{stroke:var(--crit);stroke-width:2}"
    ".eji .saved{fill:var(--hit);opacity:.55}"
)


def timeline_svg(report: BuildReport) -> str:
    """Draw when each step ran, the critical path outlined.

    Parameters
    ----------
    report
        The build.

    Returns
    -------
    str
        An ``<svg>`` element; empty if no step began.
    """
    steps = [step for step in report.steps if step.started and step.completed]
    if not steps:
        return ""
    begin = min(step.started or 0.0 for step in steps)
    end = max(step.completed or 0.0 for step in steps)
    shown = _longest(steps)
    shown.sort(key=lambda step: (step.started or 0.0, step.number))
    room = _WIDTH - _NAMES - _RIGHT
    scale = room / max(end - begin, 0.001)
    rows = []
    for number, step in enumerate(shown):
        left = _NAMES + ((step.started or begin) - begin) * scale
        width = max(((step.completed or begin) - (step.started or begin)) * scale, 2)
        rows.append(_row(number, step, left, width, seconds(step.duration)))
    described = [
        f"{step.name}: {step.outcome}, from {seconds((step.started or begin) - begin)}, "
        f"{seconds(step.duration)}{', on the critical path' if step.critical else ''}"
        for step in shown
    ]
    title = f"Timeline of build {report.id}: {len(steps)} steps in {seconds(end - begin)}"
    axis = _axis(len(shown), end - begin, scale)
    return _picture(title, described, axis + "".join(rows), len(shown))


def savings_svg(report: BuildReport) -> str:
    """Draw what cached steps cost when they last ran, beside what the others cost now.

    Returns
    -------
    str
        An ``<svg>`` element; empty if nothing is known to have been saved.
    """
    steps = [s for s in report.real if (s.saved is not None) or s.outcome == "ran"]
    steps = [s for s in steps if (s.saved or s.duration or 0.0) > 0]
    if not any(step.outcome == "cached" for step in steps):
        return ""
    shown = sorted(_longest(steps, key=_cost), key=_cost, reverse=True)
    scale = (_WIDTH - _NAMES - _RIGHT) / max(_cost(step) for step in shown)
    rows = []
    for number, step in enumerate(shown):
        kind = "saved" if step.outcome == "cached" else step.outcome
        rows.append(
            _row(number, step, _NAMES, max(_cost(step) * scale, 2), seconds(_cost(step)), kind)
        )
    described = [
        f"{step.name}: {'saved' if step.outcome == 'cached' else 'took'} {seconds(_cost(step))}"
        for step in shown
    ]
    title = f"Build {report.id}: {seconds(report.saved)} saved by the cache, against the last time"
    return _picture(title, described, "".join(rows), len(shown))


def _cost(step: StepReport) -> float:
    return (step.saved if step.outcome == "cached" else step.duration) or 0.0


def _longest(steps: Sequence[StepReport], key: object = None) -> list[StepReport]:
    cost = _cost if key is _cost else _length
    return sorted(steps, key=cost, reverse=True)[:_MOST_ROWS]


def _length(step: StepReport) -> float:
    return step.duration or 0.0


def _row(
    number: int, step: StepReport, left: float, width: float, said: str, kind: str = ""
) -> str:
    top = number * _ROW + 24
    critical = " crit" if step.critical and not kind else ""
    name = step.name if len(step.name) <= _LETTERS else step.name[: _LETTERS - 1] + "…"
    label = left + width + 5
    return (
        f'<text x="{_NAMES - 8}" y="{top + 13}" text-anchor="end">{escape(name)}</text>'
        f'<rect class="{kind or step.outcome}{critical}" x="{left:.1f}" y="{top + 3}" '
        f'width="{width:.1f}" height="{_ROW - 7}" rx="2"><title>{escape(step.name)}: '
        f"{escape(kind or step.outcome)}, {said}</title></rect>"
        f'<text class="d" x="{label:.1f}" y="{top + 13}">{said}</text>'
    )


def _axis(rows: int, length: float, scale: float) -> str:
    step = _tick(length)
    parts, moment = [], 0.0
    while moment <= length + 1e-9:
        x = _NAMES + moment * scale
        parts.append(
            f'<line class="g" x1="{x:.1f}" y1="20" x2="{x:.1f}" y2="{rows * _ROW + 24}"/>'
            f'<text class="d" x="{x:.1f}" y="14" text-anchor="middle">{seconds(moment)}</text>'
        )
        moment += step
    return "".join(parts)


def _tick(length: float) -> float:
    for step in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600):
        if length / step <= 8:
            return float(step)
    return length / 8


def _picture(title: str, described: Sequence[str], content: str, rows: int) -> str:
    height = rows * _ROW + 30
    return (
        f'<svg class="eji" xmlns="http://www.w3.org/2000/svg" role="img" width="100%" '
        f'viewBox="0 0 {_WIDTH} {height}" style="max-width:{_WIDTH}px" '
        f'aria-label="{escape(title)}"><title>{escape(title)}</title>'
        f"<desc>{escape('; '.join(described))}</desc><style>{_STYLE}</style>{content}</svg>"
    )
