"""Reading a registry over its HTTP API: manifests and small blobs, never layers.

Credentials come from where the Docker CLI keeps them (``$DOCKER_CONFIG/config.json``, helpers too)
and go to the registry, or to the token service it names, and nowhere else. Registries on this
machine may speak plain HTTP, as BuildKit and envd have it; all others must have TLS.
"""

from __future__ import annotations

import base64
import contextlib
import json
import re
import ssl
import subprocess
import urllib.error
import urllib.request
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

from envd_jupyter.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envd_jupyter.cache.reference import ImageReference

__all__ = ["NotThere", "RegistryReader"]

MANIFESTS = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
_HUB = "registry-1.docker.io"
_HUB_KEY = "https://index.docker.io/v1/"
_SECONDS = 20.0
_MOST = 32 << 20
_LOCAL = re.compile(r"(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?")
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')


class NotThere(LookupError):
    """The registry answered that there is no such thing."""


class RegistryReader:
    """Read one repository.

    Parameters
    ----------
    reference
        An image reference; its host and path are used.
    environ
        Where the Docker configuration and the certificates are found.
    """

    def __init__(self, reference: ImageReference, environ: Mapping[str, str]) -> None:
        host = reference.host or _HUB
        self.host = _HUB if host in ("docker.io", "index.docker.io") else host
        path = reference.path
        self.path = f"library/{path}" if self.host == _HUB and "/" not in path else path
        self._environ = environ
        self._schemes = ["https", "http"] if _LOCAL.fullmatch(self.host) else ["https"]
        self._authorization: str | None = None
        bundle = environ.get("SSL_CERT_FILE")
        self._context = ssl.create_default_context(cafile=bundle or None)

    def manifest(self, tag: str) -> tuple[dict[str, Any], str]:
        """Return a manifest and its digest, by tag or digest.

        Raises
        ------
        NotThere
            If there is none.
        RequestError
            If the registry cannot be read.
        """
        content, digest = self._get(f"manifests/{tag}", ", ".join(MANIFESTS))
        return self._json(content), digest

    def blob(self, digest: str) -> dict[str, Any]:
        """Return a small JSON blob, for example an image's or a cache's configuration."""
        return self._json(self._get(f"blobs/{digest}", "*/*")[0])

    def _json(self, content: bytes) -> dict[str, Any]:
        with contextlib.suppress(ValueError):
            found = json.loads(content)
            if isinstance(found, dict):
                return found
        raise RequestError(f"the registry {self.host} answered with something that is no JSON")

    def _get(self, what: str, accept: str) -> tuple[bytes, str]:
        fault: Exception | None = None
        for scheme in list(self._schemes):
            url = f"{scheme}://{self.host}/v2/{self.path}/{what}"
            try:
                answer = self._open(url, accept)
            except (urllib.error.URLError, HTTPException, OSError) as error:
                if isinstance(error, urllib.error.HTTPError):
                    raise self._refused(error) from None
                fault = error
                continue
            self._schemes = [scheme]
            return answer
        reason = getattr(fault, "reason", fault)
        raise RequestError(
            f"the registry {self.host} cannot be read: {reason}",
            hint="Is it running, and is its name right? Plain HTTP is only used on this machine.",
        )

    def _open(self, url: str, accept: str) -> tuple[bytes, str]:
        for _ in range(2):
            request = urllib.request.Request(url, headers={"Accept": accept})
            if self._authorization is not None:
                # Not passed on when the registry sends us to its storage.
                request.add_unredirected_header("Authorization", self._authorization)
            try:
                with urllib.request.urlopen(
                    request, timeout=_SECONDS, context=self._context
                ) as answer:
                    return answer.read(_MOST), answer.headers.get("Docker-Content-Digest", "")
            except urllib.error.HTTPError as error:
                if error.code != 401 or self._authorization is not None:
                    raise
                self._authorization = self._answer(error.headers.get("WWW-Authenticate", ""))
                if self._authorization is None:
                    raise
        raise AssertionError("unreachable")

    def _refused(self, error: urllib.error.HTTPError) -> Exception:
        if error.code == 404:
            return NotThere(f"{self.host}/{self.path}")
        if error.code in (401, 403):
            return RequestError(
                f"the registry {self.host} does not let us read {self.path}",
                hint=f"Log in with docker login {self.host}.",
            )
        return RequestError(f"the registry {self.host} answered with {error.code}")

    # Credentials

    def _answer(self, challenge: str) -> str | None:
        """Return the authorization a registry asks for, or None if we have none."""
        kind, _, rest = challenge.partition(" ")
        login = self._login()
        if kind.lower() == "basic":
            return f"Basic {login}" if login else None
        fields = dict(_CHALLENGE.findall(rest))
        realm = fields.get("realm", "")
        if kind.lower() != "bearer" or not realm:
            return None
        secure = urlsplit(realm).scheme == "https"
        if not secure and not _LOCAL.fullmatch(urlsplit(realm).netloc):
            return None
        query = {key: fields[key] for key in ("service", "scope") if key in fields}
        query.setdefault("scope", f"repository:{self.path}:pull")
        request = urllib.request.Request(f"{realm}?{urlencode(query)}")
        if login:
            request.add_unredirected_header("Authorization", f"Basic {login}")
        with urllib.request.urlopen(request, timeout=_SECONDS, context=self._context) as answer:
            token = json.loads(answer.read(_MOST))
        found = token.get("token") or token.get("access_token")
        return f"Bearer {found}" if found else None

    def _login(self) -> str | None:
        home = self._environ.get("HOME", "~")
        folder = Path(self._environ.get("DOCKER_CONFIG") or f"{home}/.docker").expanduser()
        try:
            settings = json.loads((folder / "config.json").read_bytes())
        except (OSError, ValueError):
            return None
        keys = [_HUB_KEY] if self.host == _HUB else [self.host, f"https://{self.host}"]
        for key in keys:
            helper = settings.get("credHelpers", {}).get(key) or settings.get("credsStore")
            found = self._helped(helper, key) if helper else None
            found = found or (settings.get("auths", {}).get(key) or {}).get("auth")
            if found:
                return str(found)
        return None

    def _helped(self, helper: str, key: str) -> str | None:
        with contextlib.suppress(OSError, ValueError, KeyError, subprocess.SubprocessError):
            done = subprocess.run(
                [f"docker-credential-{helper}", "get"],
                input=key.encode(),
                env=dict(self._environ),
                capture_output=True,
                timeout=_SECONDS,
                check=True,
            )
            said = json.loads(done.stdout)
            pair = f"{said['Username']}:{said['Secret']}"
            return base64.b64encode(pair.encode()).decode()
        return None
