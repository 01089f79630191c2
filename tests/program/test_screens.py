"""The dust of the gas in front of the stars, as a run has it: maps AV_M and AV_L, whatever ranks and chunks."""
import h5py
import numpy as np
import pytest

from harness import assert_close, bits, chunks_said, galaxy, refused, run
from oracle import column, cosmology, gas as dust

Z = 0.05
PLAIN = {"Redshift": Z, "Centre": (0, 0, 0), "SystemicVelocity": "none", "DustGas": "starforming"}
MAPS = ("AV_M", "AV_L", "AV_M_OBS", "AV_L_OBS")


def disc(n=2000, seed=5, z=0.0):
    rng = np.random.default_rng(seed)
    return {"Position": rng.normal(0, 1, (n, 3)) * [1.5, 1.5, 0.2] + [0, 0, z], "Velocity": np.zeros((n, 3)),
            "Mass": rng.uniform(1e5, 1e6, n), "SmoothingLength": rng.uniform(0.05, 1, n),
            "Metallicity": rng.uniform(0, 0.04, n), "StarFormationRate": np.full(n, 0.01)}


def setup(bench, gas, n=3000, lam=(5000.0, 5049.0, 1.0), **kw):
    bench.instrument(12, 10, 0.5, lam=lam, lsf_curve=(4.0,), **kw)
    bench.ssp("mixed", fwhm=1.5)
    s = galaxy(n, seed=17, radius=1.6)
    bench.particles(s)
    units = {"Position": "kpc", "Velocity": "km/s", "Mass": "Msun", "SmoothingLength": "kpc", "Metallicity": "1",
             "StarFormationRate": "Msun/yr"}
    with h5py.File(bench.file, "a") as f:
        for name, x in gas.items():
            f.create_dataset("Gas/" + name, data=x).attrs["unit"] = units[name]
    return s


def screen(s, gas, turn=np.eye(3)):
    weight = dust.weight(0.3 * gas["Metallicity"] * gas["Mass"])
    return column.screen(s["pos"] @ turn.T, gas["Position"] @ turn.T, gas["SmoothingLength"], weight)


def mean_in_spaxels(bench, x, s, turn=np.eye(3)):
    """Weighted with mass formed."""
    scale = 0.5 * cosmology.scene(Z, 0.3089, 0.6911, 0.6774)[1]
    place = s["pos"] @ turn.T
    i, j = (np.floor(np.sign(k) * place[:, c] / scale + n / 2).astype(int)
            for k, c, n in ((-1, 0, bench.inst.n_x), (1, 1, bench.inst.n_y)))
    inside = (i >= 0) & (i < bench.inst.n_x) & (j >= 0) & (j < bench.inst.n_y)
    out = np.zeros((2, bench.inst.n_y, bench.inst.n_x))
    np.add.at(out[0], (j[inside], i[inside]), (s["mass"] * x)[inside])
    np.add.at(out[1], (j[inside], i[inside]), s["mass"][inside])
    return out[0] / np.where(out[1] > 0, out[1], np.nan)


def filled(image):
    """Its spaxels that have stars."""
    return image[np.isfinite(image)]


def test_maps(bench):
    """Against numpy; a screen in front of all is added; with it alone the maps are flat."""
    gas = disc()
    s = setup(bench, gas)
    got = bench.cube(Dust="gas", Engine="direct", **PLAIN)
    want = mean_in_spaxels(bench, screen(s, gas), s)
    assert filled(want).max() > 0.5
    assert_close(got["AV_M"], want, 1e-6, filled(want).max(), gaps=True)
    assert "of 3000 stars are behind some, 0 of them behind more than 60 mag in V" in got["run"].out
    more = bench.cube(Dust="gas", DustScreen=0.7, Engine="direct", **PLAIN)
    assert_close(more["AV_L"], got["AV_L"] + 0.7, 1e-6, gaps=True)
    flat = bench.cube(Dust="screen", DustScreen=0.7, **PLAIN)
    assert_close(flat["AV_L"], np.where(np.isfinite(want), 0.7, np.nan), 1e-12, gaps=True)
    plain = bench.cube(Dust="none", **PLAIN)
    assert not any(name in plain for name in MAPS)


def test_any_ranks_and_chunks(bench):
    """Through a PSF, turned, with stars in several spaxels: the histogram's bits, and maps but for rounding."""
    setup(bench, disc(), n=9000, psf="gaussian", psf_curve=(1.0,))
    par = {**PLAIN, "Dust": "gas", "Engine": "histogram", "Combine": "histogram", "Orientation": "inclined",
           "Inclination": 60.0}
    want = bench.cube(**par)
    one_way = bits(bench.out)
    for ranks, threads, memory in ((2, 1, 0), (3, 2, 0), (5, 1, 0), (1, 2, 0.5), (2, 1, 0.3)):
        got = bench.cube(ranks=ranks, threads=threads, SlabMemory=memory, **par)
        assert (chunks_said(got["run"]) > 1) == (memory > 0)
        assert bits(bench.out) == one_way, (ranks, threads, memory)
        for name in MAPS:
            assert_close(got[name], want[name], 1e-12, None, name, gaps=True)


def test_nothing_in_front(bench):
    """A warning where all gas lies behind the stars; none where it does not."""
    setup(bench, disc(z=50.0))
    got = bench.cube(Dust="gas", **PLAIN)
    assert "gas is nowhere in front of stars, and dims none of them" in got["run"].err
    assert (filled(got["AV_M"]) == 0).all()
    assert "DATA" in got and got["DATA"].max() > 0


def test_very_thick(bench):
    """Counted, and no light is left, which is refused."""
    gas = disc(z=-50.0)
    gas["Mass"] *= 1e6
    setup(bench, gas)
    done = refused(bench, 3, "no light falls into the cube", Dust="gas", Engine="direct", **PLAIN)
    told = [line for line in done.err.splitlines() if "are behind some" in line]
    assert len(told) == 1 and int(told[0].split("some, ")[1].split()[0]) > 2000, done.err


def test_inclination(tmp_path):
    """D6: seen edge-on, the mock's stars are behind more dust, most of it in a lane along the middle."""
    done = run("cubix-mock", ["--stars", 30000, "--gas", 20000, tmp_path / "g.hdf5"])
    assert done.status == 0, done.err
    from harness import Bench
    bench = Bench(tmp_path)
    bench.instrument(30, 30, 0.7, lam=(5000.0, 5049.0, 1.0), lsf_curve=(4.0,))
    bench.ssp("mixed", fwhm=1.5)
    bench.file = tmp_path / "g.hdf5"
    mean = []
    for inclination in (0, 60, 90):
        got = bench.cube(Redshift=Z, Dust="gas", Orientation="inclined", Inclination=inclination)
        mass = got["MASS"]
        mean.append(np.nansum(got["AV_M"] * mass) / mass.sum())
    lane = np.nanmean(got["AV_M"][14:16]) / np.nanmean(np.r_[got["AV_M"][8:11], got["AV_M"][19:22]])
    assert mean[0] < mean[1] < mean[2] and lane > 1.4, (mean, lane)




def sent(bench):
    """What the rank that sends most has sent [MiB]."""
    text = (bench.folder / (bench.out.stem + "-timings.txt")).read_text()
    return float(next(line.split()[1] for line in text.splitlines() if line.startswith("communication")))


@pytest.mark.parametrize("lines", ["none", "stars"])
def test_chunks_are_asked_for_once(bench, lines):
    """What travels because of dust is no more where stars are read several times: 32 bytes for each that travels."""
    setup(bench, disc(), n=60000, lam=(5240.0, 5289.0, 1.0))
    more, cube = [], []
    for slab in (0, 2):
        par = dict(SlabMemory=slab, Engine="direct", Lines=lines, **PLAIN)
        bench.cube(ranks=2, Dust="none", **par)
        without = sent(bench)
        cube.append(bench.cube(ranks=2, Dust="gas", **par))
        more.append(sent(bench) - without)
    assert chunks_said(cube[1]["run"]) > 3
    assert 0.3 < more[0] and more[1] < 1.2 * more[0], more
    assert_close(cube[1]["DATA"], cube[0]["DATA"], 1e-5, cube[0]["DATA"].max())
