"""Browser trust: one CA in the certificate databases of whoever runs this, and in no other's.

usage: browser_trust.py install|check|state CERTIFICATE, or browser_trust.py remove

A database is a folder of NSS (sql:). Chromium reads the one below ~/.pki where that is there, else
from version 146 on the one below ~/.local/share/pki (its docs/linux/cert_management.md): the older
one is made only where neither is, or what the person has in the newer one would be out of use. Each
snap has them below a home of its own.
"""

from __future__ import annotations

import os
import pwd
import re
import ssl
import subprocess
import sys
from pathlib import Path

NICKNAME = "ai-idp internal CA"
OLDER, NEWER = Path(".pki/nssdb"), Path(".local/share/pki/nssdb")
TRUSTED = "C,,"
"""For TLS servers, and for nothing else (certutil(1), -t)."""


class DatabaseError(Exception):
    """A database could not be read or changed; the text is certutil's."""


def home() -> Path:
    """Of whoever runs this: HOME may still be that of whoever started it."""
    return Path(pwd.getpwuid(os.getuid()).pw_dir)


def databases(home: Path) -> list[Path]:
    """Every folder that has to hold the CA, whether it is there yet or not."""
    snaps = sorted((home / "snap").glob("*/current"))
    return [
        *(_present(home) or [home / OLDER]),
        *(
            database
            for snap in snaps
            for database in _present(snap) or ([snap / OLDER] if _is_chromium(snap) else [])
        ),
    ]


def _present(home: Path) -> list[Path]:
    return [home / place for place in (OLDER, NEWER) if (home / place).is_dir()]


def _is_chromium(snap: Path) -> bool:
    return snap.parent.name == "chromium"


def certutil(database: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`certutil` on a database; it never asks for anything."""
    command = ["certutil", "-d", f"sql:{database}", *arguments]
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )


def listed(database: Path) -> dict[str, str]:
    """Every nickname in the database, and how what bears it is trusted."""
    if not (database / "cert9.db").exists():
        return {}
    lines = certutil(database, "-L").stdout.splitlines()
    rows = (re.fullmatch(r"(\S.*?)\s+([A-Za-z]*,[A-Za-z]*,[A-Za-z]*)\s*", line) for line in lines)
    return {row[1]: row[2] for row in rows if row}


def held(database: Path, nickname: str) -> set[bytes]:
    """The certificates, as DER, that bear a nickname: those of one subject share one."""
    text = certutil(database, "-L", "-n", nickname, "-a").stdout
    end = "-----END CERTIFICATE-----"
    parts = text.split(end)[:-1]
    return {ssl.PEM_cert_to_DER_cert(f"{part.strip()}\n{end}\n") for part in parts}


def nicknames_of(database: Path, certificate: bytes) -> list[str]:
    """What the certificate is called there, ours first: who imports it by hand names it."""
    names = sorted(listed(database), key=lambda name: name != NICKNAME)
    return [name for name in names if certificate in held(database, name)]


def amiss(database: Path, pem: str) -> str:
    """What is wrong with a database; empty where it holds the certificate and no older one."""
    certificate = ssl.PEM_cert_to_DER_cert(pem)
    trust, names = listed(database), nicknames_of(database, certificate)
    if not names and NICKNAME not in trust:
        return "the internal CA is missing"
    ours = {NICKNAME, *names} & trust.keys()
    if any(held(database, name) != {certificate} for name in ours):
        return "has another internal CA"
    # For TLS servers, and for what else its owner likes.
    return "" if "C" in trust[names[0]].split(",")[0] else "does not trust the internal CA"


def install(database: Path, file: Path) -> None:
    """Have the certificate there, and no older one."""
    pem = file.read_text()
    if not amiss(database, pem):
        return
    if not (database / "cert9.db").exists():
        database.mkdir(mode=0o700, parents=True, exist_ok=True)
        _done(certutil(database, "-N", "--empty-password"), database)
    remove(database)
    _add(database, file)
    if amiss(database, pem):
        # An older one was imported by hand, under a name that the new one shares.
        for name in nicknames_of(database, ssl.PEM_cert_to_DER_cert(pem)):
            remove(database, name)
        _add(database, file)


def remove(database: Path, nickname: str = NICKNAME) -> None:
    """Have nothing there under a nickname: several certificates may share it."""
    while nickname in listed(database):
        _done(certutil(database, "-D", "-n", nickname), database)


def _add(database: Path, file: Path) -> None:
    added = certutil(database, "-A", "-n", NICKNAME, "-t", TRUSTED, "-i", str(file))
    if "SEC_ERROR_BAD_PASSWORD" in added.stderr:
        raise DatabaseError(
            f"{database} has a password, which its owner alone knows; have them run: certutil -A"
            f" -d sql:{database} -n '{NICKNAME}' -t {TRUSTED} -i {file}"
        )
    _done(added, database)


def _done(result: subprocess.CompletedProcess[str], database: Path) -> None:
    if result.returncode:
        raise DatabaseError(f"{database}: {result.stderr.strip()}")


def main(arguments: list[str]) -> int:
    """Do what is asked of every database; 1 where that failed, or `check` found something."""
    os.umask(0o077)
    verb, places = arguments[0], databases(home())
    if verb == "remove":
        for place in places:
            remove(place)
        return 0
    certificate = Path(arguments[1])
    if verb == "install":
        for place in places:
            install(place, certificate)
        return 0
    wrong = {place: amiss(place, certificate.read_text()) for place in places}
    for place, what in wrong.items():
        if what:
            print(f"differs: {place} {what}")
    return int(verb == "check" and any(wrong.values()))


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (DatabaseError, OSError) as error:
        sys.exit(f"browser trust: {error}")
