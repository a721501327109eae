"""Save the example notebooks with what they show: ``python -m tests.notebooks.saving [NAME ...]``.

They run on real services, as in the tests, but the registry and the bucket are where a reader would
expect them; ``start``, the notebook of binder/, runs without any. What only this machine has, its
folders and sockets, is then given the name that a reader's machine has for it, and `leftovers` says
what was missed.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
from nbclient import NotebookClient

from tests.services import Services

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

ROOT = Path(__file__).parents[2]
NOTEBOOKS = ROOT / "notebooks"
START = ROOT / "binder" / "start.ipynb"
PORTS = {"registry": 5000, "s3": 9000}

_KERNEL_FILE = re.compile(r"kernels/tmp\w+\.json")
_STRANGE = (
    (re.compile(r"/tmp/(?!envd-)|/root/(?!\.cache/pip)|/var/folders/"), "a folder of the machine it ran on"),
    (re.compile(r"\.venv|site-packages|dist-packages"), "where Python packages lie there"),
    (re.compile(r"(?:127\.0\.0\.1|localhost):(?!(?:5000|8080|9000)\b)\d+"), "a port of that run"),
    (re.compile(r"\bAKIA(?!EXAMPLE)[0-9A-Z]{8,}|\beyJ[\w-]{20,}\.[\w-]+\."), "a credential"),
    (re.compile(r"Traceback \(most recent call last\)"), "a traceback"),
)


def main(names: list[str]) -> int:
    """Run and save the notebooks named, or all."""
    every = [START, *sorted(NOTEBOOKS.glob("*.ipynb"))]
    wanted = [path for path in every if not names or path.stem in {Path(n).stem for n in names}]
    with tempfile.TemporaryDirectory() as scratch:
        if START in wanted:
            wanted.remove(START)
            home = Path(scratch) / "home"
            home.mkdir()
            folder = shutil.copytree(START.parent, home / "binder")
            save(START, folder, visitor_environ(home), {str(home): "/home/jovyan"})
        if not wanted:
            return 0
        with Services(PORTS) as services:
            for path in wanted:
                environ = services.notebook_environ()
                folder = shutil.copytree(NOTEBOOKS, Path(scratch) / path.stem)
                known = {str(folder): "/home/me/notebooks"} | reader_names(services, environ)
                save(path, folder, environ, known)
    return 0


def save(path: Path, folder: Path, environ: Mapping[str, str], names: Mapping[str, str]) -> None:
    """Run a notebook in a folder and save it, with the names that things have for a reader."""
    print(f"{path.name} ...", flush=True)
    notebook = nbformat.read(path, as_version=4)
    execute(notebook, folder, environ)
    tidy(notebook, names)
    nbformat.write(notebook, path)
    for said in leftovers(notebook):
        print(f"  still there: {said}")


def visitor_environ(home: Path, programs: Path | None = None) -> dict[str, str]:
    """Return the environment of somebody who has no builder, no Docker and no envd context.

    Parameters
    ----------
    home
        An empty home directory.
    programs
        Where their Python and Jupyter are; by default those of this process.
    """
    own = programs or Path(sys.executable).parent
    return {
        "HOME": str(home),
        "PATH": f"{own}:/usr/bin:/bin",
        "DOCKER_HOST": f"unix://{home}/no-docker.sock",
        "LANG": "C.UTF-8",
    }


def execute(notebook: Any, folder: Path, environ: Mapping[str, str]) -> None:
    """Run a notebook in a folder, its outputs in place."""
    resources = {"metadata": {"path": str(folder)}}
    client = NotebookClient(
        notebook, timeout=600, kernel_name="python3", resources=resources, record_timing=False
    )
    client.execute(env=dict(environ))


def reader_names(services: Services, environ: Mapping[str, str]) -> dict[str, str]:
    """Return what a reader's machine calls the things of this one."""
    return {
        environ["NOTEBOOK_SECOND_BUILDER"]: "unix:///run/second/buildkitd.sock",
        services.buildkitd().address: "unix:///run/buildkit/buildkitd.sock",
        environ["ENVD_JUPYTER_DATA_DIR"]: "/home/me/.local/share/jupyter/envd_jupyter",
        environ["HOME"]: "/home/me",
        environ["ACTIONS_CACHE_URL"].rstrip("/"): "http://127.0.0.1:8080",
        str(services.envd): "/usr/local/bin/envd",
    }


def tidy(notebook: Any, names: Mapping[str, str]) -> None:
    """Give the things of this machine their names for a reader, and drop the widgets' state."""
    notebook.metadata = {
        key: value for key, value in notebook.metadata.items() if key in ("kernelspec",)
    } | {"language_info": {"name": "python"}}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [
                nbformat.from_dict(renamed(output, names)) for output in cell.outputs
            ]


def renamed(value: Any, names: Mapping[str, str]) -> Any:
    """Return a JSON value with the names replaced in all its texts."""
    text = json.dumps(value, ensure_ascii=False)
    for known in sorted(names, key=len, reverse=True):
        text = text.replace(known, names[known])
    return json.loads(_KERNEL_FILE.sub("kernels/0c4e1a52.json", text))


def leftovers(notebook: Any) -> Iterator[str]:
    """Yield what in a notebook's outputs belongs to the machine it ran on."""
    for number, text in _texts(notebook):
        for said in strange_in(text):
            yield f"cell {number}: {said}"


def strange_in(text: str) -> Iterator[str]:
    """Yield what in a text belongs to the machine it was written on."""
    for pattern, what in _STRANGE:
        for found in sorted(set(pattern.findall(text))):
            place = text.find(found)
            yield f"{what}: …{text[max(place - 40, 0) : place + 60]}…"


def _texts(notebook: Any) -> Iterable[tuple[int, str]]:
    for number, cell in enumerate(notebook.cells, 1):
        for output in cell.get("outputs", ()):
            yield number, json.dumps(output, ensure_ascii=False)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
