"""Advice: what would have made this build, or the next one, cheaper. Each with its figures.

A rule speaks only where all its figures are known; silence is better than a guess.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from envd_jupyter.builds.insight.compare import compare_graphs
from envd_jupyter.builds.insight.explain import earlier_builds, explain_build
from envd_jupyter.builds.insight.figures import seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from envd_jupyter.builds.insight.causes import Explanation
    from envd_jupyter.builds.insight.graph import Graph
    from envd_jupyter.builds.insight.past import Past
    from envd_jupyter.builds.insight.report import BuildReport, StepReport

__all__ = ["RULES", "Advice", "advise"]

_NOTEWORTHY = 0.5  # seconds below which nothing is worth a remark
_IN_A_ROW = 3
_CHANGES = frozenset({"command", "files", "environment", "copy", "file-content", "new-step"})
_LOST = frozenset({"other-builder", "builder-reset", "pruned"})


@dataclass(frozen=True)
class Advice:
    """One piece of advice.

    Attributes
    ----------
    rule
        Which of `RULES` speaks.
    text
        What was noticed, with its figures.
    hint
        What to do.
    """

    rule: str
    text: str
    hint: str


def advise(report: BuildReport, build: Past, others: Sequence[Past]) -> BuildReport:
    """Return the report with all the advice that its figures support."""
    look = _Look(report, build, others)
    return replace(report, advice=tuple(found for rule in RULES.values() for found in rule(look)))


@dataclass(frozen=True)
class _Look:
    report: BuildReport
    build: Past
    others: Sequence[Past]

    def caused(self, *kinds: str) -> list[tuple[Explanation, StepReport]]:
        """Return the steps that ran for one of these causes, with their figures."""
        steps = {step.digest: step for step in self.report.steps}
        return [
            (explanation, steps[explanation.digest])
            for explanation in self.report.explanations
            if explanation.cause.kind in kinds and explanation.digest in steps
        ]


def _spent(steps: Sequence[StepReport]) -> float:
    return sum(step.duration or 0.0 for step in steps)


def _import_slower(look: _Look) -> Iterator[Advice]:
    """Notice an import that took longer than the steps it saved."""
    for cache in look.report.caches:
        if cache.direction != "import" or cache.state != "ok" or cache.duration is None:
            continue
        steps = [step for step in look.report.cached if step.source == cache.entry]
        if any(step.last is None for step in steps) or not steps:
            continue
        cost = cache.duration + _spent(steps)
        gain = sum(step.last or 0.0 for step in steps)
        if cost > gain and cost >= _NOTEWORTHY:
            yield Advice(
                "import-slower",
                f"Importing {cache.entry} took {seconds(cost)}; the {len(steps)} steps it brought "
                f"took {seconds(gain)} when they last ran.",
                "Leave this import out on this builder; running the steps is faster.",
            )


def _import_unused(look: _Look) -> Iterator[Advice]:
    """Notice an import that was read and brought nothing."""
    if not look.report.real or look.build.evidence.after is None:
        return
    for cache in look.report.caches:
        if cache.direction != "import" or cache.state != "ok" or cache.duration is None:
            continue
        sources = {step.source for step in look.report.cached}
        if cache.entry in sources or "unknown" in sources or cache.duration < _NOTEWORTHY:
            continue
        yield Advice(
            "import-unused",
            f"Importing {cache.entry} took {seconds(cache.duration)} and brought no step.",
            "Leave it out here, or export it again from a build of the present state.",
        )


def _export_slower(look: _Look) -> Iterator[Advice]:
    """Notice an export that took longer than all that it can save."""
    real = look.report.real
    if not real or any(step.last is None for step in real):
        return
    gain = sum(step.last or 0.0 for step in real)
    for cache in look.report.caches:
        if cache.direction == "export" and cache.state == "ok" and cache.duration is not None:
            cost = cache.duration
            if cost > gain and cost >= _NOTEWORTHY:
                yield Advice(
                    "export-slower",
                    f"Exporting {cache.entry} took {seconds(cost)}; running all {len(real)} steps "
                    f"takes {seconds(gain)}.",
                    "Export only now and then, use mode=min, or a faster compression (zstd).",
                )


def _changes_every_build(look: _Look) -> Iterator[Advice]:
    """Notice steps that change in every build while others have to follow."""
    earlier = earlier_builds(look.build, look.others)[: _IN_A_ROW - 1]
    if len(earlier) < _IN_A_ROW - 1:
        return
    steps = {step.digest: step for step in look.report.steps}
    found: list[tuple[str, float]] = []
    for digest in _changing(look.build, look.others, earlier):
        after = [
            steps[e.digest]
            for e in look.report.explanations
            if e.follows and e.cause.digest == digest and e.digest in steps
        ]
        # What changes in itself would run wherever it stood.
        lost = _spent([step for step in after if not _also_changed(look, step.digest)])
        if lost >= _NOTEWORTHY:
            found.append((steps[digest].name, lost))
    if found:
        names = "; ".join(name for name, _ in found)
        lost = sum(cost for _, cost in found)
        count = "One step changes" if len(found) == 1 else f"{len(found)} steps change"
        yield Advice(
            "changes-every-build",
            f"{count} every build ({_IN_A_ROW} in a row), and steps after them had to run for "
            f"{seconds(lost)}: {names}.",
            "Move them to the end of build.envd, so that what does not change comes first.",
        )


def _also_changed(look: _Look, digest: str) -> bool:
    return any(e.also for e in look.report.explanations if e.digest == digest)


def _changing(build: Past, others: Sequence[Past], earlier: Sequence[Past]) -> list[str]:
    """Return the steps that changed by themselves in this build and in each one before it."""
    chain = {digest: digest for digest in _changed(build, others)}
    newer = build
    for older in earlier:
        if not chain or len(older.graphs) != len(newer.graphs):
            return []
        changed = _changed(older, others)
        pairs: dict[str, str] = {}
        for old, new in zip(older.graphs, newer.graphs, strict=True):
            pairs.update(compare_graphs(old, new).pairs)
        chain = {
            now: pairs[then]
            for now, then in chain.items()
            if then in pairs and pairs[then] in changed
        }
        newer = older
    return list(chain)


def _changed(build: Past, others: Sequence[Past]) -> set[str]:
    return {
        explanation.digest
        for explanation in explain_build(build, others)
        if not explanation.follows and explanation.cause.kind in _CHANGES
    }


def _mode_min(look: _Look) -> Iterator[Advice]:
    """Notice mode=min where steps are no layer of the image."""
    aside = {digest for graph in look.build.graphs for digest in _aside(graph)}
    steps = [step for step in look.report.steps if step.digest in aside]
    timed = [step for step in steps if step.last is not None and step.kind == "step"]
    for cache in look.report.caches:
        if cache.direction != "export" or cache.state != "ok" or cache.mode != "min":
            continue
        if timed and _spent_last(timed) >= _NOTEWORTHY:
            names = ", ".join(step.name for step in timed[:3])
            yield Advice(
                "mode-min",
                f"{cache.entry} was exported with mode=min: {len(timed)} intermediate steps "
                f"({names}), {seconds(_spent_last(timed))} of work, will not be cached for others.",
                "Add mode=max to the export.",
            )


def _spent_last(steps: Sequence[StepReport]) -> float:
    return sum(step.last or 0.0 for step in steps)


def _aside(graph: Graph) -> set[str]:
    """Return the vertices that are in no layer of the image: only copied or mounted from."""
    inside: set[str] = set()
    stack = [graph.root]
    while stack:
        digest = stack.pop()
        if digest in inside or digest not in graph:
            continue
        inside.add(digest)
        vertex = graph[digest]
        whole = ("/", "target", "lower", "upper")
        stack += [
            given.vertex for given in vertex.inputs if vertex.kind == "merge" or given.role in whole
        ]
    return {v.digest for v in graph if v.digest not in inside and v.kind == "exec"}


def _inline_overwritten(look: _Look) -> Iterator[Advice]:
    """Notice an image with an inline cache that was pushed again without one."""
    for cache in look.build.caches("import"):
        if cache.place[0] != "registry":
            continue
        ref = cache.place[1]
        pushes = [
            other
            for other in sorted(look.others, key=lambda other: other.id, reverse=True)
            if other.id < look.build.id
            and other.ending == "succeeded"
            and (other.state.result or {}).get("image") == ref
        ]
        carried = [any(c.place == ("registry", ref) for c in p.caches("export")) for p in pushes]
        if pushes and not carried[0] and any(carried):
            with_cache = pushes[carried.index(True)]
            yield Advice(
                "inline-overwritten",
                f"{ref} carried an inline cache from build {with_cache.id}; build {pushes[0].id} "
                "pushed the tag again without one, so there is nothing to import.",
                "Add --export-cache type=inline to every build that pushes this tag.",
            )


def _shuffled(look: _Look) -> Iterator[Advice]:
    """Notice steps that ran because envd shuffles environment variables."""
    found = look.caused("environment-order")
    if found:
        cost = _spent([step for _, step in found])
        yield Advice(
            "environment-order",
            f"{len(found)} steps ran for {seconds(cost)} only because envd wrote the environment "
            "variables in another order.",
            found[0][0].cause.hint or "",
        )


def _whole_project(look: _Look) -> Iterator[Advice]:
    """Notice steps that ran because they use the whole project directory."""
    found = [(e, s) for e, s in look.caused("files") if e.cause.hint]
    cost = _spent([step for _, step in found])
    if found and cost >= _NOTEWORTHY:
        yield Advice(
            "whole-project",
            f"{len(found)} steps ran for {seconds(cost)} because a step uses the whole project "
            f"and a file in it changed: {found[0][0].cause.differences[0]}.",
            found[0][0].cause.hint or "",
        )


def _no_remote_cache(look: _Look) -> Iterator[Advice]:
    """Notice results lost with a builder that a remote cache would have kept."""
    found = look.caused(*_LOST)
    cost = _spent([step for _, step in found])
    if found and cost >= _NOTEWORTHY and not look.report.caches:
        yield Advice(
            "no-remote-cache",
            f"{len(found)} steps ran again for {seconds(cost)}, unchanged: the builder did not "
            "have them, and no remote cache is used.",
            "Export a cache (--export-cache type=registry,ref=…,mode=max) and import it.",
        )


RULES: dict[str, Callable[[_Look], Iterator[Advice]]] = {
    "import-slower": _import_slower,
    "import-unused": _import_unused,
    "export-slower": _export_slower,
    "changes-every-build": _changes_every_build,
    "mode-min": _mode_min,
    "inline-overwritten": _inline_overwritten,
    "environment-order": _shuffled,
    "whole-project": _whole_project,
    "no-remote-cache": _no_remote_cache,
}
"""All rules, by name."""
