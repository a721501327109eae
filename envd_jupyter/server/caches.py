"""``cache-types`` and ``check``: the option table, and one setting held against it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal, cast

from envd_jupyter.builds.preferences.values import shown
from envd_jupyter.cache.check import check_entries
from envd_jupyter.cache.entry import parse_cache_entry
from envd_jupyter.cache.environment import fill_from_environment
from envd_jupyter.cache.explain import explain
from envd_jupyter.cache.options import describe_table
from envd_jupyter.errors import CacheSettingError, RequestError
from envd_jupyter.server.handler import EnvdHandler, endpoint, refusal

if TYPE_CHECKING:
    from typing import Any

__all__ = ["CacheTypesHandler", "CheckHandler"]


class CacheTypesHandler(EnvdHandler):
    """The options of every cache type."""

    @endpoint("read")
    async def get(self) -> None:
        """Show the table."""
        self.reply(describe_table())


class CheckHandler(EnvdHandler):
    """One cache setting."""

    @endpoint("read")
    async def post(self) -> None:
        """Say whether a setting can work and what it does, or what is wrong with it."""
        body = self.body()
        direction, entry = body.get("direction"), body.get("entry")
        if direction not in ("export", "import") or not isinstance(entry, str):
            raise RequestError(
                "a check needs a direction and an entry",
                hint='For example {"direction": "export", "entry": "type=inline"}.',
            )
        self.reply(_checked(entry, cast("Literal['export', 'import']", direction)))


def _checked(text: str, direction: Literal["export", "import"]) -> dict[str, Any]:
    try:
        entry = parse_cache_entry(text, direction)
        filled = fill_from_environment(entry, os.environ)
    except CacheSettingError as error:
        told = refusal(error).told
        return {
            "ok": False,
            "message": told["message"],
            "hint": told["hint"],
            "option": error.option,
        }
    problems = [
        problem
        for problem in check_entries(
            [filled] if direction == "export" else [],
            [filled] if direction == "import" else [],
            output="type=image,name=checked,push=true",
            environ=os.environ,
        )
        if problem.entry is not None
    ]
    for problem in problems:
        if problem.level == "error":
            return {
                "ok": False,
                "message": problem.message,
                "hint": problem.hint,
                "option": problem.option,
            }
    return {
        "ok": True,
        "entry": shown(entry).to_csv(),
        "explain": "\n".join(explain(shown(entry))),
        "warnings": [{"message": p.message, "hint": p.hint} for p in problems],
    }
