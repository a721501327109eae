from __future__ import annotations

import pytest

from envd_jupyter.builds.line import HelpWanted, build_parser, parse_build
from envd_jupyter.errors import RequestError


def test_every_flag_of_envd_in_both_spellings() -> None:
    long = parse_build(
        "--tag me/ml:1 --from my.envd:gpu --use-proxy --path 'my project' "
        "--output type=image,name=r/x,push=true --force --platform linux/amd64,linux/arm64 "
        "--export-cache type=inline --import-cache type=gha"
    )
    short = parse_build(
        "-t me/ml:1 -f my.envd:gpu --proxy -p 'my project' -o type=image,name=r/x,push=true "
        "--force --platform linux/amd64 --platform linux/arm64 --ec type=inline --ic type=gha"
    )
    assert long == short
    assert long.path == "my project"
    assert long.from_ == "my.envd:gpu"
    assert long.platform == ("linux/amd64", "linux/arm64")


def test_cache_flags_may_be_repeated_and_keep_their_order() -> None:
    given = parse_build("--ec type=inline --export-cache=type=gha --ic type=gha --ic type=s3,b=c")
    assert given.export_cache == ("type=inline", "type=gha")
    assert given.import_cache == ("type=gha", "type=s3,b=c")


def test_an_empty_line_gives_nothing() -> None:
    given = parse_build("")
    assert given.tag is given.path is given.output is given.builder is given.save is None
    assert given.export_cache == given.import_cache == given.platform == ()
    assert not any((given.background, given.dry_run, given.no_saved, given.force))


def test_save_and_aws_have_defaults() -> None:
    assert parse_build("--save --force").save == "kernel"
    assert parse_build("--save notebook").save == "notebook"
    assert parse_build("--inject-aws --force").inject_aws == "env"
    assert parse_build("--inject-aws profile:me").inject_aws == "profile:me"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--exprot-cache type=inline", "Did you mean --export-cache?"),
        ("--exp type=inline", "there is no flag --exp"),
        ("./project", "--path ./project"),
        ("--tag", "expected one argument"),
        ("--progress loud", "invalid choice"),
        ("--save here", "invalid choice"),
        ("--tag 'x", "no closing quotation"),
        ("--result 1x", "not the name of a variable"),
    ],
)
def test_a_wrong_line_names_the_way_out(line: str, message: str) -> None:
    with pytest.raises(RequestError) as caught:
        parse_build(line)
    assert message in str(caught.value)
    assert caught.value.hint


def test_help_is_asked_for_anywhere_and_fits_a_cell() -> None:
    with pytest.raises(HelpWanted) as caught:
        parse_build("--tag x --help")
    text = str(caught.value)
    assert max(map(len, text.splitlines())) <= 96
    assert "\x1b" not in text
    for flag in build_parser().flags():
        assert flag in text
