"""What BuildKit does not say: that an import held no cache, and that an export was not kept.

It imports an image without inline cache as a cache of nothing, and takes an index that the Actions
cache refused for one it has. Both are looked up here, from this side. What cannot be asked from
here is not held against a cache.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from typing import TYPE_CHECKING

from envd_jupyter.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from envd_jupyter.builds.state import BuildState

__all__ = ["Unsaid"]

_TRIES = 3
_PAUSE = 0.5


class Unsaid:
    """Looks into the caches of one build.

    Parameters
    ----------
    order
        What `envd_jupyter.builds.spawn` sent.
    """

    def __init__(self, order: Mapping[str, Any]) -> None:
        shown = order["shown"]
        self._imports: list[tuple[str, Mapping[str, Any]]] = [
            (text, data)
            for text, data in zip(shown["imports"], order["imports"], strict=True)
            if data["type"] == "registry"
        ]
        self._exports: list[tuple[str, Mapping[str, str]]] = [
            (text, data["attrs"])
            for text, data in zip(shown["exports"], order["exports"], strict=True)
            if data["type"] == "gha"
        ]
        self._numbers: dict[str, int] = {}

    async def before(self) -> None:
        """Note what is there before anything is exported."""
        for shown, attrs in self._exports:
            with contextlib.suppress(OSError, ValueError):
                self._numbers[shown] = await asyncio.to_thread(_index_number, attrs)

    async def after(self, state: BuildState) -> list[dict[str, Any]]:
        """Return what became of caches that BuildKit has called good, as ``cache`` events."""
        summary = state.summary()
        wanting = summary["cached"] < summary["total"]
        good = {
            direction: {shown for shown, cache in caches.items() if cache["state"] == "ok"}
            for direction, caches in state.caches.items()
        }
        imports = [one for one in self._imports if wanting and one[0] in good["import"]]
        exports = [one for one in self._exports if one[0] in good["export"]]
        looks = [*(self._import(*one) for one in imports), *(self._export(*one) for one in exports)]
        return [event for event in await asyncio.gather(*looks) if event is not None]

    async def _import(self, shown: str, data: Mapping[str, Any]) -> dict[str, Any] | None:
        from envd_jupyter.builds.insight.remote import NoCache, read_remote_cache
        from envd_jupyter.cache.entry import CacheEntry

        entry = CacheEntry.from_json({**data, "direction": "import"})
        try:
            await asyncio.to_thread(read_remote_cache, entry, os.environ)
        except NoCache as error:
            return _event("import", shown, "missing", error.message, error.hint)
        except (RequestError, OSError, ValueError):
            return None
        return None

    async def _export(self, shown: str, attrs: Mapping[str, str]) -> dict[str, Any] | None:
        earlier = self._numbers.get(shown, 0)
        try:
            for attempt in range(_TRIES):
                if await asyncio.to_thread(_index_number, attrs) > earlier:
                    return None
                await asyncio.sleep(_PAUSE * attempt)
        except (OSError, ValueError):
            return None
        return _event(
            "export",
            shown,
            "failed",
            "the Actions cache has not kept the index of this export: nothing can be imported",
            "Build again; the service may be out of order or out of room.",
        )


def _index_number(attrs: Mapping[str, str]) -> int:
    from envd_jupyter.builds.driver.actions_index import index_number

    return index_number(attrs)


def _event(
    direction: str, shown: str, became: str, message: str, hint: str | None
) -> dict[str, Any]:
    return {
        "direction": direction,
        "entry": shown,
        "state": became,
        "message": message,
        "hint": hint,
    }
