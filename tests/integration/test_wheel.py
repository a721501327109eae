"""What a person gets with ``pip install``: the wheel, in an environment that had nothing of us."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path, PurePosixPath

import pytest

from envd_jupyter import __version__

ROOT = Path(__file__).parents[2]
SHARED = f"envd_jupyter-{__version__}.data/data"
LAB = f"{SHARED}/share/jupyter/labextensions/envd-jupyter"


def run(*command: object, **options: object) -> str:
    """Run a command to its end and return what it said, on both channels."""
    done = subprocess.run(
        [str(word) for word in command],
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        **options,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The folder of the source archive, and of the wheel that is made from it."""
    folder = tmp_path_factory.mktemp("dist")
    run("bash", ROOT / ".ci/labextension")
    run(sys.executable, "-m", "build", "--outdir", folder, ROOT)
    return folder


@pytest.fixture(scope="module")
def wheel(built):
    """The wheel."""
    (file,) = built.glob("*.whl")
    return file


def test_the_wheel_holds_the_package_and_the_extension_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        sizes = {info.filename: info.file_size for info in archive.infolist()}
        package = json.loads(archive.read(f"{LAB}/package.json"))
        entry = archive.read(f"{LAB}/{package['jupyterlab']['_build']['load']}")
    assert package["version"] == __version__
    assert b"envd-jupyter" in entry
    for needed in (
        "envd_jupyter/__init__.py",
        "envd_jupyter/py.typed",
        f"{LAB}/install.json",
        f"{LAB}/static/style.js",
        f"{LAB}/schemas/envd-jupyter/panel.json",
        f"{SHARED}/etc/jupyter/jupyter_server_config.d/envd_jupyter.json",
        f"envd_jupyter-{__version__}.dist-info/licenses/LICENSE",
    ):
        assert needed in sizes
    roots = {PurePosixPath(name).parts[0] for name in sizes}
    assert roots == {
        "envd_jupyter",
        f"envd_jupyter-{__version__}.data",
        f"envd_jupyter-{__version__}.dist-info",
    }
    stray = re.compile(r"node_modules|\.map$|\.tsx?$|__pycache__|tests/|^envd_jupyter/labextension")
    assert [name for name in sizes if stray.search(name)] == []
    assert sum(size for name, size in sizes.items() if name.startswith(LAB)) < 500_000


def test_the_source_archive_can_be_built_without_node(built):
    (archive,) = built.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        names = [name.split("/", 1)[-1] for name in tar.getnames()]
    assert "envd_jupyter/labextension/static/style.js" in names
    assert "labextension/src/index.ts" in names
    assert "LICENSE" in names
    assert not [name for name in names if "node_modules" in name or name.startswith(".venv")]


def test_a_clean_environment_has_all_of_it_after_the_install(wheel, tmp_path):
    run(sys.executable, "-m", "venv", tmp_path / "venv")
    python = tmp_path / "venv/bin/python"
    run(python, "-m", "pip", "install", "-q", wheel, "jupyterlab>=4.2,<5", "ipykernel")
    home = {"HOME": str(tmp_path), "PATH": f"{python.parent}:/usr/bin:/bin", "NO_COLOR": "1"}

    extensions = run(python, "-m", "jupyter", "labextension", "list", env=home, cwd=tmp_path)
    line = next(line for line in extensions.splitlines() if "envd-jupyter" in line)
    plain = re.sub(r"\x1b\[\d+m", "", line)
    assert f"envd-jupyter v{__version__} enabled OK (python, envd-jupyter)" in plain

    servers = run(python, "-m", "jupyter", "server", "extension", "list", env=home, cwd=tmp_path)
    assert re.search(rf"envd_jupyter {re.escape(__version__)} .*OK", servers)

    said = run(
        *(python, "-m", "IPython", "-c", "%load_ext envd_jupyter\n%envd_history"),
        env=home,
        cwd=tmp_path,
    )
    assert "no builds" in said.lower()
