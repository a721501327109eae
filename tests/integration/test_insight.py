"""Reports, histories and caches of real builds."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from envd_jupyter.builds.insight.history import compare_builds, export_build
from envd_jupyter.builds.insight.remote import read_remote_cache
from envd_jupyter.builds.insight.report import report_of
from envd_jupyter.builds.insight.usage import prune_builder, usage_of
from envd_jupyter.cache.entry import parse_cache_entry
from envd_jupyter.errors import RequestError
from tests.integration.conftest import RANDOM

if TYPE_CHECKING:
    from collections.abc import Callable

SLOW = "sleep 1.2; echo slow"


def entry(text: str):
    return parse_cache_entry(text, "import")


def rules(report) -> set[str]:
    return {advice.rule for advice in report.advice}


@pytest.fixture
def mark(tmp_path) -> Callable[[str], str]:
    """Make a command that no other test has run."""
    return lambda command: f"{command} # {os.getpid()} {tmp_path.name}"


def test_a_report_tells_what_was_saved(builds, project, buildkitd, mark):
    folder = project(mark(SLOW), mark("echo 2"))
    first = report_of(builds.run(folder, buildkitd).path)
    assert [step.outcome for step in first.real] == ["ran", "ran"]
    assert first.saved == 0
    second = report_of(builds.run(folder, buildkitd).path)
    assert [step.outcome for step in second.real] == ["cached", "cached"]
    assert [step.source for step in second.real] == ["builder", "builder"]
    assert second.saved == pytest.approx(sum(s.duration for s in first.real), abs=0.2)
    assert second.saved > 1.2
    assert second.unknown_savings == 0
    assert "1.2 s" in second.text() or "1.3 s" in second.text()


def test_the_critical_path_ends_with_the_export(builds, project, buildkitd, mark):
    report = report_of(builds.run(project(mark(SLOW), mark("echo 2")), buildkitd).path)
    names = [step.name for step in report.critical]
    assert names[-1] == "exporting to image"
    assert [name.partition(" #")[0] for name in names[-3:-1]] == [SLOW, "echo 2"]


def test_steps_from_a_remote_cache_are_attributed(
    builds, project, buildkitd, registry, empty_builder, mark, tmp_path
):
    folder = project(mark(RANDOM), mark("echo 2"))
    cache = f"type=registry,ref={registry.ref('insight/cache:1')}"
    builds.run(folder, buildkitd, [f"{cache},mode=max"])
    tar = f"type=tar,dest={tmp_path / 'out.tar'}"  # a push to the same registry pulls nothing
    report = report_of(builds.run(folder, empty_builder(), [], [cache], output=tar).path)
    assert {step.source for step in report.real} == {cache}
    assert report.spent("import") > 0
    assert report.pulled > 1_000_000


def test_the_builder_had_it_although_a_cache_was_imported(
    builds, project, buildkitd, registry, mark
):
    folder = project(mark("echo 1"))
    cache = f"type=registry,ref={registry.ref('insight/cache:2')}"
    builds.run(folder, buildkitd, [f"{cache},mode=max"])
    report = report_of(builds.run(folder, buildkitd, [], [cache]).path)
    assert [step.source for step in report.real] == ["builder"]


def test_two_imports_leave_the_source_unknown(
    builds, project, buildkitd, registry, empty_builder, mark
):
    folder = project(mark("echo 1"))
    caches = [f"type=registry,ref={registry.ref(f'insight/cache:two{n}')}" for n in (1, 2)]
    builds.run(folder, buildkitd, [f"{cache},mode=max" for cache in caches])
    report = report_of(builds.run(folder, empty_builder(), [], caches).path)
    assert [step.source for step in report.real] == ["unknown"]


def test_only_cached_steps_are_allowed(builds, project, buildkitd, mark):
    folder = project(mark("echo 1"), mark("sleep 30"))
    result = builds.run(folder, buildkitd, require_cached=True)
    assert result.state == "failed"
    assert "No earlier build" in result.message
    folder = project(mark("echo 1"), mark("echo 2"))
    assert builds.run(folder, buildkitd).ok
    assert builds.run(folder, buildkitd, require_cached=True).ok
    folder = project(mark("echo 1"), mark("sleep 30"))
    result = builds.run(folder, buildkitd, require_cached=True)
    assert result.state == "failed"
    assert "Its command changed" in result.message
    assert "-echo 2" in result.hint or "echo 2" in result.hint
    assert result.failed_step.startswith("sleep 30")
    assert result.duration < 20


def test_only_cached_steps_and_a_changed_file(builds, project, buildkitd, mark):
    folder = project(mark("echo 1"))
    (folder / "data.txt").write_text("one")
    text = (folder / "build.envd").read_text()
    (folder / "build.envd").write_text(text + '    io.copy("data.txt", "/d")\n')
    assert builds.run(folder, buildkitd).ok
    (folder / "data.txt").write_text("two")
    result = builds.run(folder, buildkitd, require_cached=True)
    assert result.state == "failed"
    assert "data.txt" in result.message


def test_two_builds_are_compared(builds, project, buildkitd, mark):
    first = builds.run(project(mark("echo 1"), mark("echo 2")), buildkitd)
    second = builds.run(project(mark("echo 1"), mark("echo two")), buildkitd)
    comparison = compare_builds(first.path, second.path)
    one, two = comparison.steps
    assert (one.before, one.after) == ("ran", "cached")
    assert one.changes == ()
    assert [cause.kind for cause in two.changes] == ["command"]
    assert "echo two" in repr(comparison)
    assert "echo two" in comparison._repr_html_()


def test_a_build_is_exported(builds, project, buildkitd, mark, tmp_path):
    result = builds.run(project(mark("echo spoken words")), buildkitd)
    raw = export_build(result.path, tmp_path / "build.jsonl")
    events = [json.loads(line) for line in raw.read_text().splitlines()]
    assert all(set(e) <= {"vertexes", "statuses", "logs", "warnings"} for e in events)
    assert any(v.get("completed") for e in events for v in e.get("vertexes", ()))
    data = json.loads(export_build(result.path, tmp_path / "build.json").read_text())
    assert data["report"]["id"] == data["view"]["id"] == result.id
    page = export_build(result.path, tmp_path / "out" / "build.html").read_text()
    assert page.startswith("<!DOCTYPE html>")
    assert "<svg" in page
    assert "spoken words" in page
    assert "<script" not in page
    with pytest.raises(RequestError, match="no format"):
        export_build(result.path, tmp_path / "x", "xml")


# Caches


def test_a_cache_in_a_registry_is_looked_into(builds, project, buildkitd, registry, services, mark):
    cache = f"type=registry,ref={registry.ref('look/cache:1')}"
    folder = project(mark("echo 1 > /1"), mark("echo 2 > /2"))
    builds.run(folder, buildkitd, [f"{cache},mode=max"])
    found = read_remote_cache(entry(cache), services.environ)
    assert found.kind == "registry"
    assert found.steps >= 3
    assert len(found.layers) == 3
    assert found.size == sum(layer["size"] for layer in registry.layers(cache.partition("ref=")[2]))
    assert found.newest >= found.oldest > 1_600_000_000
    assert "3, " in repr(found)


def test_an_older_form_of_a_cache(builds, project, buildkitd, registry, services, mark):
    cache = f"type=registry,ref={registry.ref('look/cache:index')}"
    builds.run(project(mark("echo 1")), buildkitd, [f"{cache},mode=max,image-manifest=false"])
    assert len(read_remote_cache(entry(cache), services.environ).layers) == 2


def test_an_inline_cache_is_found_in_its_image(
    builds, project, buildkitd, registry, services, mark
):
    image = registry.ref("look/inline:1")
    output = f"type=image,name={image},push=true"
    builds.run(project(mark("echo 1 > /1")), buildkitd, ["type=inline"], output=output)
    found = read_remote_cache(entry(f"type=registry,ref={image}"), services.environ)
    assert found.kind == "inline"
    assert found.steps >= 1
    plain = registry.ref("look/plain:1")
    builds.run(project(mark("echo 1")), buildkitd, output=f"type=image,name={plain},push=true")
    with pytest.raises(RequestError, match="without a cache"):
        read_remote_cache(entry(f"type=registry,ref={plain}"), services.environ)


def test_a_cache_that_is_not_there(registry, services):
    with pytest.raises(RequestError, match="no cache at"):
        read_remote_cache(entry(f"type=registry,ref={registry.ref('no/no:1')}"), services.environ)
    with pytest.raises(RequestError, match=r"127\.0\.0\.1:9 cannot be read"):
        read_remote_cache(entry("type=registry,ref=127.0.0.1:9/x:1"), services.environ)


def test_a_registry_with_a_password_and_tls(builds, project, services, mark):
    private = services.new_registry(auth=("anna", "geheim4711"), tls=True, host="127.0.0.1")
    builder = services.new_buildkitd(registries=[private])
    cache = f"type=registry,ref={private.ref('priv/cache:1')}"
    builds.run(project(mark("echo 1")), builder, [f"{cache},mode=max"])
    assert read_remote_cache(entry(cache), services.environ).steps >= 1
    stranger = services.environ | {"DOCKER_CONFIG": "/nowhere"}
    with pytest.raises(RequestError, match="does not let us") as refused:
        read_remote_cache(entry(cache), stranger)
    assert "geheim" not in str(refused.value)


def test_a_local_cache_is_looked_into(builds, project, buildkitd, services, mark, tmp_path):
    place = tmp_path / "cache"
    builds.run(project(mark("echo 1")), buildkitd, [f"type=local,dest={place},mode=max"])
    found = read_remote_cache(entry(f"type=local,src={place}"), services.environ)
    assert found.kind == "local"
    assert len(found.layers) == 2
    assert found.size == sum(
        (place / "blobs" / layer.digest.replace(":", "/")).stat().st_size for layer in found.layers
    )
    with pytest.raises(RequestError):
        read_remote_cache(entry(f"type=local,src={tmp_path / 'none'}"), services.environ)


def test_a_cache_in_s3_is_looked_into(builds, project, buildkitd, services, mark):
    store = services.object_store()
    cache = store.setting(store.new_bucket(), name="looked")
    builds.run(project(mark("echo 1")), buildkitd, [f"{cache},mode=max"])
    found = read_remote_cache(entry(cache), services.environ)
    assert found.kind == "s3"
    assert len(found.layers) == 2
    with pytest.raises(RequestError, match="no cache at"):
        read_remote_cache(entry(cache.replace("looked", "other")), services.environ)


def test_disk_use_and_prune(builds, project, services, empty_builder, mark):
    builder = empty_builder()
    builds.run(project(mark("head -c 3000000 /dev/urandom > /big")), builder)
    usage = usage_of(builder.address)
    assert usage.total > 3_000_000
    assert usage.reclaimable == usage.total
    assert "results of steps" in repr(usage)
    plan = prune_builder(builder.address, dry_run=True)
    assert plan.size > 3_000_000
    assert usage_of(builder.address).total == usage.total
    contexts = prune_builder(builder.address, dry_run=True, kinds=["source.local"])
    assert {record.kind for record in contexts.records} <= {"source.local"}
    assert prune_builder(builder.address, dry_run=True, older_than=3600).records == ()
    kept = prune_builder(builder.address, dry_run=True, keep=10**12)
    assert kept.records == ()
    done = prune_builder(builder.address, dry_run=False, all_records=True)
    assert {record.id for record in done.records} == {record.id for record in plan.records}
    assert usage_of(builder.address).total == 0
