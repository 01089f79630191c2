"""Files whose numbers are possible one by one and cannot be meant: a box smaller than its galaxy,
speeds that no star has, stars without light."""
import h5py
import numpy as np
import pytest

from harness import galaxy, refused, within, write_tng

RANKS = pytest.mark.parametrize("ranks", [1, 3])
PARAMETER, INPUT = 2, 3
LIGHT = 299792.458


def warnings(cube):
    return [line for line in cube["run"].err.splitlines() if "warning" in line]


# ---- the box -------------------------------------------------------------------------------------

@RANKS
@pytest.mark.parametrize("memory", [4096, 1])
def test_a_box_smaller_than_the_galaxy(ready, ranks, memory):
    """Mpc for kpc: the box would fold the stars about their centre.  Whatever the chunks, the same words."""
    s = galaxy(40, seed=2, radius=5.0)
    span = np.ptp(s["pos"], axis=0)
    ready.particles(s, BoxSize=0.9 * span.min())
    refused(ready, INPUT, "galaxy.hdf5", "BoxSize", f"{span[0]:.6g} kpc apart along x", f"{0.9 * span.min():.6g}",
            "kpc against Mpc", ranks=ranks, SlabMemory=memory)


@RANKS
def test_a_galaxy_across_the_edge(ready, ranks):
    """Cut by the box, or led out of it: both are the same galaxy."""
    box, s = 100.0, galaxy(40, seed=2, radius=0.5)
    cube = {}
    for name, pos in (("unwrapped", s["pos"]), ("wrapped", s["pos"] % box)):
        ready.particles({**s, "pos": pos}, name=f"{name}.hdf5", BoxSize=box)
        cube[name] = ready.cube(ranks=ranks, Centre="0 0 0")
    assert within(cube["wrapped"]["DATA"], cube["unwrapped"]["DATA"], 1e-5, 1e-6) and cube["wrapped"]["NSTAR"].sum() > 0


def test_box_of_a_simulation(ready):
    """A whole box of stars is no larger than the box, but for those that have just left it."""
    box = 50.0
    s = galaxy(400, seed=3)
    s["pos"] = np.random.default_rng(5).uniform(-0.001 * box, 1.001 * box, (400, 3))
    ready.particles(s, BoxSize=box)
    ready.cube(Centre="25 25 25", FieldOfView=400.0, PixelScale=100.0)


# ---- speeds --------------------------------------------------------------------------------------

@RANKS
@pytest.mark.parametrize("speed", [(LIGHT, 0, 0), (0, 0.8 * LIGHT, 0.8 * LIGHT), (0, -1e8, 0)])
def test_faster_than_light(ready, speed, ranks):
    s = galaxy(40, seed=2)
    s["vel"][33] = speed
    ready.particles(s)
    refused(ready, INPUT, "galaxy.hdf5", "Velocity", "row 33", f"{np.linalg.norm(speed):.6g} km/s", "light", "m/s",
            ranks=ranks)


@RANKS
@pytest.mark.parametrize("family", [None, write_tng])
def test_fast_stars_are_told(ready, family, ranks):
    """From 1e4 km/s on, with the probable cause; below, nothing is said."""
    for speed, told in ((9e3, 0), (1.2e4, 1)):
        s = galaxy(40, seed=2, radius=0.5)
        s["vel"] = np.tile([0.0, 0.0, 0.0], (40, 1))
        s["vel"][:, 2] = np.where(np.arange(40) == 7, speed, 0.0)
        s["pos"][7] = 0.0
        if family:
            ready.file = family(ready.path("tng.hdf5"), s)
        else:
            ready.particles(s)
        cube = ready.cube(ranks=ranks, Inclination=0.0)
        lines = [line for line in warnings(cube) if "km/s" in line]
        assert len(lines) == told and all("12000 km/s" in line and "m/s" in line for line in lines), cube["run"].err


# ---- light ---------------------------------------------------------------------------------------

@RANKS
def test_a_cube_without_light(ready, ranks):
    s = galaxy(40, seed=2, radius=0.5)
    s["mass"][:] = 0
    ready.particles(s)
    refused(ready, INPUT, "no light", "0 Msun", "InitialMass", "galaxy.hdf5", ranks=ranks)


@RANKS
def test_a_dark_library(ready, ranks):
    ready.particles(galaxy(40, seed=2, radius=0.5))
    with h5py.File(ready.ssp_file, "r+") as f:
        f["Luminosity"][:] = 0
    refused(ready, INPUT, "no light", "ssp.hdf5", "dark", ranks=ranks)


@RANKS
def test_a_field_beside_the_galaxy(ready, ranks):
    ready.particles(galaxy(40, seed=2, radius=0.5))
    refused(ready, PARAMETER, "none of the 40 stars", "PointingX", ranks=ranks, PointingX=500.0)
