r"""The largest singular value of lifts, never below the true one: from matrices of one dimension, or by a bound on iterates.

Bilinear resizing is a product of a matrix for the rows and one for the columns, and cropping multiplies each pixel by how many
patches it lies in. So :math:`M^T M = A^T D A`, with A the resizing and D this coverage, has no negative entry.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import numpy as np

DENSE = 48  # sides up to this: eigenvalues of the whole matrix; beyond, a bound by power iteration
GAP = 2e-5  # by how much such a bound may exceed what it bounds, before more iterations are made
ITERATIONS = 2000


@functools.cache
def resizing_matrix(size: int, target: int) -> np.ndarray:
    """The bilinear map of a row of `size` pixels to `target` pixels, float64 [target, size], as `Resize` applies it."""
    import torch
    from torch.nn import functional as F

    unit = torch.eye(size, dtype=torch.float64)[None, None]
    return F.interpolate(unit, size=(target, size), mode="bilinear", align_corners=False)[0, 0].numpy()


def largest_singular_value(matrix: np.ndarray) -> float:
    """The largest singular value, rounded up; exactly 1 for the identity."""
    if np.array_equal(matrix, np.eye(len(matrix))):
        return 1.0
    return float(np.linalg.norm(matrix, 2)) * (1 + 1e-13)


def largest_eigenvalue(coverage: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> float:
    r"""The largest eigenvalue of :math:`B = A^T D A`, rounded up; A resizes by `rows` and `columns`, D multiplies by `coverage`.

    If the coverage is a product of rows and columns, so is B, and small matrices decide. Else every positive v gives the bound
    :math:`\max_i (Bv)_i / v_i` (Collatz and Wielandt), for B has no negative entry.
    """
    down, across = coverage.max(axis=1), coverage.max(axis=0)
    if np.array_equal(coverage * coverage.max(), np.outer(down, across)):
        parts = (np.sqrt(down / coverage.max())[:, None] * rows, np.sqrt(across)[:, None] * columns)
        return math.prod(largest_singular_value(part) ** 2 for part in parts)
    shape = rows.shape[1], columns.shape[1]
    if max(shape) <= DENSE:
        resizing = np.kron(rows, columns)
        whole = resizing.T @ (coverage.reshape(-1, 1) * resizing)
        return float(np.linalg.eigvalsh(whole)[-1]) * (1 + 1e-12)
    return _bound_by_iteration(lambda v: rows.T @ (coverage * (rows @ v @ columns.T)) @ columns, shape)


def _bound_by_iteration(apply: Callable[[np.ndarray], np.ndarray], shape: tuple[int, int]) -> float:
    """An upper bound on the largest eigenvalue of a symmetric matrix without negative entries, `apply` being its product.

    It is the bound of Collatz and Wielandt at an approximate eigenvector, made positive and smoothed by power iteration.
    """
    from scipy.sparse.linalg import LinearOperator, eigsh

    seen = apply(np.ones(shape)) > 0  # the other pixels are in no patch

    def product(vector: np.ndarray) -> np.ndarray:
        image = np.zeros(shape)
        image[seen] = vector.ravel()
        return apply(image)[seen]

    size = int(seen.sum())
    lowest, vectors = eigsh(
        LinearOperator((size, size), product, dtype=float), 1, which="LA", v0=np.ones(size), tol=1e-9
    )
    vector, bound = np.abs(vectors[:, 0]) / np.abs(vectors).max() + 1e-7, math.inf
    for _ in range(ITERATIONS):
        image = product(vector)
        bound = min(bound, float((image / vector).max()))
        if bound <= lowest[0] * (1 + GAP):
            break
        vector = np.maximum(image / image.max(), 1e-100)
    return bound * (1 + 1e-12)
