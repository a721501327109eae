"""``--require-cached``: stop a build as soon as a step runs that was to come from a cache."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envd_jupyter.build.insight.evidence import read_evidence
from envd_jupyter.build.insight.explain import explain_step
from envd_jupyter.build.insight.past import Past, load_earlier, read_graphs
from envd_jupyter.build.insight.reporttext import explanation_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Any

    from envd_jupyter.build.insight.causes import Explanation
    from envd_jupyter.build.state import BuildState

__all__ = ["CachedOnly", "Violation"]


class Violation:
    """A step that ran although it was to be cached.

    Attributes
    ----------
    name
        The step.
    explanation
        Why it ran, if the graph is known.
    """

    def __init__(self, name: str, explanation: Explanation | None) -> None:
        self.name = name
        self.explanation = explanation

    @property
    def message(self) -> str:
        """One sentence for the result of the build."""
        if self.explanation is None:
            return f"the step {self.name!r} is not cached, and only cached steps were allowed"
        cause = self.explanation.cause
        return (
            f"the step {self.name!r} is not cached, and only cached steps were allowed: "
            f"{cause.text}"
        )

    @property
    def hint(self) -> str:
        """The whole explanation."""
        if self.explanation is None:
            return "Why is not known: the build's graph was not seen."
        return explanation_text(self.explanation)


class CachedOnly:
    """Watch a build and say when to stop it.

    A step counts as running only when BuildKit has said that it began and the same message, or a
    later one, does not call it cached: BuildKit reports a cached step as begun and ended at once.

    Parameters
    ----------
    state
        The events so far, folded by somebody else.
    folder
        The build's folder, for its graphs and the builds before it.
    allowed
        Parts of names of steps that may run all the same.
    """

    def __init__(self, state: BuildState, folder: Path, allowed: tuple[str, ...] = ()) -> None:
        self._state = state
        self._folder = folder
        self._allowed = allowed
        self.violation: Violation | None = None

    def look(self, event: Mapping[str, Any]) -> Violation | None:
        """Take in an event that was folded already; returns the violation once, when it occurs."""
        if self.violation is not None:
            return None
        for vertex in event.get("vertexes") or ():
            step = self._state.steps.get(vertex.get("digest", ""))
            if step is None or step.kind != "step" or step.cached or step.started is None:
                continue
            if step.state not in ("running", "done", "failed"):
                continue
            if any(part in step.name for part in self._allowed):
                continue
            self.violation = Violation(step.name, self._explain(step.digest))
            return self.violation
        return None

    def _explain(self, digest: str) -> Explanation | None:
        build = Past(self._state, read_graphs(self._folder), read_evidence(self._folder))
        return explain_step(build, load_earlier(build, self._folder), digest)
