"""``preferences``: what is remembered for a kernel, its notebook, a project and the user."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envd_jupyter.builds.preferences import SCOPES
from envd_jupyter.builds.preferences.saving import values_from_json
from envd_jupyter.errors import PreferenceError, RequestError
from envd_jupyter.server.handler import EnvdHandler, endpoint
from envd_jupyter.server.kernels import preferences_of, shown_preferences

if TYPE_CHECKING:
    from pathlib import Path

    from envd_jupyter.builds.preferences import Preferences
    from envd_jupyter.server.kernels import KernelHere

__all__ = ["PreferencesHandler"]


class PreferencesHandler(EnvdHandler):
    """The remembered settings; the same files that ``%envd_cache`` shows and edits."""

    @endpoint("read")
    async def get(self) -> None:
        """Show the settings with where each comes from."""
        kernel, preferences = await self._asked()
        self.reply(await self.hub.in_thread(shown_preferences, preferences, kernel))

    @endpoint("write")
    async def patch(self) -> None:
        """Change settings of a scope, and show all of them."""
        body = self.body()
        scope, changes = body.get("scope"), body.get("changes")
        if set(body) != {"scope", "changes"} or not isinstance(changes, dict):
            raise RequestError(
                "a change is a scope and an object of changes",
                hint='For example {"scope": "notebook", "changes": {"output": null}}.',
            )
        kernel, preferences = await self._asked()
        scope = self._scope(scope, kernel)
        base = preferences.project if scope == "project" else self._base(kernel)

        def change() -> dict[str, object]:
            values = values_from_json(changes, base.absolute())
            if isinstance(from_ := values.get("from_"), str):
                self.places.check_source(preferences.project, from_)
            preferences.change(scope, self.places.placed(values, base))
            return shown_preferences(preferences, kernel)

        self.reply(await self.hub.in_thread(change))

    @endpoint("write")
    async def delete(self) -> None:
        """Forget all settings of a scope, and show what is left."""
        kernel, preferences = await self._asked()
        scope = self._scope(self.argument("scope"), kernel)

        def clear() -> dict[str, object]:
            preferences.clear(scope)
            return shown_preferences(preferences, kernel)

        self.reply(await self.hub.in_thread(clear))

    async def _asked(self) -> tuple[KernelHere | None, Preferences]:
        kernel = await self.kernel()
        named, project = self.argument("project"), None
        if named is not None:
            project = self.places.absolute(named, self._base(kernel))
            self.places.check(project, "the project")
        return kernel, preferences_of(kernel, project, self.places.root)

    def _base(self, kernel: KernelHere | None) -> Path:
        return kernel.base if kernel else self.places.root

    def _scope(self, scope: object, kernel: KernelHere | None) -> str:
        if not isinstance(scope, str) or scope not in SCOPES:
            raise PreferenceError(
                f"there is no scope {scope!r}", hint=f"The scopes are {', '.join(SCOPES)}."
            )
        if scope == "kernel" and kernel is None:
            raise PreferenceError("no kernel is named", hint="Name it with kernel_id.")
        return scope
