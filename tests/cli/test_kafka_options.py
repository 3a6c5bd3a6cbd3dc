from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gateway.cli.kafka_options import kafka_connection, secret_text
from gateway.errors import StartError

if TYPE_CHECKING:
    from pathlib import Path


def test_without_brokers_there_is_no_connection() -> None:
    assert kafka_connection(None, {}) is None
    assert kafka_connection("", {"GATEWAY_KAFKA_USERNAME": "made-up"}) is None


def test_brokers_alone_are_reached_in_plain_text() -> None:
    connection = kafka_connection("a:1,b:2", {"GATEWAY_KAFKA_USERNAME": ""})
    assert connection is not None
    assert (connection.bootstrap, connection.security_protocol) == ("a:1,b:2", "PLAINTEXT")


def test_credentials_come_from_the_environment_or_from_files(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("made-up-secret\r\n", "utf-8")
    connection = kafka_connection(
        "a:1",
        {
            "GATEWAY_KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
            "GATEWAY_KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
            "GATEWAY_KAFKA_USERNAME": "made-up-user",
            "GATEWAY_KAFKA_PASSWORD": f"file:{file}",
        },
    )
    assert connection is not None
    assert (connection.username, connection.password) == ("made-up-user", "made-up-secret")
    assert connection.sasl_mechanism == "SCRAM-SHA-512"


def test_a_wrong_setting_names_the_options() -> None:
    with pytest.raises(StartError, match=r"--kafka and GATEWAY_KAFKA_\*: .*'b'"):
        kafka_connection("b", {})


def test_a_secret_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    absent = tmp_path / "none"
    with pytest.raises(StartError, match=f"--cases: cannot read {absent}"):
        secret_text("--cases", f"file:{absent}")
    absent.write_bytes(b"\xff")
    with pytest.raises(StartError, match="not UTF-8"):
        secret_text("--cases", f"file:{absent}")


def test_what_names_no_file_is_the_value_itself() -> None:
    assert secret_text("--cases", "sqlite") == "sqlite"
    assert secret_text("--cases", None) is None
