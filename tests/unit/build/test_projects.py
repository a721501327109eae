from __future__ import annotations

from envd_jupyter.builds.projects import find_functions, find_projects


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
