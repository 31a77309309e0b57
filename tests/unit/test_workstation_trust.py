"""Workstation: where the browsers of its person find the internal CA."""

from __future__ import annotations

import json
from dataclasses import replace

from deploys.workstation import steps
from deploys.workstation_desk import Desk
from tests.unit.sample_desk import *  # noqa: F403  (its fixture)
from tests.unit.sample_desk import contents


def test_firefox_installs_the_ca_from_where_a_snap_may_read(desk: Desk) -> None:
    policy = json.loads(contents(desk)["/etc/firefox/policies/policies.json"])
    (path,) = policy["policies"]["Certificates"]["Install"]
    assert path == "/etc/firefox/policies/ai-idp.crt"
    assert contents(desk)[path].encode() == desk.authority


def test_whoever_keeps_their_own_policies_has_the_ca_where_firefox_may_read(desk: Desk) -> None:
    found = contents(replace(desk, firefox=False))
    (path,) = (path for path in found if path.startswith("/etc/firefox"))
    assert found[path].encode() == desk.authority
    assert f'Certificates: {{"Install": ["{path}"]}}' in steps(desk).validate


def test_another_ca_changes_files_that_a_plan_names(desk: Desk) -> None:
    before, after = contents(desk), contents(replace(desk, authority=b"other\n"))
    assert {path for path in before if before[path] != after[path]} == {
        "/etc/ai-idp/workstation/ca.crt",
        "/etc/firefox/policies/ai-idp.crt",
    }
    assert "browser_trust.py install /etc/ai-idp/workstation/ca.crt" in steps(desk).activate
