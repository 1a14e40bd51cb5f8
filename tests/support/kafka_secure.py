"""A broker with TLS and passwords: listeners SSL and SASL_SSL (PLAIN, SCRAM-SHA-512) beside the plain one."""

import atexit
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import trustme
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from tests.support.kafka import Broker, kafka_libs
from tests.support.patience import PATIENCE_S
from tests.support.ports import free_port

USER = "makegood"
PLAIN_PASSWORD = "plain-hunter2"


class SecureBroker(Broker):
    """A broker whose certificate is signed by ``authority``."""

    def __init__(self, folder: Path, libs: Path) -> None:
        super().__init__(folder, libs)
        self.authority = trustme.CA()
        self.tls = f"localhost:{free_port()}"
        self.sasl = f"localhost:{free_port()}"

    def sign(self) -> None:
        """Have ``authority`` sign the certificate; a broker that runs must be started again to show it."""
        made = self.authority.issue_cert("localhost")
        key = load_pem_private_key(made.private_key_pem.bytes(), None)
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())  # the form that Kafka reads
        chain = b"".join(blob.bytes() for blob in made.cert_chain_pems)
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / "server.pem").write_bytes(pem + chain)

    def set_password(self, user: str, password: str) -> None:
        """Make, or change, a user of SCRAM-SHA-512."""
        info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
        change = UserScramCredentialUpsertion(user, info, password.encode())
        for future in self.admin.alter_user_scram_credentials([change], request_timeout=PATIENCE_S).values():
            future.result(PATIENCE_S)

    def _configured(self, properties: str) -> str:
        self.sign()
        tls_port, sasl_port = (address.rpartition(":")[2] for address in (self.tls, self.sasl))
        more = f",TLS://127.0.0.1:{tls_port},SASL://127.0.0.1:{sasl_port}"
        told = f",TLS://{self.tls},SASL://{self.sasl}"
        lines: list[str] = []
        for line in properties.splitlines():
            name = line.partition("=")[0]
            added = {
                "listeners": more,
                "advertised.listeners": told,
                "listener.security.protocol.map": ",TLS:SSL,SASL:SASL_SSL",
            }
            lines.append(line + added.get(name, ""))
        module = "org.apache.kafka.common.security"
        return "\n".join(
            [
                *lines,
                "ssl.keystore.type=PEM",
                # Who is refused something is refused it by name; everything else is allowed.
                "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
                "allow.everyone.if.no.acl.found=true",
                "super.users=User:ANONYMOUS",
                f"ssl.keystore.location={self._folder / 'server.pem'}",
                "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-512",
                f"listener.name.sasl.plain.sasl.jaas.config={module}.plain.PlainLoginModule required "
                f'user_{USER}="{PLAIN_PASSWORD}";',
                f"listener.name.sasl.scram-sha-512.sasl.jaas.config={module}.scram.ScramLoginModule required;",
                "",
            ]
        )

    def ca_file(self) -> str:
        """Return the file with the certificate of ``authority``."""
        place = self._folder / "ca.pem"
        self.authority.cert_pem.write_to_path(str(place))
        return str(place)

    def sasl_properties(self, mechanism: str, password_file: Path) -> dict[str, Any]:
        """Return the properties of a client of the listener with passwords."""
        return {
            "security.protocol": "SASL_SSL",
            "ssl.ca.location": self.ca_file(),
            "sasl.mechanism": mechanism,
            "sasl.username": USER,
            "sasl.password": {"file": str(password_file)},
        }


@cache
def shared_secure_broker() -> SecureBroker:
    """Return the one of this test process, started at the first call and stopped when Python ends."""
    folder = tempfile.TemporaryDirectory(prefix="makegood-kafka-tls-", ignore_cleanup_errors=True)
    broker = SecureBroker(Path(folder.name) / "broker", kafka_libs())
    atexit.register(folder.cleanup)
    atexit.register(broker.kill)
    broker.start()
    return broker
