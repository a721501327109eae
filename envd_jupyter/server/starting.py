"""From the body of a request to a build that runs.

A body holds the line of ``%envd_build``, or its flags one by one. Either becomes the same
`BuildArguments`, and what they leave open is filled with what is remembered, as in a kernel.
"""

from __future__ import annotations

import os
import re
from dataclasses import fields
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from envd_jupyter.builds.asking import given_values, request_from
from envd_jupyter.builds.client import start_build_sync
from envd_jupyter.builds.line import BuildArguments, HelpWanted, parse_build
from envd_jupyter.builds.preferences import (
    COMMAND_LINE,
    IMPLIED,
    Identity,
    effective_settings,
    only_given,
)
from envd_jupyter.errors import RequestError
from envd_jupyter.server.places import PLACED

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from envd_jupyter.builds.client import Build
    from envd_jupyter.builds.preferences import Settings
    from envd_jupyter.server.kernels import KernelHere
    from envd_jupyter.server.places import Places

__all__ = ["arguments_of", "start"]

_TEXTS = ("path", "from", "tag", "output", "builder", "inject_aws")
_FLAGS = ("force", "use_proxy", "require_cached", "no_saved")
_LISTS = ("platform", "export_cache", "import_cache")
_KEYS = ("line", "kernel_id", *_TEXTS, *_FLAGS, *_LISTS)
_MAGIC = re.compile(r"\s*%envd_build(?=\s|$)")

_NOBODY = Identity(None, None, None)


def arguments_of(body: Mapping[str, object]) -> BuildArguments:
    """Read the flags of a build from a body.

    Raises
    ------
    RequestError
        If something in it is unknown or of another kind.
    """
    for key in body:
        if key not in _KEYS:
            near = get_close_matches(key, _KEYS, n=1)
            hint = f"Did you mean {near[0]!r}? " if near else ""
            raise RequestError(f"a build has no {key!r}", hint=f"{hint}It has {', '.join(_KEYS)}.")
    if "line" in body:
        if set(body) - {"line", "kernel_id"}:
            raise RequestError("a build is given by its line or by its flags, not by both")
        return _from_line(body["line"])
    empty: dict[str, Any] = {field.name: None for field in fields(BuildArguments)}
    empty |= dict.fromkeys((*_FLAGS, "background", "dry_run"), False)
    empty |= dict.fromkeys(_LISTS, ())
    for key in _TEXTS:
        value = body.get(key)
        if value is not None and not isinstance(value, str):
            raise RequestError(f"{key!r} is not a text")
        empty["from_" if key == "from" else key] = value or None
    for key in _FLAGS:
        value = body.get(key, False)
        if not isinstance(value, bool):
            raise RequestError(f"{key!r} is neither true nor false")
        empty[key] = value
    for key in _LISTS:
        value = body.get(key) or []
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise RequestError(f"{key!r} is not a list of texts")
        empty[key] = tuple(value)
    empty.pop("from", None)
    return BuildArguments(**empty)


def _from_line(line: object) -> BuildArguments:
    if not isinstance(line, str):
        raise RequestError("'line' is not a text")
    try:
        given = parse_build(_MAGIC.sub("", line, count=1))
    except HelpWanted:
        raise RequestError("the server has no --help", hint="Run %envd_build --help.") from None
    for flag, wanted in (
        ("--dry-run", given.dry_run),
        ("--save", given.save),
        ("--result", given.result),
    ):
        if wanted:
            raise RequestError(
                f"{flag} belongs to a notebook", hint="Leave it out, or build in a cell."
            )
    return given


def start(given: BuildArguments, kernel: KernelHere | None, places: Places) -> Build:
    """Start a build, blocking.

    Parameters
    ----------
    given
        What the request asks for.
    kernel
        The kernel whose settings and notebook apply, or None.
    places
        Which paths the request may name.

    Raises
    ------
    EnvdJupyterError
        If it cannot work or is not allowed; nothing was started then.
    """
    identity = kernel.identity if kernel else _NOBODY
    base = kernel.base if kernel else places.root
    values = places.placed(given_values(given), base)
    project = Path(str(values["path"])) if values.get("path") else None
    configured = kernel.configured() if kernel else {}
    if given.no_saved:
        settings = only_given(values, configured)
    else:
        settings = effective_settings(identity, project, values, configured=configured, base=base)
    named = _named_by_request(settings)
    project = Path(settings.path) if settings.path else base
    request = request_from(given, settings, identity, project=project)
    if "from_" in named or "path" in named:
        places.check_source(request.project, request.from_)
    return start_build_sync(
        request,
        environ=dict(os.environ),
        guard=lambda prepared: places.check_prepared(prepared, named),
    )


def _named_by_request(settings: Settings) -> frozenset[str]:
    """Return the settings that come from the request, or from a file among those it may name."""
    origin = dict(settings.provenance)
    if origin.get("imports") == IMPLIED:
        origin["imports"] = origin["exports"]
    return frozenset(n for n in PLACED if origin.get(n) in (COMMAND_LINE, "project"))
