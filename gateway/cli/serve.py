"""`gateway serve`: flags and environment to settings, then the gateway until it is told to stop."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import uvloop

from gateway.cli.routes_option import routes_option
from gateway.cli.seconds import Seconds
from gateway.errors import StartError
from gateway.kafka.connection import KafkaConnection
from gateway.serve import run
from gateway.settings import LogFormat, Settings, parse_address, parse_networks
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
@click.option(
    "--kafka",
    envvar="GATEWAY_KAFKA",
    help="Brokers to start from: HOST:PORT[,HOST:PORT]. Security: GATEWAY_KAFKA_*.",
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
def serve(
    *,
    routes: Path,
    listen: str,
    ops: str,
    kafka: str | None,
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
    try:
        settings = Settings(
            routes=routes,
            listen=parse_address(listen, "--listen"),
            ops=parse_address(ops, "--ops"),
            kafka=_kafka_connection(kafka, os.environ),
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


def _kafka_connection(bootstrap: str | None, environ: Mapping[str, str]) -> KafkaConnection | None:
    if not bootstrap:
        return None

    def setting(name: str) -> str | None:
        return environ.get(f"GATEWAY_KAFKA_{name}") or None

    def path(name: str) -> Path | None:
        text = setting(name)
        return None if text is None else Path(text)

    username = _secret("GATEWAY_KAFKA_USERNAME", setting("USERNAME"))
    password = _secret("GATEWAY_KAFKA_PASSWORD", setting("PASSWORD"))
    try:
        return KafkaConnection(
            bootstrap,
            security_protocol=setting("SECURITY_PROTOCOL") or "PLAINTEXT",
            sasl_mechanism=setting("SASL_MECHANISM") or "PLAIN",
            username=username,
            password=password,
            ca_file=path("CA"),
            certificate_file=path("CERTIFICATE"),
            key_file=path("KEY"),
        )
    except StartError as error:
        raise StartError(f"--kafka and GATEWAY_KAFKA_*: {error}") from None


def _secret(name: str, text: str | None) -> str | None:
    """The value itself, or what stands in the file that `file:PATH` names."""
    if text is None or not text.startswith("file:"):
        return text
    path = Path(text.removeprefix("file:"))
    try:
        return path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise StartError(f"{name}: cannot read {path}: {reason}") from None
