"""The transforms of torch.func and jax on a chain: forward and reverse mode, Jacobians, and batches, each of which is one
call of the host's side."""
import json

from test_python import SMOOTH, TWIN, case, need, python  # noqa: F401

# In every script: the chain, a Jacobian of its own making, and how often the host's side was called.
SCRIPT = """
from cubix import _batch
c = chain(["age", "velocity", "alpha"], slice(0, 3), **json.load(open("smooth.json")))
start = c.values
scale = float(c.forward().max())
columns = []                                     # d cube / d velocity, by Chain.jvp
for k in range(9):
    dot = np.zeros(9)
    dot[k] = 1
    columns.append(c.jvp({"velocity": dot.reshape(3, 3)}))
jacobian = np.stack(columns, -1).reshape(c.shape + (3, 3))
alphas = np.array([10., 20., 35.])
cubes = [c.forward(**{**start, "alpha": a}) for a in alphas]
w = np.random.default_rng(3).standard_normal(c.shape)
gradients = []
for a in alphas:
    c.forward(**{**start, "alpha": a})
    gradients.append(c.vjp(w)["alpha"])
c.forward(**start)
calls = {name: 0 for name in ("forward", "vjp", "jvp")}
def counted(name, function):
    def wrapped(*a, **kw):
        calls[name] += 1
        return function(*a, **kw)
    return wrapped
for name in calls:
    setattr(_batch, name, counted(name, getattr(_batch, name)))
def called(**times):
    assert calls == {"forward": 0, "vjp": 0, "jvp": 0, **times}, calls
    calls.update(forward=0, vjp=0, jvp=0)
"""


def test_torch_func(case):  # noqa: F811
    need("torch")
    case.path("smooth.json").write_text(json.dumps(SMOOTH))
    python(case, SCRIPT + """
import torch, cubix.torch
from torch.func import grad, jacfwd, jacrev, jvp, vmap
x = {n: torch.tensor(v) for n, v in start.items()}
w = torch.tensor(w)
def cube(velocity=x["velocity"], alpha=x["alpha"]):
    return cubix.torch.forward(c, age=x["age"], velocity=velocity, alpha=alpha)
near(jacrev(lambda v: cube(v))(x["velocity"]), jacobian, 1e-10)
called(forward=1, vjp=1)                         # one call for all rows of the Jacobian
near(jacfwd(lambda v: cube(v))(x["velocity"]), jacobian, 1e-10)
called(forward=1, jvp=1)
value, dot = jvp(lambda v: cube(v), (x["velocity"],), (torch.ones(3, 3, dtype=torch.float64),))
near(dot, jacobian.sum((3, 4)), 1e-10)
calls.update(forward=0, vjp=0, jvp=0)
a = torch.tensor(alphas)
near(vmap(lambda one: cube(alpha=one))(a), cubes, 1e-12)
called(forward=1)
of = lambda one: (cube(alpha=one) * w).sum()
near(vmap(grad(of))(a), gradients, 1e-10)
called(forward=1, vjp=1)
many = a.clone().requires_grad_()
(vmap(lambda one: cube(alpha=one))(many) * w).sum().backward()          # the batch within the derivative
near(many.grad, gradients, 1e-10)
shared = x["velocity"].clone().requires_grad_()
vmap(lambda one: cube(velocity=shared, alpha=one))(a)[0].sum().backward()
c.forward(alpha=alphas[0])
near(shared.grad, c.vjp(np.ones(c.shape))["velocity"], 1e-10)
raises("no second derivatives", grad(grad(of)), a[0])
""", library=TWIN, timeout=180)


def test_jax_transforms(case):  # noqa: F811
    need("jax")
    case.path("smooth.json").write_text(json.dumps(SMOOTH))
    python(case, SCRIPT + """
import jax, cubix.jax
jax.config.update("jax_enable_x64", True)
f = cubix.jax.forward(c)
def cube(velocity=start["velocity"], alpha=start["alpha"]):
    return f({"age": start["age"], "velocity": velocity, "alpha": alpha})
v, one = start["velocity"], np.ones((3, 3))
for wrapped in (lambda g: g, jax.jit):
    near(wrapped(jax.jacrev(cube))(v), jacobian, 1e-10)
    calls.update(forward=0, vjp=0, jvp=0)
    near(wrapped(jax.jacfwd(cube))(v), jacobian, 1e-10)
    calls.update(forward=0, vjp=0, jvp=0)
    value, dot = wrapped(lambda v: jax.jvp(cube, (v,), (one,)))(v)
    near(value, cubes[0] * 0 + np.asarray(cube(v)), 1e-12)
    near(dot, jacobian.sum((3, 4)), 1e-10)
    calls.update(forward=0, vjp=0, jvp=0)
    near(wrapped(jax.vmap(lambda a: cube(alpha=a)))(alphas), cubes, 1e-12)
    called(forward=1)
    of = lambda a: (cube(alpha=a) * w).sum()
    near(wrapped(jax.vmap(jax.grad(of)))(alphas), gradients, 1e-10)
    assert calls["vjp"] == 1 and calls["forward"] <= 1, calls
    near(wrapped(jax.grad(lambda a: (jax.vmap(lambda one: cube(alpha=one))(a) * w).sum()))(alphas), gradients, 1e-10)
    shared = wrapped(jax.grad(lambda v: jax.vmap(lambda a: cube(v, a))(alphas)[0].sum()))(v)
    c.forward(alpha=alphas[0])
    near(shared, c.vjp(np.ones(c.shape))["velocity"], 1e-10)
    c.forward(**start)
calls.update(forward=0, vjp=0, jvp=0)
linear = jax.linearize(cube, v)[1]
near(linear(one), jacobian.sum((3, 4)), 1e-10)
raises("no second derivatives", jax.grad(jax.grad(of)), alphas[0])
""", library=TWIN, timeout=180)
