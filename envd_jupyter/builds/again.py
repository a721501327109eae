"""What a build was asked with, kept beside its log, so that it can be asked for once more.

What is kept is the request as it was written, templates and all, with paths that no longer depend
on the working directory. A secret is not kept: where a variable of the environment holds it, its
name is, and otherwise a mask, with which the build cannot be run again.
"""

from __future__ import annotations

import dataclasses
import json
import os
from typing import TYPE_CHECKING, Any

from envd_jupyter.builds.request import BuildRequest, absolute_entry
from envd_jupyter.cache.entry import CacheEntry
from envd_jupyter.cache.redaction import MASK, Redactor
from envd_jupyter.errors import EnvdJupyterError, RecordError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envd_jupyter.builds.folder import BuildFolder
    from envd_jupyter.builds.request import PreparedBuild

__all__ = ["keep_request", "request_again"]

_FILE = "request.json"
_CACHES = ("exports", "imports")


def keep_request(folder: BuildFolder, prepared: PreparedBuild, environ: Mapping[str, str]) -> None:
    """Write what a build was asked with into its folder.

    Parameters
    ----------
    folder
        The build's folder.
    prepared
        The build, with the secrets that are to be kept out.
    environ
        The environment of the build, whose variables stand in for secrets.
    """
    from envd_jupyter.builds.preferences.values import by_reference

    request = prepared.request
    data: dict[str, Any] = {
        field.name: getattr(request, field.name) for field in dataclasses.fields(request)
    }
    data["project"] = str(prepared.project)
    data["output"] = prepared.output.to_csv() if prepared.output else None
    for name in _CACHES:
        data[name] = [
            by_reference(absolute_entry(entry), environ).to_json() for entry in data[name]
        ]
    caches = [*prepared.exports, *prepared.imports]
    text = json.dumps(Redactor.for_entries(caches, environ).value(data))
    fd = os.open(folder.path / _FILE, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(fd, "w", encoding="utf-8") as file:
        file.write(text)


def request_again(folder: BuildFolder) -> BuildRequest:
    """Return what a build was asked with.

    Parameters
    ----------
    folder
        The build's folder.

    Raises
    ------
    RecordError
        If that was not kept, or a secret of it was not.
    """
    hint = f"Build again with %envd_build and its flags; %envd_history show {folder.id} shows them."
    try:
        text = (folder.path / _FILE).read_text(encoding="utf-8")
        data = json.loads(text)
        for name in _CACHES:
            data[name] = tuple(CacheEntry.from_json(entry) for entry in data[name])
        for name in ("platform", "extra"):
            data[name] = tuple(data[name])
        request = BuildRequest(**data)
    except OSError:
        raise RecordError(
            f"what the build {folder.id} was asked with was not kept", hint=hint
        ) from None
    except (ValueError, TypeError, KeyError, AttributeError, EnvdJupyterError):
        raise RecordError(
            f"what the build {folder.id} was asked with cannot be read", hint=hint
        ) from None
    if MASK in text:
        raise RecordError(
            f"the build {folder.id} was given a secret, and secrets are kept nowhere",
            hint=f"{hint} A secret that a variable holds can be given as env:NAME.",
        )
    return request
