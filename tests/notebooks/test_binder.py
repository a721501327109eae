"""What mybinder.org does with binder/, step by step, where there is nothing to build with.

repo2docker runs ``pip install -r binder/requirements.txt`` and ``binder/postBuild`` at the top of a
checkout, in an environment that has nothing of ours; the visitor then opens the start notebook.
"""

from __future__ import annotations

import html
import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.notebooks.saving import ROOT, visitor_environ

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.timeout(600)

RECORDED = ("1-cold-build", "2-cached-build", "3-rebuild", "4-failing-build")


@pytest.fixture(scope="module")
def binder(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The start notebook as a visitor sees it after *Run All*."""
    home = tmp_path_factory.mktemp("binder")
    checkout, python = home / "checkout", home / "python"
    copy_checkout(checkout)
    run([sys.executable, "-m", "venv", str(python)], checkout, dict(os.environ))
    building = os.environ | {"PATH": f"{python / 'bin'}:{os.environ['PATH']}", "HOME": str(home)}
    if npm := shutil.which("npm"):  # yarn reads no .npmrc
        registry = subprocess.run([npm, "config", "get", "registry"], text=True, capture_output=True)
        building.setdefault("YARN_NPM_REGISTRY_SERVER", registry.stdout.strip())
    run(["pip", "install", "-q", "-r", "binder/requirements.txt"], checkout, building)
    run(["./binder/postBuild"], checkout, building)
    assert (python / "share/jupyter/labextensions/envd-jupyter/package.json").is_file()
    visitor = visitor_environ(home, python / "bin")
    run(["jupyter", "execute", "--inplace", "start.ipynb"], checkout / "binder", visitor)
    notebook: dict[str, Any] = json.loads((checkout / "binder" / "start.ipynb").read_text())
    return notebook


def copy_checkout(target: Path) -> None:
    """Copy what git knows of the checkout, as it is now; nothing that was built in it."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, target / name)


def run(command: list[str], folder: Path, environ: dict[str, str]) -> None:
    """Run a step; one that fails is told with what it printed."""
    program = shutil.which(command[0], path=f"{folder}{os.pathsep}{environ['PATH']}") or command[0]
    done = subprocess.run(
        [program, *command[1:]], cwd=folder, env=environ, text=True, capture_output=True
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"


def cell(notebook: dict[str, Any], word: str) -> dict[str, Any]:
    """Return what the code cell with a word in it has put out, by kind, as texts."""
    (found,) = [
        cell
        for cell in notebook["cells"]
        if cell["cell_type"] == "code" and word in "".join(cell["source"]) + "\n"
    ]
    texts: dict[str, Any] = {"stream": "", "error": ""}
    for output in found["outputs"]:
        if output["output_type"] == "stream":
            texts["stream"] += "".join(output["text"])
        elif output["output_type"] == "error":
            texts["error"] += "\n".join(output["traceback"])
        else:
            assert not texts.keys() & output["data"].keys()
            texts |= {
                kind: data if isinstance(data, dict) else "".join(data)
                for kind, data in output["data"].items()
            }
    return texts


@pytest.mark.parametrize("name", RECORDED)
def test_every_recording_is_shown_and_labelled(binder: dict[str, Any], name: str) -> None:
    shown = cell(binder, f"%envd_replay recordings/{name}")
    view = shown["application/vnd.envd.build+json"]
    assert view["recording"] is True
    assert view["state"] == ("failed" if "failing" in name else "succeeded")
    assert '<span class="eb-tag">recording</span>' in shown["text/html"]
    assert shown["text/plain"].splitlines()[0].endswith("(a recording)")
    steps = [step["name"] for step in view["steps"] if step["kind"] == "step"]
    assert any("pip install numpy" in step for step in steps)
    for step in steps:
        assert step in html.unescape(shown["text/html"])


def test_the_recordings_tell_their_stories(binder: dict[str, Any]) -> None:
    assert "0 of 4 steps cached" in cell(binder, "print(f")["stream"]
    assert "4 of 4 steps cached" in cell(binder, "print(f")["stream"]
    report = cell(binder, "rebuild.report()")
    assert "settings/model.toml: changed" in report["text/plain"]
    assert "<svg" in report["text/html"]
    failing = cell(binder, "%envd_replay recordings/4")
    assert "No matching distribution found for numpy==0.0.1" in failing["text/html"]


def test_what_needs_no_builder_works(binder: dict[str, Any]) -> None:
    assert "%envd_build --path churn" in cell(binder, "%envd_form")["text/plain"]
    assert "implied by the export" in cell(binder, "%envd_cache set")["text/plain"]
    dry = cell(binder, "%envd_build --dry-run\n")
    assert "Stores the build cache in the registry" in dry["stream"]
    assert "The builder does not answer" in dry["stream"]
    assert "Did you mean compression?" in cell(binder, "compresion=zstd")["error"]
