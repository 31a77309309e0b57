"""The layout's rules that a machine can keep; each takes a checkout and names what is amiss."""

from __future__ import annotations

import ast
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from pkgutil import iter_modules

import pyinfra.facts
import pyinfra.operations

Rule = Callable[[Path], list[str]]

# From the first that nothing may be imported by, to the last that imports them all.
ARROW = ("facts", "operations", "deploys", "group_data", "inventory", "deploy")
NOT_PRODUCTION = {"tests", "lab", "docs", "benchmarks"}
VAGUE = {"utils", "util", "helpers", "helper", "common", "misc"}
WITHOUT_COMMENTS = {".json"}
EXTENDED = {"stack"}
"""Folders of templates/ that other templates extend: nothing is made from them alone."""


def roles(root: Path) -> list[str]:
    """The groups of inventory.py: the names of its public lists but `all`."""
    targets = [
        target.id
        for statement in _parsed(root / "inventory.py").body
        if isinstance(statement, ast.Assign)
        for target in statement.targets
        if isinstance(target, ast.Name)
    ]
    return [name for name in targets if name != "all" and not name.startswith("_")]


def production_files(root: Path) -> list[Path]:
    """What a rollout is made of: code, templates and verbatim files, in no hidden folder."""
    top = [path for path in root.iterdir() if path.name not in NOT_PRODUCTION]
    visible = [path for path in top if not path.name.startswith((".", "__"))]
    folders = [path for path in visible if path.is_dir()]
    files = [path for path in visible if path.suffix == ".py"]
    files += [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return sorted(path for path in files if "__pycache__" not in path.parts)


def every_role_has_its_pieces(root: Path) -> list[str]:
    pieces = ("deploys/{}.py", "group_data/{}.py", "tests/verify/test_{}.py")
    wanted = [piece.format(role) for role in roles(root) for piece in pieces]
    return [f"{piece} is missing" for piece in wanted if not (root / piece).exists()]


def every_piece_has_its_role(root: Path) -> list[str]:
    known = roles(root)
    found = [path for path in (root / "deploys").glob("*.py") if "install" in _functions(path)]
    found += [path for path in (root / "group_data").glob("*.py") if path.stem != "all"]
    return [
        f"{path.relative_to(root)}: inventory.py has no role {path.stem}"
        for path in sorted(found)
        if path.stem not in known
    ]


def role_modules_have_settings_and_install(root: Path) -> list[str]:
    problems = []
    for role, path in _existing(root, "deploys/{}.py"):
        if "install" not in _functions(path):
            problems.append(f"deploys/{role}.py has no install()")
        if not re.search(rf'^    role(: [^=]+)? = "{role}"$', path.read_text(), re.MULTILINE):
            problems.append(f'deploys/{role}.py has no settings class with role = "{role}"')
    return problems


def group_data_sets_one_variable(root: Path) -> list[str]:
    return [
        f"group_data/{role}.py should set `{role}` and nothing else"
        for role, path in _existing(root, "group_data/{}.py")
        if _assigned(path) != [role]
    ]


def deploy_says_each_role_once(root: Path) -> list[str]:
    """pyinfra identifies an operation by its line numbers: one line for each role (issue 1370)."""
    deploy = root / "deploy.py"
    if not deploy.exists():
        return ["deploy.py is missing"]
    lines = [line.strip() for line in deploy.read_text().splitlines()]
    return [
        f"deploy.py should say `{role}.install()` once, on a line of its own"
        for role in roles(root)
        if lines.count(f"{role}.install()") != 1
        or sum(f"{role}.install" in re.findall(r"[\w.]+", line) for line in lines) != 1
    ]


def deploy_has_no_loop(root: Path) -> list[str]:
    deploy = root / "deploy.py"
    loops = (ast.For, ast.While, ast.comprehension)
    nodes = ast.walk(_parsed(deploy)) if deploy.exists() else iter(())
    looping = any(isinstance(node, loops) for node in nodes)
    return ["deploy.py loops; say each role on a line of its own"] if looping else []


def nothing_reads_host_at_import(root: Path) -> list[str]:
    """Modules are imported once for all hosts: each would get the first one's value."""
    return [
        f"{path.relative_to(root)}:{line} reads `host` at import time"
        for folder in ("deploys", "operations", "facts", "group_data")
        for path in _python(root / folder)
        for line in _lines_reading_host(_parsed(path))
    ]


def operations_announce_before_they_act(root: Path) -> list[str]:
    """A plan ends at an operation's first command: what is announced in a later turn is lost."""
    loops = (ast.For, ast.While)
    return [
        f"{path.relative_to(root)}:{loop.lineno} announces and yields in one loop"
        for path in _python(root / "operations")
        for loop in ast.walk(_parsed(path))
        if isinstance(loop, loops)
        if any(isinstance(node, ast.Yield | ast.YieldFrom) for node in ast.walk(loop))
        if not {"announce", "land"}.isdisjoint(_called(loop))
    ]


def _called(node: ast.AST) -> set[str]:
    """The last words of everything that is called below `node`."""
    called = (call.func for call in ast.walk(node) if isinstance(call, ast.Call))
    return {getattr(name, "attr", getattr(name, "id", "")) for name in called}


def _lines_reading_host(node: ast.AST) -> Iterator[int]:
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        if node.value.id == "host":
            yield node.lineno
        return
    inside_function = {"body"} if isinstance(node, ast.FunctionDef | ast.Lambda) else set()
    for name, value in ast.iter_fields(node):
        if name not in inside_function:
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST):
                    yield from _lines_reading_host(child)


def no_module_has_a_taken_or_vague_name(root: Path) -> list[str]:
    """The standard library comes first on the path; pyinfra's own names would mislead."""
    top = [
        path for path in root.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()
    ]
    taken = _named(top, sys.stdlib_module_names)
    taken += _named(_python(root / "operations"), _modules(pyinfra.operations.__path__))
    taken += _named(_python(root / "facts"), _modules(pyinfra.facts.__path__))
    vague = [path for path in production_files(root) if path.stem in VAGUE]
    return [f"{path.relative_to(root)}: that module name is taken" for path in taken] + [
        f"{path.relative_to(root)}: `{path.stem}` says nothing of what it holds" for path in vague
    ]


def templates_say_where_they_come_from(root: Path) -> list[str]:
    return [
        f"{name} should begin with a comment: {header}"
        for path in sorted((root / "templates").rglob("*.j2"))
        for name in [path.relative_to(root).as_posix()]
        for header in [f"Managed by ai-idp from {name}; changes here are lost."]
        if Path(path.stem).suffix not in WITHOUT_COMMENTS and path.parent.name not in EXTENDED
        if not _begins_with(path, header)
    ]


def _begins_with(path: Path, header: str) -> bool:
    first = [line for line in path.read_text().splitlines() if not line.startswith("#!")][:1]
    return any(
        re.fullmatch(r"(#|//|;|/\*|<!--) " + re.escape(header) + ".*", line) for line in first
    )


def imports_follow_the_arrow(root: Path) -> list[str]:
    return [
        f"{path.relative_to(root)} imports {imported}: {layer} comes before it"
        for position, layer in enumerate(ARROW)
        for path in (_python(root / layer) or [root / f"{layer}.py"])
        if path.exists()
        for imported in _imported(path)
        if imported.partition(".")[0] in ARROW[position + 1 :]
    ]


def production_imports_no_test(root: Path) -> list[str]:
    return [
        f"{path.relative_to(root)} imports {imported}"
        for path in production_files(root)
        if path.suffix == ".py"
        for imported in _imported(path)
        if imported.partition(".")[0] in NOT_PRODUCTION
    ]


def production_does_not_know_the_lab(root: Path) -> list[str]:
    return [
        f"{path.relative_to(root)}:{number} mentions the lab"
        for path in production_files(root)
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), start=1)
        if re.search(r"\blab\b", line, re.IGNORECASE)
    ]


def modules_say_what_they_are(root: Path) -> list[str]:
    return [
        f"{path.relative_to(root)} should open with one sentence that names it and its job"
        for path in production_files(root)
        if path.suffix == ".py" and path.read_text().strip()
        if not (ast.get_docstring(_parsed(path)) or "").partition("\n")[0].endswith(".")
    ]


RULES: tuple[Rule, ...] = (
    every_role_has_its_pieces,
    every_piece_has_its_role,
    role_modules_have_settings_and_install,
    group_data_sets_one_variable,
    deploy_says_each_role_once,
    deploy_has_no_loop,
    nothing_reads_host_at_import,
    no_module_has_a_taken_or_vague_name,
    templates_say_where_they_come_from,
    operations_announce_before_they_act,
    imports_follow_the_arrow,
    production_imports_no_test,
    production_does_not_know_the_lab,
    modules_say_what_they_are,
)


def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def _python(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


def _existing(root: Path, piece: str) -> Iterator[tuple[str, Path]]:
    named = ((role, root / piece.format(role)) for role in roles(root))
    return ((role, path) for role, path in named if path.exists())


def _functions(path: Path) -> set[str]:
    body = _parsed(path).body
    return {statement.name for statement in body if isinstance(statement, ast.FunctionDef)}


def _assigned(path: Path) -> list[str]:
    kept = [
        node for node in _parsed(path).body if not isinstance(node, ast.Import | ast.ImportFrom)
    ]
    names = [_target(node) for node in kept if not _is_docstring(node)]
    return list(Counter(names))


def _target(node: ast.stmt) -> str:
    is_one = isinstance(node, ast.Assign) and len(node.targets) == 1
    return ast.unparse(node.targets[0]) if is_one and isinstance(node, ast.Assign) else ""


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(_parsed(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def _modules(path: Iterable[str]) -> set[str]:
    return {module.name for module in iter_modules(path)}


def _named(paths: Iterable[Path], names: Iterable[str]) -> list[Path]:
    return sorted(path for path in paths if path.stem in set(names))
