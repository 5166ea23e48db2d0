"""Calls whose answers have no derivative; those that write into their first operand; what is not dispatched at all."""

import numpy as np
from samples import distinct

from . import MASK, NAN, PLACES, SORTED, M, V, cases, since

#: Calls whose answers have no derivative; they are compared with NumPy's.
INTEGERS = np.array([[3, 0, 1, 2], [1, 1, 2, 0], [2, 3, 3, 1]])
CONSTANT = [
    *cases("shape", (np.shape, M)),
    *cases("ndim", (np.ndim, M)),
    *cases("size", (np.size, M), (lambda x: np.size(x, 1), M), *since("2.4.0", (lambda x: np.size(x, (0, 1)), M))),
    *cases("argmax", (np.argmax, M), (lambda x: np.argmax(x, axis=1, keepdims=True), M)),
    *cases("argmin", (lambda x: np.argmin(x, 0), M)),
    *cases("nanargmax", (np.nanargmax, NAN), (lambda x: np.nanargmax(x, axis=1), NAN)),
    *cases("nanargmin", (lambda x: np.nanargmin(x, axis=0, keepdims=True), NAN)),
    *cases("argsort", (np.argsort, M), (lambda x: np.argsort(x, axis=None), M)),
    *cases("argpartition", (lambda x: np.take_along_axis(x, np.argpartition(x, 2), -1)[:, 2] * 0, M)),
    *cases("unique", (lambda x: np.unique(np.sign(x), return_index=True, return_inverse=True, return_counts=True)[1:], M)),
    *cases("intersect1d", (lambda x: np.intersect1d(x, np.ravel(x)[::-2], return_indices=True)[1:], M)),
    *cases("lexsort", (lambda x: np.lexsort((x[0], x[1])), INTEGERS), (np.lexsort, INTEGERS)),
    *cases("searchsorted", (lambda x: np.searchsorted(SORTED, x), M), (lambda x: np.searchsorted(x, [0.0, 0.3], side="right"), SORTED)),
    *cases("digitize", (lambda x: np.digitize(x, SORTED), M), (lambda x: np.digitize(x, SORTED[::-1], right=True), M)),
    *cases("any", (np.any, INTEGERS), (lambda x: np.any(x > 2, axis=0, where=MASK), INTEGERS)),
    *cases("all", (lambda x: np.all(x, 1, keepdims=True), INTEGERS), (lambda x: np.all(x, axis=0, where=MASK), INTEGERS)),
    *cases("count_nonzero", (np.count_nonzero, INTEGERS), (lambda x: np.count_nonzero(x, axis=0, keepdims=True), INTEGERS)),
    *cases("isclose", (lambda x: np.isclose(x, M + 1e-9), M)),
    *cases("allclose", (lambda x: np.allclose(x, M), M)),
    *cases("array_equal", (lambda x: np.array_equal(x, M), M)),
    *cases("array_equiv", (lambda x: np.array_equiv(x, M), M)),
    *cases("isin", (lambda x: np.isin(x, [1, 2]), INTEGERS)),
    *cases("isposinf", (np.isposinf, M)),
    *cases("isneginf", (np.isneginf, M)),
    *cases("isreal", (np.isreal, M)),
    *cases("iscomplex", (np.iscomplex, M)),
    *cases("iscomplexobj", (np.iscomplexobj, M)),
    *cases("isrealobj", (np.isrealobj, M)),
    *cases("zeros_like", (np.zeros_like, M)),
    *cases("ones_like", (lambda x: np.ones_like(x, dtype=int, shape=(2,)), M)),
    *cases("empty_like", (lambda x: np.empty_like(x) * 0 == 0, M)),
    *cases("result_type", (lambda x: np.result_type(x, np.float32), M)),
    *cases("can_cast", (lambda x: np.can_cast(x.dtype, np.float32), M)),
    *cases("common_type", (np.common_type, M)),
    *cases("min_scalar_type", (np.min_scalar_type, M)),
    *cases("shares_memory", (lambda x: np.shares_memory(x, x), M)),
    *cases("may_share_memory", (lambda x: np.may_share_memory(x, M.copy()), M)),
    *cases("einsum_path", (lambda x: np.einsum_path("ij,jk->ik", x, np.ones((4, 2)))[0], M)),
    *cases("diag_indices_from", (np.diag_indices_from, distinct(3, 3))),
    *cases("tril_indices_from", (lambda x: np.tril_indices_from(x, -1), M)),
    *cases("triu_indices_from", (lambda x: np.triu_indices_from(x, 1), M)),
    *cases("nonzero", (np.nonzero, INTEGERS)),
    *cases("flatnonzero", (np.flatnonzero, INTEGERS)),
    *cases("argwhere", (np.argwhere, INTEGERS)),
    *cases("array2string", (np.array2string, M)),
    *cases("array_str", (np.array_str, M)),
    *cases(
        "ravel_multi_index",
        (lambda i: np.ravel_multi_index(i, (4, 5, 6)), INTEGERS),
        (lambda i: np.ravel_multi_index(list(i), (4, 2, 6), mode=("raise", "wrap", "clip"), order="F"), INTEGERS),
    ),
    *cases(
        "unravel_index", (lambda i: np.unravel_index(i, (3, 4)), INTEGERS), (lambda i: np.unravel_index(i, (3, 4), order="F"), INTEGERS)
    ),
    *cases("ix_", (lambda i: np.ix_(i, [True, False, True]), INTEGERS[0])),
    *cases("bincount", (np.bincount, INTEGERS[0])),
    *cases(
        "histogram",
        (lambda x: np.histogram(x, bins=4), M),
        (lambda x: np.histogram(x, bins="auto"), V),
        *((lambda x, bins=bins: np.histogram(x, bins, range=(-0.2, 0.3)), M) for bins in (1, 3)),
        (lambda x: np.histogram(x, bins=[-0.2, 0.1, 0.3]), M),
    ),
    *cases("nancumsum", (np.nancumsum, INTEGERS)),
    *cases("sum", (lambda x: np.sum(x, axis=0, initial=3), INTEGERS)),
    *cases("max", (lambda x: np.max(x, where=MASK, initial=-1), INTEGERS)),
]

#: Calls that write into their first operand, a copy of the second element; the third is the call.
WRITES = [
    ("copyto", M, lambda x: np.copyto(x, 2.0)),
    ("copyto", M, lambda x: np.copyto(x, np.arange(4.0), where=MASK)),
    ("fill_diagonal", M, lambda x: np.fill_diagonal(x, [1.0, 2.0])),
    ("fill_diagonal", distinct(7, 3), lambda x: np.fill_diagonal(x, 0.5, wrap=True)),
    ("put", M, lambda x: np.put(x, [0, 5, -1], [1.0, 2.0])),
    ("place", M, lambda x: np.place(x, MASK, [1.0, 2.0, 3.0])),
    ("putmask", M, lambda x: np.putmask(x, MASK, np.array([1.0, 2.0, 3.0]))),
    ("put_along_axis", M, lambda x: np.put_along_axis(x, PLACES, -1.0, axis=1)),
    ("put_along_axis", M, lambda x: np.put_along_axis(x, np.array([0, 5]), -1.0, axis=None)),
]
#: Answered, with tests of their own.
ELSEWHERE = {"array_repr"}

#: Functions that NumPy does not dispatch and that make a plain array or number of what they are given: they raise inside transforms.
CONVERSIONS = {
    "array": np.array,
    "asarray": np.asarray,
    "asanyarray": np.asanyarray,
    "asarray_chkfinite": np.asarray_chkfinite,
    "ascontiguousarray": np.ascontiguousarray,
    "asfortranarray": np.asfortranarray,
    "asmatrix": np.asmatrix,
    "bmat": lambda x: np.bmat([[x]]),
    "require": np.require,
    "fromiter": lambda x: np.fromiter(x, float),
    "full": lambda x: np.full(3, x[0]),
    "arange": lambda x: np.arange(0.0, x[0]),
    "kaiser": lambda x: np.kaiser(4, x[0]),
    "frompyfunc": lambda x: np.frompyfunc(lambda a: a, 1, 1)(x),
    "nested_iters": lambda x: np.nested_iters(x[None], [[0], [1]]),
    "from_dlpack": np.from_dlpack,
    "isfortran": np.isfortran,
    "vectorize": lambda x: np.vectorize(np.sin)(x),
    "r_": lambda x: np.r_[x, 1.0],
    "c_": lambda x: np.c_[x, x],
    "float64": lambda x: np.float64(x[0]),
}
#: Functions that take no arrays (sizes, text, settings, files) or only ask what kind of thing they are given.
WITHOUT_ARRAYS = {
    "bartlett", "base_repr", "binary_repr", "blackman", "broadcast_shapes", "datetime_data", "diag_indices", "empty", "eye",
    "format_float_positional", "format_float_scientific", "frombuffer", "fromfile", "fromfunction", "fromregex", "fromstring",
    "genfromtxt", "get_include", "get_printoptions", "getbufsize", "geterr", "geterrcall", "hamming", "hanning", "identity", "indices",
    "info", "isdtype", "isscalar", "issubdtype", "iterable", "load", "loadtxt", "mask_indices", "mintypecode", "ones", "printoptions",
    "promote_types", "set_printoptions", "setbufsize", "seterr", "seterrcall", "show_config", "show_runtime", "test", "tri",
    "tril_indices", "triu_indices", "typename", "zeros",
}  # fmt: skip
