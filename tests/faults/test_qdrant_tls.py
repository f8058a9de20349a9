"""A server with a certificate of its own making."""

import datetime
import ipaddress
import ssl
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from search.backends.exceptions import IndexRefused
from search.backends.qdrant import QdrantIndex
from tests.faults.qdrant_server import QdrantServer


def write_certificate(path: Path) -> None:
    """A key, and a certificate for 127.0.0.1 that it signed itself, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Qdrant of the tests")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    path.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(pem)
    )


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    write_certificate(tmp_path / "certificate.pem")
    return tmp_path / "certificate.pem"


@pytest.fixture
def server(certificate: Path) -> Iterator[QdrantServer]:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate)
    with QdrantServer(tls=tls) as server:
        yield server


def searched(server: QdrantServer, verify: bool | str) -> list[object]:
    index = QdrantIndex(dimension=4, url=server.url, verify=verify, search_timeout=20)
    try:
        index.prepare()
        return [*index.search(np.ones(4), limit=3)]
    finally:
        index.close()


def test_a_certificate_in_the_file_is_trusted(server: QdrantServer, certificate: Path) -> None:
    assert searched(server, str(certificate)) == []


def test_one_that_is_not_is_refused_without_trying_again(server: QdrantServer, tmp_path: Path) -> None:
    write_certificate(tmp_path / "another.pem")
    for verify in (True, str(tmp_path / "another.pem")):
        with pytest.raises(IndexRefused, match="certificate"):
            searched(server, verify)


def test_whoever_wants_to_may_trust_anyone(server: QdrantServer) -> None:
    assert searched(server, verify=False) == []
