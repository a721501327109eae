"""The requests of the Actions cache service: REST, Twirp and blobs."""

from __future__ import annotations

import json
import re
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

from tests.services.faults import cut, read_content

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.services.gha import ActionsCache, CacheFile

REST = "/_apis/artifactcache/"
TWIRP = "/twirp/github.actions.results.api.v1.CacheService/"
READ, WRITE = 1, 2
EXISTS = "ArtifactCacheItemAlreadyExistsException"


class CacheRequests(BaseHTTPRequestHandler):
    """Answers one connection."""

    protocol_version = "HTTP/1.1"

    @property
    def service(self) -> ActionsCache:
        found: ActionsCache = self.server.service  # type: ignore[attr-defined]
        return found

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the service keeps its own list of requests."""

    def _route(self) -> None:
        content = read_content(self)
        fault = self.service.take(f"{self.command} {self.path}")
        if fault is not None and fault.cut:
            return cut(self)
        if fault is not None:
            return self._refuse(fault.status, "the service is out of order", "OutOfOrder")
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path.startswith("/blob/"):
            return self._blob(parts.path.removeprefix("/blob/"), query, content)
        if parts.path.startswith(REST):
            return self._rest(parts.path.removeprefix(REST), query, content)
        if parts.path.startswith(TWIRP) and self.command == "POST":
            return self._twirp(parts.path.removeprefix(TWIRP), json.loads(content))
        return self._refuse(404, f"nothing at {parts.path}", "NotFound")

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = _route  # noqa: N815

    # Both versions

    def _scopes(self, permission: int) -> list[str] | None:
        """Return the scopes the caller may use, or answer that it may not."""
        scopes = self.service.scopes_of(self.headers.get("Authorization", ""), permission)
        if scopes is None:
            self._refuse(401, "the token is not valid", "Unauthenticated")
        elif not scopes:
            self._refuse(403, "the token does not allow this", "PermissionDenied")
            return None
        return scopes

    def _address(self, file: CacheFile) -> str:
        return f"http://{self.headers['Host']}/blob/{file.number}?sig={file.signature}"

    def _refuse(self, status: int, message: str, kind: str) -> None:
        code = re.sub(r"(?<!^)(?=[A-Z])", "_", kind).lower()
        self._answer(status, {"code": code, "msg": message, "message": message, "typeKey": kind})

    def _answer(
        self,
        status: int,
        body: bytes | dict[str, Any] = b"",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if isinstance(body, dict):
            self.send_header("Content-Type", "application/json")
        if status != 204:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD" and status != 204:
            self.wfile.write(content)

    # Version 1

    def _rest(self, path: str, query: dict[str, str], content: bytes) -> None:
        scopes = self._scopes(READ if self.command == "GET" else WRITE)
        if scopes is None:
            return None
        if (self.command, path) == ("GET", "cache"):
            file = self.service.find(query["keys"].split(","), query["version"], scopes)
            if file is None:
                return self._answer(204)
            found = {"cacheKey": file.key, "scope": file.scope}
            return self._answer(200, found | {"archiveLocation": self._address(file)})
        if (self.command, path) == ("POST", "caches"):
            wanted = json.loads(content)
            made = self.service.reserve(wanted["key"], wanted["version"], scopes[0])
            if made is None:
                return self._refuse(409, f"{wanted['key']} already exists", EXISTS)
            return self._answer(201, {"cacheId": made.number})
        match = re.fullmatch(r"caches/(\d+)", path)
        pending = self.service.numbered(int(match[1])) if match else None
        if pending is None or pending.complete:
            return self._refuse(404, f"nothing to write at {path}", "NotFound")
        if self.command == "PATCH":
            begin = self.headers["Content-Range"].removeprefix("bytes ").partition("-")[0]
            pending.parts[f"{int(begin):020}"] = content
            return self._answer(204)
        pending.content = b"".join(part for _, part in sorted(pending.parts.items()))
        return self._complete(pending, json.loads(content)["size"], {})

    def _complete(self, file: CacheFile, size: int, answer: dict[str, Any]) -> None:
        if size != len(file.content):
            return self._refuse(400, f"{len(file.content)} bytes came, not {size}", "InvalidSize")
        file.parts.clear()
        file.complete = True
        return self._answer(200, answer)

    # Version 2

    def _twirp(self, method: str, asked: dict[str, Any]) -> None:
        reads = method == "GetCacheEntryDownloadURL"
        scopes = self._scopes(READ if reads else WRITE)
        if scopes is None:
            return None
        key, version = asked["key"], asked["version"]
        if reads:
            file = self.service.find([key, *asked.get("restore_keys", [])], version, scopes)
            if file is None:
                return self._answer(200, {"ok": False})
            found = {"ok": True, "matched_key": file.key}
            return self._answer(200, found | {"signed_download_url": self._address(file)})
        if method == "CreateCacheEntry":
            made = self.service.reserve(key, version, scopes[0])
            if made is None:
                exists = {"code": "already_exists", "msg": f"{key} already exists"}
                return self._answer(409, exists)
            return self._answer(200, {"ok": True, "signed_upload_url": self._address(made)})
        if method == "FinalizeCacheEntryUpload":
            pending = self.service.pending(key, version, scopes[0])
            if pending is None:
                return self._refuse(404, f"nothing to finish for {key}", "NotFound")
            answer = {"ok": True, "entry_id": str(pending.number)}
            return self._complete(pending, int(asked["size_bytes"]), answer)
        return self._refuse(404, f"no method {method}", "BadRoute")

    def _blob(self, path: str, query: dict[str, str], content: bytes) -> None:
        """Do as Azure's blob storage does: blocks and a list of them, or everything at once."""
        file = self.service.numbered(int(path)) if path.isdigit() else None
        azure = {"x-ms-request-id": "1", "x-ms-version": self.headers.get("x-ms-version", "")}
        if file is None or query.get("sig") != file.signature:
            return self._answer(403, headers=azure | {"x-ms-error-code": "AuthenticationFailed"})
        if self.command == "PUT":
            if file.complete:
                return self._answer(409, headers=azure | {"x-ms-error-code": "BlobAlreadyExists"})
            if query.get("comp") == "block":
                file.parts[query["blockid"]] = content
            elif query.get("comp") == "blocklist":
                names = [item.text or "" for item in ElementTree.fromstring(content)]
                file.content = b"".join(file.parts[name] for name in names)
            else:
                file.content = content
            return self._answer(201, headers=azure | {"ETag": f'"{file.number}"'})
        return self._read(file, azure | {"x-ms-blob-type": "BlockBlob", "ETag": f'"{file.number}"'})

    def _read(self, file: CacheFile, headers: dict[str, str]) -> None:
        size = len(file.content)
        wanted = self.headers.get("x-ms-range") or self.headers.get("Range") or ""
        match = re.fullmatch(r"bytes=(\d+)-(\d*)", wanted)
        if match is None:
            return self._answer(200, file.content, headers)
        first, last = int(match[1]), min(int(match[2] or size), size - 1)
        if first >= size:
            return self._answer(416, headers=headers | {"Content-Range": f"bytes */{size}"})
        headers |= {"Content-Range": f"bytes {first}-{last}/{size}"}
        return self._answer(206, file.content[first : last + 1], headers)


__all__ = ["CacheRequests"]
