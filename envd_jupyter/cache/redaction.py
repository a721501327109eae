"""The one place where secrets are taken out of what people and files get to see.

A `Redactor` knows the secret values of a build and replaces them wherever they stand, also in the
forms they take on the way: percent-encoded in an address, base64 in a header, escaped in JSON.
"""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING, TypeVar, cast
from urllib.parse import quote, quote_plus, unquote, urlsplit

from envd_jupyter.cache.options import SECRET_OPTIONS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from envd_jupyter.cache.entry import CacheEntry

__all__ = ["MASK", "Redactor", "looks_secret"]

MASK = "***"

#: Environment variables whose values are secret whether or not a setting names them.
SECRET_ENVIRON = re.compile(
    r"AWS_(ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN)"
    r"|ACTIONS_(RUNTIME|ID_TOKEN_REQUEST)_TOKEN|G(IT)?H(UB)?_TOKEN"
    r"|.*(PASSWORD|PASSWD|SECRET|_TOKEN|PRIVATE_KEY|API_KEY)",
    re.IGNORECASE,
)
_SHORTEST = 4  # a shorter value would mask half of every text
_JSON = TypeVar("_JSON")


def looks_secret(name: str) -> bool:
    """Return whether an environment variable of this name holds a secret."""
    return SECRET_ENVIRON.fullmatch(name) is not None


class Redactor:
    """Replaces known secret values by ``***``.

    Parameters
    ----------
    secrets
        The values. Those under four characters are left alone.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        forms = {form for secret in secrets if len(secret) >= _SHORTEST for form in _forms(secret)}
        ordered = sorted(forms, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, ordered))) if ordered else None

    @classmethod
    def for_entries(cls, entries: Iterable[CacheEntry], environ: Mapping[str, str]) -> Redactor:
        """Know the secrets of cache settings and of an environment."""
        found = [value for name, value in environ.items() if looks_secret(name)]
        for entry in entries:
            for key, value in entry.attrs:
                if key in SECRET_OPTIONS:
                    found.append(value)
                elif "@" in value and (password := urlsplit_password(value)):
                    found.append(password)
        return cls(found)

    def text(self, text: str) -> str:
        """Return the text with every known secret masked."""
        return self._pattern.sub(MASK, text) if self._pattern else text

    def value(self, value: _JSON) -> _JSON:
        """Return a JSON value with every known secret masked, in keys as well."""
        return cast("_JSON", self._value(value)) if self._pattern else value

    def _value(self, value: object) -> object:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self._value(key): self._value(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self._value(item) for item in value]
        return value


def urlsplit_password(text: str) -> str | None:
    """Return the password inside an address such as ``https://me:secret@host``, if there is one."""
    try:
        password = urlsplit(text).password
    except ValueError:
        return None
    return unquote(password) if password else None


def _forms(secret: str) -> Iterable[str]:
    yield secret
    yield quote(secret, safe="")
    yield quote_plus(secret)
    yield json.dumps(secret)[1:-1]
    encoded = base64.b64encode(secret.encode()).decode()
    yield encoded
    yield base64.urlsafe_b64encode(secret.encode()).decode()
    if len(encoded) > 8:
        yield encoded.rstrip("=")
