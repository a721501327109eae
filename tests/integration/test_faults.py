"""Whatever dies, stalls or fills up in a build: it ends soon, says why, and leaves nothing."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from envd_jupyter.builds.client import attach
from envd_jupyter.builds.folder import data_dir
from envd_jupyter.builds.record import History
from tests.integration.test_lifecycle import (
    STARTER,
    assert_nothing_left,
    private_of,
    read,
    running_step,
    wait_for,
)

SEED = 20261
ROUNDS = 50
END_SECONDS = 10.0
FINAL = {"succeeded", "failed", "export_failed", "interrupted", "lost"}


def ended_after(build, moment: float):
    """Wait for the end of a build; it must come soon after the fault."""
    result = build.wait_sync()
    assert time.monotonic() - moment < END_SECONDS, f"{build.id} took too long"
    assert result.state in FINAL
    if result.state not in ("succeeded",):
        assert result.message, result
    return result


def envd_of(build) -> list[int]:
    private = private_of(build).encode()
    return [
        int(folder.name)
        for folder in Path("/proc").glob("[0-9]*")
        if private in read(folder / "environ") and b"build" in read(folder / "cmdline").split(b"\0")
    ]


@pytest.mark.timeout(900)
def test_fifty_kills_at_random_moments(services, builds, project):
    print("seed", SEED)
    chance = random.Random(SEED)
    shared = services.new_registry()
    builder = services.new_buildkitd(registries=[shared])
    folder = project("echo 1 > /one; sleep 0.4", "echo 2 > /two; sleep 0.4")
    cache = f"type=registry,ref={shared.ref('faults/cache:1')}"
    outcomes = []
    for number in range(ROUNDS):
        victim = ("buildkitd", "registry", "envd", "driver", "starter")[number % 5]
        image = shared.ref("faults/image:1")
        if victim == "starter":
            started = subprocess.run(
                [sys.executable, "-c", STARTER, str(folder), builder.address, image],
                env=services.environ,
                text=True,
                capture_output=True,
            )
            moment = time.monotonic()
            build = attach(started.stdout.strip(), environ=services.environ)
            assert ended_after(build, moment).state == "succeeded"
        else:
            output = f"type=image,name={image},push=true"
            caches = ([f"{cache},mode=max"], [cache])
            build = builds.start(folder, builder, *caches, output=output)
            time.sleep(chance.random() * 2.4)
            moment = time.monotonic()
            kill(victim, build, builder, shared)
            outcomes.append((victim, ended_after(build, moment).state))
        assert_nothing_left(build)
        revive(victim, builder, shared)
    print(outcomes)
    records = History(data_dir(services.environ)).list(limit=1000)
    assert not [record for record in records if record.state == "running"]
    assert {state for _, state in outcomes} >= {"failed", "lost"}
    builder.close()


def kill(victim, build, builder, registry):
    if victim == "buildkitd":
        builder.kill()
    elif victim == "registry":
        registry.kill()
    else:
        driver = build.folder.driver_pid()
        pids = envd_of(build) if victim == "envd" else [driver] if driver else []
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue


def revive(victim, builder, registry):
    if victim == "buildkitd":
        builder.restart()
    elif victim == "registry":
        registry.start()


@pytest.mark.parametrize("status", [401, 429, 500])
def test_a_registry_that_answers_errors(services, builds, project, buildkitd, registry, status):
    proxy = services.proxy(registry)
    builder = services.new_buildkitd(config=f'[registry."{proxy.host}"]\n  http = true')
    proxy.fail(r"(PUT|POST|PATCH) /v2/faults/export", status)
    image = registry.ref("faults/kept:1")
    output = f"type=image,name={image},push=true"
    ref = f"{proxy.host}/faults/export:1"
    result = builds.run(project("echo 1"), builder, [f"type=registry,ref={ref}"], output=output)
    assert result.state == "export_failed"
    assert str(status) in result.message or "unauthorized" in result.message.lower()
    assert registry.has(image)
    proxy.heal()
    proxy.fail(r"GET /v2/faults/import", status)
    ref = f"{proxy.host}/faults/import:1"
    result = builds.run(project("echo 1"), builder, [], [f"type=registry,ref={ref}"], output=output)
    assert result.ok
    assert result.imports[0]["state"] in ("failed", "missing")
    assert result.imports[0]["message"]
    builder.close()


def test_a_stalling_registry_can_be_left(services, builds, project, registry):
    proxy = services.proxy(registry)
    builder = services.new_buildkitd(config=f'[registry."{proxy.host}"]\n  http = true')
    proxy.fail("/v2/faults/stall", 0, seconds=600)
    cache = f"type=registry,ref={proxy.host}/faults/stall:1"
    build = builds.start(project("echo 1"), builder, [cache], [])
    wait_for(lambda: any("faults/stall" in request for request in proxy.requests))
    moment = time.monotonic()
    build.cancel_sync()
    assert ended_after(build, moment).state == "interrupted"
    assert_nothing_left(build)
    proxy.heal()
    builder.close()


def test_a_cut_cable_is_noticed(services, builds, project):
    network = services.network()
    shared = services.new_registry(host=network.gateway)
    host = network.new_host()
    builder = services.new_buildkitd(registries=[shared], tcp=True, host=host)
    folder = project("sleep 5611", base=services.base_image(shared, "tiny"))
    output = f"type=image,name={shared.ref('faults/cut:1')},push=true"
    build = builds.start(folder, builder.tcp_address, output=output)
    running_step(build, "sleep 5611")
    host.cut()
    moment = time.monotonic()
    result = build.wait_sync()
    assert time.monotonic() - moment < END_SECONDS
    assert result.state == "failed"
    assert "builder" in result.message
    assert_nothing_left(build)
    host.mend()
    builder.close()


def test_a_full_disk_under_the_data_directory(services, builds, project):
    # BuildKit itself cuts a step's log short unless it is told not to.
    unlimited = {"BUILDKIT_STEP_LOG_MAX_SIZE": "-1", "BUILDKIT_STEP_LOG_MAX_SPEED": "-1"}
    builder = services.new_buildkitd(environ=unlimited)
    disk = services.small_disk(2)
    builds.environ = builds.environ | {"ENVD_JUPYTER_DATA_DIR": str(disk / "data")}
    folder = project("for i in $(seq 6); do head -c 1500000 /dev/urandom | base64; done; sleep 1")
    result = builds.run(folder, builder)
    builder.close()
    assert result.state == "failed"
    assert "no room left" in result.message
    assert "ENVD_JUPYTER_DATA_DIR" in result.hint


def test_cancelling_the_waiting_task_cancels_the_build(builds, project, buildkitd):
    from envd_jupyter.builds.client import abuild

    request = builds.request(project("sleep 5612"), buildkitd)

    async def main():
        task = asyncio.ensure_future(abuild(request, environ=builds.environ))
        await asyncio.sleep(2.5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    latest = History(data_dir(builds.environ)).list(limit=1)[0]
    build = attach(latest.id, environ=builds.environ)
    assert build.wait_sync().state == "interrupted"
    assert_nothing_left(build, "sleep\x005612")
