"""Which of the remote caches a vertex of BuildKit's speaks of.

BuildKit reports an import as a vertex that is named by the ref, or for other types by the type and
a hash of its settings; an export by its type only. Imports that are not among ours are envd's own:
a development build of the old language version brings one along.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from envd_jupyter.builds.hints import hint_for, is_missing
from envd_jupyter.builds.steps import is_cache_export

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Any

    from envd_jupyter.builds.steps import Step

__all__ = ["CacheWatch", "WatchedCache"]

_IMPORT = "importing cache manifest from "
_EXPORTS = {
    "exporting cache to registry": "registry",
    "exporting cache to client directory": "local",
    "exporting cache to Amazon S3": "s3",
    "exporting to GitHub Actions Cache": "gha",
    "exporting cache to Azure Blob Storage": "azblob",
    "preparing layers for inline cache": "inline",
    "exporting inline cache": "inline",
}
_HASHED = ("local", "s3", "gha", "azblob", "inline")
_NO_EXPORT_VERTEX = ("inline",)


@dataclass(frozen=True)
class WatchedCache:
    """A cache of the build: how it is shown, and how BuildKit got it."""

    shown: str
    type: str
    attrs: Mapping[str, str]

    @property
    def ref(self) -> str | None:
        """The image reference of a registry cache."""
        return self.attrs.get("ref")


class CacheWatch:
    """Turn import and export vertices into ``cache`` events.

    Parameters
    ----------
    imports, exports
        The caches of this build, in the order BuildKit got them.
    """

    def __init__(self, imports: Sequence[WatchedCache], exports: Sequence[WatchedCache]) -> None:
        self._imports = list(imports)
        self._exports = list(exports)
        self._told: dict[tuple[str, str], str] = {}
        self._seen: set[tuple[str, str]] = set()
        self._named: dict[str, WatchedCache] = {}

    def settle(self, direction: str, shown: str, state: str) -> None:
        """Take in what became of a cache that BuildKit will not speak of."""
        self._told[direction, shown] = state

    def must_be_kept(self, shown: str) -> bool:
        """Return whether this is an export, and the build fails without it."""
        from envd_jupyter.cache.entry import is_true

        return any(
            cache.shown == shown and not is_true(cache.attrs.get("ignore-error"))
            for cache in self._exports
        )

    def look(self, step: Step) -> Iterator[dict[str, Any]]:
        """Yield the events that follow from a step which has ended (``cache`` or ``note``)."""
        if step.kind not in ("import", "export") or step.state not in ("done", "failed", "cached"):
            return
        if (step.digest, step.state) in self._seen:
            return
        self._seen.add((step.digest, step.state))
        if step.kind == "import":
            yield from self._imported(step)
        elif is_cache_export(step.name):
            yield from self._exported(step)

    def _imported(self, step: Step) -> Iterator[dict[str, Any]]:
        name = step.name[len(_IMPORT) :]
        cache = self._import_named(name)
        if cache is None:
            if step.error:
                yield {
                    "kind": "note",
                    "level": "info",
                    "message": f"envd's own cache import {name} was not there",
                    "hint": "envd adds it by itself; your caches are not concerned.",
                }
            return
        yield from self._tell("import", cache, step)

    def _import_named(self, name: str) -> WatchedCache | None:
        if name in self._named:
            return self._named[name]
        kind, _, number = name.partition(":")
        hashed = number.isdecimal() and kind in _HASHED
        candidates = [
            cache
            for cache in self._imports
            if (cache.type == kind if hashed else _same_ref(cache.ref, name))
            and cache not in self._named.values()
            and ("import", cache.shown) not in self._told
        ]
        if not candidates:
            return None
        self._named[name] = candidates[0]
        return candidates[0]

    def _exported(self, step: Step) -> Iterator[dict[str, Any]]:
        kind = _EXPORTS.get(step.name)
        caches = [c for c in self._exports if kind is None or c.type == kind]
        open_ones = [c for c in caches if ("export", c.shown) not in self._told]
        error = step.error or ""
        named = [c for c in open_ones if any(v and v in error for v in _places(c))]
        chosen = (named or open_ones or caches)[:1]
        for cache in chosen:
            yield from self._tell("export", cache, step)

    def _tell(self, direction: str, cache: WatchedCache, step: Step) -> Iterator[dict[str, Any]]:
        error = step.error
        missing = direction == "import" and error is not None and is_missing(error)
        state = "missing" if missing else "failed" if error else "ok"
        if self._told.get((direction, cache.shown)) == "failed":
            return  # one of several platforms failed: that is what counts
        self._told[direction, cache.shown] = state
        hint = "It will be there after the first export." if missing else hint_for(error or "")
        yield {
            "kind": "cache",
            "direction": direction,
            "entry": cache.shown,
            "state": state,
            "vertex": step.digest,
            "message": error.strip()[:2000] if error and not missing else None,
            "hint": hint if error else None,
        }

    def close(self, state: str) -> Iterator[dict[str, Any]]:
        """Yield the events for caches nothing was heard of, now that the build has ended."""
        for direction, caches in (("import", self._imports), ("export", self._exports)):
            for cache in caches:
                if (direction, cache.shown) in self._told:
                    continue
                silent = cache.type in _NO_EXPORT_VERTEX and direction == "export"
                done = silent and state == "succeeded"
                yield {
                    "kind": "cache",
                    "direction": direction,
                    "entry": cache.shown,
                    "state": "ok" if done else "skipped",
                    "message": None if done else _UNHEARD[direction],
                    "hint": None,
                }


_UNHEARD = {
    "import": "BuildKit had no need to look there",
    "export": "the build ended before the export",
}


def _places(cache: WatchedCache) -> tuple[str | None, ...]:
    attrs = cache.attrs
    return cache.ref, attrs.get("bucket"), attrs.get("dest"), attrs.get("endpoint_url")


def _same_ref(ref: str | None, name: str) -> bool:
    if ref is None:
        return False
    return ref == name or _full(ref) == _full(name)


def _full(ref: str) -> str:
    """Write an image reference with the registry and tag that are meant where none is given."""
    host, slash, _ = ref.partition("/")
    if not slash or not ("." in host or ":" in host or host == "localhost"):
        ref = f"docker.io/{ref if slash else 'library/' + ref}"
    last = ref.rpartition("/")[2]
    return ref if ":" in last or "@" in last else f"{ref}:latest"
