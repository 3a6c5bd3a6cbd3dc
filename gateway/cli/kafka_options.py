"""The brokers and how to reach them, the same for every command that talks to Kafka.

Room rule: as `gateway.cli`. Credentials come from the environment or from files, never from a flag:
a command line can be read by every process of the machine.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from gateway.errors import StartError
from gateway.kafka.connection import KafkaConnection

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["kafka_connection", "kafka_option", "secret_text"]

kafka_option: Final = click.option(
    "--kafka",
    envvar="GATEWAY_KAFKA",
    help="Brokers to start from: HOST:PORT[,HOST:PORT]. Security: GATEWAY_KAFKA_*.",
)


def kafka_connection(bootstrap: str | None, environ: Mapping[str, str]) -> KafkaConnection | None:
    """Return the cluster that `--kafka` and `GATEWAY_KAFKA_*` name, None without brokers.

    Raises `StartError` when the settings contradict each other.
    """
    if not bootstrap:
        return None

    def setting(name: str) -> str | None:
        return environ.get(f"GATEWAY_KAFKA_{name}") or None

    def path(name: str) -> Path | None:
        text = setting(name)
        return None if text is None else Path(text)

    username = secret_text("GATEWAY_KAFKA_USERNAME", setting("USERNAME"))
    password = secret_text("GATEWAY_KAFKA_PASSWORD", setting("PASSWORD"))
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


def secret_text(name: str, text: str | None) -> str | None:
    """Return the value itself, or what stands in the file that `file:PATH` names.

    Raises `StartError` when that file cannot be read.
    """
    if text is None or not text.startswith("file:"):
        return text
    path = Path(text.removeprefix("file:"))
    try:
        return path.read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise StartError(f"{name}: cannot read {path}: {reason}") from None
