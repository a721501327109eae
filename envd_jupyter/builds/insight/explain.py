"""Why a step ran again.

The build is compared with the last one of the same project. Following a step's inputs back, the
first vertex on each path that differs *in itself* is the cause; everything after it only follows.
What a graph does not show is looked up: the files of the context, what a tag resolved to. If then
nothing differs, the builder must have lost the result or never had it, and the evidence says which
(see `losses`). What cannot be known is called unknown: a wrong cause is worse than none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envd_jupyter.builds.insight.causes import (
    Cause,
    Explanation,
    cause_of_changes,
    cause_of_files,
    name_of,
    short,
)
from envd_jupyter.builds.insight.compare import compare_graphs
from envd_jupyter.builds.insight.context_files import changed_files, context_name
from envd_jupyter.builds.insight.losses import Losses, day
from envd_jupyter.builds.steps import title_of

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from envd_jupyter.builds.insight.compare import Comparison
    from envd_jupyter.builds.insight.graph import Graph, Vertex
    from envd_jupyter.builds.insight.past import Past
    from envd_jupyter.builds.steps import Step

__all__ = ["earlier_builds", "explain_build", "explain_step"]

_RAN = ("done", "failed", "running", "canceled")
_MOST_EARLIER = 12


def earlier_builds(build: Past, others: Sequence[Past]) -> list[Past]:
    """Return the builds to compare with: of the same project and function, the latest first."""
    same = [
        other
        for other in others
        if other.id != build.id
        and other.id < build.id
        and other.project == build.project
        and other.function == build.function
        and other.graphs
    ]
    return sorted(same, key=lambda other: other.id, reverse=True)[:_MOST_EARLIER]


def explain_build(build: Past, others: Sequence[Past]) -> tuple[Explanation, ...]:
    """Explain every step of a build that ran and was not taken from a cache.

    Parameters
    ----------
    build
        The build; it may still be running.
    others
        Builds recorded before, in any order and of any project.

    Returns
    -------
    tuple of Explanation
        In the order of the graph, inputs first.
    """
    found: list[Explanation] = []
    earlier = earlier_builds(build, others)
    for graph in build.graphs:
        view = _Look(build, graph, earlier, others)
        for vertex in graph:
            step = build.step(vertex.digest)
            # BuildKit calls a vertex without inputs begun when it only makes its cache key.
            if step is not None and step.kind == "step" and step.state in _RAN and vertex.inputs:
                found.append(view.explain(vertex, step))
    return tuple(found)


def explain_step(build: Past, others: Sequence[Past], digest: str) -> Explanation | None:
    """Explain one step, also one that only is about to run; None if no graph has it."""
    earlier = earlier_builds(build, others)
    for graph in build.graphs:
        step = build.step(digest)
        if digest in graph and step is not None:
            return _Look(build, graph, earlier, others).explain(graph[digest], step)
    return None


class _Look:
    """One graph of a build beside the builds before it."""

    def __init__(
        self, build: Past, graph: Graph, earlier: Sequence[Past], others: Sequence[Past]
    ) -> None:
        self.build = build
        self.graph = graph
        self.base, old = _baseline(graph, earlier)
        self.comparison: Comparison | None = compare_graphs(old, graph) if old else None
        ids: dict[Hashable, int] = {}
        self.losses = Losses(build, graph, earlier, others, ids)
        self._origins: dict[str, tuple[str, ...]] = {}
        self._own: dict[str, tuple[Cause, ...]] = {}

    def explain(self, vertex: Vertex, step: Step) -> Explanation:
        """Explain a step."""
        causes, also = self._causes(vertex)
        return Explanation(
            vertex.digest,
            short(title_of(step.name or vertex.name)),
            step.number,
            step.duration(None) if step.completed is not None else None,
            causes,
            also,
            self.base.id if self.base is not None else None,
        )

    def _causes(self, vertex: Vertex) -> tuple[tuple[Cause, ...], tuple[Cause, ...]]:
        if vertex.ignore_cache:
            return (_no_cache(vertex),), ()
        if self.comparison is None:
            return self.losses.without_baseline(vertex), ()
        origins = self.origins(vertex.digest)
        if not origins:
            old = self.comparison.pairs.get(vertex.digest)
            return self.losses.unchanged(vertex, self.base, old), ()
        gone = self.losses.built_before(vertex, self.base)
        causes = tuple(cause for origin in origins for cause in self.own(origin))
        also = self.own(vertex.digest) if vertex.digest not in origins else ()
        if gone:
            return gone, (*causes, *also)
        return self._as_builder_kind(causes, vertex), also

    def _as_builder_kind(self, causes: tuple[Cause, ...], vertex: Vertex) -> tuple[Cause, ...]:
        """Say it is the kind of builder if that is why envd wrote another graph."""
        base = self.base
        if base is None or base.docker == self.build.docker:
            return causes
        old = self.comparison.old if self.comparison else self.graph
        if old.merges == self.graph.merges:
            return causes
        shaped = [c for c in causes if c.kind in ("new-step", "removed-step", "order")]
        if not shaped:
            return causes
        kinds = "without" if self.build.docker else "with"
        cause = Cause(
            "builder-kind",
            f"envd describes the build {kinds} merge operations for this kind of builder, so its "
            "steps are others.",
            name_of(vertex),
            vertex.digest,
            (f"builder: {base.builder} → {self.build.builder}",),
            (f"build {base.id} ran on {base.builder}",),
            "Builds on Docker Engine and on other builders share no cache; stay with one of them.",
        )
        return (cause, *(c for c in causes if c not in shaped))

    # What differs

    def origins(self, digest: str) -> tuple[str, ...]:
        """Return the first vertices that differ in themselves, on the paths to a vertex."""
        known = self._origins.get(digest)
        if known is not None:
            return known
        # Inputs first, without recursion: a graph may be deeper than the stack.
        stack = [digest]
        while stack:
            current = stack[-1]
            inputs = [given.vertex for given in self.graph[current].inputs]
            missing = [i for i in inputs if i in self.graph and i not in self._origins]
            if missing:
                stack += missing
                continue
            stack.pop()
            above = dict.fromkeys(
                origin
                for i in inputs
                if not self._told_by(current, i)
                for origin in self._origins.get(i, ())
            )
            own = (current,) if not above and self.own(current) else ()
            self._origins[current] = tuple(above) or own
        return self._origins[digest]

    def _told_by(self, digest: str, given: str) -> bool:
        """Say whether a new source is no news beside what changed in the step that uses it."""
        comparison = self.comparison
        if comparison is None or given not in comparison.added:
            return False
        source = self.graph[given]
        if source.kind != "source":
            return False
        return context_name(source.identifier) is not None or comparison.differs(digest)

    def own(self, digest: str) -> tuple[Cause, ...]:
        """Return what differs in a vertex itself."""
        if digest not in self._own:
            self._own[digest] = tuple(self._differences(digest))
        return self._own[digest]

    def _differences(self, digest: str) -> list[Cause]:
        comparison, base = self.comparison, self.base
        if comparison is None or base is None:
            return []
        vertex = self.graph[digest]
        compared = f"compared with build {base.id} ({day(base.started)})"
        found: list[Cause] = []
        if digest in comparison.added:
            found.append(_added(vertex))
        if digest in comparison.changes:
            found.append(cause_of_changes(vertex, comparison.changes[digest]))
        if digest in comparison.skipped:
            gone = [name_of(comparison.old[item]) for item in comparison.skipped[digest]]
            found.append(_removed(vertex, gone))
        elif digest in comparison.reordered:
            text = "The same steps come in another order than before."
            found.append(Cause("order", text, name_of(vertex), digest))
        before = comparison.pairs.get(digest)
        if before is not None:
            old = comparison.old[before]
            found += self._moved(vertex, old, base)
            found += self._files(vertex, old, base)
        return [cause.with_evidence(compared) for cause in found]

    def _moved(self, vertex: Vertex, old: Vertex, base: Past) -> list[Cause]:
        """Tell of a source whose address is the same and whose content is not."""
        if vertex.kind != "source" or vertex.identifier != old.identifier:
            return []
        before, after = base.content(old), self.build.content(vertex)
        if not before or not after or before == after:
            return []
        image = vertex.identifier.startswith("docker-image://")
        place = vertex.identifier.removeprefix("docker-image://")
        text = f"{place} stands for another image now." if image else f"{place} changed."
        return [
            Cause(
                "base-image-moved" if image else "download",
                text,
                name_of(vertex),
                vertex.digest,
                (f"digest: {before} → {after}",),
                ("BuildKit recorded both digests",),
                f"Write {place}@{after} to build on one image until you choose another."
                if image
                else None,
            )
        ]

    def _files(self, vertex: Vertex, old: Vertex, base: Past) -> list[Cause]:
        """Tell of files that a step copies or mounts and that differ."""
        found = []
        for use in vertex.uses:
            source = self.graph.vertices.get(vertex.inputs[use.input].vertex)
            name = context_name(source.identifier) if source is not None else None
            if name is None:
                continue
            before = base.evidence.contexts.get(name)
            after = self.build.evidence.contexts.get(name)
            if before is None or after is None:
                continue
            if use not in old.uses:
                continue  # it reads other files: that is told already
            changes = changed_files(before, after, use)
            if changes:
                found.append(cause_of_files(vertex, changes, whole="/" in use.paths))
        return found


def _baseline(graph: Graph, earlier: Sequence[Past]) -> tuple[Past | None, Graph | None]:
    """Choose what to compare with: the last build, but for the same platform if there is one."""
    for build in earlier:
        for other in build.graphs:
            if other.platform == graph.platform:
                return build, other
    if earlier:
        return earlier[0], earlier[0].graphs[0]
    return None, None


def _added(vertex: Vertex) -> Cause:
    if vertex.kind == "source":
        return Cause("source", f"{vertex.identifier} is new.", name_of(vertex), vertex.digest)
    text = f"The step is new: {name_of(vertex)}."
    return Cause("new-step", text, name_of(vertex), vertex.digest)


def _removed(vertex: Vertex, gone: Sequence[str]) -> Cause:
    text = f"A step before it was removed: {gone[0]}."
    if len(gone) > 1:
        text = f"{len(gone)} steps before it were removed: {', '.join(gone)}."
    lines = tuple(f"removed: {name}" for name in gone)
    return Cause("removed-step", text, name_of(vertex), vertex.digest, lines)


def _no_cache(vertex: Vertex) -> Cause:
    text = "The graph tells BuildKit not to use the cache for this step."
    return Cause("no-cache", text, name_of(vertex), vertex.digest)
