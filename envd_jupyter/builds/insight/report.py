"""The report of a build: what each step cost, where its result came from, and what that saved.

A figure is only given where it was measured. Savings compare with the last time the very same step
ran, in this build's project; what never ran here has no known saving. The source of a cached step
is read from what the builder held before and after; where that leaves a choice, it is unknown.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from envd_jupyter.builds.insight.causes import short
from envd_jupyter.builds.insight.evidence import short_description
from envd_jupyter.builds.insight.explain import earlier_builds, explain_build
from envd_jupyter.builds.insight.losses import description
from envd_jupyter.builds.insight.past import load_earlier, load_past
from envd_jupyter.builds.steps import title_of

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping, Sequence

    from envd_jupyter.builds.insight.advice import Advice
    from envd_jupyter.builds.insight.causes import Explanation
    from envd_jupyter.builds.insight.graph import Vertex
    from envd_jupyter.builds.insight.past import Cache, Past
    from envd_jupyter.builds.steps import Step

__all__ = ["BuildReport", "CacheReport", "StepReport", "report_of", "report_of_build"]

BUILDER = "builder"
UNKNOWN = "unknown"


@dataclass(frozen=True)
class StepReport:
    """One step of a build.

    Attributes
    ----------
    number, digest, name, kind
        The step; kinds as in the view of a build.
    outcome
        ``cached``, ``ran``, ``failed``, ``canceled``, ``running`` or ``waited`` (never begun).
    started, completed
        Seconds since the epoch.
    duration
        Seconds of work, None if it never began.
    waited
        Seconds between the end of its last input and its own beginning.
    pulled, pushed
        Bytes that are known to have been transferred for it.
    source
        For a cached step, where the result came from: ``builder``, the setting of an import, or
        ``unknown``.
    last
        Seconds it took when it last ran; None if that is not known.
    last_build
        The build in which that was.
    critical
        Whether the build would have been shorter without it.
    """

    number: int
    digest: str
    name: str
    kind: str
    outcome: str
    started: float | None = None
    completed: float | None = None
    duration: float | None = None
    waited: float | None = None
    pulled: int = 0
    pushed: int = 0
    source: str | None = None
    last: float | None = None
    last_build: str | None = None
    critical: bool = False

    @property
    def saved(self) -> float | None:
        """Seconds that the cache saved, against the last time the step ran."""
        if self.outcome != "cached" or self.last is None:
            return None
        return max(self.last - (self.duration or 0.0), 0.0)


@dataclass(frozen=True)
class CacheReport:
    """One remote cache: what it cost. ``duration`` in seconds, None where BuildKit tells none."""

    direction: str
    entry: str
    state: str
    duration: float | None
    message: str | None
    mode: str


@dataclass(frozen=True)
class BuildReport:
    """What a build came to.

    Attributes
    ----------
    id, state, project, builder
        The build.
    started, elapsed
        Seconds since the epoch, and seconds.
    steps
        All steps in the order of the graph.
    caches
        Its remote caches.
    explanations
        Why the steps that ran did so.
    advice
        What could be done better.
    """

    id: str
    state: str
    project: str | None
    builder: str
    started: float
    elapsed: float | None
    steps: tuple[StepReport, ...]
    caches: tuple[CacheReport, ...]
    explanations: tuple[Explanation, ...] = ()
    advice: tuple[Advice, ...] = field(default=())

    @property
    def real(self) -> tuple[StepReport, ...]:
        """The steps of the environment itself."""
        return tuple(step for step in self.steps if step.kind == "step")

    @property
    def cached(self) -> tuple[StepReport, ...]:
        """The steps that were taken from a cache."""
        return tuple(step for step in self.real if step.outcome == "cached")

    @property
    def ran(self) -> tuple[StepReport, ...]:
        """The steps that were carried out."""
        return tuple(step for step in self.real if step.outcome in ("ran", "failed", "canceled"))

    @property
    def saved(self) -> float:
        """Seconds saved by cached steps, as far as is known."""
        return sum(step.saved or 0.0 for step in self.cached)

    @property
    def unknown_savings(self) -> int:
        """How many cached steps never ran here, so that their saving is not known."""
        return sum(step.saved is None for step in self.cached)

    @property
    def pulled(self) -> int:
        """Bytes pulled from registries and remote caches, and received from this machine."""
        return sum(step.pulled for step in self.steps)

    @property
    def critical(self) -> tuple[StepReport, ...]:
        """The chain of steps that determined how long the build took."""
        return tuple(step for step in self.steps if step.critical)

    def spent(self, direction: str) -> float:
        """Return the seconds spent on remote caches of a direction, ``import`` or ``export``."""
        return sum(c.duration or 0.0 for c in self.caches if c.direction == direction)

    def explanation(self, step: StepReport) -> Explanation | None:
        """Return why a step ran."""
        return next((e for e in self.explanations if e.digest == step.digest), None)

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON."""
        import dataclasses

        return {
            "version": 1,
            "id": self.id,
            "state": self.state,
            "project": self.project,
            "builder": self.builder,
            "started": self.started,
            "elapsed": self.elapsed,
            "saved": self.saved,
            "unknown_savings": self.unknown_savings,
            "pulled": self.pulled,
            "steps": [dataclasses.asdict(s) | {"saved": s.saved} for s in self.steps],
            "caches": [dataclasses.asdict(cache) for cache in self.caches],
            "explanations": [explanation.to_json() for explanation in self.explanations],
            "advice": [dataclasses.asdict(advice) for advice in self.advice],
        }

    def text(self) -> str:
        """Return the report as plain text."""
        from envd_jupyter.builds.insight.reporttext import report_text

        return report_text(self)

    def _repr_html_(self) -> str:
        from envd_jupyter.builds.insight.reporthtml import report_html

        return report_html(self)

    def __repr__(self) -> str:
        return self.text()


def report_of(folder: Path) -> BuildReport:
    """Report on a recorded build, compared with the builds recorded beside it.

    Parameters
    ----------
    folder
        The build's folder.
    """
    folder = Path(folder)
    build = load_past(folder)
    return report_of_build(build, load_earlier(build, folder))


def report_of_build(build: Past, others: Sequence[Past]) -> BuildReport:
    """Report on a build, compared with others."""
    from envd_jupyter.builds.insight.advice import advise

    critical = _critical(build)
    sources = _sources(build)
    lasts = _last_runs(build, others)
    steps = tuple(
        _step(step, build, critical, sources, lasts) for step in build.state.steps.values()
    )
    result = build.state.result or {}
    report = BuildReport(
        id=build.id,
        state=build.ending,
        project=build.project,
        builder=build.builder,
        started=build.started,
        elapsed=result.get("duration"),
        steps=steps,
        caches=tuple(_caches(build)),
        explanations=explain_build(build, others),
    )
    return advise(report, build, others)


def _step(
    step: Step,
    build: Past,
    critical: frozenset[str],
    sources: Mapping[str, str],
    lasts: Mapping[str, tuple[float, str]],
) -> StepReport:
    outcome = {"done": "ran", "waiting": "waited"}.get(step.state, step.state)
    pulled, pushed = _transferred(build.moved.get(step.digest, {}), step.kind)
    last, last_build = lasts.get(step.digest, (None, None))
    duration = step.duration(None)
    if outcome == "ran" and step.kind == "step":
        last, last_build = duration, build.id
    return StepReport(
        number=step.number,
        digest=step.digest,
        name=short(title_of(step.name), 120),
        kind=step.kind,
        outcome=outcome,
        started=step.started,
        completed=step.completed,
        duration=duration,
        waited=_waited(step, build),
        pulled=pulled,
        pushed=pushed,
        source=sources.get(step.digest) if outcome == "cached" and step.kind == "step" else None,
        last=last,
        last_build=last_build,
        critical=step.digest in critical,
    )


def _transferred(moved: Mapping[str, int], kind: str) -> tuple[int, int]:
    """Return the bytes that came in and went out for a step."""
    layers = sum(size for name, size in moved.items() if name.startswith("sha256:"))
    files = sum(size for name, size in moved.items() if name.startswith("transferring "))
    return (files, layers) if kind == "export" else (layers + files, 0)


def _waited(step: Step, build: Past) -> float | None:
    if step.started is None or step.state == "cached":
        return None
    ends = [
        given.completed
        for digest in step.inputs
        if (given := build.step(digest)) is not None and given.completed is not None
    ]
    return max(step.started - max(ends), 0.0) if ends else None


def _critical(build: Past) -> frozenset[str]:
    """Return the chain of steps that ended last, each begun when the one before it had ended."""
    steps = [s for s in build.state.steps.values() if s.completed is not None and s.started]
    if not steps:
        return frozenset()
    current = max(steps, key=lambda step: step.completed or 0.0)
    chain = {current.digest}
    while True:
        inputs = [s for digest in current.inputs if (s := build.step(digest)) in steps and s]
        if not inputs and current.kind == "export":
            begun = current.started or 0.0
            inputs = [s for s in steps if (s.completed or 0.0) <= begun + 0.05]
        inputs = [s for s in inputs if s.digest not in chain]
        if not inputs:
            return frozenset(chain)
        current = max(inputs, key=lambda step: step.completed or 0.0)
        chain.add(current.digest)


def _caches(build: Past) -> Iterable[CacheReport]:
    for direction in ("import", "export"):
        for cache in build.caches(direction):
            vertex = build.vertices.get((direction, cache.entry))
            step = build.step(vertex) if vertex else None
            yield CacheReport(
                direction,
                cache.entry,
                cache.state,
                step.duration(None) if step is not None else None,
                cache.message,
                cache.mode,
            )


# Where cached steps came from


def _sources(build: Past) -> dict[str, str]:
    """Return where the results of cached steps came from, by digest."""
    read = [cache for cache in build.caches("import") if cache.state == "ok"]
    before, after = build.evidence.before, build.evidence.after
    vertices = [vertex for graph in build.graphs for vertex in graph]
    if not read:
        return {vertex.digest: BUILDER for vertex in vertices}
    if before is None or after is None:
        return {vertex.digest: UNKNOWN for vertex in vertices}
    if not after.layers - before.layers:
        # No layer came in: whatever was cached lay on the builder.
        return {vertex.digest: BUILDER for vertex in vertices}
    return {v.digest: _source(v, read, set(before.made)) for v in vertices}


def _source(vertex: Vertex, read: Sequence[Cache], held: set[str]) -> str:
    if short_description(description(vertex)) in held:
        return UNKNOWN  # the builder and a remote cache may both have had it
    return read[0].entry if len(read) == 1 else UNKNOWN


def _last_runs(build: Past, others: Sequence[Past]) -> dict[str, tuple[float, str]]:
    """Return how long steps took when they last ran, by their digest in this build."""
    ids: dict[Hashable, int] = {}
    wanted = {d: k for graph in build.graphs for d, k in build.keys(graph, ids).items()}
    found: dict[int, tuple[float, str]] = {}
    for other in earlier_builds(build, others):
        for graph in other.graphs:
            for digest, key in other.keys(graph, ids).items():
                step = other.step(digest)
                if key not in found and step is not None and step.state == "done":
                    found[key] = (step.duration(None) or 0.0, other.id)
    return {digest: found[key] for digest, key in wanted.items() if key in found}
