"""What ``%envd_build --dry-run`` says: everything checked, nothing started."""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from envd_jupyter.builds.request import BuildRequest, PreparedBuild
    from envd_jupyter.cache.entry import CacheEntry

__all__ = ["describe", "dry_run"]

_LABEL = 9


def dry_run(
    request: BuildRequest, environ: Mapping[str, str], provenance: Mapping[str, str]
) -> str:
    """Check a request as a build would, and describe it.

    What the builder can do is checked if it answers; the rest needs no builder.

    Parameters
    ----------
    request
        What would be built.
    environ
        The environment of the build.
    provenance
        For each setting that is not from the line, where it comes from.

    Raises
    ------
    EnvdJupyterError
        If the build could not start.
    """
    from envd_jupyter.builds.preflight import check_builder
    from envd_jupyter.builds.request import prepare
    from envd_jupyter.errors import BuilderUnreachable
    from envd_jupyter.notebook.loop import run_to_end

    prepared = prepare(request, environ)
    if prepared.needs_facts:
        try:
            prepared = run_to_end(check_builder(prepared, environ), lambda count: None)
        except BuilderUnreachable:
            note = ("The builder does not answer: what it can do was not checked.", None)
            prepared = replace(prepared, notes=(*prepared.notes, note))
    return "\n".join(describe(prepared, environ, provenance))


def describe(
    prepared: PreparedBuild, environ: Mapping[str, str], provenance: Mapping[str, str]
) -> Iterator[str]:
    """Yield the lines that describe a build which could start, secrets masked."""
    from envd_jupyter.cache.redaction import Redactor

    redactor = Redactor.for_entries([*prepared.exports, *prepared.imports], environ)
    caches = [("--export-cache", entry) for entry in prepared.exports]
    caches += [("--import-cache", entry) for entry in prepared.imports]
    words = ["envd", *prepared.envd_arguments(), "--from", prepared.request.from_]
    for flag, entry in caches:
        words += [flag, entry.redacted().to_csv()]
    yield "Would run:"
    yield f"  {redactor.text(_folded(words))}"
    yield from _fact("builder", prepared.builder, provenance.get("builder"))
    if prepared.image:
        yield from _fact("image", prepared.image, provenance.get("output"))
    for entry in prepared.exports:
        yield from _cache("export", entry, provenance.get("exports"))
    for entry in prepared.imports:
        yield from _cache("import", entry, provenance.get("imports"))
    for message, hint in prepared.notes:
        yield from _fact("note", f"{message} {hint or ''}".rstrip(), None)
    if len(caches) > 1:
        yield "envd itself takes one export and one import; here all of them are used."


def _folded(words: list[str]) -> str:
    """Join the words of a command, each flag on a line of its own where it is long."""
    command = shlex.join(words)
    if len(command) <= 88:
        return command
    lines: list[list[str]] = [[]]
    for word in words:
        if word.startswith("--"):
            lines.append([])
        lines[-1].append(word)
    return " \\\n    ".join(shlex.join(line) for line in lines if line)


def _fact(label: str, text: str, origin: str | None) -> Iterator[str]:
    where = f"  (from {origin})" if origin else ""
    yield f"{label:<{_LABEL}}{text}{where}"


def _cache(label: str, entry: CacheEntry, origin: str | None) -> Iterator[str]:
    from envd_jupyter.cache.explain import explain

    yield from _fact(label, entry.redacted().to_csv(), origin)
    for line in explain(entry):
        yield f"{'':<{_LABEL}}{line}"
