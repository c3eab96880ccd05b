"""Tests of the model in artifacts/: its files, its behaviour, its answers as they are served.

They, and the tests of the figures in the documents, fail when another model is trained into artifacts/ that
answers otherwise; a failing one says what to do. No other test depends on artifacts/.
"""
