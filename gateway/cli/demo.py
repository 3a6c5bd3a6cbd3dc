"""`gateway demo`: the whole gateway with departments and a broker around it, in one command."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import click
import uvloop

from gateway.cli.seconds import Seconds
from gateway.demo.run import Options, run, shipped_routes
from gateway.errors import StartError
from gateway.kafka.quiet_logging import quiet_aiokafka
from gateway.settings import parse_address
from gateway.telemetry import process_log

__all__ = ["demo"]


@click.command()
@click.option("--listen", default="127.0.0.1:8080", show_default=True, help="The unified entry.")
@click.option("--ops", default="127.0.0.1:9464", show_default=True, help="The ops door.")
@click.option("--traffic", is_flag=True, help="Keep a realistic load running.")
@click.option(
    "--seconds",
    type=Seconds(),
    help="End by itself after so many seconds, with a summary.",
)
@click.option(
    "--routes",
    type=click.Path(path_type=Path),
    help="Another routes file; its departments on this machine and its topics are played as well.",
)
def demo(
    *, listen: str, ops: str, traffic: bool, seconds: float | None, routes: Path | None
) -> None:
    """Run the gateway with demo departments and an embedded, in-memory Kafka broker.

    Keys that the routes file refers to and the environment lacks are made up and shown. Nothing
    but Python is needed; Ctrl-C ends everything.
    """
    process_log.install("text")
    quiet_aiokafka()
    try:
        options = Options(
            routes=routes or shipped_routes(),
            listen=parse_address(listen, "--listen"),
            ops=parse_address(ops, "--ops"),
            traffic=traffic,
            seconds=seconds,
            environ=os.environ,
        )
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(run(options, click.echo))
    except StartError as error:
        raise click.ClickException(str(error)) from error
