"""The options of the five remote cache types, as one table.

Everything that knows a cache option reads it here: parsing, checks, help, completion, the form, the
JupyterLab panel and the documentation. The rows hold what envd documents and what BuildKit reads;
BuildKit ignores a name it does not know without a word, so a name that is not here is an error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "CACHE_TYPES",
    "COMPRESSION_LEVELS",
    "OPTIONS",
    "SECRET_OPTIONS",
    "TYPE_SINCE",
    "CacheType",
    "Direction",
    "Option",
    "describe_table",
    "options_for",
    "types_for",
]

Direction = Literal["export", "import"]
CacheType = Literal["registry", "inline", "local", "gha", "s3"]
Kind = Literal[
    "text", "choice", "flag", "integer", "reference", "path", "digest", "url", "duration"
]

CACHE_TYPES: tuple[CacheType, ...] = ("registry", "inline", "local", "gha", "s3")

#: The BuildKit that brought a type; those not named are as old as the oldest one supported.
TYPE_SINCE: dict[str, str] = {"gha": "0.9.0", "s3": "0.11.0"}

#: Levels that each compression takes. ``uncompressed`` has none.
COMPRESSION_LEVELS: dict[str, range] = {
    "gzip": range(10),
    "estargz": range(10),
    "zstd": range(23),
}

_BOTH: tuple[Direction, ...] = ("export", "import")
_EXPORT: tuple[Direction, ...] = ("export",)
_IMPORT: tuple[Direction, ...] = ("import",)
_LAYERED = ("registry", "local")
_STORES = ("registry", "local", "gha", "s3")


@dataclass(frozen=True)
class Option:
    """One option of one or more cache types.

    Attributes
    ----------
    name
        As written in a setting.
    types, directions
        Where it may stand.
    kind
        What a value looks like.
    help
        One sentence for people.
    values
        The values of a ``choice``.
    default
        What BuildKit takes when it is not given, as text; None if there is no default.
    required
        Whether a setting cannot do without it (after the environment has been looked at).
    secret
        Whether its value must never be shown or stored.
    environ
        The environment variables it is filled from, first one first.
    since
        The BuildKit that brought it.
    """

    name: str
    types: tuple[str, ...]
    directions: tuple[Direction, ...]
    kind: Kind
    help: str
    values: tuple[str, ...] = ()
    default: str | None = None
    required: bool = False
    secret: bool = False
    environ: tuple[str, ...] = ()
    since: str | None = None

    def describe(self) -> dict[str, Any]:
        """Return the row as JSON, for the form, the server and the documentation."""
        return {
            "name": self.name,
            "kind": self.kind,
            "help": self.help,
            "values": list(self.values),
            "default": self.default,
            "required": self.required,
            "secret": self.secret,
            "environ": list(self.environ),
            "since": self.since,
        }


def _row(
    name: str,
    types: str | Iterable[str],
    directions: tuple[Direction, ...],
    kind: Kind,
    text: str,
    **more: Any,
) -> Option:
    named = (types,) if isinstance(types, str) else tuple(types)
    return Option(name, named, directions, kind, text, **more)


OPTIONS: tuple[Option, ...] = (
    # What and where
    _row("ref", "registry", _BOTH, "reference", "Image reference that holds the cache.",
         required=True),
    _row("dest", "local", _EXPORT, "path", "Directory the cache is written to.", required=True),
    _row("src", "local", _IMPORT, "path", "Directory the cache is read from.", required=True),
    _row("tag", "local", _BOTH, "text", "Name of the cache in the directory's index.",
         default="latest"),
    _row("digest", "local", _IMPORT, "digest", "Manifest list to import, instead of a tag."),
    _row("bucket", "s3", _BOTH, "text", "Bucket that holds the cache.", required=True,
         environ=("AWS_BUCKET",)),
    _row("region", "s3", _BOTH, "text", "Region of the bucket.", required=True,
         environ=("AWS_REGION", "AWS_DEFAULT_REGION")),
    _row("name", "s3", _EXPORT, "text", "Manifest name, or several separated by ';'.",
         default="buildkit"),
    _row("name", "s3", _IMPORT, "text", "Manifest name; one for each import.", default="buildkit"),
    _row("scope", "gha", _BOTH, "text", "Scope that the cache belongs to.", default="buildkit"),
    # How much, and in what form
    _row("mode", _STORES, _EXPORT, "choice",
         "min keeps the layers of the result, max those of every step.",
         values=("min", "max"), default="min"),
    _row("compression", _LAYERED, _EXPORT, "choice", "Compression of newly made layers.",
         values=("uncompressed", "gzip", "estargz", "zstd"), default="gzip"),
    _row("compression-level", _LAYERED, _EXPORT, "integer",
         "0 to 9 for gzip and estargz, 0 to 22 for zstd.", since="0.10.0"),
    _row("force-compression", _LAYERED, _EXPORT, "flag",
         "Apply the compression to layers that exist already, too.", default="false"),
    _row("oci-mediatypes", _LAYERED, _EXPORT, "flag",
         "Write OCI media types; estargz and zstd need them.", default="true"),
    _row("image-manifest", _LAYERED, _EXPORT, "flag",
         "Write an image manifest instead of a list; some registries take nothing else.",
         since="0.12.0"),
    _row("reset", "local", _EXPORT, "flag",
         "Remove blobs from the directory that no tag needs any more.", default="false"),
    _row("ignore-error", _STORES, _EXPORT, "flag", "Let the build succeed if the export fails.",
         default="false", since="0.11.0"),
    # Registry
    _row("registry.insecure", "registry", _BOTH, "flag",
         "Reach the registry over plain HTTP or an unverified certificate.", default="false",
         since="0.12.0"),
    # GitHub Actions
    _row("url", "gha", _BOTH, "url", "Address of the cache service.",
         environ=("ACTIONS_CACHE_URL",)),
    _row("url_v2", "gha", _BOTH, "url", "Address of the present cache service (v2).",
         environ=("ACTIONS_RESULTS_URL",), since="0.20.0"),
    _row("version", "gha", _BOTH, "choice", "Version of the cache service.", values=("1", "2"),
         since="0.20.0"),
    _row("token", "gha", _BOTH, "text", "Access token of the running job.", required=True,
         secret=True, environ=("ACTIONS_RUNTIME_TOKEN",)),
    _row("timeout", "gha", _BOTH, "duration", "How long one export or import may take.",
         default="10m", since="0.13.0"),
    _row("repository", "gha", _EXPORT, "text", "OWNER/NAME, to ask GitHub for what is cached.",
         since="0.14.0"),
    _row("ghtoken", "gha", _EXPORT, "text", "GitHub token for asking what is cached.",
         secret=True, since="0.14.0"),
    # S3
    _row("prefix", "s3", _BOTH, "text", "Put before every key, as it is.", default=""),
    _row("blobs_prefix", "s3", _BOTH, "text", "Put before the keys of blobs.", default="blobs/"),
    _row("manifests_prefix", "s3", _BOTH, "text", "Put before the keys of manifests.",
         default="manifests/"),
    _row("endpoint_url", "s3", _BOTH, "url", "Address of a server other than AWS."),
    _row("use_path_style", "s3", _BOTH, "flag", "Put the bucket in the path, not in the host name.",
         default="false"),
    _row("access_key_id", "s3", _BOTH, "text", "Access key; else the daemon's own credentials.",
         secret=True),
    _row("secret_access_key", "s3", _BOTH, "text", "Secret of the access key.", secret=True),
    _row("session_token", "s3", _BOTH, "text", "Session token of temporary credentials.",
         secret=True),
    _row("touch_refresh", "s3", _EXPORT, "duration",
         "Age at which a blob that is still used is touched again.", default="24h"),
    _row("upload_parallelism", "s3", _EXPORT, "integer", "Layers uploaded at once.", default="4",
         since="0.16.0"),
)  # fmt: skip

#: Names of the options whose values are never shown.
SECRET_OPTIONS = frozenset(option.name for option in OPTIONS if option.secret)


def types_for(direction: Direction) -> tuple[CacheType, ...]:
    """Return the types that can be exported or imported; inline is imported as a registry's."""
    return CACHE_TYPES if direction == "export" else tuple(t for t in CACHE_TYPES if t != "inline")


def options_for(cache_type: str, direction: Direction) -> tuple[Option, ...]:
    """Return the options of a type in one direction, the needed ones first."""
    rows = [o for o in OPTIONS if cache_type in o.types and direction in o.directions]
    return tuple(sorted(rows, key=lambda option: not option.required))


def describe_table() -> dict[str, Any]:
    """Return the whole table as JSON: ``{direction: {type: [option, ...]}}``."""
    directions: tuple[Direction, ...] = _BOTH
    return {
        direction: {
            cache_type: [option.describe() for option in options_for(cache_type, direction)]
            for cache_type in types_for(direction)
        }
        for direction in directions
    }
