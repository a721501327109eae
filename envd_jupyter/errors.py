"""Every error a user of this package can see, in one tree.

Each error says what is wrong in its message and the way out in its ``hint``::

    EnvdJupyterError
    ├── CacheSettingError        a cache export or import that cannot work as written
    ├── TemplateError            a ``{name}`` in a cache setting that has no value here
    ├── RequestError             the build asked for cannot be started as asked
    │   ├── PreferenceError      a remembered setting is damaged or cannot be stored
    │   └── PlaceForbidden       a request to the server names a path it may not name
    ├── EnvdNotFound             no envd program to run
    ├── BuilderError             the builder cannot serve this build
    │   ├── BuilderAddressError  the builder's address cannot be understood
    │   ├── BuilderUnreachable   nothing answers at the builder's address
    │   └── BuilderUnsupported   the builder answers, but cannot do what is asked
    ├── LayoutError              a local cache directory is not a sound OCI layout
    ├── RelayError               a peer spoke in a way the relay does not understand
    ├── RecordError              no such build, or its record cannot be read
    └── EnvdBuildError           the build ran and did not succeed; carries the result

In IPython these are shown without a traceback: the message and the hint are what a reader needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any

__all__ = [
    "BuilderAddressError",
    "BuilderError",
    "BuilderUnreachable",
    "BuilderUnsupported",
    "CacheSettingError",
    "EnvdBuildError",
    "EnvdJupyterError",
    "EnvdNotFound",
    "LayoutError",
    "PlaceForbidden",
    "PreferenceError",
    "RecordError",
    "RelayError",
    "RequestError",
    "TemplateError",
]


class EnvdJupyterError(Exception):
    """Base of all errors of this package.

    Parameters
    ----------
    message
        What is wrong, naming the thing and its value (secrets already masked).
    hint
        What to do about it, one or two sentences.
    """

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\nHint: {self.hint}" if self.hint else self.message

    def _render_traceback_(
        self,
        etype: type[BaseException] | None = None,
        value: BaseException | None = None,
        tb: TracebackType | None = None,
        tb_offset: int | None = None,
    ) -> list[str]:
        """Show IPython users the message and the hint only."""
        return [f"{type(self).__name__}: {self}"]


class CacheSettingError(EnvdJupyterError, ValueError):
    """A cache export or import that cannot work as written.

    Parameters
    ----------
    message, hint
        See `EnvdJupyterError`.
    option
        The option at fault (``"compression-level"``), if one can be named.
    value
        Its value, masked if the option is a secret.
    """

    def __init__(
        self,
        message: str,
        *,
        option: str | None = None,
        value: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.option = option
        self.value = value


class TemplateError(EnvdJupyterError, ValueError):
    """A ``{name}`` in a cache setting that has no value here."""


class RequestError(EnvdJupyterError, ValueError):
    """The build asked for cannot be started as asked."""


class PreferenceError(RequestError):
    """A remembered setting is damaged or cannot be stored."""


class PlaceForbidden(RequestError):
    """A request to the server names a path it may not name."""


class EnvdNotFound(EnvdJupyterError):
    """No envd program to run."""


class BuilderError(EnvdJupyterError):
    """The builder cannot serve this build."""


class BuilderAddressError(BuilderError, ValueError):
    """The builder's address cannot be understood."""


class BuilderUnreachable(BuilderError, ConnectionError):
    """Nothing answers at the builder's address."""


class BuilderUnsupported(BuilderError):
    """The builder answers, but cannot do what is asked."""


class LayoutError(EnvdJupyterError):
    """A local cache directory is not a sound OCI layout."""


class RelayError(EnvdJupyterError):
    """A peer spoke in a way the relay does not understand."""


class RecordError(EnvdJupyterError, LookupError):
    """No such build, or its record cannot be read."""


class EnvdBuildError(EnvdJupyterError):
    """The build ran and did not succeed.

    Parameters
    ----------
    message, hint
        See `EnvdJupyterError`; the message holds the failing step and its last log lines.
    result
        The `envd_jupyter.builds.result.BuildResult` of the build.
    """

    def __init__(self, message: str, *, result: Any = None, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.result = result
