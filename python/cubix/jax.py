"""A chain as a function that jax can differentiate.

    cube = cubix.jax.forward(chain)
    loss = lambda values: ((cube(values) - observed)**2).sum()
    gradient = jax.grad(loss)({"age": age, "inclination": 60.0})

jax calls the library on the host (jax.pure_callback).  This works under jit and grad, and no
handler for XLA has to be compiled; the cost is a copy of the cube each way.  vmap runs one call
after the other.  Only first derivatives in reverse mode are available: jax.custom_vjp rules out
jax.jvp, for which there is `Chain.jvp`.

jax computes in float32 unless `jax.config.update("jax_enable_x64", True)` is called; without it ages and
masses reach the library rounded to seven digits.
"""
import jax
import numpy as np

from . import Chain, Error, _library

__all__ = ["forward"]


def forward(chain: Chain):
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
    shape = jax.ShapeDtypeStruct(chain.shape, jax.dtypes.canonicalize_dtype(chain.dtype))

    def run(values):
        return np.asarray(chain.forward(**{name: np.asarray(x) for name, x in values.items()}), shape.dtype)

    def run_back(values, cube_bar):
        with _library.lock:
            chain._at({name: np.asarray(x) for name, x in values.items()})
            bars = chain.vjp(np.asarray(cube_bar))
        return {name: np.asarray(bars[name], x.dtype).reshape(x.shape) for name, x in values.items()}

    @jax.custom_vjp
    def cube(values):
        unknown = [name for name in values if name not in chain.active]
        if unknown:
            raise Error(f"{', '.join(unknown)}: not active in this chain; active are "
                        f"{', '.join(chain.active) or 'none'}")
        values = {name: jax.numpy.asarray(x) for name, x in values.items()}
        for name, x in values.items():
            if x.size != np.prod(chain.leaf_shape(name), dtype=int):
                raise Error(f"{name} has shape {x.shape}; it must be {chain.leaf_shape(name)}")
        return jax.pure_callback(run, shape, values, vmap_method="sequential")

    def cube_fwd(values):
        values = {name: jax.numpy.asarray(x) for name, x in values.items()}
        return cube(values), values

    def cube_bwd(values, cube_bar):
        like = {name: jax.ShapeDtypeStruct(x.shape, x.dtype) for name, x in values.items()}
        return (jax.pure_callback(run_back, like, values, cube_bar, vmap_method="sequential"),)

    cube.defvjp(cube_fwd, cube_bwd)
    return cube
