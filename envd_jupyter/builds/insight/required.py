"""``--require-cached``: stop a build as soon as a step runs that was to come from a cache."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from envd_jupyter.builds.insight.causes import short
from envd_jupyter.builds.insight.evidence import read_evidence
from envd_jupyter.builds.insight.explain import explain_step
from envd_jupyter.builds.insight.past import Past, load_earlier, read_graphs
from envd_jupyter.builds.insight.reporttext import more_lines
from envd_jupyter.builds.steps import title_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Any

    from envd_jupyter.builds.insight.causes import Explanation
    from envd_jupyter.builds.state import BuildState

__all__ = ["CachedOnly", "Violation"]


@dataclass(frozen=True)
class Violation:
    """A step that ran although it was to be cached.

    Attributes
    ----------
    digest, name
        The step.
    explanation
        Why it ran, once that was found out.
    """

    digest: str
    name: str
    explanation: Explanation | None = None

    @property
    def message(self) -> str:
        """One sentence for the result of the build."""
        said = f"the step {self.name!r} is not cached, and only cached steps are allowed"
        return said if self.explanation is None else f"{said}: {self.explanation.cause.text}"

    @property
    def hint(self) -> str:
        """What the explanation says beyond the first cause, which the message has told."""
        if self.explanation is None:
            return "Why is not known: the build's graph was not seen."
        return "\n".join(more_lines(self.explanation))


class CachedOnly:
    """Watch a build and say when to stop it.

    BuildKit (0.25) calls a step begun when it is taken from a cache, then in the same message
    cached, or else when its work begins. Only a vertex without inputs is called begun already
    while its cache key is made; such are left alone.

    Parameters
    ----------
    state
        The events so far, folded by somebody else.
    folder
        The build's folder, for its graphs and the builds before it.
    """

    def __init__(self, state: BuildState, folder: Path) -> None:
        self._state = state
        self._folder = folder
        self.violation: Violation | None = None

    def look(self, event: Mapping[str, Any]) -> Violation | None:
        """Take in an event that was folded already; returns the violation when it occurs."""
        if self.violation is not None:
            return None
        for vertex in event.get("vertexes") or ():
            step = self._state.steps.get(vertex.get("digest", ""))
            if step is None or step.kind != "step" or not step.inputs or step.cached:
                continue
            if step.state in ("running", "done", "failed"):
                self.violation = Violation(step.digest, short(title_of(step.name)))
                return self.violation
        return None

    def explained(self) -> Violation | None:
        """Return the violation with its explanation, read from what was noted by now."""
        found = self.violation
        if found is None:
            return None
        build = Past(self._state, read_graphs(self._folder), read_evidence(self._folder))
        earlier = load_earlier(build, self._folder)
        return replace(found, explanation=explain_step(build, earlier, found.digest))
