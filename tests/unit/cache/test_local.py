"""Local caches: a directory is read without being touched, and changed without being torn."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import random
import signal
import time
from typing import TYPE_CHECKING

import pytest

from envd_jupyter.cache import local
from envd_jupyter.errors import LayoutError

if TYPE_CHECKING:
    from pathlib import Path

OCI = "application/vnd.oci.image"


def put(folder: Path, content: bytes) -> dict:
    digest = hashlib.sha256(content).hexdigest()
    blobs = folder / "blobs" / "sha256"
    blobs.mkdir(parents=True, exist_ok=True)
    (blobs / digest).write_bytes(content)
    return {"digest": f"sha256:{digest}", "size": len(content)}


def put_cache(folder: Path, *layers: bytes) -> tuple[str, int, str]:
    """Write what an export leaves: layers, a configuration and a manifest, no index."""
    kind = f"{OCI}.layer.v1.tar+gzip"
    listed = [{"mediaType": kind, **put(folder, layer)} for layer in layers]
    config = {"mediaType": f"{OCI}.config.v1+json", **put(folder, b"config of " + b"".join(layers))}
    manifest = {"mediaType": f"{OCI}.manifest.v1+json", "layers": listed, "config": config}
    made = put(folder, json.dumps(manifest).encode())
    return made["digest"], made["size"], f"{OCI}.manifest.v1+json"


@pytest.fixture
def cache(tmp_path):
    """A local cache with the tags latest and old."""
    folder = tmp_path / "cache"
    for tag, layers in (("old", [b"one"]), ("latest", [b"one", b"two"])):
        staging = tmp_path / f"staging-{tag}"
        local.publish(staging, folder, *put_cache(staging, *layers), tag)
    return folder


def test_what_is_published_is_found_again(cache):
    tags = local.layout_usage(cache).tags
    assert set(tags) == {"old", "latest"}
    assert local.resolve(cache) == tags["latest"]
    assert local.resolve(cache, tag="old") == tags["old"]
    assert local.resolve(cache, digest=tags["old"]) == tags["old"]
    local.check_layout(cache, tags["latest"], verify=True)
    assert json.loads((cache / "oci-layout").read_text()) == {"imageLayoutVersion": "1.0.0"}


def test_a_tag_is_replaced_and_its_blobs_become_orphans(cache, tmp_path):
    staging = tmp_path / "more"
    local.publish(staging, cache, *put_cache(staging, b"three"), "latest")
    found = local.layout_usage(cache)
    assert set(found.tags) == {"old", "latest"}
    assert found.orphan > 0
    assert local.prune(cache, dry_run=True) == found
    assert local.layout_usage(cache) == found
    local.prune(cache)
    after = local.layout_usage(cache)
    assert (after.orphan, after.live) == (0, found.live)
    local.check_layout(cache, after.tags["old"], verify=True)


def test_a_source_is_only_linked(cache, tmp_path):
    before = sorted((p, p.stat().st_mtime_ns) for p in cache.rglob("*"))
    staging = tmp_path / "build"
    digest = local.resolve(cache)
    local.stage(staging, cache, digest)
    local.stage(staging, cache, local.resolve(cache, tag="old"))
    assert all(p.is_symlink() for p in (staging / "blobs" / "sha256").iterdir())
    local.check_layout(staging, digest, verify=True)
    assert sorted((p, p.stat().st_mtime_ns) for p in cache.rglob("*")) == before


def test_source_and_destination_may_be_the_same(cache, tmp_path):
    staging = tmp_path / "build"
    local.stage(staging, cache, local.resolve(cache))
    made = put_cache(staging, b"one", b"two", b"three")
    local.publish(staging, cache, *made, "latest")
    local.check_layout(cache, made[0], verify=True)
    assert not any(p.is_symlink() for p in cache.rglob("*"))


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (lambda c: (c / "index.json").write_text('{"manifests": ['), "damaged"),
        (lambda c: (c / "index.json").write_text('{"manifests": [{"digest": "x"}]}'), "damaged"),
        (lambda c: (c / "index.json").unlink(), "there is no local cache"),
        (lambda c: manifest(c).unlink(), "incomplete"),
        (lambda c: manifest(c).write_text("{}"), "damaged"),
        (lambda c: layer(c).unlink(), "incomplete"),
        (lambda c: layer(c).write_bytes(b"longer than it was"), "damaged"),
    ],
)
def test_a_damaged_source_is_named(cache, tmp_path, harm, words):
    harm(cache)
    with pytest.raises(LayoutError, match=words) as caught:
        local.stage(tmp_path / "build", cache, local.resolve(cache))
    assert str(cache) in caught.value.message
    assert caught.value.hint


def manifest(cache: Path) -> Path:
    index = json.loads((cache / "index.json").read_text())
    (item,) = [m for m in index["manifests"] if "latest" in m["annotations"].values()]
    return cache / "blobs" / "sha256" / item["digest"].partition(":")[2]


def layer(cache: Path) -> Path:
    listed = json.loads(manifest(cache).read_text())["layers"]
    return cache / "blobs" / "sha256" / listed[1]["digest"].partition(":")[2]


def test_a_tag_that_is_not_there(cache):
    with pytest.raises(LayoutError, match="no tag 'nope'") as caught:
        local.resolve(cache, tag="nope")
    assert "latest, old" in caught.value.hint


def test_a_source_that_is_not_there(tmp_path):
    with pytest.raises(LayoutError, match="does not exist"):
        local.resolve(tmp_path / "nowhere")


def test_a_full_disk_leaves_the_earlier_cache(cache, tmp_path, monkeypatch):
    before = (cache / "index.json").read_bytes()
    staging = tmp_path / "more"
    made = put_cache(staging, b"three")

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(LayoutError, match="No space left") as caught:
        local.publish(staging, cache, *made, "latest")
    assert "unharmed" in caught.value.hint
    monkeypatch.undo()
    assert (cache / "index.json").read_bytes() == before
    local.check_layout(cache, local.resolve(cache), verify=True)
    assert not list(cache.rglob("*.partial"))


def publish_forever(folder: Path, cache: Path) -> None:
    for number in range(10_000):
        staging = folder / f"s{number}"
        made = put_cache(staging, os.urandom(300_000), b"shared")
        local.publish(staging, cache, *made, f"tag{number % 3}")


def test_a_kill_at_any_moment_leaves_a_sound_cache(cache, tmp_path):
    context = multiprocessing.get_context("fork")
    chance = random.Random(7)
    for number in range(15):
        child = context.Process(target=publish_forever, args=(tmp_path / f"k{number}", cache))
        child.start()
        time.sleep(0.02 + chance.random() * 0.15)
        os.kill(child.pid, signal.SIGKILL)
        child.join()
        for digest in local.layout_usage(cache).tags.values():
            local.check_layout(cache, digest, verify=True)
    assert {"old", "latest"} <= set(local.layout_usage(cache).tags)


def publish_some(folder: Path, cache: Path, name: str) -> None:
    for number in range(20):
        staging = folder / f"{name}{number}"
        local.publish(staging, cache, *put_cache(staging, os.urandom(50)), f"{name}{number}")


def test_processes_do_not_lose_each_others_tags(tmp_path):
    context = multiprocessing.get_context("fork")
    cache = tmp_path / "cache"
    children = [
        context.Process(target=publish_some, args=(tmp_path, cache, name)) for name in "abcd"
    ]
    for child in children:
        child.start()
    for child in children:
        child.join()
    assert set(local.layout_usage(cache).tags) == {f"{n}{i}" for n in "abcd" for i in range(20)}


def test_unfinished_downloads_are_pruned_once_they_are_old(cache):
    for name, age in (("old", 7200), ("new", 0)):
        folder = cache / "ingest" / name
        folder.mkdir(parents=True)
        os.utime(folder, (time.time() - age,) * 2)
    local.prune(cache)
    assert [p.name for p in (cache / "ingest").iterdir()] == ["new"]
