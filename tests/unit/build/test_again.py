from __future__ import annotations

import pytest

from envd_jupyter.builds.again import keep_request, request_again
from envd_jupyter.builds.folder import BuildFolder
from envd_jupyter.builds.request import BuildRequest, prepare
from envd_jupyter.errors import RecordError


@pytest.fixture
def folder(tmp_path):
    return BuildFolder.create(tmp_path / "data")


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    project = tmp_path / "train"
    project.mkdir()
    (project / "build.envd").write_text("def build():\n    base(dev=False)\n")
    monkeypatch.chdir(tmp_path)
    return project


def again(folder, request, environ):
    keep_request(folder, prepare(request, environ), environ)
    return request_again(folder)


def test_everything_asked_for_is_asked_for_again(folder, tmp_path, place):
    request = BuildRequest(
        "train",
        from_="build.envd:build",
        tag="me/ml:1",
        output="type=tar,dest=out.tar",
        platform=("linux/amd64",),
        force=True,
        use_proxy=True,
        exports=["type=local,dest=cache,mode=max"],
        imports=["type=local,src=cache", "type=registry,ref=r.example.com/a/b:{notebook}"],
        builder="unix:///b.sock",
        source="def build():\n    base(dev=False)\n",
        notebook="/n/a.ipynb",
        kernel="python3",
        envd="/bin/true",
        extra=("--debug",),
        require_cached=True,
    )
    kept = again(folder, request, {})
    assert kept.project == place
    assert kept.output == f"type=tar,dest={tmp_path}/out.tar"
    assert kept.exports[0].get("dest") == str(tmp_path / "cache")
    assert kept.imports[1].get("ref") == "r.example.com/a/b:{notebook}"
    same = ("from_", "tag", "platform", "force", "use_proxy", "builder", "source", "notebook")
    for name in (*same, "kernel", "envd", "extra", "require_cached", "inject_aws"):
        assert getattr(kept, name) == getattr(request, name), name
    assert (folder.path / "request.json").stat().st_mode & 0o777 == 0o600


S3 = "type=s3,bucket=b,region=r,access_key_id=AKIA1234,secret_access_key="


def test_a_secret_that_a_variable_holds_is_kept_as_its_name(folder):
    environ = {"MY_KEY": "hunter2hunter2", "MY_ID": "AKIA1234"}
    request = BuildRequest(
        "train", imports=[f"{S3}hunter2hunter2"], builder="unix:///b", envd="/bin/true"
    )
    kept = again(folder, request, environ)
    assert kept.imports[0].get("secret_access_key") == "env:MY_KEY"
    assert "hunter2" not in (folder.path / "request.json").read_text()


def test_a_secret_is_not_kept_and_that_is_said(folder):
    request = BuildRequest(
        "train", imports=[f"{S3}hunter2hunter2"], builder="unix:///b", envd="/bin/true"
    )
    with pytest.raises(RecordError, match="secrets are kept nowhere"):
        again(folder, request, {})
    text = (folder.path / "request.json").read_text()
    assert "hunter2" not in text
    assert "AKIA1234" not in text


@pytest.mark.parametrize("text", [None, "{", "[]", '{"project": "x"}'])
def test_what_was_not_kept_cannot_be_asked_for_again(folder, text):
    if text is not None:
        (folder.path / "request.json").write_text(text)
    with pytest.raises(RecordError, match=r"was not kept|cannot be read") as raised:
        request_again(folder)
    assert "%envd_build" in raised.value.hint
