"""Operations that only a namespace publishes (``special.entr``), and that are loaded with it: ``import tensorflowlite_clone`` skips them.

Their names have a dot and stand, like all names, where the function is defined. Not here: what the top level or `Tensor` has, what
operations loaded earlier are made of.
"""
