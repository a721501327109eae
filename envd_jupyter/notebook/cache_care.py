"""``%envd_cache du``, ``prune`` and ``look``: what caches hold, and making room.

The builder's own cache is asked for its records; a remote cache is read where it lies. Pruning says
what would go, and removes it only with ``--yes``.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from envd_jupyter.errors import RequestError
from envd_jupyter.notebook.amounts import read_bytes, read_seconds

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from envd_jupyter.builds.line import MagicParser
    from envd_jupyter.builds.preferences import Identity, Settings

__all__ = ["ACTIONS", "add_flags"]


def add_flags(parser: MagicParser) -> None:
    """Add the flags of these actions to the parser of ``%envd_cache``."""
    care = parser.add_argument_group("looking and pruning")
    care.add_argument("--yes", action="store_true", help="for prune: do remove it")
    care.add_argument(
        "--kind",
        action="append",
        default=[],
        metavar="TYPE",
        help="for prune: only records of this type, for example exec.cachemount",
    )
    care.add_argument("--all", action="store_true", help="for prune: BuildKit's own records, too")
    care.add_argument("--older-than", metavar="TIME", help="for prune: unused for 90m, 24h, 7d")
    care.add_argument("--keep", metavar="SIZE", help="for prune: leave so much, for example 10GB")


def _disk_use(settings: Settings, given: argparse.Namespace, here: Identity) -> object:
    from envd_jupyter.builds.insight.usage import usage_of

    folders = [Path(text).expanduser() for text in given.what]
    if folders:
        return "\n\n".join(_layout_text(folder) for folder in folders)
    return usage_of(_builder(settings, given))


def _prune(settings: Settings, given: argparse.Namespace, here: Identity) -> object:
    from envd_jupyter.builds.insight.usage import KINDS, prune_builder
    from envd_jupyter.cache.local import prune

    if given.what:
        for text in given.what:
            prune(Path(text).expanduser(), dry_run=not given.yes)
        return "\n\n".join(_layout_text(Path(text).expanduser()) for text in given.what)
    for kind in given.kind:
        if kind not in KINDS:
            raise RequestError(
                f"%envd_cache prune: there is no type of record {kind!r}",
                hint=f"There are {', '.join(KINDS)}.",
            )
    return prune_builder(
        _builder(settings, given),
        dry_run=not given.yes,
        kinds=given.kind,
        all_records=given.all,
        older_than=read_seconds(given.older_than, "--older-than") if given.older_than else 0.0,
        keep=read_bytes(given.keep, "--keep") if given.keep else 0,
    )


def _look(settings: Settings, given: argparse.Namespace, here: Identity) -> object:
    from envd_jupyter.builds.insight.remote import read_remote_cache
    from envd_jupyter.cache.entry import parse_cache_entry
    from envd_jupyter.cache.environment import fill_from_environment
    from envd_jupyter.cache.template import expand_all, template_values

    entries = [parse_cache_entry(text, "import") for text in (*given.what, *given.import_cache)]
    entries = entries or list(settings.imports)
    if not entries:
        raise RequestError(
            "%envd_cache look: no cache is named, and none is remembered",
            hint="Name one: %envd_cache look type=registry,ref=HOST/NAME",
        )
    values = template_values(Path(settings.path or "."), here.notebook, here.kernel)
    entries = [fill_from_environment(e, os.environ) for e in expand_all(entries, values)]
    found = [read_remote_cache(entry, os.environ) for entry in entries]
    return found[0] if len(found) == 1 else "\n\n".join(map(repr, found))


def _builder(settings: Settings, given: argparse.Namespace) -> str:
    from envd_jupyter.builds.contexts import builder_url, find_envd

    wanted = given.builder or settings.builder
    return builder_url(wanted, find_envd(None, os.environ), os.environ)


def _layout_text(folder: Path) -> str:
    from envd_jupyter.cache.local import layout_usage

    found = layout_usage(folder)
    lines = [f"{folder}: {found.live / 1e6:.1f} MB in use, {found.orphan / 1e6:.1f} MB orphaned"]
    lines += [f"  {tag:20} {digest}" for tag, digest in sorted(found.tags.items())]
    if found.orphans or found.stale:
        lines.append(f"  %envd_cache prune {folder} --yes removes what no tag needs")
    return "\n".join(lines)


#: What each action returns shows itself; a text is printed.
ACTIONS: dict[str, Callable[[Settings, argparse.Namespace, Identity], object]] = {
    "du": _disk_use,
    "prune": _prune,
    "look": _look,
}
