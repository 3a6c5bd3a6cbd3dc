"""The demo as a whole: broker, departments, the real gateway, and in the end nothing left behind.

All that starts is entered on one stack, so whatever ends the demo (its time, Ctrl-C, SIGTERM, a
fault half-way through the start) closes it in reverse order. The gateway runs in this process;
broker, departments and traffic have processes of their own, which end when this one does.
"""

from __future__ import annotations

import asyncio
import io
import signal
import tempfile
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

import aiohttp

from gateway.demo.broker import EmbeddedBroker
from gateway.demo.callers import Callers
from gateway.demo.child import Child
from gateway.demo.plan import Plan
from gateway.demo.summary import summary
from gateway.demo.tour import Scene, tour
from gateway.demo.traffic import mixture, rush
from gateway.errors import StartError
from gateway.kafka.connection import KafkaConnection
from gateway.routing.loader import load_routes
from gateway.serve import Gateway
from gateway.settings import Address, Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping

    from gateway.routing.model import Routes
from gateway.routing.secrets import resolve_secrets
from gateway.routing.sources import read_bounded

__all__ = ["Options", "run", "shipped_routes"]

DRAIN_TIME: Final = 3.0
"""Seconds that requests in flight get at the end; nobody waits longer for a demo to end."""

SHOWN: Final = 3
"""Problems of the routes file that are shown here; `gateway check` shows all."""

SCRAPE_LIMIT: Final = aiohttp.ClientTimeout(total=5)


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says. `seconds` None runs until Ctrl-C."""

    routes: Path
    listen: Address
    ops: Address
    traffic: bool
    seconds: float | None
    environ: Mapping[str, str]


def shipped_routes() -> Path:
    """The `routes.yaml` of the repository that this package is installed from.

    Raises `StartError` when the package is not installed from a repository.
    """
    path = Path(__file__).parents[2] / "routes.yaml"
    if not path.is_file():
        raise StartError(
            "This installation has no routes.yaml beside it. Name one with --routes FILE; the one"
            " that the demo is made for is in the project's repository."
        )
    return path


async def run(options: Options, say: Callable[[str], None]) -> None:
    """Run the demo until its time is over, Ctrl-C or SIGTERM; `say` prints for people.

    Raises `StartError` when something cannot start; nothing is left running then either.
    """
    last_words: list[str] = []
    with _ended_by_signals():
        async with AsyncExitStack() as stack:
            scene = await _start(stack, options)
            say(tour(scene))
            try:
                await _wait(options.seconds)
            finally:
                last_words.append(await _summary(scene.ops))
    for words in last_words:
        say(words)


async def _start(stack: AsyncExitStack, options: Options) -> Scene:
    callers = await asyncio.to_thread(_callers, options)
    broker = await _broker(stack, callers.routes)
    plan = Plan.of(callers.routes, broker.bootstrap if broker is not None else None)
    departments = None
    if plan.doors or plan.topics:
        child = Child("gateway.demo.departments", plan._asdict())
        departments = await stack.enter_async_context(child)
    log = stack.enter_context(_log_file()) if options.traffic else None
    data = stack.enter_context(tempfile.TemporaryDirectory(prefix="gateway-demo-"))
    settings = _settings(options, callers, broker, Path(data))
    gateway = await stack.enter_async_context(_gateway(settings, log))
    entry = str(gateway.entry_address)
    if options.traffic:
        load = {"url": f"http://{entry}", "calls": mixture(callers), "crowd": rush(callers)}
        await stack.enter_async_context(Child("gateway.demo.traffic", load))
    return Scene(
        callers,
        entry=entry,
        ops=str(gateway.ops_address),
        broker=broker.bootstrap if broker is not None else None,
        broker_pid=broker.pid if broker is not None else None,
        departments_pid=departments.pid if departments is not None else None,
        log=str(log.name) if log is not None else None,
    )


def _callers(options: Options) -> Callers:
    """Read the routes and the keys that they refer to."""
    loaded = load_routes(options.routes)
    if loaded.routes is None or loaded.problems:
        lines = [f"{p.file}:{p.line}:{p.column}: {p.message}" for p in loaded.problems[:SHOWN]]
        more = f"Everything about it: gateway check {options.routes}"
        raise StartError("\n".join([f"{options.routes} has problems.", *lines, more]))
    folder = options.routes.parent
    found = resolve_secrets(loaded.secrets, options.environ, read_bounded, folder).values
    return Callers.of(loaded.routes, found, folder)


async def _broker(stack: AsyncExitStack, routes: Routes) -> EmbeddedBroker | None:
    if all(service.kafka is None for service in routes.services.values()):
        return None
    if find_spec("confluent_kafka") is None:
        raise StartError(
            "The demo's embedded Kafka broker needs the package confluent-kafka:"
            " pip install 'gateway[demo]'"
        )
    broker = EmbeddedBroker()
    stack.push_async_callback(broker.kill)
    return await stack.enter_async_context(broker)


def _settings(
    options: Options, callers: Callers, broker: EmbeddedBroker | None, data: Path
) -> Settings:
    return Settings(
        routes=options.routes,
        listen=options.listen,
        ops=options.ops,
        kafka=KafkaConnection(broker.bootstrap) if broker is not None else None,
        data=data,
        log_format="text",
        drain_time=DRAIN_TIME,
        secrets=callers.made_up,
        environ=options.environ,
    )


@contextmanager
def _log_file() -> Iterator[io.FileIO]:
    """A file for the lines of the traffic, which would scroll the tour away; it goes at the end."""
    with (
        tempfile.TemporaryDirectory(prefix="gateway-demo-") as folder,
        io.FileIO(Path(folder, "requests.log"), "wb") as file,
    ):
        yield file


@asynccontextmanager
async def _gateway(settings: Settings, log: io.FileIO | None) -> AsyncIterator[Gateway]:
    gateway = Gateway(settings, log)
    try:
        await gateway.start()
        yield gateway
    finally:
        await gateway.drain_and_close()


async def _wait(seconds: float | None) -> None:
    if seconds is None:
        await asyncio.Event().wait()
    else:
        await asyncio.sleep(seconds)


async def _summary(ops: str) -> str:
    try:
        async with (
            aiohttp.ClientSession(timeout=SCRAPE_LIMIT) as session,
            session.get(f"http://{ops}/metrics") as answer,
        ):
            return summary(await answer.text())
    except (aiohttp.ClientError, TimeoutError):
        return "No summary: the ops door did not answer."


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """Let the first SIGINT or SIGTERM end the block by cancelling it; more of them do nothing."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    signals: list[int] = []

    def end(number: int) -> None:
        signals.append(number)
        if len(signals) == 1 and task is not None:
            task.cancel()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end, number)
    try:
        yield
    except asyncio.CancelledError:
        if not signals:
            raise
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
