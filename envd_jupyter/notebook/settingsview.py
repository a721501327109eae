"""What ``%envd_cache`` shows: each setting, what it means, and where it comes from."""

from __future__ import annotations

import dataclasses
import os
from html import escape
from typing import TYPE_CHECKING

from envd_jupyter.builds.markup import frame
from envd_jupyter.builds.preferences import IMPLIED, SCOPES
from envd_jupyter.builds.preferences.values import SETTINGS, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envd_jupyter.builds.preferences import Preferences

__all__ = ["Row", "SettingsView", "scope_words"]


@dataclasses.dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    Attributes
    ----------
    key
        The flag it stands for.
    label
        What ``remove`` calls it: ``e1`` for the first export.
    value
        Its value, secrets masked.
    origin
        The layer it comes from, as stored.
    said
        What it does, in plain words.
    """

    key: str
    label: str
    value: str
    origin: str
    said: str = ""


def scope_words(name: str) -> str:
    """Return a layer as one says it in a sentence."""
    return {
        "kernel": "this kernel",
        "notebook": "this notebook",
        "project": "the project",
        "user": "you, everywhere",
        "config": "your IPython configuration",
    }.get(name, name)


class SettingsView:
    """The settings in effect, as they were when this was made.

    Parameters
    ----------
    preferences
        Where they are remembered.
    said
        A sentence to begin with: what was just changed.
    """

    def __init__(self, preferences: Preferences, said: str | None = None) -> None:
        self.said = said
        self.settings = preferences.effective()
        self.rows = tuple(self._rows())
        where = {layer.name: layer.where for layer in preferences.layers() if layer.values}
        self.files: dict[str, str] = {
            name: _tilde(str(path)) for name, path in where.items() if path and name in SCOPES
        }
        identity = preferences.identity
        self.notebook, self.kernel = identity.notebook, identity.kernel

    def _rows(self) -> Iterator[Row]:
        from envd_jupyter.cache.explain import explain

        for setting in SETTINGS:
            origin = self.settings.provenance.get(setting.name)
            if origin is None:
                continue
            value = getattr(self.settings, setting.name)
            if setting.kind in ("exports", "imports"):
                letter = setting.kind[0]
                for number, entry in enumerate(value, 1):
                    visible = shown(entry)
                    said = " ".join(explain(visible))
                    yield Row(setting.key, f"{letter}{number}", visible.to_csv(), origin, said)
                if not value:
                    yield Row(setting.key, "", "none", origin)
            else:
                text = ",".join(value) if setting.kind == "texts" else str(value)
                yield Row(setting.key, "", text, origin)

    def to_json(self) -> dict[str, object]:
        """Return the settings as JSON, secrets masked."""
        return self.settings.to_json()

    def __repr__(self) -> str:
        lines = [self.said, ""] if self.said else []
        lines += [f"! {message}" for message in self.settings.messages]
        if not self.rows:
            return "\n".join([*lines, *_EMPTY])
        for row in self.rows:
            label = f"{row.label}  " if row.label else "    "
            lines.append(f"{row.key:<13} {label}{row.value}")
            if row.said:
                lines.append(f"{'':<13}     {row.said}")
            lines.append(f"{'':<13}     from: {self._origin(row.origin)}")
        lines += ["", _NEXT]
        return "\n".join(lines)

    def _origin(self, name: str) -> str:
        path = self.files.get(name) if name == "project" else None
        return f"{scope_words(name)} ({path})" if path else scope_words(name)

    def _repr_html_(self) -> str:
        parts = [f"<p>{escape(self.said)}</p>"] if self.said else []
        parts += [f'<p class="warning">⚠ {escape(text)}</p>' for text in self.settings.messages]
        if not self.rows:
            parts += [f"<p>{_marked(line.strip())}</p>" for line in _EMPTY if line]
            return frame("".join(parts))
        parts.append(
            '<table><thead><tr><th scope="col">setting</th><th scope="col"></th>'
            '<th scope="col">value</th><th scope="col">from</th></tr></thead><tbody>'
        )
        for row in self.rows:
            said = f'<br><span class="dim">{escape(row.said)}</span>' if row.said else ""
            label = f"<code>{row.label}</code>" if row.label else ""
            title = escape(self.files.get(row.origin, ""))
            implied = " dim" if row.origin == IMPLIED else ""
            parts.append(
                f'<tr><td class="nowrap"><code>{row.key}</code></td><td class="nowrap">{label}</td>'
                f"<td><code>{escape(row.value)}</code>{said}</td>"
                f'<td class="nowrap{implied}" title="{title}">'
                f"{escape(scope_words(row.origin))}</td></tr>"
            )
        parts.append(f'</tbody></table><p class="dim">{_marked(_NEXT)}</p>')
        return frame("".join(parts))


_EMPTY = (
    "Nothing is remembered: a build uses its flags and envd's defaults.",
    "",
    "  `%envd_cache set --export-cache type=registry,ref=HOST/NAME,mode=max` remembers a cache, "
    "`%envd_cache from-last-build` that of the last build, and `%envd_form` shows the choices.",
)
_NEXT = (
    "Change it with `%envd_cache set`, `add`, `remove e1`, `off`, `clear`; "
    "keep it with `%envd_cache save --scope notebook`."
)


def _marked(text: str) -> str:
    pieces = escape(text).split("`")
    return "".join(f"<code>{p}</code>" if i % 2 else p for i, p in enumerate(pieces))


def _tilde(path: str) -> str:
    home = os.path.expanduser("~")  # noqa: PTH111
    return f"~{path[len(home) :]}" if path.startswith(f"{home}/") else path
