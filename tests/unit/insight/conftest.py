"""What these tests share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.insight.records import Records

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def records(tmp_path: Path) -> Records:
    """An empty data folder."""
    return Records(tmp_path)
