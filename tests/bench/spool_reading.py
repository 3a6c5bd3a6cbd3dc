"""What the gateway's ops door says of its spool, as numbers."""

from __future__ import annotations

from http.client import HTTPConnection
from typing import NamedTuple

import click

__all__ = ["SpoolReading", "read_spool", "reading_of"]


class SpoolReading(NamedTuple):
    """The spool at one moment; `commit_seconds` is the time of all `commits` with their fsync."""

    connected: bool
    records: int
    commits: int
    commit_seconds: float


def read_spool(port: int) -> SpoolReading:
    """Ask the ops door at `port` once."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", "/metrics")
        answer = connection.getresponse()
        if answer.status != 200:
            raise click.ClickException(f"the scrape was answered with {answer.status}")
        return reading_of(answer.read().decode())
    finally:
        connection.close()


def reading_of(metrics: str) -> SpoolReading:
    """Find the numbers in an answer of `/metrics`. Raises `KeyError` when one is not there."""
    # A parser of the whole would take the load's core from what is measured.
    known = dict(
        line.rsplit(" ", 1)
        for line in metrics.splitlines()
        if line.startswith(("gateway_spool_", "gateway_kafka_connected "))
    )
    return SpoolReading(
        float(known["gateway_kafka_connected"]) == 1,
        int(float(known["gateway_spool_records"])),
        int(float(known["gateway_spool_commit_duration_seconds_count"])),
        float(known["gateway_spool_commit_duration_seconds_sum"]),
    )
