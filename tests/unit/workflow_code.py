"""Workflow code: the functions of workflows/code, called in one process of Node.js with JSON."""

from __future__ import annotations

import atexit
import json
import shutil
import subprocess
from functools import cache
from typing import Any

import pytest

from workflows.nodes import CODE, LIBRARY

_SERVER = """
const vm = require('node:vm');
const contexts = {};
require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
  const [source, name, args] = JSON.parse(line);
  if (!contexts[source]) {
    contexts[source] = vm.createContext({ Buffer });
    vm.runInContext(source, contexts[source]);
  }
  let said;
  try {
    const value = vm.runInContext(name, contexts[source])(...args);
    said = { value: value === undefined ? null : value };
  } catch (error) {
    said = { error: String(error.stack) };
  }
  process.stdout.write(JSON.stringify(said) + '\\n');
});
"""


@cache
def _node() -> subprocess.Popen[str]:
    node = subprocess.Popen(
        ["node", "--eval", _SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    atexit.register(node.communicate)
    return node


def called(library: str, function: str, *args: Any) -> Any:
    """What `function` of code/<library> makes of `args`; skips where there is no Node.js."""
    if shutil.which("node") is None:
        pytest.skip("needs Node.js; tests/lab/test_notes.py asks n8n itself")
    libraries = dict.fromkeys([*LIBRARY, library])
    source = "\n".join((CODE / name).read_text(encoding="utf-8") for name in libraries)
    node = _node()
    assert node.stdin
    assert node.stdout
    node.stdin.write(json.dumps([source, function, args]) + "\n")
    node.stdin.flush()
    said = json.loads(node.stdout.readline())
    assert "error" not in said, said["error"]
    return said["value"]
