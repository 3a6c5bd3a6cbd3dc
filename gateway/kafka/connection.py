"""How to reach a Kafka cluster: addresses, transport security and credentials, checked at start.

Room rule: a wrong setting is a `StartError` that names the setting and says what to do; the
password appears in no text, not even in `repr`.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from gateway.errors import StartError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["SASL_MECHANISMS", "SECURITY_PROTOCOLS", "KafkaConnection"]

SECURITY_PROTOCOLS: Final = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
SASL_MECHANISMS: Final = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")


@dataclass(frozen=True, slots=True)
class KafkaConnection:
    """One cluster and the identity under which the gateway talks to it.

    `bootstrap` lists `host:port`, comma-separated. The names of the other settings and their
    values are those of Kafka's own clients (`security.protocol`, `sasl.mechanism`). Raises
    `StartError` when the settings contradict each other.
    """

    bootstrap: str
    security_protocol: str = "PLAINTEXT"
    sasl_mechanism: str = "PLAIN"
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None

    def __post_init__(self) -> None:
        for address in self.bootstrap.split(","):
            _check_address(address)
        _check_choice("security protocol", self.security_protocol, SECURITY_PROTOCOLS)
        if self._sasl:
            self._check_credentials()
        elif self.username is not None or self.password is not None:
            raise StartError(
                f"Kafka credentials are set, but the security protocol {self.security_protocol}"
                " does not send them: use SASL_SSL (or SASL_PLAINTEXT), or drop the credentials."
            )
        self._check_files()

    def client_arguments(self) -> dict[str, Any]:
        """Return the keyword arguments of aiokafka's clients; reads the certificate files.

        Raises `StartError` when a file cannot be read or is no certificate or key.
        """
        arguments: dict[str, Any] = {
            "bootstrap_servers": [address.strip() for address in self.bootstrap.split(",")],
            "security_protocol": self.security_protocol,
        }
        if self._tls:
            arguments["ssl_context"] = self._ssl_context()
        if self._sasl:
            arguments["sasl_mechanism"] = self.sasl_mechanism
            arguments["sasl_plain_username"] = self.username
            arguments["sasl_plain_password"] = self.password
        return arguments

    @property
    def _tls(self) -> bool:
        return self.security_protocol in ("SSL", "SASL_SSL")

    @property
    def _sasl(self) -> bool:
        return self.security_protocol in ("SASL_PLAINTEXT", "SASL_SSL")

    def _check_credentials(self) -> None:
        _check_choice("SASL mechanism", self.sasl_mechanism, SASL_MECHANISMS)
        if not self.username or not self.password:
            missing = "password" if self.username else "user name"
            raise StartError(
                f"The Kafka {missing} is missing: {self.security_protocol} needs a user name and"
                " a password."
            )

    def _check_files(self) -> None:
        files = (self.ca_file, self.certificate_file, self.key_file)
        if not self._tls and any(files):
            raise StartError(
                "Kafka certificate files are set, but the security protocol"
                f" {self.security_protocol} does not use TLS: use SSL or SASL_SSL, or drop them."
            )
        if (self.certificate_file is None) != (self.key_file is None):
            missing = "certificate" if self.certificate_file is None else "key"
            raise StartError(
                f"The Kafka client {missing} file is missing: a client certificate and its key"
                " are set together or not at all."
            )

    def _ssl_context(self) -> ssl.SSLContext:
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
        except OSError as error:
            raise StartError(
                f"The Kafka CA file {self.ca_file} cannot be used ({_reason(error)}): it has to be"
                " readable and hold certificates in PEM form."
            ) from error
        if self.certificate_file is not None:
            self._load_client_certificate(context, self.certificate_file)
        return context

    def _load_client_certificate(self, context: ssl.SSLContext, certificate: Path) -> None:
        try:
            # A key with a passphrase would ask on the terminal; the empty one makes it an error.
            context.load_cert_chain(certificate, self.key_file, password="")
        except OSError as error:
            raise StartError(
                f"The Kafka client certificate {certificate} with the key {self.key_file} cannot"
                f" be used ({_reason(error)}): both have to be readable, in PEM form, belong"
                " together, and the key must have no passphrase."
            ) from error


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__


def _check_choice(what: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise StartError(f"Unknown Kafka {what} {value!r}: use one of {', '.join(allowed)}.")


def _check_address(address: str) -> None:
    host, colon, port = address.strip().rpartition(":")
    if not host or not colon or not port.isascii() or not port.isdigit():
        raise StartError(f"The Kafka address {address.strip()!r} is not HOST:PORT.")
    if not 0 < int(port) < 65536:
        raise StartError(f"The port of the Kafka address {address.strip()!r} is not in 1-65535.")
    if ":" in host and not (host.startswith("[") and host.endswith("]")):
        raise StartError(
            f"The Kafka address {address.strip()!r} is not HOST:PORT; an IPv6 address stands in"
            " brackets, as in [::1]:9092."
        )
