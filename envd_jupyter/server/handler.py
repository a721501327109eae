"""What every REST handler does: who may ask, how much, and how a refusal is told."""

from __future__ import annotations

import json
import os
from functools import wraps
from typing import TYPE_CHECKING, TypeVar, cast

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler
from tornado import web

from envd_jupyter.cache.redaction import Redactor
from envd_jupyter.errors import (
    BuilderAddressError,
    BuilderError,
    EnvdJupyterError,
    EnvdNotFound,
    LayoutError,
    PlaceForbidden,
    RecordError,
)
from envd_jupyter.server.kernels import find_kernel

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from typing import Any

    from envd_jupyter.server.hub import Hub
    from envd_jupyter.server.kernels import KernelHere
    from envd_jupyter.server.places import Places

__all__ = ["RESOURCE", "EnvdHandler", "Refusal", "endpoint", "kernel_named"]

RESOURCE = "envd"
"""What an ``Authorizer`` is asked about: read, write (settings, records), execute (builds)."""

MOST_BYTES = 256 * 1024
"""The longest body that is taken."""

_Method = TypeVar("_Method", bound="Callable[..., Awaitable[None]]")


class Refusal(web.HTTPError):
    """A request that is refused.

    Parameters
    ----------
    status
        400, 403, 404, 409, 413 or 503.
    message, hint
        What is wrong, and the way out.
    kind
        The name of the error.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        hint: str | None = None,
        kind: str = "RequestError",
    ) -> None:
        # Without the message, which the server would log: it may quote what was written by mistake.
        super().__init__(status)
        self.told = {"message": message, "hint": hint, "reason": kind}


def refusal(error: EnvdJupyterError) -> Refusal:
    """Return how an error is told, with the secrets of the environment masked."""
    status = 400
    if isinstance(error, PlaceForbidden):
        status = 403
    elif isinstance(error, RecordError):
        status = 404
    elif isinstance(error, (BuilderError, EnvdNotFound, LayoutError)) and not isinstance(
        error, BuilderAddressError
    ):
        status = 409
    clean = Redactor.for_entries((), os.environ).text
    hint = clean(error.hint) if error.hint else None
    return Refusal(status, clean(error.message), hint=hint, kind=type(error).__name__)


def endpoint(action: str) -> Callable[[_Method], _Method]:
    """Make a method of a handler one that may be called by who may do ``action`` with envd."""

    def decorate(method: _Method) -> _Method:
        @wraps(method)
        async def told(self: EnvdHandler, *arguments: str) -> None:
            try:
                await method(self, *arguments)
            except EnvdJupyterError as error:
                raise refusal(error) from None

        guarded: Any = authorized(action=action, resource=RESOURCE)(told)
        return cast("_Method", web.authenticated(guarded))

    return decorate


@web.stream_request_body
class EnvdHandler(APIHandler):
    """A resource of the API. Bodies are read as they come, so that none fills the memory."""

    auth_resource = RESOURCE

    def initialize(self, hub: Hub, places: Places) -> None:
        """Take what all handlers share."""
        self.hub = hub
        self.places = places
        self._body = bytearray()
        self._too_long = False

    async def prepare(self) -> None:  # type: ignore[override]
        """Refuse a body that is too long before it is sent."""
        await super().prepare()
        self.set_header("Cache-Control", "no-store")
        # What is not announced may be a little longer before the connection is cut.
        cast("Any", self.request.connection).set_max_body_size(16 * MOST_BYTES)
        if int(self.request.headers.get("Content-Length") or 0) > MOST_BYTES:
            self._refuse_length()

    def data_received(self, chunk: bytes) -> None:
        """Take a part of the body."""
        self._too_long = self._too_long or len(self._body) + len(chunk) > MOST_BYTES
        if not self._too_long:
            self._body += chunk

    def _refuse_length(self) -> None:
        raise Refusal(
            413, f"the body is longer than {MOST_BYTES // 1024} KiB", kind="RequestTooLong"
        )

    def body(self) -> dict[str, Any]:
        """Return the body, a JSON object; an empty one where there is none."""
        if self._too_long:
            self._refuse_length()
        if not self._body.strip():
            return {}
        try:
            found = json.loads(self._body)
        except (ValueError, RecursionError):
            # Neither told nor logged: it may hold a secret.
            raise Refusal(400, "the body is not JSON") from None
        if not isinstance(found, dict):
            raise Refusal(400, "the body is not a JSON object")
        if not all(map(_is_sound, _texts(found))):
            raise Refusal(400, "the body holds characters that no name and no path can have")
        return found

    def reply(self, content: object, status: int = 200) -> None:
        """Finish with JSON."""
        self.set_status(status)
        self.finish(json.dumps(content))

    def argument(self, name: str) -> str | None:
        """Return an argument of the query, None if it is missing or empty."""
        return self.get_query_argument(name, None) or None

    async def kernel(self) -> KernelHere | None:
        """Return the kernel that ``kernel_id`` of the query names; None if it names none."""
        kernel_id = self.argument("kernel_id")
        return await kernel_named(self, kernel_id) if kernel_id else None

    def write_error(self, status_code: int, **more: Any) -> None:
        """Tell a refusal or a failure as JSON."""
        error = more["exc_info"][1] if "exc_info" in more else None
        if isinstance(error, Refusal):
            told = error.told
        elif isinstance(error, web.HTTPError):
            message = (error.log_message or error.reason or "the request is refused") % ()
            told = {"message": message, "hint": None, "reason": "HTTPError"}
        else:
            told = {
                "message": "something unexpected went wrong",
                "hint": "The log of the server tells more.",
                "reason": "InternalError",
            }
        self.finish(json.dumps(told))


def _texts(content: object) -> Iterator[str]:
    """Yield every text in JSON, keys as well."""
    rest = [content]
    while rest:
        item = rest.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, dict):
            rest += [*item, *item.values()]
        elif isinstance(item, list):
            rest += item


def _is_sound(text: str) -> bool:
    """Tell whether a program can be given a text: no NUL, and no half of a surrogate pair."""
    return "\0" not in text and not any("\ud800" <= char <= "\udfff" for char in text)


async def kernel_named(handler: Any, kernel_id: str) -> KernelHere:
    """Return a kernel of the server.

    Raises
    ------
    Refusal
        If there is none of this id.
    """
    found = await find_kernel(handler.kernel_manager, handler.session_manager, kernel_id)
    if found is None:
        raise Refusal(404, f"there is no kernel {kernel_id!r}", kind="NoSuchKernel")
    return found
