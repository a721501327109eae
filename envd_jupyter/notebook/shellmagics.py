"""What the magics have in common: their shell, and where in it a build is painted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from IPython.core.magic import Magics

if TYPE_CHECKING:
    from collections.abc import Callable

    from IPython.core.interactiveshell import InteractiveShell

    from envd_jupyter.builds.client import Build
    from envd_jupyter.notebook.display import Screen

__all__ = ["ShellMagics"]


class ShellMagics(Magics):
    """Magics that are registered with a shell."""

    @property
    def _shell(self) -> InteractiveShell:
        assert self.shell is not None
        return self.shell

    def _screens(self, progress: str) -> Callable[[Build], Screen]:
        """Return what chooses a new place to paint for each build that is shown."""
        from envd_jupyter.notebook.display import choose_screen, new_display_id

        def screen_for(build: Build) -> Screen:
            return choose_screen(self._shell, progress, new_display_id(build.id))

        return screen_for
