"""The fields of the form and how they lie on the page.

`FormFields` makes the widgets, reads them into a `FormValues` and writes one into them. What
happens after a change is the form's own matter (`envd_jupyter.notebook.form.view`).
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from envd_jupyter.builds.projects import find_functions, find_projects, short_path
from envd_jupyter.notebook.form import surroundings
from envd_jupyter.notebook.form.fields import ChoiceOrText, Field
from envd_jupyter.notebook.form.model import DESTINATIONS, NAMED, PATHS, FormValues
from envd_jupyter.notebook.form.presets import PRESETS
from envd_jupyter.notebook.form.rows import CacheList
from envd_jupyter.notebook.form.stylesheet import heading, note

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from envd_jupyter.cache.check import BuilderFacts
    from envd_jupyter.notebook.form.checking import Fault, Place
    from envd_jupyter.notebook.form.model import Secrets

__all__ = ["FormFields", "action", "grid"]

_STANDARD = "build.envd:build"


def grid(*fields: Field, visible: bool = True) -> Any:
    """Lay fields side by side, in columns that stand below each other."""
    box = widgets.HBox([field.widget for field in fields])
    box.add_class("ef-grid")
    box.layout.display = "" if visible else "none"
    return box


def action(text: str, tooltip: str, act: Callable[[], object], style: str = "") -> Any:
    """Return a button; ``style`` is one of ipywidgets', or ``quiet`` for one that looks a link."""
    kind = "" if style == "quiet" else style
    made = widgets.Button(description=text, tooltip=tooltip, button_style=kind)
    made.on_click(lambda _: act())
    if style == "quiet":
        made.add_class("ef-quiet")
    return made


class FormFields:
    """The fields of a form.

    Attributes
    ----------
    projects
        The projects found here, the nearest first; empty is the working directory itself.
    lock
        Held while the fields are changed, so that no change by a person is taken for one of ours.

    Parameters
    ----------
    environ
        The environment of builds, for names of variables and profiles.
    changed
        Called after each change by the user.
    choose_preset
        Called when an example was chosen.
    import_exports
        Called when the exports are to be imported, too.
    """

    def __init__(
        self,
        environ: Mapping[str, str],
        changed: Callable[[], None],
        choose_preset: Callable[[], None],
        import_exports: Callable[[], None],
    ) -> None:
        self._environ = environ
        self._changed = changed
        self._filling = False
        # Changes come from the kernel's main thread and, where it has subshells, from theirs.
        self.lock = threading.RLock()
        self._make_what()
        self._make_output()
        self._make_caches(import_exports)
        self.preset = Field(
            widgets.Dropdown(
                description="Begin with",
                options=[("choose an example …", ""), *((p.name, p.name) for p in PRESETS)],
                tooltip="Fill in the caches as in an example",
            ),
            choose_preset,
            span="wide",
        )
        self.projects = tuple(map(short_path, find_projects(Path.cwd())))
        self.project.offer([(name or "this directory", name) for name in self.projects])
        self.offer_builders(())
        self._offer_functions()

    def _edited(self) -> None:
        with self.lock:
            if not self._filling:
                self._changed()

    def _make_what(self) -> None:
        self.project = ChoiceOrText(
            "Project",
            "The directory with build.envd",
            "Another directory …",
            "Directory",
            "envs/train",
            self._project_changed,
        )
        self.function = ChoiceOrText(
            "Function",
            "What is built",
            "Another function …",
            "FILE:FUNCTION",
            "build.envd:build",
            self._edited,
        )
        self.builder = ChoiceOrText(
            "Builder",
            "What builds the image: an envd context, or an address",
            "Another address …",
            "Address",
            "unix:///run/buildkit/buildkitd.sock",
            self._edited,
            span="full",
        )

    def _make_output(self) -> None:
        self.image = Field(
            widgets.Text(
                description="Image",
                placeholder="localhost:5000/me/ml:latest",
                tooltip="The name of the image, with the registry it is pushed to",
            ),
            self._edited,
            span="wide",
        )
        self.destination = Field(
            widgets.Dropdown(
                description="Output",
                options=[(words, name) for name, words in DESTINATIONS],
                tooltip="Where the image goes",
            ),
            self._edited,
        )
        self.dest = Field(
            widgets.Text(
                description="To the path",
                placeholder="path/to/image.tar",
                tooltip="The file or directory to write",
            ),
            self._edited,
            span="wide",
        )
        self.output = Field(
            widgets.Text(
                description="--output",
                placeholder="type=image,name=…,push=true,compression=zstd",
                tooltip="As after --output of envd build",
            ),
            self._edited,
            span="full",
        )
        self.platform = Field(
            widgets.Text(
                description="Platform",
                placeholder="the builder's own",
                tooltip="For example linux/amd64,linux/arm64",
            ),
            self._edited,
            span="wide",
        )
        self.force = self._check("Build even if nothing has changed", "--force")
        self.proxy = self._check("Use this machine's proxy inside the build", "--use-proxy")
        self.cached = self._check("Stop if a step has to run again", "--require-cached")

    def _make_caches(self, import_exports: Callable[[], None]) -> None:
        references = surroundings.secret_references(self._environ)
        self.exports = CacheList("export", self._edited, references)
        self.imports = CacheList("import", self._edited, references)
        self.imports.aside.children = [
            widgets.HTML(note("Nothing is imported: the cache is only written.")),
            action("Import it, too", "Read what is written", import_exports, "quiet"),
        ]
        self.aws = Field(
            widgets.Dropdown(
                description="AWS credentials for S3",
                options=surroundings.aws_sources(self._environ),
                tooltip="They are sent to the builder with the build, and stored nowhere",
            ),
            self._edited,
            span="wide",
        )

    def _check(self, text: str, flag: str) -> Any:
        box = widgets.Checkbox(description=text, tooltip=flag, indent=False)
        box.observe(lambda _: self._edited(), "value")
        return box

    def sections(self) -> list[Any]:
        """Return the fields as they lie on the page."""
        checks = widgets.HBox(
            [self.force, self.proxy, self.cached], layout={"flex_flow": "row wrap"}
        )
        self._further = widgets.VBox([grid(self.platform), checks], layout={"display": "none"})
        self._more = widgets.ToggleButton(
            False, description="More build options", tooltip="Platform, force and proxy"
        )
        self._more.add_class("ef-quiet")
        self._more.observe(self._unfold, "value")
        return [
            grid(self.project, self.function, self.preset),
            grid(self.builder),
            grid(self.image, self.destination, self.dest, self.output),
            self._more,
            self._further,
            widgets.HTML(heading("Export the cache to", "as many as you like")),
            self.exports.widget,
            widgets.HTML(heading("Import cache from", "all of them are tried")),
            self.imports.widget,
            grid(self.aws),
        ]

    def _unfold(self, change: Any) -> None:
        self._further.layout.display = "" if change["new"] else "none"
        self._more.description = f"{'Fewer' if change['new'] else 'More'} build options"

    # Choices

    def offer_builders(self, contexts: Sequence[tuple[str, str, bool]]) -> None:
        """Set the envd contexts to choose from: name, URL, and whether it is the current one."""
        current = "".join(f": {name}" for name, _, now in contexts if now)
        self._quietly(
            lambda: self.builder.offer(
                [
                    (f"envd's current context{current}", ""),
                    *((f"{name}  ({url})", name) for name, url, _ in contexts),
                ]
            )
        )

    def _offer_functions(self) -> None:
        names = find_functions(self.project.value) or (_STANDARD,)
        self.function.offer(
            [(name.replace(":", " · "), "" if name == _STANDARD else name) for name in names]
        )

    def _project_changed(self) -> None:
        self._quietly(self._offer_functions)
        self._edited()

    def _quietly(self, act: Callable[[], None]) -> None:
        with self.lock:
            before, self._filling = self._filling, True
            try:
                act()
            finally:
                self._filling = before

    # Values

    @property
    def values(self) -> FormValues:
        """What is typed in."""
        return FormValues(
            project=self.project.value,
            from_=self.function.value,
            builder=self.builder.value,
            image=self.image.value,
            destination=self.destination.control.value,
            dest=self.dest.value,
            output=self.output.value,
            platform=self.platform.value,
            force=self.force.value,
            use_proxy=self.proxy.value,
            require_cached=self.cached.value,
            inject_aws=self.aws.value,
            exports=self.exports.read(),
            imports=self.imports.read(),
        )

    def secrets(self) -> Secrets:
        """Return the secrets typed in; they are in no widget."""
        return {**self.exports.secrets(), **self.imports.secrets()}

    def write(self, values: FormValues, secrets: Secrets) -> None:
        """Fill the fields; nobody is told."""
        self._quietly(lambda: self._write(values, secrets))

    def _write(self, values: FormValues, secrets: Secrets) -> None:
        self.project.value = short_path(values.project)
        self._offer_functions()
        self.function.value = "" if values.from_ == _STANDARD else values.from_
        self.builder.value = values.builder
        self.image.value = values.image
        self.destination.value = values.destination
        self.dest.value = values.dest
        self.output.value = values.output
        self.platform.value = values.platform
        self.force.value = values.force
        self.proxy.value = values.use_proxy
        self.cached.value = values.require_cached
        if any((values.platform, values.force, values.use_proxy, values.require_cached)):
            self._more.value = True
        sources = list(surroundings.aws_sources(self._environ))
        if values.inject_aws not in [value for _, value in sources]:
            sources.append((values.inject_aws, values.inject_aws))
        self.aws.control.options = sources
        self.aws.value = values.inject_aws
        self.exports.write(values.exports, secrets)
        self.imports.write(values.imports, secrets)

    # Saying what is wrong

    def show(
        self,
        values: FormValues,
        faults: Mapping[Place, Fault],
        facts: BuilderFacts | None,
        *,
        strict: bool,
        lone: bool,
    ) -> None:
        """Show the fields these values have, and say what is wrong beside each.

        Parameters
        ----------
        strict
            Whether what is missing is an error by now.
        lone
            Whether there are exports that could be imported, and no import.
        """
        self.image.set_visible(values.destination in NAMED)
        self.dest.set_visible(values.destination in PATHS)
        self.output.set_visible(values.destination == "other")
        for name in ("image", "dest", "output"):
            self._named(name).show(faults.get(("form", 0, name)), strict=strict)
        for rows in (self.exports, self.imports):
            rows.show(faults, facts, self._environ, strict=strict)
        has_s3 = any(row.type == "s3" for row in (*values.exports, *values.imports))
        self.aws.set_visible(has_s3 or bool(values.inject_aws))
        self.imports.aside.layout.display = "" if lone else "none"

    def focus(self, place: Place) -> None:
        """Put the keyboard into a field."""
        kind, number, option = place
        if kind == "form":
            self._named(option).focus()
        else:
            (self.exports if kind == "export" else self.imports).rows[number].focus(option)

    def _named(self, name: str) -> Field:
        field: Field = getattr(self, name)
        return field
