"""Sphinx's configuration of the site; ``docs/site/__main__.py`` runs it."""

from __future__ import annotations

from sphinx.application import Sphinx

from docs.site.console import Console
from docs.site.diagrams import Mermaid
from weather.contract.version import VERSION

project = "Rain forecast"
version = release = VERSION
language = "en"

extensions = ["myst_nb", "sphinx_copybutton"]
add_module_names = False  # headings have the module's name
smartquotes = False  # they would turn the -- of options into a dash

myst_enable_extensions = ["attrs_inline"]
myst_fence_as_directive = ["mermaid"]
myst_heading_anchors = 4
nb_execution_mode = "off"  # a test runs the notebook
nb_render_markdown_format = "myst"  # renders tables in outputs
nb_ipywidgets_js: dict[str, dict[str, str]] = {}  # which are loaded from another host

html_theme = "furo"
html_title = project
html_favicon = "../../weather/pages/static/icon.svg"
html_copy_source = False
html_show_copyright = False
html_static_path = ["_static"]
html_css_files = ["site.css"]

copybutton_exclude = ".linenos, .gp, .go"  # copy the commands of a session, not its prompts and output


def setup(app: Sphinx) -> None:
    """Register what Sphinx lacks: Mermaid diagrams, and shell sessions with commands of several lines."""
    app.add_directive("mermaid", Mermaid)
    app.add_lexer("console", Console)
