"""A cache setting in plain words, for ``--dry-run``, the form and the doctor."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envd_jupyter.cache.entry import is_true

if TYPE_CHECKING:
    from envd_jupyter.cache.entry import CacheEntry

__all__ = ["explain", "implied_import"]


def explain(entry: CacheEntry) -> list[str]:
    """Say what a cache export or import does, one fact a line, without secrets."""
    return _explain_export(entry) if entry.direction == "export" else _explain_import(entry)


def _place(entry: CacheEntry) -> str:
    get = entry.get
    if entry.type == "registry":
        return f"the registry, as {get('ref')}"
    if entry.type == "local":
        return f"the directory {get('dest') or get('src')}"
    if entry.type == "gha":
        return f"the GitHub Actions cache, scope {get('scope', 'buildkit')}"
    if entry.type == "s3":
        prefix = get("prefix", "")
        manifests = f"{prefix}{get('manifests_prefix', 'manifests/')}"
        names = " and ".join((get("name") or "buildkit").split(";"))
        where = f" at {get('endpoint_url')}" if get("endpoint_url") else ""
        return f"the bucket {get('bucket', '$AWS_BUCKET')}{where}, as {manifests}{names}"
    return "the image itself"


def _explain_export(entry: CacheEntry) -> list[str]:
    lines = [f"Stores the build cache in {_place(entry)}."]
    if entry.type == "inline":
        lines.append("Only the steps of the final image are kept; import it as the image's name.")
        return lines
    if entry.get("mode") == "max":
        lines.append("Keeps every step (mode=max).")
    else:
        lines.append("Keeps the layers of the result only (mode=min).")
    compression = entry.get("compression")
    if compression:
        level = entry.get("compression-level")
        at = f", level {level}" if level else ""
        which = "all" if is_true(entry.get("force-compression")) else "newly made"
        lines.append(f"Writes {which} layers as {compression}{at}.")
    if is_true(entry.get("ignore-error")):
        lines.append("The build succeeds even if this export fails.")
    return lines


def _explain_import(entry: CacheEntry) -> list[str]:
    lines = [f"Reuses steps found in {_place(entry)}."]
    if entry.type == "local":
        which = entry.get("digest") or f"the tag {entry.get('tag', 'latest')}"
        lines.append(f"Reads {which}; the directory is not changed.")
    return lines


def implied_import(export: CacheEntry, image: str | None = None) -> CacheEntry | None:
    """Return the import that reads what an export writes.

    Parameters
    ----------
    export
        A cache export.
    image
        The pushed image, which an inline cache lies in.

    Returns
    -------
    CacheEntry or None
        None where it cannot be known: an inline cache without an image.
    """
    from envd_jupyter.cache.entry import CacheEntry
    from envd_jupyter.cache.options import options_for

    if export.type == "inline":
        return CacheEntry("import", "registry", (("ref", image),)) if image else None
    allowed = {option.name for option in options_for(export.type, "import")}
    renamed = [("src" if key == "dest" else key, value) for key, value in export.attrs]
    attrs = tuple((key, value) for key, value in renamed if key in allowed)
    if export.type == "s3":
        attrs = tuple((key, v.split(";")[0] if key == "name" else v) for key, v in attrs)
    return CacheEntry("import", export.type, attrs)
