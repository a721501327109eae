from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pytest

from envd_jupyter.notebook.html import MAX_BYTES, render_html
from tests.unit.notebook import views

if TYPE_CHECKING:
    from envd_jupyter.builds.view import BuildView

VOID = {"br"}
ALL = [views.running, views.succeeded, views.failed, views.huge, views.view]


class Tree(HTMLParser):
    """Checks that every element is closed, and keeps the text and the attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes.extend(attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)


def parsed(view: BuildView) -> Tree:
    tree = Tree()
    tree.feed(render_html(view))
    tree.close()
    assert tree.open == []
    return tree


@pytest.mark.parametrize("make", ALL)
def test_markup_is_closed_small_and_free_of_scripts(make) -> None:
    tree = parsed(make())
    assert len(render_html(make()).encode()) <= MAX_BYTES
    assert not {"script", "iframe", "object", "link", "img"} & set(tree.tags)
    assert not [name for name, _ in tree.attributes if name.startswith("on")]
    assert "javascript:" not in render_html(make())


def test_text_of_steps_and_logs_is_never_markup() -> None:
    evil = "</pre></div><script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
    view = views.view(
        title=evil,
        image=evil,
        builder=evil,
        digest=evil,
        state="failed",
        steps=[views.step(1, evil, "failed", log=[evil], error=evil, source=evil)],
        notes=[{"level": evil, "message": evil, "hint": f"`{evil}`"}],
        cache={
            "imports": [{"entry": evil, "state": evil, "message": evil, "hint": evil}],
            "exports": [],
        },
        error={"message": evil, "hint": evil, "step": evil, "log_tail": [evil]},
    )
    tree = parsed(view)
    assert not {"script", "img"} & set(tree.tags)
    assert not [name for name, _ in tree.attributes if name.startswith("on")]


def test_summary_and_cached_badges_are_shown() -> None:
    words = "".join(parsed(views.running()).words)
    assert "12/15 steps, 9 cached (60 %), 14.2 s" in words
    assert words.count("cached") >= 6
    assert "139.8 MB / 919.7 MB" in words


def test_the_failing_step_comes_first_with_its_log_and_once() -> None:
    words = " ".join("".join(parsed(views.failed()).words).split())
    assert words.index("No matching distribution") < words.index("pip install jupyterlab")
    assert words.count("No matching distribution found for nunpy") == 1
    assert "did you mean numpy?" in words
    assert "\x1b" not in words
    assert "[31m" not in words


def test_cache_outcomes_are_named() -> None:
    words = " ".join("".join(parsed(views.succeeded()).words).split())
    assert "Imported from type=registry,ref=localhost:5000/ada/churn-cache" in words
    assert "Nothing to import yet at type=s3" in words
    assert "Exported to type=registry" in words


def test_internal_steps_are_folded_and_unfold_only_when_the_build_is_over() -> None:
    assert "details" not in parsed(views.running()).tags
    assert "details" in parsed(views.succeeded()).tags
    assert "[internal]" not in "".join(parsed(views.running()).words)


def test_styles_stay_inside_the_card() -> None:
    style = re.search(r"<style>(.*)</style>", render_html(views.view()), re.S)
    assert style is not None
    rules = re.sub(r"@keyframes [^{]+\{[^}]*\}\}", "", style.group(1))
    rules = re.sub(r"@media\([^)]*\)\{|@media \([^)]*\)\{", "", rules)
    for selectors in re.findall(r"([^{}]+)\{", rules):
        for selector in selectors.split(","):
            assert selector.strip().startswith(".envd-build"), selector


def test_a_screen_reader_hears_state_and_progress() -> None:
    tree = parsed(views.running())
    labels = [value for name, value in tree.attributes if name == "aria-label"]
    assert labels[0] == ("Build of churn-model: building, 12/15 steps, 9 cached (60 %), 14.2 s")
    assert "progress" in tree.tags
    assert ("role", "group") in tree.attributes
