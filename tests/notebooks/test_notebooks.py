"""Every example notebook runs from top to bottom on real services, as its reader would run it.

nbval executes the cells and compares the outputs of those marked for comparison; a cell that raises
fails the notebook. The notebook and the files beside it are copied first: nothing is written into
the checkout.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.services import Services

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", sorted(path.name for path in NOTEBOOKS.glob("*.ipynb")))
def test_notebook_runs(name: str, services: Services, tmp_path: Path) -> None:
    folder = shutil.copytree(NOTEBOOKS, tmp_path / "notebooks")
    environ = os.environ | dict(services.notebook_environ())
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--nbval-lax", "--nbval-cell-timeout=600"]
        + ["-p", "no:cacheprovider", "-q", "--rootdir", str(folder), name],
        cwd=folder,
        env=environ,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert done.returncode == 0, done.stdout[-6000:]
