"""The repository keeps its own layout, and the rules would notice if it did not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit import layout

ROOT = Path(__file__).parents[2]

SOUND = {
    "inventory.py": '"""Who."""\n\nall = [("one", {})]\nweb = ["one"]\n',
    "deploy.py": '"""Order."""\n\nfrom deploys import web\n\nif True:\n    web.install()\n',
    "deploys/web.py": (
        '"""Web: serves pages."""\n\n'
        'class Web:\n    role = "web"\n\n\n'
        "def install():\n    return host.data\n"
    ),
    "group_data/web.py": '"""Web."""\n\nfrom deploys.web import Web\n\nweb = Web()\n',
    "tests/verify/test_web.py": "",
    "templates/web/web.conf.j2": (
        "# Managed by ai-idp from templates/web/web.conf.j2; changes here are lost.\n"
    ),
    "templates/web/web.json.j2": "{}\n",
    "operations/pages.py": '"""Pages: operations."""\n\nimport facts.pages\n',
    "facts/pages.py": '"""Pages: facts."""\n',
}

# rule, file, what is written there (None removes it), the message that names the missing piece
BREAKS: list[tuple[layout.Rule, str, str | None, str]] = [
    (
        layout.every_role_has_its_pieces,
        "tests/verify/test_web.py",
        None,
        "tests/verify/test_web.py is missing",
    ),
    (
        layout.every_role_has_its_pieces,
        "group_data/web.py",
        None,
        "group_data/web.py is missing",
    ),
    (
        layout.every_piece_has_its_role,
        "group_data/mail.py",
        "mail = 1\n",
        "group_data/mail.py: inventory.py has no role mail",
    ),
    (
        layout.every_piece_has_its_role,
        "deploys/mail.py",
        "def install(): ...\n",
        "deploys/mail.py: inventory.py has no role mail",
    ),
    (
        layout.role_modules_have_settings_and_install,
        "deploys/web.py",
        'class Web:\n    role = "web"\n',
        "deploys/web.py has no install()",
    ),
    (
        layout.role_modules_have_settings_and_install,
        "deploys/web.py",
        "def install(): ...\n",
        'deploys/web.py has no settings class with role = "web"',
    ),
    (
        layout.group_data_sets_one_variable,
        "group_data/web.py",
        "web = 1\nport = 2\n",
        "group_data/web.py should set `web` and nothing else",
    ),
    (
        layout.group_data_sets_one_variable,
        "group_data/web.py",
        "web = 1\n\n\ndef leaks(): ...\n",
        "group_data/web.py should set `web` and nothing else",
    ),
    (
        layout.deploy_says_each_role_once,
        "deploy.py",
        '"""Order."""\n',
        "deploy.py should say `web.install()` once, on a line of its own",
    ),
    (
        layout.deploy_says_each_role_once,
        "deploy.py",
        "web.install()\nweb.install()\n",
        "deploy.py should say `web.install()` once, on a line of its own",
    ),
    (
        layout.deploy_says_each_role_once,
        "deploy.py",
        "if True: web.install()\n",
        "deploy.py should say `web.install()` once, on a line of its own",
    ),
    (layout.deploy_says_each_role_once, "deploy.py", None, "deploy.py is missing"),
    (
        layout.deploy_has_no_loop,
        "deploy.py",
        "for role in (web,):\n    role.install()\n",
        "deploy.py loops; say each role on a line of its own",
    ),
    (
        layout.nothing_reads_host_at_import,
        "deploys/web.py",
        "PORT = host.data.port\n",
        "deploys/web.py:1 reads `host` at import time",
    ),
    (
        layout.nothing_reads_host_at_import,
        "operations/pages.py",
        "def show(port=host.data.port): ...\n",
        "operations/pages.py:1 reads `host` at import time",
    ),
    (
        layout.no_module_has_a_taken_or_vague_name,
        "secrets.py",
        "",
        "secrets.py: that module name is taken",
    ),
    (
        layout.no_module_has_a_taken_or_vague_name,
        "operations/systemd.py",
        "",
        "operations/systemd.py: that module name is taken",
    ),
    (
        layout.no_module_has_a_taken_or_vague_name,
        "deploys/utils.py",
        "",
        "deploys/utils.py: `utils` says nothing of what it holds",
    ),
    (
        layout.templates_say_where_they_come_from,
        "templates/web/web.conf.j2",
        "listen 80;\n",
        "templates/web/web.conf.j2 should begin with a comment: Managed by ai-idp from "
        "templates/web/web.conf.j2; changes here are lost.",
    ),
    (
        layout.operations_announce_before_they_act,
        "operations/pages.py",
        (
            "def show():\n    for page in pages:\n"
            "        changes.announce(host, [page])\n        yield page\n"
        ),
        "operations/pages.py:2 announces and yields in one loop",
    ),
    (
        layout.imports_follow_the_arrow,
        "facts/pages.py",
        "from operations.pages import show\n",
        "facts/pages.py imports operations.pages: facts comes before it",
    ),
    (
        layout.imports_follow_the_arrow,
        "deploys/web.py",
        "import inventory\n",
        "deploys/web.py imports inventory: deploys comes before it",
    ),
    (
        layout.production_imports_no_test,
        "facts/pages.py",
        "import lab.images\n",
        "facts/pages.py imports lab.images",
    ),
    (
        layout.production_does_not_know_the_lab,
        "templates/web/web.conf.j2",
        "# only in the lab\n",
        "templates/web/web.conf.j2:1 mentions the lab",
    ),
    (
        layout.modules_say_what_they_are,
        "facts/pages.py",
        "import json\n",
        "facts/pages.py should open with one sentence that names it and its job",
    ),
]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name, text in SOUND.items():
        _write(tmp_path / name, text)
    return tmp_path


@pytest.mark.parametrize("rule", layout.RULES, ids=lambda rule: rule.__name__)
def test_the_repository_keeps(rule: layout.Rule) -> None:
    problems = rule(ROOT)
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("rule", layout.RULES, ids=lambda rule: rule.__name__)
def test_a_sound_checkout_passes(rule: layout.Rule, checkout: Path) -> None:
    assert rule(checkout) == []


@pytest.mark.parametrize(("rule", "file", "text", "message"), BREAKS)
def test_a_broken_checkout_is_named(
    checkout: Path, rule: layout.Rule, file: str, text: str | None, message: str
) -> None:
    if text is None:
        (checkout / file).unlink()
    else:
        _write(checkout / file, text)
    assert message in rule(checkout)


def test_every_rule_has_a_broken_checkout() -> None:
    assert {rule for rule, *_ in BREAKS} == set(layout.RULES)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
