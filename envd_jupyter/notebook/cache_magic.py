"""``%envd_cache``: show and edit what builds remember.

Everything it changes is on disk at once, so another session of the notebook, the form and the
JupyterLab panel see it. What it says after a change is the table of the settings in effect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from IPython.core.magic import line_magic, magics_class, needs_local_scope, no_var_expand

from envd_jupyter.builds.line import SCOPES, HelpWanted, MagicParser, split_words
from envd_jupyter.notebook import cache_care
from envd_jupyter.notebook.expansion import expand
from envd_jupyter.notebook.shellmagics import ShellMagics

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from envd_jupyter.builds.preferences import Preferences
    from envd_jupyter.builds.preferences.values import Value
    from envd_jupyter.cache.entry import CacheEntry

__all__ = ["CacheMagics", "cache_parser", "cache_words"]

_PROG = "%envd_cache"

_EPILOG = """\
actions:
  show             each setting and where it comes from (the default)
  set              replace the settings given as flags
  add              add an export or an import to those in effect
  remove WHAT      remove an export (e1), an import (i1), or a setting (output)
  off              use no remote cache, whatever weaker layers say
  clear            forget everything of a scope (default: this kernel and this notebook)
  save             remember what is in effect for --scope
  from-last-build  remember the flags of the last build
  du [DIR ...]     disk use of the builder's own cache, or of local caches
  prune [DIR ...]  what could be removed there; with --yes it is
  look [CACHE]     what a remote cache holds, by default the remembered imports

scopes, the strongest first:
  kernel           this kernel, also after its restart
  notebook         this notebook with this kernelspec, also in new sessions
  project          .envd-jupyter.toml beside build.envd, for everybody who uses it
  user             all your notebooks

examples:
  %envd_cache set --export-cache type=registry,ref=localhost:5000/me/ml-cache,mode=max
  %envd_cache add --import-cache type=registry,ref=localhost:5000/team/ml-cache --scope notebook
  %envd_cache save --scope project

Secrets are not stored: write access_key_id=env:NAME for the value of a variable, or use
--inject-aws env or profile:NAME.
"""


def cache_parser() -> MagicParser:
    """Return the parser of ``%envd_cache``."""
    parser = MagicParser(_PROG, "Show and edit what builds remember.", _EPILOG)
    parser.add_argument("action", nargs="?", default="show", help="what to do (below)")
    parser.add_argument("what", nargs="*", help="which ones, for the actions that say so")
    parser.add_argument("--scope", "-s", choices=SCOPES, help=f"{', '.join(SCOPES)}")
    for flag, short in (("--export-cache", "--ec"), ("--import-cache", "--ic")):
        parser.add_argument(
            flag, short, action="append", default=[], metavar="CACHE", help="as for %%envd_build"
        )
    for flag in ("--output", "--builder", "--tag", "--path", "--from", "--platform"):
        short_flags = {"--output": ["-o"], "--tag": ["-t"], "--path": ["-p"], "--from": ["-f"]}
        parser.add_argument(
            flag,
            *short_flags.get(flag, []),
            dest=flag[2:] + ("_" if flag == "--from" else ""),
            metavar=flag[2:].upper(),
            help="as for %%envd_build",
        )
    parser.add_argument("--inject-aws", nargs="?", const="env", metavar="FROM")
    cache_care.add_flags(parser)
    return parser


def cache_words(words: Sequence[str], word: str) -> Iterable[str]:
    """Complete the actions of ``%envd_cache``, and what can be removed."""
    if not words:
        return [*_ACTIONS, *cache_care.ACTIONS]
    if words[0] != "remove" or words[-1].startswith("-"):
        return ()
    from IPython.core.getipython import get_ipython

    shell = get_ipython()
    if shell is None:
        return ()
    from envd_jupyter.notebook.settings import preferences_here
    from envd_jupyter.notebook.settingsview import SettingsView

    return [row.label or row.key for row in SettingsView(preferences_here(shell)).rows]


@magics_class
class CacheMagics(ShellMagics):
    """Show and edit what builds remember."""

    @no_var_expand
    @needs_local_scope
    @line_magic
    def envd_cache(self, line: str, local_ns: Mapping[str, object] | None = None) -> object:
        """Show and edit what builds remember."""
        from envd_jupyter.errors import RequestError
        from envd_jupyter.notebook.settings import preferences_here
        from envd_jupyter.notebook.settingsview import SettingsView

        try:
            text = expand(line, {**self._shell.user_ns, **(local_ns or {})})
            given = cache_parser().parse_words(split_words(text, _PROG))
        except HelpWanted as wanted:
            print(wanted)
            return None
        if given.action in cache_care.ACTIONS:
            return self._care(given)
        act = _ACTIONS.get(given.action)
        if act is None:
            raise RequestError(
                f"{_PROG}: there is no action {given.action!r}",
                hint=f"The actions are {', '.join([*_ACTIONS, *cache_care.ACTIONS])}.",
            )
        if given.what and given.action != "remove":
            raise RequestError(
                f"{_PROG} {given.action}: what is {given.what[0]!r}?",
                hint=f"Every value belongs to a flag; {_PROG} --help lists them.",
            )
        preferences = preferences_here(self._shell)
        return SettingsView(preferences, act(preferences, given))

    def _care(self, given: argparse.Namespace) -> object:
        from envd_jupyter.notebook.identity import identify
        from envd_jupyter.notebook.settings import effective_settings

        here = identify(self._shell)
        settings = effective_settings(self._shell, here, None)
        shown = cache_care.ACTIONS[given.action](settings, given, here)
        if isinstance(shown, str):
            print(shown)
            return None
        return shown

    envd_cache.__doc__ = f"{envd_cache.__doc__}\n\n{cache_parser().format_help()}"


def _given_values(given: argparse.Namespace) -> dict[str, Value]:
    from envd_jupyter.builds.preferences.values import SETTINGS
    from envd_jupyter.cache.entry import parse_cache_entry

    values: dict[str, Value] = {}
    for setting in SETTINGS:
        if setting.kind == "exports":
            values["exports"] = tuple(parse_cache_entry(t, "export") for t in given.export_cache)
        elif setting.kind == "imports":
            values["imports"] = tuple(parse_cache_entry(t, "import") for t in given.import_cache)
        elif setting.kind == "texts":
            values[setting.name] = tuple((getattr(given, setting.name) or "").split(",")) or ()
        else:
            values[setting.name] = getattr(given, setting.name, None) or ""
    return {name: value for name, value in values.items() if value and value != ("",)}


def _show(preferences: Preferences, given: argparse.Namespace) -> str | None:
    if _given_values(given):
        from envd_jupyter.errors import RequestError

        raise RequestError(f"{_PROG}: show changes nothing", hint="Write set or add before flags.")
    return None


def _set(preferences: Preferences, given: argparse.Namespace) -> str:
    from envd_jupyter.errors import RequestError

    values = _given_values(given)
    if not values:
        raise RequestError(
            f"{_PROG} set: there is nothing to set",
            hint="For example --export-cache type=registry,ref=HOST/NAME,mode=max.",
        )
    scope = given.scope or "kernel"
    preferences.change(scope, _referenced(values))
    return _said("Remembered", preferences, scope, values)


def _add(preferences: Preferences, given: argparse.Namespace) -> str:
    from envd_jupyter.errors import RequestError

    values = _referenced(_given_values(given))
    if set(values) - {"exports", "imports"} or not values:
        raise RequestError(
            f"{_PROG} add: adds exports and imports",
            hint="Give --export-cache or --import-cache; for other settings there is set.",
        )
    scope = given.scope or _home(preferences, next(iter(values)))
    for name, value in values.items():
        new = cast("tuple[CacheEntry, ...]", value)
        preferences.edit(
            scope,
            name,
            lambda old, new=new: tuple(dict.fromkeys((*old, *new))),  # type: ignore[misc]
        )
    return _said("Added", preferences, scope, values)


def _remove(preferences: Preferences, given: argparse.Namespace) -> str:
    from envd_jupyter.builds.preferences.values import setting_named
    from envd_jupyter.errors import RequestError

    if not given.what:
        raise RequestError(
            f"{_PROG} remove: which one?",
            hint=f"{_PROG} shows what there is; e1 is the first export, i2 the second import.",
        )
    settings = preferences.effective()
    doomed: dict[str, set[CacheEntry]] = {}
    for word in given.what:
        name = {"e": "exports", "i": "imports"}.get(word[:1]) if word[1:].isdigit() else None
        if name is None:
            name = setting_named(word).name
            preferences.clear(given.scope or _home(preferences, name), [name])
            continue
        entries = getattr(settings, name)
        if not 0 < int(word[1:]) <= len(entries):
            raise RequestError(
                f"{_PROG} remove: there is no {word}", hint=f"{_PROG} shows what there is."
            )
        doomed.setdefault(name, set()).add(entries[int(word[1:]) - 1])
    for name, entries in doomed.items():
        scope = given.scope or _home(preferences, name)
        # An import that is implied by an export is in no layer: all of them are written out first.
        start = getattr(settings, name)
        own = name in preferences.layer(scope).values
        preferences.edit(
            scope,
            name,
            lambda old, start=start, own=own, entries=entries: tuple(  # type: ignore[misc]
                entry for entry in (old if own else start) if entry not in entries
            ),
        )
    return f"Removed {', '.join(given.what)}."


def _off(preferences: Preferences, given: argparse.Namespace) -> str:
    scope = given.scope or "kernel"
    preferences.change(scope, {"exports": (), "imports": ()})
    return _said("No remote cache", preferences, scope, {})


def _clear(preferences: Preferences, given: argparse.Namespace) -> str:
    from envd_jupyter.notebook.settingsview import scope_words

    wanted = [given.scope] if given.scope else ["kernel", "notebook"]
    scopes = [s for s in wanted if given.scope or s in preferences.scopes()]
    for scope in scopes:
        preferences.clear(scope)
    return f"Forgot everything of {' and '.join(scope_words(scope) for scope in scopes)}."


def _save(preferences: Preferences, given: argparse.Namespace) -> str:
    from envd_jupyter.builds.preferences.saving import remember, settings_values

    scope = given.scope or _best(preferences)
    values = {**settings_values(preferences.effective()), **_given_values(given)}
    return _said("Remembered", preferences, scope, remember(preferences, scope, values))


def _from_last_build(preferences: Preferences, given: argparse.Namespace) -> str:
    from envd_jupyter.builds.preferences.saving import remember
    from envd_jupyter.notebook.remembering import last_build_values

    scope = given.scope or _best(preferences)
    values = last_build_values(preferences)
    return _said("Remembered", preferences, scope, remember(preferences, scope, values))


_ACTIONS: dict[str, Callable[[Preferences, argparse.Namespace], str | None]] = {
    "show": _show,
    "set": _set,
    "add": _add,
    "remove": _remove,
    "off": _off,
    "clear": _clear,
    "save": _save,
    "from-last-build": _from_last_build,
}


def _best(preferences: Preferences) -> str:
    return "notebook" if "notebook" in preferences.scopes() else "kernel"


def _home(preferences: Preferences, name: str) -> str:
    """Return where a setting is edited: where it is, unless others would be affected."""
    origin = preferences.effective().provenance.get(name)
    return origin if origin in ("kernel", "notebook") else "kernel"


def _referenced(values: dict[str, Value]) -> dict[str, Value]:
    """Take secrets from the variables that hold them, rather than refusing to store them."""
    import os

    from envd_jupyter.builds.preferences.values import by_reference

    return {
        name: tuple(by_reference(e, os.environ) for e in cast("tuple[CacheEntry, ...]", value))
        if name in ("exports", "imports")
        else value
        for name, value in values.items()
    }


def _said(did: str, preferences: Preferences, scope: str, values: Mapping[str, object]) -> str:
    """Say what was done, and which of it a stronger layer hides."""
    from envd_jupyter.builds.preferences.values import setting_named
    from envd_jupyter.notebook.settingsview import scope_words

    provenance = preferences.effective().provenance
    hidden = [name for name in values if provenance.get(name) not in (scope, None)]
    text = f"{did} for {scope_words(scope)}."
    for name in hidden:
        origin = scope_words(provenance[name])
        text += f" {origin.capitalize()} has its own {setting_named(name).key}, which is used."
    return text
