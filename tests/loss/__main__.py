"""`python -m tests.loss`: nothing that was acknowledged is lost, whatever fails meanwhile."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import click
import uvloop

from tests.kafka.broker.apache_kafka import fetch
from tests.loss.judge import judge
from tests.loss.report import report
from tests.loss.run import SHORT, Options, run
from tests.loss.schedule import Kind
from tests.loss.termination import until_terminated


@click.command()
@click.option("--brokers", type=click.Choice(["1", "3"]), default="1", show_default=True)
@click.option("--minutes", default=3.0, show_default=True, help="Length of the stream.")
@click.option("--rate", default=200.0, show_default=True, help="Requests a second.")
@click.option("--seed", default=0, show_default=True, help="When which fault happens.")
@click.option("--faults", default=",".join(Kind), show_default=True, help="Kinds, by commas.")
@click.option("--short", is_flag=True, help="Each fault about once, as in CI.")
@click.option("--keep", type=click.Path(path_type=Path), help="Leave all files in this new folder.")
def main(
    *,
    brokers: str,
    minutes: float,
    rate: float,
    seed: int,
    faults: str,
    short: bool,
    keep: Path | None,
) -> None:
    """Break everything at random under a stream of requests, then look for each of them.

    Needs `java` 17, and `mvn` unless KAFKA_JARS names the folder with Apache Kafka's jars. Exit
    status: 0 nothing is lost and every rule holds, 1 otherwise.
    """
    seconds = SHORT.seconds if short else minutes * 60
    options = Options(int(brokers), seconds, rate, seed, _kinds(faults))
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # outages are what is wanted here
    with ExitStack() as stack:
        folder = keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="loss-")))
        folder.mkdir(parents=True, exist_ok=True)
        jars = Path(os.environ.get("KAFKA_JARS") or folder / "jars")
        fetch(jars)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            outcome = runner.run(until_terminated(run(options, jars, folder, _say)))
    judgement = judge(outcome.evidence)
    click.echo(report(outcome, judgement))
    sys.exit(1 if any(judgement.values()) else 0)


def _say(line: str) -> None:
    click.echo(line, err=True)


def _kinds(text: str) -> tuple[Kind, ...]:
    try:
        return tuple(Kind(word) for word in text.split(","))
    except ValueError:
        raise click.UsageError(f"--faults takes {', '.join(Kind)}; not {text!r}") from None


if __name__ == "__main__":
    main()
