"""What ``import envd_jupyter`` gives, and what it costs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from mypy import api

import envd_jupyter
from envd_jupyter import errors

README = Path(__file__).parents[2] / "README.md"


@pytest.mark.parametrize("name", envd_jupyter.__all__)
def test_each_public_name_is_there_and_says_what_it_is(name: str) -> None:
    value = getattr(envd_jupyter, name)
    if name != "__version__":
        assert value.__doc__.strip()
    assert name in dir(envd_jupyter)


def test_every_error_is_public() -> None:
    assert set(errors.__all__) <= set(envd_jupyter.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'bild'"):
        _ = envd_jupyter.bild


@pytest.mark.parametrize("first", ["envd_jupyter.builds.client", "envd_jupyter.notebook.magics"])
def test_a_name_is_no_module_whatever_was_imported_before(first: str) -> None:
    probe = f"import {first}; from envd_jupyter import build; assert callable(build), build"
    subprocess.run([sys.executable, "-c", probe], check=True)


def test_importing_it_imports_nothing_else() -> None:
    probe = (
        "import sys; before = set(sys.modules); import envd_jupyter;"
        "print(sorted(set(sys.modules) - before - {'envd_jupyter', '__future__'}))"
    )
    done = subprocess.run([sys.executable, "-c", probe], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "['envd_jupyter._version']"


def test_the_example_of_the_readme_is_well_typed(tmp_path: Path) -> None:
    (example,) = re.findall(r"```python\n(from envd_jupyter.*?)```", README.read_text(), re.DOTALL)
    kinds = "reveal_type(result)\nreveal_type(BuildRequest('.').exports)\n"
    (tmp_path / "example.py").write_text(example + kinds)
    said, trouble, code = api.run(["--strict", str(tmp_path / "example.py")])
    assert code == 0, said + trouble
    assert '"envd_jupyter.builds.result.BuildResult"' in said
    assert '"tuple[envd_jupyter.cache.entry.CacheEntry, ...]"' in said
