"""What somebody reads of the example notebooks without running them, on GitHub for example."""

from __future__ import annotations

import copy
from typing import Any

import nbformat
import pytest

from tests.notebooks.saving import NOTEBOOKS, START, leftovers

SMALL = 200_000  # bytes

every = {path.name: path for path in (START, *sorted(NOTEBOOKS.glob("*.ipynb")))}
names = list(every)


def read(name: str) -> Any:
    return nbformat.read(every[name], as_version=4)


@pytest.mark.parametrize("name", names)
def test_it_is_small_and_shows_a_run_from_top_to_bottom(name: str) -> None:
    assert every[name].stat().st_size < SMALL
    notebook = read(name)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    meant = [cell for cell in code if "raises-exception" in cell.metadata.get("tags", ())]
    assert [cell for cell in code if any(o.output_type == "error" for o in cell.outputs)] == meant


@pytest.mark.parametrize("name", names)
def test_it_says_first_what_it_is_about_and_what_it_needs(name: str) -> None:
    first = read(name).cells[0].source
    assert first.startswith("# ")
    assert "**You need**" in first


@pytest.mark.parametrize("name", names)
def test_every_build_is_shown_as_html_and_as_text(name: str) -> None:
    bundles = [
        output.data
        for cell in read(name).cells
        for output in cell.get("outputs", ())
        if "application/vnd.envd.build+json" in output.get("data", ())
    ]
    for data in bundles:
        assert data["text/plain"].splitlines()[0][0] in "✔✘■●"
        assert '<div class="envd-build' in data["text/html"]


@pytest.mark.parametrize("name", names)
def test_nothing_in_it_is_of_the_machine_it_ran_on(name: str) -> None:
    notebook = read(name)
    assert list(leftovers(notebook)) == []
    marked = copy.deepcopy(notebook)
    cell = next(cell for cell in marked.cells if cell.get("outputs"))
    cell.outputs.append(nbformat.v4.new_output("stream", text="see /tmp/x at 127.0.0.1:41234"))
    assert len(list(leftovers(marked))) == 2
