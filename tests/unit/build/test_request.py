from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from envd_jupyter.builds.request import BuildRequest, prepare
from envd_jupyter.cache.entry import parse_cache_entry
from envd_jupyter.errors import CacheSettingError, RequestError

CACHE = "type=registry,ref=localhost:5000/me/cache"


def test_paths_and_caches_may_be_text():
    request = BuildRequest("train", exports=[f"{CACHE},mode=max", "type=inline"], imports=CACHE)
    assert request.project == Path("train")
    assert [entry.type for entry in request.exports] == ["registry", "inline"]
    assert request.imports == (parse_cache_entry(CACHE, "import"),)
    assert request == BuildRequest(Path("train"), exports=request.exports, imports=request.imports)
    assert hash(request) == hash(dataclasses.replace(request))


def test_one_text_stands_for_a_tuple_of_one():
    request = BuildRequest("train", platform="linux/arm64", extra=["--debug"])
    assert request.platform == ("linux/arm64",)
    assert request.extra == ("--debug",)
    assert BuildRequest("train").platform == ()


def test_a_wrong_cache_is_told_when_the_request_is_made():
    with pytest.raises(CacheSettingError, match="mode"):
        BuildRequest("train", exports=[f"{CACHE},mode=foo"])
    with pytest.raises(CacheSettingError):
        BuildRequest("train", imports=["type=inline"])


def test_a_request_needs_a_project_and_does_not_change():
    with pytest.raises(TypeError, match="project"):
        BuildRequest()
    request = BuildRequest("train")
    with pytest.raises(dataclasses.FrozenInstanceError):
        request.imports = ()


@pytest.mark.parametrize("name", ["train_", "-train", "é", "___"])
def test_a_directory_that_envd_cannot_name_an_image_after(name, tmp_path):
    folder = tmp_path / name
    folder.mkdir()
    (folder / "build.envd").write_text("def build():\n    base(dev=False)\n")
    with pytest.raises(RequestError, match="is no name for one") as caught:
        prepare(BuildRequest(folder), {})
    assert "--tag train:dev" in caught.value.hint
    prepare(BuildRequest(folder, tag="train:dev", builder="docker://"), {})


def test_an_image_is_named_as_envd_names_it(tmp_path):
    folder = tmp_path / "My Train"
    folder.mkdir()
    (folder / "build.envd").write_text("def build():\n    base(dev=False)\n")
    assert prepare(BuildRequest(folder, builder="docker://"), {}).image == "mytrain:dev"


WRONG = [
    ({"project": "nowhere"}, "the project 'nowhere' is not a directory"),
    ({"from_": "other.envd:build"}, "there is no file 'other.envd'"),
    ({"from_": "build.envd:"}, "is not FILE:FUNCTION"),
    ({"from_": "build.envd:train"}, "does not define the function 'train'"),
    ({"tag": "Me/ML"}, "the tag 'Me/ML' is not an image name"),
    ({"platform": ("linux amd64",)}, "is not OS/ARCHITECTURE"),
    ({"inject_aws": "profile:"}, "AWS credentials from 'profile:' are not known"),
    ({"output": "type=immage"}, "immage"),
]


@pytest.mark.parametrize(("wrong", "message"), WRONG, ids=[message for _, message in WRONG])
def test_what_cannot_be_built_is_told_with_the_way_out(wrong, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "build.envd").write_text("def build():\n    base(dev=False)\n")
    request = BuildRequest(**{"project": ".", "envd": "/bin/true", **wrong})
    with pytest.raises(RequestError) as raised:
        prepare(request, {})
    assert message in raised.value.message
    assert raised.value.hint
