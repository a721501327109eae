"""One build end to end: what a person gets from it, on real services."""

from __future__ import annotations

import json
import subprocess
import time

import pytest

from envd_jupyter.builds.client import attach
from envd_jupyter.builds.record import History
from envd_jupyter.errors import BuilderUnreachable, EnvdBuildError, RequestError
from tests.integration.conftest import RANDOM, processes_with, states
from tests.services import NEW_BUILDKIT, OLD_BUILDKIT
from tests.services.images import read_file, run_image


@pytest.mark.shows("registry both ref", "end succeeded", "builder unix new-version")
@pytest.mark.parametrize("version", [OLD_BUILDKIT, NEW_BUILDKIT])
def test_an_empty_builder_takes_every_step_from_the_registry(
    services, builds, project, registry, tmp_path, version
):
    folder = project(RANDOM, "cp /random /copy", "echo built > /done")
    cache = f"type=registry,ref={registry.ref(f'full/cache:{version}')}"
    missing = f"type=registry,ref={registry.ref('full/none:1')}"
    first = builds.run(
        folder, services.buildkitd(version), [f"{cache},mode=max", "type=inline"], [missing]
    )
    assert first.state == "succeeded"
    assert (first.total, first.cached) == (3, 0)
    assert states(first.imports) == ["missing"]
    assert states(first.exports) == ["ok", "ok"]

    second = services.second_builder(version)
    second.restart_empty()
    control = builds.run(folder, second)
    assert (control.total, control.cached) == (3, 0)

    second.restart_empty()
    result = builds.run(folder, second, [], [missing, cache])
    assert (result.total, result.cached) == (3, 3)
    assert sorted(states(result.imports)) == ["missing", "ok"]
    made = [read_file(registry, build.image, "/random") for build in (first, control, result)]
    assert made[0] == made[2] != made[1]
    assert run_image(registry, result.image, tmp_path / "root", ["cat", "/done"]) == "built\n"
    assert registry.manifest(result.image)["digest"] == result.digest


@pytest.mark.shows("inline export type")
def test_an_inline_cache_travels_in_the_image(builds, project, buildkitd, registry, empty_builder):
    folder = project(RANDOM, "echo 2 > /two")
    image = registry.ref("inline/image:1")
    output = f"type=image,name={image},push=true"
    builds.run(folder, buildkitd, ["type=inline"], output=output)
    kept = f"type=registry,ref={image}"
    assert builds.run(folder, empty_builder(), [], [kept]).cached == 2


def test_a_local_cache_is_written_and_read(builds, project, buildkitd, empty_builder, tmp_path):
    folder = project(RANDOM, "echo 2 > /two")
    place, other = tmp_path / "cache", tmp_path / "other"
    made = builds.run(folder, buildkitd, [f"type=local,dest={place},mode=max,tag=v1"])
    assert states(made.exports) == ["ok"]
    inspected = subprocess.run(
        ["skopeo", "inspect", "--raw", f"oci:{place}:v1"], check=True, capture_output=True
    )
    assert json.loads(inspected.stdout)["layers"]
    place.chmod(0o555)
    before = {path: path.stat().st_mtime_ns for path in place.rglob("*")}
    gone = f"type=local,src={tmp_path / 'gone'}"
    result = builds.run(
        folder,
        empty_builder(),
        [f"type=local,dest={other},mode=max"],
        [gone, f"type=local,src={place},tag=v1"],
    )
    assert result.cached == 2
    assert states(result.imports) == ["missing", "ok"]
    assert states(result.exports) == ["ok"]
    assert {path: path.stat().st_mtime_ns for path in place.rglob("*")} == before
    digest = json.loads((other / "index.json").read_text())["manifests"][0]["digest"]
    again = builds.run(folder, empty_builder(), [], [f"type=local,src={other},digest={digest}"])
    assert again.cached == 2


@pytest.mark.shows("local export dest", "local import src")
def test_source_and_destination_are_one_directory(builds, project, empty_builder, tmp_path):
    place = tmp_path / "cache"
    caches = [f"type=local,dest={place},mode=max"], [f"type=local,src={place}"]
    builds.run(project(RANDOM), empty_builder(), *caches)
    result = builds.run(project(RANDOM, "echo more"), empty_builder(), *caches)
    assert (result.total, result.cached) == (2, 1)
    result = builds.run(project(RANDOM, "echo more"), empty_builder(), *caches)
    assert (result.total, result.cached) == (2, 2)


@pytest.mark.shows("end failed")
def test_a_failing_step_is_named_with_its_last_words(builds, project, buildkitd):
    folder = project("echo fine", "echo one; echo two-to-last; exit 7")
    result = builds.run(folder, buildkitd)
    assert result.state == "failed"
    assert "exit 7" in result.failed_step
    # The shell's own complaints on standard error may come before or after.
    assert "two-to-last" in result.log_tail
    with pytest.raises(EnvdBuildError, match="two-to-last"):
        result.raise_for_state()
    assert "two-to-last" in result.log("exit 7")


def test_a_broken_build_file_is_told_by_envd(builds, project, buildkitd):
    folder = project()
    (folder / "build.envd").write_text("# syntax=v1\ndef build():\n    bse(image='x')\n")
    result = builds.run(folder, buildkitd)
    assert result.state == "failed"
    assert "bse" in result.message


@pytest.mark.shows("end export_failed", "registry export ignore-error")
def test_an_export_that_fails_is_not_a_build_that_failed(builds, project, buildkitd, registry):
    folder = project("echo 1 > /one")
    nowhere = "type=registry,ref=127.0.0.1:9/none:1"
    image = registry.ref("kept/image:1")
    output = f"type=image,name={image},push=true"
    result = builds.run(folder, buildkitd, [nowhere], output=output)
    assert result.state == "export_failed"
    assert states(result.exports) == ["failed"]
    with pytest.raises(EnvdBuildError, match="cache export failed"):
        result.raise_for_state()
    result = builds.run(folder, buildkitd, [f"{nowhere},ignore-error=true"], output=output)
    assert result.ok
    assert states(result.exports) == ["failed"]


SKIPS = """#!/bin/sh
case " $* " in
  *" --force "*) exec {envd} "$@" ;;
  *" build "*) echo 'level=info msg="manifest is not updated, skip building"' >&2; exit 0 ;;
  *) exec {envd} "$@" ;;
esac
"""


@pytest.mark.shows("end skipped")
def test_a_build_that_envd_skips_is_said_to_be_skipped(
    builds, project, buildkitd, services, registry, tmp_path
):
    """A stand-in skips: envd's own check stumbles over a file without a name (0.3 to 1.3.6)."""
    envd = tmp_path / "envd"
    envd.write_text(SKIPS.format(envd=services.envd))
    envd.chmod(0o755)
    folder, once = project("echo 1 > /one"), {"envd": str(envd), "force": False}
    result = builds.run(folder, buildkitd, **once)
    assert (result.state, result.total) == ("skipped", 0)
    assert "nothing changed" in result.message
    cache = f"type=registry,ref={registry.ref('skipped/cache:1')}"
    result = builds.run(folder, buildkitd, [cache], **once)
    assert result.state == "succeeded"
    assert registry.has("skipped/cache:1")


def test_what_cannot_start_starts_nothing(builds, project, services):
    before = len(History(services.folder / "data").list())
    with pytest.raises(BuilderUnreachable, match="no-such"):
        builds.start(project(), "unix:///no-such.sock", ["type=registry,ref=a.b/c"])
    with pytest.raises(RequestError, match="not a directory"):
        builds.start(project() / "gone", "unix:///x.sock")
    with pytest.raises(RequestError, match="does not define the function 'train'"):
        builds.start(project(), "unix:///x.sock", from_="build.envd:train")
    assert len(History(services.folder / "data").list()) == before


def test_an_unreachable_builder_fails_with_its_reason(builds, project):
    result = builds.run(project(), "unix:///no-such.sock")
    assert result.state == "failed"
    assert "cannot be reached" in result.message
    assert "buildkitd" in result.hint


def test_a_build_is_recorded_and_leaves_nothing(builds, project, buildkitd, services):
    result = builds.run(project("echo 1"), buildkitd)
    (record,) = [r for r in History(services.folder / "data").list() if r.id == result.id]
    assert (record.state, record.image) == ("succeeded", result.image)
    start = json.loads((result.path / "events.jsonl").read_text().splitlines()[0])["envd"]
    assert processes_with(start["private"]) == []
    # The driver itself goes some milliseconds after it has told the end.
    deadline = time.monotonic() + 5
    while processes_with(result.id):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    again = attach(result.id, environ=builds.environ).wait_sync()
    assert again.digest == result.digest
    assert list(result.path.glob("graph-*.llb"))


def test_a_template_follows_the_branch(builds, project, buildkitd, registry):
    folder = project("echo 1 > /one")
    for command in (
        ["init", "-q", "-b", "topic/one"],
        ["-c", "user.name=t", "-c", "user.email=t@x", "commit", "-q", "--allow-empty", "-m", "1"],
    ):
        subprocess.run(["git", *command], cwd=folder, check=True)
    ref = registry.ref("branches/cache")
    result = builds.run(folder, buildkitd, [f"type=registry,ref={ref}:{{git_branch}},mode=max"])
    assert result.ok
    assert registry.tags("branches/cache") == ["topic-one"]


def test_packages_of_a_real_environment(
    builds, project, buildkitd, registry, empty_builder, tmp_path
):
    folder = project(packages=("numpy",))
    cache = f"type=registry,ref={registry.ref('ml/cache:1')}"
    assert builds.run(folder, buildkitd, [f"{cache},mode=max"]).ok
    result = builds.run(folder, empty_builder(), [], [cache])
    assert result.cached == result.total > 0
    command = ["python3", "-c", "import numpy; print(numpy.arange(4).sum())"]
    assert run_image(registry, result.image, tmp_path / "root", command) == "6\n"
