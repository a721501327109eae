"""Checks that need more than one entry: the other settings, the builder and the environment.

No I/O happens here. What is known of a builder is handed in as `BuilderFacts`; what is not known is
not held against a setting.
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from envd_jupyter.cache.csvfield import parse_fields
from envd_jupyter.cache.entry import CacheEntry, is_true
from envd_jupyter.cache.environment import read_actions_token
from envd_jupyter.cache.options import TYPE_SINCE, options_for
from envd_jupyter.errors import CacheSettingError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

__all__ = ["BuilderFacts", "Problem", "check_entries", "version_at_least"]

_CLOCK_SKEW = 60.0


@dataclass(frozen=True)
class BuilderFacts:
    """What is known of a builder.

    Attributes
    ----------
    kind
        ``"buildkit"``, ``"docker"`` (its own image store) or ``"docker-containerd"``.
    version
        BuildKit's version, for example ``"0.25.1"``, or None.
    """

    kind: str = "buildkit"
    version: str | None = None

    def exports(self) -> frozenset[str]:
        """Return the cache types it can export."""
        if self.kind == "docker":
            return frozenset({"inline"})
        if self.kind == "docker-containerd":
            return frozenset({"inline", "registry", "local", "gha"})
        return frozenset(
            cache_type
            for cache_type in ("inline", "registry", "local", "gha", "s3")
            if version_at_least(self.version, TYPE_SINCE.get(cache_type))
        )

    def imports(self) -> frozenset[str]:
        """Return the cache types it can import."""
        if self.kind == "docker":
            return frozenset({"registry"})
        return self.exports() - {"inline"}


@dataclass(frozen=True)
class Problem:
    """Something that cannot work (``error``) or will surprise (``warning``)."""

    level: Literal["error", "warning"]
    message: str
    entry: CacheEntry | None = None
    option: str | None = None
    hint: str | None = field(default=None)


def version_at_least(version: str | None, wanted: str | None) -> bool:
    """Compare two versions; what is not known counts as new enough."""
    if version is None or wanted is None:
        return True
    have, need = _numbers(version), _numbers(wanted)
    return not have or have >= need


def _numbers(version: str) -> tuple[int, ...]:
    match = re.match(r"v?(\d+)\.(\d+)(?:\.(\d+))?", version)
    return tuple(int(part or 0) for part in match.groups()) if match else ()


def check_entries(
    exports: Sequence[CacheEntry],
    imports: Sequence[CacheEntry],
    *,
    output: str | None = None,
    builder: BuilderFacts | None = None,
    environ: Mapping[str, str] | None = None,
    now: float | None = None,
) -> list[Problem]:
    """Check the remote caches of one build together.

    Parameters
    ----------
    exports, imports
        The caches, templates expanded and filled from the environment.
    output
        The build's ``--output``, or None for envd's default.
    builder
        What is known of the builder, or None before it has been asked.
    environ
        The environment of the build, for hints.
    now
        Seconds since the epoch, for the lifetime of tokens.

    Returns
    -------
    list of Problem
        Errors first.
    """
    environ = environ or {}
    moment = time.time() if now is None else now
    problems = [
        *_duplicates(exports),
        *_duplicates(imports),
        *_inline(exports, output),
        *_local_exports(exports),
        *(problem for entry in (*exports, *imports) for problem in _missing(entry, environ)),
        *(problem for entry in (*exports, *imports) for problem in _token(entry, moment)),
    ]
    if builder is not None:
        problems += [p for entry in (*exports, *imports) for p in _gates(entry, builder)]
    return sorted(problems, key=lambda problem: problem.level)


def _duplicates(entries: Iterable[CacheEntry]) -> Iterator[Problem]:
    seen: set[object] = set()
    for entry in entries:
        key = (entry.type, _destination(entry))
        if key in seen:
            yield Problem(
                "error" if entry.direction == "export" else "warning",
                f"the cache {entry.direction} {entry} is given twice",
                entry,
                hint="Keep one of the two.",
            )
        seen.add(key)


def _destination(entry: CacheEntry) -> object:
    """Return what makes two entries the same cache."""
    keys = {
        "registry": ("ref",),
        "local": ("dest", "src", "tag", "digest"),
        "gha": ("scope", "url", "url_v2"),
        "s3": ("bucket", "prefix", "manifests_prefix", "name", "endpoint_url"),
    }.get(entry.type, ())
    return tuple(entry.get(key) for key in keys)


def _inline(exports: Iterable[CacheEntry], output: str | None) -> Iterator[Problem]:
    for entry in exports:
        if entry.type != "inline":
            continue
        try:
            fields = dict(parse_fields(output)) if output else {}
        except CacheSettingError:
            return
        if fields.get("type") != "image" or not is_true(fields.get("push")):
            yield Problem(
                "error",
                "an inline cache travels inside a pushed image, and this build pushes none",
                entry,
                hint="Add --output type=image,name=IMAGE,push=true.",
            )


def _local_exports(exports: Iterable[CacheEntry]) -> Iterator[Problem]:
    """Local exports of one build are written once, so they cannot differ in what is written."""
    first: dict[str, str] | None = None
    for entry in exports:
        if entry.type != "local":
            continue
        written = {k: v for k, v in entry.attrs if k not in ("dest", "tag", "reset")}
        if first is None:
            first = written
        elif written != first:
            differing = sorted(k for k in {*first, *written} if first.get(k) != written.get(k))
            yield Problem(
                "error",
                f"several local exports of one build cannot differ in {', '.join(differing)}",
                entry,
                differing[0],
                "Give them the same options, or export one of them in another build.",
            )


def _missing(entry: CacheEntry, environ: Mapping[str, str]) -> Iterator[Problem]:
    for option in options_for(entry.type, entry.direction):
        if option.required and not entry.get(option.name):
            where = " or ".join(f"${name}" for name in option.environ)
            outside = entry.type == "gha" and not environ.get("GITHUB_ACTIONS")
            yield Problem(
                "error",
                f"the {entry.type} cache {entry.direction} needs {option.name}",
                entry,
                option.name,
                hint=_OUTSIDE if outside else f"Add {option.name}=…, or set {where}.",
            )
    if entry.type == "gha" and not (entry.get("url") or entry.get("url_v2")):
        yield Problem(
            "error",
            f"the gha cache {entry.direction} needs the address of the cache service",
            entry,
            "url",
            hint=_OUTSIDE
            if not environ.get("GITHUB_ACTIONS")
            else "Add url=… or url_v2=…, or set $ACTIONS_CACHE_URL or $ACTIONS_RESULTS_URL.",
        )
    if (
        entry.type == "gha"
        and entry.get("version") == "2"
        and not (entry.get("url_v2") or entry.get("url"))
    ):
        yield Problem("error", "version=2 needs url_v2", entry, "url_v2", hint="Add url_v2=….")


_OUTSIDE = (
    "This does not run inside a GitHub Actions job, which sets the address and the token. "
    "In a job, expose them to later steps (the action crazy-max/ghaction-github-runtime does), "
    "or use another cache type here."
)


def _token(entry: CacheEntry, now: float) -> Iterator[Problem]:
    token = entry.get("token") if entry.type == "gha" else None
    if not token:
        return

    def problem(message: str, hint: str) -> Problem:
        return Problem("error", message, entry, "token", hint)

    fresh = "Take the token of the job that runs now ($ACTIONS_RUNTIME_TOKEN)."
    try:
        claims = read_actions_token(token)
    except ValueError as fault:
        yield problem(f"the gha token cannot be used: {fault}", fresh)
        return
    if claims.expires is not None and claims.expires < now:
        yield problem(f"the gha token expired {_ago(now - claims.expires)} ago", fresh)
    elif claims.not_before is not None and claims.not_before > now + _CLOCK_SKEW:
        yield problem("the gha token is not valid yet", "Compare this machine's clock.")
    elif entry.direction == "export" and not claims.writable:
        scopes = ", ".join(claims.scopes) or "no scope at all"
        yield problem(
            f"the gha token may only read ({scopes}); an export would store nothing",
            "Jobs of pull requests from forks get such tokens: import only there.",
        )
    elif not claims.readable:
        yield problem("the gha token may read no scope", fresh)


def _ago(seconds: float) -> str:
    for size, unit in ((86400.0, "day"), (3600.0, "hour"), (60.0, "minute")):
        if seconds >= size:
            count = int(seconds // size)
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return "seconds"


def _gates(entry: CacheEntry, builder: BuilderFacts) -> Iterator[Problem]:
    able = builder.exports() if entry.direction == "export" else builder.imports()
    if entry.type not in able:
        yield Problem(
            "error",
            f"this builder cannot {entry.direction} a {entry.type} cache "
            f"({_named(builder)}); it can {entry.direction} {', '.join(sorted(able))}",
            entry,
            "type",
            hint=_remedy(entry, builder),
        )
        return
    for option in options_for(entry.type, entry.direction):
        if entry.get(option.name) is not None and not version_at_least(
            builder.version, option.since
        ):
            yield Problem(
                "error",
                f"{option.name} needs BuildKit {option.since}; this builder has {builder.version}",
                entry,
                option.name,
                hint=f"Leave {option.name} out, or use a newer builder (envd-jupyter up).",
            )


def _named(builder: BuilderFacts) -> str:
    engine = {
        "docker": "a Docker Engine without the containerd image store",
        "docker-containerd": "a Docker Engine",
    }.get(builder.kind, "BuildKit")
    return f"{engine}, BuildKit {builder.version}" if builder.version else engine


def _remedy(entry: CacheEntry, builder: BuilderFacts) -> str:
    own = "use a BuildKit of its own: envd-jupyter up, then --builder with the address it prints"
    if builder.kind == "docker" and entry.type != "s3":
        return f"Turn on Docker's containerd image store (Docker 23 or newer), or {own}."
    if builder.kind.startswith("docker"):
        return f"For s3, {own}."
    return f"For {entry.type}, {own}."
