from __future__ import annotations

from envd_jupyter.notebook.form.surroundings import (
    aws_sources,
    find_functions,
    find_projects,
    secret_references,
)


def write(folder, name="build.envd", text="def build():\n    pass\n"):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)


def test_projects_are_found_near_by_and_not_in_hidden_places(tmp_path):
    for name in ("", "envs/train", "b", ".hidden/x", "node_modules/y", "1/2/3/4/5/deep"):
        write(tmp_path / name)
    assert find_projects(tmp_path) == (".", "b", "envs/train")
    assert find_projects(tmp_path / "nothing") == ()


def test_links_in_a_circle_end(tmp_path):
    write(tmp_path / "a")
    (tmp_path / "a" / "loop").symlink_to(tmp_path)
    assert find_projects(tmp_path) == ("a",)


def test_functions_are_listed_with_their_files_the_usual_one_first(tmp_path):
    write(tmp_path, "alpha.envd", "def build():\n  pass\n")
    write(
        tmp_path, "build.envd", "def a():\n  pass\n\ndef build():\n  pass\n\ndef _own():\n  pass\n"
    )
    (tmp_path / "bad.envd").write_bytes(b"\xff")
    assert find_functions(str(tmp_path)) == ("build.envd:build", "build.envd:a", "alpha.envd:build")
    assert find_functions(str(tmp_path / "nothing")) == ()


def test_credentials_are_offered_by_name_only(tmp_path):
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "credentials").write_text("[work]\naws_secret_access_key = hidden\n")
    (tmp_path / ".aws" / "config").write_text("[default]\n[profile work]\n[sso-session s]\n")
    environ = {
        "HOME": str(tmp_path),
        "AWS_SECRET_ACCESS_KEY": "hidden",
        "EMPTY_TOKEN": "",
        "A": "b",
    }
    sources = aws_sources(environ)
    assert [value for _, value in sources] == ["", "env", "profile:work", "profile:default"]
    assert secret_references(environ) == ("env:AWS_SECRET_ACCESS_KEY",)
    assert "hidden" not in repr(sources) + repr(secret_references(environ))
