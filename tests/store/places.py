"""Where the tests keep people: a file, or a database of a PostgreSQL that is there or is started for as long as the tests run."""

from __future__ import annotations

import glob
import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

import psycopg
from sqlalchemy import make_url

VARIABLE = "IDIOLECT_TEST_POSTGRES"
PROGRAMS = "/usr/lib/postgresql/*/bin"
WHY_NOT = f"no PostgreSQL: give its URL in {VARIABLE}, or install it (Debian: apt-get install postgresql)"
numbers = itertools.count(1)


class Cluster:
    """A PostgreSQL of one's own, in a folder that goes when it is stopped; `safe`: what is committed is on the disk."""

    def __init__(self, safe: bool = False) -> None:
        self.programs = Path(sorted(glob.glob(PROGRAMS))[-1])
        self.folder = Path(tempfile.mkdtemp(prefix="pg", dir="/tmp"))  # a socket's path has 107 characters at most
        self.as_owner: list[str] = []
        if os.geteuid() == 0:  # PostgreSQL refuses to run as root
            owner = pwd.getpwnam("postgres")
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)
            self.as_owner = ["setpriv", f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}", "--clear-groups"]
        self._run("initdb", "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C", "--no-sync")
        self.settings = (
            f"-c listen_addresses='' -c unix_socket_directories={self.folder} -c max_connections=200 -c fsync={'on' if safe else 'off'}"
        )
        self.start()
        self.url = f"postgresql://postgres@/postgres?host={self.folder}"

    def start(self) -> None:
        """Start it, or start it again."""
        self._run("pg_ctl", "-w", "-l", str(self.folder / "log"), "-o", self.settings, "start")

    def stop(self, how: str = "fast") -> None:
        """Stop it: "fast" ends connections, "immediate" is as good as a crash."""
        self._run("pg_ctl", "-w", "-m", how, "stop")

    def remove(self) -> None:
        """Stop it and delete what it kept."""
        self.stop("immediate")
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, program: str, *arguments: str) -> None:
        command = [*self.as_owner, str(self.programs / program), "-D", str(self.folder / "data"), *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=self.folder, timeout=120)


def has_postgres() -> bool:
    """Whether there is one, or one can be started."""
    return bool(os.environ.get(VARIABLE) or glob.glob(PROGRAMS))


def new_database(url: str, name: str = "p") -> str:
    """The URL of a new, empty database beside the one of `url`."""
    name = f"idiolect_test_{os.getpid()}_{next(numbers)}_{name}"
    with psycopg.connect(url, autocommit=True) as db:
        db.execute(f'CREATE DATABASE "{name}"')
    return make_url(url).set(database=name).render_as_string(hide_password=False)


def drop_database(url: str, of: str) -> None:
    """Delete the database of the URL `of`, whoever is connected to it."""
    with psycopg.connect(url, autocommit=True) as db:
        db.execute(f'DROP DATABASE IF EXISTS "{make_url(of).database}" WITH (FORCE)')


class Places:
    """Places for stores, by names: `places()` is one, `places("other")` another; each is new and empty at first."""

    def __init__(self, folder: Path, url: str | None = None) -> None:
        self.folder, self.url = folder, url
        self.made: dict[str, str | Path] = {}

    def __call__(self, name: str = "p") -> str | Path:
        if name not in self.made:
            self.made[name] = self.folder / f"{name}.db" if self.url is None else new_database(self.url, name)
        return self.made[name]

    @property
    def in_files(self) -> bool:
        """Whether it is a file, with big states and adapters in files beside it."""
        return self.url is None

    def raw(self) -> bytes:
        """Every byte that is kept at all of these places, as it lies on the disk."""
        if self.in_files:
            return b"".join(path.read_bytes() for path in self.folder.rglob("*") if path.is_file())
        return b"".join(raw_database(str(url)) for url in self.made.values())

    def close(self) -> None:
        """Delete what was made."""
        for url in self.made.values() if self.url else ():
            drop_database(self.url, str(url))


def raw_database(url: str) -> bytes:
    """Every file of a database: tables, indexes, statistics, what nothing refers to any more."""
    with psycopg.connect(url, autocommit=True) as db:
        db.execute("CHECKPOINT")
        folder = db.execute("SELECT 'base/' || oid FROM pg_database WHERE datname = current_database()").fetchone()[0]
        names = [row[0] for row in db.execute("SELECT pg_ls_dir(%s) ORDER BY 1", (folder,))]
        cursor = db.cursor(binary=True)
        read = "SELECT pg_read_binary_file(%s, 0, 1 << 29, true)"
        return b"".join(cursor.execute(read, (f"{folder}/{name}",)).fetchone()[0] or b"" for name in names)
