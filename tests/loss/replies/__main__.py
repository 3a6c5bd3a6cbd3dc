"""`python -m tests.loss.replies`: thousands wait at once, and nobody gets a wrong answer."""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import click
import uvloop

from tests.kafka.broker.apache_kafka import fetch
from tests.loss.replies.judge import judge
from tests.loss.replies.report import report
from tests.loss.replies.run import FULL, SHORT, Options, run
from tests.loss.termination import until_terminated

SPARE: Final = 1500
"""Open files beside the callers' connections: of the brokers, the data, the reader of cases."""


@click.command()
@click.option("--waits", default=FULL, show_default=True, help="Callers that wait at once.")
@click.option("--seed", default=0, show_default=True, help="Who is answered in which manner.")
@click.option("--short", is_flag=True, help="Few callers, as in CI.")
@click.option("--keep", type=click.Path(path_type=Path), help="Leave all files in this new folder.")
def main(*, waits: int, seed: int, short: bool, keep: Path | None) -> None:
    """Let callers wait for a department of bad manners, kill the gateway, look at every answer.

    Needs `java` 17, and `mvn` unless KAFKA_JARS names the folder with Apache Kafka's jars. Exit
    status: 0 every rule holds, 1 otherwise.
    """
    options = Options(SHORT.waits if short else waits, seed)
    raise_open_files(options.waits + SPARE)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    with ExitStack() as stack:
        folder = keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="replies-")))
        folder.mkdir(parents=True, exist_ok=True)
        jars = Path(os.environ.get("KAFKA_JARS") or folder / "jars")
        fetch(jars)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            evidence = runner.run(until_terminated(run(options, jars, folder, _say)))
    judgement = judge(evidence)
    click.echo(report(options, evidence, judgement))
    sys.exit(1 if any(judgement.values()) else 0)


def raise_open_files(needed: int) -> None:
    """Raise the limit of open files as far as it may be; also for the gateway, which inherits it.

    Raises `ClickException` when that is less than `needed`: a smaller run would show something else
    than it was asked to.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise click.ClickException(
            f"{needed:,} open files are needed and RLIMIT_NOFILE allows {hard:,}: raise it"
            " (ulimit -Hn), or ask for fewer with --waits"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _say(line: str) -> None:
    click.echo(line, err=True)


if __name__ == "__main__":
    main()
