"""A step that ran although nothing it depends on has changed: where its result went.

The builder lost it, never had it, or the remote cache that should have brought it did not. Each is
concluded only from what was noted when the builds ran; without such a note the answer is unknown.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from envd_jupyter.builds.insight.causes import Cause, name_of
from envd_jupyter.builds.insight.evidence import short_description

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence

    from envd_jupyter.builds.insight.graph import Graph, Vertex
    from envd_jupyter.builds.insight.past import Cache, Past

__all__ = ["Losses", "day", "description"]

_SLACK = 2.0  # seconds between a step's times and those of its record
_NAMELESS = "fileop target"  # how older BuildKits describe every file operation
_USE_CACHE = "A remote cache (--export-cache, --import-cache) carries results between builders."


def day(moment: float) -> str:
    """Return a time as people write it."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(moment)) if moment else "unknown time"


class Losses:
    """Find out where the results of unchanged steps went.

    Parameters
    ----------
    build, graph
        The build, and the graph the steps are in.
    earlier
        Builds of the same project, the latest first.
    others
        All builds that are known, for who exported a cache.
    ids
        The numbers under which equal vertices are known.
    """

    def __init__(
        self,
        build: Past,
        graph: Graph,
        earlier: Sequence[Past],
        others: Sequence[Past],
        ids: dict[Hashable, int],
    ) -> None:
        self._build = build
        self._graph = graph
        self._earlier = earlier
        self._others = others
        self._ids = ids
        self._keys = build.keys(graph, ids)
        self._unknown = _below(graph, build.contents(graph)[1])
        self._seen: dict[str, dict[int, list[str]]] = {}

    # The three questions

    def without_baseline(self, vertex: Vertex) -> tuple[Cause, ...]:
        """Explain a step of a project that has no earlier build here."""
        causes = tuple(self._imports(vertex, None))
        if causes:
            return causes
        text = "No earlier build of this project is recorded here."
        return (Cause("first-build", text, name_of(vertex), vertex.digest, (), (), None),)

    def built_before(self, vertex: Vertex, base: Past | None) -> tuple[Cause, ...]:
        """Explain a changed step that an older build had just like this, and which was pruned.

        Empty unless there is proof of it.
        """
        if vertex.digest in self._unknown:
            return ()
        for build, digest in self._holders(vertex):
            if build is base or not self._build.same_worker(build):
                continue
            cause = self._pruned(vertex, build)
            if cause is not None and self._ran(build, digest):
                was = f"build {build.id} ({day(build.started)}) ran it exactly as it is now"
                return (cause.with_evidence(was),)
        return ()

    def unchanged(self, vertex: Vertex, base: Past | None, old: str | None) -> tuple[Cause, ...]:
        """Explain a step that is as it was in the last build.

        Parameters
        ----------
        vertex
            The step.
        base
            The build it is compared with.
        old
            The step's vertex there.
        """
        holders = list(self._holders(vertex))
        if not holders:
            return self._never_finished(vertex, base, old)
        here = [(b, d) for b, d in holders if self._build.same_worker(b) is not False]
        if not here:
            at_home = [b for b, _ in holders if b.builder == self._build.builder]
            return self._elsewhere(vertex, (at_home or [holders[0][0]])[0])
        certain = [(b, d) for b, d in here if self._build.same_worker(b)]
        return self._lost(vertex, certain or here)

    # Where results were

    def _holders(self, vertex: Vertex) -> Iterator[tuple[Past, str]]:
        """Yield the builds that had this very step's result, the latest first."""
        key = self._keys[vertex.digest]
        for build in self._earlier:
            for digest in self._index(build).get(key, ()):
                if build.finished(digest):
                    yield build, digest

    def _index(self, build: Past) -> dict[int, list[str]]:
        index = self._seen.get(build.id)
        if index is None:
            index = self._seen[build.id] = {}
            for graph in build.graphs:
                for digest, key in build.keys(graph, self._ids).items():
                    index.setdefault(key, []).append(digest)
        return index

    @staticmethod
    def _ran(build: Past, digest: str) -> bool:
        step = build.step(digest)
        return step is not None and step.state == "done"

    def _never_finished(
        self, vertex: Vertex, base: Past | None, old: str | None
    ) -> tuple[Cause, ...]:
        if base is None or old is None:
            return (_unknown(vertex, "there is no build to compare with"),)
        step = base.step(old)
        state = step.state if step is not None else "waiting"
        words = {
            "failed": "It failed in the last build.",
            "canceled": "The last build was stopped while it ran.",
            "running": "The last build ended while it ran.",
            "waiting": "The last build ended before it was its turn.",
        }
        if state in words and base.ending != "succeeded":
            evidence = f"build {base.id} ({day(base.started)}) ended as {base.ending}"
            return (
                Cause("unfinished", words[state], name_of(vertex), vertex.digest, (), (evidence,)),
            )
        uncertain = self._uncertain(vertex, base)
        return (_unknown(vertex, uncertain or f"build {base.id} does not tell how it ended there"),)

    def _elsewhere(self, vertex: Vertex, holder: Past) -> tuple[Cause, ...]:
        """Explain a step whose result only another builder has."""
        build, name = self._build, name_of(vertex)
        reset = holder.builder == build.builder
        had = f"build {holder.id} ({day(holder.started)}) had it"
        if reset:
            had += f", on the worker {holder.evidence.worker}; now it is {build.evidence.worker}"
        else:
            had += f", on {holder.builder}"
        imports = [cause.with_evidence(had) for cause in self._imports(vertex, holder)]
        if imports:
            return tuple(imports)
        if reset:
            text = f"The builder at {build.builder} is a new one: its state was removed."
            kind = "builder-reset"
        else:
            text = "Another builder had run it; builders share nothing by themselves."
            kind = "other-builder"
        return (Cause(kind, text, name, vertex.digest, (), (had,), _USE_CACHE),)

    def _lost(self, vertex: Vertex, holders: Sequence[tuple[Past, str]]) -> tuple[Cause, ...]:
        """Explain a step whose result this builder had."""
        build, (holder, _) = self._build, holders[0]
        had = f"build {holder.id} ({day(holder.started)}) had its result"
        ran_here = [b for b, digest in holders if self._ran(b, digest)]
        imports = tuple(self._imports(vertex, holder))
        if not ran_here and holder.caches("import"):
            if imports:
                return tuple(cause.with_evidence(had) for cause in imports)
            names = [c.entry for c in holder.caches("import") if c.state == "ok"]
            if names:
                text = "It came from a remote cache that this build does not import."
                lines = tuple(f"imported then: {name}" for name in names)
                return (
                    Cause(
                        "import-dropped",
                        text,
                        name_of(vertex),
                        vertex.digest,
                        lines,
                        (had,),
                        "Add the import again: --import-cache " + names[0],
                    ),
                )
        if build.same_worker(holder) is None:
            return (_unknown(vertex, "it is not known whether the builder is still the same"),)
        cause = self._pruned(vertex, ran_here[0] if ran_here else holder)
        if cause is None:
            if build.evidence.before is None:
                why = "nobody looked at what the builder held before this build"
            else:
                why = "nothing it depends on is known to have changed, and the builder still held "
                why += "a result of it"
            uncertain = self._uncertain(vertex, holder)
            return (_unknown(vertex, uncertain or why).with_evidence(had), *imports)
        return (cause.with_evidence(had), *imports)

    def _pruned(self, vertex: Vertex, holder: Past) -> Cause | None:
        """Return the proof that the builder no longer had a result, if there is one."""
        before = self._build.evidence.before
        if before is None:
            return None
        # A record made since the build began is the build's own.
        made = [
            moment
            for moment in before.made.get(description(vertex), ())
            if moment < self._build.started
        ]
        if vertex.kind == "file" and _NAMELESS in before.made:
            return None
        times = [t for t in self._times(vertex) if t is not None]
        if any(start - _SLACK <= moment <= end + _SLACK for moment in made for start, end in times):
            return None
        if made and not times:
            return None
        size = f"{before.records} records, {before.size / 1e6:.0f} MB"
        text = "The builder no longer had its result: it was pruned or collected as garbage."
        if not before.records:
            text = "The builder no longer had its result: its cache was empty, pruned to the last."
        evidence = f"before the build the builder held {size}, none of them this step's"
        hint = "Give the builder more room for its cache (gc settings), or use a remote cache."
        return Cause("pruned", text, name_of(vertex), vertex.digest, (), (evidence,), hint)

    def _times(self, vertex: Vertex) -> list[tuple[float, float] | None]:
        """Return when this step ran on this worker, for the record it left."""
        found: list[tuple[float, float] | None] = []
        for build, digest in self._holders(vertex):
            step = build.step(digest)
            if step is None or step.started is None or step.state != "done":
                continue
            if self._build.same_worker(build) is not False:
                found.append((step.started, step.completed or step.started))
        return found

    def _uncertain(self, vertex: Vertex, other: Past) -> str:
        """Say which input's content is not known, in this build or the other."""
        if vertex.digest in self._unknown:
            return "what one of its sources or files held is not known for this build"
        key = self._keys[vertex.digest]
        for graph in other.graphs:
            if _below(graph, other.contents(graph)[1]):
                digests = self._index(other).get(key, ())
                if not any(digest in graph for digest in digests):
                    return f"what one of its sources or files held is not known for {other.id}"
        return ""

    # Remote caches

    def _imports(self, vertex: Vertex, holder: Past | None) -> Iterator[Cause]:
        """Yield why the remote caches that were to bring a result did not."""
        name = name_of(vertex)
        for cache in self._build.caches("import"):
            shown = f"import: {cache.entry}"
            if cache.state == "failed":
                said = (cache.message or "no reason was given").splitlines()[-1][:300]
                text = f"The remote cache could not be read: {said}"
                yield Cause("import-failed", text, name, vertex.digest, (shown,))
            elif cache.state == "missing":
                text = "The remote cache that is imported does not exist (yet)."
                yield Cause("import-missing", text, name, vertex.digest, (shown,))
            elif cache.state == "ok":
                yield self._without(vertex, cache, shown)

    def _without(self, vertex: Vertex, cache: Cache, shown: str) -> Cause:
        """Explain why a cache that was read does not hold a step."""
        name, exporter = name_of(vertex), self._exporter(cache)
        if exporter is None:
            text = "The remote cache was read, and does not hold this step as it is now."
            hint = "Who exported it is not known here; with mode=min only the final layers are in."
            return Cause("import-without", text, name, vertex.digest, (shown,), (), hint)
        build, export = exporter
        by = f"build {build.id} ({day(build.started)}) exported it with mode={export.mode}"
        key = self._keys[vertex.digest]
        had = any(build.finished(digest) for digest in self._index(build).get(key, ()))
        if had and export.mode == "min":
            text = "The remote cache was exported with mode=min, which leaves this step out."
            return Cause(
                "mode-min",
                text,
                name,
                vertex.digest,
                (shown,),
                (by, "that build had this very step"),
                "Export with mode=max to keep the steps before the final layers too.",
            )
        if had:
            reason = f"{by}, and that build had this very step, yet the cache did not bring it"
            return _unknown(vertex, reason)
        text = "The remote cache was exported by a build in which this step was another."
        hint = "Export the cache again from a build of the present state."
        return Cause("import-without", text, name, vertex.digest, (shown,), (by,), hint)

    def _exporter(self, cache: Cache) -> tuple[Past, Cache] | None:
        """Return the last build before this one that is known to have exported a cache."""
        for build in sorted(self._others, key=lambda other: other.id, reverse=True):
            if build.id >= self._build.id:
                continue
            for export in build.caches("export"):
                if export.state == "ok" and export.place == cache.place:
                    return build, export
        return None


def _unknown(vertex: Vertex, reason: str) -> Cause:
    text = f"Why it ran cannot be known: {reason}."
    return Cause("unknown", text, name_of(vertex), vertex.digest)


def description(vertex: Vertex) -> str:
    """Return how BuildKit describes the record of a step's result."""
    command = vertex.facts.get("command")
    if vertex.kind == "exec" and isinstance(command, tuple):
        return short_description(f"mount / from exec {' '.join(command)}")
    return short_description(vertex.name)


def _below(graph: Graph, digests: frozenset[str]) -> frozenset[str]:
    """Return some vertices and all that depend on them."""
    found = set(digests)
    for vertex in graph:
        if any(given.vertex in found for given in vertex.inputs):
            found.add(vertex.digest)
    return frozenset(found)
