"""Each rule once where it speaks, and once where it must not."""

from __future__ import annotations

import pytest

from envd_jupyter.builds.insight import llb_pb2 as pb
from envd_jupyter.builds.insight.advice import RULES
from tests.unit.insight.graphs import Definition, chain
from tests.unit.insight.records import files

REF = "type=registry,ref=r/c:1"


def cache(direction: str, seconds: float, entry: str = REF, state: str = "ok") -> dict[str, object]:
    return {"direction": direction, "entry": entry, "seconds": seconds, "state": state}


def said(report, rule: str) -> list[str]:
    assert rule in RULES
    return [advice.text for advice in report.advice if advice.rule == rule]


@pytest.mark.parametrize(("spent", "speaks"), [(9.0, True), (0.6, False), (2.5, False)])
def test_import_slower(records, spent, speaks):
    records.add(chain("a", "b"), seconds=1.5)
    report = records.report(
        chain("a", "b"),
        cached=["a", "b"],
        caches=[cache("import", spent)],
        before={},
        layers=["sha256:1"],
    )
    text = said(report, "import-slower")
    assert bool(text) == speaks
    if speaks:
        assert "took 9.0 s" in text[0]
        assert "2 steps" in text[0]
        assert "took 3.0 s when they last ran" in text[0]


def test_import_slower_is_silent_where_a_saving_is_unknown(records):
    report = records.report(
        chain("a"), cached=["a"], caches=[cache("import", 9.0)], before={}, layers=["sha256:1"]
    )
    assert not said(report, "import-slower")


@pytest.mark.parametrize(("spent", "layers", "speaks"), [(2.0, [], True), (2.0, ["x"], False)])
def test_import_unused(records, spent, layers, speaks):
    report = records.report(
        chain("a"), cached=["a"], caches=[cache("import", spent)], before={}, layers=layers
    )
    assert bool(said(report, "import-unused")) == speaks


@pytest.mark.parametrize(("spent", "speaks"), [(30.0, True), (1.0, False)])
def test_export_slower(records, spent, speaks):
    caches = [cache("export", spent, f"{REF},mode=max")]
    report = records.report(chain("a", "b"), seconds=2.0, caches=caches)
    assert bool(said(report, "export-slower")) == speaks


def test_export_slower_is_silent_where_a_step_never_ran_here(records):
    caches = [cache("export", 30.0, f"{REF},mode=max")]
    report = records.report(chain("a", "b"), cached=["a"], caches=caches)
    assert not said(report, "export-slower")


def test_changes_every_build(records):
    for version in (1, 2, 3):
        records.add(chain("first", f"version {version}", "long"), cached=["first"], seconds=4.0)
    report = records.report(chain("first", "version 4", "long"), cached=["first"], seconds=4.0)
    (text,) = said(report, "changes-every-build")
    assert "One step changes every build" in text
    assert "4.0 s: bash -c version 4" in text


def test_changes_every_build_is_silent_if_it_was_only_once(records):
    records.add(chain("version 1", "long"))
    records.add(chain("version 1", "long"), cached=["version 1", "long"])
    report = records.report(chain("version 2", "long"), seconds=4.0)
    assert not said(report, "changes-every-build")


def test_changes_every_build_is_silent_if_they_are_last(records):
    for version in (1, 2, 3):
        records.add(chain("long", f"version {version}"), seconds=4.0)
    report = records.report(chain("long", "version 4"), cached=["long"], seconds=4.0)
    assert not said(report, "changes-every-build")


def two_stages() -> bytes:
    made = Definition()
    download = made.run(made.image("x/curl:1"), "download")
    return made.end(made.run(made.copy(made.image(), download, "/go", "/go"), "install"))


@pytest.mark.parametrize(
    ("definition", "mode", "speaks"),
    [
        (two_stages(), "min", True),
        (two_stages(), "max", False),
        (chain("a", "b"), "min", False),
    ],
)
def test_mode_min(records, definition, mode, speaks):
    report = records.report(definition, caches=[cache("export", 0.1, f"{REF},mode={mode}")])
    text = said(report, "mode-min")
    assert bool(text) == speaks
    if speaks:
        assert "1 intermediate steps (bash -c download), 1.0 s of work" in text[0]


@pytest.mark.parametrize(("inline_first", "speaks"), [(True, True), (False, False)])
def test_inline_overwritten(records, inline_first, speaks):
    inline = [cache("export", 0.1, "type=inline")]
    records.add(chain("a"), caches=inline if inline_first else [], image="r/c:1")
    records.add(chain("a"), image="r/c:1")
    report = records.report(chain("a"), caches=[cache("import", 0.1)])
    assert bool(said(report, "inline-overwritten")) == speaks


def test_inline_not_overwritten(records):
    inline = [cache("export", 0.1, "type=inline")]
    records.add(chain("a"), caches=inline, image="r/c:1")
    report = records.report(chain("a"), caches=[cache("import", 0.1)])
    assert not said(report, "inline-overwritten")


@pytest.mark.parametrize(("order", "speaks"), [(("B=2", "A=1"), True), (("A=1", "B=2"), False)])
def test_environment_order(records, order, speaks):
    records.add(chain("a", "b", environment=("A=1", "B=2")))
    done = [] if speaks else ["a", "b"]
    report = records.report(chain("a", "b", environment=order), cached=done)
    assert bool(said(report, "environment-order")) == speaks


@pytest.mark.parametrize(("whole", "speaks"), [(True, True), (False, False)])
def test_whole_project(records, whole, speaks):
    made = Definition()
    context = made.context()
    mount = pb.Mount(input=1, destination="/work", selector="" if whole else "/data")
    mount.readonly = True
    graph = made.end(made.run(made.image(), "ls", mounts=[mount], inputs=[context]))
    sources = {"docker-image://docker.io/library/base:1": "sha256:1"}
    records.add(graph, files=files(a="1"), sources=sources)
    report = records.report(graph, files=files(a="2"), sources=sources)
    assert [e.cause.kind for e in report.explanations] == ["files"]
    assert bool(said(report, "whole-project")) == speaks


@pytest.mark.parametrize(("caches", "speaks"), [([], True), ([cache("export", 0.1)], False)])
def test_no_remote_cache(records, caches, speaks):
    records.add(chain("a"), before={})
    records.add(chain("a"), before={}, worker="w2", builder="unix:///other.sock")
    report = records.report(chain("a"), before={}, worker="w3", caches=caches)
    assert [e.cause.kind for e in report.explanations] == ["builder-reset"]
    assert bool(said(report, "no-remote-cache")) == speaks
