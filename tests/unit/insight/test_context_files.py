"""The manifest of a build context."""

from __future__ import annotations

import os

import pytest

from envd_jupyter.builds.insight.context_files import (
    Manifest,
    changed_files,
    scan_context,
    selection_digest,
    used_paths,
)
from envd_jupyter.builds.insight.graph import Use, decode_graph
from tests.unit.insight.graphs import Definition


@pytest.fixture
def root(tmp_path):
    (tmp_path / "data" / "deep").mkdir(parents=True)
    (tmp_path / "data" / "a.txt").write_text("a")
    (tmp_path / "data" / "deep" / "b.txt").write_text("b")
    (tmp_path / "data2").mkdir()
    (tmp_path / "data2" / "c.txt").write_text("c")
    (tmp_path / ".dockerignore").write_text("data\n")
    (tmp_path / "link").symlink_to("data")
    return tmp_path


def use(*paths: str, **more) -> Use:
    return Use(1, paths, **more)


def test_everything_counts_ignore_file_or_not(root):
    assert set(scan_context(root).files) == {
        ".dockerignore",
        "data",
        "data/a.txt",
        "data/deep",
        "data/deep/b.txt",
        "data2",
        "data2/c.txt",
        "link",
    }


def test_only_what_is_used_is_looked_at(root):
    assert set(scan_context(root, ["/data2", "/link"]).files) == {"data2", "data2/c.txt", "link"}
    assert scan_context(root, ["/../etc"]).files == {}
    assert scan_context(root, ["/none"]).files == {}


def test_times_and_owners_do_not_count(root):
    before = scan_context(root)
    os.utime(root / "data" / "a.txt", (1, 1))
    assert changed_files(before, scan_context(root), use("/")) == []


def test_content_mode_kind_and_target_count(root):
    before = scan_context(root)
    (root / "data" / "a.txt").write_text("A")
    (root / "data" / "deep" / "b.txt").chmod(0o755)
    (root / "link").unlink()
    (root / "link").symlink_to("data2")
    (root / "data2" / "c.txt").unlink()
    (root / "data2" / "c.txt").mkdir()
    (root / "new").write_text("n")
    (root / ".dockerignore").unlink()
    found = {c.path: c.what for c in changed_files(before, scan_context(root), use("/"))}
    assert found == {
        ".dockerignore": "removed",
        "data/a.txt": "changed",
        "data/deep/b.txt": "changed",
        "data2/c.txt": "changed",
        "link": "changed",
        "new": "added",
    }


def test_a_path_is_no_prefix_of_its_neighbour(root):
    before = scan_context(root)
    (root / "data2" / "c.txt").write_text("C")
    assert changed_files(before, scan_context(root), use("/data")) == []
    assert len(changed_files(before, scan_context(root), use("/data2"))) == 1


def test_wildcards_and_patterns(root):
    before = scan_context(root)
    (root / "data" / "a.txt").write_text("A")
    after = scan_context(root)
    assert changed_files(before, after, use("/da*", wildcard=True))
    assert not changed_files(before, after, use("/x*", wildcard=True))
    assert not changed_files(before, after, use("/data", excluded=("*.txt",)))
    assert not changed_files(before, after, use("/data", included=("deep",)))
    assert changed_files(before, after, use("/data", included=("a.txt",)))


def test_a_file_that_did_not_change_is_not_read_again(root):
    first = scan_context(root)
    stamps = {path: list(stamp) for path, stamp in first.stamps.items()}
    stamps["data/a.txt"][-1] = "remembered"
    assert scan_context(root, stamps=stamps).files["data/a.txt"][2] == "remembered"
    (root / "data" / "a.txt").write_text("B")  # the same size
    assert scan_context(root, stamps=stamps).files["data/a.txt"][2] != "remembered"


def test_what_there_was_no_time_for_is_not_known(root):
    found = scan_context(root, seconds=-1.0)
    assert not found.complete
    assert selection_digest(found, use("/data")) is None
    assert selection_digest(scan_context(root), use("/data")) is not None


def test_a_manifest_survives_json(root):
    found = scan_context(root)
    assert Manifest.from_json(found.to_json()) == found


def test_a_folder_that_cannot_be_read_is_no_error(root):
    (root / "pipe").parent.mkdir(exist_ok=True)
    os.mkfifo(root / "pipe")
    assert scan_context(root).files["pipe"][2].startswith("special")


def test_the_paths_a_graph_uses():
    made = Definition()
    context = made.context()
    one = made.copy(made.image(), context, "/data", "/data")
    two = made.copy(one, context, "/other", "/other")
    assert used_paths(decode_graph(made.end(two))) == {"build-context": ("/data", "/other")}
