from __future__ import annotations

import pytest

from envd_jupyter.notebook.form.checking import check_form
from envd_jupyter.notebook.form.model import FormValues, command_line
from envd_jupyter.notebook.form.presets import PRESETS, preset_named

ENVIRON = {"AWS_BUCKET": "b", "AWS_REGION": "r"}


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.name)
def test_a_preset_on_a_filled_form_can_be_built_or_only_lacks_credentials(preset):
    values = preset.apply(FormValues(image="localhost:5000/me/ml:1", project="envs/train"))
    found = check_form(values, {}, ENVIRON)
    assert all(place[2] in ("token", "url") for place in found), found


@pytest.mark.parametrize("preset", PRESETS, ids=lambda preset: preset.name)
def test_a_preset_on_an_empty_form_is_never_wrong(preset):
    found = check_form(preset.apply(FormValues()), {}, {})
    assert {fault.level for fault in found.values()} <= {"missing"}
    assert command_line(preset.apply(FormValues()))


def test_beside_the_image_is_another_tag_of_it():
    values = preset_named("Registry, beside the image").apply(
        FormValues(image="localhost:5000/me/ml:1", destination="docker")
    )
    assert command_line(values) == (
        "%envd_build --output type=image,name=localhost:5000/me/ml:1,push=true "
        "--export-cache type=registry,ref=localhost:5000/me/ml:buildcache,mode=max "
        "--import-cache type=registry,ref=localhost:5000/me/ml:buildcache"
    )


def test_branch_aware_s3_stores_both_names_and_loads_both():
    values = preset_named("S3 bucket, branch-aware").apply(FormValues(project="/x/train"))
    assert values.exports[0].get("name") == "{git_sha};{git_branch}"
    assert [row.get("name") for row in values.imports] == ["{git_sha}", "{git_branch}"]
    assert {row.get("prefix") for row in (*values.exports, *values.imports)} == {"train/"}
