"""Builds outlive who started them, end when told to, and leave nothing, whatever is killed."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from envd_jupyter.builds.client import Build, attach
from envd_jupyter.builds.folder import data_dir
from envd_jupyter.builds.record import History
from envd_jupyter.builds.retention import Retention
from tests.integration.conftest import processes_with

END_SECONDS = 10.0


def private_of(build: Build) -> str:
    first = (build.path / "events.jsonl").read_text().splitlines()[0]
    return json.loads(first)["envd"]["private"]


def wait_for(condition, seconds=30.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to this"
        time.sleep(0.05)


def read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def envd_of(build: Build) -> list[int]:
    private = private_of(build).encode()
    return [
        int(folder.name)
        for folder in Path("/proc").glob("[0-9]*")
        if private in read(folder / "environ") and b"build" in read(folder / "cmdline").split(b"\0")
    ]


def running_step(build: Build, words: str):
    wait_for(
        lambda: any(
            words in step.name and step.state == "running" for step in build.state().steps.values()
        )
    )


def assert_nothing_left(build: Build, marker: str = "") -> None:
    private = private_of(build)
    wait_for(lambda: not processes_with(private), END_SECONDS)
    wait_for(lambda: not processes_with(build.id), END_SECONDS)
    if marker:
        wait_for(lambda: not processes_with(marker), END_SECONDS)
    assert not Path(private).exists()


@pytest.mark.shows("end interrupted")
def test_a_cancelled_build_ends_everywhere(builds, project, buildkitd):
    build = builds.start(project("echo begun; sleep 4321"), buildkitd)
    running_step(build, "sleep 4321")
    build.cancel_sync()
    result = build.wait_sync()
    assert result.state == "interrupted"
    assert_nothing_left(build, "sleep\x004321")
    assert build.state().finished
    build.cancel_sync()  # a second time changes nothing


@pytest.mark.shows("end lost")
def test_a_killed_driver_leaves_a_record_and_nothing_else(builds, project, buildkitd, services):
    build = builds.start(project("sleep 4322"), buildkitd)
    running_step(build, "sleep 4322")
    pid = build.folder.driver_pid()
    os.kill(pid, signal.SIGKILL)
    result = build.wait_sync()
    assert result.state == "lost"
    assert_nothing_left(build, "sleep\x004322")
    record = History(data_dir(services.environ)).get(build.id)
    assert record.state == "lost"
    assert "drove the build" in result.message


STARTER = """
import asyncio, os, sys, json
from pathlib import Path
from envd_jupyter.builds.client import start_build
from envd_jupyter.builds.request import BuildRequest
build = asyncio.run(start_build(BuildRequest(project=Path(sys.argv[1]), builder=sys.argv[2],
    output="type=image,name=" + sys.argv[3] + ",push=true", force=True)))
print(build.id, flush=True)
os.kill(os.getpid(), 9)
"""


def test_a_build_outlives_who_started_it(builds, project, buildkitd, services, registry):
    image = builds.image()
    folder = project("sleep 2; echo survived")
    started = subprocess.run(
        [sys.executable, "-c", STARTER, str(folder), buildkitd.address, image],
        env=services.environ,
        text=True,
        capture_output=True,
    )
    assert started.returncode == -signal.SIGKILL, started.stderr
    build = attach(started.stdout.strip(), environ=services.environ)
    assert build.running
    events = list(build.events_sync())
    assert events[0]["envd"]["kind"] == "start"
    assert build.result().state == "succeeded"
    assert "survived" in build.log()
    assert registry.has(image)
    assert_nothing_left(build)


def test_a_killed_builder_is_told(services, builds, project):
    builder = services.new_buildkitd()
    build = builds.start(project("sleep 4323"), builder)
    running_step(build, "sleep 4323")
    killed = time.monotonic()
    builder.kill()
    result = build.wait_sync()
    assert time.monotonic() - killed < END_SECONDS
    assert result.state == "failed"
    assert "builder" in result.message.lower() or "buildkit" in result.message.lower()
    assert_nothing_left(build)
    builder.close()


def test_a_killed_envd_is_told(builds, project, buildkitd):
    build = builds.start(project("sleep 4324"), buildkitd)
    running_step(build, "sleep 4324")
    envd = envd_of(build)
    assert envd
    for pid in envd:
        os.kill(pid, signal.SIGKILL)
    result = build.wait_sync()
    assert result.state == "failed"
    assert "signal 9" in result.message
    assert_nothing_left(build, "sleep\x004324")


@pytest.mark.parametrize(
    ("chosen", "policy"),
    [pytest.param("OTHER", "BATCH", id="default"), pytest.param("IDLE", "IDLE", id="chosen")],
)
def test_a_build_does_not_interrupt_other_work(builds, project, buildkitd, chosen, policy):
    before = os.sched_getscheduler(0)
    os.sched_setscheduler(0, getattr(os, f"SCHED_{chosen}"), os.sched_param(0))
    try:
        build = builds.start(project("sleep 4325"), buildkitd)
    finally:
        os.sched_setscheduler(0, before, os.sched_param(0))
    running_step(build, "sleep 4325")
    [envd] = envd_of(build)
    policies = {os.sched_getscheduler(pid) for pid in (envd, build.folder.driver_pid())}
    build.cancel_sync()
    build.wait_sync()
    assert policies == {getattr(os, f"SCHED_{policy}")}


@pytest.mark.parametrize(
    ("chosen", "found"),
    [pytest.param({}, b"400", id="default"), pytest.param({"GOGC": "60"}, b"60", id="chosen")],
)
def test_envd_collects_its_garbage_seldom(builds, project, buildkitd, chosen, found):
    builds.environ = builds.environ | chosen
    build = builds.start(project("sleep 4326"), buildkitd)
    running_step(build, "sleep 4326")
    [envd] = envd_of(build)
    settings = read(Path(f"/proc/{envd}/environ")).split(b"\0")
    build.cancel_sync()
    build.wait_sync()
    assert b"GOGC=" + found in settings


def test_two_builds_of_one_project_do_not_disturb_each_other(builds, project, buildkitd):
    folder = project("sleep 1; echo both")
    first, second = builds.start(folder, buildkitd), builds.start(folder, buildkitd)
    assert [first.wait_sync().state, second.wait_sync().state] == ["succeeded"] * 2


@pytest.mark.timeout(600)
def test_cancelling_at_any_moment_ends_cleanly(builds, project, buildkitd, services):
    seed = 20250
    print("seed", seed)
    chance = random.Random(seed)
    folder = project("echo 1 > /one", "sleep 3")
    for _ in range(12):
        build = builds.start(folder, buildkitd)
        time.sleep(chance.random() * 2.5)
        asked = time.monotonic()
        build.cancel_sync()
        result = build.wait_sync()
        assert time.monotonic() - asked < END_SECONDS
        assert result.state in ("interrupted", "succeeded")
        assert_nothing_left(build)


def test_no_more_of_the_past_is_kept_than_is_wanted(builds, project, buildkitd, tmp_path):
    data = tmp_path / "data"
    builds.environ = builds.environ | {"ENVD_JUPYTER_DATA_DIR": str(data)}
    Retention(count=2).save(data)
    folder = project("echo 1")
    results = [builds.run(folder, buildkitd) for _ in range(3)]
    kept = [record.id for record in History(data).list()]
    assert kept == [results[2].id, results[1].id]
    assert not results[0].path.exists()
    assert results[1].path.exists()
