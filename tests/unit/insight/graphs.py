"""Build graphs made by hand, as BuildKit's client marshals them."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from envd_jupyter.builds.insight import llb_pb2 as pb

if TYPE_CHECKING:
    from collections.abc import Sequence

ENVIRONMENT = ("PATH=/usr/bin", "LANG=C.UTF-8")
NOBODY = -1


class Definition:
    """A definition that grows by one operation a call; each returns its digest."""

    def __init__(self) -> None:
        self.message = pb.Definition()

    def add(self, operation: pb.Operation, name: str = "") -> str:
        raw = operation.SerializeToString(deterministic=True)
        self.message.operations.append(raw)
        digest = "sha256:" + hashlib.sha256(raw).hexdigest()
        if name:
            self.message.metadata[digest].description["llb.customname"] = name
        return digest

    def image(self, reference: str = "docker.io/library/base:1", os: str = "linux") -> str:
        source = pb.Source(identifier=f"docker-image://{reference}")
        platform = pb.Platform(architecture="amd64", os=os)
        return self.add(pb.Operation(source=source, platform=platform))

    def context(self, unique: str = "one") -> str:
        source = pb.Source(identifier="local://build-context", attrs={"local.unique": unique})
        return self.add(pb.Operation(source=source))

    def run(
        self,
        base: str,
        command: str,
        *,
        environment: Sequence[str] = ENVIRONMENT,
        directory: str = "/",
        mounts: Sequence[pb.Mount] = (),
        inputs: Sequence[str] = (),
        name: str = "",
        proxy: str = "",
    ) -> str:
        process = pb.Process(
            arguments=["bash", "-c", command], environment=environment, directory=directory
        )
        if proxy:
            process.proxy.http = proxy
        given = [pb.Input(digest=digest) for digest in (base, *inputs)]
        root = pb.Mount(destination="/")
        run = pb.Exec(process=process, mounts=[root, *mounts])
        return self.add(pb.Operation(inputs=given, exec=run), name)

    def copy(self, base: str, source: str, path: str, to: str, owner: int = 0) -> str:
        copy = pb.Copy(source=path, destination=to, mode=-1, timestamp=-1)
        copy.owner.user.id = owner
        action = pb.Action(input=0, second_input=1, copy=copy)
        given = [pb.Input(digest=base), pb.Input(digest=source)]
        return self.add(pb.Operation(inputs=given, file=pb.File(actions=[action])))

    def write(self, base: str, path: str, content: bytes) -> str:
        made = pb.MakeFile(path=path, content=content, mode=0o644)
        action = pb.Action(input=0, second_input=NOBODY, make_file=made)
        return self.add(
            pb.Operation(inputs=[pb.Input(digest=base)], file=pb.File(actions=[action]))
        )

    def merge(self, *inputs: str) -> str:
        given = [pb.Input(digest=digest) for digest in inputs]
        merge = pb.Merge(inputs=[pb.Index(input=n) for n in range(len(inputs))])
        return self.add(pb.Operation(inputs=given, merge=merge))

    def diff(self, lower: str, upper: str) -> str:
        given = [pb.Input(digest=lower), pb.Input(digest=upper)]
        diff = pb.Diff(lower=pb.Index(input=0), upper=pb.Index(input=1))
        return self.add(pb.Operation(inputs=given, diff=diff))

    def end(self, result: str) -> bytes:
        """Point at the result and return the marshaled definition."""
        operation = pb.Operation(inputs=[pb.Input(digest=result)])
        self.message.operations.append(operation.SerializeToString(deterministic=True))
        return self.message.SerializeToString(deterministic=True)


def chain(*commands: str, base: str = "docker.io/library/base:1", **options: object) -> bytes:
    """Return a graph of commands that follow one another."""
    made = Definition()
    last = made.image(base)
    for command in commands:
        last = made.run(last, command, **options)
    return made.end(last)
