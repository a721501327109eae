"""Getting a buildkitd: which of the three ways is taken, and that a wrong archive never is."""

from __future__ import annotations

import functools
import hashlib
import io
import json
import platform
import tarfile
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from envd_jupyter.buildkit.install import (
    build_from_source,
    download_release,
    find_buildkitd,
)
from envd_jupyter.errors import BuilderError

MACHINE = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), "unknown")
NAME = f"buildkit-v9.9.9.linux-{MACHINE}"


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def releases(tmp_path):
    """Return a folder and the address at which it is served."""
    folder = tmp_path / "releases"
    (folder / "v9.9.9").mkdir(parents=True)
    handler = functools.partial(Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.fixture
def no_programs(monkeypatch, tmp_path):
    """Let the machine have neither Go nor BuildKit."""
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))


def publish(folder, files, *, name=NAME, told=None):
    """Put a release there as BuildKit does: the archive, and a statement of what it is."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for path, text in files.items():
            member = tarfile.TarInfo(path)
            member.size, member.mode = len(text), 0o755
            archive.addfile(member, io.BytesIO(text))
    place = folder / "v9.9.9"
    (place / f"{name}.tar.gz").write_bytes(content.getvalue())
    digest = told or hashlib.sha256(content.getvalue()).hexdigest()
    subject = [{"name": f"{name}.tar.gz", "digest": {"sha256": digest}}]
    (place / f"{name}.provenance.json").write_text(json.dumps({"subject": subject}, indent=2))


def test_a_release_is_unpacked(releases, tmp_path):
    folder, address = releases
    files = {"bin/buildkitd": b"the daemon", "bin/buildkit-runc": b"runc", "README": b"read"}
    publish(folder, files)
    target = tmp_path / "target"
    target.mkdir()
    download_release("v9.9.9", target, releases=address)
    assert {path.name for path in target.iterdir()} == {"buildkitd", "buildkit-runc"}
    assert (target / "buildkitd").read_bytes() == b"the daemon"
    assert (target / "buildkitd").stat().st_mode & 0o111


def test_an_archive_that_is_not_the_stated_one_is_refused(releases, tmp_path):
    folder, address = releases
    publish(folder, {"bin/buildkitd": b"another"}, told="0" * 64)
    with pytest.raises(BuilderError, match="checksum"):
        download_release("v9.9.9", tmp_path, releases=address)
    assert not (tmp_path / "buildkitd").exists()


@pytest.mark.parametrize("statement", [None, b"", b"no json", b'{"subject": [{"name": 1}]}', b"[]"])
def test_an_archive_without_a_statement_is_refused(releases, tmp_path, statement):
    folder, address = releases
    publish(folder, {"bin/buildkitd": b"x"})
    path = folder / "v9.9.9" / f"{NAME}.provenance.json"
    path.unlink()
    if statement is not None:
        path.write_bytes(statement)
    with pytest.raises(BuilderError):
        download_release("v9.9.9", tmp_path, releases=address)
    assert not (tmp_path / "buildkitd").exists()


def test_a_path_in_the_archive_leads_nowhere_else(releases, tmp_path):
    folder, address = releases
    publish(folder, {"bin/buildkitd": b"x", "bin/../../outside": b"x", "/etc/absolute": b"x"})
    target = tmp_path / "deep" / "target"
    target.mkdir(parents=True)
    download_release("v9.9.9", target, releases=address)
    assert not (tmp_path / "outside").exists()
    assert {path.name for path in target.iterdir()} <= {"buildkitd", "outside"}


def test_what_is_on_the_path_comes_first(tmp_path):
    program = tmp_path / "bin" / "buildkitd"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    environ = {"PATH": str(program.parent)}
    assert find_buildkitd(tmp_path / "cache", environ, releases="http://127.0.0.1:9") == program
    assert not (tmp_path / "cache").exists()


@pytest.mark.usefixtures("no_programs")
def test_it_is_fetched_once(releases, tmp_path):
    folder, address = releases
    publish(folder, {"bin/buildkitd": b"the daemon"})
    found = find_buildkitd(tmp_path / "cache", version="v9.9.9", releases=address)
    assert found == tmp_path / "cache" / "buildkit-v9.9.9" / "buildkitd"
    again = find_buildkitd(tmp_path / "cache", version="v9.9.9", releases="http://127.0.0.1:9")
    assert again == found


@pytest.mark.usefixtures("no_programs")
def test_when_no_way_works_each_reason_is_told(tmp_path):
    with pytest.raises(BuilderError) as caught:
        find_buildkitd(tmp_path / "cache", version="v9.9.9", releases="http://127.0.0.1:9")
    assert "Connection refused" in caught.value.message
    assert "no Go" in caught.value.message
    assert caught.value.hint
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["buildkit-v9.9.9.lock"]


def test_a_go_that_fails_is_told_with_its_last_words(tmp_path, monkeypatch):
    go = tmp_path / "go"
    go.write_text("#!/bin/sh\necho 'go: module lookup disabled' >&2\nexit 1\n")
    go.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    with pytest.raises(BuilderError, match="module lookup disabled"):
        build_from_source("v9.9.9", tmp_path)
