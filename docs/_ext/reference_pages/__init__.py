"""The pages of the reference before they are written: which there are, and what each says. No file here needs Sphinx.

``names.py``: the public objects and their names. ``parts.py``: what is said of one. ``families.py``: what is said of all of a kind.
``trying.py``: what examples show when they run.
"""
