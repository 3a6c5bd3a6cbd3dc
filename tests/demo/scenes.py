"""Routes for tests of the demo: small, valid, with one service of each kind."""

from __future__ import annotations

from pathlib import Path

from gateway.routing.model import (
    Channel,
    Department,
    Endpoint,
    HttpBackend,
    KafkaBackend,
    KafkaMode,
    KeyRule,
    KeySource,
    Rate,
    Routes,
    SecretKind,
    SecretRef,
    Service,
)

HERE = Path("/etc/gateway")
APP_KEY = SecretRef(SecretKind.ENV, "APP_KEY")
MEDIA_KEY = SecretRef(SecretKind.FILE, "secrets/media")


def a_service(id_: str, **changes: object) -> Service:
    fields: dict[str, object] = {"title": "一项服务", "department": "edu", **changes}
    if "http" not in fields and "kafka" not in fields:
        fields["http"] = HttpBackend((Endpoint("http", "127.0.0.1", 9101),), path="/api")
    return Service(id_, **fields)  # type: ignore[arg-type]  # the caller names fields of Service


def a_kafka_service(id_: str, mode: KafkaMode, key: KeyRule | None) -> Service:
    reply_topic = "replies" if mode is KafkaMode.REPLY else None
    kafka = KafkaBackend(topic=f"{id_}.requests", mode=mode, key=key, reply_topic=reply_topic)
    return a_service(id_, kafka=kafka)


def routes() -> Routes:
    services = (
        a_service("edu.payment"),
        a_kafka_service("hrss.card", KafkaMode.ACCEPT, KeyRule(KeySource.HEADER, "X-Subject")),
        a_kafka_service("hrss.pension", KafkaMode.REPLY, KeyRule(KeySource.QUERY, "subject")),
        a_service("far.away", http=HttpBackend((Endpoint("https", "far.example", 443),))),
    )
    rate = Rate(50, 1)
    channels = (
        Channel("app", (APP_KEY,), ("*",), rate, burst=100, name="App"),
        Channel("media", (MEDIA_KEY,), ("edu.*",), rate, burst=40),
    )
    return Routes(
        {"edu": Department("edu", "演示局")},
        {channel.id: channel for channel in channels},
        {service.id: service for service in services},
        "digest",
    )
