"""Debian's ``docker-registry`` on a loopback port, and a look at what lies in it."""

from __future__ import annotations

import base64
import json
import ssl
import subprocess
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

from tests.services.process import Process, free_port, listens
from tests.services.tools import ensure_programs

if TYPE_CHECKING:
    from pathlib import Path

    from tests.services.tls import Authority, Certificate

_MANIFESTS = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)


class Registry:
    """A registry of its own, with or without TLS and a user."""

    def __init__(
        self,
        folder: Path,
        *,
        auth: tuple[str, str] | None = None,
        authority: Authority | None = None,
        host: str = "127.0.0.1",
        port: int | None = None,
    ) -> None:
        ensure_programs({"docker-registry": "docker-registry"})
        self.folder = folder
        self.auth = auth
        self.authority = authority
        self.host_name = host
        self.port = port or free_port()
        folder.mkdir(parents=True)
        settings: dict[str, Any] = {
            "version": "0.1",
            "log": {"level": "error", "accesslog": {"disabled": True}},
            "storage": {
                "filesystem": {"rootdirectory": str(folder / "data")},
                "delete": {"enabled": True},
            },
            "http": {"addr": f"{host}:{self.port}"},
        }
        if authority is not None:
            certificate: Certificate = authority.issue("registry")
            settings["http"]["tls"] = {
                "certificate": str(certificate.cert),
                "key": str(certificate.key),
            }
        if auth is not None:
            settings["auth"] = {"htpasswd": {"realm": "tests", "path": str(self._htpasswd())}}
        self._config = folder / "registry.yml"
        self._config.write_text(json.dumps(settings))  # YAML is a superset of JSON
        self.start()

    def _htpasswd(self) -> Path:
        ensure_programs({"htpasswd": "apache2-utils"})
        assert self.auth is not None
        path = self.folder / "htpasswd"
        made = subprocess.run(
            ["htpasswd", "-Bbn", *self.auth], check=True, text=True, capture_output=True
        )
        path.write_text(made.stdout)
        return path

    def start(self) -> None:
        self.process = Process(
            ["docker-registry", "serve", self._config], self.folder / "registry.log"
        )
        self.process.wait_until(lambda: listens(self.port, self.host_name))

    def stop(self) -> None:
        self.process.stop()

    def kill(self) -> None:
        self.process.kill()

    @property
    def host(self) -> str:
        """Host and port, as they stand at the beginning of a reference."""
        return f"{self.host_name}:{self.port}"

    def ref(self, name: str) -> str:
        """Return a reference in this registry."""
        return f"{self.host}/{name}"

    def docker_config(self) -> dict[str, Any]:
        """Return the ``config.json`` of a client that may log in."""
        if self.auth is None:
            return {}
        encoded = base64.b64encode(":".join(self.auth).encode()).decode()
        return {"auths": {self.host: {"auth": encoded}}}

    # What lies in it

    def _get(self, path: str, method: str = "GET") -> tuple[bytes, dict[str, str]]:
        scheme = "https" if self.authority else "http"
        request = urllib.request.Request(f"{scheme}://{self.host}/v2/{path}", method=method)
        request.add_header("Accept", ", ".join(_MANIFESTS))
        for _, entry in self.docker_config().get("auths", {}).items():
            request.add_header("Authorization", f"Basic {entry['auth']}")
        context = ssl.create_default_context(cafile=self.authority.ca) if self.authority else None
        with urllib.request.urlopen(request, timeout=10, context=context) as answer:
            return answer.read(), {k.lower(): v for k, v in answer.headers.items()}

    def repositories(self) -> list[str]:
        names: list[str] = json.loads(self._get("_catalog")[0])["repositories"]
        return names

    def tags(self, name: str) -> list[str]:
        try:
            found: list[str] | None = json.loads(self._get(f"{name}/tags/list")[0])["tags"]
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return []
            raise
        return found or []

    def has(self, reference: str) -> bool:
        """Return whether ``NAME:TAG`` is here."""
        name, _, tag = reference.removeprefix(f"{self.host}/").partition(":")
        return (tag or "latest") in self.tags(name)

    def manifest(self, reference: str) -> dict[str, Any]:
        """Return the manifest of ``NAME:TAG`` or ``NAME@DIGEST``, with its digest and type."""
        name, _, tag = reference.removeprefix(f"{self.host}/").partition(
            "@" if "@" in reference else ":"
        )
        content, headers = self._get(f"{name}/manifests/{tag or 'latest'}")
        found: dict[str, Any] = json.loads(content)
        found.setdefault("mediaType", headers["content-type"])
        found["digest"] = headers["docker-content-digest"]
        return found

    def blob(self, name: str, digest: str) -> bytes:
        return self._get(f"{name}/blobs/{digest}")[0]

    def layers(self, reference: str) -> list[dict[str, Any]]:
        """Return the descriptors of the layers of an image or of a cache."""
        found = self.manifest(reference)
        listed = found.get("layers", found.get("manifests", []))
        return [item for item in listed if "cacheconfig" not in item["mediaType"]]


__all__ = ["Registry"]
