from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell

from envd_jupyter.notebook import register, unregister

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(params=[True, False], ids=["jedi", "no jedi"])
def shell(request: pytest.FixtureRequest) -> Iterator[InteractiveShell]:
    shell = InteractiveShell()
    shell.Completer.use_jedi = request.param
    register(shell)
    yield shell
    unregister(shell)


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "train").mkdir()
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "train" / "gpu.envd").write_text(
        "def build():\n  pass\n\ndef build_gpu():\n  pass\n"
    )
    (tmp_path / "notes.txt").write_text("")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ENVD_JUPYTER_DATA_DIR", str(tmp_path / ".hidden"))
    return tmp_path


def after(shell: InteractiveShell, text: str) -> list[str]:
    """Return the lines that Tab could make of ``text``."""
    with provisionalcompleter():
        found = list(shell.Completer.completions(text, len(text)))
    return [text[: item.start] + item.text + text[item.end :] for item in found]


def offered(shell: InteractiveShell, text: str) -> list[str]:
    """Return what Tab offers for the end of ``text``."""
    with provisionalcompleter():
        return [item.text for item in shell.Completer.completions(text, len(text))]


@pytest.mark.parametrize("start", ["%envd_build ", "%%envd_build ", "result = %envd_build "])
def test_flags(shell: InteractiveShell, start: str) -> None:
    assert after(shell, f"{start}--ex") == [f"{start}--export-cache"]
    assert after(shell, f"{start}--tag x --dry") == [f"{start}--tag x --dry-run"]
    assert "--import-cache" in offered(shell, start)


@pytest.mark.parametrize(
    ("typed", "texts"),
    [
        ("--ec ", ["type=registry", "type=inline", "type=local", "type=gha", "type=s3"]),
        ("--ic t", ["type=registry", "type=local", "type=gha", "type=s3"]),
        ("--ic type=r", ["registry"]),
        ("--export-cache=type=i", ["inline"]),
        ("--ec type=registry,mo", ["mode="]),
        ("--ec type=registry,mode=", ["min", "max"]),
        ("--ec type=registry,ref=x/y,mode=ma", ["max"]),
        ("--ec type=registry,comp", ["compression=", "compression-level="]),
        ("--ec type=registry,compression=z", ["zstd"]),
        ("--ec type=registry,force-compression=t", ["true"]),
        ("--ec 'type=registry,mo", ["mode="]),
        ("--ec type=local,dest=tr", ["train/"]),
        ("--output type=image,pu", ["push=true"]),
        ("--output ty", [f"type={name}" for name in ("image", "docker", "oci", "tar", "local")]),
        ("--path ", ["train/"]),
        ("--path train --from ", ["gpu.envd:"]),
        ("--path train --from gpu.envd:build_", ["build_gpu"]),
        ("--save n", ["notebook"]),
        ("--progress t", ["text"]),
        ("--platform linux/amd64,linux/ar", ["linux/arm64"]),
        ("--builder docker", ["docker://", "docker-container://"]),
        ("--inject-aws p", ["profile:"]),
    ],
)
def test_values(shell: InteractiveShell, typed: str, texts: list[str]) -> None:
    assert offered(shell, f"%envd_build {typed}") == texts


def test_options_already_given_are_not_offered_again(shell: InteractiveShell) -> None:
    texts = offered(shell, "%envd_build --ec type=registry,ref=x,")
    assert "mode=" in texts
    assert "ref=" not in texts


def test_a_line_goes_on_after_a_backslash(shell: InteractiveShell) -> None:
    assert offered(shell, "%envd_build --force \\\n  --ec \\\n  type=s3,buc") == ["bucket="]


def test_only_magics_of_ours_are_answered(shell: InteractiveShell) -> None:
    assert "--export-cache" not in offered(shell, "--ex")
    assert "--export-cache" not in offered(shell, "%timeit --ex")
    assert "--export-cache" not in offered(shell, "%envd_build --force\n--ex")


def test_actions_of_the_history(shell: InteractiveShell) -> None:
    assert offered(shell, "%envd_history sh") == ["show"]
    assert offered(shell, "%envd_history show ") == ["last"]
    assert offered(shell, "%envd_history --state x --js") == ["--json"]


def test_the_older_interface_of_the_completer(shell: InteractiveShell) -> None:
    line = "%envd_build --ec type=registry,mo"
    _, matches = shell.complete("", line=line, cursor_pos=len(line))
    assert matches == ["mode="]


def test_unregistered_magics_are_gone(shell: InteractiveShell) -> None:
    unregister(shell)
    assert "--export-cache" not in offered(shell, "%envd_build --ex")
    assert shell.find_magic("envd_build") is None
    register(shell)
