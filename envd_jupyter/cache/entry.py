"""One cache export or import: parsed, checked by itself, and written back.

`parse_cache_entry` accepts only what can work: whatever BuildKit would ignore, clamp or crash on is
refused here, with the option, its value and the way out. ``parse(format(x)) == x`` for every entry.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from envd_jupyter.cache.csvfield import format_fields, parse_fields
from envd_jupyter.cache.options import (
    CACHE_TYPES,
    COMPRESSION_LEVELS,
    OPTIONS,
    SECRET_OPTIONS,
    Direction,
    Option,
    options_for,
    types_for,
)
from envd_jupyter.cache.redaction import MASK
from envd_jupyter.cache.reference import is_digest, parse_reference
from envd_jupyter.errors import CacheSettingError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["CacheEntry", "is_true", "make_cache_entry", "parse_cache_entry"]

_TRUE = frozenset({"1", "t", "T", "true", "TRUE", "True"})
_FALSE = frozenset({"0", "f", "F", "false", "FALSE", "False"})
_DURATION = re.compile(r"(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|ms|s|m|h)")
_TEMPLATE = re.compile(r"\{[a-z_]+\}")
_URL = re.compile(r"https?://[^/\s]+(?:/\S*)?")
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}")
_TAG = re.compile(r"\w[\w.+:/-]{0,127}", re.ASCII)


@dataclass(frozen=True)
class CacheEntry:
    """One remote cache to export to or to import from.

    Attributes
    ----------
    direction
        ``"export"`` or ``"import"``.
    type
        One of `CACHE_TYPES`.
    attrs
        The options in written order, without ``type``. They may hold secrets: show `redacted`.
    """

    direction: Direction
    type: str
    attrs: tuple[tuple[str, str], ...] = ()

    def get(self, key: str, default: str | None = None) -> str | None:
        """Return an option's value, or `default` if it is not given."""
        return dict(self.attrs).get(key, default)

    def to_csv(self) -> str:
        """Write the entry as ``type=…,key=value``, secrets included."""
        return format_fields([("type", self.type), *self.attrs])

    def with_attrs(self, changes: Mapping[str, str | None]) -> CacheEntry:
        """Return the entry with options set, or taken out where the value is None."""
        merged: dict[str, str | None] = {**dict(self.attrs), **changes}
        kept = tuple((key, value) for key, value in merged.items() if value is not None)
        return CacheEntry(self.direction, self.type, kept)

    def redacted(self) -> CacheEntry:
        """Return the entry with the values of secret options masked."""
        return self.with_attrs({key: MASK for key, _ in self.attrs if key in SECRET_OPTIONS})

    def to_json(self) -> dict[str, Any]:
        """Return the entry as JSON, secrets included."""
        return {"direction": self.direction, "type": self.type, "attrs": dict(self.attrs)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> CacheEntry:
        """Read what `to_json` wrote; checked like a written setting."""
        attrs = data.get("attrs", {})
        if not isinstance(attrs, dict):
            raise CacheSettingError("the options of a cache setting are an object of texts")
        return make_cache_entry(data.get("direction", ""), data.get("type", ""), attrs)

    def __str__(self) -> str:
        return self.redacted().to_csv()

    def __repr__(self) -> str:
        return f"<{self.direction} {self}>"


def parse_cache_entry(text: str, direction: Direction) -> CacheEntry:
    """Read ``type=…,key=value,…`` as written after ``--export-cache`` or ``--import-cache``.

    Parameters
    ----------
    text
        The setting; CSV quoting as in `envd_jupyter.cache.csvfield`.
    direction
        ``"export"`` or ``"import"``.

    Raises
    ------
    CacheSettingError
        If anything in it cannot work, with the option, its value (masked if secret) and a hint.
    """
    attrs = dict(parse_fields(text))
    cache_type = attrs.pop("type", None)
    if cache_type is None:
        raise CacheSettingError(
            f"the cache {direction} names no type",
            option="type",
            hint=f"Begin with type=TYPE; the types are {_listed(types_for(direction))}.",
        )
    return make_cache_entry(direction, cache_type, attrs)


def make_cache_entry(direction: str, cache_type: str, attrs: Mapping[str, str]) -> CacheEntry:
    """Make an entry from its parts, checked as a written setting is.

    Raises
    ------
    CacheSettingError
        If anything in it cannot work.
    """
    if direction not in ("export", "import"):
        raise CacheSettingError(f"{direction!r} is neither export nor import")
    known: Direction = "export" if direction == "export" else "import"
    _check_type(cache_type, known)
    rows = {option.name: option for option in options_for(cache_type, known)}
    for key, value in attrs.items():
        if key not in rows:
            raise _unknown_option(key, cache_type, known, rows)
        _check_value(rows[key], value, cache_type, known)
    for option in rows.values():
        if option.required and not option.environ and not attrs.get(option.name):
            raise CacheSettingError(
                f"the {cache_type} cache {known} needs {option.name}",
                option=option.name,
                hint=f"Add {option.name}=…: {_lowered(option.help)}",
            )
    _check_together(cache_type, known, attrs)
    return CacheEntry(known, cache_type, tuple(attrs.items()))


def is_true(value: str | None, *, default: bool = False) -> bool:
    """Read a flag as Go's ``strconv.ParseBool`` does."""
    return default if value is None else value in _TRUE


def _check_type(cache_type: str, direction: Direction) -> None:
    allowed = types_for(direction)
    if cache_type in allowed:
        return
    if cache_type == "inline":
        raise CacheSettingError(
            "an inline cache is not imported as type=inline",
            option="type",
            value=cache_type,
            hint="It lies in the pushed image: import it with type=registry,ref=IMAGE.",
        )
    raise CacheSettingError(
        f"there is no cache type {cache_type!r}",
        option="type",
        value=cache_type,
        hint=f"{_near(cache_type, CACHE_TYPES)}The types are {_listed(allowed)}.",
    )


def _unknown_option(
    key: str, cache_type: str, direction: Direction, rows: Iterable[str]
) -> CacheSettingError:
    elsewhere = [option for option in OPTIONS if option.name == key]
    same_type = [option for option in elsewhere if cache_type in option.types]
    if same_type:
        other = "exports" if direction == "import" else "imports"
        why = f"{key!r} belongs to {cache_type} cache {other}, not to {direction}s"
    elif elsewhere:
        why = f"the {cache_type} cache has no option {key!r}; {_listed(elsewhere[0].types)} has"
    else:
        why = f"the {cache_type} cache {direction} has no option {key!r}"
    names = tuple(rows)
    hint = f"Its options are {_listed(names)}." if names else "It takes no options."
    meant = {"dest": "src", "src": "dest"}.get(key)
    near = f"Did you mean {meant}? " if meant in names else _near(key, names)
    return CacheSettingError(why, option=key, hint=f"{near}{hint}")


def _check_value(option: Option, value: str, cache_type: str, direction: Direction) -> None:
    if not value and option.kind != "text":
        raise _wrong(option, value, "is empty", f"Give it a value, or leave {option.name} out.")
    if "\n" in value or "\r" in value or "\0" in value:
        raise _wrong(option, value, "holds a line break", "Write it in one line.")
    if _TEMPLATE.search(value):
        return  # checked again once the template has been filled in
    check = {
        "choice": _check_choice,
        "flag": _check_flag,
        "integer": _check_integer,
        "reference": _check_reference,
        "digest": _check_digest,
        "url": _check_url,
        "duration": _check_duration,
    }.get(option.kind)
    if check is not None:
        check(option, value)
    elif option.kind == "text":
        _check_text(option, value, cache_type, direction)


def _check_choice(option: Option, value: str) -> None:
    if value not in option.values:
        hint = f"{_near(value, option.values)}Allowed are {_listed(option.values)}."
        raise _wrong(option, value, "is not known", hint)


def _check_flag(option: Option, value: str) -> None:
    if value not in _TRUE and value not in _FALSE:
        raise _wrong(option, value, "is neither true nor false", "Write true or false.")


def _check_integer(option: Option, value: str) -> None:
    if not re.fullmatch(r"[+-]?\d{1,9}", value, re.ASCII):
        raise _wrong(option, value, "is not a whole number", option.help)
    if option.name == "upload_parallelism" and int(value) < 1:
        raise _wrong(option, value, "is less than 1", "Write 1 or more.")


def _check_reference(option: Option, value: str) -> None:
    try:
        parse_reference(value)
    except ValueError as fault:
        raise _wrong(
            option,
            value,
            f"is no image reference: {fault}",
            "Write HOST/NAME:TAG, for example registry.example.com/me/ml-cache:main.",
        ) from None


def _check_digest(option: Option, value: str) -> None:
    if not is_digest(value):
        raise _wrong(
            option,
            value,
            "is not a digest",
            "Write sha256: and 64 hexadecimal digits, as in the directory's index.json.",
        )


def _check_url(option: Option, value: str) -> None:
    if not _URL.fullmatch(value):
        raise _wrong(option, value, "is not an address", "Write http://HOST/ or https://HOST/.")


def _check_duration(option: Option, value: str) -> None:
    if not re.fullmatch(rf"(?:{_DURATION.pattern})+", value):
        raise _wrong(option, value, "is not a duration", "Write for example 90s, 10m or 24h.")


def _check_text(option: Option, value: str, cache_type: str, direction: Direction) -> None:
    name = option.name
    if not value and name not in ("prefix", "blobs_prefix", "manifests_prefix"):
        raise _wrong(option, value, "is empty", f"Give it a value, or leave {name} out.")
    if name == "scope" and re.search(r"[\s,]", value):
        raise _wrong(option, value, "holds a blank or a comma", "Use letters, digits and - _ . /")
    if name == "bucket" and not _BUCKET.fullmatch(value):
        raise _wrong(option, value, "is not the name of a bucket", "Give the name alone, no s3://.")
    if name == "tag" and not _TAG.fullmatch(value):
        raise _wrong(option, value, "is not a tag", "Use letters, digits and - _ . up to 128.")
    if name == "name" and cache_type == "s3":
        _check_manifest_names(option, value, direction)


def _check_manifest_names(option: Option, value: str, direction: Direction) -> None:
    names = value.split(";")
    if direction == "import" and len(names) > 1:
        raise _wrong(
            option,
            value,
            "holds several names, and an import reads only the first",
            "Give one --import-cache for each name.",
        )
    if not all(names):
        raise _wrong(option, value, "holds an empty name", "Remove the extra semicolon.")
    if len(set(names)) < len(names):
        raise _wrong(option, value, "holds a name twice", "Keep one of the two.")


def _check_together(cache_type: str, direction: Direction, attrs: Mapping[str, str]) -> None:
    if cache_type in ("registry", "local") and direction == "export":
        _check_compression(attrs)
    if cache_type == "local" and direction == "import" and "digest" in attrs and "tag" in attrs:
        raise CacheSettingError(
            "a local import takes a digest or a tag, not both",
            option="digest",
            hint="Leave one of the two out.",
        )
    if cache_type == "s3" and ("access_key_id" in attrs) != ("secret_access_key" in attrs):
        missing = {"access_key_id", "secret_access_key"}.difference(attrs).pop()
        raise CacheSettingError(
            f"the s3 cache {direction} has half of its credentials: {missing} is missing",
            option=missing,
            hint="Give both, or neither: then the builder uses its own credentials.",
        )
    if cache_type == "gha" and attrs.get("version") == "1" and "url_v2" in attrs:
        raise CacheSettingError(
            "url_v2 is the address of version 2 of the cache service, not of version 1",
            option="url_v2",
            value=attrs["url_v2"],
            hint="Leave out version=1, or give url instead.",
        )


def _check_compression(attrs: Mapping[str, str]) -> None:
    compression = attrs.get("compression", "gzip")
    level = attrs.get("compression-level")
    if _TEMPLATE.search(compression):
        return
    if compression in ("estargz", "zstd") and not is_true(
        attrs.get("oci-mediatypes"), default=True
    ):
        raise CacheSettingError(
            f"compression={compression} needs oci-mediatypes=true",
            option="oci-mediatypes",
            value=attrs["oci-mediatypes"],
            hint="Leave oci-mediatypes out (true is the default), or use compression=gzip.",
        )
    if is_true(attrs.get("image-manifest")) and not is_true(
        attrs.get("oci-mediatypes"), default=True
    ):
        raise CacheSettingError(
            "image-manifest=true needs oci-mediatypes=true",
            option="oci-mediatypes",
            value=attrs["oci-mediatypes"],
            hint="Leave oci-mediatypes out; true is the default.",
        )
    if level is None or _TEMPLATE.search(level):
        return
    levels = COMPRESSION_LEVELS.get(compression)
    if levels is None:
        raise CacheSettingError(
            f"compression={compression} has no level",
            option="compression-level",
            value=level,
            hint="Leave compression-level out.",
        )
    if int(level) not in levels:
        raise CacheSettingError(
            f"compression-level={level} is out of range for {compression}",
            option="compression-level",
            value=level,
            hint=f"{compression} takes {levels[0]} to {levels[-1]}.",
        )


def _wrong(option: Option, value: str, what: str, hint: str) -> CacheSettingError:
    shown = MASK if option.secret else value
    return CacheSettingError(
        f"{option.name}={shown} {what}", option=option.name, value=shown, hint=hint
    )


def _near(wrong: str, names: Iterable[str]) -> str:
    close = difflib.get_close_matches(wrong.lower().replace("_", "-"), _spellings(names), n=1)
    return f"Did you mean {_spellings(names)[close[0]]}? " if close else ""


def _spellings(names: Iterable[str]) -> dict[str, str]:
    return {name.replace("_", "-"): name for name in names}


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)


def _lowered(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]
