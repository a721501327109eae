"""Looking up the index of a GitHub Actions cache, as BuildKit names it.

BuildKit keeps one index for each scope and branch, numbered anew by every export. The client it
uses drops an error of the index's upload (go-actions-cache, ``SaveMutable``), so an export that
stored nothing ends well; the number tells the two apart.
"""

from __future__ import annotations

import hashlib
import json
import urllib.request
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from envd_jupyter.cache.environment import read_actions_token

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["index_number"]

_SECONDS = 3.0
_MOST = 64 << 10
_LAYOUT = "1"  # of BuildKit's keys
_VERSION = hashlib.sha256(b"|go-actionscache-1.0").hexdigest()
_TWIRP = "twirp/github.actions.results.api.v1.CacheService/GetCacheEntryDownloadURL"
_WRITE = 2


def index_number(attrs: Mapping[str, str]) -> int:
    """Return the number of the newest index of a ``gha`` cache, 0 if there is none.

    Parameters
    ----------
    attrs
        The options of the export, with address and token.

    Raises
    ------
    OSError, ValueError
        If the service cannot be asked from here, or answers something else.
    """
    key = _key(attrs)
    matched = _matched(attrs, f"{key}#")
    return int(matched.rpartition("#")[2]) if matched.startswith(f"{key}#") else 0


def _key(attrs: Mapping[str, str]) -> str:
    scopes = read_actions_token(attrs["token"]).scopes
    writable = [scope for scope, permission in scopes.items() if permission & _WRITE]
    branch = hashlib.sha256((writable[-1] if writable else "").encode()).hexdigest()[:8]
    return f"index-{attrs.get('scope', 'buildkit')}-{_LAYOUT}-{branch}"


def _matched(attrs: Mapping[str, str], key: str) -> str:
    second = attrs.get("version") != "1" and "url_v2" in attrs
    address = attrs["url_v2"] if second else attrs["url"]
    base = address.rstrip("/")
    headers = {"Authorization": f"Bearer {attrs['token']}"}
    if second or attrs.get("version") == "2":
        asked = {"key": key, "restore_keys": [key], "version": _VERSION}
        headers["Content-Type"] = "application/json"
        content = json.dumps(asked).encode()
        request = urllib.request.Request(f"{base}/{_TWIRP}", content, headers)
        return str(_answer(request).get("matched_key") or "")
    headers["Accept"] = "application/json;api-version=6.0-preview.1"
    query = urlencode({"keys": key, "version": _VERSION})
    request = urllib.request.Request(f"{base}/_apis/artifactcache/cache?{query}", headers=headers)
    return str(_answer(request).get("cacheKey") or "")


def _answer(request: urllib.request.Request) -> dict[str, object]:
    with urllib.request.urlopen(request, timeout=_SECONDS) as answer:
        content = answer.read(_MOST)
    found = json.loads(content) if content else {}
    if not isinstance(found, dict):
        raise ValueError("the cache service answered with no object")
    return found
