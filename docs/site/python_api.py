"""The Python reference, a page for each folder, from docstrings and annotations.

Docstrings are Markdown. griffe reads the code without importing it. Sphinx's autodoc would take minutes, read
docstrings as reStructuredText, and fail to import the modules that need a model store.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator

import griffe

from docs.site.links import LINK, PROJECT
from docs.site.sources import toctree

PACKAGES = {"weather": "the forecast service, and its offline side", "stations": "the second service"}
INDEX = "python-api"
MAX_VALUE = 60
STARS = {griffe.ParameterKind.var_positional: "*", griffe.ParameterKind.var_keyword: "**"}

INTRO = """# Python API

The modules of both services, by folder. [The architecture](architecture.md) says which folder may import
which. The API for programs is [HTTP](http-api.md); what is listed here may change with each release.
"""


def pages() -> dict[str, str]:
    """The text of each page, by name."""
    folders = {}
    for package in PACKAGES:
        module = griffe.load(
            package, search_paths=[PROJECT], docstring_parser="google", allow_inspection=False
        )
        assert isinstance(module, griffe.Module)
        folders.update({f"{INDEX}/{folder.path}": page(folder) for folder in packages(module)})
    return {INDEX: f"{INTRO}\n{toctree(folders, maxdepth='1')}", **folders}


def packages(package: griffe.Module) -> Iterator[griffe.Module]:
    """The package and the packages within it."""
    yield package
    for module in by_name(package):
        if module.is_init_module:
            yield from packages(module)


def by_name(package: griffe.Module) -> list[griffe.Module]:
    """The modules of a package, sorted."""
    return sorted(package.modules.values(), key=lambda module: module.name)


def page(package: griffe.Module) -> str:
    """The page of a folder: the package's docstring, and a section for each module."""
    parts = [f"# {package.path}", module_directive(package), *body(package)]
    for module in by_name(package):
        if not module.is_init_module:
            parts += [f"## {module.name}", module_directive(module), *body(module)]
    return "\n\n".join(parts) + "\n"


def module_directive(module: griffe.Module) -> str:
    """The directive that assigns what follows to the module, for the index and for search."""
    return f"```{{py:module}} {module.path}\n```"


def body(owner: griffe.Module | griffe.Class) -> Iterator[str]:
    """The docstring, then the public members of a module or a class, in the order of the code."""
    yield from docstring(owner)
    in_class = isinstance(owner, griffe.Class)
    for member in owner.members.values():
        if member.is_alias or not public(member):
            continue
        if isinstance(member, griffe.Class):
            yield directive("class", member.name + signature(member), {}, body(member))
        elif isinstance(member, griffe.Function):
            options = dict.fromkeys(sorted(member.labels & {"async", "classmethod", "staticmethod"}), "")
            kind = "method" if in_class else "function"
            returned = f" -> {qualified(member.returns)}" if member.returns else ""
            yield directive(kind, f"{member.name}{signature(member)}{returned}", options, docstring(member))
        elif isinstance(member, griffe.Attribute):
            kind = "property" if "property" in member.labels else "attribute" if in_class else "data"
            yield directive(kind, member.name, value(member), docstring(member))


def public(member: griffe.Object | griffe.Alias) -> bool:
    """Whether a member is in the reference: no underscore in front, and for an attribute a docstring."""
    if member.name.startswith("_") or isinstance(member, griffe.Attribute):
        return member.docstring is not None and (member.is_special or not member.name.startswith("_"))
    return True


def signature(callable_: griffe.Function | griffe.Class) -> str:
    """The parameters in parentheses; empty for a class whose parameters are unknown."""
    parts, separated = [], False
    for parameter in callable_.parameters:
        if parameter.name in ("self", "cls"):
            continue
        if parameter.kind is griffe.ParameterKind.keyword_only and not separated:
            parts.append("*")
        separated |= parameter.kind in (
            griffe.ParameterKind.keyword_only,
            griffe.ParameterKind.var_positional,
        )
        text = STARS.get(parameter.kind, "") + parameter.name
        if parameter.annotation is not None:
            text += f": {qualified(parameter.annotation)}"
        if parameter.default is not None and parameter.kind not in STARS:
            text += f" = {parameter.default}"
        parts.append(text)
    return f"({', '.join(parts)})" if parts or isinstance(callable_, griffe.Function) else ""


def qualified(expression: griffe.Expr | str) -> str:
    """An annotation with the full names of types, because several modules have classes of the same name.

    Sphinx links the names that it knows. After ``~`` it shows the last part of a name only.
    """
    if isinstance(expression, griffe.ExprName | griffe.ExprAttribute):
        return f"~{path}" if "." in (path := expression.canonical_path) else path
    if isinstance(expression, griffe.Expr):
        return "".join(map(qualified, expression.iterate(flat=False)))
    return expression


def value(attribute: griffe.Attribute) -> dict[str, str]:
    """The type of an attribute, and its value if that is short, as options of a directive."""
    options = {}
    if attribute.annotation is not None:
        options["type"] = qualified(attribute.annotation)
    if attribute.value is not None and len(str(attribute.value)) <= MAX_VALUE:
        options["value"] = str(attribute.value)
    return options


def docstring(owner: griffe.Object) -> Iterator[str]:
    """The sections of a docstring as Markdown.

    Raises:
        ValueError: a section is neither text nor ``Raises``.
    """
    for section in owner.docstring.parsed if owner.docstring else ():
        match section:
            case griffe.DocstringSectionText():
                # A docstring's links are relative to docs/, and these pages are one folder below.
                yield LINK.sub(lambda link: f"../{link[0]}" if link[2] else link[0], section.value)
            case griffe.DocstringSectionRaises():
                raised = [f"- `{error.annotation}`: {indented(error.description)}" for error in section.value]
                yield "\n".join(["Raises:", "", *raised])
            case _:
                raise ValueError(f"{owner.path}: nothing renders a section of {section.kind.value}")


def indented(text: str) -> str:
    """Text as the content of a list item."""
    return textwrap.indent(text, "  ").strip()


def directive(kind: str, argument: str, options: dict[str, str], content: Iterator[str]) -> str:
    """A directive of Sphinx's Python domain; its fence is longer than those in its content."""
    text = "\n\n".join(content)
    fence = "`" * max([3, *(len(inner) + 1 for inner in re.findall(r"^`{3,}", text, re.MULTILINE))])
    lines = [f":{name}: {json.dumps(option) if option else ''}".rstrip() for name, option in options.items()]
    return "\n".join([f"{fence}{{py:{kind}}} {argument}", *lines, "", text, fence])
