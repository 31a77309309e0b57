"""Backups: what is lost comes back, and one that cannot be made says so and writes nowhere else."""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import contextmanager

import pytest

from deploys.backup_program import COMMAND, CONFIGURATION
from deploys.grafana import TOOL
from deploys.vault import UNITS, VAULT
from lab.checkout import container_name
from lab.containers import wait_booted
from lab.engine import docker
from tests.lab.conftest import INVENTORY, Done, converge, plan, pyinfra, shell
from tests.lab.waiting import wait_until

MOUNTED, BY_SFTP, NOTES = "sclimers-observation", "sclimers-grafana", "sclimers-automation"
DATABASE = "/var/lib/grafana/grafana.db"
BLOCKS = "/var/lib/prometheus/metrics2"
REPOSITORY = f"/mnt/nas/ai-idp/{MOUNTED}"
METRICS = "/var/lib/prometheus/node-exporter/ai_idp_backup.prom"
PASSWORD = "/etc/ai-idp/backup/password"
OTHER = "/root/other-backup.json"
SMALL, LARGE = "/mnt/small", "/srv/by-test/large"
LEDGER = "/srv/by-test/ledger.db"
ANSWERS = f"python3 -B {TOOL} answers && echo ok"
RESTORING = "ls /var/lib/ai-idp/backup/restoring.json 2>/dev/null || :"
STATE = "systemctl show --property=ActiveState --value ai-idp-backup.service"
SAMPLES = f"""\
start=$(($(date +%s) - 7200))
{{ echo '# TYPE by_test gauge'
for n in $(seq 60); do echo "by_test $n $((start + n * 60))"; done
echo '# EOF'; }} >/tmp/samples
runuser --user prometheus -- promtool tsdb create-blocks-from openmetrics /tmp/samples {BLOCKS}
rm /tmp/samples
"""
WRITER = f"""\
import sqlite3
database = sqlite3.connect("{LEDGER}", isolation_level=None)
database.execute("CREATE TABLE entry (value TEXT)")
database.execute("PRAGMA journal_mode=WAL")
while True:
    database.execute("BEGIN")
    database.executemany("INSERT INTO entry VALUES (?)", [("x" * 200,)] * 10)
    database.execute("COMMIT")
"""
WHOLE = f"""\
python3 - "$RESTORED{LEDGER}" <<'END'
import sqlite3, sys
database = sqlite3.connect(sys.argv[1])
assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
assert database.execute("SELECT count(*) FROM entry").fetchone()[0] % 10 == 0
END
"""


@pytest.fixture(scope="module", autouse=True)
def start_converged() -> Generator[None]:
    """Every test here finds these hosts converged, with a backup, and leaves them so."""
    converge(MOUNTED, BY_SFTP, NOTES)
    yield
    shell(MOUNTED, "rm -rf /srv/by-test")
    for host in (MOUNTED, BY_SFTP, NOTES):
        back_up(host)
        shell(host, "rm -rf /var/lib/*/*.before-restore-* /var/lib/ai-idp/backup/restored")


def back_up(host: str) -> str:
    """Have a backup made as its timer does; what it says where it fails."""
    # No timer starts it six times in ten seconds, at which systemd would refuse.
    shell(host, "systemctl reset-failed ai-idp-backup.service", check=False)
    command = "systemctl start ai-idp-backup.service || journalctl -u ai-idp-backup -n 15 -o cat"
    return shell(host, command)


def restore(host: str, what: str) -> Done:
    return pyinfra("-y", INVENTORY, "restore.py", "--limit", host, "--data", f"what={what}")


def python(host: str, program: str) -> str:
    return shell(host, f"python3 - <<'END'\n{program}\nEND")


def query(sql: str) -> str:
    return python(
        BY_SFTP,
        "import sqlite3\n"
        f"with sqlite3.connect('file:{DATABASE}?mode=rw', uri=True, timeout=20) as database:\n"
        f"    print(database.execute({sql!r}).fetchall())",
    ).strip()


def told(host: str) -> str:
    return shell(host, f"grep -v '^#' {METRICS}")


@contextmanager
def hidden(host: str, path: str) -> Generator[None]:
    """As if nothing was mounted there: a folder of the host's own disk."""
    shell(host, f"mkdir -p /srv/by-test/empty && mount --bind /srv/by-test/empty {path}")
    try:
        yield
        assert shell(host, f"ls -A {path}") == ""
    finally:
        shell(host, f"umount {path}")


def test_a_lost_database_comes_back_by_sftp_and_leaves_nothing_to_do() -> None:
    query("INSERT OR IGNORE INTO user (login, password, salt, is_admin) VALUES ('kept', '', '', 0)")
    assert back_up(BY_SFTP) == ""
    shell(BY_SFTP, f"systemctl stop grafana-server; rm {DATABASE}; systemctl start grafana-server")
    wait_until("Grafana answers", lambda: "ok" in shell(BY_SFTP, ANSWERS, check=False))
    assert "kept" not in query("SELECT login FROM user")

    done = restore(BY_SFTP, "grafana")
    assert done.returncode == 0, done.stderr
    assert "grafana: snapshot " in done.stderr
    assert "kept" in query("SELECT login FROM user")
    assert shell(BY_SFTP, f"stat -c %U:%a {DATABASE}") == shell(
        BY_SFTP, f"stat -c %U:%a {DATABASE}.before-restore-*"
    )
    assert shell(BY_SFTP, "systemctl is-active grafana-server") == "active\n"
    assert plan(BY_SFTP).exit_code == 0


def test_lost_metrics_come_back_from_the_folder() -> None:
    shell(MOUNTED, f"rm -rf {BLOCKS}/01*; {SAMPLES}")
    blocks = shell(MOUNTED, f"ls -d {BLOCKS}/01*").split()
    assert back_up(MOUNTED) == ""
    assert shell(MOUNTED, f"ls -A {BLOCKS} | grep -c '^.ai-idp' || :") == "0\n"
    shell(MOUNTED, f"systemctl stop prometheus; rm -r {BLOCKS}/*; systemctl start prometheus")
    done = restore(MOUNTED, "prometheus,alertmanager")
    assert done.returncode == 0, done.stderr
    assert set(blocks) <= set(shell(MOUNTED, f"ls -d {BLOCKS}/01*").split())
    ask = f"promtool tsdb dump --sandbox-dir-root=/tmp --match='by_test' {BLOCKS} | wc -l"
    assert int(shell(MOUNTED, ask)) == 60
    assert plan(MOUNTED).exit_code == 0


def test_without_a_snapshot_a_restore_is_refused_and_nothing_moves() -> None:
    before = query("SELECT count(*) FROM user")
    done = pyinfra(
        *("-y", INVENTORY, "restore.py", "--limit", BY_SFTP),
        *("--data", "what=grafana", "--data", "snapshot=ffffffff"),
    )
    assert done.returncode != 0
    assert "has no snapshot ffffffff of grafana; there are: " in done.stderr
    unknown = restore(BY_SFTP, "grafna")
    assert "has no backup of `grafna`; it has: grafana, configurations" in unknown.stderr
    assert query("SELECT count(*) FROM user") == before


def test_a_nas_that_is_not_mounted_fails_loudly_and_nothing_is_written_in_its_place() -> None:
    before = told(MOUNTED)
    with hidden(MOUNTED, "/mnt/nas"):
        said = back_up(MOUNTED)
        assert "/mnt/nas is not mounted, so nothing was backed up" in said
        assert shell(MOUNTED, "systemctl is-failed ai-idp-backup.service") == "failed\n"
    assert told(MOUNTED) == before
    assert back_up(MOUNTED) == ""


def test_an_emptied_nas_is_not_taken_for_a_new_one() -> None:
    shell(MOUNTED, f"mv {REPOSITORY} {REPOSITORY}.lost")
    try:
        assert "holds no repository any more, but this host backed up to it" in back_up(MOUNTED)
        assert shell(MOUNTED, f"ls -d {REPOSITORY} 2>&1 || :").startswith("ls: cannot access")
    finally:
        shell(MOUNTED, f"rm -rf {REPOSITORY}; mv {REPOSITORY}.lost {REPOSITORY}")


def test_a_wrong_password_is_told() -> None:
    shell(MOUNTED, f"cp -p {PASSWORD} {PASSWORD}.kept && echo wrong >{PASSWORD}")
    try:
        said = back_up(MOUNTED)
    finally:
        shell(MOUNTED, f"mv {PASSWORD}.kept {PASSWORD}")
    assert "was made with another password than the secret backup/password" in said


def test_after_a_killed_backup_the_next_one_is_whole() -> None:
    shell(MOUNTED, "head -c 300M /dev/urandom >/etc/by-test.random")
    try:
        shell(MOUNTED, "systemctl start --no-block ai-idp-backup.service")
        locks = f"ls {REPOSITORY}/locks"
        large = "pgrep -f '^restic .*--tag configurations'"
        wait_until("the large one is sent", lambda: shell(MOUNTED, large, check=False) != "")
        wait_until("it has locked", lambda: shell(MOUNTED, locks) != "")
        shell(MOUNTED, "systemctl kill --signal=KILL ai-idp-backup.service")
        wait_until("it is dead", lambda: "failed" in shell(MOUNTED, STATE))
        assert shell(MOUNTED, locks) != ""
    finally:
        shell(MOUNTED, "rm /etc/by-test.random")
    assert back_up(MOUNTED) == ""
    assert shell(MOUNTED, locks) == ""
    assert shell(MOUNTED, "ls /var/lib/ai-idp/backup") == "lock\nrecord.json\n"


@pytest.fixture
def unsynced() -> Generator[str]:
    """A file of the vault that is in no repository, and so only where the working vault is."""
    folder = f"{VAULT}/.trash/by-test"
    shell(NOTES, f"mkdir -p {folder}")
    yield f"{folder}/one.md"
    shell(NOTES, f"rm -rf {folder} /var/lib/ai-idp/backup/fetched-*")


def test_a_restore_that_a_power_cut_ends_is_taken_back_before_its_units_start(
    unsynced: str,
) -> None:
    shell(NOTES, f"echo saved >{unsynced}")
    assert back_up(NOTES) == ""
    shell(NOTES, f"echo present >{unsynced}")
    units = " ".join((*UNITS, "n8n.service"))
    shell(NOTES, f"systemd-run --unit=by-test {COMMAND} restore vault")
    wait_until("the saved one is there", lambda: "saved" in shell(NOTES, f"cat {unsynced}", False))
    assert shell(NOTES, RESTORING) != ""

    docker("kill", container_name(NOTES))
    docker("start", container_name(NOTES))
    wait_booted([NOTES])
    assert shell(NOTES, f"cat {unsynced}") == "present\n"
    assert shell(NOTES, RESTORING) == ""
    assert set(shell(NOTES, f"systemctl is-active {units}").split()) == {"active"}
    assert plan(NOTES).exit_code == 0


@pytest.fixture
def ledger() -> Generator[None]:
    """A database that is written to without a pause, and a small NAS of its own."""
    shell(MOUNTED, f"mkdir -p /srv/by-test {SMALL} && mount -t tmpfs -o size=4m tmpfs {SMALL}")
    told = json.loads(shell(MOUNTED, f"cat {CONFIGURATION}"))
    ledger = {"what": "ledger", "paths": [], "databases": [LEDGER], "drill": WHOLE}
    told |= {"repository": f"{SMALL}/one", "mount_point": SMALL, "mirrors": [], "jobs": [ledger]}
    shell(MOUNTED, f"cat >{OTHER} <<'END'\n{json.dumps(told)}\nEND")
    shell(MOUNTED, f"cat >/srv/by-test/writer <<'END'\n{WRITER}\nEND")
    shell(MOUNTED, "systemd-run --unit=by-test python3 /srv/by-test/writer")
    wait_until("it writes", lambda: shell(MOUNTED, f"ls {LEDGER}-wal", check=False) != "")
    yield
    shell(MOUNTED, f"systemctl stop by-test; umount {SMALL}; rm {OTHER}")
    shell(MOUNTED, f"{COMMAND} tell; rm -rf /srv/by-test/*")


def other(work: str) -> tuple[int, str]:
    """The status of the program with that NAS, and what it says."""
    said = shell(MOUNTED, f"{COMMAND} --configuration {OTHER} {work} 2>&1; echo $?")
    text, _, status = said.strip().rpartition("\n")
    return int(status), text


def test_a_database_is_whole_though_it_is_written_to_and_a_full_nas_is_told(ledger: None) -> None:
    status, said = other("run")
    assert status == 0, said
    status, said = other("drill")
    assert status == 0, said
    before = [line for line in told(MOUNTED).splitlines() if "last_success" in line]

    shell(MOUNTED, f"head -c 4M /dev/zero >{SMALL}/full || :")
    status, said = other("run")
    assert status == 1
    assert "no space left on device" in said
    assert [line for line in told(MOUNTED).splitlines() if "last_success" in line] == before
    shell(MOUNTED, f"rm {SMALL}/full; mount -o remount,size=64m {SMALL}")
    status, said = other("run")
    assert status == 0, said


def test_nothing_secret_is_in_the_journal_of_all_this() -> None:
    password = shell(MOUNTED, f"cat {PASSWORD}").strip()
    said = shell(MOUNTED, "journalctl -o cat -u 'ai-idp-*'")
    assert "are in /mnt/nas" in said
    assert (password in said) is False
