"""GitHub's Actions cache service, as far as BuildKit speaks to it, in both of its versions.

Version 1 is REST (``/_apis/artifactcache/…``), version 2 is Twirp with uploads and downloads at
signed addresses that behave as Azure blobs. Tokens are checked as GitHub does: signature, times,
and what the ``ac`` claim allows. Its `fail` makes chosen requests fail or stall.

Two witnesses are not ours: `ActCache`, the cache server (version 1) of ``act``, and for version 2
GitHub's own client (`tests.services.actions_client`), which must be content with this service.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from tests.services.faults import Faults
from tests.services.gha_http import CacheRequests
from tests.services.process import Process, free_port
from tests.services.tools import act

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

READ, WRITE = 1, 2
MAIN = "refs/heads/main"
HOUR = 3600.0


@dataclass
class CacheFile:
    """One entry of the service; it can be read when it is complete."""

    number: int
    key: str
    version: str
    scope: str
    signature: str = field(default_factory=lambda: secrets.token_urlsafe(12))
    content: bytes = b""
    parts: dict[str, bytes] = field(default_factory=dict)
    complete: bool = False


def signed_token(secret: bytes, claims: dict[str, Any]) -> str:
    """Return a JSON Web Token (HS256)."""

    def encoded(content: bytes) -> bytes:
        return base64.urlsafe_b64encode(content).rstrip(b"=")

    head = encoded(b'{"alg":"HS256","typ":"JWT"}') + b"." + encoded(json.dumps(claims).encode())
    signature = hmac.new(secret, head, hashlib.sha256).digest()
    return (head + b"." + encoded(signature)).decode()


def runtime_token(
    secret: bytes,
    scopes: Sequence[tuple[str, int]] = ((MAIN, READ | WRITE),),
    lifetime: float = HOUR,
) -> str:
    """Return what a workflow's step finds in ``$ACTIONS_RUNTIME_TOKEN``."""
    now = int(time.time())
    allowed = [{"Scope": scope, "Permission": number} for scope, number in scopes]
    claims = {"ac": json.dumps(allowed), "nbf": now - 7200, "exp": now + int(lifetime)}
    return signed_token(secret, claims)


class ActionsCache(Faults):
    """A running service, in a thread of this process."""

    def __init__(self) -> None:
        super().__init__()
        self.files: list[CacheFile] = []
        self._secret = secrets.token_bytes(32)
        self._lock = threading.RLock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), CacheRequests)
        self._server.daemon_threads = True
        self._server.service = self  # type: ignore[attr-defined]
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/"

    def stop(self) -> None:
        self.heal()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    # What its users are given

    def token(
        self,
        scopes: Sequence[tuple[str, int]] = ((MAIN, READ | WRITE),),
        *,
        lifetime: float = HOUR,
    ) -> str:
        """Return a runtime token; a negative lifetime (seconds) makes one that is over."""
        return runtime_token(self._secret, scopes, lifetime)

    def environ(self, version: int, token: str | None = None) -> dict[str, str]:
        """Return the variables that a step of a workflow would see."""
        found = {"ACTIONS_RUNTIME_TOKEN": token or self.token()}
        if version == 1:
            return found | {"ACTIONS_CACHE_URL": self.url}
        return found | {"ACTIONS_RESULTS_URL": self.url, "ACTIONS_CACHE_SERVICE_V2": "True"}

    def keys(self) -> list[str]:
        """Return the keys of what is complete."""
        return [file.key for file in self.files if file.complete]

    # What requests do

    def scopes_of(self, authorization: str, permission: int) -> list[str] | None:
        """Return the scopes a request may use in this way, or None if its token is not valid."""
        token = authorization.removeprefix("Bearer ")
        try:
            middle = token.split(".")[1]
            claims = json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))
            allowed = json.loads(claims["ac"])
        except (ValueError, LookupError, TypeError):
            return None
        genuine = hmac.compare_digest(token, signed_token(self._secret, claims))
        if not genuine or not claims["nbf"] <= time.time() < claims["exp"]:
            return None
        return [entry["Scope"] for entry in allowed if entry["Permission"] & permission]

    def find(self, keys: Sequence[str], version: str, scopes: Sequence[str]) -> CacheFile | None:
        """Return the entry of a key, or the newest that a key is the beginning of."""
        with self._lock:
            for scope in scopes:
                ready = [
                    file
                    for file in self.files
                    if file.complete and (file.scope, file.version) == (scope, version)
                ]
                for key in keys:
                    for file in ready:
                        if file.key == key:
                            return file
                    begun = [file for file in ready if file.key.startswith(key)]
                    if begun:
                        return begun[-1]
        return None

    def reserve(self, key: str, version: str, scope: str) -> CacheFile | None:
        """Make an entry, or return None if there is one, complete or not."""
        with self._lock:
            if any(
                (file.key, file.version, file.scope) == (key, version, scope) for file in self.files
            ):
                return None
            made = CacheFile(len(self.files) + 1, key, version, scope)
            self.files.append(made)
            return made

    def pending(self, key: str, version: str, scope: str) -> CacheFile | None:
        """Return an entry that waits to be complete."""
        for file in self.files:
            if (file.key, file.version, file.scope) == (key, version, scope) and not file.complete:
                return file
        return None

    def numbered(self, number: int) -> CacheFile | None:
        return self.files[number - 1] if 0 < number <= len(self.files) else None


_WORKFLOW = """
on: push
jobs:
  cache:
    runs-on: ubuntu-latest
    steps:
      - run: |
          echo "$ACTIONS_CACHE_URL" > "$WITNESS.partial"
          mv "$WITNESS.partial" "$WITNESS"
          while [ -d "/proc/$PPID" ]; do sleep 1; done
"""


class ActCache:
    """The cache server of ``act`` (version 1), which runs as long as a workflow's step does."""

    def __init__(self, folder: Path) -> None:
        program = act()
        work = folder / "work"
        (work / ".github" / "workflows").mkdir(parents=True)
        (work / ".github" / "workflows" / "cache.yml").write_text(_WORKFLOW)
        witness = folder / "witness"
        port = free_port()
        command: list[str | Path] = [program, "push", "-P", "ubuntu-latest=-self-hosted"]
        command += ["--env", f"WITNESS={witness}", "--cache-server-addr", "127.0.0.1"]
        command += ["--cache-server-port", str(port), "--cache-server-path", folder / "cache"]
        self._process = Process(
            command,
            folder / "act.log",
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(folder)},
            cwd=work,
        )
        self._process.wait_until(witness.exists)
        self.url = witness.read_text().strip()
        self.token = runtime_token(b"act does not check it", lifetime=1000 * HOUR)

    def environ(self) -> dict[str, str]:
        """Return the variables that a step of a workflow sees."""
        return {"ACTIONS_CACHE_URL": self.url, "ACTIONS_RUNTIME_TOKEN": self.token}

    def stop(self) -> None:
        self._process.stop()


__all__ = ["READ", "WRITE", "ActCache", "ActionsCache", "CacheFile", "runtime_token"]
