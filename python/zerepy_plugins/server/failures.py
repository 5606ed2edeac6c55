"""Failures as HTTP responses: a status for each code, and the body of `call_tool`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute

from zerepy_plugins.errors import InvalidParamsError, PluginError
from zerepy_plugins.tools import ToolError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from fastapi import Request, Response

_STATUS = {
    "vetoed": 403,
    "not_found": 404,
    "wrong_state": 409,
    "invalid_params": 422,
    "invalid_config": 422,
    "busy": 429,
    "no_agents": 501,
    "execution_failed": 502,
    "plugin_panicked": 502,
    "plugin_crashed": 502,
    "not_ready": 503,
    "timed_out": 504,
}
_OTHER = 500


def response(error: ToolError) -> JSONResponse:
    """Return the response for a failure."""
    status = _STATUS.get(error["code"], _OTHER)
    after = error["retry_after"]
    headers = None if after is None else {"Retry-After": str(math.ceil(after))}
    body = {"detail": error["message"], **error}
    return JSONResponse(body, status_code=status, headers=headers)


class PluginRoute(APIRoute):
    """A route whose plugin errors, and errors of the request itself, become such responses."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler."""
        handle = super().get_route_handler()

        async def handle_failures(request: Request) -> Response:
            try:
                return await handle(request)
            except PluginError as error:
                return response(ToolError.of(error))
            except RequestValidationError as error:
                return response(ToolError.of(_refused(error)))

        return handle_failures


def _refused(error: RequestValidationError) -> InvalidParamsError:
    problems = [
        {
            "path": ".".join(map(str, problem["loc"])),
            "message": str(problem["msg"]),
            "expected": str(problem["msg"]).removeprefix("Input should be "),
            "got": "nothing" if problem["type"] == "missing" else type(problem["input"]).__name__,
        }
        for problem in error.errors()
    ]
    lines = [f"{problem['path']}: {problem['message']}" for problem in problems]
    return InvalidParamsError(f"the request is wrong: {'; '.join(lines)}", problems=problems)
