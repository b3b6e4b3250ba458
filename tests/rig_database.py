# SPDX-License-Identifier: Apache-2.0
"""database: MariaDB and PostgreSQL of Debian, unpacked and not installed, for notary-server.

The tables are those that notary's own migrations make for 0.7.0. Each belongs to the account nobody,
as initdb wants a user with a name, and listens on a Unix socket only.
"""
import shutil
import subprocess

from rig_docker import unpacked
from rig_process import Process, answers_at, environment
from rig_scratch import give, write
from rig_users import IS_ROOT, User, own

NOBODY = User(65534) if IS_ROOT else own()


class Database:
    """storage: what goes into notary-server's configuration. group: that of contrib/packages."""

    def __init__(self, scratch):
        self.directory = scratch.directory(self.group, NOBODY.uid)
        self.environment = environment(HOME=str(self.directory))
        # Nobody but its user may come to where it is unpacked.
        self.tree = self.directory / "usr"
        for part in self.parts:
            self._copy(unpacked(self.group) / "usr" / part, self.tree / part)
        self.data = self.directory / "data"
        self.data.mkdir()
        give(self.data, NOBODY.uid)
        self.data.chmod(0o700)
        self.process = self._start()
        self.process.wait_until(self._is_ready)

    def _is_ready(self):
        return answers_at(self.socket)

    @staticmethod
    def _copy(source, target):
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, symlinks=True)
        else:
            shutil.copy(source, target)

    def _process(self, *args):
        return Process(args, self.directory / "log", self.environment, NOBODY, cwd=self.directory)

    def stop(self):
        self.process.stop()


class MariaDb(Database):
    group = "mariadb"
    parts = ("sbin/mariadbd", "share/mysql/english")
    tables = """
CREATE DATABASE notary CHARACTER SET utf8;
USE notary;
CREATE TABLE tuf_files (
  id int NOT NULL AUTO_INCREMENT PRIMARY KEY, created_at timestamp NULL, updated_at timestamp NULL,
  deleted_at timestamp NULL, gun varchar(255) NOT NULL, role varchar(255) NOT NULL,
  version int NOT NULL, data longblob NOT NULL, sha256 char(64) NULL,
  UNIQUE KEY gun (gun, role, version), KEY sha256 (sha256)) ENGINE=InnoDB;
CREATE TABLE change_category (category varchar(20) NOT NULL PRIMARY KEY) ENGINE=InnoDB;
INSERT INTO change_category VALUES ('update'), ('deletion');
CREATE TABLE changefeed (
  id int NOT NULL AUTO_INCREMENT PRIMARY KEY, created_at timestamp DEFAULT CURRENT_TIMESTAMP,
  gun varchar(255) NOT NULL, version int NOT NULL, sha256 char(64) NULL,
  category varchar(20) NOT NULL DEFAULT 'update', KEY idx_changefeed_gun (gun),
  FOREIGN KEY (category) REFERENCES change_category (category)) ENGINE=InnoDB;
"""

    @property
    def socket(self):
        return self.directory / "socket"

    @property
    def storage(self):
        return {"backend": "mysql", "db_url": f"nobody@unix({self.socket})/notary?parseTime=True"}

    def _start(self):
        """Without tables of its own, as nobody has rights to look up."""
        tables = write(self.directory / "tables.sql", self.tables)
        return self._process(
            self.tree / "sbin/mariadbd", "--no-defaults", f"--datadir={self.data}",
            f"--socket={self.socket}", "--skip-networking", "--skip-grant-tables",
            f"--lc-messages-dir={self.tree}/share/mysql", f"--init-file={tables}",
            f"--pid-file={self.directory}/pid", f"--tmpdir={self.directory}",
            f"--plugin-dir={self.directory}", "--innodb-buffer-pool-size=16M",
            "--innodb-log-file-size=8M", "--innodb-flush-log-at-trx-commit=0")


class PostgreSql(Database):
    group = "postgresql"
    parts = ("lib/postgresql/15", "share/postgresql/15")
    # One statement a line, as its single-user mode reads them.
    tables = """
CREATE TABLE tuf_files (id serial PRIMARY KEY, created_at timestamp NULL, updated_at timestamp NULL, \
deleted_at timestamp NULL, gun varchar(255) NOT NULL, role varchar(255) NOT NULL, \
version integer NOT NULL, data bytea NOT NULL, sha256 char(64) NULL, UNIQUE (gun, role, version));
CREATE INDEX tuf_files_sha256_idx ON tuf_files (sha256);
CREATE TABLE change_category (category varchar(20) PRIMARY KEY);
INSERT INTO change_category VALUES ('update'), ('deletion');
CREATE TABLE changefeed (id serial PRIMARY KEY, created_at timestamp DEFAULT CURRENT_TIMESTAMP, \
gun varchar(255) NOT NULL, version integer NOT NULL, sha256 char(64) NULL, \
category varchar(20) NOT NULL DEFAULT 'update' REFERENCES change_category);
CREATE INDEX idx_changefeed_gun ON changefeed (gun);
"""

    @property
    def socket(self):
        return self.directory / ".s.PGSQL.5432"

    @property
    def storage(self):
        return {"backend": "postgres", "db_url":
                f"host={self.directory} user=notary dbname=postgres sslmode=disable"}

    def _is_ready(self):
        """It listens before it takes anybody in; its last line here says when it does."""
        file = self.data / "postmaster.pid"
        return file.exists() and file.read_text(encoding="ascii").split()[-1:] == ["ready"]

    def _run(self, program, *args, **more):
        subprocess.run([self.tree / "lib/postgresql/15/bin" / program, "-D", self.data, *args],
                       env=self.environment, cwd=self.directory, check=True, capture_output=True,
                       **NOBODY.popen(), **more)

    def _start(self):
        self._run("initdb", "-U", "notary", "-A", "trust", "-N", "--no-locale", "-E", "UTF8")
        program = self.tree / "lib/postgresql/15/bin/postgres"
        subprocess.run([program, "--single", "-D", self.data, "postgres"], input=self.tables.encode(),
                       env=self.environment, cwd=self.directory, check=True, capture_output=True,
                       **NOBODY.popen())
        return self._process(
            program, "-D", self.data, "-k", self.directory, "-h", "", "-F", "-B", "16MB",
            "-c", "jit=off", "-c", "autovacuum=off")
