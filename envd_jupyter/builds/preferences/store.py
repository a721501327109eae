"""What is remembered for builds, where, and how it is changed.

Of the layers in `envd_jupyter.builds.preferences.settings`, four can be changed (``SCOPES``). They
live in files under the data folder and beside ``build.envd``, so that the magics, the form and the
JupyterLab panel edit the same thing and see each other's changes.
"""

from __future__ import annotations

import hashlib
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from envd_jupyter.builds.folder import data_dir
from envd_jupyter.builds.preferences.project import ProjectFile
from envd_jupyter.builds.preferences.settings import (
    COMMAND_LINE,
    SCOPES,
    Identity,
    Layer,
    Scope,
    Settings,
    fold_layers,
)
from envd_jupyter.builds.preferences.values import (
    PROJECT_BOUND,
    SETTINGS,
    read_values,
    setting_named,
    written,
)
from envd_jupyter.builds.sharedfile import SharedFile, Stamp, stamp_of
from envd_jupyter.cache.options import SECRET_OPTIONS
from envd_jupyter.errors import PreferenceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from envd_jupyter.builds.preferences.values import Plain, Value
    from envd_jupyter.cache.entry import CacheEntry

__all__ = ["Preferences", "effective_settings", "kernel_file", "notebook_file", "only_given"]

_KERNELS_KEPT = 30 * 86400.0  # seconds
_PROCESS = f"process-{os.getpid()}-{os.urandom(4).hex()}"


class Preferences:
    """The remembered settings of one kernel and one project.

    Parameters
    ----------
    identity
        The notebook and the kernel.
    project
        The directory that is built; None for the remembered one, or the working directory.
    data
        The data folder; by default the user's.
    configured
        The user's traitlets configuration: values by key, as in a file.
    environ
        The environment, whose secrets are not stored; by default the process's own.
    base
        The working directory of the kernel; by default that of the process.
    """

    def __init__(
        self,
        identity: Identity,
        project: Path | None = None,
        *,
        data: Path | None = None,
        configured: Mapping[str, object] | None = None,
        environ: Mapping[str, str] | None = None,
        base: Path | None = None,
    ) -> None:
        self.identity = identity
        self._base = base
        self._data = data_dir(environ) if data is None else data
        self._configured = dict(configured or {})
        self._environ = os.environ if environ is None else environ
        self._files = self._shared_files()
        self._chosen = project
        self._project: ProjectFile | None = None

    def _shared_files(self) -> dict[Scope, SharedFile]:
        root, identity = self._data / "preferences", self.identity
        files: dict[Scope, SharedFile] = {
            "kernel": kernel_file(self._data, identity.kernel_id or _PROCESS),
            "user": SharedFile(root / "user.json"),
        }
        if identity.notebook is not None:
            files["notebook"] = notebook_file(self._data, identity.notebook, identity.kernel)
        return files

    @property
    def project(self) -> Path:
        """The directory that is built."""
        if self._chosen is not None:
            return self._chosen
        for scope in ("kernel", "notebook"):
            path = self._shared(scope).values.get("path")
            if path is not None:
                return Path(str(path))
        return self._base or Path()

    def for_project(self, project: Path) -> Preferences:
        """Return the same preferences with another project's file among them."""
        return Preferences(
            self.identity,
            project,
            data=self._data,
            configured=self._configured,
            environ=self._environ,
            base=self._base,
        )

    def scopes(self) -> tuple[Scope, ...]:
        """Return where something can be remembered here, the strongest first."""
        return tuple(scope for scope in SCOPES if scope != "notebook" or "notebook" in self._files)

    # Reading

    def layers(self) -> tuple[Layer, ...]:
        """Return all layers but the line's, the weakest first."""
        values, messages = read_values(self._configured, scope="config", where="configuration")
        config = Layer("config", values, None, tuple(messages))
        return (config, *(self._applying(self.layer(scope)) for scope in reversed(SCOPES)))

    def _applying(self, layer: Layer) -> Layer:
        """Leave out what a notebook or a kernel remembers of another project than this one."""
        path = layer.values.get("path")
        if path is None or _real(str(path)) == _real(self.project):
            return layer
        rest = {name: value for name, value in layer.values.items() if name not in PROJECT_BOUND}
        return replace(layer, values=rest)

    def layer(self, scope: str) -> Layer:
        """Return one layer as it is now."""
        if scope != "project":
            return self._shared(scope)
        file = self._project_file()
        raw, faults = file.read()
        base = Path(os.path.abspath(file.project))  # noqa: PTH100 - follows no links
        values, messages = read_values(raw, scope="project", where=str(file.path), base=base)
        return Layer("project", values, file.path, (*faults, *messages))

    def _shared(self, scope: str) -> Layer:
        file = self._files.get(cast("Scope", scope))
        if file is None:
            return Layer(scope, {})
        raw = file.read().get("settings", {})
        where = str(file.path)
        if not isinstance(raw, dict):
            return Layer(scope, {}, file.path, (f"{where} holds no settings and is ignored",))
        values, messages = read_values(raw, scope=scope, where=where)
        return Layer(scope, values, file.path, (*file.messages, *messages))

    def _project_file(self) -> ProjectFile:
        project = self.project
        if self._project is None or self._project.project != project:
            self._project = ProjectFile(project, self._data)
        return self._project

    def effective(self, overrides: Mapping[str, Value | None] | None = None) -> Settings:
        """Return what a build would use.

        Parameters
        ----------
        overrides
            What stands on the line, by field; None and empty values stand for "not given".
        """
        given = {name: value for name, value in (overrides or {}).items() if value}
        return fold_layers((*self.layers(), Layer(COMMAND_LINE, given)))

    def stamp(self) -> tuple[Stamp | None, ...]:
        """Return something that changes whenever any of the files does; cheap to ask."""
        paths = [file.path for file in self._files.values()]
        return tuple(stamp_of(path) for path in (*paths, self._project_file().path))

    # Changing

    def change(self, scope: str, changes: Mapping[str, Value | None]) -> None:
        """Remember settings for a scope, or forget those whose value is None.

        Parameters
        ----------
        scope
            One of `scopes`.
        changes
            Values by field of `Settings`. An empty tuple of caches is remembered as "none", which
            hides those of weaker layers.

        Raises
        ------
        PreferenceError
            If a value is or holds a secret, does not belong to the scope, or nothing can be
            remembered there. Nothing was changed then.
        """
        self._check_scope(scope)
        base = self.project if scope == "project" else Path.cwd()
        plain: dict[str, Plain | None] = {}
        for name, value in changes.items():
            setting = setting_named(name)
            plain[setting.key] = (
                None
                if value is None
                else written(setting, value, scope=scope, base=base, environ=self._environ)
            )
        if scope == "project":
            self._project_file().update(lambda _: plain)
            return
        self._files[cast("Scope", scope)].update(lambda content: self._merged(content, plain))
        if scope == "kernel":
            self._forget_old_kernels()

    def edit(
        self,
        scope: str,
        name: str,
        edit: Callable[[tuple[CacheEntry, ...]], tuple[CacheEntry, ...]],
    ) -> tuple[CacheEntry, ...]:
        """Edit the caches of a scope in place; no other process comes in between.

        Where the scope has no caches of its own, those it takes from weaker layers are edited and
        then remembered there.

        Parameters
        ----------
        scope
            One of `scopes`.
        name
            ``"exports"`` or ``"imports"``.
        edit
            Returns the new caches.

        Raises
        ------
        PreferenceError
            As `change`, and whatever `edit` raises; nothing was changed then.
        """
        self._check_scope(scope)
        setting = setting_named(name)
        base = self.project if scope == "project" else Path.cwd()
        where = self.layer(scope).where
        result: tuple[CacheEntry, ...] = ()

        def edited(raw: Mapping[str, object]) -> dict[str, Plain | None]:
            nonlocal result
            own, _ = read_values(
                {setting.key: raw[setting.key]} if setting.key in raw else {},
                scope=scope,
                where=str(where),
                base=Path(os.path.abspath(base)) if scope == "project" else None,  # noqa: PTH100
            )
            before = own[name] if name in own else getattr(self.beneath(scope), name)
            result = edit(cast("tuple[CacheEntry, ...]", before))
            return {
                setting.key: written(setting, result, scope=scope, base=base, environ=self._environ)
            }

        if scope == "project":
            self._project_file().update(edited)
        else:
            self._files[cast("Scope", scope)].update(
                lambda content: self._merged(content, edited(content.get("settings") or {}))
            )
        return result

    def beneath(self, scope: str) -> Settings:
        """Return what would be in effect without a scope and those stronger than it."""
        weaker = [*reversed(SCOPES)]
        names = ["config", *weaker[: weaker.index(cast("Scope", scope))]]
        return fold_layers(layer for layer in self.layers() if layer.name in names)

    def clear(self, scope: str, names: Iterable[str] | None = None) -> None:
        """Forget settings of a scope: those named by field, or all of them."""
        wanted = [setting.name for setting in SETTINGS] if names is None else names
        self.change(scope, dict.fromkeys(wanted))

    def note(self, key: str, value: object) -> None:
        """Remember something about the notebook (or the kernel) that is no setting."""
        file = self._files.get("notebook") or self._files["kernel"]
        file.update(lambda content: {**content, "notes": {**_notes(content), key: value}})

    def noted(self, key: str) -> object:
        """Return what `note` remembered, or None."""
        file = self._files.get("notebook") or self._files["kernel"]
        return _notes(file.read()).get(key)

    def _merged(self, content: dict[str, Any], plain: Mapping[str, Plain | None]) -> dict[str, Any]:
        settings = content.get("settings")
        merged = {**(settings if isinstance(settings, dict) else {}), **plain}
        about = {"notebook": self.identity.notebook, "kernel": self.identity.kernel}
        return {
            **content,
            "about": {key: value for key, value in about.items() if value},
            "settings": {key: value for key, value in merged.items() if value is not None},
        }

    def _check_scope(self, scope: str) -> None:
        if scope not in SCOPES:
            raise PreferenceError(
                f"nothing can be remembered for {scope!r}",
                hint=f"The scopes are {', '.join(SCOPES)}.",
            )
        if scope not in self.scopes():
            raise PreferenceError(
                "it is not known here which notebook this is",
                hint="Remember it for the kernel, the project or the user.",
            )

    def _forget_old_kernels(self) -> None:
        """Remove the settings of kernels that nobody has touched for a month."""
        own = self._files["kernel"].path
        limit = time.time() - _KERNELS_KEPT
        for path in own.parent.glob("*.json*"):
            stamp = stamp_of(path)
            if stamp is not None and stamp[0] / 1e9 < limit and not path.name.startswith(own.stem):
                path.unlink(missing_ok=True)


def _notes(content: Mapping[str, Any]) -> dict[str, Any]:
    notes = content.get("notes")
    return notes if isinstance(notes, dict) else {}


def _real(path: str | Path) -> str:
    return os.path.realpath(Path(path).expanduser())


def _safe_name(kernel_id: str) -> str:
    """Return an id as a file name: ids as Jupyter makes them stay, others are hashed."""
    if len(kernel_id) <= 64 and all(c.isascii() and (c.isalnum() or c in "-_") for c in kernel_id):
        return kernel_id
    return hashlib.sha256(kernel_id.encode()).hexdigest()[:32]


def kernel_file(data: Path, kernel_id: str) -> SharedFile:
    """Return the file of what a kernel remembers."""
    return SharedFile(data / "preferences" / "kernels" / f"{_safe_name(kernel_id)}.json")


def notebook_file(data: Path, notebook: str, kernel: str | None) -> SharedFile:
    """Return the file of what a notebook remembers with a kernelspec."""
    return SharedFile(data / "preferences" / "notebooks" / f"{notebook_key(notebook, kernel)}.json")


def notebook_key(notebook: str, kernel: str | None) -> str:
    """Return the name under which the settings of a notebook and a kernelspec are kept."""
    return hashlib.sha256(f"{_real(notebook)}\0{kernel or ''}".encode()).hexdigest()[:32]


def effective_settings(
    identity: Identity,
    project: Path | None = None,
    overrides: Mapping[str, Value | None] | None = None,
    *,
    configured: Mapping[str, object] | None = None,
    data: Path | None = None,
    base: Path | None = None,
) -> Settings:
    """Return what a build uses, from all layers and the line.

    Parameters
    ----------
    identity, project, configured, data, base
        As for `Preferences`.
    overrides
        What stands on the line, by field of `Settings`.

    Raises
    ------
    PreferenceError
        If credentials would go to a builder that only the project file names.
    """
    found = Preferences(identity, project, configured=configured, data=data, base=base)
    settings = found.effective(overrides)
    _guard_credentials(settings)
    return settings


def only_given(overrides: Mapping[str, Value | None], configured: Mapping[str, object]) -> Settings:
    """Return what a build uses that takes nothing remembered: its line, and the builder configured.

    Parameters
    ----------
    overrides
        What stands on the line, by field of `Settings`.
    configured
        The user's traitlets configuration.
    """
    builder = configured.get("builder")
    config = Layer("config", {"builder": str(builder)} if builder else {})
    given = {name: value for name, value in overrides.items() if value}
    return fold_layers([config, Layer(COMMAND_LINE, given)])


def _guard_credentials(settings: Settings) -> None:
    """Keep this person's credentials from a builder that only a repository's file names."""
    if settings.provenance.get("builder") != "project":
        return
    entries = (*settings.exports, *settings.imports)
    if settings.inject_aws or any(key in SECRET_OPTIONS for e in entries for key, _ in e.attrs):
        raise PreferenceError(
            f"the project file names the builder {settings.builder}, and your settings would send "
            "credentials to it",
            hint="If you trust it, name it yourself: "
            f"%envd_cache set --builder {settings.builder} --scope notebook",
        )
