"""Listings: the source text of functions, where it is certain to be the text of the code that runs."""

from __future__ import annotations

import ast
import functools
import linecache
import types
import warnings
from collections.abc import Iterator


def text(code: types.CodeType) -> str | None:
    """Normalised source of a function, without comments and docstrings; None where the file holds other code."""
    try:
        linecache.checkcache(code.co_filename)
        source = "".join(linecache.getlines(code.co_filename))
        with warnings.catch_warnings(action="ignore"):
            functions = _functions(source, code.co_filename) if source else {}
    except (OSError, SyntaxError, ValueError, RecursionError):
        return None
    same = functions.get((code.co_firstlineno, code.co_name), [])
    return same[0][1] if len(same) == 1 and same[0][0] == code.co_code else None


@functools.lru_cache(maxsize=16)
def _functions(source: str, file: str) -> dict[tuple[int, str], list[tuple[bytes, str]]]:
    """(first line, name) -> (bytecode, text) of every function of a module; several lambdas may share a line."""
    tree, functions = ast.parse(source), {}
    texts: dict[tuple[int, str], list[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            first = min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", []))])
            texts.setdefault((first, getattr(node, "name", "<lambda>")), []).append(
                ast.unparse(_without_docstrings(node))
            )
    for code in _inner(compile(source, file, "exec", dont_inherit=True)):
        place = (code.co_firstlineno, code.co_name)
        if len(texts.get(place, [])) == 1:
            functions.setdefault(place, []).append((code.co_code, texts[place][0]))
    return functions


def _inner(code: types.CodeType) -> Iterator[types.CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield constant
            yield from _inner(constant)


def _without_docstrings(node: ast.AST) -> ast.AST:
    """The tree without docstrings; a body that consists of a docstring alone becomes `pass`."""
    for inner in ast.walk(node):
        body = getattr(inner, "body", None)
        if (
            isinstance(inner, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))
            and isinstance(body[0], ast.Expr)
            and isinstance(body[0].value, ast.Constant)
            and isinstance(body[0].value.value, str)
        ):
            inner.body = body[1:] or [ast.Pass()]
    return node
