"""A chain as a function that jax can differentiate.

    cube = cubix.jax.forward(chain)
    loss = lambda values: ((cube(values) - observed)**2).sum()
    gradient = jax.grad(loss)({"age": age, "inclination": 60.0})

jax calls the library on the host (jax.pure_callback).  This works under jit, grad, vjp, jvp, jacrev,
jacfwd and vmap, and no handler for XLA has to be compiled; the cost is a copy of the cube each way.
What vmap batches is one call, which works through the batch.  There are no second derivatives;
use `Chain.gnvp`.

jax computes in float32 unless `jax.config.update("jax_enable_x64", True)` is called; without it ages and
masses reach the library rounded to seven digits.
"""
from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Callable

import jax
import numpy as np
try:
    from jax.extend.core import Primitive
except ImportError:                              # jax 0.4.34
    from jax.core import Primitive
from jax.interpreters import ad, batching, mlir

from . import Chain, Error, _batch

__all__ = ["forward"]

# Three operations.  Each takes arrays with n_lead dimensions of a batch in front (1: shared by all of it), the values
# first; chain, names and n_lead are static.
_forward_p = Primitive("cubix_forward")          # values -> cube
_jvp_p = Primitive("cubix_jvp")                  # values, dots -> cube_dot, linear in dots
_vjp_p = Primitive("cubix_vjp")                  # values, cube_bar -> bars, linear in cube_bar
_vjp_p.multiple_results = True


def _lead(arrays: Any, n_lead: int) -> tuple[int, ...]:
    return np.broadcast_shapes(*(a.shape[:n_lead] for a in arrays)) if arrays else (1, ) * n_lead


def _cube_type(chain: Chain, arrays: Any, n_lead: int) -> jax.ShapeDtypeStruct:
    assert chain.shape is not None
    return jax.ShapeDtypeStruct(_lead(arrays, n_lead) + chain.shape, jax.dtypes.canonicalize_dtype(chain.dtype))


def _bar_types(names: tuple[str, ...], chain: Chain, arrays: Any, n_lead: int) -> list[jax.ShapeDtypeStruct]:
    lead = _lead(arrays, n_lead)
    return [jax.ShapeDtypeStruct(lead + chain.leaf_shape(name), x.dtype) for name, x in zip(names, arrays)]


def _host(arrays: Any) -> list[np.ndarray]:
    return [np.asarray(a) for a in arrays]


# ---- what each computes, through the host --------------------------------------------------------

def _run(*values: Any, chain: Chain, names: tuple[str, ...], n_lead: int) -> Any:
    like = _cube_type(chain, values, n_lead)
    return jax.pure_callback(lambda *v: np.asarray(_batch.forward(chain, names, _host(v), n_lead), like.dtype), like,
                             *values)


def _run_jvp(*arrays: Any, chain: Chain, names: tuple[str, ...], n_lead: int) -> Any:
    like, n = _cube_type(chain, arrays, n_lead), len(names)
    return jax.pure_callback(
        lambda *a: np.asarray(_batch.jvp(chain, names, _host(a[:n]), _host(a[n:]), n_lead), like.dtype), like, *arrays)


def _run_vjp(*arrays: Any, chain: Chain, names: tuple[str, ...], n_lead: int) -> Any:
    like = _bar_types(names, chain, arrays, n_lead)
    return jax.pure_callback(
        lambda *a: [np.asarray(bar, to.dtype) for bar, to in
                    zip(_batch.vjp(chain, names, _host(a[:-1]), np.asarray(a[-1]), n_lead), like)], like, *arrays)


def _of_cube(*arrays: Any, chain: Chain, names: tuple[str, ...], n_lead: int) -> Any:
    like = _cube_type(chain, arrays, n_lead)
    return jax.core.ShapedArray(like.shape, like.dtype)


def _of_bars(*arrays: Any, chain: Chain, names: tuple[str, ...], n_lead: int) -> Any:
    return [jax.core.ShapedArray(like.shape, like.dtype) for like in _bar_types(names, chain, arrays, n_lead)]


# ---- their derivatives ---------------------------------------------------------------------------

def _dense(dots: Any, values: Any) -> list[Any]:
    """Dots with the zeros that jax only notes, and as many dimensions as values of a batch."""
    return [jax.numpy.zeros(x.shape, x.dtype) if isinstance(d, ad.Zero) else d for d, x in zip(dots, values)]


def _forward_jvp(values: Any, dots: Any, **static: Any) -> Any:
    return _forward_p.bind(*values, **static), _jvp_p.bind(*values, *_dense(dots, values), **static)


def _only_first(*_: Any, **__: Any) -> Any:
    raise Error("a cube has no second derivatives; Chain.gnvp is the Gauss-Newton product")


def _linear_jvp(primitive: Any, n_linear: Callable[[int], int]) -> Any:
    """The jvp of what is linear in its last arguments; it does not vary with the first, as far as is known here."""
    def rule(arrays: Any, dots: Any, **static: Any) -> Any:
        n = len(arrays) - n_linear(len(static["names"]))
        if any(not isinstance(d, ad.Zero) for d in dots[:n]):
            _only_first()
        out = primitive.bind(*arrays, **static)
        return out, primitive.bind(*arrays[:n], *_dense(dots[n:], arrays[n:]), **static)
    return rule


def _fold(bar: Any, shape: tuple[int, ...], n_lead: int) -> Any:
    """A bar of the whole batch, added up over what the batch shares."""
    shared = tuple(k for k in range(n_lead) if shape[k] == 1 and bar.shape[k] != 1)
    return bar.sum(shared, keepdims=True) if shared else bar


def _jvp_transpose(cube_bar: Any, *arrays: Any, chain: Chain, names: tuple[str, ...], n_lead: int) -> Any:
    n = len(names)
    if isinstance(cube_bar, ad.Zero):
        return [None] * len(arrays)
    bars = _vjp_p.bind(*arrays[:n], cube_bar, chain=chain, names=names, n_lead=n_lead)
    return [None] * n + [_fold(bar, dot.aval.shape, n_lead) if ad.is_undefined_primal(dot) else None
                         for bar, dot in zip(bars, arrays[n:])]


def _vjp_transpose(dots: Any, *arrays: Any, chain: Chain, names: tuple[str, ...], n_lead: int) -> Any:
    values = arrays[:-1]
    cube_dot = _jvp_p.bind(*values, *_dense(dots, values), chain=chain, names=names, n_lead=n_lead)
    return [None] * len(values) + [_fold(cube_dot, arrays[-1].aval.shape, n_lead)]


# ---- their batches -------------------------------------------------------------------------------

def _widen(arrays: Any, dims: Any) -> list[Any]:
    """One more dimension in front: that of the batch, or 1."""
    return [x[None] if d is None else jax.numpy.moveaxis(x, d, 0) for x, d in zip(arrays, dims)]


def _batched(primitive: Any) -> Any:
    def rule(arrays: Any, dims: Any, *, chain: Chain, names: tuple[str, ...], n_lead: int) -> Any:
        out = primitive.bind(*_widen(arrays, dims), chain=chain, names=names, n_lead=n_lead + 1)
        return (out, [0] * len(out)) if primitive.multiple_results else (out, 0)
    return rule


for _primitive, _function, _type in ((_forward_p, _run, _of_cube), (_jvp_p, _run_jvp, _of_cube),
                                     (_vjp_p, _run_vjp, _of_bars)):
    _primitive.def_impl(_function)
    _primitive.def_abstract_eval(_type)
    mlir.register_lowering(_primitive, mlir.lower_fun(_function, multiple_results=_primitive.multiple_results))
    batching.primitive_batchers[_primitive] = _batched(_primitive)
ad.primitive_jvps[_forward_p] = _forward_jvp
ad.primitive_jvps[_jvp_p] = _linear_jvp(_jvp_p, lambda n: n)
ad.primitive_jvps[_vjp_p] = _linear_jvp(_vjp_p, lambda n: 1)
ad.primitive_transposes[_jvp_p] = _jvp_transpose
ad.primitive_transposes[_vjp_p] = _vjp_transpose


def forward(chain: Chain) -> Callable[[Mapping[str, Any]], jax.Array]:
    """A function that makes the cube from a dict of values.

    The dict is {name: array of `chain.leaf_shape(name)`} with names as in `chain.active`; the
    result is the cube, float32 [n_y][n_x][n_lambda] (`Chain.forward`).  Leaves that are not in the
    dict keep the values that the chain has when the function runs.  To learn the shape,
    `Chain.forward` runs once here unless it has run before.  With several ranks all must run the
    same program, so that the callbacks meet.
    Errors: cubix.Error, or in compiled code an exception of jax that quotes the library's message.
    """
    if chain.shape is None:
        chain.forward(copy=False)

    def cube(values: Mapping[str, Any]) -> jax.Array:
        _batch.check_names(chain, list(values))
        arrays = []
        for name, value in values.items():
            x = jax.numpy.asarray(value)
            if x.size != np.prod(chain.leaf_shape(name), dtype=int):
                raise Error(f"{name} has shape {x.shape}; it must be {chain.leaf_shape(name)}")
            x = x if jax.numpy.issubdtype(x.dtype, jax.numpy.floating) else x.astype(float)
            arrays.append(x.reshape(chain.leaf_shape(name)))
        return _forward_p.bind(*arrays, chain=chain, names=tuple(values), n_lead=0)

    return cube
