"""The exports and the imports: a list of rows, each with the fields of its cache type only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from envd_jupyter.cache.explain import explain
from envd_jupyter.cache.options import options_for, types_for
from envd_jupyter.errors import EnvdJupyterError
from envd_jupyter.notebook.form.checking import availability, placeholder
from envd_jupyter.notebook.form.fields import Field, OptionField, SecretField, option_field
from envd_jupyter.notebook.form.model import CacheFields
from envd_jupyter.notebook.form.stylesheet import note

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from envd_jupyter.cache.check import BuilderFacts
    from envd_jupyter.cache.options import Direction
    from envd_jupyter.notebook.form.checking import Fault, Place
    from envd_jupyter.notebook.form.model import Secrets

__all__ = ["CacheList", "CacheRow"]

_TYPE_WORDS = {
    "registry": "registry",
    "inline": "inline (in the image)",
    "local": "local directory",
    "gha": "GitHub Actions",
    "s3": "S3",
}
#: Options that are shown at once, beside those that are needed; the others unfold.
_SHOWN = frozenset({"mode", "name", "scope", "tag", "prefix"})


class CacheRow:
    """One export or import.

    Parameters
    ----------
    fields
        What it holds at first.
    changed
        Called after each change by the user.
    remove
        Called with the row when it is to go.
    references
        Variables to offer for secrets.
    """

    def __init__(
        self,
        fields: CacheFields,
        changed: Callable[[], None],
        remove: Callable[[CacheRow], None],
        references: Sequence[str],
    ) -> None:
        self.direction = fields.direction
        self._changed = changed
        self._references = references
        self._filling = False
        self.options: dict[str, OptionField] = {}
        self.type = Field(
            widgets.Dropdown(
                description="type",
                options=[(_TYPE_WORDS[name], name) for name in types_for(fields.direction)],
                value=fields.type,
                tooltip=f"Where the cache is {'kept' if fields.direction == 'export' else 'read'}.",
            ),
            self._retype,
        )
        self._main, self._rest = widgets.HBox(), widgets.HBox(layout={"display": "none"})
        for box in (self._main, self._rest):
            box.add_class("ef-grid")
        self._more = widgets.ToggleButton(
            False, description="More options", tooltip="Options that are rarely needed"
        )
        self._more.add_class("ef-quiet")
        self._more.observe(self._unfold, "value")
        self._remove = widgets.Button(
            description="Remove", tooltip=f"Remove this cache {fields.direction}"
        )
        self._remove.add_class("ef-quiet")
        self._remove.on_click(lambda _: remove(self))
        self._said = widgets.HTML("")
        foot = widgets.HBox([self._said, widgets.HBox([self._more, self._remove])])
        foot.add_class("ef-said")
        self.widget = widgets.VBox([self._main, self._rest, foot])
        self.widget.add_class("ef-row")
        self._make_fields()
        self.write(fields)

    def read(self) -> CacheFields:
        """Return what is typed in."""
        values = tuple((name, field.value) for name, field in self.options.items() if field.value)
        return CacheFields(self.direction, self.type.value, values)

    def write(self, fields: CacheFields) -> None:
        """Fill the row."""
        self._filling = True
        try:
            if fields.type != self.type.value:
                self.type.value = fields.type
                self._make_fields()
            for name, field in self.options.items():
                if field.value != fields.get(name):
                    field.value = fields.get(name)
        finally:
            self._filling = False
        if any(self.options[name].widget in self._rest.children for name, _ in fields.values):
            self._more.value = True

    def secrets(self) -> dict[str, str]:
        """Return the secrets typed in, by option."""
        return {name: f.secret for name, f in self.options.items() if f.secret is not None}

    def keep(self, option: str, secret: str) -> None:
        """Keep a secret that came with a line."""
        field = self.options.get(option)
        if isinstance(field, SecretField):
            field.keep(secret)

    def show(
        self,
        faults: Mapping[str, Fault],
        facts: BuilderFacts | None,
        environ: Mapping[str, str],
        *,
        strict: bool,
    ) -> None:
        """Say what is wrong where it is, what can be chosen, and what the row does."""
        fields = self.read()
        self.type.show(faults.get("type"), strict=strict)
        for name, field in self.options.items():
            field.set_available(availability(fields, field.option, facts))
            field.set_placeholder(placeholder(fields, field.option, environ))
            field.show(faults.get(name), strict=strict)
        if any(self.options[n].widget in self._rest.children for n in faults if n in self.options):
            self._more.value = True
        try:
            said = " ".join(explain(fields.entry()))
        except EnvdJupyterError:
            said = ""
        self._said.value = note(said)

    def focus(self, option: str) -> None:
        """Put the keyboard into a field."""
        self.options.get(option, self.type).focus()

    def close(self) -> None:
        """Let go of the widgets."""
        widgets.Widget.close(self.widget)

    def _make_fields(self) -> None:
        rows = options_for(self.type.value, self.direction)
        self.options = {
            option.name: option_field(option, self._edited, self._references) for option in rows
        }
        main = [f for f in self.options.values() if f.option.required or f.option.name in _SHOWN]
        rest = [f for f in self.options.values() if f not in main]
        self._main.children = [self.type.widget, *(field.widget for field in main)]
        self._rest.children = [field.widget for field in rest]
        self._more.layout.display = "" if rest else "none"
        self._more.value = False

    def _retype(self) -> None:
        if self._filling:
            return
        before = self.read_values()
        self._make_fields()
        self._filling = True
        for name, field in self.options.items():
            if before.get(name):
                field.value = before[name]
        self._filling = False
        self._changed()

    def read_values(self) -> dict[str, str]:
        """Return the typed values by option, secrets left out."""
        return {n: f.value for n, f in self.options.items() if f.value and not f.option.secret}

    def _edited(self) -> None:
        if not self._filling:
            self._changed()

    def _unfold(self, change: Any) -> None:
        self._rest.layout.display = "" if change["new"] else "none"
        self._more.description = "Fewer options" if change["new"] else "More options"


class CacheList:
    """All exports, or all imports.

    Parameters
    ----------
    direction
        Which.
    changed
        Called after each change by the user.
    references
        Variables to offer for secrets.
    """

    def __init__(
        self, direction: Direction, changed: Callable[[], None], references: Sequence[str]
    ) -> None:
        self.direction = direction
        self.rows: list[CacheRow] = []
        self._changed = changed
        self._references = references
        self._box = widgets.VBox()
        self.aside = widgets.HBox(layout={"align_items": "center", "flex_flow": "row wrap"})
        add = widgets.Button(
            description=f"Add an {direction}", tooltip=f"One more cache {direction}"
        )
        add.on_click(lambda _: self.add(CacheFields(direction, "registry")))
        foot = widgets.HBox([add, self.aside], layout={"flex_flow": "row wrap"})
        self.widget = widgets.VBox([self._box, foot])

    def read(self) -> tuple[CacheFields, ...]:
        """Return all rows as typed in."""
        return tuple(row.read() for row in self.rows)

    def write(self, rows: Sequence[CacheFields], secrets: Secrets) -> None:
        """Fill the list; rows that are there already are used again."""
        for number, fields in enumerate(rows):
            if number < len(self.rows):
                self.rows[number].write(fields)
            else:
                self.rows.append(self._row(fields))
            for (direction, place, option), secret in secrets.items():
                if (direction, place) == (self.direction, number):
                    self.rows[number].keep(option, secret)
        for row in self.rows[len(rows) :]:
            row.close()
        del self.rows[len(rows) :]
        self._arrange()

    def secrets(self) -> Secrets:
        """Return the secrets typed in, by place."""
        return {
            (self.direction, number, option): secret
            for number, row in enumerate(self.rows)
            for option, secret in row.secrets().items()
        }

    def add(self, fields: CacheFields) -> None:
        """Add a row."""
        self.rows.append(self._row(fields))
        self._arrange()
        self._changed()

    def show(
        self,
        faults: Mapping[Place, Fault],
        facts: BuilderFacts | None,
        environ: Mapping[str, str],
        *,
        strict: bool,
    ) -> None:
        """Say what is wrong in each row."""
        for number, row in enumerate(self.rows):
            own = {
                option: fault
                for (direction, place, option), fault in faults.items()
                if (direction, place) == (self.direction, number)
            }
            row.show(own, facts, environ, strict=strict)

    def _row(self, fields: CacheFields) -> CacheRow:
        return CacheRow(fields, self._changed, self._drop, self._references)

    def _drop(self, row: CacheRow) -> None:
        self.rows.remove(row)
        self._arrange()
        row.close()
        self._changed()

    def _arrange(self) -> None:
        children = [row.widget for row in self.rows]
        if list(self._box.children) != children:
            self._box.children = children
