"""The flags of the magics, declared once.

``%envd_build`` and ``%%envd_build`` share one parser; help, completion and the docstring shown by
``%envd_build?`` are made from the same declarations. envd's own flags keep envd's names, ours come
beside them. A wrong flag is a `RequestError` that names the nearest right one.
"""

from __future__ import annotations

import argparse
import shlex
from dataclasses import dataclass
from difflib import get_close_matches
from textwrap import fill
from typing import TYPE_CHECKING, NoReturn

from envd_jupyter.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "BuildArguments",
    "HelpWanted",
    "MagicParser",
    "build_parser",
    "cache_help",
    "parse_build",
    "split_words",
]

PROGRESS = ("auto", "text", "quiet")
SCOPES = ("kernel", "notebook", "project", "user")

_WIDTH = 88

_EXAMPLES = """\
examples:
  %envd_build
      Build build.envd of the current directory with what this kernel remembers.
  %envd_build --path envs/train --output type=image,name=localhost:5000/me/ml,push=true \\
      --export-cache type=registry,ref=localhost:5000/me/ml-cache,mode=max \\
      --import-cache type=registry,ref=localhost:5000/me/ml-cache
      Build, push, and keep the cache of every step in a registry.
  result = %envd_build --ic type=s3,region=eu-west-1,bucket=me,name={git_branch}
      Names in braces are filled in when the build starts, $name and {expression} at once.

$name and {expression} are replaced as everywhere in IPython. {git_branch}, {git_sha},
{notebook} and {kernel} always stay for the build; write $kernel for a variable of that name.
"""


class HelpWanted(Exception):
    """The line asked for help; the message is the help."""


class MagicParser(argparse.ArgumentParser):
    """An argument parser for the line of a magic: it raises, and never exits or prints.

    Parameters
    ----------
    prog
        The magic as one types it, ``%envd_build``.
    description, epilog
        What stands above and below the flags in the help.
    """

    def __init__(self, prog: str, description: str, epilog: str | None = None) -> None:
        super().__init__(
            prog=prog,
            description=description,
            epilog=epilog,
            add_help=False,
            allow_abbrev=False,
            formatter_class=_Formatter,
        )
        # Python 3.14 colours the help of parsers; a notebook shows it as text.
        self.color = False
        self.add_argument(
            "--help",
            "-h",
            action=_HelpAction,
            nargs=0,
            default=argparse.SUPPRESS,
            help="show this help",
        )

    def flags(self) -> tuple[str, ...]:
        """Return every spelling of every flag."""
        return tuple(self._option_string_actions)

    def action_of(self, flag: str) -> argparse.Action | None:
        """Return the declaration behind a flag."""
        return self._option_string_actions.get(flag)

    def parse_words(self, words: Sequence[str]) -> argparse.Namespace:
        """Parse the words of a line.

        Raises
        ------
        HelpWanted
            If the line asks for help.
        RequestError
            If the line cannot be understood.
        """
        namespace, extra = self.parse_known_args(list(words))
        if extra:
            self._reject(extra[0])
        return namespace

    def error(self, message: str) -> NoReturn:
        """Raise what argparse would print before it exits."""
        raise RequestError(f"{self.prog}: {message}", hint=f"{self.prog} --help lists the flags.")

    def _reject(self, word: str) -> NoReturn:
        flag = word.split("=", 1)[0]
        if not flag.startswith("-"):
            hint = f"Every value belongs to a flag; {self.prog} --help lists them."
            if "--path" in self.flags():
                hint = f"A directory is given as --path {shlex.quote(word)}. {hint}"
            raise RequestError(f"{self.prog}: what is {word!r}?", hint=hint)
        near = get_close_matches(flag, self.flags(), n=1)
        hint = f"Did you mean {near[0]}? " if near else ""
        raise RequestError(
            f"{self.prog}: there is no flag {flag}",
            hint=f"{hint}{self.prog} --help lists the flags.",
        )


class _HelpAction(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        text = parser.format_help()
        if "--export-cache" in parser._option_string_actions:
            text = f"{text}\n{cache_help()}"
        raise HelpWanted(text)


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Keeps the lines of examples, and wraps the descriptions, which are one line each."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=26, width=_WIDTH)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return "\n".join(
            fill(line, _WIDTH) if len(line) > _WIDTH else line for line in text.splitlines()
        )


def cache_help() -> str:
    """Return the options of every cache type, from the table that also checks them."""
    from envd_jupyter.cache.options import Direction, options_for, types_for

    directions: tuple[Direction, ...] = ("export", "import")
    lines = []
    for direction in directions:
        lines.append(f"--{direction}-cache type=TYPE,OPTION=VALUE,… (* is needed):")
        for cache_type in types_for(direction):
            words = [
                f"{option.name}{'*' if option.required else ''}"
                f"{'=' + '|'.join(option.values) if option.values else ''}"
                for option in options_for(cache_type, direction)
            ]
            text = f"  {cache_type:<10}{', '.join(words) or 'no options'}"
            lines.append(fill(text, _WIDTH, subsequent_indent=" " * 12, break_on_hyphens=False))
    return "\n".join(lines)


def split_words(line: str, prog: str) -> list[str]:
    """Split a line into words as a shell does.

    Raises
    ------
    RequestError
        If a quote is not closed.
    """
    try:
        return shlex.split(line)
    except ValueError as error:
        raise RequestError(
            f"{prog}: the line cannot be split into words: {str(error).lower()}",
            hint='Close the quote, or write \\" for a quote that is meant.',
        ) from None


@dataclass(frozen=True, slots=True)
class BuildArguments:
    """The flags of one ``%envd_build``, as given; None or an empty tuple where not given."""

    tag: str | None
    from_: str | None
    use_proxy: bool
    path: str | None
    output: str | None
    force: bool
    platform: tuple[str, ...]
    export_cache: tuple[str, ...]
    import_cache: tuple[str, ...]
    builder: str | None
    inject_aws: str | None
    require_cached: bool
    no_saved: bool
    save: str | None
    background: bool
    dry_run: bool
    progress: str | None
    result: str | None


def build_parser(prog: str = "%envd_build") -> MagicParser:
    """Return the parser of ``%envd_build`` and ``%%envd_build``."""
    parser = MagicParser(
        prog,
        "Build the environment described by build.envd, live in this cell, with remote cache.",
        _EXAMPLES,
    )
    _add_envd_flags(parser)
    _add_cache_flags(parser)
    _add_notebook_flags(parser)
    return parser


def _add_envd_flags(parser: MagicParser) -> None:
    what = parser.add_argument_group("what to build (envd's own flags)")
    what.add_argument(
        "--path",
        "-p",
        metavar="DIR",
        help="directory that holds build.envd (default: the current directory)",
    )
    what.add_argument(
        "--from",
        "-f",
        dest="from_",
        metavar="FILE:FUNC",
        help="function to build (default: build.envd:build)",
    )
    what.add_argument(
        "--tag", "-t", metavar="NAME", help="name and tag of the image (default: PROJECT:dev)"
    )
    what.add_argument(
        "--output",
        "-o",
        metavar="OUTPUT",
        help="where the image goes: type=image,name=REF,push=true or type=tar,dest=FILE; "
        "without it the image is loaded into Docker",
    )
    what.add_argument(
        "--platform",
        action="append",
        default=[],
        metavar="OS/ARCH",
        help="target platform; repeat it or separate by commas for several",
    )
    what.add_argument(
        "--force", action="store_true", help="build even if envd finds the image up to date"
    )
    what.add_argument(
        "--use-proxy",
        "--proxy",
        action="store_true",
        help="use HTTPS_PROXY, HTTP_PROXY and NO_PROXY inside the build",
    )


def _add_cache_flags(parser: MagicParser) -> None:
    cache = parser.add_argument_group("remote cache (each may be given several times)")
    cache.add_argument(
        "--export-cache",
        "--ec",
        action="append",
        default=[],
        metavar="CACHE",
        help="keep the cache there: type=registry,ref=REF[,mode=max], type=inline, "
        "type=local,dest=DIR, type=gha or type=s3,bucket=NAME,region=NAME",
    )
    cache.add_argument(
        "--import-cache",
        "--ic",
        action="append",
        default=[],
        metavar="CACHE",
        help="take cache from there: type=registry,ref=REF, type=local,src=DIR, type=gha or "
        "type=s3,bucket=NAME,region=NAME",
    )
    cache.add_argument(
        "--inject-aws",
        nargs="?",
        const="env",
        metavar="FROM",
        help="give s3 caches the AWS credentials of this kernel's environment (env) or of a "
        "profile (profile:NAME); they travel to the builder only",
    )
    cache.add_argument(
        "--require-cached", action="store_true", help="fail if any step has to run again"
    )


def _add_notebook_flags(parser: MagicParser) -> None:
    ours = parser.add_argument_group("this notebook")
    ours.add_argument(
        "--builder",
        metavar="BUILDER",
        help="an envd context, or an address such as unix:///run/buildkit/buildkitd.sock, "
        "tcp://HOST:PORT or docker:// (default: the current envd context)",
    )
    ours.add_argument(
        "--background",
        "--bg",
        action="store_true",
        help="return at once with a handle; the output goes on living below the cell",
    )
    ours.add_argument(
        "--dry-run",
        action="store_true",
        help="check everything and show what would run, without running it",
    )
    ours.add_argument("--no-saved", action="store_true", help="use only what stands on this line")
    ours.add_argument(
        "--save",
        nargs="?",
        const="kernel",
        choices=SCOPES,
        metavar="SCOPE",
        help=f"remember these settings for: {', '.join(SCOPES)} (default: kernel)",
    )
    ours.add_argument(
        "--progress",
        choices=PROGRESS,
        help="auto: live display; text: lines as they come; quiet: the outcome only",
    )
    ours.add_argument("--result", "-r", metavar="NAME", help="assign the result to this variable")


def parse_build(line: str, prog: str = "%envd_build") -> BuildArguments:
    """Parse the line of ``%envd_build``.

    Parameters
    ----------
    line
        What follows the magic, values already filled in.
    prog
        The magic as typed, for messages.

    Raises
    ------
    HelpWanted
        If the line asks for help.
    RequestError
        If the line cannot be understood.
    """
    given = vars(build_parser(prog).parse_words(split_words(line, prog)))
    if given["result"] is not None and not given["result"].isidentifier():
        raise RequestError(
            f"{prog}: --result {given['result']} is not the name of a variable",
            hint="Use a Python name, as in --result image.",
        )
    given["platform"] = tuple(
        part.strip() for text in given["platform"] for part in text.split(",") if part.strip()
    )
    given["export_cache"] = tuple(given["export_cache"])
    given["import_cache"] = tuple(given["import_cache"])
    return BuildArguments(**given)
