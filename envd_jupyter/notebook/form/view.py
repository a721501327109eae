"""The form as a person sees it: sections of fields, the line they stand for, and the build.

The widgets hold what is typed in. After every change they are read into a `FormValues`, which is
checked and written out as the line; nothing else is kept. So loading a line, a preset and what is
remembered are all the same thing: writing values into the widgets.
"""

from __future__ import annotations

import asyncio
import dataclasses
import os
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from envd_jupyter.builds.preferences import Preferences, Settings, implied_imports
from envd_jupyter.builds.preferences.saving import is_remembered, remember, request_values
from envd_jupyter.errors import EnvdJupyterError
from envd_jupyter.notebook.form import surroundings
from envd_jupyter.notebook.form.checking import check_form
from envd_jupyter.notebook.form.foot import FormFoot
from envd_jupyter.notebook.form.layout import FormFields
from envd_jupyter.notebook.form.model import (
    FormValues,
    Secrets,
    command_line,
    fields_of,
    fresh_form,
    read_line,
    to_request,
)
from envd_jupyter.notebook.form.presets import preset_named
from envd_jupyter.notebook.form.roundtrip import RoundTrip
from envd_jupyter.notebook.form.running import FormBuild
from envd_jupyter.notebook.form.stylesheet import STYLESHEET, heading
from envd_jupyter.notebook.loop import running_loop
from envd_jupyter.notebook.settingsview import scope_words

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping
    from concurrent.futures import Future

    from envd_jupyter.builds.preferences.values import Value
    from envd_jupyter.builds.result import BuildResult
    from envd_jupyter.builds.view import BuildView
    from envd_jupyter.notebook.form.checking import Fault, Place

__all__ = ["BuildForm"]

_LOOK = 0.5  # seconds between two looks at what is remembered
_PAUSE = 0.4  # seconds without typing before a builder is asked


class BuildForm(widgets.VBox):  # type: ignore[misc]
    """A build put together by clicking.

    Parameters
    ----------
    line
        A line of ``%envd_build`` to begin with; by default what is remembered.
    preferences
        The remembered settings of this kernel; by default found out from IPython.
    environ
        The environment of builds; by default the process's own.
    envd
        The envd program; None for the one that would be used.

    Examples
    --------
    >>> form = BuildForm()  # doctest: +SKIP
    >>> form.apply_preset("Registry, beside the image")  # doctest: +SKIP
    """

    def __init__(
        self,
        line: str | None = None,
        *,
        preferences: Preferences | None = None,
        environ: Mapping[str, str] | None = None,
        envd: str | None = None,
    ) -> None:
        self._environ: Mapping[str, str] = os.environ if environ is None else environ
        self._envd = envd
        self._preferences = (
            preferences if preferences is not None else surroundings.kernel_preferences()
        )
        self._facts: Any = None
        self._saved = Settings()
        self._faults: dict[Place, Fault] = {}
        self._strict = False
        self._filling = True
        self._building: FormBuild | None = None
        self._tasks: set[Future[None]] = set()
        self._asking: Future[None] | None = None
        self._asked: str | None = None
        self._loop = running_loop()
        self.result: BuildResult | None = None
        self._page = RoundTrip()
        self._fields = FormFields(
            self._environ,
            self._changed,
            lambda: self._page.then(self._choose_preset),
            lambda: self._page.then(self._import_exports),
        )
        self._foot = self._make_foot()
        super().__init__(self._sections())
        self.add_class("envd-form")
        self._saved = self._preferences.effective()
        self._stamp = self._preferences.stamp()
        self._clean: FormValues | None = None
        if line is None:
            self._fields.write(self._fresh(), {})
            self._clean = self.values
        else:
            values, secrets = read_line(line, self._in_effect)
            self._fields.write(self._placed(values), secrets)
        self._filling = False
        self._changed()
        self._watch()

    # What it holds

    @property
    def values(self) -> FormValues:
        """What is typed in."""
        return self._fields.values

    @property
    def line(self) -> str:
        """The line of ``%envd_build`` that does the same, secrets masked."""
        values = self.values
        return command_line(values, no_saved=self._adds_saved(values))

    @property
    def problems(self) -> tuple[str, ...]:
        """What is wrong or missing, one sentence each."""
        return tuple(
            f"{place[2]}: {fault.message}"
            for place, fault in self._faults.items()
            if fault.level != "warning"
        )

    def load(self, line: str) -> None:
        """Fill the form from a line of ``%envd_build``, and what is remembered beside it.

        Raises
        ------
        RequestError, CacheSettingError
            If the line cannot be understood; the form is then as it was.
        """
        values, secrets = read_line(line, self._in_effect)
        self._fill(values, secrets)

    def _fresh(self) -> FormValues:
        """Return what is remembered."""
        return self._placed(fresh_form(self._saved))

    def _placed(self, values: FormValues) -> FormValues:
        """Choose the nearest project there is, where none is named."""
        nearest = next(iter(self._fields.projects), "")
        return values if values.project else dataclasses.replace(values, project=nearest)

    def _in_effect(self, flags: Mapping[str, Value | None]) -> Settings:
        path = flags.get("path")
        if not path:
            return self._preferences.effective(flags)
        project = Path(str(path)).expanduser()
        return self._preferences.for_project(project).effective(flags)

    def apply_preset(self, name: str) -> None:
        """Set the caches as a preset has them."""
        self._fill(preset_named(name).apply(self.values), {})

    def _fill(self, values: FormValues, secrets: Secrets) -> None:
        with self._fields.lock:
            self._fields.write(values, secrets)
            self._strict = False
            self._changed()

    def _adds_saved(self, values: FormValues) -> bool:
        """Tell whether what is remembered would add to the line what the form leaves empty."""
        empty = {
            "exports": not values.exports,
            "imports": not values.imports,
            "output": values.output_text() is None,
            "tag": values.tag() is None,
            "builder": not values.builder,
            "platform": not values.platform,
            "inject_aws": not values.inject_aws,
            "use_proxy": not values.use_proxy,
            "from_": not values.from_,
        }
        return any(getattr(self._saved, name) for name, missing in empty.items() if missing)

    # The widgets

    def _make_foot(self) -> FormFoot:
        return FormFoot(
            self._preferences.scopes(),
            line_changed=self._line_changed,
            build=lambda: self._page.then(self.build),
            cancel=self.cancel,
            save=lambda scope: self._page.then(lambda: self.save(scope)),
            reload=lambda: self._page.then(self._reload),
        )

    def _sections(self) -> list[Any]:
        title = heading("Build an environment", title=True)
        return [
            widgets.HTML(f"<style>{STYLESHEET}</style>{title}"),
            *self._fields.sections(),
            *self._foot.sections(),
        ]

    # After a change

    def _changed(self) -> None:
        with self._fields.lock:
            if not self._filling:
                self._look()

    def _look(self) -> None:
        """Check what is typed in, and show what follows from it."""
        values = self.values
        secrets = self._fields.secrets()
        self._faults = check_form(values, secrets, self._environ, self._facts)
        lone = bool(values.exports) and not values.imports and bool(self._implied_rows())
        self._fields.show(values, self._faults, self._facts, strict=self._strict, lone=lone)
        self._show_line()
        if self._asked != values.builder:
            self._ask_builder(values.builder)

    def _show_line(self) -> None:
        line = self.line
        with self._fields.lock:
            self._filling = True
            self._foot.show_line(line)
            self._filling = False

    def _line_changed(self) -> None:
        with self._fields.lock:
            if self._filling:
                return
        text = self._foot.line.control.value
        self._page.then(lambda: self._load_typed(text))

    def _load_typed(self, text: str) -> None:
        try:
            self.load(surroundings.filled_in(text))
        except EnvdJupyterError as error:
            # The text may hold a secret: it goes, and what the form holds comes back.
            self._show_line()
            self._foot.line.say("error", f"Not loaded: {error.message}", error.hint)

    def _choose_preset(self) -> None:
        name = self._fields.preset.control.value
        if not name:
            return
        self.apply_preset(name)
        self._fields.preset.say("note", preset_named(name).help)

    def _implied_rows(self) -> tuple[Any, ...]:
        entries = []
        for row in self._fields.exports.read():
            try:
                entries.append(row.entry())
            except EnvdJupyterError:
                continue
        try:
            return tuple(map(fields_of, implied_imports(entries, self.values.output_text())))
        except EnvdJupyterError:
            return ()

    def _import_exports(self) -> None:
        values = dataclasses.replace(self.values, imports=self._implied_rows())
        secrets: Secrets = {
            ("import", number, option): secret
            for (_, number, option), secret in self._fields.exports.secrets().items()
        }
        self._fill(values, secrets)

    # The builder

    def _ask_builder(self, spec: str) -> None:
        self._asked = spec
        self._facts = None
        if self._asking is not None:
            self._asking.cancel()
        self._fields.builder.say("note", "asking the builder …")
        self._asking = self._spawn(self._describe_builder(spec))
        if self._asking is None:
            self._fields.builder.say("note", "")

    async def _describe_builder(self, spec: str) -> None:
        await asyncio.sleep(_PAUSE)
        known = await asyncio.to_thread(surroundings.contexts, self._envd, self._environ)
        self._fields.offer_builders(known)
        state = await surroundings.describe_builder(spec, self._envd, self._environ)
        if self._asked != spec:
            return
        self._facts = state.facts
        self._changed()
        self._fields.builder.say("ok" if state.ok else "warning", state.text)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> Future[None] | None:
        """Run something in the kernel's loop, whatever thread this is."""
        if self._loop is None or not self._loop.is_running():
            work.close()
            return None
        task = asyncio.run_coroutine_threadsafe(work, self._loop)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # What is remembered

    def save(self, scope: str) -> None:
        """Remember the settings for a scope; what was done, or why not, is shown."""
        if not self._ready():
            return
        try:
            request = to_request(self.values, self._fields.secrets(), self._preferences.identity)
            preferences = self._preferences.for_project(request.project)
            kept = remember(preferences, scope, request_values(request), self._environ)
        except EnvdJupyterError as error:
            self._foot.say("error", f"Not saved: {error.message}", error.hint)
            return
        self._stamp = self._preferences.stamp()
        self._saved = self._preferences.effective()
        self._clean = self.values
        self._changed()
        what = "Saved" if kept else "Nothing new to save"
        self._foot.say(
            "ok", f"{what} for {scope_words(scope)}: a bare `%envd_build` does the same."
        )

    def _watch(self) -> None:
        self._spawn(self._follow_preferences())

    async def _follow_preferences(self) -> None:
        while self.comm is not None:
            await asyncio.sleep(_LOOK)
            stamp = self._preferences.stamp()
            if stamp != self._stamp:
                self._stamp = stamp
                self._saved_elsewhere()

    def _saved_elsewhere(self) -> None:
        """Follow a change made by a magic, the panel or another form; never over typed text."""
        self._saved = self._preferences.effective()
        if self._clean is not None and self._clean == self.values:
            self._reload()
            return
        self._foot.offer_reload(True)
        self._foot.say("warning", "The remembered settings were changed elsewhere.")
        self._show_line()

    def _reload(self) -> None:
        self._foot.offer_reload(False)
        self._saved = self._preferences.effective()
        self._fill(self._fresh(), {})
        self._clean = self.values
        self._foot.say("note", "Filled with what is remembered.")

    # The build

    def build(self) -> None:
        """Build in the background; the form shows it and stays usable."""
        if not self._ready() or self.running:
            return
        try:
            request = to_request(
                self.values, self._fields.secrets(), self._preferences.identity, self._envd
            )
        except EnvdJupyterError as error:
            self._foot.say("error", error.message, error.hint)
            return
        self._foot.running(True)
        self._foot.say("note", "Starting …")
        self._building = FormBuild(request, self._environ, self._paint, self._ended)
        self._building.start()

    def cancel(self) -> None:
        """Cancel the form's build."""
        if self._building is not None and self.running:
            self._foot.can_cancel(False)
            self._foot.say("note", "Cancelling …")
            self._building.cancel()

    def wait(self, timeout: float | None = None) -> BuildResult | None:
        """Wait for the build that was started and return its result."""
        if self._building is not None:
            self._building.wait(timeout)
        return self.result

    @property
    def running(self) -> bool:
        """Whether the form's build is running."""
        return self._foot.build.disabled is True

    def _ready(self) -> bool:
        faults = {place: f for place, f in self._faults.items() if f.level != "warning"}
        if not faults:
            return True
        self._strict = True
        self._changed()
        count = len(faults)
        fields = "one field" if count == 1 else f"{count} fields"
        names = ", ".join(dict.fromkeys(place[2] for place in faults))
        self._foot.say("error", f"{fields.capitalize()} still to be put right: {names}.")
        self._fields.focus(next(iter(faults)))
        return False

    def _paint(self, view: BuildView) -> None:
        from envd_jupyter.notebook.html import render_html

        if view["state"] == "running" and not self._foot.cancel.disabled:
            self._foot.status.value = ""
        self._foot.live.value = render_html(view)

    def _ended(self, result: BuildResult | None, error: EnvdJupyterError | None) -> None:
        from envd_jupyter.notebook.remembering import note_build

        self._foot.running(False)
        self.result = result
        if error is not None:
            self._foot.live.value = ""
            self._foot.say("error", error.message, error.hint)
        elif result is not None and result.ok and self._building is not None:
            request = self._building.request
            note_build(request)
            known = is_remembered(
                request, self._preferences.for_project(request.project).effective()
            )
            more = "" if known else " Save it, and the next `%envd_build` needs no flags."
            self._foot.say("ok", f"Built.{more}")
        else:
            self._foot.say("note", "")

    # Being displayed and going away

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, Any] | None:
        bundle: dict[str, Any] | None = super()._repr_mimebundle_(**kwargs)
        if bundle is not None:
            line = self.line
            bundle["text/plain"] = f"The form of this build (run the cell to see it):\n  {line}"
            bundle["text/html"] = (
                "<div><p>The form of this build. Run the cell to see it; this line does the "
                f"same:</p><pre>{escape(line)}</pre></div>"
            )
        return bundle

    def close(self) -> None:
        """Take the form away; a build it started goes on."""
        for task in tuple(self._tasks):
            task.cancel()
        self._page.close()
        super().close()
