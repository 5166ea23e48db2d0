"""What stands behind a user's `Function`: a call's way through the transforms, its context, its node on the tape.

Read ``call.py`` first, then ``recording.py`` (reverse mode) with ``context.py`` and ``node.py``, then ``mapping.py`` (vmap) and
``recipe.py`` (contexts of an old-style forward under transforms). Not here: the class that users derive from (``autograd/function.py``),
the operations of this package (``core/``).
"""
