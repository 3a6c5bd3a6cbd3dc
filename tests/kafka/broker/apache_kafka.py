"""One real Apache Kafka node in KRaft mode, from jars: its data stays when it is killed.

Needs `java` 17 and, to fetch the jars once, `mvn`.
"""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self
from uuid import uuid4

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["ApacheKafka", "fetch"]

FETCH_TIMEOUT: Final = 600
FORMAT_TIMEOUT: Final = 60
START_TIMEOUT: Final = 90.0
STOP_TIMEOUT: Final = 20.0
POM: Final = Path(__file__).with_name("pom.xml")

PROPERTIES: Final = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners={listeners},CONTROLLER://127.0.0.1:{controller}
advertised.listeners={listeners}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,TLS:SSL,SASL:SASL_SSL
inter.broker.listener.name=PLAINTEXT
controller.listener.names=CONTROLLER
log.dirs={data}
num.partitions=4
auto.create.topics.enable=true
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
log.flush.interval.messages=1
broker.heartbeat.interval.ms=200
broker.session.timeout.ms=1000
"""
"""Every record is flushed before it is acknowledged, so that a kill takes back no promise. A node
that comes back is let in only after the session of the one that was killed has ended."""


class ApacheKafka:
    """The node as a context; `folder` holds configuration, data and its output.

    `bootstrap` is its plain address, `tls` and `sasl` those of its listeners of these names when
    `settings` (more lines of its configuration) make them work. `users` are SCRAM credentials as
    the storage tool takes them.
    """

    def __init__(
        self, jars: Path, folder: Path, *, settings: str = "", users: tuple[str, ...] = ()
    ) -> None:
        names = ("PLAINTEXT", "TLS", "SASL") if settings else ("PLAINTEXT",)
        self._addresses = {name: f"127.0.0.1:{_free_port()}" for name in names}
        self.bootstrap = self._addresses["PLAINTEXT"]
        self._jars = jars
        self._folder = folder
        self._settings = settings
        self._users = users
        self._properties = folder / "server.properties"
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def tls(self) -> str:
        """The address that asks for a client certificate."""
        return self._addresses["TLS"]

    @property
    def sasl(self) -> str:
        """The address that asks for user name and password, over TLS."""
        return self._addresses["SASL"]

    def __enter__(self) -> Self:
        listeners = ",".join(f"{name}://{at}" for name, at in self._addresses.items())
        known = {"listeners": listeners, "controller": _free_port()}
        properties = PROPERTIES.format(**known, data=self._folder / "data") + self._settings
        self._properties.write_text(properties)
        cluster = ["-t", uuid4().hex[:22], "-c", str(self._properties)]
        for user in self._users:
            cluster += ["--add-scram", user]
        subprocess.run(
            self._java("kafka.tools.StorageTool", "format", *cluster),
            check=True,
            capture_output=True,
            timeout=FORMAT_TIMEOUT,
        )
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start the node on its port with the data it has; return when it takes connections."""
        output = self._folder / "output.txt"
        with output.open("ab") as file:
            self._process = subprocess.Popen(
                self._java("kafka.Kafka", str(self._properties)),
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=subprocess.STDOUT,
            )
        self._wait(output)

    def kill(self) -> None:
        """End the node without a word, as a power cut does; its data stays."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Shut the node down."""
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(signal.SIGCONT)
        process.send_signal(how)
        try:
            process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _wait(self, output: Path) -> None:
        assert self._process is not None
        end = time.monotonic() + START_TIMEOUT
        while not _listening(self.bootstrap):
            if self._process.poll() is not None or time.monotonic() > end:
                self.kill()
                raise RuntimeError(f"Kafka did not start:\n{output.read_text()[-2000:]}")
            time.sleep(0.1)

    def _java(self, main: str, *arguments: str) -> list[str]:
        heap = ["-Xms128m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
        return ["java", *heap, "-cp", f"{self._jars}/*", main, *arguments]


def fetch(jars: Path) -> None:
    """Copy the jars of `pom.xml` into the folder `jars` with Maven, unless they are there."""
    if jars.is_dir() and any(jars.glob("kafka_*.jar")):
        return
    goal = ["dependency:copy-dependencies", f"-DoutputDirectory={jars}"]
    subprocess.run(
        ["mvn", "--quiet", "--batch-mode", "--file", str(POM), *goal],
        check=True,
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr,
        timeout=FETCH_TIMEOUT,
    )


def _free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _listening(address: str) -> bool:
    host, _, port = address.partition(":")
    with closing(socket.socket()) as probe:
        return probe.connect_ex((host, int(port))) == 0
