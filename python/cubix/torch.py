"""A chain as a function that torch can differentiate.

    age = torch.tensor(t, dtype=torch.float64, requires_grad=True)
    cube = cubix.torch.forward(chain, age=age, inclination=inclination)
    loss = ((cube - observed)**2 / variance).sum()
    loss.backward()                                   # age.grad, inclination.grad

Reverse mode (backward, torch.autograd.grad) and forward mode (torch.autograd.forward_ad) both work.
There are no second derivatives; use `Chain.gnvp`.  The library works in the host's memory: tensors
on another device are copied there and back.
"""
import torch
from torch.autograd.function import once_differentiable

from . import Chain, Error, _library

__all__ = ["forward"]


def _numbers(tensor):
    return tensor.detach().to("cpu", torch.float64).numpy()


class _Forward(torch.autograd.Function):
    @staticmethod
    def forward(ctx, chain, names, *tensors):
        with _library.lock:
            cube = torch.from_numpy(chain.forward(**{name: _numbers(t) for name, t in zip(names, tensors)}))
            ctx.chain, ctx.names, ctx.stamp = chain, names, chain._stamp(names)
        ctx.save_for_backward(*tensors)
        ctx.save_for_forward(*tensors)
        return cube.to(tensors[0].device) if tensors else cube

    @staticmethod
    def _stand(ctx):
        """Return the chain to the values of forward; it may have had others since."""
        if ctx.chain._stamp(ctx.names) != ctx.stamp:
            raise Error("values that this cube was made of, but not by cubix.torch.forward's arguments, were put "
                        "between forward and its derivative")
        ctx.chain._at({name: _numbers(t) for name, t in zip(ctx.names, ctx.saved_tensors)})

    @staticmethod
    @once_differentiable
    def backward(ctx, cube_bar):
        with _library.lock:
            _Forward._stand(ctx)
            bars = ctx.chain.vjp(cube_bar.detach().to("cpu").numpy())
        need = zip(ctx.names, ctx.saved_tensors, ctx.needs_input_grad[2:])
        return (None, None,
                *(torch.from_numpy(bars[name]).reshape(t.shape).to(t.device, t.dtype) if needed else None for name, t,
                  needed in need))

    @staticmethod
    def jvp(ctx, _chain, _names, *dots):
        with _library.lock:
            _Forward._stand(ctx)
            cube_dot = ctx.chain.jvp({name: _numbers(dot) for name, dot in zip(ctx.names, dots) if dot is not None})
        return torch.from_numpy(cube_dot).to(ctx.saved_tensors[0].device)


def forward(chain: Chain, **tensors):
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
    for name, tensor in tensors.items():
        if not isinstance(tensor, torch.Tensor):
            raise Error(f"{name} is no tensor; Chain.put takes values that are not differentiated")
        if name not in chain.active and (tensor.requires_grad
                                         or torch.autograd.forward_ad.unpack_dual(tensor).tangent is not None):
            raise Error(f"{name} requires a gradient, but is not active in this chain; active are "
                        f"{', '.join(chain.active) or 'none'}")
    return _Forward.apply(chain, tuple(tensors), *tensors.values())
