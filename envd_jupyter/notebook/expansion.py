"""``$var`` and ``{expr}`` in the line of a magic, without taking our own templates.

IPython fills in Python values before a magic sees its line, and gives up on the whole line when
one name is unknown. Cache settings use braces too: in ``ref=localhost:5000/me/ml:{git_branch}`` the
name is filled in when the build starts. So the build magics expand their line themselves:

- ``$name`` and ``$name.attribute`` become the value, not inside single quotes; ``$$`` is a dollar;
- ``{expression}`` becomes its value; ``{{`` and ``}}`` are braces;
- the template names (``{git_branch}``, ``{git_sha}``, ``{notebook}``, ``{kernel}``) always stay for
  the build, even where a variable has the same name: write ``$kernel`` for the variable;
- an expression that cannot be evaluated stays as it is, alone: the rest of the line is filled in.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = ["TEMPLATE_NAMES", "expand"]

TEMPLATE_NAMES = frozenset({"git_branch", "git_sha", "notebook", "kernel"})
"""Names in braces that belong to the cache settings."""

_CONVERSIONS: dict[str, Callable[[object], str]] = {"!r": repr, "!s": str, "!a": ascii}
_DOLLAR = re.compile(r"\$(\$|[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)")


def expand(line: str, namespace: Mapping[str, object]) -> str:
    """Fill the values of a namespace into the line of a magic.

    Parameters
    ----------
    line
        What follows the name of the magic.
    namespace
        The user's variables.

    Examples
    --------
    >>> expand("--tag $tag --ec type=registry,ref={reg}/ml:{git_branch}", {"tag": "ml", "reg": "r"})
    '--tag ml --ec type=registry,ref=r/ml:{git_branch}'
    """
    return "".join(_pieces(line, namespace))


def _pieces(line: str, namespace: Mapping[str, object]) -> Iterator[str]:
    index, quoted = 0, False
    while index < len(line):
        char = line[index]
        if line.startswith(("{{", "}}"), index):
            yield char
            index += 2
            continue
        if char == "{":
            end = _closing(line, index)
            if end:
                yield _brace(line[index : end + 1], namespace)
                index = end + 1
                continue
        if char == "'":
            # An apostrophe without a partner quotes nothing, as in IPython.
            quoted = not quoted and "'" in line[index + 1 :]
        if char == "$" and not quoted:
            match = _DOLLAR.match(line, index)
            if match:
                yield _dollar(match.group(), namespace)
                index = match.end()
                continue
        yield char
        index += 1


def _closing(line: str, start: int) -> int | None:
    depth = 0
    for index in range(start, len(line)):
        if line[index] == "{":
            depth += 1
        elif line[index] == "}":
            depth -= 1
            if depth == 0:
                return index
    return None


def _brace(text: str, namespace: Mapping[str, object]) -> str:
    expression = text[1:-1].strip()
    conversion: Callable[[object], str] = str
    if expression in TEMPLATE_NAMES:
        return text
    if expression[-2:] in _CONVERSIONS:
        expression, conversion = expression[:-2], _CONVERSIONS[expression[-2:]]
    return _evaluated(expression, namespace, text, conversion)


def _dollar(text: str, namespace: Mapping[str, object]) -> str:
    return "$" if text == "$$" else _evaluated(text[1:], namespace, text)


def _evaluated(
    expression: str,
    namespace: Mapping[str, object],
    otherwise: str,
    conversion: Callable[[object], str] = str,
) -> str:
    try:
        return conversion(eval(expression, dict(namespace)))
    except Exception:
        return otherwise
