"""The ``envd-jupyter`` command, as a user of a shell sees it."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.fixture
def command(services, tmp_path):
    environ = services.environ | {"ENVD_JUPYTER_DATA_DIR": str(tmp_path / "d")}

    def run(*arguments: str, environ=environ) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, "-m", "envd_jupyter", *arguments]
        return subprocess.run(line, env=environ, text=True, capture_output=True)

    return run


def test_a_builder_of_ones_own_builds_and_is_taken_down(
    command, services, builds, project, registry
):
    from tests.services.tools import buildkit

    path = f"{buildkit('v0.25.1')}:{services.environ['PATH']}"
    assert command("status").returncode == 1
    data = str(project().parent / "d")
    environ = services.environ | {"PATH": path, "ENVD_JUPYTER_DATA_DIR": data}
    up = command("up", "--insecure-registry", registry.host, environ=environ)
    assert up.returncode == 0, up.stderr
    address = next(word for word in up.stdout.split() if word.startswith("unix://"))
    try:
        assert builds.run(project("echo 1 > /one"), address).ok
        assert address in command("status", environ=environ).stdout
        doctor = command("doctor", "--builder", address, environ=environ)
        assert doctor.returncode == 0, doctor.stdout
        assert "0.25.1" in doctor.stdout
    finally:
        assert command("down", "--remove", environ=environ).returncode == 0
    assert command("status", environ=environ).returncode == 1


def test_the_history_of_a_shell_is_that_of_the_notebooks(
    command, services, builds, project, buildkitd
):
    result = builds.run(project("echo 1", name="remembered"), buildkitd)
    shown = command("history", "--text", "remembered", environ=services.environ)
    assert f"✔  {result.id}" in shown.stdout
    assert result.image in shown.stdout


def test_a_build_is_run_again_from_a_shell(command, services, builds, project, buildkitd):
    folder = project("echo again", name="oncemore")
    first = builds.run(folder, buildkitd)
    again = command("history", "rerun", first.id, environ=services.environ)
    assert again.returncode == 0, again.stderr
    (line,) = [text for text in again.stdout.splitlines() if "oncemore → " in text]
    assert "built, 1/1 step, 1 cached (100 %)" in line
    shown = command("history", "--text", "oncemore", environ=services.environ)
    assert shown.stdout.count("✔") == 2
    project("false", name="oncemore")
    broken = command("history", "rerun", first.id, environ=services.environ)
    assert broken.returncode == 1
    assert broken.stderr.startswith("envd-jupyter: failed: ")
    assert "in step: false" in broken.stderr


def test_wrong_usage(command):
    assert command().returncode == 2
    assert command("fly").returncode == 2
    assert command("--version").stdout.strip() == "0.1.0"
