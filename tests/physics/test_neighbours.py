"""SmoothingLength knn: the k-th neighbour of every star, and cubes with lengths that follow from it."""
import numpy as np
import pytest
from scipy.spatial import cKDTree

from harness import assert_close, bits, chunks_said, galaxy, refused, run, stars

Z = 0.05
PLAIN = {"Redshift": Z, "Centre": (0, 0, 0), "SystemicVelocity": "none"}


def distances(folder, x, k, ranks=1, threads=1):
    np.asarray(x, float).tofile(folder / "x")
    done = run("dump_neighbours", [folder / "x", len(x), k, folder / "d"], ranks, threads, cwd=folder)
    assert done.status == 0, done.err
    return np.concatenate([np.fromfile(folder / f"d.{r}") for r in range(ranks)])


def clouds(n, seed=1):
    """Of all densities: a cusp, a cluster of few sizes of a cell, a sheet, a star far away; in no order."""
    rng = np.random.default_rng(seed)
    cusp = rng.normal(size=(n, 3)) * rng.uniform(0, 1, (n, 1))**4 * 20
    x = np.concatenate([cusp, [3, 1, 2] + 1e-4 * rng.normal(size=(n // 4, 3)),
                        rng.uniform(-5, 5, (n // 4, 3)) * [1, 1, 0], [[4e3, -2e3, 1e3]]])
    return rng.permutation(x)


@pytest.mark.parametrize("k", [1, 5, 32])
def test_against_another_tree(tmp_path, k):
    x = clouds(3000)
    want = cKDTree(x).query(x, k + 1)[0][:, k]
    got = distances(tmp_path, x, k)
    assert_close(got, want, 4e-16, None)
    far = np.argmax(np.abs(x[:, 0]))
    assert got[far] > 4000


def test_by_looking_at_all(tmp_path):
    x = np.random.default_rng(2).uniform(-1, 1, (700, 3))
    square = ((x[:, None] - x)**2).sum(axis=2)
    assert_close(distances(tmp_path, x, 7), np.sqrt(np.sort(square, axis=1)[:, 7]), 4e-16, None)


def test_any_ranks_and_threads(tmp_path):
    """Uneven shares, one of them empty where there are few stars."""
    for x, k in ((clouds(4000, seed=3), 32), (clouds(20, seed=4), 9), (clouds(4, seed=5), 5)):
        want = distances(tmp_path, x, k).tobytes()
        for ranks, threads in ((1, 2), (2, 1), (3, 1), (4, 1)):
            assert distances(tmp_path, x, k, ranks, threads).tobytes() == want, (len(x), ranks, threads)


def test_more_than_one_batch(tmp_path):
    """So many neighbours that a rank searches for some of its stars at a time."""
    x = clouds(4000, seed=6)
    want = cKDTree(x).query(x, 2501)[0][:, 2500]
    one = distances(tmp_path, x, 2500)
    assert_close(one, want, 4e-16, None)
    assert distances(tmp_path, x, 2500, 3).tobytes() == one.tobytes()


def test_many_at_one_place(tmp_path):
    x = np.concatenate([np.zeros((5000, 3)), np.ones((10, 3)), [[3.0, 1, 1]]])
    for ranks in (1, 3):
        got = distances(tmp_path, x, 12, ranks)
        assert np.all(got[:5000] == 0)
        assert_close(got[5000:5010], np.full(10, np.sqrt(3)), 1e-15, None)
        assert_close(got[5010:], np.array([np.sqrt(11)]), 1e-15, None)
    assert np.all(distances(tmp_path, np.full((300, 3), 7.5), 32, 2) == 0)


def setup(bench, s):
    bench.instrument(n_x=14, n_y=12, pixel=0.5, lam=(5000.0, 5059.0, 1.0), lsf_curve=(4.0,))
    bench.ssp("mixed", fwhm=1.5)
    return bench.particles(s)


@pytest.mark.parametrize("deposit", ["gaussian", "cubic", "wendland"])
def test_a_cube(bench, deposit):
    """As with the same lengths in the file.  A Gaussian has the cubic kernel's standard deviation."""
    s = galaxy(400, seed=9, radius=2.0)
    setup(bench, s)
    got = bench.cube(**PLAIN, Deposit=deposit, SmoothingLength="knn", KnnNeighbours=6, Engine="direct")
    length = cKDTree(s["pos"]).query(s["pos"], 7)[0][:, 6] * (np.sqrt(3 / 40) if deposit == "gaussian" else 1)
    bench.particles(s, name="lengths.hdf5", extra={"SmoothingLength": length})
    want = bench.cube(**PLAIN, Deposit=deposit, Engine="direct")
    assert_close(got["DATA"], want["DATA"], 1e-5, np.abs(want["DATA"]).max(axis=(1, 2), keepdims=True))


def test_ranks_chunks_and_selection(bench):
    """All stars that are selected count, whichever rank reads them and in however many chunks."""
    s = galaxy(4000, seed=5, radius=1.6)
    setup(bench, s)
    par = {**PLAIN, "Deposit": "cubic", "SmoothingLength": "knn", "SelectRadius": 1.9, "Engine": "histogram",
           "Combine": "histogram"}
    want = bench.cube(**par)
    one_way = bits(bench.out)
    dropped = want["header"]["PRIMARY"]["NOUTRAD"]
    assert 100 < dropped < 3000
    for ranks, threads, memory in ((1, 2, 0), (2, 1, 0), (3, 1, 0), (4, 1, 0), (1, 1, 1.0), (2, 1, 1.0)):
        got = bench.cube(ranks=ranks, threads=threads, SlabMemory=memory, **par)
        assert (chunks_said(got["run"]) > 1) == (memory > 0)
        assert bits(bench.out) == one_way, (ranks, threads, memory)
    inside = np.linalg.norm(s["pos"], axis=1) <= 1.9
    bench.particles({key: x[inside] for key, x in s.items()}, name="inside.hdf5")
    assert np.array_equal(bench.cube(**{**par, "SelectRadius": 0})["DATA"], want["DATA"])


def test_a_star_far_from_all_others(bench):
    """It is as wide as SmoothingLengthMax, in the middle of the field."""
    near = galaxy(60, seed=2, radius=0.3)
    s = {key: np.concatenate([near[key], stars((0, 0, 500, 0, 0, 0, 1e6, 3.0, 0.02))[key]]) for key in near}
    setup(bench, s)
    got = bench.cube(**PLAIN, Deposit="cubic", SmoothingLength="knn", SmoothingLengthMax=3)
    alone = stars((0, 0, 0, 0, 0, 0, 1e6, 3.0, 0.02))
    bench.particles(near, name="near.hdf5")
    rest = bench.cube(**PLAIN, Deposit="cubic", SmoothingLength="knn", SmoothingLengthMax=3)["MASS"]
    bench.particles(alone, name="alone.hdf5")
    wide = bench.cube(**PLAIN, Deposit="cubic", SmoothingLength=1000.0, SmoothingLengthMax=3)
    assert "1 of the 1 stars that shed light into the field have a SmoothingLength of more than SmoothingLengthMax = 3" \
        in wide["run"].err
    assert "1 of the 61 stars that shed light" in got["run"].err       # more than a hundredth: a warning
    wide = wide["MASS"]
    assert_close(got["MASS"], np.nan_to_num(rest) + wide, 1e-6, got["MASS"].max())
    assert abs(wide.sum() / 1e6 - 1) < 1e-6 and (wide > 0).sum() == 36


def test_few_stars(bench):
    """As many neighbours as there are; one star, and stars at one place, are as narrow as can be."""
    s = galaxy(10, seed=2, radius=1.0)
    setup(bench, s)
    got = bench.cube(**PLAIN, Deposit="cubic", SmoothingLength="knn")
    assert "there are 10 stars, fewer than KnnNeighbours = 32" in got["run"].err
    assert np.array_equal(got["DATA"], bench.cube(**PLAIN, Deposit="cubic", SmoothingLength="knn",
                                                  KnnNeighbours=9)["DATA"])
    for n in (1, 40):
        bench.particles({key: np.concatenate([x] * n) for key, x in
                         stars((0.1, 0.2, 0, 0, 0, 0, 1e6, 3.0, 0.02)).items()}, name=f"{n}.hdf5")
        want = bench.cube(**PLAIN, Deposit="wendland", SmoothingLength=1e-6)
        got = bench.cube(**PLAIN, Deposit="wendland", SmoothingLength="knn", ranks=2)
        assert_close(got["DATA"], want["DATA"], 1e-6, np.abs(want["DATA"]).max())


def test_words(bench):
    setup(bench, galaxy(50, seed=2))
    refused(bench, 2, "KnnNeighbours = 0 must be 1..10000", Deposit="cubic", SmoothingLength="knn", KnnNeighbours=0)
    refused(bench, 2, "SmoothingLength = near must be file, knn or a number above 0, up to 1e6 kpc", Deposit="cubic",
            SmoothingLength="near")
    done = bench.cube(**PLAIN, Deposit="cubic", SmoothingLength=0.3, KnnNeighbours=20)["run"]
    assert "KnnNeighbours = 20" in done.err and "belongs to Deposit gaussian, cubic or wendland" in done.err
