from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from envd_jupyter.builds.folder import BuildFolder, build_ids, new_id

NOW = 1_780_000_000


@given(
    st.lists(
        st.integers(0, 3 * 4096 - 1).map(lambda tick: NOW + tick / 4096),
        min_size=2,
        unique=True,
    )
)
def test_ids_sort_by_time_also_within_a_second(moments):
    ids = [new_id(moment) for moment in sorted(moments)]
    assert ids == sorted(ids)
    assert all(re.fullmatch(r"\d{8}-\d{6}-[0-9a-f]{6}", build_id) for build_id in ids)


def test_many_builds_at_once_have_folders_of_their_own(tmp_path):
    made = [BuildFolder.create(tmp_path).id for _ in range(200)]
    assert sorted(set(made)) == sorted(made)
    assert list(build_ids(tmp_path)) == sorted(made)
