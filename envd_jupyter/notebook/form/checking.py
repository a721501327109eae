"""What is wrong with a form, field by field, as one types.

Everything the build would refuse later is found here by the same checks, and put beside the field
it belongs to. What is only not filled in yet is told apart from what is wrong. No I/O happens.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from envd_jupyter.builds.output import parse_output
from envd_jupyter.cache.check import BuilderFacts, check_entries, version_at_least
from envd_jupyter.cache.entry import CacheEntry, is_true
from envd_jupyter.cache.environment import fill_from_environment, is_reference
from envd_jupyter.cache.options import COMPRESSION_LEVELS, SECRET_OPTIONS, options_for
from envd_jupyter.cache.redaction import MASK
from envd_jupyter.cache.reference import parse_reference
from envd_jupyter.cache.template import TEMPLATE_NAMES
from envd_jupyter.errors import CacheSettingError, EnvdJupyterError
from envd_jupyter.notebook.form.model import NAMED, PATHS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from envd_jupyter.cache.options import Option
    from envd_jupyter.notebook.form.model import CacheFields, FormValues, Secrets

__all__ = ["Fault", "Place", "availability", "check_form", "placeholder"]

Level = Literal["missing", "error", "warning"]

#: A field: ``("export", 0, "ref")``, or ``("form", 0, "image")``.
Place = tuple[str, int, str]

_TEMPLATE = re.compile(r"\{([a-z_]*)\}")


@dataclass(frozen=True)
class Fault:
    """Something wrong with one field.

    Attributes
    ----------
    level
        ``missing``: not filled in yet; ``error``: the build would be refused; ``warning``.
    """

    level: Level
    message: str
    hint: str | None = None


def availability(fields: CacheFields, option: Option, facts: BuilderFacts | None) -> str | None:
    """Return why an option cannot be used beside the others; None if it can."""
    compression = fields.get("compression") or "gzip"
    name = option.name
    if name == "compression-level" and compression not in COMPRESSION_LEVELS:
        return f"compression={compression} has no level"
    if name == "oci-mediatypes" and compression in ("estargz", "zstd"):
        return f"{compression} needs OCI media types, which are the default"
    if name == "image-manifest" and not _true(fields.get("oci-mediatypes")):
        return "an image manifest needs OCI media types"
    if name == "tag" and fields.direction == "import" and fields.get("digest"):
        return "a digest says already which one"
    if name == "digest" and fields.get("tag"):
        return "a tag says already which one"
    if name == "url_v2" and fields.get("version") == "1":
        return "version 1 of the service has url"
    if facts is not None and not version_at_least(facts.version, option.since):
        return f"needs BuildKit {option.since}; this builder has {facts.version}"
    return None


def _true(value: str) -> bool:
    return is_true(value or None, default=True)


def placeholder(fields: CacheFields, option: Option, environ: Mapping[str, str]) -> str:
    """Return what an empty field stands for."""
    for name in option.environ:
        if environ.get(name):
            return f"from ${name}"
    if option.name == "compression-level":
        levels = COMPRESSION_LEVELS.get(fields.get("compression") or "gzip")
        return f"{levels[0]} to {levels[-1]}" if levels else ""
    examples = {
        "bucket": "name of the bucket",
        "ref": "registry.example.com/me/ml-cache:latest",
        "dest": "path/to/cache",
        "src": "path/to/cache",
        "digest": "sha256:…",
        "endpoint_url": "AWS",
        "region": "such as eu-west-1",
    }
    return option.default or examples.get(option.name, "")


def check_form(
    values: FormValues,
    secrets: Secrets,
    environ: Mapping[str, str],
    facts: BuilderFacts | None = None,
) -> dict[Place, Fault]:
    """Return what is wrong, the worst for each field.

    Parameters
    ----------
    values, secrets
        The form.
    environ
        The environment of the build.
    facts
        What is known of the builder.
    """
    found: dict[Place, Fault] = {}
    for place, fault in (
        *_of_output(values),
        *_of_caches(values, secrets, environ, facts),
    ):
        if place not in found:
            found[place] = fault
    return found


def _of_output(values: FormValues) -> Iterator[tuple[Place, Fault]]:
    if values.image and values.destination in NAMED:
        try:
            parse_reference(values.image)
        except ValueError as error:
            yield ("form", 0, "image"), Fault("error", f"{error}")
    elif values.destination == "push":
        yield ("form", 0, "image"), Fault("missing", "the image to push, HOST/NAME:TAG")
    if values.destination in PATHS and not values.dest:
        yield ("form", 0, "dest"), Fault("missing", "where to write it")
    if values.destination == "other":
        if not values.output:
            yield ("form", 0, "output"), Fault("missing", "type=…, as after --output")
            return
        try:
            parse_output(values.output)
        except EnvdJupyterError as error:
            yield ("form", 0, "output"), Fault("error", error.message, error.hint)


def _of_caches(
    values: FormValues,
    secrets: Secrets,
    environ: Mapping[str, str],
    facts: BuilderFacts | None,
) -> Iterator[tuple[Place, Fault]]:
    sound: dict[str, list[tuple[int, CacheEntry]]] = {"export": [], "import": []}
    for rows in (values.exports, values.imports):
        for number, fields in enumerate(rows):
            faults = list(_of_row(fields, number, secrets, environ))
            yield from faults
            if not faults:
                entry = _filled(fields, number, secrets, environ)
                sound[fields.direction].append((number, entry))
    yield from _together(values, sound, environ, facts)


def _of_row(
    fields: CacheFields, number: int, secrets: Secrets, environ: Mapping[str, str]
) -> Iterator[tuple[Place, Fault]]:
    """Find every fault of a row: each one found is taken out, and the rest looked at again."""
    rest = fields
    while True:
        try:
            rest.entry()
            break
        except CacheSettingError as error:
            option = error.option or "type"
            place = (fields.direction, number, option)
            if not rest.get(option):
                yield place, Fault("missing", f"{option} is needed")
                break
            yield place, Fault("error", error.message, error.hint)
            rest = rest.setting(**{option.replace("-", "__"): ""})
    for key, value in fields.values:
        place = (fields.direction, number, key)
        unknown = [name for name in _TEMPLATE.findall(value) if name not in TEMPLATE_NAMES]
        if unknown:
            names = ", ".join(f"{{{name}}}" for name in TEMPLATE_NAMES)
            yield place, Fault("error", f"there is no {{{unknown[0]}}}", f"There are {names}.")
        if key not in SECRET_OPTIONS:
            continue
        if value == MASK and (fields.direction, number, key) not in secrets:
            yield place, Fault("missing", "*** stands for a secret that is not known here")
        if is_reference(value) and not environ.get(value.partition(":")[2]):
            yield place, Fault("error", f"${value.partition(':')[2]} is not set in this kernel")


def _filled(
    fields: CacheFields, number: int, secrets: Secrets, environ: Mapping[str, str]
) -> CacheEntry:
    entry = fields.entry()
    known = {k: secrets.get((fields.direction, number, k)) for k, v in entry.attrs if v == MASK}
    return fill_from_environment(entry.with_attrs(known), environ)


def _together(
    values: FormValues,
    sound: Mapping[str, Sequence[tuple[int, CacheEntry]]],
    environ: Mapping[str, str],
    facts: BuilderFacts | None,
) -> Iterator[tuple[Place, Fault]]:
    problems = check_entries(
        [entry for _, entry in sound["export"]],
        [entry for _, entry in sound["import"]],
        output=values.output_text(),
        builder=facts,
        environ=environ,
    )
    for problem in problems:
        if problem.entry is None:
            continue
        rows = sound[problem.entry.direction]
        # Of two that are the same, the later one is at fault.
        numbers = [number for number, entry in rows if entry == problem.entry]
        options = {
            option.name for option in options_for(problem.entry.type, problem.entry.direction)
        }
        option = problem.option if problem.option in options else "type"
        place = (problem.entry.direction, numbers[-1], option or "type")
        lacking = problem.option is not None and not problem.entry.get(problem.option)
        level: Level = problem.level
        if problem.level == "error" and lacking and option != "type":
            level = "missing"
        yield place, Fault(level, problem.message, problem.hint)
