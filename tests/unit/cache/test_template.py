"""Templates follow the branch and the commit, fitted to the field they stand in."""

from __future__ import annotations

import subprocess

import pytest

from envd_jupyter.cache.entry import parse_cache_entry
from envd_jupyter.cache.template import expand_all, expand_templates, template_values
from envd_jupyter.errors import TemplateError

VALUES = {"git_branch": "feature/New UI", "git_sha": "abc123", "notebook": "My Notebook"}


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("type=registry,ref=h:5/ml:{git_branch}", "ref", "h:5/ml:feature-New-UI"),
        ("type=registry,ref=h:5/{notebook}/c:{git_sha}", "ref", "h:5/my-notebook/c:abc123"),
        ("type=s3,bucket=b,name={git_sha};{git_branch}", "name", "abc123;feature-New-UI"),
        ("type=gha,scope=ml-{git_branch}", "scope", "ml-feature-New-UI"),
        ("type=local,dest=cache/{git_branch}", "dest", "cache/feature-New-UI"),
    ],
)
def test_values_are_fitted_to_the_field(text, key, value):
    assert expand_templates(parse_cache_entry(text, "export"), VALUES).get(key) == value


def test_two_entries_that_became_the_same_are_one():
    written = ["type=registry,ref=a/b:{git_branch}", "type=registry,ref=a/b:main"]
    entries = [parse_cache_entry(text, "import") for text in written]
    assert expand_all(entries, {"git_branch": "main"}) == (entries[1],)
    assert [e.get("ref") for e in expand_all(entries, {"git_branch": "x"})] == ["a/b:x", "a/b:main"]
    twice = [entries[1], entries[1]]
    assert expand_all(twice, {}) == (entries[1], entries[1])


def test_a_value_that_is_not_there():
    entry = parse_cache_entry("type=registry,ref=a/b:{git_branch}", "export")
    with pytest.raises(TemplateError, match="no value here") as caught:
        expand_templates(entry, {"git_sha": "abc"})
    assert "detached HEAD" in caught.value.hint


def test_a_name_that_is_no_template():
    entry = parse_cache_entry("type=registry,ref=a/b:{branch}", "export")
    with pytest.raises(TemplateError, match="no template") as caught:
        expand_templates(entry, VALUES)
    assert "{git_branch}" in caught.value.hint


def git(folder, *arguments):
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.com"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


def test_git(tmp_path):
    assert template_values(tmp_path, None, None) == {}
    git(tmp_path, "init", "-b", "topic/x")
    assert template_values(tmp_path, None, None) == {"git_branch": "topic/x"}
    git(tmp_path, "commit", "--allow-empty", "-m", "one")
    found = template_values(tmp_path, None, None)
    assert found["git_branch"] == "topic/x"
    assert len(found["git_sha"]) == 40
    git(tmp_path, "checkout", "--detach")
    assert template_values(tmp_path, None, None) == {"git_sha": found["git_sha"]}


def test_the_notebook_and_the_kernel_have_names(tmp_path):
    found = template_values(tmp_path, "/work/My Notebook.ipynb", "python3")
    assert found == {"notebook": "My Notebook", "kernel": "python3"}
