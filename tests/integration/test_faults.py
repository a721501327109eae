"""Whatever dies, stalls or fills up in a build: it ends soon, says why, and leaves nothing."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from envd_jupyter.builds.client import attach
from envd_jupyter.builds.folder import data_dir
from envd_jupyter.builds.record import History
from tests.integration.kernels import Kernel
from tests.integration.test_lifecycle import (
    assert_nothing_left,
    envd_of,
    running_step,
    wait_for,
)

if TYPE_CHECKING:
    from pathlib import Path

SEED = 20261
ROUNDS = 54
LANES = 2
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


VICTIMS = ("buildkitd", "registry", "s3", "envd", "driver", "kernel")


class Lane:
    """A builder with its registry, its object store and a kernel, all of which can be killed."""

    def __init__(self, services, builds, folder: Path) -> None:
        self.builds, self.folder = builds, folder
        self.registry = services.new_registry()
        self.store = services.object_store()
        self.builder = services.new_buildkitd(registries=[self.registry])
        self.kernel = Kernel(services.environ, folder.parent)
        ref = self.registry.ref("faults/cache:1")
        self.caches = {
            "registry": f"type=registry,ref={ref}",
            "s3": self.store.setting(self.store.new_bucket()),
        }
        self.output = f"type=image,name={self.registry.ref('faults/image:1')},push=true"

    def close(self) -> None:
        self.kernel.__exit__()
        self.builder.close()

    def run(self, victim: str, wait: float) -> str:
        """Kill something in a build at a moment; returns how the build ended."""
        if victim == "kernel":
            return self._kill_the_kernel(wait)
        cache = self.caches["s3" if victim == "s3" else "registry"]
        build = self.builds.start(
            self.folder, self.builder, [f"{cache},mode=max"], [cache], output=self.output
        )
        time.sleep(wait)
        moment = time.monotonic()
        self._kill(victim, build)
        state = ended_after(build, moment).state
        assert_nothing_left(build)
        self._revive(victim)
        return state

    def _kill_the_kernel(self, wait: float) -> str:
        self.kernel.run("%load_ext envd_jupyter")
        line = f"--path {self.folder} --builder {self.builder.address} --force"
        message = self.kernel.send(f"%envd_build {line} --output {self.output}")
        identity = None
        deadline = time.monotonic() + 30
        while identity is None:
            assert time.monotonic() < deadline
            news = self.kernel.client.get_iopub_msg(timeout=30)
            if news["parent_header"].get("msg_id") == message:
                bundle = news["content"].get("data", {}).get("application/vnd.envd.build+json")
                identity = bundle["id"] if bundle else None
        time.sleep(wait)
        os.kill(self.kernel.manager.provisioner.pid, signal.SIGKILL)
        moment = time.monotonic()
        build = attach(identity, environ=self.builds.environ)
        state = ended_after(build, moment).state
        assert state == "succeeded", "a build outlives its kernel"
        assert_nothing_left(build)
        self.kernel.restart()
        return state

    def _kill(self, victim: str, build) -> None:
        if victim == "buildkitd":
            self.builder.kill()
        elif victim == "registry":
            self.registry.kill()
        elif victim == "s3":
            self.store.kill()
        else:
            driver = build.folder.driver_pid()
            pids = envd_of(build) if victim == "envd" else [driver] if driver else []
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def _revive(self, victim: str) -> None:
        if victim == "buildkitd":
            self.builder.restart()
        elif victim == "registry":
            self.registry.start()
        elif victim == "s3":
            self.store.start()


@pytest.mark.shows("fault kills")
@pytest.mark.timeout(900)
def test_kills_at_random_moments(services, builds, project, tmp_path):
    print("seed", SEED)
    commands = ("echo 1 > /one; sleep 0.4", "echo 2 > /two; sleep 0.4")
    folders = [project(*commands, name=f"lane{number}") for number in range(LANES)]
    lanes = [Lane(services, builds, folder) for folder in folders]

    def drive(number: int) -> list[tuple[str, float, str]]:
        chance = random.Random(SEED + number)
        ends = []
        for turn in range(number, ROUNDS, LANES):
            victim, wait = VICTIMS[turn // LANES % len(VICTIMS)], chance.random() * 2.4
            ends.append((victim, round(wait, 2), lanes[number].run(victim, wait)))
        return ends

    with ThreadPoolExecutor(LANES) as pool:
        ends = [end for found in pool.map(drive, range(LANES)) for end in found]
    print(*ends, sep="\n")
    assert len(ends) == ROUNDS
    assert {state for _, _, state in ends} >= {"failed", "lost", "succeeded"}
    history = History(data_dir(services.environ))
    assert not [record for record in history.list(limit=1000) if record.state == "running"]
    with contextlib.closing(sqlite3.connect(history.path)) as index:
        assert index.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    for lane in lanes:
        lane.close()


@pytest.mark.shows("fault registry-status")
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
    proxy.fail(r"(GET|HEAD) /v2/faults/import", status)
    ref = f"{proxy.host}/faults/import:1"
    result = builds.run(project("echo 1"), builder, [], [f"type=registry,ref={ref}"], output=output)
    assert result.ok
    assert result.imports[0]["state"] == "failed"
    assert str(status) in result.imports[0]["message"]
    builder.close()


@pytest.mark.shows("fault registry-stall")
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


@pytest.mark.shows("fault network-cut")
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


@pytest.mark.shows("fault disk-full")
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
