"""The shape of a build as every surface shows it.

A `BuildView` is what `envd_jupyter.builds.state.BuildState.view` folds the events of a build into:
plain JSON of bounded size, published as ``application/vnd.envd.build+json`` and rendered by the
notebook, the terminal, the form, the server and the JupyterLab extension. Times are seconds since
the epoch, durations seconds, sizes bytes. Nothing secret is in it.
"""

from __future__ import annotations

from typing import TypedDict

__all__ = [
    "MIME_TYPE",
    "BuildView",
    "CacheView",
    "CachesView",
    "ErrorView",
    "NoteView",
    "ProgressView",
    "StepView",
    "Summary",
]

MIME_TYPE = "application/vnd.envd.build+json"


class Summary(TypedDict):
    """Counts of the real steps: internal, import and export vertices are left out."""

    total: int
    completed: int
    cached: int
    running: int
    failed: int
    real: int


class ProgressView(TypedDict):
    """One transfer or unpacking inside a step."""

    id: str
    name: str
    current: int
    total: int | None
    done: bool


class StepView(TypedDict):
    """One vertex of the build graph."""

    digest: str
    number: int
    name: str
    kind: str
    state: str
    started: float | None
    completed: float | None
    duration: float | None
    progress: list[ProgressView]
    log_tail: list[str]
    log_lines: int
    error: str | None
    source: str | None


class CacheView(TypedDict):
    """What became of one cache import or export."""

    entry: str
    state: str
    message: str | None
    hint: str | None


class CachesView(TypedDict):
    """All cache imports and exports of the build, redacted."""

    imports: list[CacheView]
    exports: list[CacheView]


class NoteView(TypedDict):
    """Something the reader should know."""

    level: str
    message: str
    hint: str | None


class ErrorView(TypedDict):
    """Why the build did not succeed."""

    message: str
    hint: str | None
    step: str | None
    log_tail: list[str]


class BuildView(TypedDict):
    """A build at one moment."""

    version: int
    id: str
    state: str
    phase: str | None
    title: str
    project: str | None
    image: str | None
    digest: str | None
    builder: str | None
    started: float | None
    completed: float | None
    elapsed: float | None
    summary: Summary
    steps: list[StepView]
    steps_omitted: int
    cache: CachesView
    notes: list[NoteView]
    error: ErrorView | None
    recording: bool
