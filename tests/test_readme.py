"""What the README promises is there."""

import ast
import itertools
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text()


def folders():
    """Folders of the map, with {a,b} written out."""
    for cell in re.findall(r"^\| `([^`]+)` \|", TEXT, re.M):
        parts = [part.split(",") for part in re.split(r"[{}]", cell)]
        yield from map("".join, itertools.product(*parts))


@pytest.mark.parametrize("folder", list(folders()))
def test_folder_of_the_map_exists(folder):
    assert (ROOT / folder).is_dir()


@pytest.mark.parametrize("link", re.findall(r"\]\((?!http)([^)]+)\)", TEXT))
def test_link_leads_somewhere(link):
    assert (ROOT / link).exists()


@pytest.mark.parametrize("target", re.findall(r"^make (\w+)", TEXT, re.M))
def test_target_exists(target):
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.M)


def test_program_is_ten_lines_that_import():
    (program,) = re.findall(r"```python\n(.*?)```", TEXT, re.S)
    tree = ast.parse(program)
    assert len(program.strip().splitlines()) <= 11
    imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    exec(compile(ast.Module(imports, []), "README.md", "exec"), {})
