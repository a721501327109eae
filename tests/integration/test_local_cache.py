"""Local caches: every way to name one, several at once, and whatever can be wrong with one."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time

import pytest

from envd_jupyter.cache.local import check_layout, layout_usage
from tests.integration.conftest import RANDOM, reused, states


@pytest.mark.shows("local export dest tag mode", "local import src tag digest")
def test_a_local_cache_by_tag_digest_and_default(builds, project, empty_builder, tmp_path):
    place = tmp_path / "cache"
    folder = project(RANDOM)
    for tag in ("", ",tag=v2"):
        builds.run(folder, empty_builder(), [f"type=local,dest={place},mode=max{tag}"])
    index = json.loads((place / "index.json").read_text())["manifests"]
    names = {item["annotations"]["org.opencontainers.image.ref.name"] for item in index}
    assert names == {"latest", "v2"}
    for tag in names:
        command = ["skopeo", "inspect", "--raw", f"oci:{place}:{tag}"]
        subprocess.run(command, check=True, capture_output=True)
    for which in ("", ",tag=v2", f",digest={index[0]['digest']}"):
        assert reused(builds, folder, empty_builder(), [f"type=local,src={place}{which}"]) == (1, 1)


FORMS = [
    ("compression=zstd,compression-level=19", "application/vnd.oci.image.layer.v1.tar+zstd"),
    ("compression=uncompressed", "application/vnd.oci.image.layer.v1.tar"),
    ("oci-mediatypes=false", "application/vnd.docker.image.rootfs.diff.tar.gzip"),
    ("image-manifest=false", "application/vnd.oci.image.layer.v1.tar+gzip"),
]


@pytest.mark.shows(
    "local export compression compression-level force-compression oci-mediatypes image-manifest"
)
def test_layers_of_a_local_cache_have_the_form_asked_for(builds, project, empty_builder, tmp_path):
    folder, place, builder = project(RANDOM), tmp_path / "cache", empty_builder()
    for number, (options, media_type) in enumerate(FORMS):
        cache = f"type=local,dest={place},tag=v{number},force-compression=true,{options}"
        result = builds.run(folder, builder, [cache], output=f"type=tar,dest={tmp_path}/out.tar")
        assert result.ok, result.message
        manifest = content(place, layout_usage(place).tags[f"v{number}"])
        layers = manifest.get("manifests") or manifest["layers"]
        kinds = {layer["mediaType"] for layer in layers if "cacheconfig" not in layer["mediaType"]}
        assert kinds == {media_type}
        assert ("manifests" in manifest) == ("false" in options)
    assert reused(builds, folder, empty_builder(), [f"type=local,src={place},tag=v0"]) == (1, 1)


def content(place, digest):
    return json.loads((place / "blobs" / "sha256" / digest.partition(":")[2]).read_bytes())


@pytest.mark.shows("local export reset")
def test_what_is_not_needed_any_more_is_removed_when_asked(
    builds, project, empty_builder, tmp_path
):
    place, builder = tmp_path / "cache", empty_builder()
    cache = f"type=local,dest={place},mode=max"
    builds.run(project(RANDOM), builder, [cache])
    other = project(f"echo other; {RANDOM}")
    assert builds.run(other, builder, [cache]).ok
    assert layout_usage(place).orphans
    assert builds.run(other, builder, [f"{cache},reset=true"]).ok
    assert not layout_usage(place).orphans
    assert reused(builds, other, empty_builder(), [f"type=local,src={place}"]) == (1, 1)


@pytest.mark.shows("local export ignore-error")
def test_a_place_that_cannot_be_written_to(builds, project, buildkitd, tmp_path):
    (tmp_path / "file").write_text("no directory")
    cache = f"type=local,dest={tmp_path}/file/cache"
    result = builds.run(project("echo 1"), buildkitd, [cache])
    assert result.state == "export_failed"
    assert "could not be written" in result.message
    result = builds.run(project("echo 1"), buildkitd, [f"{cache},ignore-error=true"])
    assert result.ok
    assert states(result.exports) == ["failed"]


@pytest.mark.shows("local import src", "fault local-damage")
def test_several_local_sources_and_a_broken_one(builds, project, empty_builder, tmp_path):
    first, second, broken = (tmp_path / name for name in ("first", "second", "broken"))
    one, two = project(RANDOM, name="one"), project("echo other; " + RANDOM, name="two")
    builds.run(one, empty_builder(), [f"type=local,dest={first},mode=max"])
    builds.run(two, empty_builder(), [f"type=local,dest={second},mode=max"])
    builds.run(one, empty_builder(), [f"type=local,dest={broken},mode=max"])
    blobs = sorted((broken / "blobs" / "sha256").iterdir(), key=lambda p: p.stat().st_size)
    blobs[-1].unlink()
    sources = [f"type=local,src={place}" for place in (broken, first, second)]
    for folder in (one, two):
        result = builds.run(folder, empty_builder(), [], sources)
        assert (result.cached, result.total) == (1, 1)
        assert result.imports[0]["state"] == "failed"
        assert "incomplete" in result.imports[0]["message"]
        assert "ok" in states(result.imports[1:])


@pytest.mark.shows("fault local-damage")
def test_a_broken_index_and_a_changed_blob(builds, project, empty_builder, tmp_path):
    folder, place = project(RANDOM), tmp_path / "cache"
    source = f"type=local,src={place}"
    builds.run(folder, empty_builder(), [f"type=local,dest={place},mode=max"])
    index = (place / "index.json").read_bytes()
    (place / "index.json").write_bytes(index[:40])
    result = builds.run(folder, empty_builder(), [f"type=local,dest={place}"], [source])
    assert result.state == "export_failed"
    assert "index" in result.message
    assert "is damaged" in result.message
    assert states(result.imports) == ["failed"]
    assert (place / "index.json").read_bytes() == index[:40]
    (place / "index.json").write_bytes(index)
    blob = max((place / "blobs" / "sha256").iterdir(), key=lambda path: path.stat().st_size)
    content = bytearray(blob.read_bytes())
    content[len(content) // 2] ^= 1
    blob.write_bytes(content)
    result = builds.run(folder, empty_builder(), [], [source])
    assert result.state == "failed"
    assert f"{place} is damaged" in result.message
    assert "empty directory" in result.hint
    assert states(result.imports) == ["failed"]
    assert builds.run(folder, empty_builder()).ok


@pytest.mark.shows("fault local-disk-full")
def test_a_full_disk_keeps_the_earlier_local_cache(builds, services, project, empty_builder):
    place = services.small_disk(8) / "cache"
    cache = f"type=local,dest={place},mode=max"
    small = project(RANDOM)
    assert builds.run(small, empty_builder(), [cache]).ok
    large = project("head -c 9000000 /dev/urandom > /large", name="large")
    result = builds.run(large, empty_builder(), [cache])
    assert result.state == "export_failed"
    assert "No space left" in result.message
    assert reused(builds, small, empty_builder(), [f"type=local,src={place}"]) == (1, 1)


@pytest.mark.shows("fault local-kill")
def test_a_kill_at_any_moment_keeps_the_earlier_local_cache(
    builds, project, buildkitd, empty_builder, tmp_path
):
    place = tmp_path / "cache"
    cache = f"type=local,dest={place},mode=max"
    assert builds.run(project(RANDOM), buildkitd, [cache]).ok
    for number in range(6):
        folder = project(f"echo {number}; {RANDOM}", name=f"p{number}")
        build = builds.start(folder, buildkitd, [cache])
        deadline = time.monotonic() + 30
        wait = 0.02 * number
        while "exporting" not in str(build.state().phase) and time.monotonic() < deadline:
            if build.state().finished:
                break
            time.sleep(0.005)
        time.sleep(wait)
        driver = build.folder.driver_pid()
        if driver:
            with contextlib.suppress(ProcessLookupError):
                os.kill(driver, signal.SIGKILL)
        build.wait_sync()
        for digest in layout_usage(place).tags.values():
            check_layout(place, digest, verify=True)
