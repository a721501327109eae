"""The report of a build as plain text: for terminals, and beside the pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envd_jupyter.builds.insight.figures import amount, seconds, share
from envd_jupyter.builds.insight.losses import day

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envd_jupyter.builds.insight.causes import Cause, Explanation
    from envd_jupyter.builds.insight.report import BuildReport, StepReport

__all__ = ["cause_lines", "explanation_text", "report_text", "summary_sentences"]

_WIDTH = 52


def report_text(report: BuildReport) -> str:
    """Return the whole report."""
    lines = [f"Build {report.id} ({day(report.started)}): {report.state}"]
    lines += [f"  {sentence}" for sentence in summary_sentences(report)]
    lines += ["", "Steps"]
    lines += [_step_line(step) for step in report.steps]
    if report.caches:
        lines += ["", "Remote caches"]
        lines += [
            f"  {c.direction} {c.entry}: {c.state}"
            + (f", {seconds(c.duration)}" if c.duration is not None else "")
            for c in report.caches
        ]
    if report.explanations:
        lines += ["", "Why steps ran"]
        for explanation in report.explanations:
            lines += [f"  {line}" for line in explanation_text(explanation).splitlines()]
    if report.advice:
        lines += ["", "Advice"]
        for advice in report.advice:
            lines += [f"  {advice.text}", f"    → {advice.hint}"]
    return "\n".join(lines)


def summary_sentences(report: BuildReport) -> list[str]:
    """Return what the build came to, in a few sentences."""
    real, cached, ran = report.real, report.cached, report.ran
    found = []
    if real:
        found.append(
            f"{len(real)} steps: {len(cached)} cached ({share(len(cached), len(real))}), "
            f"{len(ran)} ran" + (f", in {seconds(report.elapsed)}." if report.elapsed else ".")
        )
    if cached:
        unknown = report.unknown_savings
        tail = f"; for {unknown} of them it is not known" if unknown else ""
        found.append(f"The cache saved {seconds(report.saved)} against the last time{tail}.")
    if report.critical:
        names = " → ".join(s.name for s in report.critical if s.kind == "step")
        spent = sum(step.duration or 0.0 for step in report.critical)
        if names:
            found.append(f"Critical path, {seconds(spent)}: {names}.")
    if report.pulled:
        found.append(f"Transferred to the builder: {amount(report.pulled)}.")
    spent = report.spent("export")
    if spent:
        found.append(f"Exporting caches took {seconds(spent)}.")
    return found


def _step_line(step: StepReport) -> str:
    name = step.name if len(step.name) <= _WIDTH else step.name[: _WIDTH - 1] + "…"
    mark = "*" if step.critical else " "
    facts = []
    if step.outcome == "cached":
        if step.source:
            facts.append(f"from {step.source}")
        if step.kind == "step":
            facts.append(f"saved {seconds(step.saved)}")
    elif step.duration is not None:
        facts.append(seconds(step.duration))
    if step.pulled:
        facts.append(f"{amount(step.pulled)} in")
    if step.pushed:
        facts.append(f"{amount(step.pushed)} out")
    said = f"{step.outcome:8} {', '.join(facts)}"
    return f" {mark}{step.number:3} {name:{_WIDTH}} {said}".rstrip()


def explanation_text(explanation: Explanation) -> str:
    """Return why one step ran."""
    after = f" ({seconds(explanation.duration)})" if explanation.duration is not None else ""
    lines = [f"{explanation.name}{after}"]
    for cause in explanation.causes:
        before = cause.digest != explanation.digest
        lead = f"follows from {cause.step}: " if before else ""
        lines.append(f"  {lead}{cause.text}")
        if not before:
            lines += [f"    {line}" for line in cause_lines(cause)]
    for cause in explanation.also:
        lines.append(f"  also: {cause.text}")
    return "\n".join(lines)


def more_lines(explanation: Explanation) -> Iterator[str]:
    """Return what `explanation_text` says after the step's name and its first cause."""
    for number, cause in enumerate(explanation.causes):
        before = cause.digest != explanation.digest
        if before:
            yield f"It follows from {cause.step}" + (f": {cause.text}" if number else ".")
        elif number:
            yield cause.text
        if not before:
            yield from cause_lines(cause)
    for cause in explanation.also:
        yield f"Also: {cause.text}"


def cause_lines(cause: Cause) -> Iterator[str]:
    """Return what differs, the evidence and the hint of a cause, a line each."""
    yield from cause.differences
    yield from cause.evidence
    if cause.hint:
        yield f"→ {cause.hint}"
