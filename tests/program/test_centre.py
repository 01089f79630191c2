"""Centre in ckpc/h, as snapshots and catalogues have it: the cube is that of the same place in kpc."""
import numpy as np
import pytest

from harness import COSMOLOGY, galaxy, read_cube, run, write_tng

Z = 0.5
TO_KPC = 1 / (1 + Z) / COSMOLOGY["HubbleParam"]


@pytest.mark.parametrize("more", [{}, {"SelectRadius": 5.0}])
def test_comoving(bench, more):
    bench.instrument(6, 6, 0.5, lam=(5000.0, 5049.0, 1.0))
    bench.ssp()
    comoving = (3000.0, 2000.0, 1000.0)
    bench.file = write_tng(bench.path("g.hdf5"), galaxy(100, centre=np.array(comoving) * TO_KPC), redshift=Z)
    text = "{} {} {} ".format(*comoving)
    physical = " ".join(repr(x * TO_KPC) for x in comoving)
    want = bench.cube(Redshift=0.05, Centre=f'"{physical}"', **more)
    for value in (f'"{text}ckpc/h"', '"3 2 1 cMpc/h"'):
        got = bench.cube(Redshift=0.05, Centre=value, **more)
        # the last bit of the centre, which may move a star of many into the next spaxel, is not asked for
        assert abs(got["NSTAR"] - want["NSTAR"]).sum() <= 2 and got["NSTAR"].sum() > 10
    used = bench.folder / f"{bench.out.stem}-usedvalues"
    assert "Centre             3000 2000 1000 ckpc/h " in used.read_text()
    again = bench.path("again.fits")
    done = run("cubix", [used, f"OutputFile={again}"], cwd=bench.folder)
    assert done.status == 0 and np.array_equal(read_cube(again)["DATA"], got["DATA"])


def test_comoving_of_what_is_not_a_place(bench):
    done = run("cubix", ["-n", bench_file(bench), "SystemicVelocity=1 2 3 ckpc/h"])
    assert done.status == 2 and "SystemicVelocity = 1 2 3 ckpc/h must be in km/s" in done.err, done.err


def bench_file(bench):
    bench.instrument(6, 6, 0.5, lam=(5000.0, 5049.0, 1.0))
    bench.ssp()
    bench.particles(galaxy(20))
    return bench.parameters()
