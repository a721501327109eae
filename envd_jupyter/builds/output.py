"""The ``--output`` of a build: where BuildKit puts the image.

envd reads the field as one line of CSV whose fields are ``key=value``, and passes it to BuildKit,
which is silent about keys it does not know.
"""

from __future__ import annotations

import csv
import difflib
import io
from dataclasses import dataclass
from pathlib import Path

from envd_jupyter.errors import RequestError

__all__ = ["Output", "parse_output"]

_KEYS = {
    "image": (
        "name",
        "push",
        "push-by-digest",
        "registry.insecure",
        "dangling-name-prefix",
        "name-canonical",
        "unpack",
        "store",
        "compression",
        "compression-level",
        "force-compression",
        "oci-mediatypes",
        "oci-artifact",
        "buildinfo",
        "rewrite-timestamp",
        "danger-allow-unpack",
    ),
    "docker": ("name", "dest", "tar", "compression", "compression-level", "force-compression"),
    "oci": ("name", "dest", "tar", "compression", "compression-level", "force-compression"),
    "tar": ("dest", "push", "name"),
    "local": ("dest",),
}
_EVERYWHERE = ("type", "annotation", "attestation", "platform-split")


@dataclass(frozen=True)
class Output:
    """A parsed ``--output``: its type and its other keys in the order written."""

    type: str
    attrs: tuple[tuple[str, str], ...]

    def get(self, key: str) -> str | None:
        """Return the value of a key, or None."""
        return dict(self.attrs).get(key)

    @property
    def pushes(self) -> bool:
        """Whether the image goes to a registry."""
        return (self.get("push") or "false").lower() in ("true", "1", "t")

    def to_csv(self) -> str:
        """Write the field as envd reads it."""
        fields = [f"type={self.type}", *(f"{key}={value}" for key, value in self.attrs)]
        buffer = io.StringIO()
        csv.writer(buffer, lineterminator="").writerow(fields)
        return buffer.getvalue()


def parse_output(text: str, *, base: Path | None = None) -> Output:
    """Read an ``--output`` and check it.

    Parameters
    ----------
    text
        ``type=image,name=…,push=true`` and the like.
    base
        Where a relative ``dest`` begins.

    Raises
    ------
    RequestError
        If the type or a key is unknown, or one is missing that the type needs.
    """
    attrs = _fields(text)
    kind = attrs.pop("type", "")
    if kind not in _KEYS:
        raise RequestError(
            f"--output {text!r} has no type that BuildKit knows"
            if not kind
            else f"--output has the unknown type {kind!r}",
            hint=f"The types are {', '.join(_KEYS)}; for example type=image,name=me/ml,push=true.",
        )
    for key in attrs:
        if key not in _KEYS[kind] and not key.startswith(_EVERYWHERE):
            near = difflib.get_close_matches(key, _KEYS[kind], 1)
            raise RequestError(
                f"--output type={kind} knows no {key!r}",
                hint=f"Did you mean {near[0]!r}?"
                if near
                else f"It knows {', '.join(_KEYS[kind])}.",
            )
    output = Output(kind, tuple(attrs.items()))
    if output.pushes and not output.get("name"):
        raise RequestError(
            "--output has push=true and no name to push to",
            hint="Add name=REGISTRY/REPOSITORY:TAG.",
        )
    if kind in ("tar", "local") and not output.get("dest"):
        raise RequestError(f"--output type={kind} has no dest", hint="Add dest=PATH.")
    return _with_destination(output, base) if base is not None else output


def _with_destination(output: Output, base: Path) -> Output:
    dest = output.get("dest")
    if not dest or dest == "-":
        return output
    path = base / Path(dest).expanduser()
    if not path.parent.is_dir():
        raise RequestError(
            f"--output dest={dest!r} lies in no existing directory",
            hint=f"Make the directory {str(path.parent)!r} first.",
        )
    attrs = tuple((key, str(path) if key == "dest" else value) for key, value in output.attrs)
    return Output(output.type, attrs)


def _fields(text: str) -> dict[str, str]:
    try:
        rows = list(csv.reader([text], strict=True))
    except csv.Error as error:
        raise RequestError(f"--output {text!r} is not a CSV line: {error}") from None
    attrs: dict[str, str] = {}
    for item in rows[0] if rows else []:
        key, equals, value = item.partition("=")
        key = key.strip().lower()
        if not equals or not key:
            raise RequestError(
                f"--output {text!r}: {item!r} is not KEY=VALUE",
                hint="For example --output type=image,name=me/ml,push=true.",
            )
        if key in attrs:
            raise RequestError(f"--output {text!r} has {key!r} twice")
        attrs[key] = value
    return attrs
