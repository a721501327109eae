"""Causes: why a step ran again, in words, with what differs and with the evidence."""

from __future__ import annotations

import difflib
import posixpath
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from envd_jupyter.builds.steps import title_of
from envd_jupyter.cache.redaction import MASK, looks_secret

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envd_jupyter.builds.insight.compare import Change
    from envd_jupyter.builds.insight.context_files import FileChange
    from envd_jupyter.builds.insight.graph import Fact, Vertex

__all__ = ["KINDS", "Cause", "Explanation", "cause_of_changes", "cause_of_files", "short"]

KINDS = {
    "first-build": "No earlier build of this project is known here.",
    "new-step": "The step is new.",
    "removed-step": "A step before it was removed.",
    "order": "The order of the steps changed.",
    "command": "Its command changed.",
    "environment": "Its environment variables changed.",
    "environment-order": "Its environment variables came in another order.",
    "directory": "Its working directory changed.",
    "user": "The user it runs as changed.",
    "mount": "What is mounted into it changed.",
    "setting": "A setting of the step changed.",
    "platform": "It is for another platform.",
    "base-image": "Another base image was chosen.",
    "base-image-moved": "The base image's tag stands for another image now.",
    "source": "Another source was chosen.",
    "download": "What is downloaded changed.",
    "copy": "What is copied, or where to, changed.",
    "owner": "The owner given to files changed.",
    "file-content": "The content written to a file changed.",
    "ssh-key": "The public SSH key changed.",
    "files": "Files of the project changed.",
    "builder-kind": "Another kind of builder is given another graph.",
    "other-builder": "This builder had never run it.",
    "builder-reset": "The builder lost all it had.",
    "pruned": "The builder no longer had its result.",
    "import-failed": "The remote cache could not be read.",
    "import-missing": "The remote cache is not there yet.",
    "import-without": "The remote cache does not hold it.",
    "import-dropped": "It came from a remote cache that is not imported now.",
    "mode-min": "The remote cache was exported with mode=min, which leaves it out.",
    "unfinished": "It had not been finished before.",
    "no-cache": "The cache was not to be used.",
    "unknown": "Why it ran cannot be known.",
}
"""What can be named, with a sentence for each."""

_ENVIRONMENT_HINT = (
    "envd 1.3.6 writes the variables of runtime.environ and of the base image in a random order, "
    "and their order is part of the cache key. Fewer variables make a miss less likely; "
    "variables that only one step needs can be set inside its command."
)
_FIELDS = {
    "command": "command",
    "environment": "environment",
    "directory": "directory",
    "user": "user",
    "platform": "platform",
    "content": "file-content",
    "owner": "owner",
    "copied from": "copy",
    "copied to": "copy",
    "copied how": "copy",
    "included": "copy",
    "excluded": "copy",
    "cache": "no-cache",
}
# What is named first if several things differ in one step.
_ORDER = ("no-cache", "platform", "base-image", "source", "command", "files", "copy", "ssh-key")
_KEYS_FILE = "authorized_keys"
_WIDTH = 160
_MOST_FILES = 8


@dataclass(frozen=True)
class Cause:
    """Why a step ran.

    Attributes
    ----------
    kind
        One of `KINDS`.
    text
        One sentence that names the thing.
    step
        The step that is the cause; the step itself, or one before it.
    digest
        Its vertex in the new build.
    differences
        What was and is, a line each.
    evidence
        What this is concluded from.
    hint
        What to do about it, if something can be done.
    """

    kind: str
    text: str
    step: str
    digest: str
    differences: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    hint: str | None = None

    def with_evidence(self, *lines: str) -> Cause:
        """Return the cause with more evidence."""
        return replace(self, evidence=(*self.evidence, *lines))

    def to_json(self) -> dict[str, Any]:
        """Return the cause as JSON."""
        return {
            "kind": self.kind,
            "text": self.text,
            "step": self.step,
            "digest": self.digest,
            "differences": list(self.differences),
            "evidence": list(self.evidence),
            "hint": self.hint,
        }


@dataclass(frozen=True)
class Explanation:
    """Why one step of a build ran.

    Attributes
    ----------
    digest, name, number
        The step.
    duration
        Seconds it took, if it has ended.
    causes
        The first change on each path that leads to the step; never empty.
    also
        What changed in the step itself, where a cause lies before it.
    baseline
        The id of the build it is compared with, if there is one.
    """

    digest: str
    name: str
    number: int
    duration: float | None
    causes: tuple[Cause, ...]
    also: tuple[Cause, ...] = field(default=())
    baseline: str | None = None

    @property
    def cause(self) -> Cause:
        """The cause to name first."""
        return self.causes[0]

    @property
    def follows(self) -> bool:
        """Whether the step only follows from a change before it."""
        return all(cause.digest != self.digest for cause in self.causes)

    def to_json(self) -> dict[str, Any]:
        """Return the explanation as JSON."""
        return {
            "digest": self.digest,
            "name": self.name,
            "number": self.number,
            "duration": self.duration,
            "follows": self.follows,
            "causes": [cause.to_json() for cause in self.causes],
            "also": [cause.to_json() for cause in self.also],
            "baseline": self.baseline,
        }


def short(text: str, width: int = 80) -> str:
    """Return a name on one line."""
    line = " ".join(text.split())
    return line if len(line) <= width else line[: width - 1] + "…"


def name_of(vertex: Vertex) -> str:
    """Return the name of a step as its card shows it."""
    return short(title_of(vertex.name))


def cause_of_changes(vertex: Vertex, changes: Sequence[Change]) -> Cause:
    """Put into words what differs in a step itself."""
    found = [(_kind(change, vertex), change) for change in changes]
    ranks = {kind: number for number, kind in enumerate(_ORDER)}
    found.sort(key=lambda item: ranks.get(item[0], len(ranks)))
    kind, first = found[0]
    lines = tuple(line for _, change in found for line in _lines(change))
    kinds = list(dict.fromkeys(kind for kind, _ in found))
    text = _sentence(kind, first, vertex)
    if len(kinds) > 1:
        text += " Also: " + " ".join(KINDS[other] for other in kinds[1:])
    hint = _ENVIRONMENT_HINT if kind == "environment-order" else _hint(kind)
    return Cause(kind, text, name_of(vertex), vertex.digest, lines, (), hint)


def cause_of_files(vertex: Vertex, changes: Sequence[FileChange], *, whole: bool) -> Cause:
    """Put into words which files of the project differ.

    Parameters
    ----------
    vertex
        The step that copies or mounts them.
    changes
        The files.
    whole
        Whether the step uses the whole project.
    """
    names = [change.path for change in changes]
    listed = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    lines = [_file_line(change) for change in changes[:_MOST_FILES]]
    if len(changes) > _MOST_FILES:
        lines.append(f"… {len(changes) - _MOST_FILES} more files")
    hint = None
    if whole:
        hint = (
            "The step uses the whole project directory, so any file in it counts, build.envd and "
            "notebooks too. Copy only what it needs with io.copy, or keep changing files elsewhere."
        )
    plural = "files" if len(names) > 1 else "file"
    text = f"The project {plural} it uses changed: {listed}."
    return Cause("files", text, name_of(vertex), vertex.digest, tuple(lines), (), hint)


def _file_line(change: FileChange) -> str:
    if change.what == "added":
        return f"{change.path}: added, {change.after} bytes"
    if change.what == "removed":
        return f"{change.path}: removed"
    if change.before == change.after:
        return f"{change.path}: changed, {change.after} bytes as before"
    return f"{change.path}: changed, {change.before} → {change.after} bytes"


def _kind(change: Change, vertex: Vertex) -> str:
    name = change.field.rstrip("0123456789 ")
    if name == "source":
        return "base-image" if vertex.identifier.startswith("docker-image://") else "source"
    if name.startswith("mount"):
        return "mount"
    if name.startswith("attribute http."):
        return "download"
    if name == "environment" and change.reordered:
        return "environment-order"
    if name == "content" and _KEYS_FILE in str(vertex.facts.get(change.field.replace(*_PATH), "")):
        return "ssh-key"
    return _FIELDS.get(name, "setting")


_PATH = ("content", "path")


def _sentence(kind: str, change: Change, vertex: Vertex) -> str:
    if kind == "base-image":
        before, after = _reference(change.before), _reference(change.after)
        return f"Another base image was chosen: {after} instead of {before}."
    if kind == "platform":
        return f"It is for {change.after} now; it was for {change.before}."
    if kind == "directory":
        return f"Its working directory changed from {change.before} to {change.after}."
    if kind == "user":
        return f"It runs as {change.after or 'the default user'}; before: {change.before}."
    if kind == "environment":
        names = sorted(_variables(change))
        some = ", ".join(names[:4]) + (" …" if len(names) > 4 else "")
        return f"Its environment variables changed: {some}."
    if kind == "owner":
        return f"The owner given to files changed from {change.before} to {change.after}."
    if kind == "file-content":
        path = vertex.facts.get(change.field.replace(*_PATH), "a file")
        return f"The content written to {path} changed."
    if kind == "mount":
        return f"What is mounted at {change.field.removeprefix('mount ')} changed."
    if kind == "setting":
        return f"Its {change.field} changed."
    return KINDS[kind]


def _hint(kind: str) -> str | None:
    if kind == "owner":
        return (
            "envd writes the id of the user who builds into the files it copies; builds of users "
            "with different ids share no cache for such steps."
        )
    if kind == "ssh-key":
        return "envd puts the public key into development images; another key is another image."
    return None


def _reference(value: Fact | None) -> str:
    return value.removeprefix("docker-image://") if isinstance(value, str) else "none"


def _variables(change: Change) -> set[str]:
    before, after = _items(change.before), _items(change.after)
    return {line.partition("=")[0] for line in set(before) ^ set(after)}


def _items(value: Fact | None) -> tuple[str, ...]:
    if value is None:
        return ()
    return value if isinstance(value, tuple) else (value,)


def _lines(change: Change) -> list[str]:
    if change.field == "environment":
        return _environment_lines(change)
    if change.field.startswith("content") and _secretive(change):
        return [f"{change.field}: other content"]
    before, after = _text(change.before), _text(change.after)
    if "\n" in before or "\n" in after:
        diff = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=0)
        kept = [line for line in list(diff)[2:] if not line.startswith("@@")]
        return [_cut(line) for line in kept[:12]]
    if change.before is None:
        return [_cut(f"{change.field}: now {after}")]
    if change.after is None:
        return [_cut(f"{change.field}: no longer {before}")]
    return [_cut(f"{change.field}: {before} → {after}")]


def _environment_lines(change: Change) -> list[str]:
    before, after = _items(change.before), _items(change.after)
    if change.reordered:
        was = [line.partition("=")[0] for line in before]
        now = [line.partition("=")[0] for line in after]
        return [_cut("before: " + " ".join(was)), _cut("now: " + " ".join(now))]
    was_values = dict(line.partition("=")[::2] for line in before)
    now_values = dict(line.partition("=")[::2] for line in after)
    lines = []
    for name in sorted({*was_values, *now_values}):
        was_value, now_value = was_values.get(name), now_values.get(name)
        if was_value == now_value:
            continue
        if looks_secret(name):
            was_value = was_value and MASK
            now_value = now_value and MASK
        if was_value is None:
            lines.append(f"{name}: now {now_value}")
        elif now_value is None:
            lines.append(f"{name}: no longer set")
        else:
            lines.append(f"{name}: {was_value} → {now_value}")
    return [_cut(line) for line in lines]


def _secretive(change: Change) -> bool:
    text = f"{change.before}{change.after}"
    return "ssh-" in text or "PRIVATE KEY" in text


def _text(value: Fact | None) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, str):
        return value
    if value[:2] == ("bash", "-c"):
        return title_of(" ".join(value))
    return " ".join(value) or "nothing"


def _cut(line: str) -> str:
    return line if len(line) <= _WIDTH else line[: _WIDTH - 1] + "…"


def place_of(path: str) -> str:
    """Return a path of a context as it stands in ``build.envd``."""
    return posixpath.normpath(path).lstrip("/") or "."
