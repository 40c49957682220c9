"""An installation as compose.yaml writes it: the same commands, environment and Redis, without Docker."""

from __future__ import annotations

import json
import os
import re
import signal
import ssl
import subprocess
import urllib.error
import urllib.request
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import redis

from customer_sync.base.embedded import free_port
from customer_sync.kit.signatures import sign_base64
from customer_sync.store import Store, connect
from tests.deploy.container import USER, Image, can_wall
from tests.deploy.written import DEPLOY, compose, variables
from tests.programs import need
from tests.reliability.servers import wait_until
from tests.sandbox_server import SandboxClient

PASSWORD, SECRET, API_KEY = "redis-password", "shopify-secret", "a-key-of-the-tests-9f31c2d4"
PARTS = ("web", "worker-live", "worker-platforms", "beat")
#: The name under which the outside knows the installation.
NAME = "tajo.example.com"
TOPICS = {"x-shopify-topic": "customers/update", "content-type": "application/json"}

_TRUSTING = ssl.create_default_context()
_TRUSTING.check_hostname, _TRUSTING.verify_mode = (
    False,
    ssl.CERT_NONE,
)  # the proxies' certificates are made by the tests


class Answer(NamedTuple):
    """What a caller got: status, headers, body."""

    status: int
    headers: dict[str, str]
    body: str


class RedisServer:
    """Redis as compose.yaml starts it, by Debian's server.

    Args:
        folder: its volume.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self._program = need("redis-server")
        self.port = free_port()
        self.url = f"redis://:{PASSWORD}@127.0.0.1:{self.port}/0"
        config = (DEPLOY / "redis" / "redis.conf").read_text().replace("dir /data", f"dir {folder}")
        self._config = folder.with_name(f"{folder.name}.conf")
        self._config.write_text(
            f"{config}port {self.port}\nbind 127.0.0.1\nlogfile {folder}.log\nrepl-diskless-sync-delay 0\n"
        )
        self.start()

    def start(self, *lines: str) -> None:
        """Start it, with more lines of its config, and return once it answers."""
        (script,) = compose()["services"]["redis"]["command"]
        script = script.replace("$$", "$").replace("/etc/redis/redis.conf", str(self._config))
        script = script.replace("redis-server", self._program).replace(
            "\nEND", "".join(f"\n{one}" for one in lines) + "\nEND"
        )
        env = {"PATH": os.environ["PATH"], "REDIS_PASSWORD": PASSWORD}
        self._process = subprocess.Popen(["sh", "-c", script], env=env, start_new_session=True)
        wait_until(self._answers, lambda: self.folder.with_name(f"{self.folder.name}.log").read_text()[-2000:])

    def client(self) -> redis.Redis:
        """Return a client that may do everything."""
        return redis.Redis.from_url(self.url, socket_timeout=5)

    def _answers(self) -> bool:
        with self.client() as client:
            try:
                return bool(client.ping())
            except redis.RedisError:
                return False

    @property
    def command_line(self) -> str:
        """What every user of the machine can read."""
        return Path(f"/proc/{self._process.pid}/cmdline").read_text().replace("\0", " ")

    def kill(self) -> None:
        """End it without a word."""
        self._process.kill()
        self.ended()

    def ended(self) -> None:
        """Wait until it has ended."""
        self._process.wait(10)

    def close(self) -> None:
        if self._process.poll() is None:
            self.kill()


class Installation:
    """Web, workers and beat, each a process of its own.

    Args:
        folder: where everything is kept.
        sandbox: the Brevo that is called.
        image: what the processes are made from.
        server: their Redis.
    """

    def __init__(self, folder: Path, sandbox: SandboxClient, image: Image, server: RedisServer) -> None:
        self.sandbox = sandbox
        self.server = server
        self.image = image
        self.volume = folder / "volume"
        self.volume.mkdir()
        if can_wall():
            os.chown(self.volume, USER, USER)
        self._config = folder / "tajo.yaml"
        self._config.write_text((DEPLOY / "tajo.example.yaml").read_text())
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._log = (folder / "log").open("w+")
        self._log_path = folder / "log"
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.store = Store(connect(server.url), "secret-of-sixteen-letters")
        self._second = 0

    def env(self, part: str) -> dict[str, str]:
        """Return the environment of a part: the image's, that of the example, and what compose.yaml adds."""
        filled = dict.fromkeys(variables(DEPLOY / "env.example"), "unused-and-long-enough-0a1b2c")
        filled |= {
            "TAJO_API_KEY": API_KEY,
            "TAJO_SECRET_KEY": "secret-of-sixteen-letters",
            "SHOPIFY_API_SECRET": SECRET,
        }
        filled |= {"REDIS_PASSWORD": PASSWORD, "TAJO_PUBLIC_URL": "https://tajo.example.com", "BREVO_API_KEY": "apart"}
        told: dict[str, str] = compose()["services"][part]["environment"]
        for name, value in told.items():
            text = re.sub(r"\$\{(\w+):\?[^}]*\}", lambda found: filled[found[1]], value)
            told[name] = text.replace("redis:6379", f"127.0.0.1:{self.server.port}")
        if "TAJO_ALIVE_FILE" in told:
            told["TAJO_ALIVE_FILE"] = str(self.volume / f"{part}-alive")
        more = {"BREVO_API_URL": self.sandbox.url, "TAJO_CONFIG": str(self._config), "TMPDIR": "/run"}
        return {**self.image.env(self.volume), **filled, **told, **more}

    def start(self, part: str) -> None:
        """Start a part by the command of compose.yaml."""
        words = [str(word).replace("0.0.0.0", "127.0.0.1") for word in compose()["services"][part]["command"]]
        words += ["--port", str(self.port)] if part == "web" else []
        command = self.image.command(self.volume, ["tajo", *words])
        self.processes[part] = subprocess.Popen(
            command, env=self.env(part), cwd=self.volume, stdout=self._log, stderr=self._log, start_new_session=True
        )

    def kill(self, part: str, number: int = signal.SIGKILL) -> int:
        """End a part, with all that it has started, and return its exit code."""
        process = self.processes.pop(part)
        os.killpg(process.pid, number)
        return process.wait(25)

    def start_all(self) -> None:
        """Start what does not run, and return once all of it works."""
        for part in PARTS:
            if part not in self.processes:
                self.start(part)
        wait_until(lambda: self.get("/healthz").status == 200, self.told)
        for part in PARTS[1:]:
            wait_until((self.volume / f"{part}-alive").exists, self.told)

    def is_well(self, part: str) -> bool:
        """Run the health check of the image as a container of this part does."""
        command = self.image.command(self.volume, ["python", "-m", "customer_sync.base.alive"])
        return subprocess.run(command, check=False, env=self.env(part), cwd=self.volume).returncode == 0

    def get(self, path: str, url: str = "", **headers: str) -> Answer:
        """Ask for a path, of the web process or of what stands before it."""
        return self._send(urllib.request.Request((url or self.url) + path, headers=headers))

    def post(self, path: str, url: str, **headers: str) -> Answer:
        """Send an empty body."""
        return self._send(urllib.request.Request(url + path, b"", headers))

    def webhook(self, number: int, name: str, url: str = "", secret: str = SECRET, **more: Any) -> Answer:
        """Send a signed webhook of a customer; each is a second later."""
        self._second += 1
        at = datetime.fromtimestamp(1_790_000_000 + self._second, UTC).isoformat()
        customer = {"id": number, "email": address(number), "first_name": name, "updated_at": at, **more}
        body = json.dumps(customer).encode()
        headers = {**TOPICS, "x-shopify-webhook-id": str(uuid.uuid4()), "x-shopify-triggered-at": at}
        headers |= {"x-shopify-hmac-sha256": sign_base64(body, secret), "host": NAME}
        return self._send(urllib.request.Request((url or self.url) + "/webhooks/shopify", body, headers))

    def _send(self, request: urllib.request.Request) -> Answer:
        try:
            with urllib.request.urlopen(request, timeout=10, context=_TRUSTING) as answer:
                return Answer(answer.status, dict(answer.headers), answer.read().decode())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, dict(error.headers), error.read().decode())
        except OSError as error:
            return Answer(0, {}, str(error))

    def name(self, number: int) -> object:
        """Return a customer's first name as Brevo has it."""
        contact = self.sandbox.contacts().get(address(number))
        return contact and contact["attributes"].get("FIRSTNAME")

    def arrives(self, number: int, name: str) -> float:
        """Wait until Brevo has the name, and return how long it took."""
        return wait_until(lambda: self.name(number) == name, self.told)

    def told(self) -> str:
        """What a person who looks into a failed test wants to see."""
        self._log.flush()
        return self._log_path.read_text()[-4000:]

    def close(self) -> None:
        for part in tuple(self.processes):
            self.kill(part, signal.SIGTERM)
        self.store.client.connection_pool.disconnect()
        self._log.close()


def address(number: int) -> str:
    return f"person{number}@example.com"
