"""The history put to use: two builds compared, and a build exported to a file.

Listing, filtering, deleting and limits are `envd_jupyter.builds.record.History`'s.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any, Literal, get_args

from envd_jupyter.builds.events import read_events
from envd_jupyter.builds.insight.causes import Cause, cause_of_changes, cause_of_files, name_of
from envd_jupyter.builds.insight.compare import compare_graphs
from envd_jupyter.builds.insight.context_files import changed_files, context_name
from envd_jupyter.builds.insight.figures import seconds
from envd_jupyter.builds.insight.past import load_past
from envd_jupyter.builds.markup import frame
from envd_jupyter.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from envd_jupyter.builds.insight.compare import Comparison
    from envd_jupyter.builds.insight.past import Past
    from envd_jupyter.builds.steps import Step

__all__ = ["FORMATS", "BuildComparison", "StepPair", "compare_builds", "export_build"]

Format = Literal["rawjson", "json", "html"]
FORMATS: tuple[str, ...] = get_args(Format)
_ENDINGS = {".html": "html", ".htm": "html", ".json": "json", ".jsonl": "rawjson"}
"""What a build can be exported as."""


@dataclass(frozen=True)
class StepPair:
    """One step in two builds: how it ended and its seconds; None where it was not."""

    name: str
    before: str | None
    after: str | None
    before_seconds: float | None
    after_seconds: float | None
    changes: tuple[Cause, ...] = ()


@dataclass(frozen=True)
class BuildComparison:
    """Two builds side by side."""

    before: str
    after: str
    facts: tuple[tuple[str, str, str], ...]
    steps: tuple[StepPair, ...]

    def __repr__(self) -> str:
        lines = [f"{'':30} {self.before:24} {self.after}"]
        lines += [f"{name:30} {was:24} {now}" for name, was, now in self.facts]
        for pair in self.steps:
            name = pair.name if len(pair.name) <= 30 else pair.name[:29] + "…"
            was = _said(pair.before, pair.before_seconds)
            lines.append(f"{name:30} {was:24} {_said(pair.after, pair.after_seconds)}")
            for cause in pair.changes:
                lines.append(f"    {cause.text}")
                lines += [f"      {line}" for line in cause.differences]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows = [("", self.before, self.after), *self.facts]
        body = [f"<tr>{''.join(_cell(text) for text in row)}</tr>" for row in rows]
        for pair in self.steps:
            was, now = (
                _said(pair.before, pair.before_seconds),
                _said(pair.after, pair.after_seconds),
            )
            body.append(f"<tr>{_cell(pair.name)}{_cell(was)}{_cell(now)}</tr>")
            if pair.changes:
                said = "\n".join(
                    "\n  ".join([cause.text, *cause.differences]) for cause in pair.changes
                )
                body.append(f'<tr><td colspan="3"><pre>{escape(said)}</pre></td></tr>')
        return frame(f"<table>{''.join(body)}</table>")


def _cell(text: str) -> str:
    return f"<td>{escape(text)}</td>"


def _said(state: str | None, spent: float | None) -> str:
    if state is None:
        return "–"
    return f"{state}, {seconds(spent)}" if spent is not None and state != "cached" else state


def compare_builds(before: Path, after: Path) -> BuildComparison:
    """Compare two recorded builds, of one project or of two.

    Parameters
    ----------
    before, after
        Their folders.
    """
    old, new = load_past(before), load_past(after)
    pairs = tuple(pair for pair in _pairs(old, new))
    return BuildComparison(old.id, new.id, tuple(_facts(old, new)), pairs)


def _facts(old: Past, new: Past) -> Iterator[tuple[str, str, str]]:
    for name, was, now in (
        ("state", old.ending, new.ending),
        ("time", *(seconds((b.state.result or {}).get("duration")) for b in (old, new))),
        ("steps cached", *(_counted(b) for b in (old, new))),
        ("project", old.project or "", new.project or ""),
        ("builder", old.builder, new.builder),
        ("BuildKit", old.evidence.version or "unknown", new.evidence.version or "unknown"),
        ("image", *(str((b.state.result or {}).get("image") or "") for b in (old, new))),
        ("digest", *(str((b.state.result or {}).get("digest") or "") for b in (old, new))),
    ):
        if name in ("state", "time", "steps cached") or was != now:
            yield name, was, now


def _counted(build: Past) -> str:
    counts = build.state.summary()
    return f"{counts['cached']} of {counts['total']}"


def _pairs(old: Past, new: Past) -> Iterator[StepPair]:
    for number, graph in enumerate(new.graphs):
        if number >= len(old.graphs):
            break
        comparison = compare_graphs(old.graphs[number], graph)
        for vertex in graph:
            step = new.step(vertex.digest)
            if step is None or step.kind != "step":
                continue
            before = comparison.pairs.get(vertex.digest)
            other = old.step(before) if before else None
            yield StepPair(
                name_of(vertex),
                _state(other),
                _state(step),
                other.duration(None) if other is not None else None,
                step.duration(None),
                tuple(_changes(comparison, vertex.digest, old, new)),
            )
        for digest in comparison.removed:
            gone = old.step(digest)
            if gone is not None and gone.kind == "step":
                vertex = comparison.old[digest]
                yield StepPair(name_of(vertex), _state(gone), None, gone.duration(None), None)


def _state(step: Step | None) -> str | None:
    if step is None:
        return None
    return {"done": "ran", "waiting": "waited"}.get(step.state, step.state)


def _changes(comparison: Comparison, digest: str, old: Past, new: Past) -> Iterator[Cause]:
    vertex = comparison.new[digest]
    if digest in comparison.changes:
        yield cause_of_changes(vertex, comparison.changes[digest])
    for use in vertex.uses:
        source = comparison.new.vertices.get(vertex.inputs[use.input].vertex)
        name = context_name(source.identifier) if source is not None else None
        was, now = (b.evidence.contexts.get(name or "") for b in (old, new))
        if was is not None and now is not None:
            changes = changed_files(was, now, use)
            if changes:
                yield cause_of_files(vertex, changes, whole="/" in use.paths)


def export_build(folder: Path, target: Path, form: str | None = None) -> Path:
    """Write a build to one file, for somebody who does not have its record.

    Parameters
    ----------
    folder
        The build's folder.
    target
        The file.
    form
        ``rawjson`` (BuildKit's events, as ``docker buildx --progress rawjson`` prints them),
        ``json`` (the report) or ``html`` (a page with the report and the log); by default what the
        file's name ends with.

    Raises
    ------
    RequestError
        If there is no such format, or the file cannot be written.
    """
    if form is None:
        form = _ENDINGS.get(target.suffix.lower())
        if form is None:
            raise RequestError(
                f"the name {target.name!r} tells no format of an exported build",
                hint=f"End it with {', '.join(_ENDINGS)}.",
            )
    if form not in FORMATS:
        raise RequestError(
            f"{form!r} is no format of an exported build", hint=f"There are {', '.join(FORMATS)}."
        )
    partial = target.with_name(f".{target.name}.partial")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("w", encoding="utf-8") as file:
            for piece in _pieces(folder, form):
                file.write(piece)
        partial.replace(target)
    except OSError as error:
        raise RequestError(
            f"the build cannot be exported to {target}: {error.strerror or error}",
            hint="Name a file in a directory you may write to.",
        ) from None
    return target


def _pieces(folder: Path, form: str) -> Iterator[str]:
    if form == "rawjson":
        for event in read_events(folder / "events.jsonl"):
            if "envd" not in event:
                yield json.dumps(event, separators=(",", ":")) + "\n"
        return
    from envd_jupyter.builds.insight.report import report_of
    from envd_jupyter.builds.result import BuildResult

    report = report_of(folder)
    if form == "json":
        result: dict[str, Any] = {"view": BuildResult.from_log(folder).view()}
        yield json.dumps(result | {"report": report.to_json()}, indent=1)
        return
    from envd_jupyter.builds.insight.reporthtml import page

    yield page(report, BuildResult.from_log(folder).log())
