"""From a line and what is remembered to the build that is asked for.

The magics, the form and the server read the same flags and fill what they leave open from the same
layers; here the two become one `BuildRequest`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from envd_jupyter.builds.request import BuildRequest
from envd_jupyter.cache.entry import parse_cache_entry

if TYPE_CHECKING:
    from envd_jupyter.builds.line import BuildArguments
    from envd_jupyter.builds.preferences import Identity, Settings
    from envd_jupyter.builds.preferences.values import Value

__all__ = ["given_values", "request_from"]

_FUNCTION = "build.envd:build"


def given_values(given: BuildArguments) -> dict[str, Value | None]:
    """Return what stands on a line, by field of `Settings`; empty where it says nothing.

    Raises
    ------
    CacheSettingError
        If a cache on the line cannot work.
    """
    return {
        "path": given.path,
        "from_": given.from_,
        "builder": given.builder,
        "tag": given.tag,
        "output": given.output,
        "platform": given.platform,
        "use_proxy": given.use_proxy,
        "inject_aws": given.inject_aws,
        "exports": tuple(parse_cache_entry(text, "export") for text in given.export_cache),
        "imports": tuple(parse_cache_entry(text, "import") for text in given.import_cache),
    }


def request_from(
    given: BuildArguments,
    settings: Settings,
    identity: Identity,
    *,
    project: Path | None = None,
    source: str | None = None,
    envd: str | None = None,
) -> BuildRequest:
    """Return the build that is asked for.

    Parameters
    ----------
    given
        The line: flags that are never remembered are taken from here.
    settings
        The line and what is remembered, folded together.
    identity
        The notebook and the kernel, for templates and the history.
    project
        The directory that is built; None for the remembered one, or the working directory.
    source
        The text of ``build.envd`` where it stands in no file.
    envd
        The envd program; None for the one that would be used.
    """
    return BuildRequest(
        project=project or Path(settings.path or "."),
        from_=settings.from_ or _FUNCTION,
        tag=settings.tag,
        output=settings.output,
        platform=settings.platform,
        force=given.force,
        use_proxy=settings.use_proxy,
        exports=settings.exports,
        imports=settings.imports,
        builder=settings.builder,
        source=source,
        notebook=identity.notebook,
        kernel=identity.kernel,
        inject_aws=settings.inject_aws,
        envd=envd,
        require_cached=given.require_cached,
    )
