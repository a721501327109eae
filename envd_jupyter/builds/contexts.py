"""The user's envd program and the builders she has set up with it.

envd keeps named contexts, one of them current. They are read with ``envd context ls`` and never
changed; a build runs with a context of its own in a home of its own
(`envd_jupyter.builds.driver.shadow`).
"""

from __future__ import annotations

import functools
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from envd_jupyter.errors import BuilderAddressError, EnvdNotFound, RequestError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Context", "builder_url", "envd_version", "find_envd", "home", "read_contexts"]

_TIMEOUT = 20.0


@dataclass(frozen=True)
class Context:
    """One of the user's envd contexts.

    Attributes
    ----------
    name
        As given to ``envd context create --name``.
    builder
        envd's builder type, for example ``moby-worker`` (Docker Engine) or ``unix``.
    url
        The same builder as a URL of ours.
    current
        Whether envd uses it unless told otherwise.
    """

    name: str
    builder: str
    url: str
    current: bool


def home(environ: Mapping[str, str]) -> Path:
    """Return the home directory envd would use; it reads nothing but ``$HOME`` (1.3.6)."""
    return Path(environ.get("HOME") or Path.home())


def find_envd(explicit: str | None, environ: Mapping[str, str]) -> str:
    """Return the path of the envd program.

    Parameters
    ----------
    explicit
        A path or name that was asked for, or None: then the one on ``PATH``, else the one installed
        beside the running Python.

    Raises
    ------
    EnvdNotFound
        If there is none.
    """
    path = environ.get("PATH", os.defpath)
    found = shutil.which(os.path.expanduser(explicit or "envd"), path=path)  # noqa: PTH111
    if found is None and explicit is None:
        found = shutil.which("envd", path=os.path.dirname(sys.executable))  # noqa: PTH120
    if found is None:
        raise EnvdNotFound(
            f"there is no envd program {explicit!r}" if explicit else "there is no envd program",
            hint="Install it with: pip install envd",
        )
    return os.path.abspath(found)  # noqa: PTH100


def envd_version(envd: str) -> str | None:
    """Return the version of an envd program, such as ``1.3.6``; None if it does not tell."""
    try:
        stat = Path(envd).stat()
    except OSError:
        return None
    return _envd_version(envd, stat.st_mtime_ns, stat.st_size)


@functools.lru_cache(maxsize=8)
def _envd_version(envd: str, _mtime: int, _size: int) -> str | None:
    try:
        done = subprocess.run(
            [envd, "version", "--short"],
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(r"\bv?(\d+\.\d+\.\d+\S*)", done.stdout)
    return match.group(1) if match else None


def read_contexts(envd: str, environ: Mapping[str, str]) -> tuple[Context, ...]:
    """Return the user's contexts as envd lists them.

    Raises
    ------
    RequestError
        If envd cannot list them.
    """
    where = home(environ)
    try:
        stat = (where / ".config/envd/contexts").stat()
    except OSError:
        return _list_contexts(envd, environ)
    key = (envd, str(where), stat.st_mtime_ns, stat.st_size)
    if key not in _LISTED:
        _LISTED.clear()
        _LISTED[key] = _list_contexts(envd, environ)
    return _LISTED[key]


_LISTED: dict[tuple[str, str, int, int], tuple[Context, ...]] = {}


def _list_contexts(envd: str, environ: Mapping[str, str]) -> tuple[Context, ...]:
    try:
        done = subprocess.run(
            [envd, "context", "ls", "--format", "json"],
            capture_output=True,
            text=True,
            timeout=_TIMEOUT,
            stdin=subprocess.DEVNULL,
            env=dict(environ),
            check=False,
        )
        rows = json.loads(done.stdout)
        return tuple(
            Context(row["context"], row["builder"], _url(row), row.get("current", False))
            for row in rows
        )
    except (OSError, subprocess.TimeoutExpired, ValueError, KeyError, TypeError) as error:
        raise RequestError(
            f"envd could not list its contexts: {error}",
            hint="Try `envd context ls` in a terminal, or name a builder with --builder URL.",
        ) from None


def _url(row: Mapping[str, str]) -> str:
    """Return the URL of a listed builder.

    envd writes its builder type before whatever address was given, so an address that was a URL
    already comes out as ``unix://unix:///path`` (1.3.6).
    """
    builder, address = row["builder"], row["builder_addr"]
    if builder == "moby-worker":
        return "docker://"
    prefix = f"{builder}://"
    while address.startswith(prefix + prefix):
        address = address[len(prefix) :]
    return address if address.startswith(prefix) else prefix + address


def builder_url(spec: str | None, envd: str, environ: Mapping[str, str]) -> str:
    """Return the URL of the builder that was asked for.

    Parameters
    ----------
    spec
        A URL, the name of one of the user's contexts, or None for her current context.

    Raises
    ------
    BuilderAddressError
        If it is neither a builder's URL nor a context's name.
    """
    if spec is not None and "://" in spec:
        from envd_jupyter.buildkit.dialers import BuilderAddress

        url: str = BuilderAddress.parse(spec).to_url()
        return url
    contexts = read_contexts(envd, environ)
    for context in contexts:
        if context.name == spec or (spec is None and context.current):
            return context.url
    if spec is None:
        return "docker://"
    names = ", ".join(repr(context.name) for context in contexts)
    raise BuilderAddressError(
        f"there is no envd context {spec!r}",
        hint=f"The contexts are {names}. A builder can be given as a URL too, such as "
        "unix:///run/buildkit/buildkitd.sock, tcp://host:1234 or docker-container://NAME.",
    )
