"""Causes, where no builder is needed to see them, and where none may be named."""

from __future__ import annotations

import dataclasses

from envd_jupyter.builds.insight.causes import KINDS
from envd_jupyter.builds.insight.explain import explain_build
from envd_jupyter.builds.insight.past import load_earlier, load_past
from tests.unit.insight.graphs import Definition, chain
from tests.unit.insight.records import files

SOURCES = {"docker-image://docker.io/library/base:1": "sha256:1"}


def kinds(report) -> dict[str, list[str]]:
    return {e.name: [cause.kind for cause in e.causes] for e in report.explanations}


def test_every_kind_has_a_sentence():
    assert all(text.endswith(".") for text in KINDS.values())


def test_unknown_if_nobody_looked_at_the_builder(records):
    records.add(chain("a"), sources=SOURCES)
    assert kinds(records.report(chain("a"), sources=SOURCES)) == {"bash -c a": ["unknown"]}


def test_unknown_if_the_builder_still_had_it(records):
    records.add(chain("a"), sources=SOURCES, before={})
    began = 1_800_001_001.0
    held = {"mount / from exec bash -c a": [began]}
    report = records.report(chain("a"), sources=SOURCES, before=held)
    assert kinds(report) == {"bash -c a": ["unknown"]}
    assert "still held" in report.explanations[0].cause.text


def test_pruned_if_the_builder_only_had_another_one(records):
    records.add(chain("a"), sources=SOURCES, before={})
    held = {"mount / from exec bash -c a": [1.0]}
    report = records.report(chain("a"), sources=SOURCES, before=held)
    assert kinds(report) == {"bash -c a": ["pruned"]}


def test_unknown_if_a_tag_may_have_moved(records):
    """An old BuildKit does not tell what a tag stood for: then nothing is sure."""
    records.add(chain("a"), before={})
    held = {"mount / from exec bash -c a": [1_800_001_001.0]}
    report = records.report(chain("a"), before=held)
    assert kinds(report) == {"bash -c a": ["unknown"]}
    assert "not known for this build" in report.explanations[0].cause.text


def test_the_builder_is_not_known_to_be_the_same(records):
    records.add(chain("a"), sources=SOURCES, before={}, worker="")
    report = records.report(chain("a"), sources=SOURCES, before={}, worker="")
    assert kinds(report) == {"bash -c a": ["unknown"]}


def test_an_interrupted_build(records):
    records.add(chain("a", "b", "c"), state="interrupted", unfinished=["b", "c"])
    report = records.report(chain("a", "b", "c"), cached=["a"])
    assert kinds(report) == {"bash -c b": ["unfinished"], "bash -c c": ["unfinished"]}


def test_a_public_key(records):
    def graph(key: bytes) -> bytes:
        made = Definition()
        written = made.write(made.image(), "/var/envd/authorized_keys", key)
        return made.end(made.run(written, "after"))

    records.add(graph(b"ssh-rsa AAAA old"), sources=SOURCES)
    report = records.report(graph(b"ssh-rsa BBBB new"), sources=SOURCES)
    assert set(map(tuple, kinds(report).values())) == {("ssh-key",)}
    assert "AAAA" not in report.text()


def test_an_owner(records):
    def graph(owner: int) -> bytes:
        made = Definition()
        return made.end(made.copy(made.image(), made.context(), "/data", "/data", owner))

    same = {"files": files(a="1"), "sources": SOURCES}
    records.add(graph(1000), **same)
    report = records.report(graph(1001), **same)
    assert kinds(report) == {"copy /data /data": ["owner"]}
    assert "1000:" in report.explanations[0].cause.text


def test_the_kind_of_builder(records):
    made = Definition()
    base = made.image()
    merged = made.merge(base, made.diff(base, made.run(base, "apt")))
    records.add(made.end(made.run(merged, "pip")), sources=SOURCES)
    report = records.report(
        chain("apt", "pip"), sources=SOURCES, builder="docker://", worker="engine"
    )
    assert kinds(report)["bash -c pip"] == ["builder-kind"]


def test_unchanged_files_of_unknown_content_are_no_cause(records):
    made = Definition()
    graph = made.end(made.copy(made.image(), made.context(), "/data", "/data"))
    records.add(graph, sources=SOURCES, files=files(a=""))
    report = records.report(graph, sources=SOURCES, files=files(a=""))
    assert kinds(report) == {"copy /data /data": ["unknown"]}


def test_a_build_of_another_project_is_no_baseline(records):
    records.add(chain("a"), sources=SOURCES)
    last = records.add(chain("b"), sources=SOURCES)
    build = load_past(last)
    others = load_earlier(build, last)
    stranger = dataclasses.replace(others[0])
    stranger.state.start["project"] = "/other"
    (explanation,) = explain_build(build, [stranger])
    assert explanation.cause.kind == "first-build"


def test_a_deep_graph_needs_no_deep_stack(records):
    steps = [f"s{number}" for number in range(3000)]
    records.add(chain("old", *steps), cached=steps)
    last = records.add(chain("new", *steps))
    build = load_past(last)
    found = explain_build(build, load_earlier(build, last))
    assert len(found) == 3001
    assert {cause.kind for e in found for cause in e.causes} == {"command"}
    assert {e.cause.step for e in found} == {"bash -c new"}
