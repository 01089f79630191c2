"""Mass-weighted maps and velocity cubes of SimSpin 2.10.4 (EAGLE and IllustrisTNG cutouts), made
again by cubix from SimSpin's aligned particles.

SimSpin twists by 30 degrees about z and inclines by 45; its picture has x to the right where ours
has east to the left, so its images are ours with columns reversed. The velocity cube is compared
through spectra: a library of one needle-thin line turns a spaxel's spectrum into its distribution
of velocities."""
import h5py
import numpy as np
import pytest
from astropy.io import fits
from scipy.spatial.transform import Rotation

from harness import assert_close, shared
from oracle.constants import C, MPC_CM

GALAXIES = ["EAGLE", "IllustrisTNG"]
LINE, STEP = 5000.0, 0.1                                         # AA


class Golden:
    def __init__(self, name):
        with h5py.File(shared(f"golden/simspin_{name}.h5")) as f:
            self.part = {k: d[:] for k, d in f["star_part"].items()}
            group = f["velocity_mass"]
            self.attrs = {k: float(np.ravel(v)[0]) for k, v in group.attrs.items()}
            self.maps = {k: d[:] for k, d in group.items()}
            self.blur = {k: d[:] for k, d in f["velocity_mass_blur"].items()}
        self.n = int(self.attrs["sbin"])
        self.pixel = self.attrs["sbin_size"] / self.attrs["ang_size"]
        self.circle = name == "EAGLE"
        self.inside = self.maps["aperture_region"].reshape(self.n, self.n) > 0


def stars_of(g, use=slice(None)):
    p = g.part
    return {"pos": np.array([p["x"], p["y"], p["z"]]).T[use], "vel": np.array([p["vx"], p["vy"], p["vz"]]).T[use],
            "mass": p["Mass"][use], "mass_now": p["Mass"][use],
            "age": p["Age"][use], "z": p["Metallicity"][use]}


def look(bench, g, s, v_max=None, **parameters):
    """cubix as SimSpin was set up.  A library of one thin line, the same for every star, or (v_max None) a flat one."""
    lam = (4999.0, 5001.0, 1.0) if v_max is None else (LINE * (1 - v_max / C), LINE * np.exp(v_max / C) + STEP, STEP)
    bench.instrument(g.n, g.n, g.pixel, lam=lam, aperture="circle" if g.circle else "square")
    needle = np.array([LINE - 400, LINE - 0.01, LINE, LINE + 0.01, LINE + 400])
    light = np.ones(5) if v_max is None else np.array([0, 0, 100.0, 0, 0])                    # the needle's area is 1
    bench.ssp(lam=needle, luminosity=1e30 * light[None, None], ages=[1.0], metals=[0.02])
    bench.particles(s)
    turn = Rotation.from_euler("x", -45, degrees=True) * Rotation.from_euler("z", 30, degrees=True)
    alpha, beta, gamma = (float(x) for x in turn.as_euler("xyz", degrees=True))
    z = g.attrs["z"]
    # the same angular scale, and light that arrives unshifted
    return bench.cube("cubix64", Redshift=z if v_max is None else 0.0,
                      Distance=g.attrs["lum_dist"] / (1.0 if v_max is None else (1 + z)**2), Orientation="angles",
                      Alpha=alpha, Beta=beta, Gamma=gamma, Centre=(0.0, 0.0, 0.0), SystemicVelocity="none",
                      TemplateSemantic="linear", **parameters)


def flip(ours):
    return ours[..., ::-1]


@pytest.mark.parametrize("name", GALAXIES)
def test_maps(bench, name):
    g = Golden(name)
    got = look(bench, g, stars_of(g))
    count = np.where(g.inside, flip(got["NSTAR"]), 0)
    assert np.array_equal(count, g.maps["raw_particle_image"])
    on = count > 0
    assert_close(np.where(g.inside, flip(got["MASS"]), 0), g.maps["raw_mass_image"], 1e-6)
    scale = np.abs(g.maps["raw_velocity_image"]).max()
    assert_close(flip(got["VEL_M"])[on], g.maps["raw_velocity_image"][on], 1e-6, scale)
    assert_close(flip(got["SIG_M"])[on], g.maps["raw_dispersion_image"][on], 1e-5, scale)
    assert abs(count.sum() - {"EAGLE": 2000, "IllustrisTNG": 1515}[name]) == 0
    assert abs(g.maps["raw_mass_image"].sum() / {"EAGLE": 2975652673.31, "IllustrisTNG": 1538464144.49}[name]
               - 1) < 1e-9
    assert np.array_equal(g.inside, flip(bench.inst.inside()))


@pytest.mark.parametrize("name", GALAXIES)
def test_velocity_cube(bench, name):
    """Mass below each edge of SimSpin's velocity bins lies between ours below the channel edges on
    either side of it."""
    g = Golden(name)
    s = stars_of(g)
    v_max = float(np.abs(g.maps["vbin_edges"]).max()) + 200
    got = look(bench, g, s, v_max)
    mass = flip(got["DATA"]) * STEP * 1e-20 * 4 * np.pi * (g.attrs["lum_dist"] / (1 + g.attrs["z"])**2
                                                           * MPC_CM)**2 / 1e30
    mass = np.concatenate([np.zeros((1, g.n, g.n)), np.cumsum(mass, axis=0)])                # below each channel edge
    want = np.concatenate([np.zeros((1, g.n, g.n)), np.cumsum(g.maps["cube"], axis=0)])      # below each velocity edge
    slack = 1e-6 * want[-1].max()
    assert_close(mass[-1], want[-1], 1e-6, want[-1].max())
    at = LINE * np.exp(g.maps["vbin_edges"] / C)
    edge = bench.inst.edges()
    for v, lam, below in zip(g.maps["vbin_edges"], at, want):
        k = int(np.searchsorted(edge, lam))
        low, high = mass[max(k - 2, 0)], mass[min(k + 1, len(mass) - 1)]
        assert (low <= below + slack).all() and (below <= high + slack).all(), f"{v} km/s"
    assert len(g.maps["vbin_edges"]) - 1 == {"EAGLE": 145, "IllustrisTNG": 355}[name]


@pytest.mark.parametrize("name", GALAXIES)
def test_blurred_mass(bench, name):
    """SimSpin cuts to the aperture before it blurs: so does this test, by leaving out the stars
    beyond it.  Its kernel is taken as a FITS image."""
    g = Golden(name)
    turn = Rotation.from_euler("x", -45, degrees=True) * Rotation.from_euler("z", 30, degrees=True)
    x, y, _ = turn.apply(stars_of(g)["pos"]).T / g.attrs["sbin_size"] + 0.5 * g.n
    cell = np.floor([y, x]).astype(int)
    on = ((cell >= 0) & (cell < g.n)).all(axis=0)
    on[on] = g.inside[tuple(cell[:, on])]
    fits.writeto(bench.path("kernel.fits"), g.blur["psf_kernel"])
    still = {**stars_of(g, on), "vel": np.zeros((on.sum(), 3))}   # a flat spectrum is fainter by exp(v/c)
    got = look(bench, g, still, Psf="file", PsfFile=bench.path("kernel.fits"))
    image = flip(got["DATA"].sum(axis=0))
    want = g.blur["obs_mass_image"]
    assert_close(image / image.sum(), want / want.sum(), 1e-9, want.max() / want.sum())
