"""The ops door: an ordinary aiohttp server for Prometheus, probes and the people on duty.

Room rule: answers from memory only, so that a probe never waits for a department or a broker.
Health follows the split of Kubernetes: `/livez` says that the loop turns, `/readyz` that this
process should get traffic, with a reason for each check.
"""

from __future__ import annotations

import errno
import socket
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

import orjson
from aiohttp import hdrs, web

from gateway.errors import StartError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from gateway.telemetry.exposition import Exposition

__all__ = ["Check", "OpsDoor", "OpsView"]

CLOSE_SECONDS: Final = 2.0
"""How long an answer that is on its way may take when the door closes."""

LAST_PORT: Final = 65535

INDEX: Final = """<!doctype html>
<html lang="en">
<title>Gateway: ops door</title>
<h1>Gateway: ops door</h1>
<ul>
<li><a href="/metrics">/metrics</a> Prometheus text format or OpenMetrics
<li><a href="/livez">/livez</a> the event loop is alive
<li><a href="/readyz">/readyz</a> whether this process should get traffic, check by check
<li><a href="/routes">/routes</a> which routes run, since when, and what was refused and why
</ul>
</html>
"""

BIND_ADVICE: Final = {
    errno.EADDRINUSE: "another process uses this port; stop it or choose another port",
    errno.EADDRNOTAVAIL: "this machine has no such address; choose one of its own",
    errno.EACCES: "this user may not open the port; choose one above 1023",
}


class Check(NamedTuple):
    """One condition of readiness; `reason` says why it holds or what is missing."""

    name: str
    ok: bool
    reason: str


class OpsView(Protocol):
    """What the door shows of the running gateway; both answer at once and never raise."""

    def readiness(self) -> Sequence[Check]:
        """Return every check; the process is ready when all are ok."""

    def routes(self) -> Mapping[str, object]:
        """Return what `/routes` shows, as `routes_report.RoutesReport.as_json` makes it."""


class OpsDoor:
    """Serves `view` and the scrape on a port of its own."""

    def __init__(self, view: OpsView, exposition: Exposition) -> None:
        self._view = view
        self._exposition = exposition
        app = web.Application(middlewares=[_problems])
        app.router.add_get("/", _index)
        app.router.add_get("/livez", _livez)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/routes", self._routes)
        app.router.add_get("/metrics", self._metrics)
        app.on_response_prepare.append(_set_headers)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=CLOSE_SECONDS)

    async def start(self, host: str, port: int) -> None:
        """Listen; port 0 takes a free one. Raises `StartError` when that is not possible."""
        if not 0 <= port <= LAST_PORT:  # uvloop would take the number modulo 65536
            raise StartError(f"The ops door's port {port} is not a number from 0 to {LAST_PORT}.")
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, host, port).start()
        except (OSError, UnicodeError) as error:  # UnicodeError: a host with an empty label
            await self._runner.cleanup()
            raise StartError(_why_not(host, port, error)) from error

    @property
    def port(self) -> int:
        """The port in use."""
        port: int = self._runner.addresses[0][1]
        return port

    async def close(self) -> None:
        """Stop listening, and cut what is still open after `CLOSE_SECONDS`."""
        await self._runner.cleanup()

    async def _readyz(self, _: web.Request) -> web.Response:
        checks = self._view.readiness()
        ready = all(check.ok for check in checks)
        status = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
        return _json({"ready": ready, "checks": [check._asdict() for check in checks]}, status)

    async def _routes(self, _: web.Request) -> web.Response:
        return _json(self._view.routes())

    async def _metrics(self, request: web.Request) -> web.Response:
        # a field that is sent in several lines is one list: RFC 9110, section 5.3
        accept = ",".join(request.headers.getall(hdrs.ACCEPT, ()))
        codings = ",".join(request.headers.getall(hdrs.ACCEPT_ENCODING, ()))
        scrape = await self._exposition.scrape(accept, codings)
        headers = {hdrs.CONTENT_TYPE: scrape.content_type, hdrs.VARY: "Accept, Accept-Encoding"}
        if scrape.content_encoding is not None:
            headers[hdrs.CONTENT_ENCODING] = scrape.content_encoding
        return web.Response(body=scrape.body, headers=headers)


async def _index(_: web.Request) -> web.Response:
    return web.Response(text=INDEX, content_type="text/html")


async def _livez(_: web.Request) -> web.Response:
    return _json({"alive": True})


async def _set_headers(_: web.Request, response: web.StreamResponse) -> None:
    response.headers[hdrs.CACHE_CONTROL] = "no-store"
    response.headers.pop(hdrs.SERVER, None)


@web.middleware
async def _problems(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Answer what the door does not have, or does not do, with RFC 9457 problem details."""
    try:
        return await handler(request)
    except web.HTTPNotFound:
        detail = "The ops door has /metrics, /livez, /readyz and /routes."
        return _problem(HTTPStatus.NOT_FOUND, detail)
    except web.HTTPMethodNotAllowed as refusal:
        response = _problem(HTTPStatus.METHOD_NOT_ALLOWED, "The ops door is read with GET or HEAD.")
        response.headers[hdrs.ALLOW] = ", ".join(sorted(refusal.allowed_methods))
        return response


def _problem(status: HTTPStatus, detail: str) -> web.Response:
    body = {"type": "about:blank", "title": status.phrase, "status": status, "detail": detail}
    return _json(body, status, "application/problem+json")


def _json(
    content: Mapping[str, object],
    status: HTTPStatus = HTTPStatus.OK,
    content_type: str = "application/json",
) -> web.Response:
    body = orjson.dumps(
        content, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z
    )
    return web.Response(body=body, status=status, content_type=content_type)


def _why_not(host: str, port: int, error: OSError | UnicodeError) -> str:
    if isinstance(error, (socket.gaierror, UnicodeError)):
        advice = "the host name does not resolve; give an address of this machine"
    else:
        advice = BIND_ADVICE.get(error.errno or 0, str(error))
    return f"The ops door cannot listen on {host}:{port}: {advice}."
