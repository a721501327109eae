"""``%envd_form``: the form, filled with what is remembered or with the flags of a line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from IPython.core.magic import Magics, line_magic, magics_class, needs_local_scope, no_var_expand

from envd_jupyter.builds.line import HelpWanted, MagicParser, build_parser
from envd_jupyter.notebook.expansion import expand

if TYPE_CHECKING:
    from collections.abc import Mapping

    from IPython.core.interactiveshell import InteractiveShell

    from envd_jupyter.notebook.form.view import BuildForm

__all__ = ["FormMagics", "form_parser"]


def form_parser() -> MagicParser:
    """Return the parser of ``%envd_form``: it takes the flags of ``%envd_build``."""
    parser = build_parser("%envd_form")
    parser.description = (
        "Put a build together by clicking. Flags of %envd_build fill the form; without any it "
        "begins with what is remembered. The form shows the line that does the same."
    )
    parser.epilog = None
    return parser


@magics_class
class FormMagics(Magics):
    """Put a build together by clicking."""

    @no_var_expand
    @needs_local_scope
    @line_magic
    def envd_form(
        self, line: str, local_ns: Mapping[str, object] | None = None
    ) -> BuildForm | None:
        """Show a form for a build, with remote cache."""
        from envd_jupyter.builds.line import split_words
        from envd_jupyter.errors import RequestError
        from envd_jupyter.notebook.settings import preferences_here

        shell: InteractiveShell | None = self.shell
        assert shell is not None
        text = expand(line, {**shell.user_ns, **(local_ns or {})}).strip()
        try:
            form_parser().parse_words(split_words(text, "%envd_form"))
        except HelpWanted as wanted:
            print(wanted)
            return None
        if not hasattr(shell, "kernel"):
            raise RequestError(
                "a form needs a notebook",
                hint="In a terminal, %envd_build --help lists the flags, and Tab completes them.",
            )
        from envd_jupyter.notebook.form.view import BuildForm

        magics = shell.magics_manager.registry.get("EnvdMagics")
        return BuildForm(
            text or None,
            preferences=preferences_here(shell),
            envd=getattr(magics, "envd", None) or None,
        )

    envd_form.__doc__ = f"{envd_form.__doc__}\n\n{form_parser().format_help()}"
