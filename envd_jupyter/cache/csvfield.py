"""One CSV record of ``key=value`` fields, as BuildKit's tools write cache settings.

A value with a comma is quoted as CSV quotes it, around the whole field: ``type=s3,"name=a,b"``; a
quote inside a quoted field is doubled. Nothing is trimmed silently: a blank beside a comma would
become part of a name or a value, so it is refused.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envd_jupyter.errors import CacheSettingError

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["format_fields", "parse_fields"]

_QUOTED = re.compile(r'"((?:[^"]|"")*)"(?=,|$)')
_PLAIN = re.compile(r'[^",]*(?=,|$)')
_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_.-]*")


def parse_fields(text: str) -> list[tuple[str, str]]:
    """Split ``key=value,"key=a,b"`` into its pairs, in order.

    Raises
    ------
    CacheSettingError
        If the quoting is broken, a field is empty or has no ``=``, a name is not one, or a key
        stands there twice.
    """
    if "\n" in text or "\r" in text or "\0" in text:
        raise CacheSettingError(
            "a cache setting is one line of text", hint="Remove the line break."
        )
    pairs: dict[str, str] = {}
    for number, field in enumerate(_split(text), start=1):
        if not field:
            raise CacheSettingError(
                f"field {number} is empty",
                hint="Remove the extra comma; write key=value,key=value.",
            )
        key, equals, value = field.partition("=")
        if key != key.strip():
            raise CacheSettingError(
                f"there is a blank before the option {key.strip()!r}",
                option=key.strip(),
                hint="Write key=value,key=value without blanks beside the commas.",
            )
        if not equals:
            raise CacheSettingError(
                f"the option {key!r} has no value",
                option=key,
                hint=f'Write {key}=VALUE. A value with a comma is quoted whole: "key=a,b".',
            )
        if not _KEY.fullmatch(key):
            raise CacheSettingError(f"{key!r} is not the name of an option", option=key)
        if value != value.strip():
            raise CacheSettingError(
                f"the value of {key!r} begins or ends with a blank",
                option=key,
                hint="Write key=value,key=value without blanks beside the commas.",
            )
        if key in pairs:
            raise CacheSettingError(
                f"the option {key!r} is given twice", option=key, hint="Keep one of the two."
            )
        pairs[key] = value
    return list(pairs.items())


def _split(text: str) -> Iterable[str]:
    at = 0
    while True:
        if match := _QUOTED.match(text, at):
            yield match[1].replace('""', '"')
        elif match := _PLAIN.match(text, at):
            yield match[0]
        else:
            raise CacheSettingError(
                "the quotes do not match",
                hint='Quote a whole field, "key=a,b", and double a quote inside it.',
            )
        at = match.end()
        if at == len(text):
            return
        at += 1


def format_fields(pairs: Iterable[tuple[str, str]]) -> str:
    """Write pairs as one CSV record; the inverse of `parse_fields`."""
    return ",".join(_quoted(f"{key}={value}") for key, value in pairs)


def _quoted(field: str) -> str:
    if '"' not in field and "," not in field:
        return field
    return '"' + field.replace('"', '""') + '"'
