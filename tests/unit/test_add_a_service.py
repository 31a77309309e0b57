"""docs/add-a-service.md: the service that it adds, and all that follows from its two pieces."""

from __future__ import annotations

import re
import shutil
from collections.abc import Generator
from pathlib import Path
from typing import ClassVar

import pytest

from deploys import rendering
from deploys.declarations import Port, Route
from deploys.nginx import Nginx
from deploys.nginx_files import configuration
from deploys.nginx_upstreams import upstreams
from deploys.settings import Settings
from deploys.topology import Machine, Topology

DOCUMENT = (Path(__file__).parents[2] / "docs" / "add-a-service.md").read_text(encoding="utf-8")
ADDED = "\n".join(re.findall(r"^\+(?!\+\+)(.*)$", DOCUMENT, re.MULTILINE))


class Notes(Settings):
    """The service of the document, on a host that runs it already."""

    role: ClassVar[str] = "notes"
    port: int = 7000

    def ports(self) -> tuple[Port, ...]:
        return (Port(self.port, "notes", ("nginx",)),)

    def route(self) -> Route:
        return Route(self.port, "Notes", health="/healthz", page="/notes/")


@pytest.fixture
def template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[None]:
    """The document's template beside the real ones."""
    templates = tmp_path / "templates"
    shutil.copytree(rendering.TEMPLATES, templates)
    _, _, text = ADDED.partition("# Managed")
    (templates / "nginx" / "routes" / "notes.conf.j2").write_text(f"# Managed{text}\n")
    monkeypatch.setattr(rendering, "TEMPLATES", templates)
    rendering._environment.cache_clear()
    yield
    rendering._environment.cache_clear()


@pytest.fixture
def files(template: None) -> dict[str, str]:
    held = {"domain": "example.home.arpa"}
    machines = (
        Machine("door", "192.0.2.9", ("nginx",), {"nginx": Nginx()}, held),
        Machine("desk", "192.0.2.7", ("notes",), {"notes": Notes()}, held),
    )
    found = upstreams(Topology(machines, ()))
    rendered = configuration(Nginx(), machines[0], found, (1, 26, 3))
    return {file.path.removeprefix("/etc/nginx/"): file.content.decode() for file in rendered}


def test_the_document_adds_what_is_tested_here() -> None:
    route = 'return Route(self.port, "Notes", health="/healthz", page="/notes/")'
    assert route in ADDED
    assert 'return (Port(self.port, "notes", ("nginx",)),)' in ADDED


def test_its_paths_are_passed_on_to_its_address(files: dict[str, str]) -> None:
    assert "location /notes/ {" in files["routes/notes.conf"]
    assert re.search(r"upstream notes \{\s+server 192\.0\.2\.7:7000;\s+\}", files["nginx.conf"])
    assert "include routes/notes.conf;" in files["nginx.conf"]


def test_the_status_page_shows_it_and_asks_for_its_health(files: dict[str, str]) -> None:
    assert '<a href="/notes/">Notes</a>' in files["status/index.html"]
    assert "<code>/notes/</code> on desk" in files["status/index.html"]
    assert '<!--# include virtual="/status/notes" -->' in files["status/index.html"]
    assert "proxy_pass http://notes/healthz;" in files["nginx.conf"]


def test_it_is_named_in_the_log_and_where_it_is_gone(files: dict[str, str]) -> None:
    assert "set $route notes;" in files["passed_on/notes.conf"]
    assert 'notes "Notes";' in files["nginx.conf"]
    assert "error_page 502 504 = @page_unavailable;" in files["passed_on/notes.conf"]
