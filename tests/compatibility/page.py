"""The page ``docs/compatibility.md``, made of what was recorded."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from envd_jupyter.cache.options import CACHE_TYPES, options_for, types_for
from tests.compatibility.rows import DIRECTIONS, GROUPS
from tests.compatibility.threads import THREADS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

CHECKOUT = Path(__file__).parents[2]
RECORD = CHECKOUT / "docs" / "compatibility.json"
PAGE = CHECKOUT / "docs" / "compatibility.md"

_HEAD = """# What was shown to work

Made by `make docs` from the tests, which run on real services; do not edit it. Each line names the
tests that show it, and the BuildKit they built on, as the builder told it; where none stands, the
run that passed did not ask.

"""
_NOTES = {
    "repository": "sent along; GitHub's own API was not asked",
    "ghtoken": "sent along; GitHub's own API was not asked",
    "upload_parallelism": "sent along; how many run at once was not counted",
}
_TITLES = {"builder": "Builders", "end": "Ends of a build", "fault": "Faults"}


def marks() -> dict[str, list[str]]:
    """Return the rows of every test, as pytest collects them."""
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch) / "marks.json"
        command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]
        subprocess.run(
            [*command, "tests/integration", "tests/unit"],
            cwd=CHECKOUT,
            env=os.environ | {"ENVD_JUPYTER_MARKS": str(place)},
            check=True,
            capture_output=True,
        )
        found: dict[str, list[str]] = json.loads(place.read_text())
    return found


def render(record: Mapping[str, Mapping[str, Any]]) -> str:
    """Write the page."""
    groups = [line for group in GROUPS for line in _group(record, group)]
    return _HEAD + "\n".join([*_options(record), *groups, *_threads()])


def _options(record: Mapping[str, Mapping[str, Any]]) -> Iterable[str]:
    yield "## Cache options\n"
    for cache_type in CACHE_TYPES:
        yield f"### {cache_type}\n"
        yield "| option | direction | since BuildKit | shown with | by |"
        yield "|---|---|---|---|---|"
        for direction in DIRECTIONS:
            if cache_type not in types_for(direction):
                continue
            rows = options_for(cache_type, direction)
            if cache_type == "inline":
                yield _line(record, f"inline {direction} type", "type=inline", direction, "")
            for row in rows:
                since = row.since or ""
                named = f"`{row.name}`" + (f" ({_NOTES[row.name]})" if row.name in _NOTES else "")
                key = f"{cache_type} {direction} {row.name}"
                yield _line(record, key, named, direction, since)
        yield ""


def _line(record: Mapping[str, Mapping[str, Any]], row: str, *cells: str) -> str:
    shown = [name for name, found in record.items() if row in found["rows"]]
    builders = sorted({one for name in shown for one in record[name]["builders"]}, key=_by_version)
    names = "<br>".join(f"`{name.rpartition('/')[2]}`" for name in shown)
    return "| " + " | ".join([*cells, "<br>".join(builders), names]) + " |"


def _by_version(label: str) -> tuple[str, list[int]]:
    kind, _, version = label.rpartition(" ")
    return kind, [int(part) for part in version.split(".") if part.isdigit()]


def _group(record: Mapping[str, Mapping[str, Any]], group: str) -> Iterable[str]:
    yield f"## {_TITLES[group]}\n"
    yield "| what | shown with | by |"
    yield "|---|---|---|"
    for name, text in GROUPS[group].items():
        yield _line(record, f"{group} {name}", f"{name}: {text}")
    yield ""


def _threads() -> list[str]:
    lines = ["## What people ask for\n", "| thread | what it is about | here | shown by |"]
    lines.append("|---|---|---|---|")
    for thread in THREADS:
        names = "<br>".join(f"`{name}`" for name in thread.tests)
        lines.append(f"| {thread.refs} | {thread.about} | {thread.here} | {names} |")
    return [*lines, ""]


def main() -> None:
    """Drop tests that are no more, and write the page."""
    known = marks()
    record = {
        name: found
        for name, found in json.loads(RECORD.read_text()).items()
        if known.get(name) == found["rows"]
    }
    RECORD.write_text(json.dumps(record, indent=1) + "\n")
    PAGE.write_text(render(record))


if __name__ == "__main__":
    main()
