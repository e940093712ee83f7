"""Passes over the grid, called by address.

numba compiles a function again inside every function that calls it. The passes are large and Newton
and Krylov call them in many places; called through a pointer they are compiled once (a minute less
of compilation). Those that know the kind of soil and of face are compiled for each kind, and all
others, which only see numbers, once for all kinds. What they work on crosses as a table of the
addresses and shapes of arrays.
"""

from functools import cache
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir
from numba import carray, float64, int64, prange, types
from numba.experimental.function_type import _get_wrapper_address
from numba.extending import intrinsic

from hydroda.compiled import fused_kernel as kernel
from hydroda.compiled import parallel_kernel
from hydroda.models.kernels.flow.balance import assemble, between, fill_and_faces
from hydroda.models.kernels.flow.curves import Soil
from hydroda.models.kernels.flow.linear import factor, krylov, left, product, residual, sweep
from hydroda.models.kernels.flow.member import (
    REST,
    Coarse,
    Edges,
    Ground,
    Limits,
    Member,
    Mesh,
    Overland,
    Sky,
)
from hydroda.models.kernels.flow.moves import (
    account,
    before_newton,
    begin,
    book,
    copies,
    judge,
    move,
)
from hydroda.models.kernels.flow.multigrid import coarsen, cycle, precondition

# These two know the kind of soil and of face.
FILL, ASSEMBLE = 0, 1
FACTORS, SWEEP, LEFT, PRODUCT, BEGIN, DIRECTION, HALF, FULL, MOVE = range(2, 11)
ACCOUNT, RESTORE, SAVE, JUDGE, OLD, OPEN, BOOK, BETWEEN, RESIDUAL = range(11, 20)
# These are done at once, by one thread.
COARSEN, CYCLE, IMPROVE = 20, 21, 22


# -------------------------------------------------------------------------- arrays behind addresses


def _pointer_to(element: Any) -> Any:
    @intrinsic
    def pointer(context: Any, address: Any) -> Any:
        target = types.CPointer(element)

        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return builder.inttoptr(args[0], context.get_value_type(target))

        return target(types.int64), generate

    return pointer


_floats, _wholes = _pointer_to(types.float64), _pointer_to(types.int64)
_halves, _bytes = _pointer_to(types.int32), _pointer_to(types.uint8)


@intrinsic
def _call(context, passes, table, what, source, target, a, b, first, last):  # type: ignore[no-untyped-def]
    """Calls the function at the address `passes` with the other arguments."""
    signature = types.void(*(types.int64,) * 5, types.float64, types.float64, *(types.int64,) * 2)

    def generate(context, builder, signature, args):  # type: ignore[no-untyped-def]
        wanted = [context.get_value_type(t) for t in signature.args[1:]]
        kind = ir.FunctionType(ir.VoidType(), wanted)
        builder.call(builder.inttoptr(args[0], kind.as_pointer()), args[1:])
        return context.get_dummy_value()

    return signature, generate


@kernel
def _unpack(token: Any, scheme: Any, address: int) -> Member:
    t = carray(_wholes(address), (SLOTS, 4))
    numbers = carray(_floats(t[1, 0]), 6)
    soil = Soil(
        carray(_floats(t[2, 0]), (t[2, 1], t[2, 2])), carray(_floats(t[3, 0]), t[3, 1]), numbers[1]
    )
    mesh = Mesh(
        t[0, 0],
        t[0, 1],
        carray(_floats(t[4, 0]), t[4, 1]),
        carray(_floats(t[5, 0]), t[5, 1]),
        carray(_halves(t[6, 0]), (t[6, 1], t[6, 2])),
        carray(_floats(t[7, 0]), (t[7, 1], t[7, 2])),
        carray(_wholes(t[8, 0]), t[8, 1]),
        carray(_wholes(t[9, 0]), t[9, 1]),
        carray(_wholes(t[10, 0]), t[10, 1]),
        carray(_wholes(t[11, 0]), t[11, 1]),
    )
    ground = Ground(
        carray(_floats(t[12, 0]), t[12, 1]),
        carray(_floats(t[13, 0]), t[13, 1]),
        carray(_floats(t[14, 0]), t[14, 1]),
        carray(_floats(t[15, 0]), t[15, 1]),
        carray(_bytes(t[16, 0]), t[16, 1]),
        carray(_floats(t[36, 0]), (t[36, 1], t[36, 2])),
        carray(_bytes(t[41, 0]), t[41, 1]),
    )
    overland = Overland(
        numbers[0],
        carray(_floats(t[17, 0]), (t[17, 1], t[17, 2])),
        carray(_floats(t[18, 0]), (t[18, 1], t[18, 2])),
        carray(_floats(t[19, 0]), (t[19, 1], t[19, 2])),
        carray(_floats(t[20, 0]), (t[20, 1], t[20, 2])),
        carray(_floats(t[21, 0]), t[21, 1]),
    )
    edges = Edges(
        carray(_wholes(t[22, 0]), t[22, 1]),
        carray(_wholes(t[23, 0]), t[23, 1]),
        carray(_wholes(t[24, 0]), t[24, 1]),
        carray(_floats(t[25, 0]), t[25, 1]),
        carray(_floats(t[26, 0]), t[26, 1]),
        carray(_floats(t[27, 0]), (t[27, 1], t[27, 2])),
        carray(_floats(t[28, 0]), t[28, 1]),
    )
    sky = Sky(
        carray(_floats(t[29, 0]), t[29, 1]),
        carray(_floats(t[30, 0]), t[30, 1]),
        carray(_floats(t[31, 0]), t[31, 1]),
    )
    return Member(
        token,
        scheme,
        soil,
        mesh,
        ground,
        overland,
        edges,
        sky,
        Limits(numbers[2], numbers[3], numbers[4], numbers[5]),
        carray(_floats(t[32, 0]), (t[32, 1], t[32, 2])),
        carray(_floats(t[33, 0]), (t[33, 1], t[33, 2])),
        carray(_floats(t[34, 0]), (t[34, 1], t[34, 2])),
        carray(_wholes(t[35, 0]), t[35, 1]),
        Coarse(
            carray(_wholes(t[37, 0]), (t[37, 1], t[37, 2])),
            carray(_wholes(t[38, 0]), t[38, 1]),
            carray(_wholes(t[39, 0]), (t[39, 1], t[39, 2])),
            carray(_floats(t[40, 0]), (t[40, 1], t[40, 2])),
        ),
    )


SLOTS = 42


def packed(m: Member) -> tuple[np.ndarray, list[np.ndarray]]:
    """The table of a member, and the arrays that must outlive it."""
    numbers = np.array([m.overland.offset, m.soil.suction, *m.limits])
    arrays = [numbers, m.soil.p, m.soil.table, *m.mesh[2:], *m.ground[:-2], *m.overland[1:]]
    arrays += [
        *m.edges,
        *m.sky,
        m.x,
        m.y,
        m.sums,
        m.count,
        m.ground.ease,
        *m.coarse,
        m.ground.smooth,
    ]
    table = np.zeros((SLOTS, 4), np.int64)
    table[0, :2] = m.mesh.layers, m.mesh.columns
    assert len(arrays) == SLOTS - 1
    for slot, array in enumerate(arrays, 1):
        assert array.flags["C_CONTIGUOUS"]
        table[slot, 0] = array.ctypes.data
        table[slot, 1 : 1 + array.ndim] = array.shape
    return table, arrays


_SIGNATURE = types.void(*(int64,) * 4, float64, float64, int64, int64)


def passes_of(token: NamedTuple, scheme: NamedTuple) -> tuple[int, int]:
    """Addresses of the passes for one kind of soil and of face, and of those for all kinds."""
    # By type: as tuples, all tokens are equal.
    return _by_kind(type(token), type(scheme)), _for_all()


@cache
def _by_kind(curve: type, face: type) -> int:
    token, scheme = curve(), face()

    @kernel
    def by_kind(
        table: int,
        what: int,
        source: int,
        target: int,
        a: float,
        b: float,
        first: int,
        last: int,
    ) -> None:
        m = _unpack(token, scheme, table)
        for piece in range(first, last):
            if what == FILL:
                fill_and_faces(m, m.mesh.pieces[piece], m.mesh.pieces[piece + 1])
            else:
                assemble(m, a, piece)

    return _address(by_kind)


@cache
def _for_all() -> int:
    return _address(for_all)


@kernel
def for_all(
    table: int, what: int, source: int, target: int, a: float, b: float, first: int, last: int
) -> None:
    """One pass over some pieces, or strips for SWEEP."""
    m = _unpack(None, None, table)
    if what == COARSEN:
        coarsen(m)
        return
    if what == CYCLE:
        precondition(m, source, target)
        return
    if what == IMPROVE:
        cycle(m, REST, source, target, -1.0)
        return
    for piece in range(first, last):
        if what == SWEEP:
            sweep(m, source, target, a, piece)
            continue
        begun, end = m.mesh.pieces[piece], m.mesh.pieces[piece + 1]
        if what == FACTORS:
            factor(m, begun, end)
        elif what == LEFT:
            left(m, source, target, piece)
        elif what == RESIDUAL:
            residual(m, source, target, REST, piece)
        elif what == PRODUCT:
            product(m, source, target, piece)
        elif what <= FULL:
            krylov(what - BEGIN, m, a, b, piece)
        elif what == MOVE:
            move(m, a, begun, end)
        elif what == JUDGE:
            judge(m, a, b > 0.0, piece)
        elif what == ACCOUNT:
            account(m, a, begun, end)
        elif what == OLD:
            before_newton(m, begun, end)
        elif what == BETWEEN:
            between(m, begun, end)
        elif what == OPEN:
            begin(m, begun, end)
        elif what == BOOK:
            book(m, begun, end)
        else:
            copies(what == RESTORE, m, begun, end)


def _address(compiled: Any) -> int:
    compiled.compile(_SIGNATURE.args)
    _KEPT.append(compiled)
    return int(_get_wrapper_address(compiled, _SIGNATURE))


_KEPT: list[Any] = []


@parallel_kernel
def _shared(
    passes: int, table: int, what: int, source: int, target: int, a: float, b: float, pieces: int
) -> None:
    for piece in prange(pieces):
        _call(passes, table, what, source, target, a, b, piece, piece + 1)  # type: ignore[call-arg]


class Crew(NamedTuple):
    """Who does the passes, on what: addresses, how many pieces and strips, in threads or not."""

    by_kind: int
    for_all: int
    table: int
    pieces: int
    strips: int
    levels: int
    smooth: bool  # whether water flows sideways by flux potentials
    threads: int
    sums: np.ndarray  # (piece, 8)
    count: np.ndarray  # type: ignore[assignment]  # (COUNTS,)


@kernel
def each(
    crew: Crew, what: int, source: int = 0, target: int = 0, a: float = 0.0, b: float = 0.0
) -> None:
    """A pass over all pieces; fluxes sideways come before they are asked for."""
    if what == ASSEMBLE and crew.smooth:
        _over(crew, BETWEEN, 0, 0, 0.0, 0.0)
    _over(crew, what, source, target, a, b)


@kernel
def _over(crew: Crew, what: int, source: int, target: int, a: float, b: float) -> None:
    pieces = crew.strips if what == SWEEP else 1 if what >= COARSEN else crew.pieces
    passes = crew.by_kind if what <= ASSEMBLE else crew.for_all
    if crew.threads > 1 and pieces > 1:
        _shared(passes, crew.table, what, source, target, a, b, pieces)
    else:
        _call(passes, crew.table, what, source, target, a, b, 0, pieces)  # type: ignore[call-arg]
