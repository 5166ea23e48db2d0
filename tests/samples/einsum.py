"""Samples for ``ops/einsum.py``."""

from . import call, integers, normal, sample

A, B, C = normal(2, 3), normal(3, 4), normal(4, 2)
D, E = normal(2, 3, 2, 2), normal(2, 4, 2, 2)
SAMPLES = {
    "Contract": [
        sample(A, B, spec=("ab", "bc", "ac")), sample(A, B, spec=("ab", "bc", "ca")), sample(normal(2), normal(3), spec=("a", "b", "ba")),
        sample(A, normal(2, 3, seed=1), spec=("ab", "ab", "")), sample(A, normal(2, 3, seed=1), spec=("ab", "ab", "ab")),
        sample(A, normal(3, 2), spec=("ab", "ba", "a")), sample(A, normal(2, 3, seed=1), spec=("ab", "ab", "a")), sample(D, E, spec=("bqhd", "bkhd", "bhqk")),
        sample(normal(2, 3, 2), normal(2, 3), spec=("abc", "ab", "cb")), sample(normal(), normal(2), spec=("", "a", "a")),
        sample(normal(2, 0), normal(0, 3), spec=("ab", "bc", "ac")), sample(A, normal(2), spec=("ab", "a", "ba")),
    ],
}  # fmt: skip


def equation(text, *inputs, **options):
    return call(f"einsum {text}", lambda T, *xs: T.einsum(text, *xs), *inputs, **options)


CALLS = [
    equation("ij,jk->ik", A, B),
    equation("ij,jk", A, B),
    equation("ba,cb", A, C[:, :1] * 1.0 + normal(4, 2)),
    equation("ij->ji", A),
    equation("ij->", A),
    equation("ij->j", A),
    equation("ii", normal(3, 3)),
    equation("ii->i", normal(3, 3)),
    equation("iij,jkk->ik", normal(2, 2, 3), normal(3, 2, 2)),
    equation("iji->j", normal(2, 3, 2)),
    equation("i,j->ij", normal(2), normal(3)),
    equation("i,i", normal(3), normal(3, seed=1)),
    equation("i,i->i", normal(3), normal(3, seed=1)),
    equation("bi,bi->b", A, normal(2, 3, seed=1)),
    equation("bij,bjk->bik", normal(2, 3, 2), normal(2, 2, 3)),
    equation("bqhd,bkhd->bhqk", D, E),
    equation("bhqk,bkhd->bqhd", normal(2, 2, 3, 4), E),
    equation("...ij,...jk->...ik", normal(5, 2, 3), B),
    equation("...ij->...", normal(5, 2, 3)),
    equation("...,...->...", A, normal(3)),
    equation("i...,j...->ij...", normal(2, 2, 3), normal(3, 3)),
    equation("b...->b", normal(2, 2, 3)),
    equation("ij,jk,kl->il", A, B, C),
    equation("ij,jk,kl,lm,mn->in", A, B, C, normal(2, 5), normal(5, 1)),
    equation("a,ab,b->", normal(2), A, normal(3)),
    equation("ai,bi,ci->abc", A, B.T.copy(), normal(1, 3)),
    equation(" i j , j k -> k i ", A, B),
    equation("ij,ij->ij", normal(1, 3), A),
    equation("ij,j->i", A, normal(1)),
    equation(",->", normal(), normal(seed=1)),
    equation(",i->i", normal(), normal(3)),
    equation("ij,jk->ik", integers(2, 3), integers(3, 2)),
    equation("ij,jk->ik", normal(2, 0), normal(0, 3)),
    call("einsum list", lambda T, x, y: T.einsum("ij,jk->ik", [x, y]), A, B),
    call("einsum numbers", lambda T, x, y: (T.einsum(x, [0, 1], y, [1, 2], [0, 2]), T.einsum(x, [0, 1], y, [1, 2]), T.einsum(x, [..., 30], [30, ...])), A, B),
]  # fmt: skip
