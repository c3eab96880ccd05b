"""BentoML's side of the service: its configuration, app, batching queue, request and response bodies.

``app.py``, ``queue.py`` and ``traffic.py`` hold everything that depends on BentoML's private modules,
of the version pinned in ``pyproject.toml``. They subclass; nothing in BentoML is patched. The tests of
the same names fail when an upgrade changes what is relied on.
"""
