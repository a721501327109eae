"""Layers of settings, and what they come to.

From weak to strong: the user's configuration (``ipython_config.py``), the user, the project, the
notebook with its kernelspec, this kernel, and the flags of the line itself. A setting is taken as a
whole from the strongest layer that has it. Below all of them stands what is built into envd.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from envd_jupyter.builds.preferences.values import SETTINGS, shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from envd_jupyter.builds.preferences.values import Value
    from envd_jupyter.cache.entry import CacheEntry

__all__ = [
    "COMMAND_LINE",
    "IMPLIED",
    "SCOPES",
    "Identity",
    "Layer",
    "Scope",
    "Settings",
    "fold_layers",
    "implied_imports",
]

Scope = Literal["kernel", "notebook", "project", "user"]
SCOPES: tuple[Scope, ...] = ("kernel", "notebook", "project", "user")

COMMAND_LINE = "command line"
IMPLIED = "implied by the export"


@dataclass(frozen=True, slots=True)
class Identity:
    """A notebook and the kernel that runs it.

    Attributes
    ----------
    notebook
        The notebook's file, or None if nothing tells it.
    kernel
        The name of the kernelspec (``python3``), or None.
    kernel_id
        The id of the running kernel, which a restart keeps, or None in a terminal.
    """

    notebook: str | None
    kernel: str | None
    kernel_id: str | None


@dataclass(frozen=True, slots=True)
class Settings:
    """What a build uses where its line says nothing.

    Attributes
    ----------
    exports, imports
        The remote caches.
    output, builder, tag, from_, path, platform, inject_aws, use_proxy
        The flags of these names; None, False or empty where nothing is remembered.
    provenance
        For each setting that has a value, the layer it comes from (``{"output": "notebook"}``).
    messages
        What is wrong with the files the settings come from.
    """

    exports: tuple[CacheEntry, ...] = ()
    imports: tuple[CacheEntry, ...] = ()
    output: str | None = None
    builder: str | None = None
    tag: str | None = None
    from_: str | None = None
    path: str | None = None
    platform: tuple[str, ...] = ()
    inject_aws: str | None = None
    use_proxy: bool = False
    provenance: Mapping[str, str] = field(default_factory=dict)
    messages: tuple[str, ...] = ()

    def remembered(self) -> dict[str, str]:
        """Return the provenance of what does not stand on the line."""
        return {name: layer for name, layer in self.provenance.items() if layer != COMMAND_LINE}

    def to_json(self) -> dict[str, Any]:
        """Return the settings by key with their provenance, secrets masked."""
        values: dict[str, Any] = {}
        for setting in SETTINGS:
            if setting.name in self.provenance:
                value = getattr(self, setting.name)
                if setting.kind in ("exports", "imports"):
                    value = [shown(entry).to_csv() for entry in value]
                elif setting.kind == "texts":
                    value = list(value)
                values[setting.key] = {
                    "value": value,
                    "from": self.provenance[setting.name],
                }
        return {"settings": values, "messages": list(self.messages)}


@dataclass(frozen=True, slots=True)
class Layer:
    """The settings of one layer.

    Attributes
    ----------
    name
        A scope, ``"config"`` or ``"command line"``.
    values
        Values by field of `Settings`.
    where
        The file they are in, or None.
    messages
        What is wrong with them.
    """

    name: str
    values: Mapping[str, Value]
    where: Path | None = None
    messages: tuple[str, ...] = ()


def fold_layers(layers: Iterable[Layer]) -> Settings:
    """Take each setting from the strongest layer that has it, the layers weakest first."""
    layers = tuple(layers)
    values: dict[str, Any] = {}
    provenance: dict[str, str] = {}
    for layer in layers:
        for name, value in layer.values.items():
            values[name], provenance[name] = value, layer.name
    exports = values.get("exports")
    if exports and "imports" not in values and provenance["exports"] != COMMAND_LINE:
        implied = implied_imports(exports, values.get("output"))
        if implied:
            values["imports"], provenance["imports"] = implied, IMPLIED
    messages = tuple(message for layer in layers for message in layer.messages)
    return Settings(**values, provenance=provenance, messages=messages)


def implied_imports(
    exports: Iterable[CacheEntry], output: str | None = None
) -> tuple[CacheEntry, ...]:
    """Return the imports that read what exports write, each once.

    An inline cache is imported from the image, if `output` (``--output``) names one. An s3 export
    under several names becomes an import of each, as an import reads one name only.
    """
    from envd_jupyter.builds.output import parse_output
    from envd_jupyter.cache.explain import implied_import

    image = parse_output(output).get("name") if output else None
    found: dict[CacheEntry, None] = {}
    for export in exports:
        entry = implied_import(export, image)
        if entry is None:
            continue
        names = (export.get("name") or "").split(";") if export.type == "s3" else []
        for name in names if len(names) > 1 else [None]:
            found[entry if name is None else entry.with_attrs({"name": name})] = None
    return tuple(found)
