from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envd_jupyter.builds.line import parse_build
from envd_jupyter.builds.preferences import Identity, Settings
from envd_jupyter.cache.entry import parse_cache_entry
from envd_jupyter.cache.options import options_for, types_for
from envd_jupyter.errors import CacheSettingError, RequestError
from envd_jupyter.notebook.form.model import (
    DESTINATIONS,
    CacheFields,
    FormValues,
    command_line,
    from_settings,
    read_line,
    to_request,
)

NOBODY = Identity(None, None, None)

LINE = (
    "%envd_build --path envs/train --from gpu.envd:build --builder tcp://host:1234 "
    "--output type=image,name=localhost:5000/me/ml:1,push=true --platform linux/amd64,linux/arm64 "
    "--export-cache type=registry,ref=localhost:5000/me/ml:cache-{git_branch},mode=max "
    "--export-cache type=inline --import-cache type=registry,ref=localhost:5000/me/ml:cache-main "
    "--force --use-proxy --require-cached"
)


def test_a_line_comes_back_as_it_was():
    assert command_line(read_line(LINE)[0]) == LINE


@pytest.mark.parametrize(
    "text",
    [
        "%envd_build --tag me:1 --ec type=inline",
        "--tag me:1 --export-cache type=inline",
        "result = %envd_build --tag me:1 --ec type=inline",
        "%%envd_build --tag me:1 --ec type=inline",
        "%envd_build --tag me:1 \\\n   --ec type=inline\n",
        "envd build --tag me:1 --ec type=inline",
    ],
)
def test_a_line_may_be_pasted_in_any_of_its_forms(text):
    values, _ = read_line(text)
    assert (values.image, values.destination) == ("me:1", "docker")
    assert values.exports == (CacheFields("export", "inline"),)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("%envd_build --frce", RequestError),
        ("%envd_build --help", RequestError),
        ("print(1)", RequestError),
        ("%envd_build --ec type=registry,ref=a/B", CacheSettingError),
        ("%envd_build --output type=nowhere", RequestError),
        ("%envd_build 'a", RequestError),
    ],
)
def test_what_is_no_line_is_refused(text, error):
    with pytest.raises(error):
        read_line(text)


@pytest.mark.parametrize(
    ("output", "destination"),
    [
        ("type=image,name=r/me:1,push=true", "push"),
        ("type=image,name=r/me:1", "keep"),
        ("type=oci,name=r/me:1,dest=/x.tar", "oci"),
        ("type=docker,dest=/x.tar", "archive"),
        ("type=tar,dest=/x.tar", "tar"),
        ("type=local,dest=/x", "local"),
        ("type=image,name=r/me:1,push=true,compression=zstd", "other"),
        ("type=docker", "other"),
    ],
)
def test_every_output_has_a_destination_and_stays_as_it_is(output, destination):
    values, _ = read_line(f"--output {output}")
    assert values.destination == destination
    assert values.output_text() == output
    assert values.tag() is None


@pytest.mark.parametrize("destination", [name for name, _ in DESTINATIONS])
def test_a_half_filled_form_has_a_line(destination):
    line = command_line(FormValues(destination=destination))
    assert line.startswith("%envd_build")
    parse_build(line.removeprefix("%envd_build"))


# A word that begins with a hyphen would be a flag, and is no value of anything here.
_WORDS = st.text(
    st.characters(codec="ascii", exclude_characters="\r\n\0"), min_size=1, max_size=12
).filter(lambda text: not text.startswith("-"))


@st.composite
def _fields(draw, direction):
    cache_type = draw(st.sampled_from(types_for(direction)))
    options = [option.name for option in options_for(cache_type, direction) if not option.secret]
    chosen = draw(st.lists(st.sampled_from(options), unique=True)) if options else []
    values = tuple((name, draw(_WORDS)) for name in options if name in chosen)
    return CacheFields(direction, cache_type, values)


@given(
    st.builds(
        FormValues,
        project=_WORDS,
        builder=_WORDS,
        image=_WORDS,
        destination=st.sampled_from([name for name, _ in DESTINATIONS if name != "other"]),
        dest=_WORDS,
        force=st.booleans(),
        exports=st.tuples(_fields("export")),
        imports=st.lists(_fields("import"), max_size=3).map(tuple),
    )
)
def test_whatever_is_typed_the_line_holds_it(values):
    flags = parse_build(shlex.join(shlex.split(command_line(values))[1:]))
    assert flags.export_cache == tuple(fields.to_csv() for fields in values.exports)
    assert flags.import_cache == tuple(fields.to_csv() for fields in values.imports)
    assert flags.output == values.output_text()
    assert flags.tag == values.tag()


def test_secrets_are_no_part_of_a_form():
    secret = "type=s3,bucket=b,region=r,access_key_id=AKIA,secret_access_key=hunter2"
    values, secrets = read_line(f"%envd_build --tag a --ec {secret}")
    assert "hunter2" not in repr(values)
    assert "secret_access_key=***" in command_line(values)
    with pytest.raises(RequestError, match="secret"):
        to_request(values, {}, NOBODY)
    secrets = {
        ("export", 0, "access_key_id"): "AKIA",
        ("export", 0, "secret_access_key"): "hunter2",
    }
    request = to_request(values, secrets, NOBODY)
    assert request.exports == (parse_cache_entry(secret, "export"),)
    named = secret.replace("hunter2", "env:SECRET").replace("AKIA", "env:KEY")
    assert to_request(read_line(f"--ec {named}")[0], {}, NOBODY).exports[0].to_csv() == named


def test_what_is_remembered_fills_a_form():
    settings = Settings(
        exports=(parse_cache_entry("type=inline", "export"),),
        output="type=image,name=r/me:1,push=true",
        builder="unix:///b",
        platform=("linux/amd64",),
        path="envs/x",
    )
    values = from_settings(settings)
    assert command_line(values) == (
        "%envd_build --path envs/x --builder unix:///b "
        "--output type=image,name=r/me:1,push=true --platform linux/amd64 "
        "--export-cache type=inline"
    )
    request = to_request(values, {}, Identity("n.ipynb", "python3", None))
    assert (request.notebook, request.kernel) == ("n.ipynb", "python3")
    assert request.platform == ("linux/amd64",)
    assert from_settings(Settings()).destination == "docker"
