"""What a build notes beside its events, so that a later look need not guess.

BuildKit tells in its status stream that a step ran, never why. What decides is gone soon after:
what the builder held when the build began, what a tag stood for, which files were in the context.
So the driver asks for it while it is there. None of it is needed for the build: a builder that does
not answer, or an old one that does not know the question, leaves a gap, which is then said to be
one.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import time
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING
from urllib.parse import unquote

from envd_jupyter.builds.insight.context_files import Manifest, scan_context, used_paths

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from envd_jupyter.buildkit.control import UsageRecord
    from envd_jupyter.buildkit.dialers import BuilderAddress

__all__ = ["Evidence", "Holding", "Witness", "read_evidence"]

EVIDENCE = "evidence.json"
FILES = "files.json"
_ASK_SECONDS = 5.0
_HISTORY = "/moby.buildkit.v1.Control/ListenBuildHistory"
_READ = "/containerd.services.content.v1.Content/Read"
_IMPORTED = "imported "
_MOST_RECORDS = 20_000
_MOST_TEXT = 400
_MOST_PROVENANCE = 64 << 20


@dataclass(frozen=True)
class Holding:
    """What a builder's local cache held at one moment.

    Attributes
    ----------
    records
        How many records.
    size
        Their bytes.
    made
        When the records with a description were made, by description: BuildKit describes a step's
        result by its command.
    layers
        The digests of layers that came from a remote cache.
    """

    records: int
    size: int
    made: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    layers: frozenset[str] = frozenset()

    @classmethod
    def of(cls, records: Iterable[UsageRecord]) -> Holding:
        """Sum a builder's disk usage up."""
        made: dict[str, list[float]] = {}
        layers: set[str] = set()
        count = size = 0
        for record in records:
            count += 1
            size += record.size
            if record.description.startswith(_IMPORTED):
                layers.add(record.description[len(_IMPORTED) :])
            elif count <= _MOST_RECORDS:
                made.setdefault(short_description(record.description), []).append(
                    record.created or 0.0
                )
        return cls(count, size, {k: tuple(sorted(v)) for k, v in made.items()}, frozenset(layers))

    def to_json(self) -> dict[str, object]:
        """Return it as JSON."""
        return {
            "records": self.records,
            "size": self.size,
            "made": {key: list(times) for key, times in self.made.items()},
            "layers": sorted(self.layers),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> Holding:
        """Read it as `to_json` wrote it."""
        made, layers = data.get("made"), data.get("layers")
        records, size = data.get("records"), data.get("size")
        return cls(
            records if isinstance(records, int) else 0,
            size if isinstance(size, int) else 0,
            {str(k): tuple(map(float, v)) for k, v in made.items()}
            if isinstance(made, dict)
            else {},
            frozenset(map(str, layers)) if isinstance(layers, list) else frozenset(),
        )


@dataclass(frozen=True)
class Evidence:
    """All that one build noted.

    Attributes
    ----------
    worker
        BuildKit's own name for the worker that built; it changes when the builder's state is
        removed, while its address may stay.
    version
        BuildKit's version.
    sources
        What base images and downloads resolved to: a digest by the URL the graph has for it.
    before, after
        What the builder held. ``after`` is there only for builds with cache imports.
    contexts
        The files of each build context, by its name.
    """

    worker: str | None = None
    version: str | None = None
    sources: Mapping[str, str] = field(default_factory=dict)
    before: Holding | None = None
    after: Holding | None = None
    contexts: Mapping[str, Manifest] = field(default_factory=dict)


def short_description(text: str) -> str:
    """Cut a description to the length in which it is kept."""
    return text[:_MOST_TEXT]


def read_evidence(folder: Path) -> Evidence:
    """Read what a build noted; what is missing or damaged is left out."""
    data = _load(folder / EVIDENCE)
    files = _load(folder / FILES)
    sources = data.get("sources")
    worker, version = data.get("worker"), data.get("version")
    return Evidence(
        worker=worker if isinstance(worker, str) else None,
        version=version if isinstance(version, str) else None,
        sources={str(k): str(v) for k, v in sources.items()} if isinstance(sources, dict) else {},
        before=_holding(data.get("before")),
        after=_holding(data.get("after")),
        contexts={
            str(name): Manifest.from_json(entry)
            for name, entry in files.items()
            if isinstance(entry, dict)
        },
    )


def _load(path: Path) -> dict[str, object]:
    with contextlib.suppress(OSError, ValueError):
        data = json.loads(path.read_bytes())
        if isinstance(data, dict):
            return data
    return {}


def _holding(data: object) -> Holding | None:
    with contextlib.suppress(TypeError, ValueError):
        return Holding.from_json(data) if isinstance(data, dict) else None
    return None


class Witness:
    """Collect evidence while a build runs; every question has a time limit and may fail.

    Parameters
    ----------
    folder
        The build's folder.
    address
        The builder.
    contexts
        The directories behind the names of the contexts envd offers.
    imports
        Whether the build imports remote caches.
    """

    def __init__(
        self,
        folder: Path,
        address: BuilderAddress,
        contexts: Mapping[str, Path],
        *,
        imports: bool = False,
    ) -> None:
        self._folder = folder
        self._address = address
        self._contexts = contexts
        self._imports = imports
        self._noted: dict[str, object] = {}
        self._scans: list[asyncio.Task[None]] = []

    async def before(self) -> None:
        """Note which worker builds and what it holds."""
        from envd_jupyter.buildkit.control import disk_usage, list_workers

        with contextlib.suppress(Exception):
            workers = await asyncio.wait_for(list_workers(self._address), _ASK_SECONDS)
            if workers:
                self._noted |= {"worker": workers[0].id, "version": workers[0].version}
        with contextlib.suppress(Exception):
            asked = time.time()
            records = await asyncio.wait_for(disk_usage(self._address), _ASK_SECONDS)
            held = await asyncio.to_thread(Holding.of, records)
            self._noted |= {"before": held.to_json(), "asked": asked}
        self._save()

    def graph(self, definition: bytes) -> None:
        """Note the files of the contexts that a graph uses, in a thread."""
        scan = asyncio.ensure_future(asyncio.to_thread(self._scan, definition))
        self._scans.append(scan)

    def _scan(self, definition: bytes) -> None:
        from envd_jupyter.builds.insight.graph import decode_graph

        with contextlib.suppress(OSError, ValueError):
            known = _load(self._folder / FILES)
            for name, paths in used_paths(decode_graph(definition)).items():
                root = self._contexts.get(name)
                if root is None or name in known:
                    continue
                memory = _memory(self._folder, root)
                stamps = {k: v for k, v in _load(memory).items() if isinstance(v, list)}
                manifest = scan_context(root, paths, stamps)
                known[name] = manifest.to_json()
                _write(memory, {k: list(v) for k, v in manifest.stamps.items()})
            if known:
                _write(self._folder / FILES, known)

    async def after(self, refs: Sequence[str]) -> None:
        """Note what sources resolved to, and what the builder holds now if caches were imported.

        Parameters
        ----------
        refs
            The refs of the build's solves.
        """
        sources: dict[str, str] = {}
        for ref in refs:
            with contextlib.suppress(Exception):
                sources |= await asyncio.wait_for(_resolved(self._address, ref), _ASK_SECONDS)
        if sources:
            self._noted["sources"] = sources
        if self._imports:
            from envd_jupyter.buildkit.control import disk_usage

            with contextlib.suppress(Exception):
                records = await asyncio.wait_for(disk_usage(self._address), _ASK_SECONDS)
                self._noted["after"] = Holding.of(records).to_json()
        self._save()
        if self._scans:
            await asyncio.wait(self._scans, timeout=_ASK_SECONDS)

    def _save(self) -> None:
        with contextlib.suppress(OSError):
            if self._noted:
                _write(self._folder / EVIDENCE, self._noted)


def _memory(folder: Path, root: Path) -> Path:
    """Return where the stamps of a directory's files are kept between builds."""
    name = sha256(os.fsencode(root)).hexdigest()[:24]
    return folder.parent.parent / "contexts" / f"{name}.json"


def _write(path: Path, data: Mapping[str, object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    partial.write_text(json.dumps(data, separators=(",", ":")))
    partial.replace(path)


async def _resolved(address: BuilderAddress, ref: str) -> dict[str, str]:
    """Read from BuildKit's history what the sources of a solve resolved to (since 0.11)."""
    from envd_jupyter.buildkit.control import call
    from envd_jupyter.builds.insight import llb_pb2

    request = llb_pb2.HistoryRequest(ref=ref, early_exit=True)
    found: dict[str, str] = {}
    for answer in await call(address, _HISTORY, request, seconds=_ASK_SECONDS):
        record = llb_pb2.HistoryEvent.FromString(answer).record
        for result in [record.result, *record.results.values()]:
            for item in result.attestations:
                if "provenance" not in item.annotations.get("in-toto.io/predicate-type", ""):
                    continue
                if item.size > _MOST_PROVENANCE:
                    continue
                pieces = await call(address, _READ, llb_pb2.ReadRequest(digest=item.digest))
                blob = b"".join(llb_pb2.ReadResponse.FromString(piece).data for piece in pieces)
                found |= materials(json.loads(blob))
    return found


def materials(provenance: object) -> dict[str, str]:
    """Return the digests of base images and downloads from a SLSA provenance.

    Returns
    -------
    dict
        A digest by the URL of the source as the build graph has it, and by platform where the
        provenance tells one (``docker-image://base:1#linux/amd64``).
    """
    found: dict[str, str] = {}
    if not isinstance(provenance, dict):
        return found
    listed = provenance.get("materials")
    if not isinstance(listed, list):  # SLSA 1
        definition = provenance.get("buildDefinition")
        listed = definition.get("resolvedDependencies") if isinstance(definition, dict) else None
    for item in listed if isinstance(listed, list) else ():
        uri, digests = item.get("uri", ""), item.get("digest") or {}
        digest = next((f"{kind}:{value}" for kind, value in sorted(digests.items())), None)
        if digest is None:
            continue
        if uri.startswith("pkg:docker/"):
            found |= dict.fromkeys(_image_urls(uri), digest)
        else:
            found[uri] = digest
    return found


def _image_urls(uri: str) -> Iterable[str]:
    """Write a package URL as BuildKit's source URL."""
    path, _, query = uri[len("pkg:docker/") :].partition("?")
    name, at, tag = path.rpartition("@")
    name, tag = (name, tag) if at else (tag, "")
    fields = dict(part.partition("=")[::2] for part in query.split("&") if part)
    host = name.partition("/")[0]
    if "/" not in name:
        name = f"docker.io/library/{name}"
    elif not any(mark in unquote(host) for mark in ".:") and host != "localhost":
        name = f"docker.io/{name}"
    reference = unquote(name) + (f":{unquote(tag)}" if tag else "")
    platform = unquote(fields.get("platform", ""))
    yield f"docker-image://{reference}"
    if platform:
        yield f"docker-image://{reference}#{platform}"
