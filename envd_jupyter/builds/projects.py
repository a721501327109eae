"""Finding what can be built: directories with ``build.envd``, and the functions in them."""

from __future__ import annotations

import os
import re
from pathlib import Path

__all__ = ["find_functions", "find_projects", "short_path"]

_DEEPEST = 4
_MOST = 200
_SKIPPED = frozenset({"node_modules", "__pycache__", "site-packages", "venv"})
_DEFINITION = re.compile(r"^def\s+([A-Za-z]\w*)\s*\(", re.MULTILINE)


def find_projects(root: Path) -> tuple[str, ...]:
    """Return the directories at and below one that hold ``build.envd``, the nearest first.

    Looks a few levels deep and not into hidden directories; a big tree is not looked through.
    """
    found: list[str] = []
    level, looked = [root], 0
    for _ in range(_DEEPEST):
        below: list[Path] = []
        for folder in level:
            looked += 1
            if looked > _MOST:
                return tuple(found)
            try:
                entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
            except OSError:
                continue
            if any(entry.name == "build.envd" for entry in entries):
                found.append(os.path.relpath(folder, root))
            below += [
                Path(entry.path)
                for entry in entries
                if entry.name not in _SKIPPED
                and not entry.name.startswith(".")
                and entry.is_dir(follow_symlinks=False)
            ]
        level = below
    return tuple(found)


def short_path(path: str) -> str:
    """Return a directory as one writes it here: below the working directory without that one.

    >>> short_path(".")
    ''
    """
    if not path:
        return ""
    relative = os.path.relpath(Path(path).expanduser())
    return path if relative.startswith("..") else relative.removeprefix(".")


def find_functions(project: str) -> tuple[str, ...]:
    """Return what can be built in a project, as ``FILE:FUNCTION``; ``build.envd:build`` first."""
    folder = Path(project or ".").expanduser()
    found = []
    try:
        files = sorted(folder.glob("*.envd"), key=lambda path: (path.name != "build.envd", path))
    except OSError:
        return ()
    for file in files[:20]:
        try:
            source = file.read_text(encoding="utf-8")[:200_000]
        except (OSError, UnicodeDecodeError):
            continue
        names = dict.fromkeys(_DEFINITION.findall(source))
        found += sorted((f"{file.name}:{name}" for name in names), key=lambda f: f[-6:] != ":build")
    return tuple(found)
