from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envd_jupyter.builds.preferences import Identity, Preferences

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project the test runs in."""
    project = tmp_path / "project"
    project.mkdir()
    monkeypatch.chdir(project)
    return project


@pytest.fixture
def open_preferences(tmp_path: Path, folder: Path) -> Callable[..., Preferences]:
    """Open the preferences of a kernel, as another process would."""

    def opened(
        kernel_id: str | None = "k1", notebook: str | None = "nb.ipynb", **more: object
    ) -> Preferences:
        where = str(tmp_path / notebook) if notebook else None
        more.setdefault("data", tmp_path / "data")
        more.setdefault("environ", {})
        return Preferences(Identity(where, "python3", kernel_id), folder, **more)

    return opened
