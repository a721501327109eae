"""Tab in the line of a magic: flags, cache types, their options and the values.

One matcher is added to IPython's completer. On a line that holds one of our magics it answers for
the word under the cursor, with the part of it that is still to be replaced: in
``--ec type=registry,mo`` that is ``mo``. Everywhere else it says nothing. The flags come from the
parser of the magic, the cache options from the table that also validates them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from IPython.core.completer import CompletionContext
    from IPython.core.interactiveshell import InteractiveShell

    from envd_jupyter.builds.line import MagicParser

__all__ = [
    "Candidates",
    "complete_magic",
    "install",
    "provide_parser",
    "provide_words",
    "uninstall",
]

_MAGIC = re.compile(r"(?:^|[\s=])%{1,2}(envd_\w+)[ \t]+(.*)$", re.DOTALL)
_MATCHER_ID = "envd_jupyter.completion"

OUTPUT_TYPES = ("image", "docker", "oci", "tar", "local")
OUTPUT_OPTIONS = ("name=", "dest=", "push=true", "compression=", "oci-mediatypes=true")
PLATFORMS = ("linux/amd64", "linux/arm64")
BUILDER_SCHEMES = (
    "docker://",
    "docker-container://",
    "podman-container://",
    "nerdctl-container://",
    "kube-pod://",
    "tcp://",
    "unix://",
)


@dataclass(frozen=True, slots=True)
class Candidates:
    """What may stand in place of ``fragment``, the end of what is typed."""

    fragment: str
    texts: tuple[str, ...]


_parsers: dict[str, Callable[[], MagicParser]] = {}
_words: dict[str, Callable[[Sequence[str], str], Iterable[str]]] = {}


def provide_parser(magic: str, make: Callable[[], MagicParser]) -> None:
    """Complete the flags of a magic (named without ``%``) from its parser."""
    _parsers[magic] = make


def provide_words(magic: str, words: Callable[[Sequence[str], str], Iterable[str]]) -> None:
    """Complete the bare words of a magic (named without ``%``).

    Parameters
    ----------
    magic
        Name of the magic.
    words
        Called with the words before the one under the cursor, and with that word up to the
        cursor; returns whole words that may stand there.
    """
    _words[magic] = words


def install(shell: InteractiveShell) -> None:
    """Add the matcher to the completer of a shell, once."""
    completer = shell.Completer
    if completer is None or any(_is_ours(matcher) for matcher in completer.custom_matchers):
        return
    from IPython.core.completer import context_matcher

    decorate = context_matcher(priority=1000, identifier=_MATCHER_ID)
    completer.custom_matchers.append(decorate(_match))


def uninstall(shell: InteractiveShell) -> None:
    """Take the matcher out again."""
    completer = shell.Completer
    if completer is not None:
        completer.custom_matchers[:] = [
            matcher for matcher in completer.custom_matchers if not _is_ours(matcher)
        ]


def _is_ours(matcher: object) -> bool:
    return getattr(matcher, "matcher_identifier", "") == _MATCHER_ID


def _match(context: CompletionContext) -> dict[str, object]:
    from IPython.core.completer import SimpleCompletion

    found = complete_magic(_logical_line(context))
    if found is None:
        return {"completions": [], "suppress": False}
    return {
        "completions": [
            SimpleCompletion(text=text, type="option" if text.startswith("-") else "value")
            for text in found.texts
        ],
        "matched_fragment": found.fragment,
        "ordered": True,
        "suppress": True,
    }


def _logical_line(context: CompletionContext) -> str:
    """Return the line up to the cursor, with the lines before it that end in a backslash."""
    line = context.line_with_cursor[: context.cursor_position]
    before = context.full_text.split("\n")[: context.cursor_line]
    while before and before[-1].endswith("\\"):
        line = f"{before.pop()[:-1]} {line}"
    return line


def complete_magic(text: str) -> Candidates | None:
    """Return what may follow ``text``, the line up to the cursor.

    Returns
    -------
    Candidates or None
        None where the cursor is not behind one of our magics.

    Examples
    --------
    >>> complete_magic("%envd_build --progress q")
    Candidates(fragment='q', texts=('quiet',))
    """
    match = _MAGIC.search(text)
    if match is None:
        return None
    magic, line = match.groups()
    if magic not in _parsers and magic not in _words:
        return None
    words, word = _split(line)
    return _complete(magic, words, word)


def _split(line: str) -> tuple[list[str], str]:
    """Split a line that may end in the middle of a word or a quote."""
    words: list[str] = []
    word, quote, begun = "", "", False
    for char in line:
        if quote:
            if char == quote:
                quote = ""
            else:
                word += char
        elif char in "'\"":
            quote, begun = char, True
        elif char.isspace():
            if begun:
                words.append(word)
            word, begun = "", False
        else:
            word, begun = word + char, True
    return words, word


def _complete(magic: str, words: list[str], word: str) -> Candidates:
    parser = _parsers[magic]() if magic in _parsers else None
    flag = None
    if parser is not None and words:
        flag = _open_flag(parser, words[-1])
    if word.startswith("-") and "=" in word:
        flag, word = word.split("=", 1)
    if flag is not None:
        return _values(parser, flag, word, words)
    if word.startswith("-"):
        return _starting(word, parser.flags() if parser else ())
    texts = list(_words[magic](words, word)) if magic in _words else []
    if parser is not None and not word and not texts:
        texts = [name for name in parser.flags() if name.startswith("--") and len(name) > 4]
    return _starting(word, texts)


def _open_flag(parser: MagicParser, word: str) -> str | None:
    action = parser.action_of(word)
    return word if action is not None and action.nargs != 0 else None


def _values(parser: MagicParser | None, flag: str, word: str, words: Sequence[str]) -> Candidates:
    action = parser.action_of(flag) if parser is not None else None
    if action is None:
        return Candidates(word, ())
    if action.choices is not None:
        return _starting(word, [str(choice) for choice in action.choices])
    if action.dest in ("export_cache", "import_cache"):
        return _cache(word, "export" if action.dest == "export_cache" else "import")
    if action.dest == "output":
        return _output(word)
    if action.dest == "path":
        return _paths(word, directories=True)
    if action.dest == "from_":
        return _functions(word, words)
    if action.dest == "platform":
        return _starting(word.rpartition(",")[2], PLATFORMS)
    if action.dest == "builder":
        return _builders(word)
    if action.dest == "inject_aws":
        return _starting(word, ("env", "profile:"))
    return Candidates(word, ())


def _starting(fragment: str, texts: Iterable[str]) -> Candidates:
    return Candidates(fragment, tuple(text for text in texts if text.startswith(fragment)))


def _cache(word: str, direction: Literal["export", "import"]) -> Candidates:
    from envd_jupyter.cache.options import options_for, types_for

    done, _, field = word.rpartition(",")
    given = dict(part.partition("=")[::2] for part in done.split(",") if part)
    key, equals, value = field.partition("=")
    cache_type = given.get("type", "")
    if equals and key == "type":
        return _starting(value, types_for(direction))
    if not cache_type:
        return _starting(field, [f"type={name}" for name in types_for(direction)])
    options = options_for(cache_type, direction)
    if not equals:
        names = [f"{option.name}=" for option in options if option.name not in given]
        return _starting(field, names)
    for option in options:
        if option.name == key:
            if option.kind == "path":
                return _paths(value, directories=True)
            if option.kind == "flag":
                return _starting(value, ("true", "false"))
            return _starting(value, option.values)
    return Candidates(value, ())


def _output(word: str) -> Candidates:
    field = word.rpartition(",")[2]
    key, equals, value = field.partition("=")
    if equals and key == "type":
        return _starting(value, OUTPUT_TYPES)
    if equals and key in ("push", "oci-mediatypes"):
        return _starting(value, ("true", "false"))
    if equals and key == "dest":
        return _paths(value)
    if "type=" not in word:
        return _starting(field, [f"type={name}" for name in OUTPUT_TYPES])
    return _starting(field, OUTPUT_OPTIONS)


def _paths(word: str, *, directories: bool = False) -> Candidates:
    head, slash, name = word.rpartition("/")
    folder = Path(f"{head}{slash}" or ".").expanduser()
    try:
        entries = sorted(folder.iterdir(), key=lambda entry: entry.name)
    except OSError:
        return Candidates(name, ())
    texts = []
    for entry in entries:
        if entry.name.startswith(".") and not name.startswith("."):
            continue
        if entry.is_dir():
            texts.append(f"{entry.name}/")
        elif not directories:
            texts.append(entry.name)
    return _starting(name, texts)


def _functions(word: str, words: Sequence[str]) -> Candidates:
    folder = Path()
    for flag, value in pairwise(words):
        if flag in ("--path", "-p"):
            folder = Path(value).expanduser()
    file, colon, name = word.partition(":")
    if not colon:
        try:
            found = sorted(path.name for path in folder.glob("*.envd"))
        except OSError:
            found = []
        return _starting(file, [f"{path}:" for path in found])
    try:
        source = (folder / file).read_text(encoding="utf-8")[:200_000]
    except (OSError, UnicodeDecodeError):
        return Candidates(name, ())
    return _starting(name, re.findall(r"^def\s+([A-Za-z]\w*)\s*\(", source, re.MULTILINE))


def _builders(word: str) -> Candidates:
    if word.startswith(("unix:///", "docker+unix:///")):
        return _paths(word.split("://", 1)[1])
    return _starting(word, BUILDER_SCHEMES)
