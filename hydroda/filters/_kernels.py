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
        o, w = obs[k], weight[k]
        c0 = c1 = c2 = c3 = 0.0
        for n in range(members):
            y = left[o, n]
            c0 += a[0, n] * y
            c1 += a[1, n] * y
            c2 += a[2, n] * y
            c3 += a[3, n] * y
        c0, c1, c2, c3 = w * c0, w * c1, w * c2, w * c3
        for n in range(members):
            v = right[o, n]
            inc[0, n] += c0 * v
            inc[1, n] += c1 * v
            inc[2, n] += c2 * v
            inc[3, n] += c3 * v


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
def gain_rows(x, out, rows, line, edges, start, obs, weight, left, right, factor, hands):
    """out = x + factor · Σ_o weight_o (a · left_o) right_o; `out` may be `x`.

    Piece k holds rows[edges[k]:edges[k+1]], all of line at = line[k], which sees
    obs[start[at]:start[at+1]]; pieces are dealt out to `hands`.
    """
    members = x.shape[1]
    for hand in prange(hands):
        a = np.empty((ROWS, members))
        inc = np.empty((ROWS, members))
        for k in range(hand, len(line), hands):
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
        here = begin[i] - first_i
        for j in range(first_i, i):
            first_j = j - (begin[j + 1] - begin[j]) + 1
            there = begin[j] - first_j
            s = 0.0
            for k in range(max(first_i, first_j), j):
                s += entries[here + k] * entries[there + k]
            entries[here + j] = (entries[here + j] - s) / entries[there + j]
        s = entries[here + i]
        for k in range(first_i, i):
            s -= entries[here + k] * entries[here + k]
        if not s > 0.0:
            return i
        entries[here + i] = math.sqrt(s)
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


@njit(cache=True, fastmath=FAST)
def tridiagonalize(a, diagonal, off, z, w):
    """a = z T zᵀ by Householder reflections; T has `diagonal` (n,) and off[1:] beside it.

    `a` (n, n), symmetric in full storage, is destroyed; w (n,) is scratch. The block still to do
    leads, so that every inner loop runs along a row from index 0: only then does numba vectorize
    it. For the same reason whole arrays are indexed; a view of a row costs more than the row.
    """
    n = len(a)
    for k in range(n - 1, 0, -1):
        diagonal[k] = a[k, k]
        off[k] = reflect(a, k, w)
    diagonal[0] = a[0, 0]
    off[0] = 0.0
    for i in range(n):
        for j in range(n):
            z[i, j] = 1.0 if i == j else 0.0
    for k in range(1, n):
        if a[k, k] != 0.0:
            accumulate(a, k, z, w)


@njit(cache=True, fastmath=FAST)
def reflect(a, k, w):
    """Clears a[k, :k−1] by I − τvvᵀ on the first k rows; leaves v in a[k, :k], τ in a[k, k].

    Returns the entry beside the diagonal; τ = 0 where there was nothing to clear.
    """
    tail = 0.0
    for j in range(k - 1):
        tail += a[k, j] * a[k, j]
    head = a[k, k - 1]
    if tail == 0.0:
        a[k, k] = 0.0
        return head
    norm = math.sqrt(head * head + tail)
    alpha = -norm if head > 0.0 else norm
    a[k, k - 1] = head - alpha
    tau = 2.0 / ((head - alpha) * (head - alpha) + tail)
    a[k, k] = tau
    dot = 0.0
    for i in range(k):
        s = 0.0
        for j in range(k):
            s += a[i, j] * a[k, j]
        w[i] = tau * s
        dot += w[i] * a[k, i]
    half = 0.5 * tau * dot
    for i in range(k):
        w[i] -= half * a[k, i]
    for i in range(k):
        p, q = a[k, i], w[i]
        for j in range(k):
            a[i, j] -= p * w[j] + q * a[k, j]
    return alpha


@njit(cache=True, fastmath=FAST)
def accumulate(a, k, z, w):
    """z ← (I − τvvᵀ) z for the reflection that `reflect` left in row k of a."""
    for j in range(k):
        w[j] = 0.0
    for i in range(k):
        c = a[k, k] * a[k, i]
        for j in range(k):
            w[j] += c * z[i, j]
    for i in range(k):
        c = a[k, i]
        for j in range(k):
            z[i, j] -= c * w[j]


@njit(cache=True, fastmath=FAST)
def diagonalize(diagonal, off, z):
    """Eigenvalues into `diagonal`, eigenvectors into the ROWS of z, by implicit QL with shifts.

    z holds on entry the transpose of what `tridiagonalize` left. False if it does not converge.
    """
    n = len(diagonal)
    for i in range(1, n):
        off[i - 1] = off[i]
    off[n - 1] = 0.0
    for low in range(n):
        for _ in range(60):
            m = low
            while m < n - 1 and abs(off[m]) > 1.1e-16 * (abs(diagonal[m]) + abs(diagonal[m + 1])):
                m += 1
            if m == low:
                break
            chase(diagonal, off, z, low, m)
        else:
            return False
    return True


@njit(cache=True, fastmath=FAST)
def chase(diagonal, off, z, low, m):
    """One implicit QL step on the block low … m, its rotations applied to the rows of z."""
    n = len(diagonal)
    g = (diagonal[low + 1] - diagonal[low]) / (2.0 * off[low])
    r = math.sqrt(g * g + 1.0)
    g = diagonal[m] - diagonal[low] + off[low] / (g + (r if g >= 0.0 else -r))
    s = c = 1.0
    p = 0.0
    for i in range(m - 1, low - 1, -1):
        f, b = s * off[i], c * off[i]
        r = math.sqrt(f * f + g * g)
        off[i + 1] = r
        if r == 0.0:
            diagonal[i + 1] -= p
            off[m] = 0.0
            return
        inverse = 1.0 / r
        s, c = f * inverse, g * inverse
        g = diagonal[i + 1] - p
        r = (diagonal[i] - g) * s + 2.0 * c * b
        p = s * r
        diagonal[i + 1] = g + p
        g = c * r - b
        for k in range(n):
            h = z[i + 1, k]
            z[i + 1, k] = s * z[i, k] + c * h
            z[i, k] = c * z[i, k] - s * h
    diagonal[low] -= p
    off[low] = g
    off[m] = 0.0


@njit(cache=True, fastmath=FAST)
def eigen(a, values, z, off, w):
    """Eigenvalues (n,) and, in the rows of z, eigenvectors of a symmetric matrix, destroyed."""
    n = len(a)
    tridiagonalize(a, values, off, z, w)
    for i in range(n):
        for j in range(i):
            z[i, j], z[j, i] = z[j, i], z[i, j]
    return diagonalize(values, off, z)


@njit(cache=True, fastmath=FAST)
def mean_weight(t):
    """1/(1 + t): what the mean update keeps of an innovation with signal-to-noise ratio t."""
    return 1.0 / (1.0 + t)


@njit(cache=True, fastmath=FAST)
def root_weight(t):
    """(1 − (1 + t)^−½)/t without the cancellation at small t."""
    root = math.sqrt(1.0 + t)
    return 1.0 / (root * (1.0 + root))


@njit(cache=True, fastmath=FAST)
def transform_by_observations(y, d, variance, obs, weight, k0, k1, left, right, a, z, v, off, w):
    """Two factors of the symmetric square-root analysis, from eigenvectors of an obs × obs matrix.

    With ŷ_o = (ρ_o/(R_o(N−1)))^½ Y_o and ŷŷᵀ = U t Uᵀ: left = Uᵀŷ and
    right_kn = (Uᵀd̂)_k/(1+t_k)/(N−1)^½ − (1 − (1+t_k)^−½)/t_k · left_kn.
    Returns the number of rows of the factors, or −1 where the eigenvalues did not converge.
    """
    members = y.shape[1]
    count = k1 - k0
    for i in range(count):
        o = obs[k0 + i]
        c = math.sqrt(weight[k0 + i] / (variance[o] * (members - 1)))
        for n in range(members):
            right[i, n] = c * y[o, n]
    matrix, vectors = a[:count, :count].copy(), z[:count, :count].copy()
    for i in range(count):
        for j in range(i + 1):
            s = 0.0
            for n in range(members):
                s += right[i, n] * right[j, n]
            matrix[i, j] = s
            matrix[j, i] = s
    if not eigen(matrix, v[:count], vectors, off[:count], w):
        return -1
    for k in range(count):
        for n in range(members):
            left[k, n] = 0.0
        for i in range(count):
            c = vectors[k, i]
            for n in range(members):
                left[k, n] += c * right[i, n]
    for k in range(count):
        s = 0.0
        for i in range(count):
            o = obs[k0 + i]
            s += vectors[k, i] * d[o] * math.sqrt(weight[k0 + i] / variance[o])
        t = max(v[k], 0.0)
        shift = s * mean_weight(t) / math.sqrt(members - 1.0)
        c = root_weight(t)
        for n in range(members):
            right[k, n] = shift - c * left[k, n]
    return count


@njit(cache=True, fastmath=FAST)
def transform_by_members(y, d, variance, obs, weight, k0, k1, left, right, a, z, v, off, w):
    """The same two factors from the eigenvectors of the member × member matrix ŷᵀŷ = V t Vᵀ.

    left = Vᵀ and right_kn = (Vᵀŷᵀd̂)_k/(1+t_k)/(N−1)^½ + ((1+t_k)^−½ − 1) left_kn.
    """
    members = y.shape[1]
    for m in range(members):
        w[m] = 0.0
        for n in range(members):
            a[m, n] = 0.0
    for k in range(k0, k1):
        o = obs[k]
        c = weight[k] / (variance[o] * (members - 1))
        e = weight[k] / variance[o] * d[o]
        for m in range(members):
            f = c * y[o, m]
            for n in range(members):
                a[m, n] += f * y[o, n]
        for n in range(members):
            w[n] += e * y[o, n]
    projected = w.copy()
    if not eigen(a, v, z, off, w):
        return -1
    for k in range(members):
        s = 0.0
        for n in range(members):
            left[k, n] = z[k, n]
            s += z[k, n] * projected[n]
        t = max(v[k], 0.0)
        shift = s * mean_weight(t) / (members - 1)
        c = -t * root_weight(t)
        for n in range(members):
            right[k, n] = shift + c * z[k, n]
    return members


@njit(cache=True, fastmath=FAST)
def transform(y, d, variance, obs, weight, k0, k1, left, right, a, z, v, off, w):
    """The factors from the smaller of the two matrices; see `transform_by_observations`."""
    if k1 - k0 < y.shape[1]:
        return transform_by_observations(
            y, d, variance, obs, weight, k0, k1, left, right, a, z, v, off, w
        )
    return transform_by_members(y, d, variance, obs, weight, k0, k1, left, right, a, z, v, off, w)


@njit(cache=True, parallel=True, fastmath=FAST)
def square_root_rows(x, out, rows, edges, start, obs, weight, y, d, variance, factor, hands):
    """The local square-root analysis of all lines, dealt out to `hands`; `out` may be `x`.

    Returns a line whose eigenvalues did not converge, or −1.
    """
    lines, members = len(start) - 1, x.shape[1]
    failed = np.full(hands, -1)
    for hand in prange(hands):
        left, right = np.empty((members, members)), np.empty((members, members))
        a, z = np.empty((members, members)), np.empty((members, members))
        v, off, w = np.empty(members), np.empty(members), np.empty(members)
        four, inc = np.empty((ROWS, members)), np.empty((ROWS, members))
        each, ones = np.arange(members), np.ones(members)
        for at in range(hand, lines, hands):
            count = 0
            if start[at + 1] > start[at]:
                count = transform(
                    y, d, variance, obs, weight, start[at], start[at + 1],
                    left, right, a, z, v, off, w,
                )  # fmt: skip
            if count < 0:
                failed[hand] = at
                continue
            for r0 in range(edges[at], edges[at + 1], ROWS):
                load_rows(x, rows, r0, edges[at + 1], four, inc)
                add_increments(four, inc, left, right, each, ones, 0, count)
                for r in range(r0, min(r0 + ROWS, edges[at + 1])):
                    i = rows[r]
                    for n in range(members):
                        out[i, n] = x[i, n] + factor[i] * inc[r - r0, n]
    return failed.max()


@njit(cache=True)
def square_root_factors(y, d, variance):
    """(left, right) of the analysis without localization, and whether it converged."""
    p, members = y.shape
    left, right = np.empty((members, members)), np.empty((members, members))
    a, z = np.empty((members, members)), np.empty((members, members))
    v, off, w = np.empty(members), np.empty(members), np.empty(members)
    count = transform(y, d, variance, np.arange(p), np.ones(p), 0, p, left, right, a, z, v, off, w)
    return left[: max(count, 0)].copy(), right[: max(count, 0)].copy(), count >= 0


@njit(cache=True, parallel=True, fastmath=FAST)
def rotate_rows(x, omega, block):
    """x ← mean + anomalies · Ω, in place."""
    n_rows, members = x.shape
    for b in prange((n_rows + block - 1) // block):
        new = np.empty(members)
        for i in range(b * block, min((b + 1) * block, n_rows)):
            mean = 0.0
            for n in range(members):
                mean += x[i, n]
                new[n] = 0.0
            mean /= members
            for m in range(members):
                c = x[i, m] - mean
                for n in range(members):
                    new[n] += c * omega[m, n]
            for n in range(members):
                x[i, n] = mean + new[n]
