from __future__ import annotations

import pytest
from IPython.core.interactiveshell import InteractiveShell

from envd_jupyter.notebook.expansion import expand

SPACE = {
    "reg": "localhost:5000",
    "tag": "me/ml",
    "cfg": {"ref": "r/x"},
    "n": 7,
    "kernel": "rbf",
    "git_branch": "not this one",
    "o": type("O", (), {"name": "dot"}),
}


@pytest.mark.parametrize(
    ("line", "expanded"),
    [
        ("--tag $tag", "--tag me/ml"),
        ("--tag {tag}", "--tag me/ml"),
        ("--tag $o.name", "--tag dot"),
        ("--tag {n * 2}", "--tag 14"),
        ("--ec ref={cfg['ref']}", "--ec ref=r/x"),
        ('--ec ref={cfg["ref"]}', "--ec ref=r/x"),
        ("--ec ref={dict(**{'k': 'a'})['k']}", "--ec ref=a"),
        ("--ec ref={reg}/ml:{git_branch}", "--ec ref=localhost:5000/ml:{git_branch}"),
        ("{kernel} $kernel", "{kernel} rbf"),
        ("{unknown} $unknown {tag}", "{unknown} $unknown me/ml"),
        ("{1/0} {tag}", "{1/0} me/ml"),
        ("{{tag}} $$tag", "{tag} $tag"),
        ("'$tag' {tag}", "'$tag' me/ml"),
        ("it's $tag", "it's me/ml"),
        ("{", "{"),
        ("}", "}"),
        ("$", "$"),
        ("{n!r}", "7"),
        ("", ""),
    ],
)
def test_expand(line: str, expanded: str) -> None:
    assert expand(line, SPACE) == expanded


@pytest.mark.parametrize(
    "line",
    ["--tag $tag", "{n//2} $o.name", "'$tag' {tag}", "$$tag {{tag}}", "{cfg['ref']}-{reg}"],
)
def test_as_ipython_where_every_name_is_known(line: str) -> None:
    shell = InteractiveShell(user_ns=dict(SPACE))
    assert expand(line, SPACE) == shell.var_expand(line)
