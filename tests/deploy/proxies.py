"""The examples of nginx and Caddy as processes before a web server of ours, and a web server that only notes."""

from __future__ import annotations

import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from customer_sync.base.embedded import free_port
from tests.deploy.installation import NAME
from tests.deploy.written import DEPLOY, ROOT
from tests.programs import need
from tests.reliability.servers import wait_until

_NGINX = """
worker_processes 1;
daemon off;
pid {folder}/pid;
error_log {folder}/log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/tajo.conf;
}}
"""


@contextmanager
def nginx(upstream: int) -> Iterator[str]:
    """Run nginx with the example before a port; gives its address. Its own check of the file comes first."""
    with tempfile.TemporaryDirectory() as name:
        folder, port = Path(name), free_port()
        folder.chmod(0o711)  # nginx keeps large bodies there, as a user of its own
        _certificate(folder)
        text = (DEPLOY / "nginx" / "tajo.conf").read_text()
        for old, new in {
            "listen 443 ssl;": f"listen 127.0.0.1:{port} ssl;",
            "    listen [::]:443 ssl;\n": "",
            "/etc/ssl/tajo": str(folder),
            "127.0.0.1:8000;": f"127.0.0.1:{upstream};",
        }.items():
            assert old in text, old
            text = text.replace(old, new)
        (folder / "tajo.conf").write_text(text)
        (folder / "nginx.conf").write_text(_NGINX.format(folder=folder))
        command = [need("nginx"), "-p", name, "-c", f"{name}/nginx.conf", "-e", f"{name}/log"]
        told = subprocess.run([*command, "-t"], check=False, capture_output=True, text=True)
        assert told.returncode == 0, told.stderr
        with _running(command, port, folder / "log"):
            yield f"https://127.0.0.1:{port}"


@contextmanager
def caddy(upstream: int) -> Iterator[str]:
    """Run Caddy with the example before a port; gives its address. It gets no certificate: that needs the Internet."""
    with tempfile.TemporaryDirectory() as name:
        folder, port = Path(name), free_port()
        text = (DEPLOY / "caddy" / "Caddyfile").read_text()
        for old, new in {
            "\n{\n": f"\n{{\n\tadmin off\n\tauto_https off\n\tstorage file_system {name}/store\n",
            f"\n{NAME} {{": f"\nhttp://{NAME}:{port} {{\n\tbind 127.0.0.1",
            "127.0.0.1:8000": f"127.0.0.1:{upstream}",
        }.items():
            assert old in text, old
            text = text.replace(old, new)
        (folder / "Caddyfile").write_text(text)
        command = [
            str(ROOT / ".venv" / "bin" / "caddy"),
            "run",
            "--config",
            f"{name}/Caddyfile",
            "--adapter",
            "caddyfile",
        ]
        with _running(command, port, folder / "log", HOME=name):
            yield f"http://127.0.0.1:{port}"


@contextmanager
def _running(command: list[str], port: int, log: Path, **env: str) -> Iterator[None]:
    with (
        log.open("a") as told,
        subprocess.Popen(command, stdout=told, stderr=told, env={"PATH": "/usr/bin", **env}) as process,
    ):
        try:
            wait_until(lambda: _listens(port), lambda: log.read_text()[-2000:])
            yield
        finally:
            process.terminate()


def _listens(port: int) -> bool:
    return f":{port:04X} 00000000:0000 0A" in Path("/proc/net/tcp").read_text()


def _certificate(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)]), datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=30))
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    (folder / "fullchain.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "privkey.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    )


@contextmanager
def noting() -> Iterator[tuple[int, list[dict[str, str]]]]:
    """Run a web server that notes the headers of each request; gives its port and what it noted."""
    noted: list[dict[str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            noted.append({name.lower(): value for name, value in self.headers.items()})
            self.rfile.read(int(self.headers.get("content-length") or 0))
            self.send_response(202)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", free_port()), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port, noted
    finally:
        server.shutdown()
        server.server_close()
