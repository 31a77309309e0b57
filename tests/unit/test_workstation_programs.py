"""The programs of a desk: they change nothing that is somebody's, and say what to do."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from files.workstation import browser_trust, clone_vault

ROOT = Path(__file__).parents[2]
COMPLETION = ROOT / "files" / "workstation" / "make-completion.bash"


def git(*arguments: str, at: Path) -> None:
    named = ["-c", "user.name=x", "-c", "user.email=x@x.test"]
    subprocess.run(["git", "-C", str(at), *named, *arguments], check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    made = tmp_path / "vault"
    made.mkdir()
    git("init", "--quiet", at=made)
    (made / "note.md").write_text("a note\n")
    git("add", ".", at=made)
    git("commit", "--quiet", "-m", "first", at=made)
    return made


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def cloned(home: Path, repository: Path | str, folder: str = "Notes/Vault") -> int:
    return clone_vault.main(home, {"repository": str(repository), "folder": folder})


def test_a_clone_is_made_once(home: Path, repository: Path) -> None:
    assert cloned(home, repository) == 0
    note = home / "Notes" / "Vault" / "note.md"
    note.write_text("mine\n")
    assert cloned(home, repository) == 0
    assert note.read_text() == "mine\n"


def test_an_empty_folder_is_taken(home: Path, repository: Path) -> None:
    (home / "Notes" / "Vault").mkdir(parents=True)
    assert cloned(home, repository) == 0
    assert (home / "Notes" / "Vault" / "note.md").exists()


def test_what_a_cut_off_clone_left_is_replaced(home: Path, repository: Path) -> None:
    left = home / "Notes" / ".Vault.cloning" / "half"
    left.mkdir(parents=True)
    assert cloned(home, repository) == 0
    assert not left.exists()
    assert (home / "Notes" / "Vault" / "note.md").exists()


@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_something_else_is_left_alone(
    home: Path, repository: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    place = home / "Vault"
    match kind:
        case "file":
            place.write_text("mine")
        case "folder":
            place.mkdir()
            (place / "own").write_text("mine")
        case "link":
            place.symlink_to(home)
    before = sorted(path.name for path in home.rglob("*"))
    assert cloned(home, repository, "Vault") == 1
    said = capsys.readouterr().err
    assert said == f"{place} is there and no clone of {repository}: it is left alone\n"
    assert sorted(path.name for path in home.rglob("*")) == before


def test_a_failed_clone_leaves_nothing(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cloned(home, home / "nothing") == 1
    assert list((home / "Notes").iterdir()) == []
    assert "does not exist" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("complaint", "status", "advice"),
    [
        ("git@notes: Permission denied (publickey).", 1, "notes knows none of your SSH keys."),
        ("fatal: could not create work tree dir: Permission denied", 1, "see what git said"),
        ("Host key verification failed.", 1, "the SSH key of notes is not the pinned one"),
        ("ssh: connect to host notes port 22: No route to host", 75, "notes does not answer"),
        ("Connection timed out during banner exchange", 75, "notes does not answer"),
        ("fatal: something", 1, "see what git said"),
    ],
)
def test_what_git_complains_of_becomes_advice(complaint: str, status: int, advice: str) -> None:
    found = clone_vault.remedy(complaint, "git@notes:vault.git")
    assert (found[0], found[1].startswith(advice)) == (status, True)


def test_chromium_s_database_is_made_and_those_of_snaps_are_found(home: Path) -> None:
    assert browser_trust.databases(home) == [home / ".pki" / "nssdb"]
    (home / "snap" / "chromium" / "current").mkdir(parents=True)
    (home / "snap" / "editor" / "current").mkdir(parents=True)
    (home / "snap" / "brave" / "current" / ".pki" / "nssdb").mkdir(parents=True)
    assert browser_trust.databases(home) == [
        home / ".pki" / "nssdb",
        home / "snap" / "brave" / "current" / ".pki" / "nssdb",
        home / "snap" / "chromium" / "current" / ".pki" / "nssdb",
    ]


@pytest.mark.parametrize("place", ["", "snap/chromium/current"], ids=["home", "snap"])
def test_a_newer_database_is_not_put_out_of_use(home: Path, place: str) -> None:
    older, newer = (home / place / name for name in (".pki/nssdb", ".local/share/pki/nssdb"))
    newer.mkdir(parents=True)
    assert newer in browser_trust.databases(home)
    assert older not in browser_trust.databases(home)
    older.mkdir(parents=True)
    assert {older, newer} <= {*browser_trust.databases(home)}


WITH_CERTUTIL = pytest.mark.skipif(not shutil.which("certutil"), reason="NSS's tools are not here")


@pytest.fixture(scope="module")
def authorities(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The internal CA before and after a rotation: other keys, the same subject."""
    before, after = (tmp_path_factory.mktemp("ca") / f"{name}.crt" for name in ("before", "after"))
    for file in (before, after):
        made = f"-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null -out {file}"
        command = ["openssl", "req", "-x509", *made.split(), "-subj", "/CN=x internal CA"]
        subprocess.run(command, check=True, capture_output=True)
    return before, after


def imported(database: Path, nickname: str, trust: str, file: Path) -> None:
    """A database of the person's, with a CA that they imported by hand."""
    database.mkdir()
    arguments = ("-A", "-n", nickname, "-t", trust, "-i", str(file))
    for each in (("-N", "--empty-password"), arguments):
        assert browser_trust.certutil(database, *each).returncode == 0


@WITH_CERTUTIL
def test_another_ca_takes_the_place_of_the_one_before(
    tmp_path: Path, authorities: tuple[Path, Path]
) -> None:
    before, after = authorities
    database = tmp_path / "nssdb"
    assert browser_trust.amiss(database, before.read_text()) == "the internal CA is missing"
    browser_trust.install(database, before)
    assert browser_trust.amiss(database, before.read_text()) == ""
    assert browser_trust.amiss(database, after.read_text()) == "has another internal CA"
    browser_trust.install(database, after)
    assert browser_trust.amiss(database, after.read_text()) == ""
    browser_trust.remove(database)
    assert browser_trust.listed(database) == {}


@WITH_CERTUTIL
def test_a_ca_that_was_imported_by_hand_is_enough_and_stays(
    tmp_path: Path, authorities: tuple[Path, Path]
) -> None:
    _, file = authorities
    trusted, known = tmp_path / "trusted", tmp_path / "known"
    imported(trusted, "mine", "CT,C,C", file)
    assert browser_trust.amiss(trusted, file.read_text()) == ""
    imported(known, "mine", ",,", file)
    assert browser_trust.amiss(known, file.read_text()) == "does not trust the internal CA"
    browser_trust.install(known, file)
    browser_trust.remove(known)
    assert browser_trust.listed(known) == {"mine": "C,,"}


@WITH_CERTUTIL
def test_an_older_ca_that_was_imported_by_hand_goes(
    tmp_path: Path, authorities: tuple[Path, Path]
) -> None:
    before, after = authorities
    database = tmp_path / "nssdb"
    imported(database, "mine", "CT,C,C", before)
    browser_trust.install(database, after)
    assert browser_trust.amiss(database, after.read_text()) == ""
    assert browser_trust.listed(database) == {browser_trust.NICKNAME: "C,,"}


@WITH_CERTUTIL
def test_a_database_with_a_password_is_left_to_its_owner(
    tmp_path: Path, authorities: tuple[Path, Path]
) -> None:
    _, file = authorities
    (tmp_path / "word").write_text("a password of the person's\n")
    database = tmp_path / "nssdb"
    database.mkdir()
    word = ("-f", str(tmp_path / "word"))
    browser_trust.certutil(database, "-N", *word)
    with pytest.raises(browser_trust.DatabaseError) as refused:
        browser_trust.install(database, file)
    said = str(refused.value)
    assert said.startswith(f"{database} has a password, which its owner alone knows; ")
    _, _, advised = said.partition("have them run: ")
    subprocess.run([*shlex.split(advised), *word], check=True)
    assert browser_trust.amiss(database, file.read_text()) == ""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    made = tmp_path / "checkout"
    (made / "deploys").mkdir(parents=True)
    (made / "secrets" / "vllm").mkdir(parents=True)
    for name in ("api-key.age", "api-key.previous.age"):
        (made / "secrets" / "vllm" / name).touch()
    (made / "deploy.py").touch()
    (made / "Makefile").write_text((ROOT / "Makefile").read_text())
    (made / "inventory.py").write_text(
        '"""Who."""\n_own = [1]\nall = [\n    (\n        "one",\n        {"ssh_hostname": "x"},\n'
        '    ),\n    "two",\n]\nbase = ssh = [name for name, _ in all]\nvllm = ["one"]\n'
    )
    return made


def offered(folder: Path, *words: str, stock: str = "/nothing") -> list[str]:
    """What bash would offer for the last of the words of a `make` command."""
    script = (
        f'. {COMPLETION}; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _ai_idp_make make;'
        ' printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        ["bash", "-c", script, "bash", *words],
        cwd=folder,
        env={**os.environ, "AI_IDP_STOCK_COMPLETION": stock},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("make", "app"), ["apply"]),
        (("make", "apply", "LIM"), ["LIMIT="]),
        (("make", "apply", "LIMIT", "="), ["one", "two", "base", "ssh", "vllm"]),
        (("make", "apply", "LIMIT", "=", "v"), ["vllm"]),
        (("make", "trust", "HOST", "="), ["one", "two"]),
        (("make", "secret", "NAME", "="), ["vllm/api-key"]),
        (("make", "secret", "ROTATE", "="), ["1"]),
        (("make", "plan", "INVENTORY", "=", "in"), ["inventory.py"]),
    ],
)
def test_a_checkout_offers_its_targets_hosts_roles_and_secrets(
    checkout: Path, words: tuple[str, ...], expected: list[str]
) -> None:
    assert offered(checkout, *words) == expected


def test_every_target_with_a_description_is_offered(checkout: Path) -> None:
    found = offered(checkout, "make", "")
    assert {"plan", "apply", "verify", "trust", "retire"} <= {*found}


def test_elsewhere_the_distributions_own_completion_answers(tmp_path: Path) -> None:
    stock = tmp_path / "stock"
    stock.write_text("_make() { COMPREPLY=(stock); }\ncomplete -F _make make\n")
    assert offered(tmp_path, "make", "", stock=str(stock)) == ["stock"]


def test_elsewhere_without_one_nothing_is_offered(tmp_path: Path) -> None:
    assert offered(tmp_path, "make", "") == []
