"""Names such as ``{git_branch}`` in a cache setting, replaced anew for each build.

With them one saved setting follows the branch and the commit:
``type=s3,…,name={git_sha};{git_branch}``. A value is fitted to the field it goes into, so that
``feature/x`` becomes a valid tag.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from envd_jupyter.cache.entry import CacheEntry, make_cache_entry
from envd_jupyter.errors import TemplateError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["TEMPLATE_NAMES", "expand_all", "expand_templates", "template_values"]

#: What may stand in braces.
TEMPLATE_NAMES = ("git_branch", "git_sha", "notebook", "kernel")

_NAME = re.compile(r"\{([a-z_]+)\}")
_GIT_SECONDS = 10.0


def expand_templates(entry: CacheEntry, values: Mapping[str, str]) -> CacheEntry:
    """Return the entry with every ``{name}`` replaced, checked again as a written setting is.

    Parameters
    ----------
    entry
        The entry as written.
    values
        Values by name; a name missing here has no value for this build.

    Raises
    ------
    TemplateError
        If a name is not known, or has no value here.
    CacheSettingError
        If what comes out cannot work.
    """
    attrs = tuple((key, _expand(key, value, values)) for key, value in entry.attrs)
    if attrs == entry.attrs:
        return entry
    return make_cache_entry(entry.direction, entry.type, dict(attrs))


def expand_all(entries: Iterable[CacheEntry], values: Mapping[str, str]) -> tuple[CacheEntry, ...]:
    """Expand the entries of one direction; those that became the same are one.

    On the branch ``main``, ``…:{git_branch}`` and ``…:main`` name one cache. That is no mistake of
    whoever wrote both, as the same entry written twice is: such a pair is left as it is.

    Parameters
    ----------
    entries
        The entries as written.
    values
        See `expand_templates`.
    """
    found: dict[CacheEntry, list[CacheEntry]] = {}
    for entry in entries:
        found.setdefault(expand_templates(entry, values), []).append(entry)
    return tuple(
        expanded
        for expanded, written in found.items()
        for _ in range(1 if any(entry != expanded for entry in written) else len(written))
    )


def _expand(key: str, text: str, values: Mapping[str, str]) -> str:
    def replace(match: re.Match[str]) -> str:
        name = match[1]
        if name not in TEMPLATE_NAMES:
            known = ", ".join(f"{{{known}}}" for known in TEMPLATE_NAMES)
            raise TemplateError(
                f"{key}={text}: there is no template {{{name}}}", hint=f"There are {known}."
            )
        if not values.get(name):
            raise TemplateError(f"{key}={text}: {{{name}}} has no value here", hint=_REASONS[name])
        before = text[: match.start()]
        return _fitted(key, values[name], in_tag=_in_tag(key, before))

    return _NAME.sub(replace, text)


_REASONS = {
    "git_branch": "The project is in no git repository, or no branch is checked out "
    "(detached HEAD); use {git_sha} or write the name.",
    "git_sha": "The project is in no git repository with a commit; write the name.",
    "notebook": "The notebook's name is not known here; write the name.",
    "kernel": "The kernel's name is not known here; write the name.",
}


def _in_tag(key: str, before: str) -> bool:
    """Tell whether a template stands in the tag of a reference, after the name's colon."""
    return key == "ref" and ":" in before.rpartition("/")[2]


def _fitted(key: str, value: str, *, in_tag: bool) -> str:
    """Fit a value to the letters its field allows; a slash becomes a hyphen."""
    if key == "ref" and not in_tag:
        return re.sub(r"[^a-z0-9]+", "-", value.lower()).strip("-") or "x"
    fitted = re.sub(r"[^A-Za-z0-9_.-]+", "-", value)
    return fitted.strip(".-")[:128] or "x"


def template_values(folder: Path, notebook: str | None, kernel: str | None) -> dict[str, str]:
    """Return what the templates stand for, by name; what is not known here is left out.

    Parameters
    ----------
    folder
        The project, for the names of git.
    notebook
        The path of the notebook: its name without ending is the value.
    kernel
        The name of the kernelspec.
    """
    values = _git_values(folder)
    if notebook:
        values["notebook"] = Path(notebook).stem
    if kernel:
        values["kernel"] = kernel
    return values


def _git_values(folder: Path) -> dict[str, str]:
    """Return ``git_branch`` and ``git_sha`` of the repository around a folder.

    Without a repository, or without git, nothing; with a detached HEAD no branch.
    """
    values = {
        "git_sha": _git(folder, "rev-parse", "--verify", "--quiet", "HEAD"),
        "git_branch": _git(folder, "symbolic-ref", "--short", "--quiet", "HEAD"),
    }
    return {name: value for name, value in values.items() if value}


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_GIT_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
