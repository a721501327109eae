"""Filling a cache setting from the environment, as envd's documentation promises it.

envd itself reads none of these variables on the way to BuildKit (1.3.6), and the builder cannot see
the environment of a notebook. What is filled in here is sent with the build and written nowhere.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from envd_jupyter.cache.options import SECRET_OPTIONS, options_for
from envd_jupyter.errors import CacheSettingError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from envd_jupyter.cache.entry import CacheEntry

__all__ = ["ActionsToken", "fill_from_environment", "is_reference", "read_actions_token"]

_READ, _WRITE = 1, 2
_REFERENCE = "env:"


def is_reference(value: str) -> bool:
    """Tell whether the value of a secret option names a variable instead, ``env:NAME``."""
    return value.startswith(_REFERENCE) and value[len(_REFERENCE) :].isidentifier()


def fill_from_environment(entry: CacheEntry, environ: Mapping[str, str]) -> CacheEntry:
    """Return the entry with what it leaves open taken from the environment.

    A secret option may name the variable that holds its value, ``secret_access_key=env:NAME``, so
    that a setting can be stored and shown.

    For ``gha`` the address of the present service (v2) is preferred where the job announces it with
    ``ACTIONS_CACHE_SERVICE_V2``, and left out where the setting itself gives an address.

    Raises
    ------
    CacheSettingError
        If a secret option names a variable that is not set.
    """
    found: dict[str, str | None] = dict(_dereferenced(entry, environ))
    for option in options_for(entry.type, entry.direction):
        if entry.get(option.name) is None:
            value = next((environ[name] for name in option.environ if environ.get(name)), None)
            if value is not None:
                found[option.name] = value
    if entry.type == "gha":
        _choose_service(entry, environ, found)
    return entry.with_attrs(found)


def _dereferenced(entry: CacheEntry, environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for key, value in entry.attrs:
        if key in SECRET_OPTIONS and is_reference(value):
            name = value[len(_REFERENCE) :]
            if not environ.get(name):
                raise CacheSettingError(
                    f"{key}={value}: the environment variable {name} is not set",
                    option=key,
                    value=value,
                    hint=f"Set it in this kernel before the build: os.environ[{name!r}] = …",
                )
            yield key, environ[name]


def _choose_service(
    entry: CacheEntry, environ: Mapping[str, str], found: dict[str, str | None]
) -> None:
    version = entry.get("version")
    wants_v2 = version == "2" or bool(environ.get("ACTIONS_CACHE_SERVICE_V2"))
    if entry.get("url") or entry.get("url_v2"):
        found.pop("url", None)
        found.pop("url_v2", None)
    elif version == "1" or ("url" in found and not wants_v2):
        found.pop("url_v2", None)
    elif "url_v2" in found:
        found.pop("url", None)
        found.setdefault("version", version or "2")


@dataclass(frozen=True)
class ActionsToken:
    """What the claims of a GitHub Actions runtime token say; the signature is not checked.

    Attributes
    ----------
    scopes
        ``{scope: permission}``; the permission is a sum of 1 (read) and 2 (write).
    not_before, expires
        Seconds since the epoch, or None.
    """

    scopes: Mapping[str, int]
    not_before: float | None
    expires: float | None

    @property
    def readable(self) -> bool:
        """Whether some scope can be read."""
        return any(permission & _READ for permission in self.scopes.values())

    @property
    def writable(self) -> bool:
        """Whether some scope can be written."""
        return any(permission & _WRITE for permission in self.scopes.values())


def read_actions_token(token: str) -> ActionsToken:
    """Read the claims of a token.

    Raises
    ------
    ValueError
        With a sentence, without the token, if it is not one of GitHub Actions.
    """
    parts = token.split(".")
    if len(parts) != 3:
        raise ValueError("it is not a JSON Web Token")
    try:
        padded = parts[1] + "=" * (-len(parts[1]) % 4)
        claims = json.loads(base64.urlsafe_b64decode(padded))
        access = json.loads(claims["ac"])
        scopes = {str(item["Scope"]): int(item["Permission"]) for item in access}
        times = [claims.get("nbf"), claims.get("exp")]
        not_before, expires = (None if time is None else float(time) for time in times)
    except KeyError:
        raise ValueError("it carries no access list ('ac'), as a runtime token does") from None
    except (ValueError, TypeError, AttributeError, binascii.Error):
        raise ValueError("its claims cannot be read") from None
    return ActionsToken(scopes, not_before, expires)
