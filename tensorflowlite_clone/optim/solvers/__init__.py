"""SciPy's solvers with nested unknowns, our derivatives, and results that are differentiable in the arguments of the problem.

Equations (``equations.py``), minima (``minimum.py``), fits (``fitting.py``), and what they share (``problem.py``). Not here: optimizers
of parameters that train step by step (``optim/``), the implicit function theorem (``func/implicitly.py``).
"""
