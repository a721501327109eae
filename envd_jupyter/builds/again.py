"""Asking once more for what a build was asked for.

Each build records what was asked (`PreparedBuild.asked`): templates stay, paths are absolute, and
secrets are masked unless they were given as the name of a variable.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envd_jupyter.builds.events import read_events
from envd_jupyter.builds.request import BuildRequest
from envd_jupyter.cache.entry import parse_cache_entry
from envd_jupyter.cache.redaction import MASK
from envd_jupyter.errors import RecordError

if TYPE_CHECKING:
    from typing import Any

    from envd_jupyter.builds.folder import BuildFolder

__all__ = ["request_again"]


def request_again(folder: BuildFolder) -> BuildRequest:
    """Return what a build was asked for, from its record.

    Parameters
    ----------
    folder
        The build's folder.

    Raises
    ------
    RecordError
        If that was not recorded, or not all of it.
    CacheSettingError
        If a cache of it cannot work any more.
    """
    none: dict[str, Any] = {}
    start = next((e["envd"] for e in read_events(folder.events) if "envd" in e), none)
    asked = start.get("request")
    if not isinstance(asked, dict):
        raise RecordError(
            f"it was not recorded what the build {folder.id} was asked for",
            hint="Build again with %envd_build and its flags.",
        )
    if asked.get("from_cell"):
        raise RecordError(
            f"the build {folder.id} was given by the text of a cell, which is not recorded",
            hint="Run the cell again.",
        )
    exports, imports = asked.get("export_cache", ()), asked.get("import_cache", ())
    if any(MASK in text for text in (*exports, *imports)):
        raise RecordError(
            f"the build {folder.id} was given secrets, which are recorded nowhere",
            hint="Build with %envd_build, and write env:NAME for each secret: then it can be run "
            "again.",
        )
    return BuildRequest(
        project=asked["path"],
        from_=asked["from"],
        tag=asked.get("tag"),
        output=asked.get("output"),
        platform=tuple(asked.get("platform", ())),
        force=asked.get("force", False),
        use_proxy=asked.get("use_proxy", False),
        exports=[parse_cache_entry(text, "export") for text in exports],
        imports=[parse_cache_entry(text, "import") for text in imports],
        builder=asked.get("builder"),
        notebook=start.get("notebook"),
        kernel=start.get("kernel"),
        inject_aws=asked.get("inject_aws"),
        require_cached=asked.get("require_cached", False),
    )
