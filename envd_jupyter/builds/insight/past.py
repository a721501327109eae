"""One recorded build as the explanations look at it: its steps, graphs, caches and evidence."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from envd_jupyter.builds.insight.compare import deep_keys
from envd_jupyter.builds.insight.context_files import context_name, selection_digest
from envd_jupyter.builds.insight.evidence import Evidence, read_evidence
from envd_jupyter.builds.state import BuildState

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Mapping
    from pathlib import Path
    from typing import Any

    from envd_jupyter.builds.insight.graph import Graph, Vertex
    from envd_jupyter.builds.steps import Step
    from envd_jupyter.builds.view import CacheView

__all__ = ["Cache", "Past", "load_earlier", "load_past", "read_graphs"]

_FINISHED = ("done", "cached")
_MOST_SAME = 12
_MOST_LOOKED_AT = 400


@dataclass(frozen=True, slots=True)
class Cache:
    """One remote cache of a build: its setting, and what became of it."""

    entry: str
    state: str
    message: str | None
    attrs: Mapping[str, str]

    @property
    def mode(self) -> str:
        """What is exported: ``min`` unless ``max`` was asked for."""
        return "max" if self.attrs.get("mode") == "max" else "min"

    @property
    def place(self) -> tuple[str, ...]:
        """Where the cache is kept: equal for an export and for an import of the same."""
        attrs, kind = self.attrs, self.attrs.get("type", "")
        if kind in ("registry", "inline"):
            return "registry", attrs.get("ref", "")
        if kind == "local":
            path = attrs.get("dest") or attrs.get("src") or ""
            return kind, path.rstrip("/"), attrs.get("tag", "latest")
        if kind == "s3":
            names = ("bucket", "prefix", "manifests_prefix")
            return kind, *(attrs.get(n, "") for n in names), attrs.get("name", "buildkit")
        return kind, attrs.get("scope", "buildkit")


@dataclass(frozen=True)
class Past:
    """One build, as recorded.

    Attributes
    ----------
    state
        The events, folded.
    graphs
        What BuildKit was asked to build, one graph for each platform.
    evidence
        What the build noted beside its events.
    moved
        Bytes that each step pulled, pushed or received, by the name of the transfer.
    vertices
        The step that imported or exported a remote cache, by direction and setting.
    """

    state: BuildState
    graphs: tuple[Graph, ...] = ()
    evidence: Evidence = field(default_factory=Evidence)
    moved: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    vertices: Mapping[tuple[str, str], str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The build's id."""
        return self.state.id

    @property
    def ending(self) -> str:
        """How the build ended, or ``running``."""
        return self.state.state

    @property
    def started(self) -> float:
        """When it was started, in seconds since the epoch."""
        return float(self.state.start.get("time") or 0.0)

    @property
    def project(self) -> str | None:
        """The project's directory."""
        found: str | None = self.state.start.get("project")
        return found

    @property
    def function(self) -> str | None:
        """The file and function that were built, ``FILE:FUNCTION``."""
        found: str | None = self.state.start.get("from")
        return found

    @property
    def builder(self) -> str:
        """The builder's address."""
        return str(self.state.start.get("builder") or "")

    @property
    def docker(self) -> bool:
        """Whether a Docker Engine built."""
        return self.builder.startswith(("docker:", "docker+"))

    def same_worker(self, other: Past) -> bool | None:
        """Say whether two builds ran on the same worker's cache; None if that is not known."""
        mine, theirs = self.evidence.worker, other.evidence.worker
        if mine and theirs:
            return mine == theirs
        return None if self.builder == other.builder else False

    def caches(self, direction: str) -> list[Cache]:
        """Return the remote caches of a direction, ``import`` or ``export``."""
        return [_cache(view, self) for view in self.state.caches[direction].values()]

    def step(self, digest: str) -> Step | None:
        """Return what is known of a vertex, or None if BuildKit never spoke of it."""
        return self.state.steps.get(digest)

    def finished(self, digest: str) -> bool:
        """Say whether a vertex has a result: it ran to its end, or was cached."""
        step = self.step(digest)
        return step is not None and step.state in _FINISHED

    def contents(self, graph: Graph) -> tuple[dict[str, dict[int, str] | str], frozenset[str]]:
        """Return what the sources of a graph held, and the vertices of which that is unknown.

        The first value is what `deep_keys` takes.
        """
        found: dict[str, dict[int, str] | str] = {}
        unknown: set[str] = set()
        for vertex in graph:
            if vertex.kind == "source":
                if context_name(vertex.identifier) is None:
                    content = self.content(vertex)
                    if content is None:
                        unknown.add(vertex.digest)
                    elif content:
                        found[vertex.digest] = content
                continue
            chosen = self._selected(graph, vertex)
            if chosen:
                found[vertex.digest] = chosen
            if any(not digest for digest in chosen.values()):
                unknown.add(vertex.digest)
        return found, frozenset(unknown)

    def content(self, source: Vertex) -> str | None:
        """Return the digest a source resolved to; empty if its URL tells it, None if unknown."""
        url = source.identifier
        if "@sha256:" in url or "attribute http.checksum" in source.facts:
            return ""
        platform = source.facts.get("platform")
        sources = self.evidence.sources
        return sources.get(f"{url}#{platform}") or sources.get(url)

    def _selected(self, graph: Graph, vertex: Vertex) -> dict[int, str]:
        found: dict[int, str] = {}
        for number, given in enumerate(vertex.inputs):
            source = graph.vertices.get(given.vertex)
            name = context_name(source.identifier) if source is not None else None
            if name is None:
                continue
            manifest = self.evidence.contexts.get(name)
            uses = [use for use in vertex.uses if use.input == number]
            if not uses:
                found[number] = f"session {self.id}"
                continue
            digests = [selection_digest(manifest, use) if manifest else None for use in uses]
            found[number] = "" if None in digests else " ".join(map(str, digests))
        return found

    def keys(self, graph: Graph, ids: dict[Hashable, int]) -> dict[str, int]:
        """Give each vertex a number by all that is known of it, contents as well."""
        return deep_keys(graph, ids, self.contents(graph)[0])


def load_past(folder: Path) -> Past:
    """Read a build from its folder, without its log lines."""
    state = BuildState(folder.name)
    moved: dict[str, dict[str, int]] = {}
    vertices: dict[tuple[str, str], str] = {}
    for event in _events(folder / "events.jsonl"):
        state.apply(event)
        own = event.get("envd") or {}
        if own.get("kind") == "cache" and own.get("vertex"):
            vertices[own.get("direction", ""), own.get("entry", "")] = own["vertex"]
        for status in event.get("statuses") or ():
            there = moved.setdefault(status.get("vertex", ""), {})
            name = status.get("id", "")
            there[name] = max(there.get(name, 0), status.get("current") or 0)
    return Past(state, read_graphs(folder), read_evidence(folder), moved, vertices)


def read_graphs(folder: Path) -> tuple[Graph, ...]:
    """Read the graphs of a build as far as they are there and sound."""
    from envd_jupyter.builds.insight.graph import decode_graph

    graphs = []
    for path in sorted(folder.glob("graph-*.llb"), key=lambda path: (len(path.name), path.name)):
        try:
            graph = decode_graph(path.read_bytes())
        except (OSError, ValueError):
            continue
        if len(graph):
            graphs.append(graph)
    return tuple(graphs)


def load_earlier(build: Past, folder: Path) -> list[Past]:
    """Read the builds that a build is to be compared with, the latest first.

    Parameters
    ----------
    build
        The build.
    folder
        Its folder; the others lie beside it.

    Returns
    -------
    list of Past
        Earlier builds of the same project, and the last that exported a cache it imports.
    """
    wanted = {cache.place for cache in build.caches("import")}
    found: list[Past] = []
    same = 0
    names = sorted((p.name for p in folder.parent.iterdir() if p.name < folder.name), reverse=True)
    for name in names[:_MOST_LOOKED_AT]:
        start = _first_event(folder.parent / name / "events.jsonl")
        mine = start.get("project") == build.project and start.get("from") == build.function
        if mine and same < _MOST_SAME:
            same += 1
            found.append(load_past(folder.parent / name))
        elif wanted and start.get("exports"):
            other = load_past(folder.parent / name)
            places = {cache.place for cache in other.caches("export") if cache.state == "ok"}
            if places & wanted:
                wanted -= places
                found.append(other)
    return found


def _first_event(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            event = json.loads(file.readline(1 << 20))
        start = event.get("envd") or {}
    except (OSError, ValueError, AttributeError):
        return {}
    return start if isinstance(start, dict) and start.get("kind") == "start" else {}


def _events(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the events of a log but for the lines of steps, which may be many millions."""
    try:
        file = path.open("rb")
    except OSError:
        return
    with file:
        for line in file:
            if b'"vertexes"' in line or b'"envd"' in line or b'"statuses"' in line:
                try:
                    event = json.loads(line)
                except ValueError:
                    continue
                if isinstance(event, dict):
                    event.pop("logs", None)
                    yield event


def _cache(view: CacheView, build: Past) -> Cache:
    from envd_jupyter.cache.csvfield import parse_fields
    from envd_jupyter.errors import CacheSettingError

    try:
        attrs = dict(parse_fields(view["entry"]))
    except CacheSettingError:
        attrs = {}
    if attrs.get("type") == "inline":
        # An inline cache lies in the image itself.
        attrs["ref"] = str((build.state.result or build.state.start).get("image") or "")
    return Cache(view["entry"], view["state"], view["message"], attrs)
