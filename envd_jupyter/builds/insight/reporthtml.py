"""The report of a build as HTML without scripts: sentences, pictures, causes, advice, a table."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from envd_jupyter.builds.insight.charts import savings_svg, timeline_svg
from envd_jupyter.builds.insight.figures import amount, seconds
from envd_jupyter.builds.insight.losses import day
from envd_jupyter.builds.insight.reporttext import cause_lines, summary_sentences
from envd_jupyter.builds.markup import frame

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envd_jupyter.builds.insight.causes import Explanation
    from envd_jupyter.builds.insight.report import BuildReport, StepReport

__all__ = ["explanations_html", "page", "report_html"]

_MOST = 60


def report_html(report: BuildReport) -> str:
    """Return the report as an HTML fragment."""
    parts = [f"<p><b>Build {_e(report.id)}</b>, {_e(day(report.started))}: {report.state}</p>"]
    parts += [f"<p>{_e(sentence)}</p>" for sentence in summary_sentences(report)]
    timeline, savings = timeline_svg(report), savings_svg(report)
    if timeline:
        small = _small("the critical path is outlined")
        parts.append(f"<h4>When each step ran{small}</h4>{timeline}")
    if savings:
        small = _small("pale: from a cache, as long as it took when it last ran; full: ran now")
        parts.append(f"<h4>What the cache saved{small}</h4>{savings}")
    if report.explanations:
        parts.append("<h4>Why steps ran</h4>" + explanations_html(report.explanations))
    if report.advice:
        items = "".join(
            f'<li>{_e(advice.text)} <span class="dim">{_e(advice.hint)}</span></li>'
            for advice in report.advice
        )
        parts.append(f"<h4>Advice</h4><ul>{items}</ul>")
    parts.append("<details><summary>All steps and caches</summary>" + _table(report.steps))
    parts.append(_caches(report) + "</details>")
    return frame("".join(parts))


def explanations_html(explanations: Sequence[Explanation]) -> str:
    """Return why steps ran, as an HTML list."""
    items = []
    for explanation in explanations[:_MOST]:
        said = []
        for cause in explanation.causes:
            lead = ""
            if cause.digest != explanation.digest:
                lead = f"follows from <code>{_e(cause.step)}</code>: "
            lines = "\n".join(cause_lines(cause))
            detail = f"<pre>{_e(lines)}</pre>" if lines and not lead else ""
            said.append(f"<p>{lead}{_e(cause.text)}</p>{detail}")
        said += [f"<p>also: {_e(cause.text)}</p>" for cause in explanation.also]
        took = f" ({seconds(explanation.duration)})" if explanation.duration is not None else ""
        items.append(f"<li><code>{_e(explanation.name)}</code>{took}{''.join(said)}</li>")
    if len(explanations) > _MOST:
        items.append(f"<li>… {len(explanations) - _MOST} more</li>")
    return f"<ul>{''.join(items)}</ul>"


def page(report: BuildReport, log: str = "") -> str:
    """Return the report as a file of its own, with the log if it is given."""
    shown = f"<h4>Log</h4><pre>{_e(log)}</pre>" if log else ""
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>envd build {_e(report.id)}</title></head>"
        f'<body style="font-family:system-ui,sans-serif">{report_html(report)}{shown}</body></html>'
    )


def _table(steps: Sequence[StepReport]) -> str:
    head = "".join(
        f'<th scope="col">{name}</th>'
        for name in ("", "step", "", "time", "waited", "in", "out", "from", "saved")
    )
    rows = "".join(
        f'<tr><td class="n">{step.number}</td><td><code>{_e(step.name)}</code>'
        f"{' (critical)' if step.critical else ''}</td><td>{step.outcome}</td>"
        f'<td class="n">{_known(step.duration)}</td><td class="n">{_known(step.waited)}</td>'
        f'<td class="n">{amount(step.pulled) if step.pulled else ""}</td>'
        f'<td class="n">{amount(step.pushed) if step.pushed else ""}</td>'
        f"<td>{_e(step.source or '')}</td>"
        f'<td class="n">{seconds(step.saved) if step.source else ""}</td></tr>'
        for step in steps
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _caches(report: BuildReport) -> str:
    items = "".join(
        f"<li>{c.direction} <code>{_e(c.entry)}</code>: {c.state} {_known(c.duration)}</li>"
        for c in report.caches
    )
    return f"<ul>{items}</ul>" if items else ""


def _small(text: str) -> str:
    return f' <small class="dim">{text}</small>'


def _known(value: float | None) -> str:
    return seconds(value) if value is not None else ""


def _e(text: str) -> str:
    return escape(text, quote=True)
