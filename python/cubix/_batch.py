"""Many cubes or derivatives in one call: what cubix.torch and cubix.jax do when they are batched.

Every array has `n_lead` dimensions in front of its own: those of the batch, or 1 where all of the
batch share it.  Results have the dimensions of the whole batch.  The library works through the
batch one after the other, and puts values only where they change.
"""
from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Optional, Union

import numpy as np

from . import Error, _library

if TYPE_CHECKING:
    from . import Chain


def _lead(arrays: Sequence[Any], n_lead: int) -> tuple[int, ...]:
    """The batch's own dimensions."""
    return np.broadcast_shapes(*(np.shape(a)[:n_lead] for a in arrays)) if arrays else (1, ) * n_lead


def _at(array: Any, place: tuple[int, ...]) -> Any:
    """The part of an array that belongs to one place of the batch."""
    return array[tuple(i if n > 1 else 0 for i, n in zip(place, array.shape))] if place else array


def _places(names: Sequence[str], arrays: Sequence[Any],
            lead: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], Optional[dict[str, Any]]]]:
    """Each place of the batch, and its values; None where they are those of the place before."""
    before = None
    for place in np.ndindex(lead):
        own = tuple(tuple(i if n > 1 else 0 for i, n in zip(place, a.shape)) for a in arrays)
        yield place, None if own == before else {name: _at(a, place) for name, a in zip(names, arrays)}
        before = own


def check_names(chain: Chain, names: Sequence[str]) -> None:
    """Error for what is not active in a chain."""
    unknown = [name for name in names if name not in chain.active]
    if unknown:
        raise Error(f"{', '.join(unknown)}: not active in this chain; active are {', '.join(chain.active) or 'none'}")


def forward(chain: Chain, names: Sequence[str], arrays: Sequence[Any], n_lead: int = 0) -> np.ndarray:
    """Cubes, [lead][n_y][n_x][n_lambda]."""
    lead = _lead(arrays, n_lead)
    with _library.lock:
        if not lead:
            return chain.forward(**dict(zip(names, arrays)))
        cubes = None
        for place, values in _places(names, arrays, lead):
            cube = chain.forward(copy=False, **(values or {}))
            if cubes is None:
                cubes = np.empty((*lead, *(chain.shape or ())), chain.dtype)
            cubes[place] = cube
        return np.empty((*lead, *(chain.shape or (0, 0, 0))), chain.dtype) if cubes is None else cubes


def vjp(chain: Chain, names: Sequence[str], arrays: Sequence[Any], cube_bar: Any, n_lead: int = 0) -> list[np.ndarray]:
    """Bars of the named leaves, each [lead] + its leaf_shape; zeros for those that are not active."""
    lead = _lead([*arrays, cube_bar], n_lead)
    bars = [np.zeros(lead + chain.leaf_shape(name)) for name in names]
    with _library.lock:
        for place, values in _places(names, arrays, lead):
            if values is not None:
                chain._at(values)
            one = chain.vjp(_at(cube_bar, place))
            for bar, name in zip(bars, names):
                if name in one:
                    bar[place] = one[name]
    return bars


def jvp(chain: Chain, names: Sequence[str], arrays: Sequence[Any], dots: Sequence[Any], n_lead: int = 0) -> np.ndarray:
    """Changes of the cube along dots, None for those that are zero: [lead][n_y][n_x][n_lambda]."""
    given = [(name, dot) for name, dot in zip(names, dots) if dot is not None]
    lead = _lead([*arrays, *(dot for _, dot in given)], n_lead)
    cubes = np.zeros((*lead, *(chain.shape or ())), chain.dtype)
    with _library.lock:
        for place, values in _places(names, arrays, lead):
            if values is not None:
                chain._at(values)
            cubes[place] = chain.jvp({name: _at(dot, place) for name, dot in given}, copy=False)
    return cubes


def simulate(chain: Chain, thetas: Union[Mapping[str, Any], Any], names: Optional[Sequence[str]] = None,
             summary: Optional[Callable[[np.ndarray], Any]] = None) -> np.ndarray:
    """Cubes of many values of active leaves, one after the other, without files: what simulation-based inference asks.

    thetas   {name: [n] + leaf_shape(name)}, or an array [n][d] of the values of `names` side by side, in their order,
             as sbi draws them; torch tensors are as good
    names    of the columns of an array; None: chain.active
    summary  what to keep of each cube [n_y][n_x][n_lambda], which is only lent; None: all of it
    Returns [n] + shape of a cube, or of its summary: the bits of chain.forward of one after the other.
    Errors: cubix.Error: a leaf that is not active, columns that are not as many as the leaves' numbers.
    """
    if isinstance(thetas, Mapping):
        values = {name: np.asarray(theta, float) for name, theta in thetas.items()}
    else:
        values = _columns(chain, np.asarray(thetas, float), chain.active if names is None else names)
    check_names(chain, list(values))
    lengths = {len(theta) for theta in values.values()}
    if len(lengths) != 1:
        raise Error(f"simulate needs as many values of each leaf, not {', '.join(map(str, sorted(lengths))) or 'none'}")
    kept: list[Any] = []
    with _library.lock:
        for i in range(lengths.pop()):
            cube = chain.forward(copy=False, **{name: theta[i] for name, theta in values.items()})
            kept.append(np.array(cube if summary is None else summary(cube)))
    return np.stack(kept) if kept else np.empty((0, *(chain.shape or ())), chain.dtype)


def _columns(chain: Chain, thetas: np.ndarray, names: Sequence[str]) -> dict[str, np.ndarray]:
    """An array [n][d] by leaves."""
    check_names(chain, names)
    sizes = [int(np.prod(chain.leaf_shape(name))) for name in names]
    if thetas.ndim != 2 or thetas.shape[1] != sum(sizes):
        told = ", ".join(f"{name} ({size})" for name, size in zip(names, sizes))
        raise Error(f"thetas of shape {thetas.shape}: there must be [n][{sum(sizes)}], the numbers of {told}")
    ends = np.cumsum(sizes)
    return {name: thetas[:, end - size:end].reshape(len(thetas), *chain.leaf_shape(name))
            for name, size, end in zip(names, sizes, ends)}
