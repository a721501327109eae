"""Local caches: directories in the OCI image layout.

BuildKit reaches a local cache through the client's session, and envd serves one directory there. So
each build gets a staging directory: `stage` fills it with links to the blobs of every import,
`publish` moves what an export added to its own directory. A destination is changed by renames only:
blobs first, then ``index.json``; whoever dies on the way leaves the earlier cache as it was. A lock
beside the index keeps two publishers apart.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from envd_jupyter.cache.reference import is_digest
from envd_jupyter.errors import LayoutError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

__all__ = [
    "Layout",
    "check_layout",
    "layout_usage",
    "manifest_blobs",
    "prune",
    "publish",
    "read_index",
    "resolve",
    "stage",
]

_REF_NAME = "org.opencontainers.image.ref.name"
_LOCK = "index.json.lock"
_LOCK_SECONDS = 60.0
_STALE_SECONDS = 3600.0
_VERSION = '{"imageLayoutVersion":"1.0.0"}'
_LARGEST_JSON = 64 << 20


@dataclass(frozen=True)
class Layout:
    """What a local cache holds; sizes in bytes.

    Attributes
    ----------
    tags
        ``{tag: digest}``.
    live, orphan
        Bytes of blobs that a tag reaches, and of those that none does.
    orphans
        The digests of the latter.
    stale
        Unfinished downloads that nobody works on.
    """

    tags: dict[str, str]
    live: int
    orphan: int
    orphans: tuple[str, ...]
    stale: tuple[Path, ...]


def read_index(folder: Path) -> dict[str, Any]:
    """Read the index of a layout.

    Raises
    ------
    LayoutError
        If there is no layout, or its index cannot be read.
    """
    index = folder / "index.json"
    try:
        found = json.loads(index.read_text(encoding="utf-8"))
        manifests = found["manifests"]
        for item in manifests:
            if not is_digest(item["digest"]):
                raise ValueError(item["digest"])
    except (FileNotFoundError, NotADirectoryError):
        where = "is empty" if folder.is_dir() else "does not exist"
        raise LayoutError(
            f"there is no local cache in {folder}: it {where}",
            hint="Export one there first: --export-cache type=local,dest=DIRECTORY.",
        ) from None
    except OSError as error:
        raise LayoutError(f"the local cache in {folder} cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError):
        raise LayoutError(
            f"the index of the local cache in {folder} is damaged",
            hint=f"Export the cache anew to an empty directory, or repair {index}.",
        ) from None
    return dict(found)


def resolve(folder: Path, *, tag: str | None = None, digest: str | None = None) -> str:
    """Return the digest of the cache manifest to import.

    Parameters
    ----------
    folder
        The layout.
    tag
        A name in its index, by default ``latest``.
    digest
        The digest itself; then its blob must be there.

    Raises
    ------
    LayoutError
        If the layout is not sound, or holds no such manifest.
    """
    if digest is not None:
        if not _blob(folder, digest).is_file():
            raise LayoutError(
                f"the local cache in {folder} holds no manifest {digest}",
                hint=_tags_hint(read_index(folder)),
            )
        return digest
    wanted = tag or "latest"
    index = read_index(folder)
    tags = _tags(index)
    if wanted in tags:
        return tags[wanted]
    if tag is None and len(index["manifests"]) == 1:
        return str(index["manifests"][0]["digest"])
    raise LayoutError(
        f"the local cache in {folder} holds no tag {wanted!r}", hint=_tags_hint(index)
    )


def _tags(index: dict[str, Any]) -> dict[str, str]:
    named = (((item.get("annotations") or {}).get(_REF_NAME), item) for item in index["manifests"])
    return {str(name): str(item["digest"]) for name, item in named if name}


def _tags_hint(index: dict[str, Any]) -> str:
    tags = sorted(_tags(index))
    return f"It holds {', '.join(tags)}." if tags else "It holds no tag."


def _blob(folder: Path, digest: str) -> Path:
    algorithm, _, hexadecimal = digest.partition(":")
    return folder / "blobs" / algorithm / hexadecimal


def manifest_blobs(folder: Path, digest: str) -> Iterator[tuple[str, int | None]]:
    """Yield the digest and size of every blob a manifest reaches, itself first.

    Raises
    ------
    LayoutError
        If a manifest on the way is missing or damaged.
    """
    seen: set[str] = set()
    todo: list[tuple[str, int | None, bool]] = [(digest, None, True)]
    while todo:
        current, size, nested = todo.pop()
        if current in seen:
            continue
        seen.add(current)
        yield current, size
        if nested:
            todo += _descriptors(_read_manifest(folder, current))


def _descriptors(manifest: dict[str, Any]) -> list[tuple[str, int | None, bool]]:
    found = []
    listed = [*(manifest.get("manifests") or []), *(manifest.get("layers") or [])]
    if manifest.get("config"):
        listed.append(manifest["config"])
    for item in listed:
        kind = str(item.get("mediaType", ""))
        nested = kind.endswith(("manifest.v1+json", "index.v1+json", "manifest.v2+json"))
        nested = nested or kind.endswith("manifest.list.v2+json")
        found.append((str(item["digest"]), item.get("size"), nested))
    return found


def _read_manifest(folder: Path, digest: str) -> dict[str, Any]:
    path = _blob(folder, digest)
    try:
        if path.stat().st_size > _LARGEST_JSON:
            raise ValueError("too large")
        content = path.read_bytes()
        if f"sha256:{hashlib.sha256(content).hexdigest()}" != digest:
            raise ValueError("digest")
        manifest = json.loads(content)
        _descriptors(manifest)
    except FileNotFoundError:
        raise LayoutError(
            f"the local cache in {folder} is incomplete: the manifest {digest} is missing",
            hint="Export the cache anew.",
        ) from None
    except OSError as error:
        raise LayoutError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise LayoutError(
            f"the local cache in {folder} is damaged: {digest} is not the manifest it should be",
            hint="Export the cache anew.",
        ) from None
    return dict(manifest)


def check_layout(folder: Path, digest: str, *, verify: bool = False) -> None:
    """Check that every blob a manifest reaches is there.

    Parameters
    ----------
    folder
        The layout.
    digest
        The manifest.
    verify
        Also read every blob and compare its digest.

    Raises
    ------
    LayoutError
        For the first blob that is missing, or has a wrong size or content.
    """
    for blob, size in manifest_blobs(folder, digest):
        path = _blob(folder, blob)
        try:
            found = path.stat().st_size
        except OSError:
            raise LayoutError(
                f"the local cache in {folder} is incomplete: the blob {blob} is missing",
                hint="Export the cache anew.",
            ) from None
        wrong = size is not None and found != size
        if wrong or (verify and f"sha256:{_sha256(path)}" != blob):
            raise LayoutError(
                f"the local cache in {folder} is damaged: {blob} is not what it should be",
                hint="Export the cache anew.",
            )


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while piece := stream.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def stage(staging: Path, folder: Path, digest: str) -> None:
    """Put links to a manifest and all it reaches into a staging directory.

    Nothing is copied and nothing written into the source, which may be read-only.

    Raises
    ------
    LayoutError
        If the source is not sound.
    """
    check_layout(folder, digest)
    for blob, _ in manifest_blobs(folder, digest):
        link = _blob(staging, blob)
        link.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            link.symlink_to(_blob(folder.resolve(), blob))


def publish(
    staging: Path, folder: Path, digest: str, size: int, media_type: str, tag: str | None = None
) -> None:
    """Put an exported cache into its directory, under a tag.

    Parameters
    ----------
    staging
        Where BuildKit's export has put new blobs; those that are links were there before.
    folder
        The destination, made if need be.
    digest, size, media_type
        The descriptor of the exported manifest.
    tag
        Its name, by default ``latest``.

    Raises
    ------
    LayoutError
        If the destination cannot be written (its earlier cache is then as it was), is locked by
        another build for long, or its index is damaged.
    """
    try:
        _publish(staging, folder, digest, size, media_type, tag or "latest")
    except OSError as error:
        raise LayoutError(
            f"the cache could not be written to {folder}: {error.strerror}",
            hint="The cache that was there before is unharmed.",
        ) from None


def _publish(
    staging: Path, folder: Path, digest: str, size: int, media_type: str, tag: str
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder):
        try:
            index = read_index(folder)
        except LayoutError:
            if (folder / "index.json").exists():
                raise
            index = {"schemaVersion": 2, "manifests": []}
        for blob, _ in manifest_blobs(staging, digest):
            _move_blob(staging, folder, blob)
        if not (folder / "oci-layout").exists():
            _replace(folder / "oci-layout", _VERSION)
        descriptor = {
            "mediaType": media_type,
            "digest": digest,
            "size": size,
            "annotations": {_REF_NAME: tag},
        }
        kept = [item for item in index["manifests"] if _name(item) != tag]
        index["manifests"] = [*kept, descriptor]
        _replace(folder / "index.json", json.dumps(index))


def _name(item: dict[str, Any]) -> str | None:
    name = (item.get("annotations") or {}).get(_REF_NAME)
    return None if name is None else str(name)


def _move_blob(staging: Path, folder: Path, digest: str) -> None:
    source, target = _blob(staging, digest), _blob(folder, digest)
    if target.exists() and target.stat().st_size == source.stat().st_size:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        _copy(source.resolve(), partial)
        partial.replace(target)
        _sync(target.parent)
    finally:
        partial.unlink(missing_ok=True)


def _copy(source: Path, target: Path) -> None:
    with source.open("rb") as reader, target.open("wb") as writer:
        shutil.copyfileobj(reader, writer, 1 << 20)
        writer.flush()
        os.fsync(writer.fileno())


def _replace(path: Path, text: str) -> None:
    """Write a file so that it is always either the old one or the new one."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("w", encoding="utf-8") as writer:
            writer.write(text)
            writer.flush()
            os.fsync(writer.fileno())
        partial.replace(path)
        _sync(path.parent)
    finally:
        partial.unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def _locked(folder: Path, seconds: float = _LOCK_SECONDS) -> Iterator[None]:
    """Hold a layout between processes.

    The lock file stays: removing it after use, as BuildKit's client does (0.25), lets two processes
    hold locks on two files of the same name.
    """
    deadline = time.monotonic() + seconds
    with (folder / _LOCK).open("a") as handle:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise LayoutError(
                        f"another process has been writing to {folder} for {seconds:.0f} s",
                        hint="Wait for it, or export to another directory.",
                    ) from None
                time.sleep(0.05)
        yield


def layout_usage(folder: Path) -> Layout:
    """Look at what a local cache holds and what of it no tag reaches any more.

    Raises
    ------
    LayoutError
        If it is not sound.
    """
    index = read_index(folder)
    reached: set[str] = set()
    for item in index["manifests"]:
        reached.update(blob for blob, _ in manifest_blobs(folder, str(item["digest"])))
    live = orphan = 0
    orphans = []
    for path in _files(folder / "blobs" / "sha256"):
        digest = f"sha256:{path.name}"
        size = path.lstat().st_size
        if digest in reached:
            live += size
        else:
            orphan += size
            orphans.append(digest)
    old = time.time() - _STALE_SECONDS
    ingest = [path for path in _entries(folder / "ingest") if path.lstat().st_mtime < old]
    return Layout(_tags(index), live, orphan, tuple(sorted(orphans)), tuple(ingest))


def _entries(folder: Path) -> Iterable[Path]:
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        yield from sorted(folder.iterdir())


def _files(folder: Path) -> Iterable[Path]:
    return (path for path in _entries(folder) if path.is_file() and not path.is_symlink())


def prune(folder: Path, *, dry_run: bool = False) -> Layout:
    """Remove the blobs that no tag reaches, and downloads that nobody finished.

    Parameters
    ----------
    folder
        The layout.
    dry_run
        Only tell what would be removed.

    Raises
    ------
    LayoutError
        If it is not sound, or in use.
    """
    if dry_run:
        return layout_usage(folder)
    with _locked(folder):
        found = layout_usage(folder)
        for digest in found.orphans:
            _blob(folder, digest).unlink(missing_ok=True)
        for path in found.stale:
            shutil.rmtree(path, ignore_errors=True)
    return found
