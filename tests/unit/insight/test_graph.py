"""Reading a definition."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envd_jupyter.builds.insight import llb_pb2 as pb
from envd_jupyter.builds.insight.graph import decode_graph
from tests.unit.insight.graphs import NOBODY, Definition, chain


def test_steps_with_their_facts():
    graph = decode_graph(chain("one", "two"))
    base, one, two = graph
    assert [v.kind for v in graph] == ["source", "exec", "exec"]
    assert base.identifier == "docker-image://docker.io/library/base:1"
    assert one.facts["command"] == ("bash", "-c", "one")
    assert one.facts["environment"] == ("PATH=/usr/bin", "LANG=C.UTF-8")
    assert two.inputs[0].vertex == one.digest
    assert graph.root == two.digest
    assert graph.platform == "linux/amd64"
    assert two.name == "bash -c two"


def test_a_name_given_by_envd():
    made = Definition()
    step = made.run(made.image(), "pip install numpy", name="[internal] pip install numpy")
    graph = decode_graph(made.end(step))
    assert graph[step].name == "[internal] pip install numpy"


def test_what_differs_in_every_build_is_no_fact():
    made, other = Definition(), Definition()
    one = made.copy(made.image(), made.context("one"), "/data", "/data")
    two = other.copy(other.image(), other.context("two"), "/data", "/data")
    was, now = decode_graph(made.end(one)), decode_graph(other.end(two))
    assert one != two
    assert [v.local for v in was] == [v.local for v in now]


def test_a_proxy_is_no_fact():
    made, other = Definition(), Definition()
    one, two = made.run(made.image(), "x"), other.run(other.image(), "x", proxy="http://p:1")
    was, now = decode_graph(made.end(one))[one], decode_graph(other.end(two))[two]
    assert was.local == now.local
    assert now.proxied
    assert not was.proxied


def test_what_is_compared_by_content():
    made = Definition()
    base, context = made.image(), made.context()
    copied = made.copy(base, context, "/data/x", "/x")
    whole = pb.Mount(input=1, destination="/work", output=1)
    part = pb.Mount(input=1, destination="/work", output=1, selector="/sub")
    readonly = pb.Mount(input=1, destination="/work", selector="/sub", readonly=True)
    steps = [made.run(copied, "ls", mounts=[m], inputs=[context]) for m in (whole, part, readonly)]
    graph = decode_graph(made.end(steps[-1]))
    assert [use.paths for use in graph[copied].uses] == [("/data/x",)]
    assert [[use.paths for use in graph[step].uses] for step in steps] == [
        [("/",)],
        [],
        [("/sub",)],
    ]


def test_a_target_of_an_action_is_not_compared_by_content():
    made = Definition()
    copy = pb.Copy(source="/a", destination="/b")
    action = pb.Action(input=0, second_input=0, copy=copy)
    step = made.add(
        pb.Operation(inputs=[pb.Input(digest=made.image())], file=pb.File(actions=[action]))
    )
    assert decode_graph(made.end(step))[step].uses == ()


def test_a_cache_mount_counts_by_its_place():
    def facts(identifier: str, sharing: int = 0) -> object:
        made = Definition()
        mount = pb.Mount(input=NOBODY, destination="/root/.cache/pip", type=3)
        mount.cache.id, mount.cache.sharing = identifier, sharing
        step = made.run(made.image(), "pip", mounts=[mount])
        return decode_graph(made.end(step))[step].facts["mount /root/.cache/pip"]

    assert facts("me/one-cpu") == facts("me/other-cpu")
    assert facts("/root/.cache/pip") != facts("ns//root/.cache/pip")
    assert facts("/root/.cache/pip", sharing=1) == facts("me/one-cpu")


def test_merges_tell_the_kind_of_builder():
    made = Definition()
    base = made.image()
    merged = made.merge(base, made.diff(base, made.run(base, "apt")))
    graph = decode_graph(made.end(merged))
    assert graph.merges
    assert not decode_graph(chain("x")).merges


@given(st.binary(max_size=200))
def test_any_bytes_are_a_graph_or_an_error(data):
    try:
        graph = decode_graph(data)
    except ValueError:
        return
    assert len(graph) <= len(data)


def test_cut_bytes_are_an_error():
    with pytest.raises(ValueError, match="no build graph"):
        decode_graph(chain("x")[:-3])
