"""Pairing the vertices of two graphs."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from envd_jupyter.builds.insight.compare import compare_graphs
from envd_jupyter.builds.insight.graph import decode_graph
from tests.unit.insight.graphs import Definition, chain


def compare(old: bytes, new: bytes):
    return compare_graphs(decode_graph(old), decode_graph(new))


def names(graph, digests) -> list[str]:
    return [graph[digest].name.removeprefix("bash -c ") for digest in digests]


def test_the_same_graph():
    found = compare(chain("a", "b", "c"), chain("a", "b", "c"))
    assert len(found.pairs) == 4
    assert not (found.added)
    assert not (found.removed)
    assert not (found.changes)
    assert not (found.skipped)
    assert not (found.reordered)


def test_a_changed_command():
    found = compare(chain("a", "b", "c"), chain("a", "B", "c"))
    assert names(found.new, found.changes) == ["B"]
    (change,) = next(iter(found.changes.values()))
    assert (change.field, change.before, change.after) == (
        "command",
        ("bash", "-c", "b"),
        ("bash", "-c", "B"),
    )
    assert not found.added
    assert not found.removed


def test_an_added_step():
    found = compare(chain("a", "c"), chain("a", "b", "c"))
    assert names(found.new, found.added) == ["b"]
    assert not found.changes
    assert not found.skipped
    assert not found.reordered


def test_a_removed_step():
    found = compare(chain("a", "b", "c"), chain("a", "c"))
    assert names(found.old, found.removed) == ["b"]
    ((digest, gone),) = found.skipped.items()
    assert names(found.new, [digest]) == ["c"]
    assert names(found.old, gone) == ["b"]


def test_swapped_steps():
    found = compare(chain("a", "b", "c"), chain("b", "a", "c"))
    assert not (found.added)
    assert not (found.removed)
    assert not (found.changes)
    assert found.reordered


def test_all_commands_changed_in_place():
    found = compare(chain("a1", "b1", "c1"), chain("a2", "b2", "c2"))
    assert not (found.added)
    assert not (found.removed)
    assert names(found.new, found.changes) == ["a2", "b2", "c2"]
    assert {found.old[old].name[-2] + found.new[new].name[-2] for new, old in found.pairs.items()}


def test_another_base():
    found = compare(chain("a", base="x/y:1"), chain("a", base="x/y:2"))
    assert [v.kind for v in map(found.new.__getitem__, found.changes)] == ["source"]


def test_the_same_step_twice():
    found = compare(chain("a", "a", "b"), chain("a", "a", "a", "b"))
    assert names(found.new, found.added) == ["a"]


def test_reordered_variables_are_told_apart():
    one = chain("a", environment=("A=1", "B=2"))
    found = compare(one, chain("a", environment=("B=2", "A=1")))
    assert next(iter(found.changes.values()))[0].reordered
    found = compare(one, chain("a", environment=("A=1", "B=3")))
    assert not next(iter(found.changes.values()))[0].reordered


def test_a_branch_of_a_merge():
    def graph(command: str) -> bytes:
        made = Definition()
        base = made.image()
        system = made.diff(base, made.run(base, command))
        python = made.diff(base, made.run(base, "conda"))
        return made.end(made.run(made.merge(base, system, python), "last"))

    found = compare(graph("apt one"), graph("apt two"))
    assert names(found.new, found.changes) == ["apt two"]
    assert not (found.added)
    assert not (found.removed)
    assert not (found.reordered)


commands = st.lists(st.sampled_from("abcdef"), max_size=8)


@given(commands, commands)
def test_every_vertex_is_paired_added_or_removed_once(before, after):
    found = compare(chain(*before), chain(*after))
    assert set(found.pairs) | found.added == set(found.new.vertices)
    assert set(found.pairs.values()) | found.removed == set(found.old.vertices)
    assert len(set(found.pairs.values())) == len(found.pairs)
    same = [v.local for v in found.old] == [v.local for v in found.new]
    assert same == (not any(map(found.differs, found.new.vertices)) and not found.removed)
