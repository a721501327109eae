"""What a remote cache holds, seen before one imports it: steps, layers, sizes, age.

A cache is a configuration that lists records (results of steps) and layers, and blobs with the
layers. Only the configuration is read. It names steps by their cache keys and not by commands, so
what is told is how many there are, how much they weigh, and when they were made.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import datetime
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from envd_jupyter.builds.insight.figures import amount
from envd_jupyter.builds.insight.losses import day
from envd_jupyter.builds.insight.registry import NotThere, RegistryReader
from envd_jupyter.builds.markup import frame
from envd_jupyter.errors import LayoutError, RequestError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from envd_jupyter.cache.entry import CacheEntry

__all__ = ["CacheLayer", "NoCache", "RemoteCache", "read_remote_cache"]

_CONFIG = "application/vnd.buildkit.cacheconfig.v0"
_INLINE = "moby.buildkit.cache.v0"
_CREATED = "buildkit/createdat"


class NoCache(RequestError):
    """There is an image, and it carries no cache."""


@dataclass(frozen=True, slots=True)
class CacheLayer:
    """One layer of a cache: bytes as stored, seconds since the epoch."""

    digest: str
    size: int | None
    created: float | None
    media_type: str


@dataclass(frozen=True)
class RemoteCache:
    """What one remote cache holds.

    Attributes
    ----------
    place
        Where it is, without secrets.
    kind
        ``registry``, ``inline``, ``local`` or ``s3``.
    digest
        The digest of its manifest, if it has one.
    steps
        How many results of steps it holds with their layers.
    records
        How many steps it knows, also those without layers (``mode=min``).
    layers
        Its layers.
    """

    place: str
    kind: str
    digest: str | None
    steps: int
    records: int
    layers: tuple[CacheLayer, ...]

    @property
    def size(self) -> int | None:
        """Bytes of all layers as stored, or None where the cache does not tell."""
        sizes = [layer.size for layer in self.layers]
        return None if None in sizes else sum(size or 0 for size in sizes)

    @property
    def newest(self) -> float | None:
        """When the latest layer was made."""
        return max((layer.created for layer in self.layers if layer.created), default=None)

    @property
    def oldest(self) -> float | None:
        """When the first layer was made."""
        return min((layer.created for layer in self.layers if layer.created), default=None)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        import dataclasses

        return dataclasses.asdict(self) | {
            "size": self.size,
            "newest": self.newest,
            "oldest": self.oldest,
        }

    def _facts(self) -> list[tuple[str, str]]:
        return [
            ("cache", f"{self.place} ({self.kind})"),
            ("steps", f"{self.steps} with results, {self.records} known"),
            ("layers", f"{len(self.layers)}, {amount(self.size)}"),
            ("made", f"{day(self.oldest or 0)} to {day(self.newest or 0)}"),
            ("digest", self.digest or "none"),
        ]

    def __repr__(self) -> str:
        lines = [f"{name:7} {value}" for name, value in self._facts()]
        return "\n".join([*lines, *(f"  {line}" for line in self._layer_lines())])

    def _layer_lines(self) -> Iterable[str]:
        shown = sorted(self.layers, key=lambda layer: layer.size or 0, reverse=True)[:10]
        for layer in shown:
            yield f"{layer.digest[:19]}  {amount(layer.size):>8}  {day(layer.created or 0)}"
        if len(self.layers) > len(shown):
            yield f"… {len(self.layers) - len(shown)} smaller layers"

    def _repr_html_(self) -> str:
        facts = "".join(
            f'<tr><th scope="row">{name}</th><td>{escape(value)}</td></tr>'
            for name, value in self._facts()
        )
        layers = escape("\n".join(self._layer_lines()))
        return frame(
            f"<table>{facts}</table><details><summary>Largest layers</summary>"
            f"<pre>{layers}</pre></details>"
        )


def read_remote_cache(entry: CacheEntry, environ: Mapping[str, str]) -> RemoteCache:
    """Look into a remote cache.

    Parameters
    ----------
    entry
        A cache import or export of type ``registry``, ``local`` or ``s3``.
    environ
        Where credentials are found.

    Raises
    ------
    RequestError
        If it cannot be read, or there is none.
    """
    if entry.type == "registry":
        return _registry(entry, environ)
    if entry.type == "local":
        return _local(entry)
    if entry.type == "s3":
        return _s3(entry, environ)
    raise RequestError(
        f"what a cache of type {entry.type} holds cannot be looked at",
        hint="registry, local and s3 can; an inline cache is looked at as the image's registry.",
    )


def _registry(entry: CacheEntry, environ: Mapping[str, str]) -> RemoteCache:
    from envd_jupyter.cache.reference import parse_reference

    ref = entry.get("ref") or ""
    try:
        reference = parse_reference(ref)
    except ValueError as error:
        raise RequestError(f"{ref!r} is no image reference: {error}") from None
    reader = RegistryReader(reference, environ)
    try:
        manifest, digest = reader.manifest(reference.digest or reference.tag or "latest")
        return _from_manifest(ref, manifest, digest, reader)
    except NotThere:
        raise RequestError(
            f"there is no cache at {ref}", hint="It will be there after the first export."
        ) from None


def _from_manifest(
    ref: str, manifest: Mapping[str, Any], digest: str, reader: RegistryReader
) -> RemoteCache:
    """Read a cache from an image manifest, or the older index of layers, or inside an image."""
    listed = [*manifest.get("layers", ()), *manifest.get("manifests", ())]
    described = {item["digest"]: item for item in listed if "digest" in item}
    config = manifest.get("config") or {}
    found = next((item for item in listed if item.get("mediaType") == _CONFIG), None)
    if config.get("mediaType") == _CONFIG:
        found = config
    if found is not None:
        described.pop(found["digest"], None)
        return _cache(ref, "registry", digest, reader.blob(found["digest"]), described)
    platforms = [item for item in manifest.get("manifests", ()) if item.get("platform")]
    if platforms and not config:
        inner, _ = reader.manifest(platforms[0]["digest"])
        return _from_manifest(ref, inner, digest, reader)
    image = reader.blob(config["digest"]) if config.get("digest") else {}
    if _INLINE in image:
        records = json.loads(base64.b64decode(image[_INLINE]))
        return _cache(ref, "inline", digest, _inline(records, manifest), described)
    raise NoCache(
        f"{ref} is an image without a cache",
        hint="Whoever pushed it last did so without --export-cache type=inline.",
    )


def _inline(records: list[dict[str, Any]], manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Write an inline cache as the others are: its layers are those of the image, by number."""
    made = {
        held.get("layer"): held.get("createdAt")
        for record in records
        for held in record.get("layers") or ()
    }
    layers = [
        {"blob": layer["digest"], "annotations": {"createdAt": made.get(number)}}
        for number, layer in enumerate(manifest.get("layers", ()))
    ]
    return {"records": records, "layers": layers}


def _cache(
    place: str,
    kind: str,
    digest: str | None,
    config: Mapping[str, Any],
    described: Mapping[str, Mapping[str, Any]],
) -> RemoteCache:
    records = config.get("records") or []
    layers = []
    for layer in config.get("layers") or ():
        name = layer.get("blob", "")
        more: Mapping[str, Any] = described.get(name, {})
        notes: Mapping[str, Any] = layer.get("annotations") or {}
        created = notes.get("createdAt") or (more.get("annotations") or {}).get(_CREATED)
        layers.append(
            CacheLayer(
                name,
                more.get("size") or notes.get("size"),
                _moment(created),
                more.get("mediaType") or notes.get("mediaType") or "",
            )
        )
    held = sum(bool(record.get("layers") or record.get("chains")) for record in records)
    return RemoteCache(place, kind, digest, held, len(records), tuple(layers))


def _moment(text: object) -> float | None:
    if not isinstance(text, str) or text.startswith("0001"):
        return None
    whole, _, _ = text.partition(".")
    try:
        return datetime.fromisoformat(whole.rstrip("Z") + "+00:00").timestamp()
    except ValueError:
        return None


def _local(entry: CacheEntry) -> RemoteCache:
    from envd_jupyter.cache.local import resolve

    folder = Path(entry.get("src") or entry.get("dest") or "").expanduser()
    try:
        digest = resolve(folder, tag=entry.get("tag"), digest=entry.get("digest"))
        manifest = json.loads(_blob(folder, digest))
        listed = [*manifest.get("layers", ()), *manifest.get("manifests", ())]
        described = {item["digest"]: item for item in listed}
        config = manifest.get("config") or {}
        if config.get("mediaType") != _CONFIG:
            config = next((item for item in listed if item.get("mediaType") == _CONFIG), None)
        if not config:
            raise RequestError(f"{folder} holds no build cache")
        described.pop(config["digest"], None)
        return _cache(
            str(folder), "local", digest, json.loads(_blob(folder, config["digest"])), described
        )
    except LayoutError as error:
        raise RequestError(error.message, hint=error.hint) from None
    except (OSError, ValueError, KeyError) as error:
        raise RequestError(f"the cache in {folder} cannot be read: {error}") from None


def _blob(folder: Path, digest: str) -> bytes:
    kind, _, value = digest.partition(":")
    return (folder / "blobs" / kind / value).read_bytes()


def _s3(entry: CacheEntry, environ: Mapping[str, str]) -> RemoteCache:
    try:
        import botocore.session
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError, ClientError
    except ImportError:
        raise RequestError(
            "looking into S3 needs botocore", hint="pip install envd-jupyter[aws]"
        ) from None
    bucket = entry.get("bucket") or environ.get("AWS_BUCKET") or ""
    region = entry.get("region") or environ.get("AWS_REGION")
    name = (entry.get("name") or "buildkit").partition(";")[0]
    prefix = f"{entry.get('prefix') or ''}{entry.get('manifests_prefix', 'manifests/')}"
    style = {"addressing_style": "path"} if entry.get("use_path_style") == "true" else {}
    place = f"s3://{bucket}/{prefix}{name}"
    try:
        client = botocore.session.get_session().create_client(
            "s3",
            region_name=region,
            endpoint_url=entry.get("endpoint_url"),
            aws_access_key_id=entry.get("access_key_id") or environ.get("AWS_ACCESS_KEY_ID"),
            aws_secret_access_key=entry.get("secret_access_key")
            or environ.get("AWS_SECRET_ACCESS_KEY"),
            aws_session_token=entry.get("session_token") or environ.get("AWS_SESSION_TOKEN"),
            config=Config(
                s3=style, connect_timeout=5, read_timeout=20, retries={"max_attempts": 1}
            ),
        )
        answer = client.get_object(Bucket=bucket, Key=f"{prefix}{name}")
        config = json.loads(answer["Body"].read())
    except (BotoCoreError, ClientError, ValueError) as error:
        if "NoSuchKey" in str(error):
            raise RequestError(
                f"there is no cache at {place}", hint="It will be there after the first export."
            ) from None
        raise RequestError(
            f"{place} cannot be read: {error}",
            hint="Credentials come from the setting or from this kernel's environment.",
        ) from None
    return _cache(place, "s3", None, config, {})
