"""What a notebook remembers follows it when it is renamed."""

from __future__ import annotations

from pathlib import Path

import pytest

from envd_jupyter.builds.preferences import Identity, Preferences
from envd_jupyter.builds.preferences.renaming import follow_rename, present_notebook


@pytest.fixture
def remembered(tmp_path):
    """Read or set the tag that a notebook remembers."""

    def remembered(notebook, kernel_id=None, *, tag=None):
        found = Preferences(
            Identity(str(notebook), "python3", kernel_id), tmp_path, data=tmp_path / "data"
        )
        if tag is not None:
            found.change("notebook", {"tag": tag})
        return found.effective().tag

    return remembered


def test_settings_move_with_the_file_and_leave_none_behind(tmp_path, remembered):
    old, new = tmp_path / "Untitled.ipynb", tmp_path / "train.ipynb"
    remembered(old, tag="me:1")
    remembered(tmp_path / "other.ipynb", tag="other:1")
    follow_rename(old, new, {}, tmp_path / "data")
    assert remembered(new) == "me:1"
    assert remembered(old) is None
    assert remembered(tmp_path / "other.ipynb") == "other:1"


def test_settings_move_with_the_folder(tmp_path, remembered):
    remembered(tmp_path / "a" / "deep" / "n.ipynb", tag="me:1")
    remembered(tmp_path / "a-beside" / "n.ipynb", tag="beside:1")
    follow_rename(tmp_path / "a", tmp_path / "b", {}, tmp_path / "data")
    assert remembered(tmp_path / "b" / "deep" / "n.ipynb") == "me:1"
    assert remembered(tmp_path / "a-beside" / "n.ipynb") == "beside:1"


def test_a_running_kernel_goes_along_until_it_is_started_anew(tmp_path, remembered):
    first, second, third = (str(tmp_path / f"{name}.ipynb") for name in "abc")
    data = tmp_path / "data"
    remembered(first, "k1", tag="me:1")
    follow_rename(Path(first), Path(second), {"k1": first, "k2": str(tmp_path / "z.ipynb")}, data)
    assert present_notebook(first, "k1", data) == second
    assert present_notebook(first, "another", data) == first
    assert present_notebook(str(tmp_path / "z.ipynb"), "k2", data) == str(tmp_path / "z.ipynb")
    follow_rename(Path(second), Path(third), {"k1": first}, data)
    assert present_notebook(first, "k1", data) == third
    assert remembered(third, "k1") == "me:1"
    # A restart tells the kernel the name of that time; one it was not told of changes nothing.
    assert present_notebook(second, "k1", data) == second
    assert present_notebook(None, "k1", data) is None


def test_what_a_kernel_remembers_stays_where_it_is(tmp_path):
    first, second = str(tmp_path / "a.ipynb"), str(tmp_path / "b.ipynb")
    data = tmp_path / "data"
    kernel = Preferences(Identity(first, "python3", "k1"), tmp_path, data=data)
    kernel.change("kernel", {"tag": "me:1"})
    follow_rename(Path(first), Path(second), {"k1": first}, data)
    assert Preferences(Identity(second, "python3", "k1"), tmp_path, data=data).effective().tag == (
        "me:1"
    )
