"""Make the recordings that `start.ipynb` plays: ``python -m binder.record``, in a checkout.

Real builds on real builders, as the tests have them: nothing is written by hand. Of each build's
folder the event log, the graph and the evidence for the report are kept, so `report()` works on a
recording as on a build. What belongs to the machine that recorded them gets the name that it has
for a reader, in the log lines of the steps as well, and `leftovers` says what was missed.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import sys
import tempfile
from binascii import a2b_base64, b2a_base64
from pathlib import Path
from typing import TYPE_CHECKING, Any

from envd_jupyter.builds.client import start_build
from envd_jupyter.builds.events import read_events
from envd_jupyter.builds.request import BuildRequest
from envd_jupyter.cache.entry import parse_cache_entry
from tests.notebooks.saving import PORTS, reader_names, renamed, strange_in
from tests.services import Services

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from envd_jupyter.builds.result import BuildResult

RECORDINGS = Path(__file__).parent / "recordings"

_INDEX = re.compile(r"https?://[^/\s]+(?::\d+)?(?=/\S*(?:simple|packages|\.whl|\.tar\.gz))")
_PYPI = "https://pypi.org"

_CHURN = """# syntax=v1

def build():
    base(image="{base}", dev=False)
    install.python_packages(name=["numpy", "pandas", "scikit-learn"])
    io.copy("settings", "/settings")
    run(commands=["cp -r /settings /prepared; sleep 1"])
"""

_TYPO = """# syntax=v1

def build():
    base(image="{base}", dev=False)
    run(commands=["echo prepared > /prepared"])
    install.python_packages(name=["numpy==0.0.1", "pandas"])
"""


def main() -> int:
    """Build, and keep what the builds left."""
    shutil.rmtree(RECORDINGS, ignore_errors=True)
    with Services(PORTS) as services, tempfile.TemporaryDirectory() as scratch:
        environ = services.notebook_environ()
        names = {scratch: "/home/me"} | reader_names(services, environ)
        for name, result in builds(services, environ, Path(scratch)):
            print(f"{name}: {result!r}")
            keep(result.path, RECORDINGS / name, names)
    found = list(leftovers())
    for said in found:
        print(f"  still there: {said}", file=sys.stderr)
    return 1 if found else 0


def builds(
    services: Services, environ: Mapping[str, str], place: Path
) -> Iterator[tuple[str, BuildResult]]:
    """Run the builds; their names are in the order in which they were run."""
    second = environ["NOTEBOOK_SECOND_BUILDER"]
    image = services.registry.ref("me/churn:latest")
    cache = f"type=registry,ref={services.registry.ref('me/churn-cache:latest')}"
    churn = project(place / "churn", _CHURN.format(base=services.base_image()))
    (churn / "settings").mkdir()
    (churn / "settings" / "model.toml").write_text("layers = 3\n")

    yield "1-cold-build", build(environ, churn, image, exports=[f"{cache},mode=max"])
    yield "2-cached-build", build(environ, churn, image, imports=[cache], builder=second)
    (churn / "settings" / "model.toml").write_text("layers = 4\n")
    yield "3-rebuild", build(environ, churn, image)
    typo = project(place / "typo", _TYPO.format(base=services.base_image()))
    yield "4-failing-build", build(environ, typo, services.registry.ref("me/typo:latest"))


def project(folder: Path, text: str) -> Path:
    """Write a project."""
    folder.mkdir()
    (folder / "build.envd").write_text(text)
    return folder


def build(
    environ: Mapping[str, str],
    folder: Path,
    image: str,
    *,
    exports: Sequence[str] = (),
    imports: Sequence[str] = (),
    builder: str | None = None,
) -> BuildResult:
    """Build a project to its end."""
    request = BuildRequest(
        folder,
        output=f"type=image,name={image},push=true",
        force=True,
        exports=tuple(parse_cache_entry(text, "export") for text in exports),
        imports=tuple(parse_cache_entry(text, "import") for text in imports),
        builder=builder,
    )

    async def run() -> BuildResult:
        return await (await start_build(request, environ=environ)).wait()

    return asyncio.run(run())


def keep(folder: Path, target: Path, names: Mapping[str, str]) -> None:
    """Copy a build's folder, with the names of this machine replaced."""
    target.mkdir(parents=True)
    with (target / "events.jsonl").open("w") as file:
        for event in read_events(folder / "events.jsonl"):
            file.write(json.dumps(scrubbed(event, names), separators=(",", ":")) + "\n")
    for path in folder.glob("*.json"):
        known = renamed(json.loads(path.read_text()), names)
        (target / path.name).write_text(json.dumps(known, indent=1, sort_keys=True) + "\n")
    for graph in folder.glob("graph-*.llb"):
        shutil.copy(graph, target / graph.name)


def scrubbed(event: dict[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Return an event for other readers; the start says that this is a recording."""
    event = renamed(event, names)
    for log in event.get("logs") or ():
        text = a2b_base64(log["data"]).decode("utf-8", "surrogateescape")
        text = _INDEX.sub(_PYPI, renamed(text, names))
        log["data"] = b2a_base64(text.encode("utf-8", "surrogateescape"), newline=False).decode()
    own = event.get("envd") or {}
    if own.get("kind") == "start":
        own["recording"] = True
        own.pop("private", None)
        own.pop("pid", None)
    return event


def leftovers() -> Iterator[str]:
    """Yield what in the recordings belongs to the machine they were made on."""
    for path in sorted(RECORDINGS.rglob("*.*")):
        text = path.read_bytes().decode("utf-8", "replace")
        if path.suffix == ".jsonl":
            logs = [log for event in read_events(path) for log in event.get("logs") or ()]
            text += "".join(a2b_base64(log["data"]).decode("utf-8", "replace") for log in logs)
        for said in strange_in(text):
            yield f"{path.relative_to(RECORDINGS)}: {said}"


if __name__ == "__main__":
    raise SystemExit(main())
