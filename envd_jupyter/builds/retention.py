"""How much of the past is kept: a number of builds, an age and a size.

The limits are stored with the builds, so that every driver, whoever started it, keeps to them.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from envd_jupyter.errors import RequestError

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

__all__ = ["Retention"]

_FILE = "retention.json"


@dataclass(frozen=True)
class Retention:
    """Limits of the history; what is beyond one of them is forgotten, the oldest first.

    Attributes
    ----------
    count
        The number of builds; None for any number.
    age
        Seconds since the end of a build; None for any age.
    size
        Bytes of all logs together; None for any size.
    """

    count: int | None = 200
    age: float | None = None
    size: int | None = 2 << 30

    def __post_init__(self) -> None:
        if self.count is not None and self.count < 1:
            raise RequestError(
                f"{self.count} builds cannot be kept", hint="At least the latest build is kept."
            )

    @classmethod
    def load(cls, data: Path) -> Retention:
        """Return the limits of a data folder; those by default where none are stored."""
        from envd_jupyter.builds.sharedfile import SharedFile

        stored = SharedFile(data / _FILE).read()
        try:
            return dataclasses.replace(cls(), **{k: _number(stored[k]) for k in _NAMES & {*stored}})
        except (TypeError, RequestError):  # not written by us
            return cls()

    def save(self, data: Path) -> None:
        """Store the limits in a data folder.

        Raises
        ------
        PreferenceError
            If they cannot be written.
        """
        from envd_jupyter.builds.sharedfile import SharedFile

        SharedFile(data / _FILE).update(lambda _: dataclasses.asdict(self))


_NAMES = {field.name for field in dataclasses.fields(Retention)}


def _number(value: Any) -> Any:
    if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float))):
        raise TypeError(value)
    return value
