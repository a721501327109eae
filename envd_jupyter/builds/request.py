"""What is asked for, and what is made of it before anything starts.

A `BuildRequest` is what the magics, the form and the server hand in. `prepare` turns it into a
`PreparedBuild`: paths found, templates expanded, credentials filled in, every setting checked. All
that can be known to be wrong without a builder is raised here, in the caller's process.
"""

from __future__ import annotations

import dataclasses
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, overload

from envd_jupyter.builds.output import Output, parse_output
from envd_jupyter.errors import CacheSettingError, RequestError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from envd_jupyter.cache.check import BuilderFacts
    from envd_jupyter.cache.entry import CacheEntry
    from envd_jupyter.cache.options import Direction

__all__ = ["BuildRequest", "PreparedBuild", "check_caches", "prepare"]

_PLATFORM = re.compile(r"[a-z0-9_-]+(?:/[a-z0-9_-]+){0,2}")
_FUNCTION = re.compile(r"[A-Za-z_]\w*")
_TAG = re.compile(
    r"(?:(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*"
    r"|\[[0-9a-fA-F:]+\])(?::\d+)?/)?"
    r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*"
    r"(?::[\w][\w.-]{0,127})?(?:@sha256:[0-9a-f]{64})?"
)


class _Folder:
    """A field that takes a path as text, too, and holds a `Path`."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    @overload
    def __get__(self, request: None, owner: type) -> _Folder: ...

    @overload
    def __get__(self, request: object, owner: type) -> Path: ...

    def __get__(self, request: object | None, owner: type) -> Path | _Folder:
        if request is None:  # dataclasses ask for a default
            raise AttributeError(self._name)
        path: Path = vars(request)[self._name]
        return path

    def __set__(self, request: object, value: str | os.PathLike[str]) -> None:
        vars(request)[self._name] = Path(value)


class _Texts:
    """A field that takes one text for a tuple of one, and holds a tuple."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, request: object | None, owner: type) -> tuple[str, ...]:
        return () if request is None else vars(request)[self._name]

    def __set__(self, request: object, values: Iterable[str]) -> None:
        vars(request)[self._name] = (values,) if isinstance(values, str) else tuple(values)


class _Caches:
    """A field that takes caches as text, too, and holds a tuple of `CacheEntry`."""

    def __init__(self, direction: Direction) -> None:
        self._direction = direction

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, request: object | None, owner: type) -> tuple[CacheEntry, ...]:
        return () if request is None else vars(request)[self._name]

    def __set__(self, request: object, values: Iterable[CacheEntry | str]) -> None:
        from envd_jupyter.cache.entry import parse_cache_entry

        if isinstance(values, str):  # its letters would be taken one by one
            values = (values,)
        vars(request)[self._name] = tuple(
            parse_cache_entry(value, self._direction) if isinstance(value, str) else value
            for value in values
        )


@dataclass(frozen=True)
class BuildRequest:
    """A build as asked for; the fields are the flags of ``envd build`` and a few of ours.

    Attributes
    ----------
    project
        The directory with ``build.envd`` (``--path``).
    from_
        File and function, ``FILE:FUNCTION`` (``--from``); the file is found from ``project``.
    tag, output, platform, force, use_proxy
        As envd's flags of these names. ``platform`` holds one name each.
    exports, imports
        Any number of remote caches (``--export-cache``, ``--import-cache``), as text or as
        `CacheEntry`: templates not expanded, nothing filled in.
    builder
        A builder's URL, the name of one of the user's envd contexts, or None for the current one.
    source
        The text of ``build.envd`` where there is no such file (``%%envd_build``).
    notebook, kernel
        The notebook's path and the kernelspec's name, for templates and the history.
    inject_aws
        ``"env"`` or ``"profile:NAME"``: send these AWS credentials along with s3 caches.
    envd
        The envd program; by default the one on ``PATH`` or beside the running Python.
    extra
        Further arguments for ``envd build``, passed on as they are.
    require_cached
        Stop the build as soon as a step runs that does not come from a cache.

    Raises
    ------
    CacheSettingError
        If a cache given as text is wrong.

    Examples
    --------
    >>> cache = "type=registry,ref=localhost:5000/me/cache"
    >>> request = BuildRequest("train", exports=[f"{cache},mode=max"], imports=[cache])
    >>> request.exports[0].get("mode")
    'max'
    """

    project: _Folder = _Folder()
    from_: str = "build.envd:build"
    tag: str | None = None
    output: str | None = None
    platform: _Texts = _Texts()
    force: bool = False
    use_proxy: bool = False
    exports: _Caches = _Caches("export")
    imports: _Caches = _Caches("import")
    builder: str | None = None
    source: str | None = None
    notebook: str | None = None
    kernel: str | None = None
    inject_aws: str | None = None
    envd: str | None = None
    extra: _Texts = _Texts()
    require_cached: bool = False


@dataclass(frozen=True)
class PreparedBuild:
    """A build ready to start. It holds secrets: it is never logged, stored or put in an argv.

    Attributes
    ----------
    request
        What was asked for.
    envd
        The envd program to run.
    project
        The project, absolute.
    builder
        The builder's URL.
    exports, imports
        The remote caches with templates expanded and values filled in.
    image
        The image's name as far as it is known before the build.
    notes
        What the reader should know although the build can start: ``(message, hint)``.
    needs_facts
        Whether it depends on the builder's version if this can work.
    """

    request: BuildRequest
    envd: str
    project: Path
    builder: str
    output: Output | None
    exports: tuple[CacheEntry, ...]
    imports: tuple[CacheEntry, ...]
    image: str | None
    notes: tuple[tuple[str, str | None], ...] = ()
    needs_facts: bool = False
    values: Mapping[str, str] = field(default_factory=dict)

    @property
    def docker(self) -> bool:
        """Whether a Docker Engine builds, rather than a BuildKit of its own."""
        return self.builder.startswith("docker:") or self.builder.startswith("docker+")

    def asked(self) -> dict[str, Any]:
        """Return as JSON what was asked for, so that it can be asked again from anywhere.

        Paths are absolute, templates stay, and secrets are masked but for references to variables.
        """
        request = self.request
        return {
            "path": str(self.project),
            "from": request.from_,
            "tag": request.tag,
            "output": self.output.to_csv() if self.output else None,
            "platform": list(request.platform),
            "force": request.force,
            "use_proxy": request.use_proxy,
            "export_cache": [_asked(entry) for entry in request.exports],
            "import_cache": [_asked(entry) for entry in request.imports],
            "builder": request.builder,
            "inject_aws": request.inject_aws,
            "require_cached": request.require_cached,
            "from_cell": request.source is not None,
        }

    def envd_arguments(self) -> list[str]:
        """Return the arguments of the envd program but for ``--from`` and the staged cache.

        Remote caches are not among them: the relay puts them into envd's requests.
        """
        request = self.request
        arguments = ["build", "--path", str(self.project)]
        if request.tag:
            arguments += ["--tag", request.tag]
        if self.output is not None:
            arguments += ["--output", self.output.to_csv()]
        if request.platform:
            arguments += ["--platform", ",".join(request.platform)]
        if request.use_proxy:
            arguments.append("--use-proxy")
        # envd skips a project whose files are unchanged, and would export no cache then (1.3.6).
        if request.force or self.exports:
            arguments.append("--force")
        return [*arguments, *request.extra]


def prepare(request: BuildRequest, environ: Mapping[str, str]) -> PreparedBuild:
    """Check a request and fill in what it leaves open.

    Parameters
    ----------
    request
        What is asked for.
    environ
        The environment of the build, for credentials and the envd program.

    Raises
    ------
    RequestError
        If the project, file, function, output, platform or tag cannot work.
    CacheSettingError
        If a remote cache cannot work as written.
    EnvdNotFound, BuilderAddressError
        If there is no envd, or no such builder.
    """
    from envd_jupyter.builds.contexts import builder_url, find_envd

    project = _project(request)
    _check_source(request, project)
    _check_names(request, project)
    output = parse_output(request.output, base=Path.cwd()) if request.output else None
    envd = find_envd(request.envd, environ)
    builder = builder_url(request.builder, envd, environ)
    prepared = PreparedBuild(
        request=request,
        envd=envd,
        project=project,
        builder=builder,
        output=output,
        exports=(),
        imports=(),
        image=_image(request, output, project),
    )
    return _with_caches(prepared, environ) if request.exports or request.imports else prepared


def check_caches(
    prepared: PreparedBuild, facts: BuilderFacts | None, environ: Mapping[str, str]
) -> PreparedBuild:
    """Check the caches together, with what is known of the builder; the warnings become notes.

    Raises
    ------
    CacheSettingError
        For the first thing that cannot work.
    """
    from envd_jupyter.cache.check import check_entries

    output = prepared.output.to_csv() if prepared.output else None
    problems = check_entries(
        list(prepared.exports),
        list(prepared.imports),
        output=output,
        builder=facts,
        environ=environ,
    )
    for problem in problems:
        if problem.level == "error":
            raise CacheSettingError(problem.message, option=problem.option, hint=problem.hint)
    notes = dict(prepared.notes)
    notes.update({p.message: p.hint for p in problems if p.level == "warning"})
    return dataclasses.replace(prepared, notes=tuple(notes.items()))


def _with_caches(prepared: PreparedBuild, environ: Mapping[str, str]) -> PreparedBuild:
    from envd_jupyter.builds.credentials import with_aws
    from envd_jupyter.cache.environment import fill_from_environment
    from envd_jupyter.cache.template import expand_all, template_values

    request = prepared.request
    values = template_values(prepared.project, request.notebook, request.kernel)

    def filled(entries: Sequence[CacheEntry]) -> tuple[CacheEntry, ...]:
        complete = (fill_from_environment(e, environ) for e in expand_all(entries, values))
        absolute = (_absolute(entry) for entry in complete)
        return tuple(with_aws(entry, request.inject_aws, environ) for entry in absolute)

    prepared = dataclasses.replace(
        prepared,
        exports=filled(request.exports),
        imports=filled(request.imports),
        values=values,
    )
    prepared = check_caches(prepared, None, environ)
    return dataclasses.replace(prepared, needs_facts=True)


def _absolute(entry: CacheEntry) -> CacheEntry:
    """Return a cache whose paths, if it has any, do not depend on the working directory."""
    if entry.type != "local":
        return entry
    attrs = tuple(
        (key, str(Path(value).expanduser().absolute()) if key in ("src", "dest") else value)
        for key, value in entry.attrs
    )
    return dataclasses.replace(entry, attrs=attrs)


def _asked(entry: CacheEntry) -> str:
    from envd_jupyter.cache.environment import is_reference

    named = {key: value for key, value in entry.attrs if is_reference(value)}
    return _absolute(entry).redacted().with_attrs(named).to_csv()


def _project(request: BuildRequest) -> Path:
    project = Path(request.project).expanduser()
    if not project.is_dir():
        raise RequestError(
            f"the project {str(project)!r} is not a directory",
            hint="Name the directory that holds build.envd with --path.",
        )
    # Not resolved: envd names the image after the last part of the path as it is given.
    return Path(os.path.abspath(project))  # noqa: PTH100 - takes ".." out, follows no links


def _check_source(request: BuildRequest, project: Path) -> None:
    name, colon, function = request.from_.rpartition(":")
    if not colon:
        name, function = request.from_, "build"
    if not name or not _FUNCTION.fullmatch(function):
        raise RequestError(
            f"--from {request.from_!r} is not FILE:FUNCTION",
            hint="For example --from build.envd:build.",
        )
    source = request.source
    if source is None:
        file = project / name
        try:
            source = file.read_text(encoding="utf-8")
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            raise RequestError(
                f"there is no file {name!r} in {project}",
                hint="Name the directory with --path, or the file with --from FILE:FUNCTION.",
            ) from None
        except UnicodeDecodeError:
            raise RequestError(f"{name!r} is not UTF-8 text") from None
    defined = re.findall(r"^def\s+(\w+)\s*\(", source, re.MULTILINE)
    if function not in defined and not re.search(rf"\b{function}\b", source):
        known = f"It defines {', '.join(defined)}." if defined else "It defines no function."
        raise RequestError(
            f"{name!r} does not define the function {function!r}",
            hint=f"{known} Choose one with --from {name}:FUNCTION.",
        )


def _name_of(project: Path) -> str:
    """Return the name that envd (1.3.6) makes of the directory for an image without a tag."""
    return project.name.lower().replace(" ", "")


def _check_names(request: BuildRequest, project: Path) -> None:
    if request.tag is None and not _TAG.fullmatch(_name_of(project)):
        raise RequestError(
            f"envd names an image after its directory, and {project.name!r} is no name for one",
            hint="Name it with --tag, for example --tag train:dev, also where --output has a name.",
        )
    if request.tag is not None and not _TAG.fullmatch(request.tag):
        raise RequestError(
            f"the tag {request.tag!r} is not an image name",
            hint="Write NAME:TAG in lower case, for example registry.example.com/me/ml:dev.",
        )
    for platform in request.platform:
        if not _PLATFORM.fullmatch(platform):
            raise RequestError(
                f"the platform {platform!r} is not OS/ARCHITECTURE",
                hint="For example --platform linux/amd64,linux/arm64.",
            )
    if request.inject_aws is not None and not re.fullmatch(r"env|profile:.+", request.inject_aws):
        raise RequestError(
            f"AWS credentials from {request.inject_aws!r} are not known",
            hint='Use "env" or "profile:NAME".',
        )


def _image(request: BuildRequest, output: Output | None, project: Path) -> str | None:
    if output is not None and output.get("name"):
        return output.get("name")
    if output is not None and output.type in ("local", "tar"):
        return None
    return request.tag or f"{_name_of(project)}:dev"
