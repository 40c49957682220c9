"""Redis servers of every kind that people have: with TLS, with users, on a socket, behind Sentinels, a cluster."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any, NamedTuple

import redis
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from customer_sync.base.embedded import free_port, server_path
from tests.reliability.servers import wait_until

HOST = "127.0.0.1"
MASTER = "tajo-master"


class Server:
    """A server on the loopback; it ends with `close`.

    Args:
        folder: its files.
        lines: of its config, beside where it listens and what it keeps.
        password: what its own hands, `client`, show.
        is_sentinel: whether it is a Sentinel.
        tls: redis-py's arguments for `client`, where the port speaks TLS.
        program: the server's; the embedded one, which knows no TLS, without it.
    """

    def __init__(
        self,
        folder: Path,
        *lines: str,
        password: str = "",
        is_sentinel: bool = False,
        tls: Mapping[str, str] | None = None,
        program: str = "",
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self._log = folder / "log"
        self._login: dict[str, Any] = {"password": password or None, "host": HOST, "port": self.port}
        self._login |= {} if tls is None else {"ssl": True, **tls}
        ports = f"port {self.port}" if tls is None else f"port 0\ntls-port {self.port}"
        common = [ports, f"bind {HOST}", f"dir {folder}", f"logfile {self._log}"]
        common += [] if is_sentinel else ['save ""', "appendonly no"]
        common += [f"requirepass {password}"] if password else []
        config = folder / "redis.conf"
        config.write_text("\n".join([*common, *lines, ""]))
        mode = ["--sentinel"] if is_sentinel else []
        self.process = subprocess.Popen(
            [program or str(server_path()), str(config), *mode], stdout=subprocess.DEVNULL, start_new_session=True
        )
        wait_until(self._answers, lambda: self._log.read_text()[-2000:])

    def _answers(self) -> bool:
        with self.client() as client:
            try:
                return bool(client.ping())
            except redis.ConnectionError:
                assert self.process.poll() is None, self._log.read_text()[-2000:]
                return False

    def client(self) -> redis.Redis:
        """Return a client that may do everything."""
        return redis.Redis(socket_timeout=5, **self._login)

    def close(self) -> None:
        """End it without a word."""
        if self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait(10)


class Sentinels:
    """A master, a replica in step with it, and three Sentinels that watch them; all ask for a password.

    Args:
        folder: their files.
        password: of master and replica; the Sentinels have it with an `s` before it.
    """

    def __init__(self, folder: Path, password: str = "a/b@c") -> None:
        self._password = password
        shared = (f"masterauth {password}", "repl-diskless-sync-delay 0")
        self.master = Server(folder / "a", *shared, password=password)
        self.replica = Server(folder / "b", *shared, f"replicaof {HOST} {self.master.port}", password=password)
        lines = (
            f"sentinel monitor {MASTER} {HOST} {self.master.port} 2",
            f"sentinel auth-pass {MASTER} {password}",
            f"sentinel down-after-milliseconds {MASTER} 1000",
            f"sentinel failover-timeout {MASTER} 5000",
        )
        self.watchers = [
            Server(folder / f"s{number}", *lines, password=f"s{password}", is_sentinel=True) for number in range(3)
        ]
        wait_until(self._is_ready, "Sentinels that know each other and the replica")

    @property
    def url(self) -> str:
        hosts = ",".join(f"{HOST}:{one.port}" for one in self.watchers)
        quoted = self._password.replace("/", "%2F").replace("@", "%40")
        return f"sentinel://:{quoted}@{hosts}/{MASTER}/0?sentinel_password=s{quoted}"

    def client(self) -> redis.Redis:
        """Return a client of what is the master now."""
        with self.watchers[0].client() as watcher:
            _, port = watcher.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER)
        return redis.Redis(HOST, int(port), password=self._password, socket_timeout=5)

    def _is_ready(self) -> bool:
        return all(self._knows_all(one) for one in self.watchers)

    def _knows_all(self, one: Server) -> bool:
        with one.client() as client:
            told = client.sentinel_masters()[MASTER]
        return (told["num-other-sentinels"], told["num-slaves"]) == (2, 1)

    def close(self) -> None:
        for one in (*self.watchers, self.master, self.replica):
            one.close()


class Certificates(NamedTuple):
    """Files of an authority, and of a server and a client that it knows."""

    authority: Path
    server: Path
    server_key: Path
    client: Path
    client_key: Path


def certificates(folder: Path) -> Certificates:
    """Make certificates that are valid on any date, for the loopback."""
    found = Certificates(*(folder / f"{name}.pem" for name in Certificates._fields))
    key, name = ec.generate_private_key(ec.SECP256R1()), _name("authority")
    usage = x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        crl_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    authority = (
        _draft(name, name, key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    found.authority.write_bytes(authority.public_bytes(serialization.Encoding.PEM))
    for path, key_path in ((found.server, found.server_key), (found.client, found.client_key)):
        own = ec.generate_private_key(ec.SECP256R1())
        names = [x509.IPAddress(ip_address(HOST)), x509.DNSName("localhost")]
        made = (
            _draft(_name(path.stem), name, own)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        path.write_bytes(made.public_bytes(serialization.Encoding.PEM))
        plain = serialization.NoEncryption()
        key_path.write_bytes(own.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
    return found


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _draft(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
    )
