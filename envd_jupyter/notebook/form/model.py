"""What a form holds: values as typed, the line they stand for, and what is wrong with them.

`FormValues` is all of a form at one moment. It may be half filled in; `command_line` writes it as
the line of ``%envd_build`` it stands for, `read_line` reads such a line back, and `to_request`
makes the build. Values of secret options are never in it: where one was typed in, ``***`` stands
in its place and the secret itself is kept by the widget.
"""

from __future__ import annotations

import dataclasses
import re
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from envd_jupyter.builds.output import parse_output
from envd_jupyter.builds.preferences import COMMAND_LINE, Layer, fold_layers
from envd_jupyter.builds.request import BuildRequest
from envd_jupyter.cache.csvfield import format_fields
from envd_jupyter.cache.entry import CacheEntry, make_cache_entry
from envd_jupyter.cache.environment import is_reference
from envd_jupyter.cache.options import SECRET_OPTIONS
from envd_jupyter.cache.redaction import MASK
from envd_jupyter.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from envd_jupyter.builds.preferences import Identity, Settings
    from envd_jupyter.builds.preferences.values import Value
    from envd_jupyter.cache.options import Direction

__all__ = [
    "DESTINATIONS",
    "CacheFields",
    "Destination",
    "FormValues",
    "Secrets",
    "command_line",
    "fields_of",
    "fresh_form",
    "from_settings",
    "read_line",
    "to_request",
]

Destination = Literal["push", "docker", "keep", "oci", "archive", "tar", "local", "other"]

#: Where the image goes: the choice and its words.
DESTINATIONS: tuple[tuple[Destination, str], ...] = (
    ("push", "Push to a registry"),
    ("docker", "Load into Docker"),
    ("keep", "Keep in the builder"),
    ("oci", "OCI archive, a file"),
    ("archive", "Docker archive, a file"),
    ("tar", "Files of the image, as a tar file"),
    ("local", "Files of the image, in a directory"),
    ("other", "Something else (--output)"),
)
#: Destinations that need a path, with the type of ``--output`` they are.
PATHS: dict[str, str] = {"oci": "oci", "archive": "docker", "tar": "tar", "local": "local"}
#: Destinations that take the name of an image.
NAMED = ("push", "docker", "keep", "oci", "archive")

_MAGIC = re.compile(r"(?:\w+\s*=\s*)?%{1,2}envd_build\b|envd\s+build\b")

#: Secrets by direction, place in the list, and option. They live in the kernel only.
Secrets = dict[tuple[str, int, str], str]


@dataclass(frozen=True)
class CacheFields:
    """One export or import as typed in.

    Attributes
    ----------
    direction, type
        As of a `CacheEntry`.
    values
        The options that are not empty, in the order of the table.
    """

    direction: Direction
    type: str
    values: tuple[tuple[str, str], ...] = ()

    def get(self, option: str) -> str:
        """Return an option as typed, empty if it is not given."""
        return dict(self.values).get(option, "")

    def setting(self, **changes: str) -> CacheFields:
        """Return the fields with options set; an empty text takes one out."""
        named = {name.replace("__", "-"): value for name, value in changes.items()}
        merged = {**dict(self.values), **named}
        return dataclasses.replace(self, values=tuple((k, v) for k, v in merged.items() if v))

    def to_csv(self) -> str:
        """Write it as a setting, whether it can work or not."""
        return format_fields([("type", self.type), *self.values])

    def entry(self) -> CacheEntry:
        """Return the checked entry.

        Raises
        ------
        CacheSettingError
            If it cannot work.
        """
        return make_cache_entry(self.direction, self.type, dict(self.values))


@dataclass(frozen=True)
class FormValues:
    """A form at one moment; the fields are what is typed in and chosen."""

    project: str = ""
    from_: str = ""
    builder: str = ""
    image: str = ""
    destination: Destination = "push"
    dest: str = ""
    output: str = ""
    platform: str = ""
    force: bool = False
    use_proxy: bool = False
    require_cached: bool = False
    inject_aws: str = ""
    exports: tuple[CacheFields, ...] = ()
    imports: tuple[CacheFields, ...] = ()

    def output_text(self) -> str | None:
        """Return the ``--output``, or None where it is envd's default."""
        if self.destination == "other":
            return self.output or None
        if self.destination == "docker":
            return None
        kind = PATHS.get(self.destination, "image")
        fields = [("type", kind)]
        if self.image and self.destination in NAMED:
            fields.append(("name", self.image))
        if self.dest and self.destination in PATHS:
            fields.append(("dest", self.dest))
        if self.destination == "push":
            fields.append(("push", "true"))
        return format_fields(fields)

    def tag(self) -> str | None:
        """Return the ``--tag``, which names an image that has no ``--output``."""
        return (self.image or None) if self.destination == "docker" else None


def command_line(values: FormValues, *, no_saved: bool = False) -> str:
    """Write a form as the line that does the same.

    Parameters
    ----------
    values
        The form.
    no_saved
        Whether remembered settings would add what the form leaves empty.
    """
    words = ["%envd_build"]
    flags: list[tuple[str, str | None]] = [
        ("--path", values.project if values.project not in ("", ".") else None),
        ("--from", values.from_ if values.from_ not in ("", "build.envd:build") else None),
        ("--builder", values.builder),
        ("--tag", values.tag()),
        ("--output", values.output_text()),
        ("--platform", values.platform),
        *(("--export-cache", fields.to_csv()) for fields in values.exports),
        *(("--import-cache", fields.to_csv()) for fields in values.imports),
        ("--inject-aws", values.inject_aws),
    ]
    for flag, value in flags:
        if value:
            words += [flag, _quoted(value)]
    words += ["--force"] if values.force else []
    words += ["--use-proxy"] if values.use_proxy else []
    words += ["--require-cached"] if values.require_cached else []
    words += ["--no-saved"] if no_saved else []
    return " ".join(words)


def _quoted(value: str) -> str:
    """Quote a word only where a shell's quoting is needed; templates read better without."""
    plain = value.replace("{", "").replace("}", "")
    return value if plain and shlex.quote(plain) == plain else shlex.quote(value)


def read_line(
    text: str, saved: Callable[[Mapping[str, Value | None]], Settings] | None = None
) -> tuple[FormValues, Secrets]:
    """Read a line of ``%envd_build``, or what follows the magic, into a form.

    Parameters
    ----------
    text
        The line.
    saved
        Returns what is in effect with the flags of a line, by field of `Settings`: what a line
        leaves open is filled with it, as the build would do, unless the line has ``--no-saved``.

    Returns
    -------
    tuple
        The form, with ``***`` for each literal secret, and the secrets.

    Raises
    ------
    RequestError, CacheSettingError
        If the line cannot be understood or a setting in it cannot work.
    """
    from envd_jupyter.builds.asking import given_values
    from envd_jupyter.builds.line import HelpWanted, parse_build

    line = " ".join(part.rstrip("\\").strip() for part in text.strip().splitlines())
    line = _MAGIC.sub("", line, count=1) if _MAGIC.match(line) else line
    try:
        given = parse_build(line)
    except HelpWanted:
        raise RequestError("a form has no --help", hint="Run %envd_build --help.") from None
    flags = given_values(given)
    if saved is None or given.no_saved:
        settings = fold_layers([Layer(COMMAND_LINE, {k: v for k, v in flags.items() if v})])
    else:
        settings = saved(flags)
    values = dataclasses.replace(
        from_settings(settings), force=given.force, require_cached=given.require_cached
    )
    return values, dict((*_secrets_of(settings.exports), *_secrets_of(settings.imports)))


def _secrets_of(entries: Iterable[CacheEntry]) -> Iterator[tuple[tuple[str, int, str], str]]:
    for number, entry in enumerate(entries):
        for key, value in entry.attrs:
            if key in SECRET_OPTIONS and value != MASK and not is_reference(value):
                yield (entry.direction, number, key), value


def from_settings(settings: Settings) -> FormValues:
    """Return a form filled with what is remembered."""
    return _with_output(
        FormValues(
            project=settings.path or "",
            from_=settings.from_ or "",
            builder=settings.builder or "",
            image=settings.tag or "",
            platform=",".join(settings.platform),
            use_proxy=settings.use_proxy,
            inject_aws=settings.inject_aws or "",
            exports=tuple(fields_of(entry) for entry in settings.exports),
            imports=tuple(fields_of(entry) for entry in settings.imports),
        ),
        settings.output,
    )


def fresh_form(settings: Settings) -> FormValues:
    """Return a form filled with what is remembered, that pushes where nothing is said of that.

    A remote cache is mostly kept beside a pushed image, and envd's default needs a Docker Engine.
    """
    values = from_settings(settings)
    if settings.output or settings.tag:
        return values
    return dataclasses.replace(values, destination="push")


def fields_of(entry: CacheEntry) -> CacheFields:
    """Return the fields of an entry; a literal secret becomes ``***``."""
    return CacheFields(
        entry.direction,
        entry.type,
        tuple(
            (key, MASK if key in SECRET_OPTIONS and not is_reference(value) else value)
            for key, value in entry.attrs
        ),
    )


def _with_output(values: FormValues, text: str | None) -> FormValues:
    """Choose the destination an ``--output`` is; one that no choice stands for is kept as text."""
    if not text:
        return dataclasses.replace(values, destination="docker")
    output = parse_output(text)
    attrs = dict(output.attrs)
    name, dest = attrs.pop("name", ""), attrs.pop("dest", "")
    push = output.pushes
    attrs.pop("push", None)
    by_type: dict[str, Destination] = {
        "image": "push" if push else "keep",
        "oci": "oci",
        "docker": "archive",
        "tar": "tar",
        "local": "local",
    }
    destination = by_type[output.type]
    modelled = not attrs and bool(dest) == (destination in PATHS)
    if not modelled or (name and destination not in NAMED):
        return dataclasses.replace(values, destination="other", output=text, image=name)
    return dataclasses.replace(values, destination=destination, image=name, dest=dest)


def to_request(
    values: FormValues,
    secrets: Mapping[tuple[str, int, str], str],
    identity: Identity,
    envd: str | None = None,
) -> BuildRequest:
    """Return the build a form stands for.

    Parameters
    ----------
    values
        The form.
    secrets
        The secrets that ``***`` stands for.
    identity
        The notebook and the kernel.
    envd
        The envd program; None for the one that would be used.

    Raises
    ------
    RequestError, CacheSettingError
        If the form cannot be built as it is.
    """
    return BuildRequest(
        project=Path(values.project or ".").expanduser(),
        from_=values.from_ or "build.envd:build",
        tag=values.tag(),
        output=values.output_text(),
        platform=tuple(p.strip() for p in values.platform.split(",") if p.strip()),
        force=values.force,
        use_proxy=values.use_proxy,
        exports=tuple(_entries(values.exports, secrets)),
        imports=tuple(_entries(values.imports, secrets)),
        builder=values.builder or None,
        notebook=identity.notebook,
        kernel=identity.kernel,
        inject_aws=values.inject_aws or None,
        envd=envd,
        require_cached=values.require_cached,
    )


def _entries(
    rows: Iterable[CacheFields], secrets: Mapping[tuple[str, int, str], str]
) -> Iterable[CacheEntry]:
    for number, fields in enumerate(rows):
        known: dict[str, str | None] = {}
        for key, value in fields.values:
            if key in SECRET_OPTIONS and value == MASK:
                secret = secrets.get((fields.direction, number, key))
                if secret is None:
                    raise RequestError(
                        f"*** stands for a secret {key} that is not known here",
                        hint="Name a variable as env:NAME, or type the secret in again.",
                    )
                known[key] = secret
        yield fields.entry().with_attrs(known)
