"""The build graph as BuildKit got it, in a form that two builds can be compared by.

envd sends a *definition*: operations as protobuf bytes, each named by the SHA-256 of its bytes.
That name is also the vertex digest of the status stream, which is how a step's times are found.
It says too much to compare builds by: it covers the digests of all inputs, and a build context
carries an id of its own in every build. So each vertex is given as *facts*: what BuildKit makes its
cache key from, field by field, under the name a person would use, and without what it leaves out
(the proxy, the ids of private cache mounts, the addresses of extra hosts).
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import TypeAlias

    from envd_jupyter.builds.insight import llb_pb2 as pb

    Fact: TypeAlias = str | tuple[str, ...]

__all__ = ["Graph", "Input", "Use", "Vertex", "decode_graph"]

_NETWORK = ("sandbox", "host", "none")
_SECURITY = ("sandbox", "insecure")
_MOUNTS = ("bind", "secret", "ssh", "cache", "tmpfs")
_SECRET, _SSH, _CACHE, _TMPFS = 1, 2, 3, 4
_NO_OUTPUT = -1
_CONTENT_OFF = 2
# Attributes of a source that differ in every build and do not count.
_VOLATILE = frozenset({"local.unique", "local.session", "oci.session", "local.sharedkeyhint"})


class Input(NamedTuple):
    """An edge to another vertex: its digest, which of its outputs, and what it is used as."""

    vertex: str
    output: int
    role: str


class Use(NamedTuple):
    """How a vertex reads an input whose *content* BuildKit compares, rather than its origin.

    ``paths`` are the only ones that count (``/`` for all), ``included`` and ``excluded`` patterns
    below them.
    """

    input: int
    paths: tuple[str, ...]
    wildcard: bool = False
    included: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Vertex:
    """One operation of a build.

    Attributes
    ----------
    digest
        Its name in the status stream.
    kind
        ``source``, ``exec``, ``file``, ``merge``, ``diff`` or ``other``.
    name
        As BuildKit and envd call it.
    inputs
        The vertices it works on.
    facts
        What its cache key is made from, without its inputs.
    uses
        The inputs that are compared by content.
    ignore_cache
        Whether BuildKit was told to run it in any case.
    proxied
        Whether a proxy is set for it (which is no part of the cache key).
    """

    digest: str
    kind: str
    name: str
    inputs: tuple[Input, ...]
    facts: Mapping[str, Fact]
    uses: tuple[Use, ...] = ()
    ignore_cache: bool = False
    proxied: bool = False

    @property
    def local(self) -> tuple[object, ...]:
        """All facts as one value: equal for two vertices that differ in nothing but inputs."""
        return (self.kind, *self.facts.items())

    @property
    def identifier(self) -> str:
        """The URL of a source (``docker-image://…``, ``local://…``), or the empty string."""
        found = self.facts.get("source", "")
        return found if isinstance(found, str) else ""


class Graph:
    """All vertices of a definition, inputs before the vertices that use them.

    Parameters
    ----------
    vertices
        The vertices in that order.
    root
        The digest of the vertex whose result is the build's.
    platform
        ``os/architecture`` the steps run on, if the definition tells.
    """

    def __init__(self, vertices: Sequence[Vertex], root: str, platform: str | None) -> None:
        self.vertices = {vertex.digest: vertex for vertex in vertices}
        self.root = root
        self.platform = platform

    def __len__(self) -> int:
        return len(self.vertices)

    def __iter__(self) -> Iterator[Vertex]:
        return iter(self.vertices.values())

    def __contains__(self, digest: object) -> bool:
        return digest in self.vertices

    def __getitem__(self, digest: str) -> Vertex:
        return self.vertices[digest]

    @property
    def merges(self) -> bool:
        """Whether envd used merge operations, as it does on every builder but Docker Engine."""
        return any(vertex.kind in ("merge", "diff") for vertex in self)


def decode_graph(definition: bytes) -> Graph:
    """Read a definition as it passed in ``LLBBridge/Solve``.

    Parameters
    ----------
    definition
        A marshaled ``pb.Definition``.

    Raises
    ------
    ValueError
        If it is not one.
    """
    from google.protobuf.message import DecodeError

    from envd_jupyter.builds.insight import llb_pb2

    try:
        message = llb_pb2.Definition.FromString(definition)
        operations = [(raw, llb_pb2.Operation.FromString(raw)) for raw in message.operations]
    except DecodeError as error:
        raise ValueError(f"this is no build graph: {error}") from None
    vertices: list[Vertex] = []
    root, platform = "", None
    metadata = message.metadata
    for raw, operation in operations:
        kind = operation.WhichOneof("kind")
        if kind is None:  # the last operation only points at the result
            root = operation.inputs[0].digest if operation.inputs else root
            continue
        digest = "sha256:" + sha256(raw).hexdigest()
        note = metadata.get(digest)
        vertices.append(_vertex(digest, operation, kind, note))
        if kind == "exec" or platform is None:
            platform = _platform(operation) or platform
    if not root and vertices:
        root = vertices[-1].digest
    return Graph(vertices, root, platform)


def _vertex(digest: str, operation: pb.Operation, kind: str, note: pb.Metadata | None) -> Vertex:
    facts: dict[str, Fact]
    uses: tuple[Use, ...] = ()
    roles: Sequence[str] = ()
    proxied = False
    if kind == "exec":
        facts, roles, uses = _exec(operation.exec, operation)
        name = " ".join(operation.exec.process.arguments)
        proxied = operation.exec.process.HasField("proxy")
    elif kind == "source":
        facts = _source(operation.source, operation)
        name = operation.source.identifier
    elif kind == "file":
        facts, roles, uses, name = _file(operation.file, len(operation.inputs))
    elif kind == "merge":
        facts, name = {}, "merge"
    elif kind == "diff":
        facts, name = {}, "diff"
        roles = ("lower", "upper") if operation.diff.lower.input == 0 else ("upper", "lower")
    else:
        kind, name = "other", kind
        facts = {"operation": operation.SerializeToString(deterministic=True).hex()}
    if operation.constraints.filters:
        facts["worker constraints"] = tuple(operation.constraints.filters)
    inputs = tuple(
        Input(given.digest, given.index, roles[number] if number < len(roles) else str(number))
        for number, given in enumerate(operation.inputs)
    )
    custom = note.description.get("llb.customname") if note is not None else None
    ignore = note.ignore_cache if note is not None else False
    return Vertex(digest, kind, custom or name, inputs, facts, uses, ignore, proxied)


def _platform(operation: pb.Operation) -> str | None:
    if not operation.HasField("platform"):
        return None
    given = operation.platform
    return "/".join(filter(None, (given.os, given.architecture, given.variant)))


def _source(source: pb.Source, operation: pb.Operation) -> dict[str, Fact]:
    facts: dict[str, Fact] = {"source": source.identifier}
    for key in sorted(source.attrs):
        if key not in _VOLATILE:
            facts[f"attribute {key}"] = source.attrs[key]
    platform = _platform(operation)
    if platform:
        facts["platform"] = platform
    return facts


def _exec(
    command: pb.Exec, operation: pb.Operation
) -> tuple[dict[str, Fact], list[str], tuple[Use, ...]]:
    process = command.process
    facts: dict[str, Fact] = {
        "command": tuple(process.arguments),
        "environment": tuple(process.environment),
        "directory": process.directory,
    }
    if process.user:
        facts["user"] = process.user
    if process.host_name:
        facts["host name"] = process.host_name
    if process.hosts:
        facts["extra hosts"] = tuple(host.name for host in process.hosts)
    if process.limits:
        facts["limits"] = tuple(f"{x.name}={x.soft}:{x.hard}" for x in process.limits)
    if process.cgroup_parent:
        facts["cgroup"] = process.cgroup_parent
    if process.exit_codes:
        facts["exit codes"] = tuple(map(str, process.exit_codes))
    if command.network:
        facts["network"] = _word(_NETWORK, command.network)
    if command.security:
        facts["security"] = _word(_SECURITY, command.security)
    if command.secret_variables:
        facts["secret variables"] = tuple(
            f"{secret.name}={secret.id}" for secret in command.secret_variables
        )
    if command.devices:
        facts["devices"] = tuple(device.name for device in command.devices)
    platform = _platform(operation)
    if platform:
        facts["platform"] = platform
    roles = [""] * len(operation.inputs)
    uses = []
    for mount in command.mounts:
        place = mount.destination
        if place != "/" or mount.readonly or mount.selector:
            facts[f"mount {place}"] = _mount(mount)
        if 0 <= mount.input < len(roles) and mount.type not in (_SECRET, _SSH, _TMPFS):
            roles[mount.input] = place
            if _by_content(mount):
                uses.append(Use(mount.input, (posixpath.join("/", mount.selector),)))
    return facts, roles, tuple(uses)


def _mount(mount: pb.Mount) -> str:
    words = [_word(_MOUNTS, mount.type)]
    words.append("read-only" if mount.readonly else "writable")
    if mount.selector:
        words.append(f"of {mount.selector}")
    if mount.type == _SECRET:
        words.append(f"secret {mount.secret.id}")
    elif mount.type == _SSH:
        words.append(f"agent {mount.ssh.id}")
    elif mount.type == _CACHE and mount.cache.sharing == 0:
        # Only an id of this form, as Dockerfiles have it, is part of the cache key (0.25).
        place = mount.destination
        if mount.cache.id == place or mount.cache.id.partition("/")[2] == place:
            words.append(f"id {mount.cache.id}")
    if mount.output == _NO_OUTPUT:
        words.append("changes dropped")
    return " ".join(words)


def _by_content(mount: pb.Mount) -> bool:
    """Say whether BuildKit looks at what is mounted rather than where it comes from (0.25)."""
    if mount.content_cache == _CONTENT_OFF or mount.destination == "/":
        return False
    whole = posixpath.join("/", mount.selector) == "/"
    return mount.readonly or whole or mount.output == _NO_OUTPUT


def _file(file: pb.File, inputs: int) -> tuple[dict[str, Fact], list[str], tuple[Use, ...], str]:
    facts: dict[str, Fact] = {}
    roles = [""] * inputs
    uses: list[Use] = []
    names = []
    whole: set[int] = set()
    for number, action in enumerate(file.actions, 1):
        at = f" {number}" if len(file.actions) > 1 else ""
        if 0 <= action.input < inputs:
            roles[action.input] = "target"
            whole.add(action.input)
        kind = action.WhichOneof("kind")
        if kind == "copy":
            copy = action.copy
            names.append(f"copy {copy.source} {copy.destination}")
            if 0 <= action.second_input < inputs:
                roles[action.second_input] = roles[action.second_input] or "copied"
                uses.append(_copied(action.second_input, copy))
            facts.update({f"{key}{at}": value for key, value in _copy(copy)})
        elif kind == "make_file":
            made = action.make_file
            names.append(f"mkfile {made.path}")
            facts[f"path{at}"] = made.path
            facts[f"mode{at}"] = f"{made.mode:o}"
            facts[f"content{at}"] = _text(made.content)
            facts[f"owner{at}"] = _owner(made.owner)
            facts[f"time{at}"] = str(made.timestamp)
        elif kind == "make_folder":
            folder = action.make_folder
            names.append(f"mkdir {folder.path}")
            facts[f"path{at}"] = folder.path
            facts[f"mode{at}"] = f"{folder.mode:o}"
            facts[f"parents{at}"] = str(folder.parents)
            facts[f"owner{at}"] = _owner(folder.owner)
            facts[f"time{at}"] = str(folder.timestamp)
        elif kind == "remove":
            names.append(f"rm {action.remove.path}")
            facts[f"removed{at}"] = action.remove.path
            facts[f"may be missing{at}"] = str(action.remove.may_be_missing)
            facts[f"wildcard{at}"] = str(action.remove.wildcard)
        else:
            names.append(kind or "file")
            facts[f"action{at}"] = action.SerializeToString(deterministic=True).hex()
    return facts, roles, tuple(use for use in uses if use.input not in whole), ", ".join(names)


def _copied(number: int, copy: pb.Copy) -> Use:
    return Use(
        number,
        (posixpath.join("/", copy.source),),
        copy.wildcard,
        tuple(copy.included),
        tuple(copy.excluded),
    )


def _copy(copy: pb.Copy) -> Iterator[tuple[str, Fact]]:
    yield "copied from", copy.source
    yield "copied to", copy.destination
    yield "owner", _owner(copy.owner)
    yield "mode", "kept" if copy.mode == -1 else f"{copy.mode:o}"
    yield "time", "kept" if copy.timestamp == -1 else str(copy.timestamp)
    flags = ("follow_links", "only_contents", "unpack", "make_destination", "wildcard")
    yield "copied how", tuple(flag for flag in (*flags, "empty_wildcard") if getattr(copy, flag))
    if copy.included:
        yield "included", tuple(copy.included)
    if copy.excluded:
        yield "excluded", tuple(copy.excluded)


def _owner(owner: pb.Owner) -> str:
    return f"{_account(owner.user)}:{_account(owner.group)}"


def _account(account: pb.Account) -> str:
    kind = account.WhichOneof("account")
    if kind == "name":
        return account.name.name
    return str(account.id) if kind == "id" else ""


def _text(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return f"sha256:{sha256(content).hexdigest()}"


def _word(words: Sequence[str], number: int) -> str:
    return words[number] if 0 <= number < len(words) else str(number)
