"""One field of the form: a label, a control, and what is to be said beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from envd_jupyter.cache.environment import is_reference
from envd_jupyter.cache.redaction import MASK
from envd_jupyter.notebook.form.stylesheet import message

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from envd_jupyter.cache.options import Option
    from envd_jupyter.notebook.form.checking import Fault

__all__ = ["ChoiceOrText", "Field", "OptionField", "SecretField", "option_field"]

_OTHER = "\0other"


class Field:
    """A control with a message below it.

    Parameters
    ----------
    control
        The widget that holds the value; its description is the label.
    changed
        Called after each change by the user.
    span
        How many columns it takes: empty for one, ``wide`` for two, ``full`` for all.
    """

    def __init__(self, control: Any, changed: Callable[[], None], *, span: str = "") -> None:
        self.control = control
        self._message = widgets.HTML("")
        self.widget = widgets.VBox([control, self._message])
        self.widget.add_class("ef-field")
        if span:
            self.widget.add_class(f"ef-{span}")
        control.observe(lambda _: changed(), "value")

    @property
    def value(self) -> str:
        """What is typed in or chosen."""
        return str(self.control.value or "").strip()

    @value.setter
    def value(self, text: str) -> None:
        self.control.value = text

    def say(self, level: str, text: str, hint: str | None = None) -> None:
        """Say something below the control, or nothing."""
        said = message(level, text, hint)
        if self._message.value != said:
            self._message.value = said
        (self.widget.add_class if level == "error" else self.widget.remove_class)("ef-wrong")

    def show(self, fault: Fault | None, *, strict: bool = False) -> None:
        """Say what is wrong; what is only missing is an error once one tried to build."""
        if fault is None:
            self.say("note", "")
        elif fault.level == "missing" and not strict:
            self.say("missing", fault.message)
        else:
            level = "error" if fault.level == "missing" else fault.level
            self.say(level, fault.message, fault.hint)

    def set_visible(self, visible: bool) -> None:
        """Show or hide the whole field."""
        self.widget.layout.display = "" if visible else "none"

    def focus(self) -> None:
        """Put the keyboard there."""
        self.control.focus()


class ChoiceOrText(Field):
    """A list to choose from, and a text for what is not in it.

    Parameters
    ----------
    label, tooltip
        As of the control.
    other, what
        How the list names what is not in it, and what that is: the label of the text.
    placeholder
        Shown in the empty text.
    changed
        Called after each change.
    """

    def __init__(
        self,
        label: str,
        tooltip: str,
        other: str,
        what: str,
        placeholder: str,
        changed: Callable[[], None],
        *,
        span: str = "",
    ) -> None:
        self._other = other
        self._filling = False
        self._changed = changed
        control = widgets.Dropdown(description=label, tooltip=tooltip, options=[(other, _OTHER)])
        super().__init__(control, self._choose, span=span)
        self.text = widgets.Text(
            description=what,
            placeholder=placeholder,
            tooltip=f"{label}: {tooltip}",
            layout={"display": "none"},
        )
        self.text.observe(lambda _: self._edited(), "value")
        self.widget.children = [control, self.text, self._message]

    def offer(self, choices: Sequence[tuple[str, str]]) -> None:
        """Set the list: words and values; what is chosen stays."""
        value = self.value
        self._filling = True
        options = [*choices, (self._other, _OTHER)]
        if tuple(options) != tuple(self.control.options):
            self.control.options = options
        self._filling = False
        self.value = value

    @property
    def value(self) -> str:
        """What is chosen or typed in."""
        chosen = self.control.value
        return str(self.text.value).strip() if chosen == _OTHER else str(chosen or "")

    @value.setter
    def value(self, text: str) -> None:
        self._filling = True
        known = [value for _, value in self.control.options]
        if text in known:
            self.control.value = text
        else:
            self.control.value = _OTHER
            self.text.value = text
        self.text.layout.display = "" if self.control.value == _OTHER else "none"
        self._filling = False

    def _choose(self) -> None:
        self.text.layout.display = "" if self.control.value == _OTHER else "none"
        self._edited()

    def _edited(self) -> None:
        if not self._filling:
            self._changed()


class OptionField(Field):
    """An option of a cache: its control is made from the option's row in the table."""

    def __init__(self, option: Option, changed: Callable[[], None]) -> None:
        self.option = option
        super().__init__(_control(option), changed, span="wide" if option.kind in _LONG else "")
        if option.required:
            self.widget.add_class("ef-need")

    @property
    def value(self) -> str:
        """What is typed in or chosen; empty for the default."""
        return super().value

    @value.setter
    def value(self, text: str) -> None:
        if isinstance(self.control, widgets.Dropdown):
            # The default is not offered twice, but a line may have it written out.
            known = [value for _, value in self.control.options]
            if text not in known:
                self.control.options = [*self.control.options, (text, text)]
        self.control.value = text

    def set_available(self, reason: str | None) -> None:
        """Enable the control, or disable it and say why."""
        disabled = reason is not None and not self.value
        if self.control.disabled != disabled:
            self.control.disabled = disabled
        self.control.tooltip = _tooltip(self.option) + (f" Not now: {reason}." if reason else "")

    def set_placeholder(self, text: str) -> None:
        """Say what an empty field stands for."""
        if hasattr(self.control, "placeholder") and self.control.placeholder != text:
            self.control.placeholder = text

    @property
    def secret(self) -> str | None:
        """The secret typed in, where the option is one."""
        return None


class SecretField(OptionField):
    """A secret: the variable that holds it, or the value, which stays in this kernel.

    The value is taken out of the widget as soon as it arrives, so that it is in no saved notebook.

    Parameters
    ----------
    references
        The variables to offer, as ``env:NAME``.
    """

    def __init__(
        self, option: Option, changed: Callable[[], None], references: Sequence[str]
    ) -> None:
        self._secret: str | None = None
        self._masked = False
        self._moving = False
        self._changed = changed
        super().__init__(option, self._named)
        self.control.options = list(references)
        self.password = widgets.Password(
            description="or its value",
            placeholder="kept in this kernel only",
            tooltip=f"{option.name}: kept in this kernel only, never stored",
            continuous_update=False,
        )
        self.password.observe(self._typed, "value")
        self.widget.children = [self.control, self.password, self._message]

    def set_placeholder(self, text: str) -> None:
        """Show what a reference looks like, or where the value comes from anyway."""
        super().set_placeholder(text or "env:NAME")

    @property
    def secret(self) -> str | None:
        """The value typed in; None if a variable is named."""
        return self._secret

    @property
    def value(self) -> str:
        """A reference, or ``***`` for a value that is not shown."""
        if self._secret is not None or self._masked:
            return MASK
        return str(self.control.value or "").strip()

    @value.setter
    def value(self, text: str) -> None:
        self._masked = text == MASK and self._secret is None
        if text != MASK:
            self.keep(None)
        self._set(self.control, "" if text == MASK else text)

    def keep(self, secret: str | None) -> None:
        """Keep a value in the kernel, or forget it."""
        self._secret, self._masked = secret, False
        self.password.placeholder = "••••••••" if secret else "kept in this kernel only"

    def _named(self) -> None:
        if self._moving:
            return
        text = str(self.control.value or "").strip()
        if text and not is_reference(text):
            # Somebody typed the secret where its name belongs: it must not stay in the widget.
            self._set(self.control, "")
            self.keep(text)
        elif text:
            self.keep(None)
        self._changed()

    def _typed(self, change: Any) -> None:
        if self._moving or not change["new"]:
            return
        self.keep(str(change["new"]))
        self._set(self.password, "")
        self._set(self.control, "")
        self._changed()

    def _set(self, control: Any, text: str) -> None:
        self._moving = True
        try:
            control.value = text
        finally:
            self._moving = False


_LONG = frozenset({"reference", "path", "url", "digest"})


def option_field(
    option: Option, changed: Callable[[], None], references: Sequence[str]
) -> OptionField:
    """Return the field of an option."""
    if option.secret:
        return SecretField(option, changed, references)
    return OptionField(option, changed)


def _tooltip(option: Option) -> str:
    since = f" Since BuildKit {option.since}." if option.since else ""
    return f"{option.help}{since}"


def _control(option: Option) -> Any:
    common = {"description": option.name, "tooltip": _tooltip(option)}
    if option.secret:
        return widgets.Combobox(
            placeholder="env:NAME", ensure_option=False, continuous_update=False, **common
        )
    if option.kind in ("choice", "flag"):
        values = option.values or ("true", "false")
        first = f"{option.default} (default)" if option.default else "default"
        choices = [(first, ""), *((value, value) for value in values if value != option.default)]
        return widgets.Dropdown(options=choices, value="", **common)
    return widgets.Text(placeholder=option.default or "", **common)
