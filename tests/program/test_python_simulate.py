"""cubix.simulate: the cubes of many values, with the bits of one forward run after the other."""
from program.test_python import SMOOTH, case, python

__all__ = ["case"]


def test_simulate(case):
    python(case, f"""
rng = np.random.default_rng(3)
turns, ages = rng.uniform(0, 90, 5), np.exp(rng.normal(0, 0.1, (5, 1))) * stars["age"]
with chain(active=["alpha", "age", "psffwhm"], **{SMOOTH!r}) as c:
    want = np.array([c.forward(alpha=a, age=t) for a, t in zip(turns, ages)])
    c.forward(alpha=1., age=stars["age"])
    assert np.array_equal(cubix.simulate(c, {{"alpha": turns, "age": ages}}), want)
    table = np.column_stack([turns, ages])
    assert np.array_equal(cubix.simulate(c, table, ["alpha", "age"]), want)
    spectra = cubix.simulate(c, table, ["alpha", "age"], summary=lambda cube: cube.sum((0, 1)))
    assert spectra.shape == (5, 60) and np.array_equal(spectra, np.array([w.sum((0, 1)) for w in want]))
    assert cubix.simulate(c, np.empty((0, 1)), ["alpha"]).shape == (0, 5, 6, 60)
    raises("there must be [n][61], the numbers of alpha (1), age (60)", cubix.simulate, c, table[:, :9],
           ["alpha", "age"])
    raises("beta: not active in this chain", cubix.simulate, c, {{"beta": turns}})
    raises("as many values of each leaf, not 4, 5", cubix.simulate, c, {{"alpha": turns[:4], "age": ages}})
""")


def test_simulate_on_ranks(case):
    """Every rank has its stars, and all make the same calls."""
    python(case, f"""
part = slice(cubix.rank() * 30, cubix.rank() * 30 + 30)
with chain(active=["alpha"], part=part, **{SMOOTH!r}) as c:
    cubes = cubix.simulate(c, np.array([[0.], [50.]]))
    assert len(cubes) == 2 and (cubix.size() == 1 or cubes.shape[1:] == c.shape)
""", ranks=2)
