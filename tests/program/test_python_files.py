"""Chain.plane and Chain.write: the noise and the files of `cubix`, of arrays in Python."""
import numpy as np
import pytest

from harness import bits, read_cube
from test_python import case, python  # noqa: F401  (case is a fixture)


@pytest.mark.parametrize("ranks", [1, 2])
def test_planes_and_files(case, ranks):  # noqa: F811
    case.instrument(n_x=6, n_y=5, pixel=1.0, lam=(5000.0, 5059.0, 1.0), area=4e5, dark=1e-3, read_noise=2.0,
                    n_pixel=3.0, exposure=900.0, n_sky=0)
    noisy = dict(Noise="exposure", ExposureTime=900, Seed=7, Engine="histogram", Combine="histogram")
    want = case.cube(**{**case.fixed, "Centre": (0.1, 0, 0), **noisy})
    python(case, f"""
c = chain(part=slice(cubix.rank(), None, cubix.size()), **{noisy})
raises("call it first", c.plane)
raises("call it first", c.write, "chain.fits")
cube = c.forward()
c.write("chain.fits")
planes = {{name: c.plane(name) for name in ("DATA", "STAT", "NOISEFREE", "MASS", "VEL_L_OBS")}}
raises("there is no array NOTHING", c.plane, "NOTHING")
raises("suffix", c.write, "chain.jpg")
if cubix.rank() == 0:
    assert np.array_equal(planes["NOISEFREE"][:, :, c.channels], cube)
    np.savez("planes.npz", **planes)
else:
    assert all(plane is None for plane in planes.values())
""", ranks=ranks)
    got = np.load(case.path("planes.npz"))
    assert bits(case.path("chain.fits"), ("DATA", "STAT", "DQ")) == bits(case.out, ("DATA", "STAT", "DQ"))
    for name in ("DATA", "STAT"):
        assert np.array_equal(np.moveaxis(got[name], -1, 0), want[name].astype("f4")) and (want[name] != 0).any()
    mine = read_cube(case.path("chain.fits"))
    for name in ("MASS", "VEL_L_OBS"):
        assert np.array_equal(got[name], mine[name].astype("f4"), equal_nan=True) and np.isfinite(got[name]).any()
