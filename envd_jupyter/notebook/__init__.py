"""What a person sees in a notebook: magics, display, form and preferences.

Imported by ``%load_ext envd_jupyter``, so it is light: what a magic needs is imported by the magic.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

__all__ = ["register", "unregister"]


def register(shell: InteractiveShell) -> None:
    """Add the magics and their completion to a shell."""
    from envd_jupyter.builds.line import build_parser
    from envd_jupyter.notebook import completion
    from envd_jupyter.notebook import history_magics as past
    from envd_jupyter.notebook.cache_magic import CacheMagics, cache_parser, cache_words
    from envd_jupyter.notebook.form.magic import FormMagics, form_parser
    from envd_jupyter.notebook.magics import EnvdMagics

    shell.register_magics(EnvdMagics, CacheMagics, FormMagics, past.HistoryMagics)
    completion.provide_parser("envd_build", build_parser)
    completion.provide_parser("envd_cache", cache_parser)
    completion.provide_words("envd_cache", cache_words)
    completion.provide_parser("envd_form", form_parser)
    completion.provide_parser("envd_attach", past.attach_parser)
    completion.provide_parser("envd_cancel", past.cancel_parser)
    completion.provide_parser("envd_history", past.history_parser)
    completion.provide_parser("envd_replay", past.replay_parser)
    completion.provide_parser("envd_doctor", past.doctor_parser)
    completion.provide_words("envd_attach", past.build_words)
    completion.provide_words("envd_cancel", past.running_words)
    completion.provide_words("envd_history", past.history_words)
    completion.provide_words("envd_replay", past.recording_words)
    completion.install(shell)
    if shell.config.get("EnvdMagics"):
        from envd_jupyter.notebook.settings import tell_configured

        tell_configured(shell)


def unregister(shell: InteractiveShell) -> None:
    """Take the magics and their completion out of a shell again."""
    from envd_jupyter.notebook import completion

    completion.uninstall(shell)
    ours = [one for one in shell.configurables if type(one).__module__.startswith(f"{__name__}.")]
    for magics in ours:
        shell.configurables.remove(magics)
    for kind in shell.magics_manager.magics.values():
        for name in [name for name in kind if name.startswith("envd_")]:
            del kind[name]
