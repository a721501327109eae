"""Whatever JSON a request holds, it is understood or refused with a reason."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envd_jupyter.builds.asking import given_values
from envd_jupyter.builds.line import parse_build
from envd_jupyter.errors import EnvdJupyterError
from envd_jupyter.server.places import Places
from envd_jupyter.server.starting import arguments_of

KEYS = st.sampled_from(
    [
        *("line", "path", "from", "tag", "output", "platform", "force", "use_proxy", "builder"),
        *("export_cache", "import_cache", "inject_aws", "require_cached", "no_saved", "kernel_id"),
    ]
)
WORDS = st.sampled_from(
    ["--path", "--ec", "type=registry,ref=r.io/a", "type=local,dest=/x", "'", "{git_sha}", "\0"]
)
TEXTS = st.text(max_size=20) | st.lists(WORDS, max_size=4).map(" ".join)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)


@given(st.dictionaries(KEYS | st.text(max_size=8), JSON, max_size=4))
def test_any_object_is_understood_or_refused(tmp_path_factory, body):
    root = tmp_path_factory.getbasetemp()
    try:
        values = given_values(arguments_of(body))
        Places(root).placed(values, root)
    except EnvdJupyterError:
        return


def test_a_line_and_its_flags_are_the_same_build():
    line = (
        "%envd_build --path a --tag t:1 --platform linux/amd64,linux/arm64 --force --use-proxy "
        "--ec type=inline --ic type=registry,ref=r.io/a --builder b --inject-aws --require-cached"
    )
    flags = {
        "path": "a",
        "tag": "t:1",
        "platform": ["linux/amd64", "linux/arm64"],
        "force": True,
        "use_proxy": True,
        "export_cache": ["type=inline"],
        "import_cache": ["type=registry,ref=r.io/a"],
        "builder": "b",
        "inject_aws": "env",
        "require_cached": True,
    }
    assert arguments_of({"line": line}) == arguments_of(flags)
    assert arguments_of({}) == arguments_of({"line": ""}) == parse_build("")


@pytest.mark.parametrize("flag", ["--save notebook", "--dry-run", "--result x"])
def test_what_only_a_notebook_has_is_refused(flag):
    with pytest.raises(EnvdJupyterError, match="belongs to a notebook"):
        arguments_of({"line": flag})
