"""`gateway serve`: flags and environment to settings, then the gateway until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import uvloop

from gateway.cli.kafka_options import kafka_connection, kafka_option, secret_text
from gateway.cli.routes_option import routes_option
from gateway.cli.seconds import Seconds
from gateway.cli.size import Size
from gateway.errors import StartError
from gateway.kafka.quiet_logging import quiet_aiokafka
from gateway.serve import run
from gateway.settings import (
    LogFormat,
    Settings,
    parse_address,
    parse_cases,
    parse_instance,
    parse_networks,
)
from gateway.telemetry import process_log

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["serve"]

_log = logging.getLogger("gateway.serve")


class _Serve(click.Command):
    """Says wrong usage as a JSON line where JSON was asked for, so that no stream is mixed."""

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,
    ) -> click.Context:
        as_json = _asks_for_json(args, os.environ)
        try:
            return super().make_context(info_name, args, parent, **extra)
        except click.UsageError as error:
            if not as_json:
                raise
            process_log.install("json")
            _log.critical("%s", error.format_message())
            sys.exit(error.exit_code)


def _asks_for_json(args: list[str], environ: Mapping[str, str]) -> bool:
    """Look at the words themselves: they may be wrong, so they cannot be parsed."""
    text = " ".join(args).replace("=", " ")
    if "--log-format " in text:
        return "--log-format json" in text
    return environ.get("GATEWAY_LOG_FORMAT") == "json"


@click.command(cls=_Serve, short_help="Run the gateway.")
@routes_option
@click.option(
    "--listen",
    envvar="GATEWAY_LISTEN",
    default="127.0.0.1:8080",
    show_default=True,
    help="HOST:PORT of the unified entry; port 0 takes a free one.",
)
@click.option(
    "--ops",
    envvar="GATEWAY_OPS",
    default="127.0.0.1:9464",
    show_default=True,
    help="HOST:PORT of the ops door (metrics, health, routes).",
)
@kafka_option
@click.option(
    "--data",
    envvar="GATEWAY_DATA",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("data"),
    show_default=True,
    help="Folder of spool and case store; made with mode 0700. It has to outlive the process.",
)
@click.option(
    "--cases",
    envvar="GATEWAY_CASES",
    default="sqlite",
    show_default=True,
    help="sqlite, or postgresql://… for several gateways; file:PATH reads the URL from a file.",
)
@click.option(
    "--instance",
    envvar="GATEWAY_INSTANCE",
    default=socket.gethostname,
    show_default="the host's name",
    help="What {instance} in a reply topic stands for: a name that no other gateway has.",
)
@click.option(
    "--spool-limit",
    envvar="GATEWAY_SPOOL_LIMIT",
    type=Size(),
    default="1GiB",
    show_default=True,
    help="Bytes that the spool may hold while the brokers are away; beyond it requests get 503.",
)
@click.option(
    "--cases-kept",
    envvar="GATEWAY_CASES_KEPT",
    type=Seconds(),
    default=90 * 86_400.0,
    show_default="90 days",
    help="Seconds that a case is kept after its last change.",
)
@click.option(
    "--log-format",
    envvar="GATEWAY_LOG_FORMAT",
    type=click.Choice(["json", "text"]),
    default="json",
    show_default=True,
    help="json for programs, text for people.",
)
@click.option(
    "--trusted-proxies",
    envvar="GATEWAY_TRUSTED_PROXIES",
    default="",
    help="Networks of the proxies in front whose Forwarded headers are believed: CIDR[,CIDR].",
)
@click.option(
    "--max-connections",
    envvar="GATEWAY_MAX_CONNECTIONS",
    type=click.IntRange(min=1),
    default=10_000,
    show_default=True,
    help="Callers' connections that are open at a time.",
)
@click.option(
    "--drain-time",
    envvar="GATEWAY_DRAIN_TIME",
    type=Seconds(),
    default=30.0,
    show_default=True,
    help="Seconds that requests in flight get when the gateway stops.",
)
def serve(  # noqa: PLR0913  # one parameter an option
    *,
    routes: Path,
    listen: str,
    ops: str,
    kafka: str | None,
    data: Path,
    cases: str,
    instance: str,
    spool_limit: int,
    cases_kept: float,
    log_format: LogFormat,
    trusted_proxies: str,
    max_connections: int,
    drain_time: float,
) -> None:
    """Run the gateway until SIGTERM or SIGINT; SIGHUP reads the routes again.

    A flag wins over its environment variable. Exit status: 0 stopped as asked, 1 cannot start,
    2 wrong usage.
    """
    process_log.install(log_format)
    quiet_aiokafka()
    try:
        settings = Settings(
            routes=routes,
            listen=parse_address(listen, "--listen"),
            ops=parse_address(ops, "--ops"),
            kafka=kafka_connection(kafka, os.environ),
            data=data,
            cases=parse_cases(secret_text("--cases", cases) or ""),
            instance=parse_instance(instance),
            spool_limit=spool_limit,
            cases_kept=cases_kept,
            log_format=log_format,
            trusted_proxies=parse_networks(trusted_proxies, "--trusted-proxies"),
            max_connections=max_connections,
            drain_time=drain_time,
        )
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(run(settings))
    except StartError as error:
        _log.critical("%s", error)
        sys.exit(1)
