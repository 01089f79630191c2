"""A chain as a function that torch can differentiate.

    age = torch.tensor(t, dtype=torch.float64, requires_grad=True)
    cube = cubix.torch.forward(chain, age=age, inclination=inclination)
    loss = ((cube - observed)**2 / variance).sum()
    loss.backward()                                   # age.grad, inclination.grad

Reverse mode (backward, torch.autograd.grad) and forward mode (torch.autograd.forward_ad) both work,
and so do the transforms of torch.func: grad, vjp, jvp, jacrev, jacfwd, vmap.  What vmap batches is
one call of the library's side, which works through the batch.  There are no second derivatives; use
`Chain.gnvp`.  The library works in the host's memory: tensors on another device are copied there
and back.
"""
from __future__ import annotations

from typing import Any

import numpy as np
import torch

from . import Chain, Error, _batch, _library

__all__ = ["forward"]


def _numbers(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().to("cpu", torch.float64).numpy()


def _widen(info: Any, in_dims: Any, tensors: Any, n_lead: int) -> list[Any]:
    """Tensors with one more dimension in front: vmap's, or 1 where it does not batch them."""
    return [None if t is None else t.unsqueeze(0) if d is None else t.movedim(d, 0) for t, d in zip(tensors, in_dims)]


class _Once(torch.autograd.Function):
    """A derivative, which has none of its own."""

    @staticmethod
    def backward(ctx: Any, *_: Any) -> Any:
        raise Error("a cube has no second derivatives; Chain.gnvp is the Gauss-Newton product")

    @staticmethod
    def jvp(ctx: Any, *_: Any) -> Any:
        raise Error("a cube has no second derivatives; Chain.gnvp is the Gauss-Newton product")


def _stand(chain: Chain, names: tuple[str, ...], stamp: Any) -> None:
    """Error unless the chain's other values are those of forward."""
    if chain._stamp(names) != stamp:
        raise Error("values that this cube was made of, but not by cubix.torch.forward's arguments, were put "
                    "between forward and its derivative")


class _Vjp(_Once):
    @staticmethod
    def forward(chain: Chain, names: tuple[str, ...], stamp: Any, n_lead: int, cube_bar: torch.Tensor,
                *tensors: torch.Tensor) -> Any:
        with _library.lock:
            _stand(chain, names, stamp)
            bars = _batch.vjp(chain, names, [_numbers(t) for t in tensors], cube_bar.detach().to("cpu").numpy(),
                              n_lead)
        return tuple(torch.from_numpy(bar).to(t.device, t.dtype) for bar, t in zip(bars, tensors))

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        pass

    @staticmethod
    def vmap(info: Any, in_dims: Any, chain: Chain, names: tuple[str, ...], stamp: Any, n_lead: int,
             *tensors: torch.Tensor) -> Any:
        bars = _Vjp.apply(chain, names, stamp, n_lead + 1, *_widen(info, in_dims[4:], tensors, n_lead))
        return bars, tuple(0 for _ in bars)


class _Jvp(_Once):
    @staticmethod
    def forward(chain: Chain, names: tuple[str, ...], stamp: Any, n_lead: int, n: int, *tensors: Any) -> torch.Tensor:
        values, dots = tensors[:n], tensors[n:]
        with _library.lock:
            _stand(chain, names, stamp)
            cube_dot = _batch.jvp(chain, names, [_numbers(t) for t in values],
                                  [None if d is None else _numbers(d) for d in dots], n_lead)
        return torch.from_numpy(cube_dot).to(values[0].device)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        pass

    @staticmethod
    def vmap(info: Any, in_dims: Any, chain: Chain, names: tuple[str, ...], stamp: Any, n_lead: int, n: int,
             *tensors: Any) -> Any:
        return _Jvp.apply(chain, names, stamp, n_lead + 1, n, *_widen(info, in_dims[5:], tensors, n_lead)), 0


class _Forward(torch.autograd.Function):
    @staticmethod
    def forward(chain: Chain, names: tuple[str, ...], n_lead: int, *tensors: torch.Tensor) -> torch.Tensor:
        cube = torch.from_numpy(_batch.forward(chain, names, [_numbers(t) for t in tensors], n_lead))
        return cube.to(tensors[0].device) if tensors else cube

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.chain, ctx.names, ctx.n_lead, *tensors = inputs
        ctx.stamp = ctx.chain._stamp(ctx.names)
        ctx.save_for_backward(*tensors)
        ctx.save_for_forward(*tensors)

    @staticmethod
    def backward(ctx: Any, cube_bar: torch.Tensor) -> Any:
        bars = _Vjp.apply(ctx.chain, ctx.names, ctx.stamp, ctx.n_lead, cube_bar, *ctx.saved_tensors)
        like = zip(bars, ctx.saved_tensors, ctx.needs_input_grad[3:])
        return (None, None, None, *(_fold(bar, t, ctx.n_lead) if needed else None for bar, t, needed in like))

    @staticmethod
    def jvp(ctx: Any, _chain: Any, _names: Any, _n_lead: Any, *dots: Any) -> torch.Tensor:
        return _Jvp.apply(ctx.chain, ctx.names, ctx.stamp, ctx.n_lead, len(ctx.names), *ctx.saved_tensors, *dots)

    @staticmethod
    def vmap(info: Any, in_dims: Any, chain: Chain, names: tuple[str, ...], n_lead: int,
             *tensors: torch.Tensor) -> Any:
        return _Forward.apply(chain, names, n_lead + 1, *_widen(info, in_dims[3:], tensors, n_lead)), 0


def _fold(bar: torch.Tensor, like: torch.Tensor, n_lead: int) -> torch.Tensor:
    """A bar of the whole batch, added up over what the batch shares."""
    shared = [k for k in range(n_lead) if like.shape[k] == 1 and bar.shape[k] != 1]
    return bar.sum(shared, keepdim=True) if shared else bar


def forward(chain: Chain, **tensors: torch.Tensor) -> torch.Tensor:
    """`chain.forward(**tensors)` as a differentiable tensor.

    tensors  leaves by name, of `chain.leaf_shape(name)` (a global number may also have the shape
             (1,)), in float64 for full precision.  Those that require a gradient must be active in
             the chain and named as in `chain.active`; the others are only put.

    Returns a float32 tensor [n_y][n_x][n_lambda] (`Chain.forward`), on the device of the first
    tensor.
    Errors: cubix.Error, also if other values were put (`Chain.put`) between a forward and its
    backward.  In between, the same chain may be run with other tensors; backward then goes back to
    the old ones, for one more forward run.
    """
    shaped = []
    for name, tensor in tensors.items():
        if not isinstance(tensor, torch.Tensor):
            raise Error(f"{name} is no tensor; Chain.put takes values that are not differentiated")
        if name not in chain.active and (tensor.requires_grad
                                         or torch.autograd.forward_ad.unpack_dual(tensor).tangent is not None):
            raise Error(f"{name} requires a gradient, but is not active in this chain; active are "
                        f"{', '.join(chain.active) or 'none'}")
        shape = chain.leaf_shape(name)
        if tuple(tensor.shape) != shape and tensor.numel() == np.prod(shape, dtype=int):
            tensor = tensor.reshape(shape)
        shaped.append(tensor)
    with _library.lock:
        return _Forward.apply(chain, tuple(tensors), 0, *shaped)
