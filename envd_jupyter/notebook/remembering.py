"""After a build: remembering its flags, and offering to.

The first successful build with cache flags offers to remember them, so that the next one needs
none. The offer has buttons where there is a front-end for them, and is the same as a line to run
everywhere else. It asks once: when the next cell runs, only the line is left.
"""

from __future__ import annotations

import os
from html import escape
from typing import TYPE_CHECKING

from envd_jupyter.builds.preferences.saving import is_remembered, remember, request_values
from envd_jupyter.errors import EnvdJupyterError, PreferenceError

if TYPE_CHECKING:
    from typing import Any

    from IPython.core.interactiveshell import InteractiveShell

    from envd_jupyter.builds.preferences import Preferences
    from envd_jupyter.builds.preferences.values import Value
    from envd_jupyter.builds.request import BuildRequest
    from envd_jupyter.builds.result import BuildResult

__all__ = ["Offer", "last_build_values", "note_build", "offer_to_remember", "save_request"]

_OFFER_NOTE = "offer"
_DECLINED = "declined"

_last: BuildRequest | None = None
_offered: set[str] = set()


def note_build(request: BuildRequest) -> None:
    """Keep the request of a build that succeeded, for ``%envd_cache from-last-build``."""
    global _last
    _last = request


def save_request(shell: InteractiveShell, request: BuildRequest, scope: str) -> str:
    """Remember a request for a scope (``--save SCOPE``) and return a sentence that says so.

    Raises
    ------
    PreferenceError
        If it cannot be remembered, with the reason and the way out.
    """
    from envd_jupyter.notebook.settings import preferences_here
    from envd_jupyter.notebook.settingsview import scope_words

    kept = remember(preferences_here(shell, request.project), scope, request_values(request))
    if not kept:
        return f"Nothing new to remember for {scope_words(scope)}."
    return f"Remembered for {scope_words(scope)}: the next %envd_build needs no flags."


def last_build_values(preferences: Preferences) -> dict[str, Value]:
    """Return what the last build of this kernel was asked with; else that of the history.

    Raises
    ------
    PreferenceError
        If there is none, or its secrets are not known any more.
    """
    return request_values(_last) if _last is not None else _recorded_values(preferences)


def _recorded_values(preferences: Preferences) -> dict[str, Value]:
    from envd_jupyter.builds.record import History
    from envd_jupyter.cache.entry import parse_cache_entry
    from envd_jupyter.cache.redaction import MASK

    identity = preferences.identity
    for record in History().list(state="succeeded", limit=200):
        same = record.notebook == identity.notebook if identity.notebook else True
        if not same or not (record.exports or record.imports):
            continue
        if any(MASK in text for text in (*record.exports, *record.imports)):
            raise PreferenceError(
                f"the last build ({record.id}) was given secrets, which are recorded nowhere",
                hint="Set the caches again, with env:NAME for each secret.",
            )
        values: dict[str, Value] = {
            "exports": tuple(parse_cache_entry(text, "export") for text in record.exports),
            "imports": tuple(parse_cache_entry(text, "import") for text in record.imports),
        }
        return {name: value for name, value in values.items() if value}
    raise PreferenceError(
        "there is no build with cache flags to take the settings from",
        hint="Build once with --export-cache, or use %envd_cache set.",
    )


def offer_to_remember(
    result: BuildResult, request: BuildRequest, *, shell: InteractiveShell
) -> Offer | None:
    """Return an offer to remember the flags of a build, to be displayed; None if there is no need.

    Parameters
    ----------
    result, request
        The build, ended.
    shell
        The shell it ran in.
    """
    from envd_jupyter.notebook.settings import preferences_here

    if not result.ok or not (request.exports or request.imports):
        return None
    try:
        preferences = preferences_here(shell, request.project)
        identity = preferences.identity
        key = identity.notebook or identity.kernel_id or ""
        if key in _offered or preferences.noted(_OFFER_NOTE) == _DECLINED:
            return None
        if is_remembered(request, preferences.effective()):
            return None
    except EnvdJupyterError:
        return None
    _offered.add(key)
    return Offer(shell, preferences, request_values(request))


class Offer:
    """The question whether the flags of a build are to be remembered, and its answer.

    Parameters
    ----------
    shell
        The shell of the cell that shows it.
    preferences
        Where they would be remembered.
    values
        What would be.
    """

    def __init__(
        self, shell: InteractiveShell, preferences: Preferences, values: dict[str, Value]
    ) -> None:
        self._shell = shell
        self._preferences = preferences
        self._values = values
        self._display_id: str | None = None
        self.answer: str | None = None

    @property
    def scope(self) -> str:
        """Where it is best remembered: for the notebook, if it is known which one this is."""
        return "notebook" if "notebook" in self._preferences.scopes() else "kernel"

    @property
    def line(self) -> str:
        """The line that does the same as the first button."""
        return f"%envd_cache from-last-build --scope {self.scope}"

    def show(self) -> None:
        """Display the offer below the build."""
        if not hasattr(self._shell, "kernel"):
            print(repr(self))
            return
        self._display_id = f"envd-offer-{os.urandom(4).hex()}"
        self._publish(self._bundle(self._buttons()), update=False)
        self._shell.events.register("pre_run_cell", self._expire)

    def remember(self, scope: str) -> None:
        """Remember the flags for a scope."""
        from envd_jupyter.notebook.settingsview import scope_words

        try:
            remember(self._preferences, scope, self._values)
        except EnvdJupyterError as error:
            self._close(f"Not remembered: {error.message}. {error.hint or ''}".rstrip())
            return
        self._close(
            f"Remembered for {scope_words(scope)}: the next %envd_build needs no flags. "
            "%envd_cache shows and changes what is remembered."
        )

    def decline(self) -> None:
        """Do not remember, and do not ask again in this notebook."""
        self._preferences.note(_OFFER_NOTE, _DECLINED)
        self._close(f"Not remembered. {self.line} does it later.")

    def __repr__(self) -> str:
        return self.answer or (
            f"Remember these settings, so that the next %envd_build needs no flags? {self.line}"
        )

    def _repr_html_(self) -> str:
        text = escape(repr(self)).replace(self.line, f"<code>{self.line}</code>")
        return f'<div style="font-size:13px;opacity:.85;margin:2px 0">{text}</div>'

    def _bundle(self, buttons: Any = None) -> dict[str, object]:
        bundle: dict[str, object] = {"text/plain": repr(self), "text/html": self._repr_html_()}
        if buttons is not None:
            bundle["application/vnd.jupyter.widget-view+json"] = {
                "version_major": 2,
                "version_minor": 0,
                "model_id": buttons.model_id,
            }
        return bundle

    def _buttons(self) -> Any:
        import ipywidgets as widgets

        def button(text: str, tooltip: str, act: Any, style: str = "") -> Any:
            made = widgets.Button(
                description=text, tooltip=tooltip, button_style=style, layout={"width": "auto"}
            )
            made.on_click(lambda _: act())
            return made

        row = [widgets.Label("Remember these settings, so that the next %envd_build needs none?")]
        if self.scope == "notebook":
            tip = "Also after a restart of the kernel, and tomorrow"
            row.append(button("This notebook", tip, lambda: self.remember("notebook"), "primary"))
        row.append(
            button("This kernel", "Until the kernel is shut down", lambda: self.remember("kernel"))
        )
        row.append(button("No", "And do not ask again in this notebook", self.decline))
        self._box = widgets.HBox(row, layout={"flex_flow": "row wrap", "align_items": "center"})
        return self._box

    def _expire(self, *_: object) -> None:
        """Leave the line only, once the notebook has gone on."""
        self._close(None)

    def _close(self, answer: str | None) -> None:
        self.answer = answer
        if self._display_id is None:
            return
        self._shell.events.unregister("pre_run_cell", self._expire)
        self._publish(self._bundle(), update=True)
        self._display_id = None
        for widget in (*self._box.children, self._box):
            widget.close()

    def _publish(self, data: dict[str, object], *, update: bool) -> None:
        self._shell.display_pub.publish(
            data=data, metadata={}, transient={"display_id": self._display_id}, update=update
        )
