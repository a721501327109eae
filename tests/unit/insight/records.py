"""Builds as they lie on disk, written without a builder."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from envd_jupyter.builds.insight.graph import decode_graph
from envd_jupyter.builds.insight.report import BuildReport, report_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

BEGIN = 1_800_000_000.0


class Records:
    """A data folder that builds are written into, one after the other."""

    def __init__(self, folder: Path) -> None:
        self.builds = folder / "builds"
        self._count = 0

    def add(
        self,
        definition: bytes,
        *,
        cached: Sequence[str] = (),
        seconds: Mapping[str, float] | float = 1.0,
        caches: Sequence[Mapping[str, object]] = (),
        before: Mapping[str, Sequence[float]] | None = None,
        layers: Sequence[str] = (),
        worker: str = "w1",
        state: str = "succeeded",
        image: str = "me/image:1",
        unfinished: Sequence[str] = (),
        files: Mapping[str, object] | None = None,
        sources: Mapping[str, str] | None = None,
        builder: str = "unix:///b.sock",
        platform: str = "linux/amd64",
    ) -> Path:
        """Write a build whose steps ran for so long; names are the last words of commands."""
        self._count += 1
        begin = BEGIN + 1000 * self._count
        folder = self.builds / f"20270115-0800{self._count:02}-aaaaaa"
        folder.mkdir(parents=True)
        graph = decode_graph(definition)
        start = {"kind": "start", "time": begin, "id": folder.name, "project": "/p"}
        start |= {"from": "build.envd:build", "builder": builder, "image": image}
        for direction in ("import", "export"):
            start[f"{direction}s"] = [c["entry"] for c in caches if c["direction"] == direction]
        events: list[dict[str, object]] = [{"envd": start}]
        moment = begin + 1
        for vertex in graph:
            name = vertex.name.removeprefix("bash -c ")
            length = seconds if isinstance(seconds, float) else seconds.get(name, 1.0)
            real = vertex.kind in ("exec", "file")
            hit = name in cached
            taken = 0.0 if hit or not real else length
            event = {
                "digest": vertex.digest,
                "name": vertex.name,
                "inputs": [given.vertex for given in vertex.inputs],
            }
            if name not in unfinished:
                event |= {"started": _stamp(moment), "completed": _stamp(moment + taken)}
                event |= {"cached": True} if hit else {}
            events.append({"vertexes": [event]})
            moment += taken
        for number, cache in enumerate(caches):
            digest = f"sha256:cache{number}"
            taken = float(str(cache.get("seconds", 0.1)))
            events.append(
                {
                    "vertexes": [
                        {
                            "digest": digest,
                            "name": "importing cache manifest from x"
                            if cache["direction"] == "import"
                            else "exporting cache to registry",
                            "started": _stamp(moment),
                            "completed": _stamp(moment + taken),
                        }
                    ]
                }
            )
            own = {"kind": "cache", "time": moment, "vertex": digest, "state": "ok"} | dict(cache)
            events.append({"envd": own})
        result = {"kind": "result", "time": moment, "state": state, "image": image}
        events.append({"envd": result | {"duration": moment - begin}})
        text = "".join(json.dumps(event) + "\n" for event in events)
        (folder / "events.jsonl").write_text(text)
        (folder / "graph-1.llb").write_bytes(definition)
        noted: dict[str, object] = {"worker": worker, "sources": dict(sources or {})}
        if before is not None:
            noted["before"] = {"records": len(before), "size": 1, "made": before, "layers": []}
            noted["after"] = noted["before"] | {"layers": list(layers)}  # type: ignore[operator]
        (folder / "evidence.json").write_text(json.dumps(noted))
        if files is not None:
            (folder / "files.json").write_text(json.dumps({"build-context": files}))
        return folder

    def report(self, definition: bytes, **options: object) -> BuildReport:
        """Write a build and report on it."""
        return report_of(self.add(definition, **options))


def files(**contents: str) -> dict[str, object]:
    """Return a manifest with these files below ``data``."""
    listed = {f"data/{name}": ["f", len(text), text] for name, text in contents.items()}
    return {"root": "/p", "complete": True, "files": listed}


def _stamp(moment: float) -> str:
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(moment))
    return f"{whole}.{int(moment % 1 * 1e6):06}Z"
