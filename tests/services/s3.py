"""S3 servers: versitygw, which checks credentials, and moto, a second opinion that does not."""

from __future__ import annotations

import os
import secrets
import sys
from typing import TYPE_CHECKING, Any

from tests.services.process import Process, free_port, listens
from tests.services.tools import versitygw

if TYPE_CHECKING:
    from pathlib import Path


class ObjectStore:
    """A running S3 server with one user.

    Parameters
    ----------
    folder
        Its place.
    kind
        ``versitygw`` or ``moto``.
    port
        Where it listens, as ``localhost``; by default a free port.
    """

    region = "eu-west-1"

    def __init__(self, folder: Path, kind: str = "versitygw", *, port: int | None = None) -> None:
        self.folder = folder
        self.kind = kind
        self.port = port or free_port()
        self._host = "localhost" if port else "127.0.0.1"
        self.access_key_id = f"AKIA{secrets.token_hex(8).upper()}"
        self.secret_access_key = secrets.token_urlsafe(30)
        (folder / "data").mkdir(parents=True)
        self.start()

    def start(self) -> None:
        environ = dict(os.environ)
        if self.kind == "moto":
            command: list[str | Path] = [sys.executable, "-m", "moto.server"]
            command += ["-H", "127.0.0.1", "-p", str(self.port)]
        else:
            environ |= {
                "ROOT_ACCESS_KEY": self.access_key_id,
                "ROOT_SECRET_KEY": self.secret_access_key,
            }
            command = [versitygw(), "--port", f"127.0.0.1:{self.port}", "--region", self.region]
            command += ["--quiet", "posix", self.folder / "data"]
        self.process = Process(command, self.folder / f"{self.kind}.log", env=environ)
        self.process.wait_until(lambda: listens(self.port))

    def stop(self) -> None:
        self.process.stop()

    def kill(self) -> None:
        """End it as a crash would."""
        self.process.kill()

    @property
    def endpoint(self) -> str:
        return f"http://{self._host}:{self.port}"

    @property
    def credentials(self) -> dict[str, str]:
        """The environment of somebody who may use it."""
        return {
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
        }

    def setting(self, bucket: str, *, credentials: bool = True, **attributes: str) -> str:
        """Return a cache setting for a bucket of this server."""
        pairs = {"type": "s3", "bucket": bucket, "region": self.region}
        pairs |= {"endpoint_url": self.endpoint, "use_path_style": "true"}
        if credentials:
            pairs["access_key_id"] = self.access_key_id
            pairs["secret_access_key"] = self.secret_access_key
        return ",".join(f"{name}={value}" for name, value in (pairs | attributes).items())

    # What lies in it

    def client(self) -> Any:
        import boto3  # type: ignore[import-untyped]
        from botocore.config import Config

        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name=self.region,
            aws_access_key_id=self.access_key_id,
            aws_secret_access_key=self.secret_access_key,
            config=Config(s3={"addressing_style": "path"}),
        )

    def new_bucket(self, name: str | None = None) -> str:
        """Make a bucket; returns its name."""
        name = name or f"bucket-{secrets.token_hex(4)}"
        place = {"LocationConstraint": self.region}
        self.client().create_bucket(Bucket=name, CreateBucketConfiguration=place)
        return name

    def keys(self, bucket: str, prefix: str = "") -> dict[str, int]:
        """Return the keys in a bucket with their sizes."""
        found = self.client().list_objects_v2(Bucket=bucket, Prefix=prefix)
        return {item["Key"]: item["Size"] for item in found.get("Contents", ())}

    def read(self, bucket: str, key: str) -> bytes:
        content: bytes = self.client().get_object(Bucket=bucket, Key=key)["Body"].read()
        return content


__all__ = ["ObjectStore"]
