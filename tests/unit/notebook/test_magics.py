"""The magics as a part of IPython: registered, configured, and taken out again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from envd_jupyter import load_ipython_extension, unload_ipython_extension

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[InteractiveShell]:
    monkeypatch.setenv("ENVD_JUPYTER_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("ENVD_CONTEXT", "none")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "build.envd").write_text("def build():\n    base(dev=False)\n")
    config = Config()
    config.EnvdMagics.builder = "unix:///configured.sock"
    config.EnvdMagics.output = "type=tar,dest=configured.tar"
    shell = InteractiveShell(config=config)
    load_ipython_extension(shell)
    yield shell
    unload_ipython_extension(shell)


def test_the_configuration_of_ipython_is_used(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str]
) -> None:
    shell.run_line_magic("envd_build", "--dry-run")
    said = capsys.readouterr().out
    assert "unix:///configured.sock" in said
    assert "configured.tar" in said


def test_the_line_is_stronger_than_the_configuration(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str]
) -> None:
    shell.run_line_magic("envd_build", "--dry-run --builder unix:///line.sock")
    said = capsys.readouterr().out
    assert "unix:///line.sock" in said
    assert "configured.sock" not in said


def test_settings_are_shown_and_changed_with_config(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str]
) -> None:
    shell.run_line_magic("config", "EnvdMagics")
    said = capsys.readouterr().out
    for name in ("builder", "output", "export_cache", "import_cache", "progress", "envd"):
        assert f"EnvdMagics.{name}=" in said
    shell.run_line_magic("config", "EnvdMagics.builder = 'unix:///changed.sock'")
    shell.run_line_magic("envd_build", "--dry-run")
    assert "unix:///changed.sock" in capsys.readouterr().out


def test_loading_again_leaves_one_of_each(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str]
) -> None:
    unload_ipython_extension(shell)
    assert not [name for name in shell.magics_manager.magics["line"] if name.startswith("envd_")]
    load_ipython_extension(shell)
    names = [type(one).__name__ for one in shell.configurables]
    assert names.count("EnvdMagics") == 1
    assert "envd_build" in shell.magics_manager.magics["cell"]


@pytest.mark.parametrize(
    "magic",
    ["build", "form", "cache", "attach", "cancel", "history", "doctor", "replay"],
)
def test_every_magic_has_help(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str], magic: str
) -> None:
    shell.run_line_magic(f"envd_{magic}", "--help")
    said = capsys.readouterr().out
    assert said.startswith(f"usage: %envd_{magic}")
    assert all(len(line) <= 100 for line in said.splitlines())
    assert "--help" in shell.find_line_magic(f"envd_{magic}").__doc__
