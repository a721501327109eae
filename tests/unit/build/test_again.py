from __future__ import annotations

import json

import pytest

from envd_jupyter.builds.again import request_again
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


def record(folder, **start):
    folder.events.write_text(json.dumps({"envd": {"kind": "start", **start}}) + "\n")


def again(folder, request, environ=()):
    asked = prepare(request, dict(environ)).asked()
    record(folder, request=asked, notebook=request.notebook, kernel=request.kernel)
    return request_again(folder)


def test_everything_asked_for_is_asked_for_again(folder, tmp_path, place):
    request = BuildRequest(
        "train",
        tag="me/ml:1",
        output="type=tar,dest=out.tar",
        platform=("linux/amd64",),
        force=True,
        use_proxy=True,
        exports=["type=local,dest=cache,mode=max"],
        imports=["type=local,src=cache", "type=registry,ref=r.example.com/a/b:{notebook}"],
        builder="unix:///b.sock",
        notebook="/n/a.ipynb",
        kernel="python3",
        envd="/bin/true",
        require_cached=True,
    )
    kept = again(folder, request)
    assert kept.project == place
    assert kept.output == f"type=tar,dest={tmp_path}/out.tar"
    assert kept.exports[0].get("dest") == str(tmp_path / "cache")
    assert kept.imports[1].get("ref") == "r.example.com/a/b:{notebook}"
    same = ("from_", "tag", "platform", "force", "use_proxy", "builder", "notebook", "kernel")
    for name in (*same, "require_cached", "inject_aws"):
        assert getattr(kept, name) == getattr(request, name), name


S3 = "type=s3,bucket=b,region=r,access_key_id={},secret_access_key={}"


def test_a_secret_given_by_the_name_of_its_variable_is_asked_for_again(folder):
    cache = S3.format("env:MY_ID", "env:MY_KEY")
    request = BuildRequest("train", imports=[cache], builder="unix:///b", envd="/bin/true")
    kept = again(folder, request, {"MY_KEY": "hunter2hunter2", "MY_ID": "AKIA1234"})
    assert kept.imports == request.imports
    assert "hunter2" not in folder.events.read_text()


def test_a_secret_is_not_recorded_and_that_is_said(folder):
    cache = S3.format("AKIA1234", "hunter2hunter2")
    request = BuildRequest("train", imports=[cache], builder="unix:///b", envd="/bin/true")
    with pytest.raises(RecordError, match="given secrets") as raised:
        again(folder, request)
    assert "env:NAME" in raised.value.hint
    assert "hunter2" not in folder.events.read_text()


def test_the_text_of_a_cell_is_not_recorded(folder):
    source = "def build():\n    base(dev=False)\n"
    request = BuildRequest("train", source=source, builder="unix:///b", envd="/bin/true")
    with pytest.raises(RecordError, match="text of a cell"):
        again(folder, request)


def test_a_record_of_before(folder):
    record(folder, project="/p")
    with pytest.raises(RecordError, match="not recorded"):
        request_again(folder)
