"""Mermaid diagrams, drawn as pictures when the site is built, so that pages need no script for them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import mermaidx
from docutils import nodes
from sphinx.util.docutils import SphinxDirective


class Mermaid(SphinxDirective):
    """Directive ``mermaid``: draws its content as an SVG picture."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        """The picture; its file is named by the hash of the diagram."""
        source = "\n".join(self.content)
        name = f"files/diagrams/{hashlib.sha256(source.encode()).hexdigest()[:16]}.svg"
        path = Path(self.env.srcdir) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(mermaidx.render(source).svg())
        image = nodes.image(uri=f"/{name}", alt=source, classes=["diagram"])
        self.set_source_info(image)
        return [image]
