"""Remembering what a build was asked with, so that the next one needs no flags.

What is remembered in a scope is what the weaker layers do not say already: a project's settings
are not copied into every notebook that uses them, and go on following the project.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from envd_jupyter.builds.preferences.settings import SCOPES, Layer, fold_layers, implied_imports
from envd_jupyter.builds.preferences.values import (
    SETTINGS,
    by_reference,
    read_value,
    setting_named,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envd_jupyter.builds.preferences.settings import Settings
    from envd_jupyter.builds.preferences.store import Preferences
    from envd_jupyter.builds.preferences.values import Value
    from envd_jupyter.builds.request import BuildRequest
    from envd_jupyter.cache.entry import CacheEntry

__all__ = [
    "change_from_json",
    "is_remembered",
    "preferences_json",
    "remember",
    "request_values",
    "settings_values",
    "values_from_json",
]

_DEFAULT_FROM = "build.envd:build"


def request_values(request: BuildRequest) -> dict[str, Value]:
    """Return what can be remembered of a request, by field of `Settings`."""
    values: dict[str, Value] = {
        "exports": request.exports,
        "imports": request.imports,
        "platform": request.platform,
        "use_proxy": request.use_proxy,
    }
    texts = {
        "output": request.output,
        "builder": request.builder,
        "tag": request.tag,
        "inject_aws": request.inject_aws,
    }
    if request.source is None:
        # A build of a cell has no project that could be named again.
        texts["path"] = str(Path(request.project).expanduser().absolute())
        if request.from_ != _DEFAULT_FROM:
            texts["from_"] = request.from_
    values.update({name: text for name, text in texts.items() if text})
    return {name: value for name, value in values.items() if value}


def settings_values(settings: Settings) -> dict[str, Value]:
    """Return the settings in effect that are not made up from others, by field."""
    return {
        setting.name: getattr(settings, setting.name)
        for setting in SETTINGS
        if settings.provenance.get(setting.name) in (*SCOPES, "config")
    }


def remember(
    preferences: Preferences,
    scope: str,
    values: Mapping[str, Value],
    environ: Mapping[str, str] | None = None,
) -> dict[str, Value]:
    """Remember values for a scope, and take them out of the stronger ones, which would hide them.

    Parameters
    ----------
    preferences
        Where.
    scope
        One of the scopes there.
    values
        By field of `Settings`. Those that do not belong to the scope, and those that are in effect
        there anyway, are left out.
    environ
        Variables that secrets are replaced by, where one holds the same value; by default those of
        the process.

    Returns
    -------
    dict
        What was remembered.

    Raises
    ------
    PreferenceError
        If a value holds a secret that no variable holds. Nothing was changed then.
    """
    known = os.environ if environ is None else environ
    weaker = preferences.beneath(scope) if scope in SCOPES else None
    changes: dict[str, Value | None] = {}
    for name, value in values.items():
        if scope not in setting_named(name).scopes:
            continue
        if name in ("exports", "imports"):
            value = tuple(by_reference(e, known) for e in cast("tuple[CacheEntry, ...]", value))
        same = weaker is not None and getattr(weaker, name) == value
        changes[name] = None if same else value
    preferences.change(scope, changes)
    for stronger in SCOPES[: SCOPES.index(scope)]:
        if stronger in preferences.scopes():
            hiding = preferences.layer(stronger).values
            if names := [name for name in values if name in hiding]:
                preferences.clear(stronger, names)
    return {name: value for name, value in changes.items() if value is not None}


def is_remembered(request: BuildRequest, settings: Settings) -> bool:
    """Tell whether a build without cache flags would use the caches of this request."""
    imports = settings.imports or implied_imports(settings.exports, settings.output)
    wanted = request.imports or implied_imports(request.exports, request.output)
    return settings.exports == request.exports and imports == wanted


def preferences_json(preferences: Preferences) -> dict[str, Any]:
    """Return all there is to show of preferences as JSON, secrets masked.

    Returns
    -------
    dict
        ``settings`` and ``messages`` as `Settings.to_json`, ``scopes`` where something can be
        changed, and ``layers``, the weakest first, each with what it holds itself.
    """
    layers = [
        {
            "name": layer.name,
            "where": str(layer.where) if layer.where else None,
            **_own(layer),
        }
        for layer in preferences.layers()
    ]
    return {
        **preferences.effective().to_json(),
        "scopes": list(preferences.scopes()),
        "layers": layers,
    }


def _own(layer: Layer) -> dict[str, Any]:
    own = fold_layers([layer])
    stored = {s.key for s in SETTINGS if s.name in layer.values}
    plain = own.to_json()
    plain["settings"] = {
        key: item["value"] for key, item in plain["settings"].items() if key in stored
    }
    return plain


def values_from_json(
    changes: Mapping[str, object], base: Path | None = None
) -> dict[str, Value | None]:
    """Return settings by field that are given by key and as they are stored.

    Parameters
    ----------
    changes
        For example ``{"export-cache": ["type=inline"], "output": None}``; None forgets.
    base
        Where relative paths begin; None leaves them as they are.

    Raises
    ------
    PreferenceError, CacheSettingError, RequestError
        If a key is unknown or a value cannot work.
    """
    values: dict[str, Value | None] = {}
    for key, plain in changes.items():
        setting = setting_named(key)
        value = None if plain is None else read_value(setting, plain, base)
        if setting.name == "path" and base is not None and value is not None:
            value = str(base / Path(str(value)).expanduser())
        values[setting.name] = value
    return values


def change_from_json(preferences: Preferences, scope: str, changes: Mapping[str, object]) -> None:
    """Change settings as `Preferences.change` does, given as for `values_from_json`.

    Raises
    ------
    PreferenceError, CacheSettingError, RequestError
        If a key is unknown or a value cannot work. Nothing was changed then.
    """
    preferences.change(scope, values_from_json(changes))
