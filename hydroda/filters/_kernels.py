"""Inner loops of the filters: numpy, numba and math only, letters as in the cited papers.

Every analysis here has the form x_n += f Σ_o w_o (a · L_o) R_on for a row x with anomalies a,
where L and R are (obs, member). No loop over members or observations has a length that depends on
how rows are shared out, so results do not depend on ranks or threads, bit for bit.
"""

import math

import numpy as np
from numba import njit, prange

# Reassociation lets dot products vectorize; NaN and infinity keep their meaning.
FAST = {"contract", "reassoc"}
ROWS = 4


@njit(cache=True, fastmath=FAST)
def add_increments(a, inc, left, right, obs, weight, k0, k1):
    """inc (4, member) += Σ_k weight_k (a · left_k) right_k for four rows a (4, member) at once.

    Four rows, even where fewer are wanted, so that no row's arithmetic depends on its neighbours.
    """
    members = a.shape[1]
    for k in range(k0, k1):
        y, v = left[obs[k]], right[obs[k]]
        c0 = c1 = c2 = c3 = 0.0
        for n in range(members):
            c0 += a[0, n] * y[n]
            c1 += a[1, n] * y[n]
            c2 += a[2, n] * y[n]
            c3 += a[3, n] * y[n]
        w = weight[k]
        c0, c1, c2, c3 = w * c0, w * c1, w * c2, w * c3
        for n in range(members):
            inc[0, n] += c0 * v[n]
            inc[1, n] += c1 * v[n]
            inc[2, n] += c2 * v[n]
            inc[3, n] += c3 * v[n]


@njit(cache=True, fastmath=FAST)
def load_rows(x, rows, r0, r1, a, inc):
    """Copies up to four rows, measured from their first member, into a; clears inc.

    The anomalies of L sum to zero over members, so any origin will do, and with this one a row
    without spread is exactly zero.
    """
    members = x.shape[1]
    for q in range(ROWS):
        r = min(r0 + q, r1 - 1)
        i = rows[r]
        first = x[i, 0]
        for n in range(members):
            a[q, n] = x[i, n] - first
            inc[q, n] = 0.0


@njit(cache=True, parallel=True, fastmath=FAST)
def gain_rows(x, out, rows, line, edges, start, obs, weight, left, right, factor):
    """out = x + factor · Σ_o weight_o (a · left_o) right_o; `out` may be `x`.

    Piece k holds rows[edges[k]:edges[k+1]], all of line at = line[k], which sees
    obs[start[at]:start[l+1]].
    """
    members = x.shape[1]
    for k in prange(len(line)):
        a = np.empty((ROWS, members))
        inc = np.empty((ROWS, members))
        at = line[k]
        for r0 in range(edges[k], edges[k + 1], ROWS):
            load_rows(x, rows, r0, edges[k + 1], a, inc)
            add_increments(a, inc, left, right, obs, weight, start[at], start[at + 1])
            for r in range(r0, min(r0 + ROWS, edges[k + 1])):
                i = rows[r]
                f = factor[i]
                for n in range(members):
                    out[i, n] = x[i, n] + f * inc[r - r0, n]


@njit(cache=True)
def envelope(order, place, line, start, obs):
    """Where each row of a lower triangle begins in storage, from its first entry to the diagonal.

    Row i is observation order[i]; observation o is row place[o].
    """
    p = len(order)
    begin = np.zeros(p + 1, dtype=np.int64)
    for i in range(p):
        at = line[order[i]]
        first = i
        for k in range(start[at], start[at + 1]):
            first = min(first, place[obs[k]])
        begin[i + 1] = begin[i] + i - first + 1
    return begin


@njit(cache=True, fastmath=FAST)
def assemble(y, variance, order, place, line, start, obs, weight):
    """ρ ∘ YYᵀ/(N−1) + R as the envelope of its lower triangle: (begin, entries)."""
    begin = envelope(order, place, line, start, obs)
    p, members = y.shape
    entries = np.zeros(begin[p])
    for i in range(p):
        o = order[i]
        at = line[o]
        for k in range(start[at], start[at + 1]):
            q = obs[k]
            j = place[q]
            if j <= i:
                s = 0.0
                for n in range(members):
                    s += y[o, n] * y[q, n]
                entries[begin[i + 1] - 1 - i + j] = weight[k] * s / (members - 1)
        entries[begin[i + 1] - 1] += variance[o]
    return begin, entries


@njit(cache=True, fastmath=FAST)
def assemble_dense(y, taper, covariance):
    """ρ ∘ YYᵀ/(N−1) + R as the packed lower triangle: (begin, entries)."""
    p, members = y.shape
    begin = np.zeros(p + 1, dtype=np.int64)
    for i in range(p):
        begin[i + 1] = begin[i] + i + 1
    entries = np.empty(begin[p])
    for i in range(p):
        for j in range(i + 1):
            s = 0.0
            for n in range(members):
                s += y[i, n] * y[j, n]
            entries[begin[i] + j] = taper[i, j] * s / (members - 1) + covariance[i, j]
    return begin, entries


@njit(cache=True, fastmath=FAST)
def cholesky(begin, entries):
    """Replaces an envelope by its Cholesky factor; the first row without a root, or −1."""
    p = len(begin) - 1
    for i in range(p):
        first_i = i - (begin[i + 1] - begin[i]) + 1
        row = entries[begin[i] : begin[i + 1]]
        for j in range(first_i, i):
            first_j = j - (begin[j + 1] - begin[j]) + 1
            other = entries[begin[j] : begin[j + 1]]
            low = max(first_i, first_j)
            s = 0.0
            u, v = row[low - first_i : j - first_i], other[low - first_j :]
            for k in range(j - low):
                s += u[k] * v[k]
            row[j - first_i] = (row[j - first_i] - s) / other[j - first_j]
        s = row[i - first_i]
        for k in range(i - first_i):
            s -= row[k] * row[k]
        if not s > 0.0:
            return i
        row[i - first_i] = math.sqrt(s)
    return -1


@njit(cache=True)
def solve(begin, entries, b):
    """b (row, column) ← (LLᵀ)⁻¹ b for the factor that `cholesky` left."""
    p, columns = b.shape
    for i in range(p):
        first = i - (begin[i + 1] - begin[i]) + 1
        for k in range(first, i):
            c = entries[begin[i] + k - first]
            for n in range(columns):
                b[i, n] -= c * b[k, n]
        c = 1.0 / entries[begin[i + 1] - 1]
        for n in range(columns):
            b[i, n] *= c
    for i in range(p - 1, -1, -1):
        first = i - (begin[i + 1] - begin[i]) + 1
        c = 1.0 / entries[begin[i + 1] - 1]
        for n in range(columns):
            b[i, n] *= c
        for k in range(first, i):
            c = entries[begin[i] + k - first]
            for n in range(columns):
                b[k, n] -= c * b[i, n]


@njit(cache=True)
def solve_in_member_space(y, inverse, right):
    """R⁻¹(right − Y((N−1)I + YᵀR⁻¹Y)⁻¹YᵀR⁻¹ right) for R⁻¹ = diag(inverse)."""
    p, members = y.shape
    gram = np.zeros((members, members))
    projected = np.zeros((members, right.shape[1]))
    for o in range(p):
        for m in range(members):
            c = y[o, m] * inverse[o]
            for n in range(m + 1):
                gram[m, n] += c * y[o, n]
            for n in range(right.shape[1]):
                projected[m, n] += c * right[o, n]
    begin = np.zeros(members + 1, dtype=np.int64)
    for m in range(members):
        gram[m, m] += members - 1
        begin[m + 1] = begin[m] + m + 1
    entries = np.empty(begin[members])
    for m in range(members):
        entries[begin[m] : begin[m + 1]] = gram[m, : m + 1]
    cholesky(begin, entries)
    solve(begin, entries, projected)
    out = right.copy()
    for o in range(p):
        for m in range(members):
            c = y[o, m]
            for n in range(right.shape[1]):
                out[o, n] -= c * projected[m, n]
        for n in range(right.shape[1]):
            out[o, n] *= inverse[o]
    return out
