"""The paths for those who look after it: tools, plugins, health."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Query
from fastapi.responses import JSONResponse, PlainTextResponse

if TYPE_CHECKING:
    from fastapi import APIRouter

    from zerepy_plugins import PluginManager, PluginStatus

_PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"
Patterns = Annotated[list[str] | None, Query()]


def add_routes(router: APIRouter, manager: PluginManager) -> None:
    """Add the paths."""

    @router.get("/tools")
    async def tools(
        format: str = "openai",  # noqa: A002 - the name in the query
        include: Patterns = None,
        exclude: Patterns = None,
    ) -> list[dict[str, Any]]:
        return manager.tools(format, include=include, exclude=exclude)

    @router.get("/plugins")
    async def plugins() -> list[dict[str, Any]]:
        return [_record(manager, status) for status in manager.status()]

    @router.get("/healthz", response_model=None)
    async def healthz() -> JSONResponse:
        """Ask each running plugin; 503 if one of them is ill. Others do not run, and are told."""
        names = list(manager)
        check = manager.monitor.check_health
        answers = await asyncio.gather(*(asyncio.to_thread(check, name) for name in names))
        healthy = dict(zip(names, answers, strict=True))
        broken = sorted({failure.plugin or failure.origin for failure in manager.failures})
        status = "ok" if all(answers) and not broken else "degraded"
        body = {"status": status, "healthy": healthy, "broken": broken}
        return JSONResponse(body, status_code=200 if all(answers) else 503)

    @router.get("/metrics", response_model=None)
    async def metrics() -> PlainTextResponse:
        return PlainTextResponse(manager.metrics_text(), media_type=_PROMETHEUS)


def _record(manager: PluginManager, status: PluginStatus) -> dict[str, Any]:
    described = manager.describe(status.name)
    stats = manager.monitor.stats(status.name)
    return {
        "name": status.name,
        "category": status.category,
        "version": status.version,
        "kind": status.kind,
        "state": status.state.value,
        "healthy": status.healthy,
        "description": described["description"],
        "actions": list(described["actions"]),
        "error": str(status.failure.error) if status.failure else None,
        "calls": stats.calls,
        "errors": stats.errors,
    }
