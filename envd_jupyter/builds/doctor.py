"""Find out what builds need, what of it is there, and what to do next.

Nothing is changed and nothing is built. Each thing looked at becomes a `Finding`; what the builder
can do with remote caches becomes a table. Whoever shows it begins with `Diagnosis.advice`.
"""

from __future__ import annotations

import os
import shutil
import socket
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from envd_jupyter.builds.contexts import builder_url, envd_version, find_envd, read_contexts
from envd_jupyter.builds.folder import data_dir
from envd_jupyter.errors import BuilderError, EnvdJupyterError, EnvdNotFound

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from envd_jupyter.cache.check import BuilderFacts

__all__ = ["Capability", "Diagnosis", "Finding", "examine"]

Level = Literal["ok", "info", "warning", "error"]

_TESTED_ENVD = (1, 3, 6)
_LEAST_FREE = 1 << 30


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    level: Level
    subject: str
    message: str
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class Capability:
    """Whether the builder can export and import one type of cache, and why not."""

    type: str
    exports: bool
    imports: bool
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All that was found.

    Attributes
    ----------
    findings
        In the order in which a build needs them.
    capabilities
        What the builder can do with each type of cache; empty if it was not reached.
    builder
        The builder's URL, or None if none could be named.
    """

    findings: tuple[Finding, ...]
    capabilities: tuple[Capability, ...]
    builder: str | None

    @property
    def ok(self) -> bool:
        """Whether a build could start."""
        return not any(finding.level == "error" for finding in self.findings)

    def advice(self) -> tuple[str, ...]:
        """Return what to do next, the most urgent first."""
        urgent = [f for f in self.findings if f.level == "error"]
        urgent += [f for f in self.findings if f.level == "warning"]
        steps = [f"{f.subject}: {f.hint}" for f in urgent if f.hint]
        if self.ok:
            steps.append("Build: %envd_build --path DIR, where DIR holds build.envd.")
            if any(
                capability.type == "registry" and capability.exports
                for capability in self.capabilities
            ):
                steps.append(
                    "Keep the cache: --export-cache type=registry,ref=HOST/NAME,mode=max "
                    "--import-cache type=registry,ref=HOST/NAME"
                )
        return tuple(steps)

    def to_json(self) -> dict[str, Any]:
        """Return the diagnosis as JSON."""
        return {
            "ok": self.ok,
            "builder": self.builder,
            "findings": [asdict(finding) for finding in self.findings],
            "capabilities": [asdict(capability) for capability in self.capabilities],
            "advice": list(self.advice()),
        }


async def examine(
    builder: str | None = None,
    *,
    envd: str | None = None,
    environ: Mapping[str, str] | None = None,
) -> Diagnosis:
    """Look at everything a build needs.

    Parameters
    ----------
    builder
        A builder's URL or the name of an envd context; None for the current one.
    envd
        The envd program; None for the one that would be used.
    environ
        The environment of builds; by default the process's own.
    """
    environ = dict(os.environ if environ is None else environ)
    findings: list[Finding] = []
    url, facts = None, None
    program = _envd(envd, environ, findings)
    if program is not None:
        url = _builder(builder, program, environ, findings)
    if url is not None:
        facts = await _facts(url, environ, findings)
    findings += _docker(environ)
    findings += _credentials(environ)
    findings += _data(environ)
    return Diagnosis(tuple(findings), tuple(_capabilities(facts)) if facts else (), url)


def _envd(envd: str | None, environ: Mapping[str, str], findings: list[Finding]) -> str | None:
    try:
        program = find_envd(envd, environ)
    except EnvdNotFound as error:
        findings.append(Finding("error", "envd", error.message, error.hint))
        return None
    version = envd_version(program)
    if version is None:
        findings.append(
            Finding(
                "error",
                "envd",
                f"{program} does not tell its version",
                "Run it with `version` in a terminal; pip install --force-reinstall envd mends it.",
            )
        )
        return None
    numbers = tuple(int(part) for part in version.split("-")[0].split(".")[:3] if part.isdigit())
    if numbers < _TESTED_ENVD:
        least = ".".join(map(str, _TESTED_ENVD))
        hint = f"Builds are tested with {least} and later: pip install -U envd."
        findings.append(Finding("warning", "envd", f"{version} at {program}", hint))
    else:
        findings.append(Finding("ok", "envd", f"{version} at {program}"))
    return program


def _builder(
    builder: str | None, envd: str, environ: Mapping[str, str], findings: list[Finding]
) -> str | None:
    try:
        contexts = read_contexts(envd, environ)
        url = builder_url(builder, envd, environ)
    except EnvdJupyterError as error:
        findings.append(Finding("error", "builder", error.message, error.hint))
        return None
    listed = ", ".join(
        f"{context.name}{' (current)' if context.current else ''}: {context.url}"
        for context in contexts
    )
    findings.append(Finding("ok", "contexts", listed or "none"))
    return url


async def _facts(
    url: str, environ: Mapping[str, str], findings: list[Finding]
) -> BuilderFacts | None:
    from envd_jupyter.builds.preflight import builder_facts

    try:
        facts = await builder_facts(url, environ)
    except BuilderError as error:
        findings.append(Finding("error", "builder", error.message, error.hint))
        return None
    kinds = {
        "buildkit": "BuildKit",
        "docker": "Docker Engine, without the containerd image store: BuildKit",
        "docker-containerd": "Docker Engine with the containerd image store: BuildKit",
    }
    version = facts.version or "of unknown version"
    findings.append(Finding("ok", "builder", f"{url}: {kinds.get(facts.kind)} {version}"))
    if facts.kind == "docker":
        findings.append(
            Finding(
                "warning",
                "remote cache",
                "this builder knows inline cache only",
                "Switch on the containerd image store of Docker, or use a BuildKit of its own: "
                "envd context create --name buildkit --builder docker-container --use.",
            )
        )
    return facts


def _capabilities(facts: BuilderFacts) -> Iterator[Capability]:
    from envd_jupyter.cache.options import CACHE_TYPES, TYPE_SINCE

    exports, imports = facts.exports(), facts.imports()
    for cache_type in CACHE_TYPES:
        can_export, can_import = cache_type in exports, cache_type in imports
        note = None
        if cache_type == "inline":
            note = "imported as type=registry,ref=IMAGE"
        elif not can_export and facts.kind == "docker":
            note = "needs the containerd image store or a BuildKit of its own"
        elif not can_export and cache_type in TYPE_SINCE:
            note = f"needs BuildKit {TYPE_SINCE[cache_type]}"
        yield Capability(cache_type, can_export, can_import, note)


def _docker(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Look for the Docker that an image without ``--output`` is loaded into."""
    host = environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"
    if not host.startswith("unix://"):
        yield Finding("info", "docker", f"DOCKER_HOST is {host}")
        return
    path = host.removeprefix("unix://")
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(2.0)
        try:
            probe.connect(path)
        except OSError:
            yield Finding(
                "warning",
                "docker",
                f"nothing answers at {path}, and a build without --output loads its image there",
                "Name an output, for example --output type=image,name=HOST/NAME,push=true.",
            )
            return
    yield Finding("ok", "docker", f"images can be loaded at {path}")


def _credentials(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Say what the environment brings for the caches that need credentials; names, no values."""
    if environ.get("AWS_ACCESS_KEY_ID") or environ.get("AWS_PROFILE"):
        where = "AWS_PROFILE" if environ.get("AWS_PROFILE") else "AWS_ACCESS_KEY_ID"
        yield Finding(
            "info",
            "s3",
            f"{where} is set here; the builder uses its own credentials unless told otherwise",
            "--inject-aws sends those of this kernel along.",
        )
    if environ.get("ACTIONS_RUNTIME_TOKEN"):
        yield Finding("ok", "gha", "the token of a running job is in the environment")


def _data(environ: Mapping[str, str]) -> Iterator[Finding]:
    data = data_dir(environ)
    existing = next((path for path in (data, *data.parents) if path.exists()), Path("/"))
    if not os.access(existing, os.W_OK):
        yield Finding(
            "error",
            "records",
            f"{data} cannot be written to",
            "Set ENVD_JUPYTER_DATA_DIR to a directory you may write to.",
        )
        return
    free = shutil.disk_usage(existing).free
    if free < _LEAST_FREE:
        yield Finding(
            "warning",
            "records",
            f"only {free // 1_000_000} MB are free at {data}",
            "Free some room; logs of builds are kept there.",
        )
    else:
        yield Finding("ok", "records", f"kept in {data}")
