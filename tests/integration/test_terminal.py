"""``%envd_build`` in a terminal: the same build, drawn with rich, ended by Ctrl-C."""

from __future__ import annotations

import re
import sys

import pexpect
import pytest

from tests.integration.conftest import processes_with
from tests.integration.test_lifecycle import wait_for

PROMPT = re.compile(r"In \[\d+\]: ")


@pytest.fixture
def terminal(services, tmp_path):
    child = pexpect.spawn(
        sys.executable,
        ["-m", "IPython", "--simple-prompt", "--no-banner", "--colors=NoColor"],
        env=services.environ | {"TERM": "xterm", "COLUMNS": "120", "LINES": "50"},
        cwd=str(tmp_path),
        encoding="utf-8",
        timeout=60,
        dimensions=(50, 120),
    )
    child.expect(PROMPT)
    child.sendline("%load_ext envd_jupyter")
    child.expect(PROMPT)
    yield child
    child.close(force=True)


@pytest.fixture
def line(buildkitd, builds):
    return (
        f"%envd_build --path proj --builder {buildkitd.address} --force "
        f"--output type=image,name={builds.image()},push=true"
    )


def test_the_steps_and_the_end_are_drawn(terminal, project, line):
    project("echo one", "echo two; sleep 1")
    terminal.sendline(line)
    terminal.expect("echo two")
    terminal.expect("built")
    terminal.expect(PROMPT)
    assert "Traceback" not in terminal.before


def test_a_failing_build_is_told_in_few_lines(terminal, project, line):
    project("echo the last words; exit 3")
    terminal.sendline(line)
    terminal.expect("EnvdBuildError")
    terminal.expect("the last words")
    terminal.expect(PROMPT)
    assert "Traceback" not in terminal.before


def test_ctrl_c_ends_the_build(terminal, project, line):
    project("sleep 5777")
    terminal.sendline(line)
    wait_for(lambda: processes_with("sleep\x005777"))
    terminal.sendintr()
    terminal.expect("was cancelled and has ended")
    terminal.expect(PROMPT)
    wait_for(lambda: not processes_with("sleep\x005777"), seconds=10)
    terminal.sendline("print(6 * 7)")
    terminal.expect("42")
