"""What can be remembered for builds: one row a setting, and how each is written and read.

A setting is stored under the name of the flag of ``%envd_build`` it stands for, as one would type
it. Nothing secret is stored: where an option of a cache is secret, a reference to an environment
variable (``env:NAME``) may stand for its value, and anything else is refused with the way out.
"""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from envd_jupyter.builds.output import parse_output
from envd_jupyter.cache.csvfield import parse_fields
from envd_jupyter.cache.entry import CacheEntry, parse_cache_entry
from envd_jupyter.cache.environment import is_reference
from envd_jupyter.cache.options import SECRET_OPTIONS
from envd_jupyter.cache.redaction import MASK, looks_secret, urlsplit_password
from envd_jupyter.errors import EnvdJupyterError, PreferenceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from envd_jupyter.cache.options import Direction

__all__ = [
    "PROJECT_BOUND",
    "SETTINGS",
    "Setting",
    "Value",
    "by_reference",
    "read_value",
    "read_values",
    "setting_named",
    "shown",
    "written",
]

Value = tuple[CacheEntry, ...] | tuple[str, ...] | str | bool
Kind = Literal["exports", "imports", "text", "texts", "flag"]
Plain = str | bool | list[str]

_TELLTALE = 12  # a shorter secret of the environment turns up in innocent values too


@dataclasses.dataclass(frozen=True, slots=True)
class Setting:
    """One thing that can be remembered.

    Attributes
    ----------
    name
        The field of `envd_jupyter.builds.preferences.Settings`.
    key
        As stored, and as the flag is called: ``export-cache``.
    kind
        What it holds.
    scopes
        Where it can be remembered.
    """

    name: str
    key: str
    kind: Kind
    scopes: tuple[str, ...] = ("kernel", "notebook", "project", "user")


SETTINGS: tuple[Setting, ...] = (
    Setting("path", "path", "text", ("kernel", "notebook")),
    Setting("from_", "from", "text", ("kernel", "notebook", "project")),
    Setting("tag", "tag", "text", ("kernel", "notebook", "project")),
    Setting("output", "output", "text"),
    Setting("platform", "platform", "texts"),
    Setting("builder", "builder", "text"),
    Setting("exports", "export-cache", "exports"),
    Setting("imports", "import-cache", "imports"),
    # Credentials are handed out by a person, not by a file that came with a repository.
    Setting("inject_aws", "inject-aws", "text", ("kernel", "notebook", "user")),
    Setting("use_proxy", "use-proxy", "flag"),
)

#: What belongs to one project: remembered with a path, it is not used for another one.
PROJECT_BOUND = frozenset({"path", "from_", "tag", "output", "exports", "imports"})

_BY_KEY = {setting.key: setting for setting in SETTINGS}
_BY_NAME = {setting.name: setting for setting in SETTINGS}


def setting_named(name: str) -> Setting:
    """Return a setting by its field or its key.

    Raises
    ------
    PreferenceError
        If there is none of that name.
    """
    found = _BY_NAME.get(name) or _BY_KEY.get(name)
    if found is None:
        raise PreferenceError(
            f"there is no setting {name!r}", hint=f"The settings are {', '.join(_BY_KEY)}."
        )
    return found


def shown(entry: CacheEntry) -> CacheEntry:
    """Return an entry with its secrets masked; references to the environment stay."""
    return entry.with_attrs(
        {
            key: MASK
            for key, value in entry.attrs
            if key in SECRET_OPTIONS and not is_reference(value)
        }
    )


def by_reference(entry: CacheEntry, environ: Mapping[str, str]) -> CacheEntry:
    """Return an entry with each secret replaced by the variable that holds it, if one does."""
    names = {value: name for name, value in environ.items() if value and name.isidentifier()}
    return entry.with_attrs(
        {
            key: f"env:{names[value]}"
            for key, value in entry.attrs
            if key in SECRET_OPTIONS and value in names
        }
    )


# Writing


def written(
    setting: Setting, value: Value, *, scope: str, base: Path, environ: Mapping[str, str]
) -> Plain:
    """Return a value as it is stored.

    Parameters
    ----------
    setting
        Which setting.
    value
        Its value.
    scope
        Where it is to be remembered.
    base
        The working directory relative paths are meant from; for a project, its directory, which
        paths inside it are stored relative to.
    environ
        The environment, whose secrets must not be stored by value.

    Raises
    ------
    PreferenceError
        If it holds a secret, cannot be remembered in that scope, or cannot work.
    """
    if scope not in setting.scopes:
        raise PreferenceError(
            f"--{setting.key} cannot be remembered for a {scope}",
            hint=f"It can for: {', '.join(setting.scopes)}.",
        )
    plain = _written(setting, value, scope, base)
    for text in [plain] if isinstance(plain, str) else plain if isinstance(plain, list) else []:
        _refuse_secrets(setting, text, environ)
    return plain


def _written(setting: Setting, value: Value, scope: str, base: Path) -> Plain:
    root = base if scope == "project" else None
    if setting.kind in ("exports", "imports"):
        entries = cast("tuple[CacheEntry, ...]", value)
        for entry in entries:
            _refuse_secret_options(entry, scope)
        return [_moved(entry, root).to_csv() for entry in entries]
    if setting.kind == "texts":
        return [str(item) for item in cast("tuple[str, ...]", value)]
    if setting.kind == "flag":
        return bool(value)
    text = str(value)
    if setting.name == "path":
        return str(Path(text).expanduser().absolute())
    if setting.name == "output":
        output = parse_output(text)
        attrs = tuple((k, _place(v, root) if k == "dest" else v) for k, v in output.attrs)
        return dataclasses.replace(output, attrs=attrs).to_csv()
    return text


def _moved(entry: CacheEntry, root: Path | None) -> CacheEntry:
    """Make the directory of a local cache independent of where the notebook happens to run."""
    if entry.type != "local":
        return entry
    return entry.with_attrs(
        {key: _place(value, root) for key, value in entry.attrs if key in ("src", "dest")}
    )


def _place(path: str, root: Path | None) -> str:
    if path == "-" or path.startswith("~"):
        return path
    absolute = Path(path).absolute()
    if root is None:
        return str(absolute)
    try:
        return str(absolute.relative_to(root.absolute()))
    except ValueError:
        return str(absolute)


def _refuse_secret_options(entry: CacheEntry, scope: str) -> None:
    for key, value in entry.attrs:
        if key not in SECRET_OPTIONS:
            continue
        if is_reference(value):
            if scope == "project":
                raise PreferenceError(
                    f"{key}={value} cannot be remembered for the project: whoever opens the "
                    "project would give this secret to what the file names",
                    hint="Remember it for the notebook or the user, or leave the credentials out "
                    "and use --inject-aws.",
                )
            continue
        aws = entry.type == "s3"
        raise PreferenceError(
            f"{key} is a secret, and secrets are not stored",
            hint=f"Put it into an environment variable and write {key}=env:NAME"
            + (", or leave it out and use --inject-aws env or profile:NAME." if aws else "."),
        )


def _refuse_secrets(setting: Setting, text: str, environ: Mapping[str, str]) -> None:
    pairs = parse_fields(text) if setting.kind in ("exports", "imports", "output") else []
    for value in (text, *(value for _, value in pairs)):
        if urlsplit_password(value):
            raise PreferenceError(
                f"--{setting.key} holds a password in an address, and secrets are not stored",
                hint="Leave the password out of the address.",
            )
    for name, secret in environ.items():
        if looks_secret(name) and len(secret) >= _TELLTALE and secret in text:
            raise PreferenceError(
                f"--{setting.key} holds the value of ${name}, and secrets are not stored",
                hint=f"Where an option is secret, write env:{name} for it.",
            )


# Reading


def read_values(
    raw: Mapping[str, object], *, scope: str, where: str, base: Path | None = None
) -> tuple[dict[str, Value], list[str]]:
    """Read what is stored; what cannot work is left out and said.

    Parameters
    ----------
    raw
        Values by key, from a file that anybody may have edited.
    scope
        The scope it is for.
    where
        The file or place, for messages.
    base
        Where relative paths begin (the project); None for the working directory.

    Returns
    -------
    tuple
        The values by field, and the messages.
    """
    values: dict[str, Value] = {}
    messages: list[str] = []
    for key, plain in raw.items():
        setting = _BY_KEY.get(key) or _BY_KEY.get(key.replace("_", "-"))
        if setting is None:
            messages.append(f"{where}: {key!r} is not a setting and is ignored")
            continue
        if scope not in setting.scopes and scope != "config":
            messages.append(f"{where}: {key!r} cannot be set for a {scope} and is ignored")
            continue
        try:
            values[setting.name] = read_value(setting, plain, base)
        except EnvdJupyterError as error:
            messages.append(f"{where}: {key!r} is ignored: {error.message}")
    if scope == "project":
        _drop_references(values, where, messages)
    return values, messages


def read_value(setting: Setting, plain: object, base: Path | None = None) -> Value:
    """Return a value from what is stored for it.

    Raises
    ------
    PreferenceError, CacheSettingError, RequestError
        If it is not of the setting's kind, or cannot work.
    """
    if setting.kind in ("exports", "imports"):
        direction: Direction = "export" if setting.kind == "exports" else "import"
        entries = (parse_cache_entry(text, direction) for text in _texts(plain))
        return tuple(_based(entry, base) for entry in entries)
    if setting.kind == "texts":
        return tuple(_texts(plain))
    if setting.kind == "flag":
        if not isinstance(plain, bool):
            raise PreferenceError(f"{plain!r} is neither true nor false")
        return plain
    if not isinstance(plain, str) or not plain:
        raise PreferenceError(f"{plain!r} is not a text")
    if setting.name == "output":
        output = parse_output(plain)
        attrs = tuple((k, _from_base(v, base) if k == "dest" else v) for k, v in output.attrs)
        return dataclasses.replace(output, attrs=attrs).to_csv()
    return plain


def _texts(plain: object) -> Iterable[str]:
    items = [plain] if isinstance(plain, str) else plain
    if not isinstance(items, (list, tuple)) or not all(isinstance(item, str) for item in items):
        raise PreferenceError(f"{plain!r} is not a list of texts")
    return [str(item) for item in items]


def _based(entry: CacheEntry, base: Path | None) -> CacheEntry:
    if base is None or entry.type != "local":
        return entry
    return entry.with_attrs(
        {key: _from_base(value, base) for key, value in entry.attrs if key in ("src", "dest")}
    )


def _from_base(path: str, base: Path | None) -> str:
    if base is None or path == "-" or path.startswith("~"):
        return path
    return os.path.normpath(base / path)


def _drop_references(values: dict[str, Value], where: str, messages: list[str]) -> None:
    """Do not let a file that came with a repository send this person's secrets anywhere."""
    for name in ("exports", "imports"):
        entries = cast("tuple[CacheEntry, ...]", values.get(name, ()))
        kept = tuple(e for e in entries if not any(key in SECRET_OPTIONS for key, _ in e.attrs))
        if len(kept) < len(entries):
            values[name] = kept
            messages.append(
                f"{where}: a cache that names credentials is ignored; a project file may not"
            )
