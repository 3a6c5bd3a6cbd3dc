"""Start one Apache Kafka node for the tests: `python -m tests.kafka.broker.start [JARS]`.

Prints `KAFKA_BOOTSTRAP=HOST:PORT` and `KAFKA_JARS=FOLDER` when it is ready, for the environment of
pytest, and runs until its standard input ends, that is with whoever started it, or SIGTERM or
SIGINT comes. Its data is in a temporary folder and goes with it. The jars are kept in JARS (by
default a folder of the temporary one) so that the next start is quick.
"""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NoReturn

from tests.kafka.broker.apache_kafka import ApacheKafka, fetch

if TYPE_CHECKING:
    from types import FrameType


def main(arguments: list[str]) -> None:
    """Run until told to end."""
    for end in (signal.SIGTERM, signal.SIGINT):
        signal.signal(end, _leave)
    with TemporaryDirectory(prefix="gateway-kafka-") as temporary:
        folder = Path(temporary)
        jars = Path(arguments[0]).resolve() if arguments else folder / "jars"
        fetch(jars)
        with ApacheKafka(jars, folder) as node:
            print(f"KAFKA_BOOTSTRAP={node.bootstrap}\nKAFKA_JARS={jars}", flush=True)  # noqa: T201  # its result
            sys.stdin.buffer.read()


def _leave(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
