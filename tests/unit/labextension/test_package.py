from __future__ import annotations

import json
import re
from pathlib import Path

import tomlkit

import envd_jupyter
from tests.unit.labextension import words

ROOT = Path(__file__).parents[3]
LAB = ROOT / "labextension"


def package() -> dict[str, object]:
    return json.loads((LAB / "package.json").read_text())


def test_both_halves_have_the_same_name_and_version() -> None:
    project = tomlkit.parse((ROOT / "pyproject.toml").read_text())["project"]
    assert package()["version"] == envd_jupyter.__version__
    assert package()["name"] == project["name"]
    assert package()["license"] == project["license"]


def test_the_paths_told_to_jupyterlab_are_those_it_is_built_into_and_shipped_as() -> None:
    (paths,) = envd_jupyter._jupyter_labextension_paths()
    lab = package()["jupyterlab"]
    built = (LAB / lab["outputDir"]).resolve()
    assert built == Path(envd_jupyter.__file__).parent / paths["src"]
    wheel = tomlkit.parse((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    shared = wheel["targets"]["wheel"]["shared-data"]
    assert shared[str(built.relative_to(ROOT))] == f"share/jupyter/labextensions/{paths['dest']}"


def test_the_lock_file_names_no_host() -> None:
    assert not re.search(r"https?:|resolved", (LAB / "yarn.lock").read_text())


def test_the_words_of_the_extension_are_compared_with_those_of_the_notebook() -> None:
    # Else: python -m tests.unit.labextension.words
    assert json.loads(words.FILE.read_text()) == json.loads(json.dumps(words.words()))
