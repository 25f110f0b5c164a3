"""Vectors of 16 float32 for kernels that Numba compiles.

LLVM vectorises a loop over a row only together with run-time checks, which cost more than a row of some tens of
channels: with plain loops, the scan alone takes 1.2 to 1.8 times as long. Here a kernel loads a vector, computes with
it and with numbers, and stores it. On a processor with narrower registers, a vector is two or four of them.
"""
import operator
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic, models, overload, register_model

WIDTH = 16
# without 'nnan' and 'ninf', so that a NaN stays a NaN
FLAGS = ('nsz', 'arcp', 'contract', 'afn', 'reassoc')
OPTIONS = dict(nogil=True, cache=True, error_model='numpy', fastmath=set(FLAGS))
LOG2_E = 1.4426950408889634
f32 = np.float32
_FLOAT, _INT = ir.FloatType(), ir.IntType(32)
_FLOATS, _INTS = ir.VectorType(_FLOAT, WIDTH), ir.VectorType(_INT, WIDTH)


class VectorType(types.Type):
    """Numba's type of a vector of `WIDTH` float32."""

    def __init__(self):
        super().__init__('float32x16')


vector = VectorType()


@register_model(VectorType)
class _VectorModel(models.PrimitiveModel):

    def __init__(self, manager, kind):
        super().__init__(manager, kind, _FLOATS)


def _is_row(array):
    return isinstance(array, types.Array) and array.layout == 'C' and array.dtype == types.float32


def _place(context, builder, signature, arguments):
    """Pointer to the vector that starts `arguments[1]` elements behind the start of an array."""
    array = context.make_array(signature.args[0])(context, builder, arguments[0])
    return builder.bitcast(builder.gep(array.data, [arguments[1]]), ir.PointerType(_FLOATS))


@intrinsic
def load(typing_context: Any, array: Any, offset: Any) -> Any:
    """Vector of the elements from `offset` on of a contiguous array of float32."""
    def generate(context, builder, signature, arguments):
        return builder.load(_place(context, builder, signature, arguments), align=4)

    return (vector(array, types.intp), generate) if _is_row(array) else None


@intrinsic
def store(typing_context: Any, array: Any, offset: Any, value: Any) -> Any:
    """Write a vector where `load` reads it."""
    def generate(context, builder, signature, arguments):
        builder.store(arguments[2], _place(context, builder, signature, arguments), align=4)
        return context.get_dummy_value()

    return (types.void(array, types.intp, vector), generate) if _is_row(array) else None


@intrinsic
def prefetch(typing_context: Any, array: Any, offset: Any) -> Any:
    """Start fetching what `load` or `store` will need soon; an offset outside the array does no harm."""
    def generate(context, builder, signature, arguments):
        place = builder.bitcast(_place(context, builder, signature, arguments), ir.PointerType(ir.IntType(8)))
        function = builder.module.declare_intrinsic(
            'llvm.prefetch.p0', fnty=ir.FunctionType(ir.VoidType(), [place.type, _INT, _INT, _INT]))
        builder.call(function, [place, *(ir.Constant(_INT, value) for value in (0, 3, 1))])
        return context.get_dummy_value()

    return (types.void(array, types.intp), generate) if _is_row(array) else None


@intrinsic
def total(typing_context: Any, value: Any) -> Any:
    """Sum of a vector's elements, in any order."""
    def generate(context, builder, signature, arguments):
        function = builder.module.declare_intrinsic(f'llvm.vector.reduce.fadd.v{WIDTH}f32',
                                                    fnty=ir.FunctionType(_FLOAT, [_FLOAT, _FLOATS]))
        return builder.call(function, [ir.Constant(_FLOAT, -0.), arguments[0]], fastmath=FLAGS)

    return types.float32(vector), generate


def _spread(builder, value):
    """Vector of one number."""
    one = builder.insert_element(ir.Constant(_FLOATS, ir.Undefined), value, ir.Constant(_INT, 0))
    return builder.shuffle_vector(one, one, ir.Constant(_INTS, [0] * WIDTH))


@intrinsic
def splat(typing_context: Any, value: Any) -> Any:
    """Vector of one number."""
    return vector(types.float32), lambda context, builder, signature, arguments: _spread(builder, *arguments)


def _elementwise(build):
    """Function of two vectors or numbers; a number is combined with every element of a vector."""
    @intrinsic
    def calculate(typing_context, a, b):
        def generate(context, builder, signature, arguments):
            if vector in signature.args:
                arguments = [value if kind is vector else _spread(builder, value)
                             for kind, value in zip(signature.args, arguments)]
            return build(builder, *arguments)

        a, b = (kind if kind is vector else types.float32 for kind in (a, b))
        return (vector if vector in (a, b) else types.float32)(a, b), generate

    return calculate


def _overload(symbol, instruction):
    calculate = _elementwise(lambda builder, a, b: getattr(builder, instruction)(a, b, flags=FLAGS))

    @overload(symbol, inline='always')
    def of_vectors(a, b):
        return (lambda a, b: calculate(a, b)) if vector in (a, b) else None


_overload(operator.add, 'fadd')
_overload(operator.sub, 'fsub')
_overload(operator.mul, 'fmul')
_overload(operator.truediv, 'fdiv')

# The larger of two; the first if that is NaN.
larger = _elementwise(lambda builder, a, b: builder.select(builder.fcmp_ordered('<', a, b), b, a))


def _of_one(build):
    """Function of a vector or a number."""
    @intrinsic
    def calculate(typing_context, x):
        def generate(context, builder, signature, arguments):
            return build(builder, arguments[0], signature.args[0] is vector)

        return (x(x), generate) if x in (vector, types.float32) else None

    return calculate


def _constant(value, kind, many):
    return ir.Constant(ir.VectorType(kind, WIDTH), [value] * WIDTH) if many else ir.Constant(kind, value)


def _whole(value):
    """Integers of as many bits, one or a vector."""
    return _INTS if value.type == _FLOATS else _INT


def _build_shifted(builder, x, many):
    return builder.fadd(x, _constant(_SHIFT, _FLOAT, many))


def _build_nearest(builder, shifted, many):  # in integers, because fast math turns x + c - c into x
    bits = builder.bitcast(shifted, _whole(shifted))
    return builder.sitofp(builder.sub(bits, _constant(_SHIFT_BITS, _INT, many)), shifted.type)


def _build_scaled(builder, p, shifted):
    many = p.type == _FLOATS
    exponent = builder.shl(builder.bitcast(shifted, _whole(p)), _constant(23, _INT, many))
    return builder.bitcast(builder.add(builder.bitcast(p, _whole(p)), exponent), p.type)


def _build_positive(builder, x, many):
    return builder.uitofp(builder.fcmp_ordered('>=', x, _constant(0., _FLOAT, many)), x.type)


# The lowest bits of x + _SHIFT are those of the whole number k nearest to x.
_SHIFT, _SHIFT_BITS = 1.5 * 2**23, 0x4B400000
_shifted, _nearest = _of_one(_build_shifted), _of_one(_build_nearest)
_scaled = _elementwise(_build_scaled)  # p * 2^k from p near 1 and k + _SHIFT
_is_positive = _of_one(_build_positive)  # 0 for negative numbers, otherwise 1


@numba.njit(inline='always', **OPTIONS)
def _power(r, shifted):
    """2^(k + r): k by the exponent's bits, r from -1/2 to 1/2 by a polynomial, fitted at Chebyshev's nodes."""
    p = r * f32(1.5461447461e-4) + f32(1.3390867351e-3)
    p = p * r + f32(9.6180566699e-3)
    p = p * r + f32(5.5503571043e-2)
    p = p * r + f32(2.4022650922e-1)
    p = p * r + f32(6.9314718803e-1)
    return _scaled(p * r + f32(1), shifted)


@numba.njit(inline='always', **OPTIONS)
def exp2(x: Any) -> Any:
    """2^x for x <= 0, within 2 units in the last place; the function of libm cannot be vectorised."""
    x = larger(x, f32(-126))  # a NaN must come from arithmetic: other bits may become a number below
    shifted = _shifted(x)
    return _power(x - _nearest(shifted), shifted)


@numba.njit(inline='always', **OPTIONS)
def _exp_of_minus_size(x):
    """e^-|x|."""
    x = larger(f32(0) - larger(x, f32(0) - x), f32(-87))
    shifted = _shifted(x * f32(LOG2_E))
    r = x * f32(LOG2_E) - _nearest(shifted)
    return _power(r + x * f32(LOG2_E - f32(LOG2_E)), shifted)


@numba.njit(inline='always', **OPTIONS)
def sigmoid(x: Any) -> Any:
    """1 / (1 + e^-x)."""
    e, positive = _exp_of_minus_size(x), _is_positive(x)
    return (positive + (f32(1) - positive) * e) / (f32(1) + e)


@numba.njit(inline='always', **OPTIONS)
def softplus(x: Any) -> Any:
    """max(x, 0) + log(1 + e) with e = e^-|x|, the logarithm as 2 artanh(e / (2 + e))."""
    e = _exp_of_minus_size(x)
    s = e / (f32(2) + e)
    q = s * s
    p = q * f32(1 / 13) + f32(1 / 11)
    p = p * q + f32(1 / 9)
    p = p * q + f32(1 / 7)
    p = p * q + f32(1 / 5)
    p = p * q + f32(1 / 3)
    return larger(x, f32(0)) + f32(2) * s * (p * q + f32(1))
