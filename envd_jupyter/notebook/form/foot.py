"""The foot of the form: the line it stands for, what can be done with it, and what came of that.

`FormFoot` makes these widgets and shows things in them. What a button does is the form's own matter
(`envd_jupyter.notebook.form.view`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from envd_jupyter.notebook.form.fields import Field
from envd_jupyter.notebook.form.layout import action, grid
from envd_jupyter.notebook.form.stylesheet import copy_button, message
from envd_jupyter.notebook.settingsview import scope_words

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["FormFoot"]

_LINE_WIDTH = 100  # characters of the line that are seen in one row
_SCOPES = ("notebook", "kernel", "project", "user")


class FormFoot:
    """The line, the buttons, the status and the live build of a form.

    Parameters
    ----------
    scopes
        Where settings can be remembered.
    line_changed, build, cancel, reload
        Called when the line was edited and when a button is pressed.
    save
        Called with the scope to remember the settings for.

    Attributes
    ----------
    line
        The field that holds the line of ``%envd_build``.
    live
        Shows the build.
    """

    def __init__(
        self,
        scopes: Sequence[str],
        *,
        line_changed: Callable[[], None],
        build: Callable[[], None],
        cancel: Callable[[], None],
        save: Callable[[str], None],
        reload: Callable[[], None],
    ) -> None:
        self.line = Field(
            widgets.Textarea(
                description="The same as a line; change it, or paste one, to fill the form",
                rows=3,
                continuous_update=False,
                tooltip="The %envd_build line of this form",
            ),
            line_changed,
            span="full",
        )
        self.line.widget.add_class("ef-line")
        self._copy = widgets.HTML()
        self.build = action("Build", "Build now", build, "primary")
        self.cancel = action("Cancel", "Cancel the build", cancel)
        self.running(False)
        self.scope = widgets.Dropdown(
            description="Remember for",
            options=[(scope_words(scope), scope) for scope in _SCOPES if scope in scopes],
            tooltip="Where these settings are remembered, so that %envd_build needs no flags",
            layout={"width": "auto"},
            style={"description_width": "initial"},
        )
        self.save = action("Save", "Remember these settings", lambda: save(self.scope.value))
        self.status = widgets.HTML("")
        self.elsewhere = action(
            "Load them", "Fill the form with what is remembered", reload, "quiet"
        )
        self.offer_reload(False)
        self.live = widgets.HTML("")

    def sections(self) -> list[Any]:
        """Return the widgets as they stand below each other."""
        line = widgets.VBox([self._copy, grid(self.line)])
        line.add_class("ef-foot")
        actions = [self.build, self.cancel, self.scope, self.save]
        return [
            line,
            widgets.HBox(actions, layout={"flex_flow": "row wrap"}),
            widgets.HBox([self.status, self.elsewhere], layout={"align_items": "center"}),
            self.live,
        ]

    def running(self, running: bool) -> None:
        """Let one build, or cancel the build that runs."""
        self.build.disabled = running
        self.can_cancel(running)

    def can_cancel(self, can: bool) -> None:
        """Let the build be cancelled, or not."""
        self.cancel.disabled = not can
        self.cancel.button_style = "danger" if can else ""

    def offer_reload(self, offered: bool) -> None:
        """Offer to fill the form with what is remembered."""
        self.elsewhere.layout.display = "" if offered else "none"

    def show_line(self, line: str) -> None:
        """Show the line, with a button that copies it."""
        self.line.value = line
        self.line.control.rows = min(2 + len(line) // _LINE_WIDTH, 10)
        self.line.say("note", "")
        copy = copy_button(line)
        if self._copy.value != copy:
            self._copy.value = copy

    def say(self, level: str, text: str, hint: str | None = None) -> None:
        """Say what came of something."""
        self.status.value = message(level, text, hint)
