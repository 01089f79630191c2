"""The dust in front of stars: on any number of ranks, against the kernel's integral, and media that are known."""
import numpy as np
import pytest

from harness import assert_close, run
from oracle import column

MAG = 2.5 / np.log(10)           # of an optical depth of 1


class Columns:
    def __init__(self, folder, star, bar, cell, radius, weight):
        self.folder, self.n_star, self.n_gas = folder, len(star), len(cell)
        np.column_stack([cell, radius, weight]).astype(float).tofile(folder / "gas")
        np.column_stack([star, bar]).astype(float).tofile(folder / "stars")

    def __call__(self, ranks=1, threads=1, calls=1):
        done = run("dump_columns", ["gas", self.n_gas, "stars", self.n_star, calls, "out"], ranks, threads,
                   cwd=self.folder)
        assert done.status == 0, done.err
        self.fullest = float(done.out.split()[-1])
        share = (np.arange(ranks + 1) / ranks)**2
        star, gas = (np.floor(n * share).astype(int) for n in (self.n_star, self.n_gas))
        parts = {}
        for r in range(ranks):
            x, at = np.fromfile(self.folder / f"out.{r}"), 0
            for name, n in (("screen", 1), ("star_bar", 3), ("screen_dot", 1), ("cell_bar", -3), ("radius_bar", -1),
                            ("weight_bar", -1)):
                size = abs(n) * (star[r + 1] - star[r] if n > 0 else gas[r + 1] - gas[r])
                parts.setdefault(name, []).append(x[at:at + size])
                at += size
            assert at == len(x)
        return {name: np.concatenate(x) for name, x in parts.items()}


def cloud(n_star, n_gas, seed=1):
    """A clumpy disc on the sky in the order of no curve, cells of all sizes, a few as large as all of it."""
    rng = np.random.default_rng(seed)
    cell = rng.normal(size=(n_gas, 3)) * [6, 3, 2] * rng.uniform(0, 1, (n_gas, 1))
    cell[: n_gas // 4] = [4, -1, 0.5] + 0.1 * rng.normal(size=(n_gas // 4, 3))
    radius = 10**rng.uniform(-2, 0.3, n_gas)
    radius[rng.choice(n_gas, 5)] = 15
    weight = 0.02 * radius**2 * rng.uniform(0, 1, n_gas)
    star = rng.normal(size=(n_star, 3)) * [5, 3, 2]
    star[: n_star // 5] = cell[rng.choice(n_gas, n_star // 5)]
    star[0] = [500, 0, 10]
    shuffled = rng.permutation(n_gas)
    return rng.permutation(star), rng.normal(size=n_star), cell[shuffled], radius[shuffled], weight[shuffled]


def test_against_the_kernels_integral(tmp_path):
    star, bar, cell, radius, weight = cloud(400, 3000)
    got = Columns(tmp_path, star, bar, cell, radius, weight)()["screen"]
    want = column.screen(star, cell, radius, weight)
    assert want.max() > 1
    assert_close(got, want, 2e-11, 1)


@pytest.mark.parametrize("gas_reaches, far", [(10, 0), (1000, 0), (1000, 10)])
def test_ranks_share_the_stars_of_a_small_galaxy(tmp_path, gas_reaches, far):
    """However far the gas reaches, and a few stars: one cell in front of every star, so that stars are the work."""
    rng = np.random.default_rng(8)
    star = rng.uniform(-5, 5, (4000, 3)) + [2, 1, 0]
    star[:far] *= 150
    cell = np.vstack([[2, 1, -20], np.column_stack([gas_reaches * rng.choice([-1, 1], (40, 2)), np.zeros(40)])])
    radius = np.concatenate([[20], np.full(40, 0.1)])
    columns = Columns(tmp_path, star, np.ones(4000), cell, radius, np.ones(41))
    for ranks in (2, 3, 4):
        columns(ranks)
        assert columns.fullest < 1.1, (ranks, columns.fullest)


def test_any_ranks_threads_and_calls(tmp_path):
    """Uneven shares; one rank without stars or gas where there are few; more calls than some rank has stars."""
    for n_star, n_gas in ((3000, 4000), (7, 5), (1, 1), (40, 0)):
        few = np.zeros((n_star, 3)), np.ones(n_star), np.zeros((n_gas, 3)), np.ones(n_gas), np.ones(n_gas)
        columns = Columns(tmp_path, *(cloud(n_star, n_gas, seed=n_star) if n_gas > 1 else few))
        want = {name: x.tobytes() for name, x in columns().items()}
        for ranks, threads, calls in ((1, 2, 3), (2, 1, 1), (3, 1, 9), (5, 2, 2)):
            got = columns(ranks, threads, calls)
            for name, x in want.items():
                assert got[name].tobytes() == x, (n_star, n_gas, ranks, threads, calls, name)


def test_slab_and_sandwich(tmp_path):
    """V2, V3: stars mixed with dust leave (1 - e^-t)/t of their light; of those above it nothing is lost."""
    rng = np.random.default_rng(3)
    tau, n = 1.5, 40
    x, y, z = np.meshgrid(*[np.arange(n) + 0.5] * 3)
    cell = np.column_stack([x.ravel(), y.ravel(), z.ravel()]) + rng.uniform(-0.5, 0.5, (n**3, 3))
    weight = np.full(n**3, MAG * tau * n**2 / n**3)
    star = rng.uniform(0, n, (20000, 3))
    star[:, :2] = n / 2 + (star[:, :2] - n / 2) / 2          # away from the edges
    star[::4, 2] = -5
    screen = Columns(tmp_path, star, np.ones(len(star)), cell, np.full(n**3, 2.5), weight)()["screen"]
    light = np.exp(-screen / MAG)
    assert np.all(light[::4] == 1)
    inside = np.delete(light, np.s_[::4])
    assert_close(inside.mean(), (1 - np.exp(-tau)) / tau, 0.01, None)
    assert_close(light.mean(), 0.25 + 0.75 * (1 - np.exp(-tau)) / tau, 0.01, None)


# direct light of the models DUSTY of Witt & Gordon (2000, ApJ 528, 799), by the optical depth of their radius
@pytest.mark.parametrize("tau, direct", [(0.227, 0.848), (0.909, 0.553), (1.818, 0.356), (4.545, 0.159)])
def test_sphere(tmp_path, tau, direct):
    """V4: stars mixed with dust in a sphere (Osterbrock 1989, appendix 2)."""
    rng = np.random.default_rng(4)

    n, r = 100000, ((np.arange(100000) + 0.5) / 100000)**(1 / 3)
    star = rng.normal(size=(n, 3))
    star *= (r / np.linalg.norm(star, axis=1))[:, None]
    at = np.arange(-1, 1, (4 * np.pi / 3 / n)**(1 / 3))        # cells as even as can be: clumps would let light through
    cell = np.stack(np.meshgrid(at, at, at), axis=-1).reshape(-1, 3)
    cell = cell[np.linalg.norm(cell, axis=1) < 1]
    weight = np.full(len(cell), MAG * tau * 4 * np.pi / 3 / len(cell))
    screen = Columns(tmp_path, star, np.ones(n), cell, np.full(len(cell), 0.08), weight)()["screen"]
    light = np.exp(-screen / MAG)
    want = 3 / (4 * tau) * (1 - 1 / (2 * tau**2) + (1 / tau + 1 / (2 * tau**2)) * np.exp(-2 * tau))
    assert_close(light.mean(), want, 0.01, None)
    assert_close(light.mean(), direct, 0.03, None)
