"""Derivatives by cells of gas through the Python package: products against each other and against steps of the forward
run, whatever the ranks; what has none is refused by name."""
import numpy as np
import pytest

from harness import assert_close
from program.test_python import TWIN, case, python  # noqa: F401

MAKE = """
def cells(n=40, seed=5):
    rng = np.random.default_rng(seed)
    between = rng.integers(8, 24, n) + rng.uniform(0.2, 0.8, n)    # the nodes of the table demo, which are kinks
    return dict(position=rng.normal(0, 1.5, (n, 3)), velocity=rng.normal(0, 60, (n, 3)), mass=rng.uniform(2e6, 2e7, n),
                smoothing_length=rng.uniform(0.6, 2, n), metallicity=0.0142 * 10**(0.05 * between - 1.09),
                temperature=np.where(np.arange(n) % 4, 5e3, 1e5),
                sfr=np.where(np.arange(n) % 3, rng.uniform(0.02, 0.2, n), 0))
how = {"Dust": "gas", "DustToMetal": 0.4, "Lines": "sfr", "LineEscape": 0.1, "Deposit": "tsc", "Psf": "gaussian",
       "PsfFwhm": 1.2, **json.load(open("how.json"))}
leaves = ["gas_mass", "gas_metallicity", "gas_position", "gas_velocity", "gas_sfr", "position"]
size = dict(gas_mass=1e5, gas_metallicity=1e-4, gas_position=1e-2, gas_velocity=2., gas_sfr=1e-3, position=1e-2)
def shared_out(arrays, n):
    part = slice(cubix.rank() * n // cubix.size(), (cubix.rank() + 1) * n // cubix.size())
    return {k: v[part] for k, v in arrays.items()}
def open_chain(gas, names=leaves, **more):
    n = len(gas["mass"])
    return cubix.Chain({**case["parameters"], **how, **more}, shared_out(stars, 60), names, gas=shared_out(gas, n),
                       simulation=simulation)
def draw(c, name, seed, n_all):
    rows = np.random.default_rng(seed).standard_normal((n_all, c.leaf_shape(name)[-1] if len(c.leaf_shape(name)) > 1 else 1))
    return size[name] * shared_out({"x": rows}, n_all)["x"].reshape(c.leaf_shape(name))
def number(name):
    return 60 if name == "position" else 40
"""


@pytest.fixture
def gas(case):  # noqa: F811
    """A band with Hb and [OIII] in it."""
    case.instrument(n_x=6, n_y=5, pixel=1.0, lam=(5080.0, 5279.0, 2.0))
    case.path("how.json").write_text("{}")
    return case


@pytest.mark.parametrize("how", ["{}", '{"Deposit": "cubic", "SmoothingLength": 1.3}', '{"Lines": "none"}',
                                 '{"Engine": "histogram"}', '{"Dust": "none"}'])
def test_steps_and_products(gas, how):
    """J and its transpose against each other, and each leaf against central differences of the forward run."""
    gas.path("how.json").write_text(how)
    python(gas, MAKE + """
grid = how.get("Engine") == "histogram"
g = cells()
names = [n for n in leaves if (how["Lines"] != "none" or n not in ("gas_velocity", "gas_sfr"))
         and (how["Dust"] != "none" or n != "gas_mass")]
c = open_chain(g, names)
w = np.random.default_rng(3).standard_normal(c.forward().shape)
bars, start = c.vjp(w), c.values
dots = {n: draw(c, n, 4 + i, number(n)) for i, n in enumerate(names)}
if "gas_sfr" in dots:
    dots["gas_sfr"][g["sfr"] == 0] = 0                             # in these it cannot fall
    assert (bars["gas_sfr"][g["sfr"] == 0] == 0).all()
for n in names:
    assert bars[n].shape == dots[n].shape == c.leaf_shape(n) and np.isfinite(bars[n]).all() and abs(bars[n]).max() > 0
    there, back = np.vdot(w, c.jvp({n: dots[n]})), (bars[n] * dots[n]).sum()
    assert abs(there - back) <= (2e-7 if grid else 1e-11) * np.linalg.norm(bars[n]) * np.linalg.norm(dots[n]), (n, there, back)
all_dot = np.vdot(w, c.jvp(dots))
assert abs(all_dot - sum((bars[n] * dots[n]).sum() for n in names)) <= (1e-6 if grid else 1e-10) * sum(
    np.linalg.norm(bars[n]) * np.linalg.norm(dots[n]) for n in names)
for n in names if not grid else ():
    def along(e):
        return np.vdot(w, c.forward(**{**start, n: start[n] + e * dots[n]}))
    h = 0.02
    slope = (8 * (along(h) - along(-h)) - (along(2 * h) - along(-2 * h))) / (12 * h)
    want = (bars[n] * dots[n]).sum()
    assert abs(slope - want) <= 3e-6 * np.linalg.norm(bars[n]) * np.linalg.norm(dots[n]), (n, slope, want)
""", library=TWIN)


def test_two_ranks(gas):
    """Each rank gives its cells and gets their derivatives: those of one rank."""
    body = MAKE + """
g = cells()
for engine in ("direct", "histogram"):
    c = open_chain(g, Engine=engine)
    cube = c.forward()
    bars = c.vjp(np.sin(np.arange(np.prod(c.field))).reshape(c.field)[:, :, c.channels])
    dot = c.jvp({"gas_position": draw(c, "gas_position", 7, 40), "gas_mass": draw(c, "gas_mass", 8, 40)})
    np.savez(f"{engine}-{cubix.size()}-{cubix.rank()}.npz", cube=cube, dot=dot, **bars)
"""
    python(gas, body, library=TWIN)
    python(gas, body, ranks=2, library=TWIN)
    for engine, tolerance in (("direct", 1e-11), ("histogram", 1e-7)):
        one = np.load(gas.path(f"{engine}-1-0.npz"))
        two = [np.load(gas.path(f"{engine}-2-{rank}.npz")) for rank in (0, 1)]
        for name in ("cube", "dot"):
            assert_close(np.concatenate([t[name] for t in two], 2), one[name], tolerance, level=np.abs(one[name]).max())
        for name in ("gas_mass", "gas_metallicity", "gas_position", "gas_velocity", "gas_sfr", "position"):
            got = np.concatenate([t[name] for t in two])
            assert_close(got, one[name], tolerance, level=np.abs(one[name]).max(), what=(engine, name))


def test_cells_with_dust_masses(gas):
    """Their dust follows neither mass nor metals; places have their derivatives all the same."""
    python(gas, MAKE + """
g = dict(cells(), dust_mass=np.full(40, 4e4))
for n in ("gas_mass", "dust_to_metal"):
    raises("dust mass", open_chain, g, [n])
c = open_chain(g, ["gas_position", "gas_metallicity"])
w = np.random.default_rng(3).standard_normal(c.forward().shape)
bars, start = c.vjp(w), c.values
for n in bars:
    dot = draw(c, n, 4, 40)
    f = [np.vdot(w, c.forward(**{**start, n: start[n] + e * dot})) for e in (-0.02, -0.01, 0.01, 0.02)]
    slope = (8 * (f[2] - f[1]) - (f[3] - f[0])) / 0.12
    assert abs(slope - (bars[n] * dot).sum()) <= 3e-6 * np.linalg.norm(bars[n]) * np.linalg.norm(dot), n
    assert (bars["gas_metallicity"][::3] == 0).all()              # cells that do not shine
""", library=TWIN)
