#!/usr/bin/env python3
"""Starts the built server for a suite, on free loopback ports and data of its own, and ends it by its process id.

As a module: `with Server("name", config) as server: …`.
As a command: `launch.py [--config FILE] [--database URL] -- COMMAND…` runs COMMAND with the server's places in the environment
(`POOLHOUSE_URL`, `POOLHOUSE_GATEWAY_URL`; `POOLHOUSE_LAUNCH` is this program, for a suite that needs a second server) and exits with its code.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
SUITE_CONFIG = Path(__file__).resolve().parent / "suite.toml"
EXAMPLE_CONFIG = REPOSITORY / "poolhouse.toml"
WORK = Path(os.environ.get("POOLHOUSE_TEST_WORK", REPOSITORY / "tests" / ".work"))


def binary() -> Path:
    """The server under test: `POOLHOUSE_TEST_BINARY`, else the newest that cargo built."""
    named = os.environ.get("POOLHOUSE_TEST_BINARY")
    if named:
        return Path(named)
    target = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target"))
    built = [path for profile in ("release", "fast", "debug") if (path := target / profile / "poolhouse").exists()]
    if not built:
        raise SystemExit("no server is built: run `cargo build --release` first, or name one in POOLHOUSE_TEST_BINARY")
    return max(built, key=lambda path: path.stat().st_mtime)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def postgres() -> str:
    """The suites' PostgreSQL server. Its absence is a failure, not a skip: `tests/run` starts one."""
    url = os.environ.get("POOLHOUSE_TEST_POSTGRES")
    if not url:
        raise RuntimeError("POOLHOUSE_TEST_POSTGRES names no server; start the suites through tests/run")
    return url


def new_database(prefix: str) -> str:
    """A fresh, empty PostgreSQL database; answers its URL."""
    name = f"{prefix}_{uuid.uuid4().hex[:12]}"
    subprocess.run(
        ["psql", "--quiet", "--no-psqlrc", postgres(), "--command", f'CREATE DATABASE "{name}"'],
        check=True, stdin=subprocess.DEVNULL, timeout=60,
    )
    return urllib.parse.urlsplit(postgres())._replace(path=f"/{name}").geturl()


class Server:
    """One running server. Without `database` it uses SQLite in its own data folder."""

    def __init__(
        self,
        name: str,
        config: Path = SUITE_CONFIG,
        database: str | None = None,
        public_url: str | None = None,
        environment: dict[str, str] | None = None,
    ):
        folder = WORK / "servers"
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=folder))
        self.data = self.folder / "data"
        self.data.mkdir()
        self.log = self.folder / "server.log"
        self.config = config
        self.database = database or f"sqlite:{self.data / 'poolhouse.db'}"
        self.port, self.gateway_port = free_port(), free_port()
        self.url = f"http://localhost:{self.port}"
        self.gateway = f"http://localhost:{self.gateway_port}"
        self.public_url = public_url or self.url
        self.environment = environment or {}
        self.process: subprocess.Popen[bytes] | None = None

    def surroundings(self) -> dict[str, str]:
        # A developer's own settings must not reach the server under test.
        environment = {key: value for key, value in os.environ.items() if not key.startswith("POOLHOUSE_")}
        return environment | {
            "POOLHOUSE_SERVER__PUBLIC_URL": self.public_url,
            "POOLHOUSE_DATABASE__URL": self.database,
            "RUST_LIB_BACKTRACE": "0",
        } | self.environment

    def command(self, name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs another command beside the server, on its database."""
        return subprocess.run(
            [str(binary()), name, "--config", str(self.config), "--data", str(self.data), *arguments],
            cwd=self.folder, env=self.surroundings(), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
        )

    def start(self) -> Server:
        environment = self.surroundings()
        command = [
            str(binary()), "serve", "--config", str(self.config), "--data", str(self.data),
            "--listen", f"127.0.0.1:{self.port}", "--gateway-listen", f"127.0.0.1:{self.gateway_port}",
        ]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, cwd=self.folder, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self.await_ready()
        return self

    def await_ready(self, seconds: float = 60) -> None:
        deadline = time.monotonic() + seconds
        while True:
            if self.process is None or self.process.poll() is not None:
                raise RuntimeError(f"the server did not start:\n{self.tail()}")
            try:
                with urllib.request.urlopen(f"{self.url}/readyz", timeout=2) as answer:
                    if answer.status == 200:
                        return
            except (urllib.error.URLError, OSError):
                pass
            if time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"the server was not ready after {seconds:.0f} s:\n{self.tail()}")
            time.sleep(0.02)

    def tail(self, lines: int = 40) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:]) if self.log.exists() else ""

    def stop(self) -> int | None:
        """Asks the server to end as a service manager would; answers its exit code."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        code, self.process = self.process.returncode, None
        return code

    def kill(self) -> None:
        """Ends the server without a chance to tidy up (SIGKILL)."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Server:
        return self.start()

    def __exit__(self, kind: object, *_: object) -> None:
        code = self.stop()
        if kind is None:
            assert code == 0, f"the server ended with {code} on SIGTERM:\n{self.tail()}"
            self.remove()


def main() -> int:
    parser = argparse.ArgumentParser(description="Run a command against a server of its own")
    parser.add_argument("--config", type=Path, default=SUITE_CONFIG)
    parser.add_argument("--database", help="a database URL; `postgres` makes a new one on POOLHOUSE_TEST_POSTGRES")
    parser.add_argument("command", nargs="+")
    arguments = parser.parse_args()
    database = new_database("suite") if arguments.database == "postgres" else arguments.database
    server = Server("launch", arguments.config.resolve(), database)
    with server:
        environment = os.environ | {"POOLHOUSE_URL": server.url, "POOLHOUSE_GATEWAY_URL": server.gateway, "POOLHOUSE_LAUNCH": str(Path(__file__).resolve())}
        code = subprocess.run(arguments.command, env=environment, stdin=subprocess.DEVNULL).returncode
    if code:
        print(f"the server's last words:\n{server.tail()}" if server.log.exists() else "", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
