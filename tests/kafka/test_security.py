"""TLS, client certificates, SASL and permissions, on a real node that asks for them."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import confluent_kafka.admin
import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from gateway.errors import BROKER_REFUSED, Fault
from gateway.kafka.connection import KafkaConnection
from gateway.kafka.producer import SupervisedProducer
from gateway.kafka.record import OutgoingRecord
from gateway.kafka.reply_obstacles import DENIED, MISSING
from gateway.kafka.reply_reader import ReplyReader
from tests.doubles.kafka_topic import create, topic_name
from tests.kafka.broker.apache_kafka import ApacheKafka
from tests.kafka.producing import publish

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from tests.doubles.kafka_events import RecordedEvents

ADMIN: Any = confluent_kafka.admin  # the module does not declare the names that it passes on

USERS: dict[str, Any] = {"username": "gateway", "password": "made-up"}
SCRAM = "[name=gateway,password=made-up]"

SETTINGS = """
ssl.keystore.type=PEM
ssl.keystore.location={folder}/node.pem
ssl.truststore.type=PEM
ssl.truststore.location={folder}/ca.pem
listener.name.tls.ssl.client.auth=required
listener.name.sasl.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
listener.name.sasl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule \
required user_gateway="made-up";
listener.name.sasl.scram-sha-256.sasl.jaas.config=\
org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.sasl.scram-sha-512.sasl.jaas.config=\
org.apache.kafka.common.security.scram.ScramLoginModule required;
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
allow.everyone.if.no.acl.found=true
super.users=User:ANONYMOUS
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority, the node's key and certificate, and a client's."""
    made = tmp_path_factory.mktemp("secured")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(made / "ca.pem"))
    trustme.CA().cert_pem.write_to_path(str(made / "other.pem"))
    node = authority.issue_cert("127.0.0.1")
    (made / "node.pem").write_bytes(_pkcs8(node) + node.cert_chain_pems[0].bytes())
    client = authority.issue_cert("gateway.test")
    client.private_key_pem.write_to_path(str(made / "client.key"))
    client.cert_chain_pems[0].write_to_path(str(made / "client.pem"))
    return made


@pytest.fixture(scope="module")
def secured(folder: Path, jars: Path) -> Iterator[ApacheKafka]:
    """A node with a TLS and a SASL listener and an authorizer."""
    users = (f"SCRAM-SHA-256={SCRAM}", f"SCRAM-SHA-512={SCRAM}")
    settings = SETTINGS.format(folder=folder)
    with ApacheKafka(jars, folder, settings=settings, users=users) as node:
        yield node


@asynccontextmanager
async def producing(
    connection: KafkaConnection, events: RecordedEvents
) -> AsyncIterator[SupervisedProducer]:
    supervised = SupervisedProducer(connection, events)
    supervised.start()
    try:
        yield supervised
    finally:
        await supervised.close(1.0)


def with_password(node: ApacheKafka, folder: Path, **other: Any) -> KafkaConnection:
    settings = {**USERS, "ca_file": folder / "ca.pem", **other}
    return KafkaConnection(node.sasl, "SASL_SSL", **settings)


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
async def test_records_are_sent_with_a_password(
    secured: ApacheKafka, folder: Path, events: RecordedEvents, mechanism: str
) -> None:
    connection = with_password(secured, folder, sasl_mechanism=mechanism)
    async with producing(connection, events) as producer:
        await events.until_connected()
        await publish(producer, OutgoingRecord("e", "svc", topic_name("sasl"), None, b"", ()))


async def test_records_are_sent_with_a_client_certificate(
    secured: ApacheKafka, folder: Path, events: RecordedEvents
) -> None:
    connection = KafkaConnection(
        secured.tls,
        "SSL",
        ca_file=folder / "ca.pem",
        certificate_file=folder / "client.pem",
        key_file=folder / "client.key",
    )
    async with producing(connection, events) as producer:
        await events.until_connected()
        await publish(producer, OutgoingRecord("e", "svc", topic_name("tls"), None, b"", ()))


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256"])
async def test_a_wrong_password_is_named_in_the_log_and_not_shown(
    secured: ApacheKafka,
    folder: Path,
    events: RecordedEvents,
    caplog: pytest.LogCaptureFixture,
    mechanism: str,
) -> None:
    wrong = {"password": "made-up-wrong", "sasl_mechanism": mechanism}
    async with producing(with_password(secured, folder, **wrong), events) as producer:
        await logged(caplog, "Kafka cannot be reached")
        assert not producer.connected
    assert "uthentication" in caplog.text
    assert "made-up-wrong" not in caplog.text


async def test_a_broker_of_another_authority_is_not_trusted(
    secured: ApacheKafka,
    folder: Path,
    events: RecordedEvents,
    caplog: pytest.LogCaptureFixture,
) -> None:
    connection = with_password(secured, folder, ca_file=folder / "other.pem")
    async with producing(connection, events):
        await logged(caplog, "Kafka cannot be reached")
    assert "CERTIFICATE_VERIFY_FAILED" in caplog.text
    assert events.connections == []


async def test_a_topic_that_may_not_be_written_is_refused_and_harms_no_other(
    secured: ApacheKafka, folder: Path, events: RecordedEvents
) -> None:
    denied, allowed = topic_name("denied"), topic_name("allowed")
    await deny(secured, denied, ADMIN.AclOperation.WRITE)
    async with producing(with_password(secured, folder), events) as producer:
        await events.until_connected()
        for _ in range(3):
            with pytest.raises(Fault) as caught:
                await publish(producer, OutgoingRecord("e", "svc", denied, None, b"", ()))
            assert (caught.value.cause, caught.value.may_have_been_sent) == (BROKER_REFUSED, False)
            await publish(producer, OutgoingRecord("e", "svc", allowed, None, b"", ()))
    assert events.restarts == 0


async def test_a_reply_topic_that_may_not_be_seen_is_an_obstacle_of_its_own(
    secured: ApacheKafka, folder: Path, events: RecordedEvents
) -> None:
    denied, allowed = topic_name("denied"), topic_name("allowed")
    await create(secured.bootstrap, allowed, {})
    await deny(secured, denied, ADMIN.AclOperation.DESCRIBE)
    async with reading(with_password(secured, folder), events, denied, allowed) as reader:
        await events.until(lambda happened: happened.positions[allowed])
        assert reader.obstacles() == {denied: MISSING}


async def test_a_reply_topic_that_may_not_be_read_is_an_obstacle_of_its_own(
    secured: ApacheKafka, folder: Path, events: RecordedEvents
) -> None:
    denied, allowed = topic_name("denied"), topic_name("allowed")
    await create(secured.bootstrap, allowed, {})
    await deny(secured, denied, ADMIN.AclOperation.READ)
    async with reading(with_password(secured, folder), events, denied, allowed) as reader:
        # That a topic may not be read shows at the first fetch, after it has a position.
        await events.until(lambda happened: happened.positionings.count((denied, False)) == 2)
        await events.until(lambda happened: happened.positions[allowed])
        assert reader.obstacles() == {denied: DENIED}


@asynccontextmanager
async def reading(
    connection: KafkaConnection, events: RecordedEvents, *topics: str
) -> AsyncIterator[ReplyReader]:
    reader = ReplyReader(connection, events, lambda _record: None)
    reader.want(frozenset(topics))
    reader.start()
    try:
        yield reader
    finally:
        await reader.close()


async def logged(caplog: pytest.LogCaptureFixture, text: str) -> None:
    async with asyncio.timeout(20):
        while text not in caplog.text:  # noqa: ASYNC110  # a log line has no event to wait for
            await asyncio.sleep(0.05)


async def deny(node: ApacheKafka, topic: str, operation: Any) -> None:
    """Make `topic` and take `operation` on it from the gateway's user."""
    await create(node.bootstrap, topic, {})
    names = (
        ADMIN.ResourceType.TOPIC,
        topic,
        ADMIN.ResourcePatternType.LITERAL,
        "User:gateway",
        "*",
    )
    acls = [
        ADMIN.AclBinding(*names, ADMIN.AclOperation.ALL, ADMIN.AclPermissionType.ALLOW),
        ADMIN.AclBinding(*names, operation, ADMIN.AclPermissionType.DENY),
    ]
    admin = ADMIN.AdminClient({"bootstrap.servers": node.bootstrap})
    for future in admin.create_acls(acls).values():
        await asyncio.to_thread(future.result, 20)


def _pkcs8(issued: trustme.LeafCert) -> bytes:
    """The key in the one form that Kafka reads."""
    key = serialization.load_pem_private_key(issued.private_key_pem.bytes(), None)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
