from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

import pytest
import trustme
from cryptography.hazmat.primitives import serialization

from gateway.errors import StartError
from gateway.kafka.connection import KafkaConnection

if TYPE_CHECKING:
    from pathlib import Path

CREDENTIALS: dict[str, Any] = {"username": "gateway", "password": "made-up-secret"}


def refusal(**settings: Any) -> str:
    with pytest.raises(StartError) as caught:
        KafkaConnection(**{"bootstrap": "kafka:9092", **settings}).client_arguments()
    return str(caught.value)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def test_an_address_is_all_that_is_needed() -> None:
    connection = KafkaConnection("kafka-1:9092, [::1]:9093")
    assert connection.client_arguments() == {
        "bootstrap_servers": ["kafka-1:9092", "[::1]:9093"],
        "security_protocol": "PLAINTEXT",
    }


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_credentials_are_handed_over(mechanism: str) -> None:
    connection = KafkaConnection(
        "kafka:9092", "SASL_PLAINTEXT", sasl_mechanism=mechanism, **CREDENTIALS
    )
    arguments = connection.client_arguments()
    assert arguments["sasl_mechanism"] == mechanism
    assert arguments["sasl_plain_username"] == "gateway"
    assert arguments["sasl_plain_password"] == "made-up-secret"


def test_the_password_is_in_no_text() -> None:
    assert "made-up-secret" not in repr(KafkaConnection("k:1", "SASL_PLAINTEXT", **CREDENTIALS))
    assert "made-up-secret" not in refusal(**CREDENTIALS)
    assert "made-up-secret" not in refusal(
        security_protocol="SASL_SSL", sasl_mechanism="GSSAPI", **CREDENTIALS
    )


def test_tls_verifies_the_brokers_by_default() -> None:
    context = KafkaConnection("kafka:9092", "SSL").client_arguments()["ssl_context"]
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname


def test_tls_trusts_the_given_authority_and_shows_the_given_certificate(
    authority: trustme.CA, tmp_path: Path
) -> None:
    own = authority.issue_cert("gateway.test")
    ca, certificate, key = (tmp_path / name for name in ("ca.pem", "cert.pem", "key.pem"))
    authority.cert_pem.write_to_path(str(ca))
    own.cert_chain_pems[0].write_to_path(str(certificate))
    own.private_key_pem.write_to_path(str(key))
    connection = KafkaConnection(
        "kafka:9092", "SSL", ca_file=ca, certificate_file=certificate, key_file=key
    )
    context = connection.client_arguments()["ssl_context"]
    assert len(context.get_ca_certs()) == 1


@pytest.mark.parametrize(
    "address",
    [
        *("", "kafka", "kafka:", ":9092", "kafka:x", "kafka:0", "kafka:65536", "::1:9092"),
        *("kafka:9092,", "kafka:９０９２", "http://kafka"),
    ],
)
def test_an_address_that_is_none_is_refused(address: str) -> None:
    assert "Kafka address" in refusal(bootstrap=address)


def test_an_unknown_protocol_or_mechanism_is_refused_with_the_known_ones() -> None:
    assert "SASL_SSL" in refusal(security_protocol="TLS")
    unknown = refusal(security_protocol="SASL_SSL", sasl_mechanism="GSSAPI", **CREDENTIALS)
    assert "SCRAM-SHA-512" in unknown


@pytest.mark.parametrize(
    ("settings", "missing"), [({}, "user name"), ({"username": "gateway"}, "password")]
)
def test_missing_credentials_are_named(settings: dict[str, str], missing: str) -> None:
    assert f"Kafka {missing} is missing" in refusal(security_protocol="SASL_SSL", **settings)


def test_settings_that_would_be_ignored_are_refused(tmp_path: Path) -> None:
    assert "SASL_SSL" in refusal(**CREDENTIALS)
    assert "does not use TLS" in refusal(ca_file=tmp_path / "ca.pem")


def test_a_certificate_needs_its_key(tmp_path: Path) -> None:
    one = tmp_path / "one.pem"
    assert "key file is missing" in refusal(security_protocol="SSL", certificate_file=one)
    assert "certificate file is missing" in refusal(security_protocol="SSL", key_file=one)


@pytest.mark.parametrize("content", [None, b"", b"not a certificate"])
def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "file.pem"
    if content is not None:
        file.write_bytes(content)
    assert str(file) in refusal(security_protocol="SSL", ca_file=file)
    assert str(file) in refusal(security_protocol="SSL", certificate_file=file, key_file=file)


def test_a_key_with_a_passphrase_is_refused_and_nobody_is_asked(
    authority: trustme.CA, tmp_path: Path
) -> None:
    own = authority.issue_cert("gateway.test")
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    own.cert_chain_pems[0].write_to_path(str(certificate))
    key.write_bytes(_with_passphrase(own.private_key_pem.bytes()))
    assert "passphrase" in refusal(
        security_protocol="SSL", certificate_file=certificate, key_file=key
    )


def _with_passphrase(pem: bytes) -> bytes:
    return serialization.load_pem_private_key(pem, None).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"made-up"),
    )
