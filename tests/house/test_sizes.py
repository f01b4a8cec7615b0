"""A reader never scrolls far: modules and functions stay small, here as in the tests."""

import ast

import pytest
from tree import modules, name_of, source, syntax

LONGEST_MODULE = 500
LONGEST_FUNCTION = 70


def test_no_module_is_longer_than_five_hundred_lines():
    long = {name_of(p): n for p in modules() if (n := len(source(p).splitlines())) > LONGEST_MODULE}
    assert long == {}


def test_no_function_is_longer_than_seventy_lines():
    long = {}
    for path in modules():
        for node in ast.walk(syntax(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > LONGEST_FUNCTION:
                    long[f"{name_of(path)}:{node.name}"] = length
    assert long == {}


FORBIDDEN = {"utils", "util", "helpers", "helper", "common", "base", "manager", "misc"}


@pytest.mark.parametrize("folder", ["broker", "adapters", "tests"])
def test_a_module_is_named_after_what_it_answers(folder):
    vague = [name_of(p) for p in modules(folder) if {p.stem, *p.parent.parts[-1:]} & FORBIDDEN]
    assert vague == []


def test_every_module_of_the_product_opens_with_what_it_is_for():
    silent = [
        name_of(p) for p in modules("broker", "adapters") if source(p) and not ast.get_docstring(syntax(p))
    ]
    assert silent == []
