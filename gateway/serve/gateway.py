"""One running gateway: start, signals, drain.

Room rule: as `gateway.serve`.
"""

from __future__ import annotations

import asyncio
import gc
import io
import logging
import resource
import signal
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING

from gateway.background.routes_reload import RoutesReload
from gateway.background.routes_watch import RoutesWatch
from gateway.entry.door import Door
from gateway.entry.forwarded import ForwardedFields
from gateway.entry.request import RequestReader
from gateway.errors import StartError
from gateway.handling.books import Books
from gateway.handling.case_path import CasePath
from gateway.handling.delivery import HttpDelivery
from gateway.handling.http_once import HttpOnce
from gateway.handling.kafka_delivery import KafkaDelivery
from gateway.handling.live_routes import LiveRoutes, RouteBoard, RouteBuilder
from gateway.handling.pipeline import Pipeline
from gateway.http.listener import EntryServer
from gateway.operations.door import Check, OpsDoor
from gateway.operations.routes_report import Reload, RoutesReport
from gateway.routing.sources import UnreadableFileError
from gateway.serve.case_side import CaseSide
from gateway.serve.gauges import gauges
from gateway.serve.kafka_side import KafkaSide, subscriptions
from gateway.settings import Address, Settings
from gateway.sweep import Sweep
from gateway.telemetry.exposition import Exposition
from gateway.telemetry.loop_lag import watch_loop_lag
from gateway.telemetry.metrics import Metrics
from gateway.telemetry.request_log import RequestLog

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from gateway.cases.case import Case
    from gateway.cases.store import Callback

__all__ = ["Gateway", "run"]

VERSION = version("gateway")

_WALL_CLOCK = time.time  # noqa: TID251  # handed to whoever needs it, from here only

_log = logging.getLogger("gateway.serve")


class Gateway:
    """One running gateway. `start` raises `StartError` and leaves nothing behind when it does.

    `lines` is where the request log goes, unbuffered (stdout when None); it is not closed here.
    """

    def __init__(self, settings: Settings, lines: io.RawIOBase | None = None) -> None:
        self._settings = settings
        loop = asyncio.get_running_loop()
        self._sweep = Sweep(loop, time.monotonic)
        self.metrics = Metrics(VERSION, _WALL_CLOCK)
        self._log = RequestLog(
            lines or _stdout(), settings.log_format, self.metrics.log_lines_dropped
        )
        self._cases = CaseSide(
            settings, self.metrics, self._routes, _utc_now, self._expired, self._undeliverable
        )
        self._kafka: KafkaSide | None = None
        builder = RouteBuilder(self._sweep, self.metrics, settings.instance)
        self._reload = RoutesReload(
            settings.routes,
            settings.environ,
            builder,
            self.metrics,
            self._took_effect,
            given=settings.secrets,
        )
        self._watch: RoutesWatch | None = None
        self._board: RouteBoard | None = None
        self._pipeline: Pipeline | None = None
        self._case_path: CasePath | None = None
        self._once: HttpOnce | None = None
        self._server: EntryServer | None = None
        self._ops: OpsDoor | None = None
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def entry_address(self) -> Address:
        """Where callers are served; the port is the one in use."""
        port = 0 if self._server is None else self._server.port
        return Address(self._settings.listen.host, port)

    @property
    def ops_address(self) -> Address:
        """Where the ops door is; the port is the one in use."""
        return Address(self._settings.ops.host, 0 if self._ops is None else self._ops.port)

    async def start(self) -> None:
        """Load, listen, then connect to Kafka in the background."""
        _raise_file_limit()
        settings = self._settings
        await self._cases.open()
        if settings.kafka is not None:
            self._kafka = KafkaSide(
                settings,
                settings.kafka,
                self.metrics,
                self._cases,
                self._routes,
                self._sweep,
                _utc_now,
            )
        try:
            self._board = await self._reload.first()
        except UnreadableFileError as error:
            raise StartError(f"{error} The option is --routes.") from None
        door = self._door(self._board)
        ops = OpsDoor(self, Exposition(self.metrics))
        try:
            await ops.start(*settings.ops)
        except StartError as error:
            raise StartError(f"{error} The option is --ops.") from None
        self._ops = ops
        server = EntryServer(
            door.handle,
            door.refuse,
            self._sweep,
            self._count_connections,
            max_connections=settings.max_connections,
            times=settings.times,
        )
        if self._kafka is not None:
            await self._kafka.open()  # before anybody is served
        await server.start(*settings.listen)
        self._server = server
        _calm_collector()
        _log.info("listening", extra={"fields": self._addresses()})
        self._own(self._cases.book.housekeep(), "case-housekeeping")
        self._own(self._cases.callbacks.run(), "callbacks")
        if self._kafka is not None:
            await self._kafka.connect()
            for name, work in self._kafka.tasks():
                self._own(work, name)
        self._watch = RoutesWatch(self._reload, settings.reload_every)
        self._own(self._watch.run(), "routes-watch")
        self._own(watch_loop_lag(self.metrics.loop_lag), "loop-lag")

    def reload(self) -> None:
        """Read the routes again at once (SIGHUP)."""
        if self._watch is not None:
            self._watch.poke()

    async def drain_and_close(self) -> None:
        """Stop: not ready, no new connections, requests in flight end, logs and producer flush."""
        cut = 0
        if self._pipeline is not None:
            self._pipeline.draining = True
        if self._case_path is not None:
            self._case_path.draining = True
            self._cases.book.let_go()
        if self._server is not None:
            self._server.stop_listening()
            cut = await self._server.finish(self._settings.drain_time)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._kafka is not None:
            await self._kafka.close()
        if self._once is not None:
            await self._once.close()
        await self._cases.close()
        if self._board is not None:
            self._board.close()
        if self._ops is not None:
            await self._ops.close()
        self._sweep.close()
        await self._log.close()
        if self._server is not None:
            _log.info("stopped", extra={"fields": {"requests_cut_off": cut}})

    # --- what the ops door shows (`OpsView`) --------------------------------------------------

    def readiness(self) -> list[Check]:
        """Every condition of taking traffic, with its reason."""
        draining = self._pipeline is not None and self._pipeline.draining
        starting = self._server is None
        reason = "accepting"
        if draining:
            reason = "draining: requests in flight are finished"
        elif starting:
            reason = "starting: the entry does not listen yet"
        checks = [
            Check("routes", ok=True, reason=f"version {self._digest()[:12]} runs"),
            Check("serving", ok=not (draining or starting), reason=reason),
        ]
        return [*checks, *self._reply_checks(), *self._storage_checks()]

    def _reply_checks(self) -> list[Check]:
        """Topics that were positioned once do not make the gateway unready while the brokers are
        away: nothing on them is missed, and requests go to the disk meanwhile.
        """
        topics = (
            frozenset() if self._board is None else frozenset(subscriptions(self._board.current))
        )
        if not topics:
            return []
        lacking = obstacles = dict.fromkeys(topics, "the gateway was started without --kafka")
        if self._kafka is not None:
            lacking, obstacles = self._kafka.inbox.lacking(), self._kafka.inbox.obstacles()
        reasons = [f"{topic}: {why}" for topic, why in obstacles.items()]
        reason = "; ".join(reasons) or "every reply topic is positioned"
        return [Check("replies", ok=not lacking, reason=reason)]

    def _storage_checks(self) -> list[Check]:
        failure = self._cases.store.failure
        checks = [Check("cases", ok=failure is None, reason=failure or "the case store answers")]
        if self._kafka is not None:
            obstacle = self._kafka.outbox.obstacle
            checks.append(
                Check("spool", ok=obstacle is None, reason=obstacle or "the spool takes records")
            )
        return checks

    def routes(self) -> dict[str, object]:
        """What runs, since when, what was refused and why."""
        if self._board is None:
            return {}
        state = self._reload.state
        return RoutesReport(
            self._board.current.routes,
            state.loaded_at,
            state.refused,
            state.rejected,
            Reload(state.result, state.result_at),
            state.rejected_digest,
        ).as_json()

    # --- building -----------------------------------------------------------------------------

    def _door(self, board: RouteBoard) -> Door:
        clock, metrics = self._sweep.time, self.metrics
        books = Books(metrics, self._log, clock, _WALL_CLOCK)
        http = HttpDelivery(clock)
        self._once = HttpOnce(http, self._cases.store, metrics.cases.repeated, clock, _utc_now)
        link = None if self._kafka is None else self._kafka.link
        kafka = KafkaDelivery(link, self._sweep, _utc_now)
        self._pipeline = Pipeline(board, http, self._once, kafka, self._sweep, books)
        self._case_path = CasePath(board, self._cases.book, self._sweep, books, metrics)
        reader = RequestReader(ForwardedFields(self._settings.trusted_proxies))
        return Door(self._pipeline, self._case_path, reader, clock)

    def _took_effect(self, live: LiveRoutes) -> None:
        """A snapshot is in place: gauges and reply topics follow it."""
        topics = frozenset(subscriptions(live))
        spool = None
        if self._kafka is not None:
            self._kafka.want(live)
            spool = self._kafka.reading
        elif without := _kafka_services(live):
            _log.warning(
                "services over Kafka answer nothing: the gateway was started without --kafka",
                extra={"fields": {"services": without}},
            )
        self.metrics.watch(gauges(live, topics, self._sweep.time, spool))

    def _routes(self) -> LiveRoutes:
        if self._board is None:
            raise RuntimeError("there are no routes yet")
        return self._board.current

    def _expired(self, case: Case) -> None:
        """A case ran out of its time: its channel is told, and the dead letters keep a note."""
        self._cases.taken(case)
        if self._kafka is not None:
            self._kafka.expired(case)

    async def _undeliverable(self, callback: Callback, case: Case, body: bytes) -> None:
        if self._kafka is not None:
            self._kafka.undeliverable(case, callback.id, body)

    def _digest(self) -> str:
        return "-" if self._board is None else self._board.current.routes.digest

    def _count_connections(self, change: int) -> None:
        self.metrics.connections += change

    def _own(self, work: Coroutine[None, None, None], name: str) -> None:
        task = asyncio.get_running_loop().create_task(work, name=name)
        task.add_done_callback(_tell_end)
        self._tasks.append(task)

    def _addresses(self) -> dict[str, object]:
        return {
            "entry": str(self.entry_address),
            "ops": str(self.ops_address),
            "routes": str(self._settings.routes),
            "kafka": None if self._settings.kafka is None else self._settings.kafka.bootstrap,
        }


async def run(
    settings: Settings,
    *,
    ready: Callable[[Gateway], None] | None = None,
    stop: asyncio.Event | None = None,
) -> None:
    """Serve until SIGTERM, SIGINT or `stop`; SIGHUP reloads. Raises `StartError`."""
    stop = stop or asyncio.Event()
    gateway = Gateway(settings)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, gateway.reload)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        await gateway.start()
        if ready is not None:
            ready(gateway)
        await stop.wait()
    finally:
        await gateway.drain_and_close()


def _kafka_services(live: LiveRoutes) -> list[str]:
    return sorted(id_ for id_, runtime in live.services.items() if runtime.kafka is not None)


def _tell_end(task: asyncio.Task[None]) -> None:
    """What runs beside the requests ends when it is cancelled, and never by itself."""
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.critical("%s has ended", task.get_name(), exc_info=error)


def _stdout() -> io.RawIOBase:
    """The file behind stdout, without a buffer whose lock a blocked reader could hold."""
    return io.FileIO(sys.stdout.fileno(), "wb", closefd=False)


def _calm_collector() -> None:
    """What has been built so far lives as long as the process: do not look through it again.

    Requests leave no cycles behind; the rare ones of faults can wait for a few thousand objects.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def _raise_file_limit() -> None:
    """A connection is a file: take as many as this process may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _utc_now() -> datetime:
    return datetime.now(UTC)
