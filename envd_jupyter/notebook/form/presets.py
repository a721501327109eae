"""Ways to begin: the examples people are given, filled in with the form's own image and project."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from envd_jupyter.cache.reference import parse_reference
from envd_jupyter.notebook.form.model import CacheFields

if TYPE_CHECKING:
    from collections.abc import Callable

    from envd_jupyter.notebook.form.model import FormValues

__all__ = ["PRESETS", "Preset", "preset_named"]

_BRANCH = "{git_branch}"
_COMMIT = "{git_sha}"


@dataclass(frozen=True)
class Preset:
    """A way to begin.

    Attributes
    ----------
    name
        As one chooses it.
    help
        What it is good for, one sentence.
    apply
        Returns the form with the caches set; what cannot be known stays empty.
    """

    name: str
    help: str
    apply: Callable[[FormValues], FormValues]


def _repository(values: FormValues) -> str:
    try:
        return parse_reference(values.image).repository
    except ValueError:
        return ""


def _title(values: FormValues) -> str:
    name = Path(values.project or ".").expanduser().absolute().name
    return re.sub(r"[^a-z0-9._-]+", "-", name.lower()).strip("-._") or "project"


def _export(cache_type: str, **options: str) -> CacheFields:
    return CacheFields("export", cache_type).setting(**options)


def _import(cache_type: str, **options: str) -> CacheFields:
    return CacheFields("import", cache_type).setting(**options)


def _with(values: FormValues, exports: list[CacheFields], imports: list[CacheFields]) -> FormValues:
    return dataclasses.replace(values, exports=tuple(exports), imports=tuple(imports))


def _pushed(values: FormValues) -> FormValues:
    """Push the image: a registry cache lies beside it, an inline one inside it."""
    return dataclasses.replace(values, destination="push")


def _beside(values: FormValues) -> FormValues:
    repository = _repository(values)
    ref = f"{repository}:buildcache" if repository else ""
    return _with(
        _pushed(values),
        [_export("registry", ref=ref, mode="max")],
        [_import("registry", ref=ref)],
    )


def _own_repository(values: FormValues) -> FormValues:
    repository = _repository(values)
    ref = f"{repository}-cache" if repository else ""
    return _with(_pushed(values), [_export("registry", ref=ref)], [_import("registry", ref=ref)])


def _branches(values: FormValues) -> FormValues:
    repository = _repository(values)
    own, main = ((f"{repository}:cache-{name}" if repository else "") for name in (_BRANCH, "main"))
    return _with(
        _pushed(values),
        [_export("registry", ref=own, mode="max")],
        [_import("registry", ref=own), _import("registry", ref=main)],
    )


def _inline(values: FormValues) -> FormValues:
    return _with(_pushed(values), [_export("inline")], [_import("registry", ref=values.image)])


def _local(values: FormValues) -> FormValues:
    place = f"~/.cache/envd-remote/{_title(values)}"
    return _with(values, [_export("local", dest=place, mode="max")], [_import("local", src=place)])


def _actions(values: FormValues) -> FormValues:
    scope = _title(values)
    return _with(values, [_export("gha", scope=scope, mode="max")], [_import("gha", scope=scope)])


def _s3(values: FormValues) -> FormValues:
    name = _title(values)
    return _with(values, [_export("s3", name=name, mode="max")], [_import("s3", name=name)])


def _s3_branches(values: FormValues) -> FormValues:
    prefix = f"{_title(values)}/"
    return _with(
        values,
        [_export("s3", prefix=prefix, name=f"{_COMMIT};{_BRANCH}", mode="max")],
        [_import("s3", prefix=prefix, name=name) for name in (_COMMIT, _BRANCH)],
    )


PRESETS: tuple[Preset, ...] = (
    Preset(
        "Registry, beside the image",
        "One tag more in the image's own repository, with every step. The best choice mostly.",
        _beside,
    ),
    Preset(
        "Registry, a repository of its own",
        "As in envd's documentation: image and cache apart, the layers of the result only.",
        _own_repository,
    ),
    Preset(
        "Registry, one cache for each branch",
        "Each git branch has its own cache, and begins with that of main.",
        _branches,
    ),
    Preset(
        "Inside the image (inline)",
        "No second upload; keeps the steps of the final image only.",
        _inline,
    ),
    Preset(
        "Local directory",
        "A directory of this machine, which outlives the builder.",
        _local,
    ),
    Preset(
        "GitHub Actions",
        "The cache service of a running GitHub Actions job.",
        _actions,
    ),
    Preset("S3 bucket", "One manifest in a bucket of S3 or a server like it.", _s3),
    Preset(
        "S3 bucket, branch-aware",
        "Stored by commit and by branch, and loaded by both.",
        _s3_branches,
    ),
    Preset(
        "No remote cache",
        "The builder's own cache only.",
        lambda values: _with(values, [], []),
    ),
)


def preset_named(name: str) -> Preset:
    """Return a preset by its name."""
    return next(preset for preset in PRESETS if preset.name == name)
