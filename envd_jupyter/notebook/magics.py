"""``%envd_build`` and ``%%envd_build``.

The magic is a thin shell: it turns a line into a `BuildRequest`, has it built, and shows it. What
can be configured are its traits: ``%config EnvdMagics`` lists them.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from IPython.core.magic import (
    line_cell_magic,
    magics_class,
    needs_local_scope,
    no_var_expand,
)
from traitlets import Bool, Enum, List, Unicode

from envd_jupyter.builds.line import PROGRESS, HelpWanted, build_parser, parse_build
from envd_jupyter.notebook.expansion import expand
from envd_jupyter.notebook.shellmagics import ShellMagics

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envd_jupyter.builds.client import Build
    from envd_jupyter.builds.line import BuildArguments
    from envd_jupyter.builds.request import BuildRequest
    from envd_jupyter.builds.result import BuildResult
    from envd_jupyter.notebook.settings import Settings

__all__ = ["EnvdMagics"]


@magics_class
class EnvdMagics(ShellMagics):
    """Build envd environments from a cell."""

    envd = Unicode(
        "",
        help="The envd program. Empty: the one on PATH, or the one installed beside this Python.",
    ).tag(config=True)
    builder = Unicode(
        "",
        help="The builder where neither the line nor a remembered setting names one: an envd "
        "context or an address. Empty: envd's current context.",
    ).tag(config=True)
    output = Unicode(
        "", help="The --output where neither the line nor a remembered setting has one."
    ).tag(config=True)
    export_cache = List(
        Unicode(),
        help="Remote caches to export to, where neither the line nor a remembered setting names "
        "one: type=registry,ref=…,mode=max.",
    ).tag(config=True)
    import_cache = List(Unicode(), help="Remote caches to import from, as export_cache.").tag(
        config=True
    )
    inject_aws = Unicode(
        "", help="AWS credentials to give to s3 caches: env or profile:NAME. Empty: none."
    ).tag(config=True)
    offer = Bool(
        True, help="Offer to remember the cache flags of the first build that succeeds."
    ).tag(config=True)
    progress = Enum(
        PROGRESS,
        default_value="auto",
        help="How a build is shown: auto (live), text (lines as they come) or quiet.",
    ).tag(config=True)

    @no_var_expand
    @needs_local_scope
    @line_cell_magic
    def envd_build(
        self,
        line: str,
        cell: str | None = None,
        local_ns: Mapping[str, object] | None = None,
    ) -> BuildResult | Build | None:
        """Build the environment described by build.envd, live, with remote cache."""
        prog = "%envd_build" if cell is None else "%%envd_build"
        try:
            given = parse_build(expand(line, {**self._shell.user_ns, **(local_ns or {})}), prog)
        except HelpWanted as wanted:
            print(wanted)
            return None
        outcome = self._build(given, cell)
        if given.result is not None and outcome is not None:
            self._shell.user_ns[given.result] = outcome
            return None
        return outcome

    envd_build.__doc__ = f"{envd_build.__doc__}\n\n{build_parser().format_help()}"

    def _build(self, given: BuildArguments, cell: str | None) -> BuildResult | Build | None:
        from envd_jupyter.notebook.following import build_and_wait, build_behind

        request, settings = self._request(given, cell)
        for message in settings.messages:
            print(message)
        if given.dry_run:
            from envd_jupyter.notebook.dryrun import dry_run

            print(dry_run(request, os.environ, settings.remembered()))
            return None
        screen_for = self._screens(given.progress or self.progress)
        if given.background:
            build = build_behind(request, screen_for)
            self._remember(given.save, request)
            return build
        result = build_and_wait(request, screen_for)
        result.raise_for_state()
        self._remember(given.save, request, result)
        return result

    def _remember(
        self, scope: str | None, request: BuildRequest, result: BuildResult | None = None
    ) -> None:
        """Remember the flags of a build where that was asked for, or offer to."""
        from envd_jupyter.notebook import remembering

        remembering.note_build(request)
        if scope is not None:
            print(remembering.save_request(self._shell, request, scope))
        elif result is not None and self.offer:
            offer = remembering.offer_to_remember(result, request, shell=self._shell)
            if offer is not None:
                offer.show()

    def _request(self, given: BuildArguments, cell: str | None) -> tuple[BuildRequest, Settings]:
        from envd_jupyter.builds.asking import given_values, request_from
        from envd_jupyter.builds.folder import data_dir
        from envd_jupyter.notebook.cellproject import cell_project
        from envd_jupyter.notebook.identity import identify
        from envd_jupyter.notebook.settings import effective_settings

        identity = identify(self._shell)
        project = Path(given.path).expanduser() if given.path else None
        from_, source = given.from_, None
        if cell is not None:
            title = Path(identity.notebook).stem if identity.notebook else "cell"
            ours = cell_project(
                cell, path=given.path, from_=given.from_, title=title, data=data_dir()
            )
            project, from_, source = ours.path, ours.from_, ours.source
        settings = effective_settings(
            self._shell,
            identity,
            project,
            {**given_values(given), "path": None, "from_": from_},
            saved=not given.no_saved,
        )
        request = request_from(
            given, settings, identity, project=project, source=source, envd=self.envd or None
        )
        return request, settings
