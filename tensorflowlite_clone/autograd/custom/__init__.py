"""What stands behind a user's `Function`: a call's way through the transforms, its context, its node on the tape.

Here, from the bottom: ``context.py``, ``recipe.py`` (the context of an old-style forward under transforms), ``call.py``,
``following.py`` (what a transform would lose), ``node.py``; ``recording.py`` (reverse mode) and ``mapping.py`` (vmap);
``application.py``, which puts them in order and is to be read first.
Not here: the class that users derive from (``autograd/function.py``), the operations of this package (``core/``).
"""
