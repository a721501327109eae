"""``%envd_build`` in a real kernel: what the cell shows, and how it ends."""

from __future__ import annotations

import os
import random
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from envd_jupyter.builds.client import attach
from envd_jupyter.builds.folder import data_dir
from envd_jupyter.builds.record import History
from tests.integration.conftest import processes_with
from tests.integration.kernels import Kernel
from tests.integration.test_lifecycle import assert_nothing_left, wait_for
from tests.services.tools import older_ipykernel

MIME = "application/vnd.envd.build+json"


#: ipykernel 7 sends the outputs of a cell by another way than 6 did.
both_kernels = pytest.mark.parametrize("kernel", ["7", "6"], indirect=True)


def once(command: str) -> str:
    """Return a command that no builder has run, for it is shared by the tests."""
    return f"{command} # {os.urandom(4).hex()}"


@pytest.fixture
def kernel(services, tmp_path, request):
    environ, version = services.environ, getattr(request, "param", None)
    if version == "6":
        environ = environ | {"PYTHONPATH": str(older_ipykernel())}
    with Kernel(environ, tmp_path) as running:
        cell = running.run("%load_ext envd_jupyter")
        assert cell.status == "ok", cell.error
        if version is not None:
            said = running.run("import ipykernel; print(ipykernel.__version__)").text
            assert said.startswith(f"{version}.")
        yield running


@pytest.fixture
def line(buildkitd, builds):
    """The flags that choose the test's builder and an image."""
    return (
        f"--path proj --builder {buildkitd.address} --force "
        f"--output type=image,name={builds.image()},push=true"
    )


@both_kernels
def test_the_cell_shows_the_build_and_returns_its_result(kernel, project, line, registry):
    project(once("echo one"), once("echo two; sleep 1; echo three"))
    cell = kernel.run(f"result = %envd_build {line}")
    assert cell.status == "ok", cell.error
    assert cell.text == ""
    (bundles,) = cell.displays.values()
    assert set(bundles[0]) == {MIME, "text/html", "text/plain"}
    assert {bundle[MIME]["state"] for bundle in bundles} == {"running", "succeeded"}
    logs = [line for bundle in bundles for s in bundle[MIME]["steps"] for line in s["log_tail"]]
    assert "three" in logs
    assert "<script" not in cell.last["text/html"]
    assert "built" in cell.last["text/plain"]
    shown = kernel.run("print(result.state, result.digest, result.total)").text.split()
    assert shown == ["succeeded", cell.view["digest"], "2"]


@both_kernels
def test_a_failing_build_fails_the_cell_shortly(kernel, project, line):
    project("echo the last words; exit 3")
    cell = kernel.run(f"%envd_build {line}")
    assert (cell.status, cell.error_name) == ("error", "EnvdBuildError")
    assert "the last words" in cell.error
    assert "exit 3" in cell.error
    assert "Traceback" not in cell.error
    assert len(cell.error.splitlines()) < 15
    assert cell.view["state"] == "failed"


def test_bad_input_starts_nothing(kernel, project, line):
    project("echo 1")
    cell = kernel.run(f"%envd_build {line} --export-cache type=registry,ref=a/b,compresion=gzip")
    assert cell.error_name == "CacheSettingError"
    assert "compresion" in cell.error
    assert "compression" in cell.error
    assert not cell.displays
    assert kernel.run("%envd_build --frce").error_name in ("UsageError", "RequestError")


def test_variables_expand_and_templates_stay(kernel, project, line):
    project("echo 1")
    kernel.run("where = 'localhost:5000/me'")
    cell = kernel.run(
        f"%envd_build {line} --dry-run --export-cache type=registry,ref=$where/c,mode=max "
        "--import-cache type=registry,ref={where}/d"
    )
    assert cell.status == "ok", cell.error
    assert "ref=localhost:5000/me/c,mode=max" in cell.text
    assert "ref=localhost:5000/me/d" in cell.text
    assert not cell.displays


def test_a_cell_can_be_the_build_file(kernel, base_image, line):
    line = line.replace("--path proj ", "")
    cell = kernel.run(
        f"%%envd_build {line}\n# syntax=v1\n\ndef build():\n"
        f"    base(image='{base_image}', dev=False)\n    run(commands=['echo from a cell'])\n"
    )
    assert cell.status == "ok", cell.error
    assert cell.view["summary"]["total"] == 1


@both_kernels
def test_the_users_own_tasks_go_on(kernel, project, line):
    project(once("sleep 2"))
    kernel.run(
        "import asyncio\nticks = []\n"
        "async def tick():\n    while True:\n        ticks.append(1)\n"
        "        await asyncio.sleep(0.1)\n"
        "task = asyncio.create_task(tick())"
    )
    kernel.run("before = len(ticks)")
    assert kernel.run(f"%envd_build {line}").status == "ok"
    assert int(kernel.run("print(len(ticks) - before)").text) > 10


@both_kernels
def test_an_interrupt_ends_the_build(kernel, project, line):
    project("sleep 5432")
    ended = []

    def interrupt(bundle):
        steps = bundle[MIME]["steps"]
        if not ended and any(s["state"] == "running" and "5432" in s["name"] for s in steps):
            ended.append(time.monotonic())
            kernel.manager.interrupt_kernel()

    cell = kernel.run(f"%envd_build {line}", on_display=interrupt)
    assert time.monotonic() - ended[0] < 10
    assert cell.status == "error"
    assert "KeyboardInterrupt" in cell.error
    assert "was cancelled and has ended" in cell.error
    assert cell.view["state"] == "interrupted"
    wait_for(lambda: not processes_with("sleep\x005432"), seconds=10)
    assert kernel.run("print(1 + 1)").text == "2\n"


@pytest.mark.shows("fault interrupts", "end interrupted")
@pytest.mark.timeout(600)
def test_a_hundred_interrupts_at_random_moments(services, project, line, tmp_path):
    """Four kernels build the same project, each interrupted 25 times."""
    seed = 4711
    print("seed", seed)
    project("sleep 0.3; echo 1 > /one")
    kernels = [Kernel(services.environ, tmp_path) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        slowest = [*pool.map(interrupted, kernels, range(seed, seed + 4), [line] * 4)]
    print("slowest ends", slowest)
    assert max(slowest) < 10
    history = History(data_dir(services.environ))
    assert not [record for record in history.list(limit=1000) if record.state == "running"]
    for kernel in kernels:
        kernel.__exit__()


def interrupted(kernel, seed, line):
    """Interrupt 25 builds; returns how many seconds the slowest took to end.

    An interrupt outside the cell's own code hits ipykernel, which then may send no reply.
    """
    chance = random.Random(seed)
    ends = []
    handlers = "import signal; print(signal.getsignal(signal.SIGINT))"
    kernel.run("%load_ext envd_jupyter")
    before = kernel.run(handlers).text
    for _ in range(25):
        message = kernel.send(f"%envd_build {line} --save kernel")
        time.sleep(chance.random() * 2.2)
        moment = time.monotonic()
        kernel.manager.interrupt_kernel()
        kernel.collect(message, timeout=20)
        ends.append(time.monotonic() - moment)
    # An interrupt that came after its cell had ended may hit the next one.
    kernel.collect(kernel.send("1"))
    assert kernel.run("print('alive')").text == "alive\n"
    assert kernel.run(handlers).text == before
    assert kernel.run(f"%envd_build {line}").status == "ok"
    assert kernel.run("%envd_cache show").status == "ok"
    return max(ends)


@both_kernels
def test_a_background_build_is_shown_and_its_handle_returned(kernel, project, line):
    project(once("sleep 1; echo behind"))
    message = kernel.send(f"handle = %envd_build {line} --background")
    cell = kernel.finish(message)
    assert cell.status == "ok", cell.error
    (name,) = cell.displays
    time.sleep(0.3)
    assert kernel.run("print('meanwhile')").text == "meanwhile\n"
    final = None
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        update = kernel.client.get_iopub_msg(timeout=30)
        content = update["content"]
        if update["header"]["msg_type"] == "update_display_data":
            assert content["transient"]["display_id"] == name
            final = content["data"][MIME]["state"]
            if final != "running":
                break
    assert final == "succeeded"


def test_a_restarted_kernel_picks_the_build_up_again(kernel, project, line, services):
    project("echo from the start; sleep 4")
    build_id = kernel.run(f"h = %envd_build {line} --background\nprint(h.id)").text.strip()
    kernel.restart()
    kernel.run("%load_ext envd_jupyter")
    cell = kernel.run(f"%envd_attach {build_id}")
    assert cell.status == "ok", cell.error
    assert cell.view["state"] == "succeeded"
    assert "from the start" in attach(build_id, environ=services.environ).log()


def test_a_killed_kernel_does_not_stop_the_build(kernel, project, line, services):
    project("sleep 2")
    build_id = kernel.run(f"h = %envd_build {line} --background\nprint(h.id)").text.strip()
    os.kill(kernel.manager.provisioner.pid, 9)
    assert attach(build_id, environ=services.environ).wait_sync().state == "succeeded"


def test_a_killed_kernel_and_a_killed_driver_leave_a_record(kernel, project, line, services):
    project("sleep 5434")
    build_id = kernel.run(f"h = %envd_build {line} --background\nprint(h.id)").text.strip()
    wait_for(lambda: processes_with("sleep\x005434"))
    os.kill(kernel.manager.provisioner.pid, 9)
    build = attach(build_id, environ=services.environ)
    os.kill(build.folder.driver_pid(), 9)
    wait_for(lambda: not build.running)
    record = History(data_dir(services.environ)).get(build_id)
    assert record.state == "lost"
    assert "drove the build" in record.message
    assert_nothing_left(build, "sleep\x005434")


def test_cancel_from_another_cell(kernel, project, line):
    project("sleep 5433")
    build_id = kernel.run(f"h = %envd_build {line} --background\nprint(h.id)").text.strip()
    cell = kernel.run(f"%envd_cancel {build_id}")
    assert cell.status == "ok", cell.error
    assert kernel.run("print(h.result().state)").text == "interrupted\n"


def test_the_doctor_speaks(kernel, services, buildkitd):
    services.use_context("doctor", buildkitd.address)
    cell = kernel.run("%envd_doctor")
    assert cell.status == "ok", cell.error
    said = cell.text + str(cell.displays) + str(cell.result)
    assert "1.3.6" in said
    assert "0.25.1" in said


@both_kernels
def test_updates_are_not_kept_in_the_kernels_memory(kernel, project, line):
    project(once("for i in $(seq 30); do echo $i; sleep 0.1; done"))
    cell = kernel.run(f"r = %envd_build {line}")
    (bundles,) = cell.displays.values()
    assert len(bundles) > 20
    kept = "print(sum(len(v) for v in get_ipython().history_manager.outputs.values()))"
    assert int(kernel.run(kept).text) < 5


def test_the_history_reports_compares_and_exports(kernel, project, line, tmp_path):
    project("echo one", "echo two")
    kernel.run(f"first = %envd_build {line}")
    project("echo one", "echo changed")
    cell = kernel.run(f"second = %envd_build {line}")
    assert cell.status == "ok", cell.error
    report = kernel.run("print(second.report())")
    assert "echo changed" in report.text, report.error
    shown = kernel.run("%envd_history report last")
    assert "<svg" in shown.result["text/html"]
    assert "<script" not in shown.result["text/html"]
    ids = kernel.run("print(first.id, second.id)").text.split()
    compared = kernel.run(f"%envd_history compare {ids[0]} {ids[1]}")
    assert "echo changed" in compared.result["text/plain"]
    again = kernel.run(f"again = %envd_history rerun {ids[1]}")
    assert again.status == "ok", again.error
    (bundles,) = again.displays.values()
    assert "2/2 steps, 2 cached (100 %)" in bundles[-1]["text/plain"]
    said = kernel.run("print(again.state, again.id != second.id, again.image == second.image)")
    assert said.text.split() == ["succeeded", "True", "True"]
    wrote = kernel.run(f"%envd_history export {ids[1]} build.html")
    assert wrote.status == "ok", wrote.error
    assert "echo changed" in (tmp_path / "build.html").read_text()


def test_the_caches_are_looked_into_and_pruned(kernel, project, line, buildkitd, registry):
    project("head -c 200000 /dev/urandom > /data")
    ref = registry.ref("care/python3:1")
    named = ref.replace("python3", "{kernel}")
    caches = f"--export-cache type=registry,ref={named},mode=max"
    caches += " --export-cache type=local,dest=local-cache,mode=max"
    cell = kernel.run(f"r = %envd_build {line} {caches}")
    assert cell.status == "ok", cell.error
    used = kernel.run(f"%envd_cache du --builder {buildkitd.address}")
    assert "results of steps" in used.result["text/plain"], used.error
    held = kernel.run(f"%envd_cache look type=registry,ref={ref}")
    assert held.status == "ok", held.error
    assert ref in held.result["text/plain"]
    followed = kernel.run(f"%envd_cache look type=registry,ref={named}")
    assert followed.result == held.result, followed.error
    local = kernel.run("%envd_cache du local-cache")
    assert "latest" in local.text, local.error
    would = kernel.run(f"%envd_cache prune --builder {buildkitd.address} --keep 10GB")
    assert would.status == "ok", would.error
    wrong = kernel.run("%envd_cache prune --older-than soon")
    assert "is no time" in wrong.error
