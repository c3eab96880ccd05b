"""The Python reference, a page per folder, from docstrings and annotations.

Docstrings are Markdown. The code is read by griffe, not imported: Sphinx's autodoc takes minutes for it,
reads docstrings as reStructuredText, and can't import what needs a model store.
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
        folders.update({f"{INDEX}/{folder.path}": page(folder) for folder in with_modules(module)})
    return {INDEX: f"{INTRO}\n{toctree(folders, maxdepth='1')}", **folders}


def with_modules(package: griffe.Module) -> Iterator[griffe.Module]:
    """The package and those within it."""
    yield package
    for module in by_name(package):
        if module.is_init_module:
            yield from with_modules(module)


def by_name(package: griffe.Module) -> list[griffe.Module]:
    """The modules of a package, sorted."""
    return sorted(package.modules.values(), key=lambda module: module.name)


def page(package: griffe.Module) -> str:
    """A folder: its own docstring, and a section per module."""
    parts = [f"# {package.path}", module_directive(package), *body(package)]
    for module in by_name(package):
        if not module.is_init_module:
            parts += [f"## {module.name}", module_directive(module), *body(module)]
    return "\n\n".join(parts) + "\n"


def module_directive(module: griffe.Module) -> str:
    """What follows belongs to the module, for the index and for search."""
    return f"```{{py:module}} {module.path}\n```"


def body(owner: griffe.Module | griffe.Class) -> Iterator[str]:
    """The docstring, then what is public in a module or a class, in the order of the code."""
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
    """Whether a member belongs to the reference: no underscore, and attributes with a docstring only."""
    if member.name.startswith("_") or isinstance(member, griffe.Attribute):
        return member.docstring is not None and (member.is_special or not member.name.startswith("_"))
    return True


def signature(callable_: griffe.Function | griffe.Class) -> str:
    """The parameters in parentheses; nothing for a class of which they are unknown."""
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
    """An annotation with the whole names of types, since several modules have a class of the same name.

    Sphinx links a name that it knows, and shows the last part of a name after ``~``.
    """
    if isinstance(expression, griffe.ExprName | griffe.ExprAttribute):
        return f"~{path}" if "." in (path := expression.canonical_path) else path
    if isinstance(expression, griffe.Expr):
        return "".join(map(qualified, expression.iterate(flat=False)))
    return expression


def value(attribute: griffe.Attribute) -> dict[str, str]:
    """Type and value of an attribute, if they are short."""
    options = {}
    if attribute.annotation is not None:
        options["type"] = qualified(attribute.annotation)
    if attribute.value is not None and len(str(attribute.value)) <= MAX_VALUE:
        options["value"] = str(attribute.value)
    return options


def docstring(owner: griffe.Object) -> Iterator[str]:
    """The parts of a docstring as Markdown."""
    for section in owner.docstring.parsed if owner.docstring else ():
        match section:
            case griffe.DocstringSectionText():
                # The links are those of a table in docs/.
                yield LINK.sub(lambda link: f"../{link[0]}" if link[2] else link[0], section.value)
            case griffe.DocstringSectionRaises():
                raised = [f"- `{error.annotation}`: {indented(error.description)}" for error in section.value]
                yield "\n".join(["Raises:", "", *raised])
            case _:
                raise ValueError(f"{owner.path}: nothing renders a section of {section.kind.value}")


def indented(text: str) -> str:
    """The text of an item of a list."""
    return textwrap.indent(text, "  ").strip()


def directive(kind: str, argument: str, options: dict[str, str], content: Iterator[str]) -> str:
    """A directive of Sphinx's Python domain, with a fence longer than any within it."""
    text = "\n\n".join(content)
    fence = "`" * max([3, *(len(inner) + 1 for inner in re.findall(r"^`{3,}", text, re.MULTILINE))])
    lines = [f":{name}: {json.dumps(option) if option else ''}".rstrip() for name, option in options.items()]
    return "\n".join([f"{fence}{{py:{kind}}} {argument}", *lines, "", text, fence])
