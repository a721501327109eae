"""Collecting what tests show: their marks, whether they passed, and which builders they built on.

``ENVD_JUPYTER_MARKS=FILE`` writes the marks of the collected tests, ``ENVD_JUPYTER_SHOWN=FILE``
adds what was shown in this run to what the file holds of earlier ones.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.compatibility.rows import spelled_out

if TYPE_CHECKING:
    from collections.abc import Iterator

_KINDS = {
    "buildkit": "BuildKit",
    "docker": "Docker Engine, BuildKit",
    "docker-containerd": "Docker Engine with containerd store, BuildKit",
}
# Read here: the tests themselves run without the variables of this package.
_PLACE = os.environ.get("ENVD_JUPYTER_SHOWN")
_passed: dict[str, dict[str, set[str]]] = {}
_known: dict[str, str] = {}
_failed: set[str] = set()


def rows_of(item: pytest.Item) -> list[str]:
    """Return the rows that a test says it shows."""
    marks = [mark for found in item.iter_markers("shows") for mark in found.args]
    return sorted({row for mark in marks for row in spelled_out(mark)})


def name_of(item: pytest.Item) -> str:
    """Return a test's name without its parameters."""
    return item.nodeid.partition("[")[0]


def is_recording() -> bool:
    """Tell whether this run records what is shown."""
    return _PLACE is not None


def builder_seen(address: str) -> str | None:
    """Ask a builder what it is; None if it does not say."""
    from envd_jupyter.buildkit.dialers import BuilderAddress
    from envd_jupyter.builds.preflight import ask_builder

    if address not in _known:
        with contextlib.suppress(Exception):
            facts = asyncio.run(ask_builder(BuilderAddress.parse(address)))
            _known[address] = f"{_KINDS[facts.kind]} {facts.version or 'of unknown version'}"
    return _known.get(address)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Write down the marks, if asked."""
    place = os.environ.get("ENVD_JUPYTER_MARKS")
    if place:
        marks: dict[str, list[str]] = {}
        for item in session.items:
            found = {*marks.get(name_of(item), ()), *rows_of(item)}
            marks[name_of(item)] = sorted(found)
        Path(place).write_text(json.dumps(marks))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: Any) -> Iterator[None]:
    """Take in what a test has shown, when it has passed."""
    outcome: Any = yield
    report = outcome.get_result()
    if not is_recording() or not (rows := rows_of(item)):
        return
    if report.failed:
        _failed.add(name_of(item))
    if call.when != "call" or not report.passed:
        return
    found = _passed.setdefault(name_of(item), {"rows": set(), "builders": set()})
    found["rows"].update(rows)
    funcargs = getattr(item, "funcargs", {})
    if "builds" in funcargs:
        found["builders"].update(funcargs["builds"].seen)
    if "buildkitd" in funcargs:
        found["builders"].add(f"BuildKit {funcargs['buildkitd'].version.removeprefix('v')}")


def pytest_sessionfinish() -> None:
    """Add what was shown to the record."""
    if _PLACE is None:
        return
    place = Path(_PLACE)
    record = json.loads(place.read_text()) if place.exists() else {}
    for name in _failed:
        record.pop(name, None)
    for name, found in _passed.items():
        if name not in _failed:
            record[name] = {key: sorted(values) for key, values in found.items()}
    place.write_text(json.dumps(dict(sorted(record.items())), indent=1) + "\n")
