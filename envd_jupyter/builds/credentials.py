"""AWS credentials of the notebook's side, sent along with a build on request.

A builder uses its own environment for S3 and sees nothing of the kernel's. With ``--inject-aws``
the credentials of the environment, or of a profile, go into the settings on the wire to BuildKit:
never onto a command line, and never to disk.
"""

from __future__ import annotations

import configparser
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from envd_jupyter.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envd_jupyter.cache.entry import CacheEntry

__all__ = ["with_aws"]

_NAMES = {
    "access_key_id": "aws_access_key_id",
    "secret_access_key": "aws_secret_access_key",
    "session_token": "aws_session_token",
}


def with_aws(entry: CacheEntry, source: str | None, environ: Mapping[str, str]) -> CacheEntry:
    """Return an s3 entry with credentials, if they are asked for and it has none.

    Parameters
    ----------
    entry
        Any cache entry; only one of s3 is changed.
    source
        ``"env"``, ``"profile:NAME"``, or None to leave it to the builder.
    environ
        The environment of the build.

    Raises
    ------
    RequestError
        If there are no such credentials.
    """
    if source is None or entry.type != "s3" or entry.get("access_key_id") is not None:
        return entry
    if source == "env":
        found = {key: environ.get(name.upper(), "") for key, name in _NAMES.items()}
        where = "the environment ($AWS_ACCESS_KEY_ID and $AWS_SECRET_ACCESS_KEY)"
    else:
        name = source.removeprefix("profile:")
        found = _profile(name, environ)
        where = f"the AWS profile {name!r}"
    if not found.get("access_key_id") or not found.get("secret_access_key"):
        raise RequestError(
            f"there are no AWS credentials in {where}",
            hint="Set them, or name another source: --inject-aws env or --inject-aws profile:NAME.",
        )
    return entry.with_attrs({key: value for key, value in found.items() if value})


def _profile(name: str, environ: Mapping[str, str]) -> dict[str, str]:
    home = Path(environ.get("HOME") or Path.home())
    files = [
        (environ.get("AWS_SHARED_CREDENTIALS_FILE") or home / ".aws" / "credentials", name),
        (
            environ.get("AWS_CONFIG_FILE") or home / ".aws" / "config",
            name if name == "default" else f"profile {name}",
        ),
    ]
    found: dict[str, str] = {}
    for path, section in files:
        parser = configparser.RawConfigParser()
        try:
            parser.read(path, encoding="utf-8")
        except configparser.Error as error:
            raise RequestError(f"{path} cannot be read: {type(error).__name__}") from None
        if parser.has_section(section):
            for key, option in _NAMES.items():
                if value := parser.get(section, option, fallback=""):
                    found.setdefault(key, value)
            command = parser.get(section, "credential_process", fallback="")
            if command and not found:
                found = _process(command, name, environ)
    return found


def _process(command: str, profile: str, environ: Mapping[str, str]) -> dict[str, str]:
    """Run a profile's ``credential_process``, as AWS's own tools do."""
    import json
    import shlex

    try:
        done = subprocess.run(
            shlex.split(command),
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=30,
            check=True,
        )
        said = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.SubprocessError):
        raise RequestError(
            f"the credential_process of the AWS profile {profile!r} failed",
            hint="Run it by hand to see why.",
        ) from None
    names = {"AccessKeyId": "access_key_id", "SecretAccessKey": "secret_access_key"}
    names["SessionToken"] = "session_token"
    return {key: str(said[name]) for name, key in names.items() if said.get(name)}
