"""Two graphs side by side: which vertex of the new one stands for which of the old one.

Digests do not help, for they differ in every build. Vertices are paired in passes, from sure to
likely: the same down to their sources; the same in themselves, in the same order; the same by name;
and last those that stand in the same place. What stays alone was added or removed. A pair whose
facts differ is a *change*; all else that differs only follows from one.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from envd_jupyter.builds.insight.graph import Fact, Graph, Vertex

__all__ = ["Change", "Comparison", "changes_between", "compare_graphs", "deep_keys"]


@dataclass(frozen=True, slots=True)
class Change:
    """One fact that differs: what it is called, and how it was and is (None: not there)."""

    field: str
    before: Fact | None
    after: Fact | None

    @property
    def reordered(self) -> bool:
        """Whether the same items only stand in another order."""
        return (
            isinstance(self.before, tuple)
            and isinstance(self.after, tuple)
            and sorted(self.before) == sorted(self.after)
        )


@dataclass(frozen=True)
class Comparison:
    """What a new graph has in common with an old one.

    Attributes
    ----------
    pairs
        Old digest by new digest.
    added, removed
        Vertices without a counterpart: digests of the new graph, digests of the old one.
    changes
        What differs in itself, by new digest.
    skipped
        Old vertices that stood before an input and are gone, by new digest.
    reordered
        New digests whose inputs are old acquaintances in another order.
    """

    old: Graph
    new: Graph
    pairs: Mapping[str, str]
    added: frozenset[str]
    removed: frozenset[str]
    changes: Mapping[str, tuple[Change, ...]]
    skipped: Mapping[str, tuple[str, ...]]
    reordered: frozenset[str]

    def differs(self, digest: str) -> bool:
        """Say whether a vertex of the new graph differs in itself, not only through an input."""
        return (
            digest in self.added
            or digest in self.changes
            or digest in self.skipped
            or digest in self.reordered
        )


def compare_graphs(old: Graph, new: Graph) -> Comparison:
    """Compare two graphs of the same project.

    Parameters
    ----------
    old, new
        The graphs. They may be of any size; the time grows with what differs.
    """
    pairs = _pair(old, new)
    there = set(pairs.values())
    added = frozenset(digest for digest in new.vertices if digest not in pairs)
    removed = frozenset(digest for digest in old.vertices if digest not in there)
    changes: dict[str, tuple[Change, ...]] = {}
    skipped: dict[str, tuple[str, ...]] = {}
    reordered: set[str] = set()
    for digest, before in pairs.items():
        was, now = old[before], new[digest]
        found = changes_between(was, now)
        if found:
            changes[digest] = found
        gone = _gone_inputs(old, was, now, pairs, removed)
        if gone:
            skipped[digest] = gone
        elif _rewired(was, now, pairs):
            reordered.add(digest)
    return Comparison(old, new, pairs, added, removed, changes, skipped, frozenset(reordered))


def changes_between(was: Vertex, now: Vertex) -> tuple[Change, ...]:
    """Return the facts in which two vertices differ, in the order of their names in the new one."""
    if was.facts == now.facts and was.ignore_cache == now.ignore_cache:
        return ()
    names = [*now.facts, *(name for name in was.facts if name not in now.facts)]
    found = [
        Change(name, was.facts.get(name), now.facts.get(name))
        for name in names
        if was.facts.get(name) != now.facts.get(name)
    ]
    if now.ignore_cache and not was.ignore_cache:
        found.append(Change("cache", "used", "not used"))
    return tuple(found)


def deep_keys(
    graph: Graph,
    ids: dict[Hashable, int],
    contents: Mapping[str, Mapping[int, str] | str] | None = None,
) -> dict[str, int]:
    """Give each vertex a number that it shares with every vertex equal to it, inputs and all.

    Parameters
    ----------
    graph
        The graph.
    ids
        The numbers given so far; pass the same dictionary for the graphs to be compared.
    contents
        What sources held: for a source its digest, for a vertex that compares inputs by content
        the digest of what it selects, by input.
    """
    keys: dict[str, int] = {}
    contents = contents or {}
    for vertex in graph:
        content = contents.get(vertex.digest)
        selected = content if isinstance(content, dict) else {}
        inputs = tuple(
            (given.role, selected[number])
            if number in selected
            else (given.role, given.output, keys.get(given.vertex, -1))
            for number, given in enumerate(vertex.inputs)
        )
        value = (vertex.local, inputs, content if isinstance(content, str) else None)
        keys[vertex.digest] = ids.setdefault(value, len(ids))
    return keys


# Pairing


def _pair(old: Graph, new: Graph) -> dict[str, str]:
    ids: dict[Hashable, int] = {}
    old_keys, new_keys = deep_keys(old, ids), deep_keys(new, ids)
    pairs: dict[str, str] = {}
    waiting: dict[int, list[str]] = {}
    for digest, key in old_keys.items():
        waiting.setdefault(key, []).append(digest)
    for digest, key in new_keys.items():
        candidates = waiting.get(key)
        if candidates:
            pairs[digest] = candidates.pop(0)
    _in_order(old, new, pairs, lambda vertex: vertex.local)
    _in_order(old, new, pairs, lambda vertex: (vertex.kind, vertex.name))
    _anywhere(old, new, pairs)
    _in_place(old, new, pairs)
    return pairs


def _rest(old: Graph, new: Graph, pairs: Mapping[str, str]) -> tuple[list[Vertex], list[Vertex]]:
    taken = set(pairs.values())
    return (
        [vertex for vertex in old if vertex.digest not in taken],
        [vertex for vertex in new if vertex.digest not in pairs],
    )


def _in_order(old: Graph, new: Graph, pairs: dict[str, str], sign: _Sign) -> None:
    """Pair vertices with equal signs, keeping their order."""
    was, now = _rest(old, new, pairs)
    if not was or not now:
        return
    ids: dict[Hashable, int] = {}
    before = [ids.setdefault(sign(vertex), len(ids)) for vertex in was]
    after = [ids.setdefault(sign(vertex), len(ids)) for vertex in now]
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    for block in matcher.get_matching_blocks():
        for offset in range(block.size):
            pairs[now[block.b + offset].digest] = was[block.a + offset].digest


def _anywhere(old: Graph, new: Graph, pairs: dict[str, str]) -> None:
    """Pair equal vertices that have moved."""
    was, now = _rest(old, new, pairs)
    waiting: dict[Hashable, list[Vertex]] = {}
    for vertex in was:
        waiting.setdefault(vertex.local, []).append(vertex)
    for vertex in now:
        candidates = waiting.get(vertex.local)
        if candidates and vertex.facts:
            pairs[vertex.digest] = candidates.pop(0).digest


def _in_place(old: Graph, new: Graph, pairs: dict[str, str]) -> None:
    """Pair vertices of one kind that work on the same input in the same role."""
    was, now = _rest(old, new, pairs)
    places: dict[Hashable, list[Vertex]] = {}
    for vertex in was:
        places.setdefault(_place(vertex, None), []).append(vertex)
    for vertex in now:
        candidates = places.get(_place(vertex, pairs))
        if candidates:
            best = max(candidates, key=lambda other: _likeness(other, vertex))
            candidates.remove(best)
            pairs[vertex.digest] = best.digest


def _place(vertex: Vertex, pairs: Mapping[str, str] | None) -> Hashable:
    if not vertex.inputs:
        return vertex.kind, vertex.identifier.partition("://")[0]
    first = vertex.inputs[0].vertex
    return vertex.kind, pairs.get(first) if pairs is not None else first


def _likeness(one: Vertex, other: Vertex) -> int:
    """Count the words two vertices share: enough to choose among those in one place."""
    return len(set(one.name.split()) & set(other.name.split()))


# Inputs


def _gone_inputs(
    old: Graph, was: Vertex, now: Vertex, pairs: Mapping[str, str], removed: frozenset[str]
) -> tuple[str, ...]:
    """Return the removed vertices between an old vertex and what the new one now works on."""
    if not removed:
        return ()
    kept = {pairs.get(given.vertex) for given in now.inputs}
    gone: list[str] = []
    stack = [given.vertex for given in was.inputs if given.vertex not in kept]
    seen: set[str] = set()
    while stack:
        digest = stack.pop()
        if digest in seen or digest not in removed:
            continue
        seen.add(digest)
        gone.append(digest)
        stack += [given.vertex for given in old[digest].inputs if given.vertex not in kept]
    return tuple(reversed(gone))


def _rewired(was: Vertex, now: Vertex, pairs: Mapping[str, str]) -> bool:
    """Say whether a vertex works on other old acquaintances, or on fewer or more of them."""
    before = [(given.role, given.output, given.vertex) for given in was.inputs]
    after = [(given.role, given.output, pairs.get(given.vertex)) for given in now.inputs]
    if len(before) != len(after):
        return None not in [vertex for _, _, vertex in after]
    return any(
        one != other and other[2] is not None for one, other in zip(before, after, strict=True)
    )


if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    _Sign: TypeAlias = Callable[[Vertex], Hashable]
