"""Extinction laws, screens of dust and birth clouds."""
import numpy as np
import pytest

from harness import assert_close, run
from oracle import dust

SHAPES = {"G23": (2.3, 3.1, 5.6), "CCM89": (2, 3.1, 6), "O94": (2, 3.1, 6), "F99": (2, 3.1, 6), "SMC": (3.1,),
          "Calzetti": (3.1,), "powerlaw": (0, 0.7, 4)}


def law(folder, name, shape, lam):
    """[lam][3]: k, and its derivatives by the shape and by lambda."""
    np.asarray(lam, float).tofile(folder / "lam")
    done = run("dump_law", [name, shape, folder / "lam", folder / "k"], cwd=folder)
    assert done.status == 0, done.err
    return np.fromfile(folder / "k").reshape(-1, 3)


def wavelengths(name, n=5001):
    low, high = (500, 1e6) if name == "powerlaw" else dust.RANGE[name]
    return np.geomspace(low * (1 + 1e-9), high * (1 - 1e-9), n)


@pytest.mark.parametrize("name", SHAPES)
def test_law(tmp_path, name):
    lam = wavelengths(name)
    for shape in SHAPES[name]:
        assert_close(law(tmp_path, name, shape, lam)[:, 0], dust.k(name, lam, shape), 1e-12, None)


@pytest.mark.parametrize("name", ["G23", "CCM89", "O94", "F99", "SMC"])
def test_law_against_dust_extinction(tmp_path, name):
    """The package of K. Gordon, who is an author of two of these laws."""
    pytest.importorskip("dust_extinction")
    from astropy import units
    from dust_extinction import averages, parameter_averages
    lam = wavelengths(name)
    for shape in SHAPES[name]:
        theirs = averages.G03_SMCBar() if name == "SMC" else getattr(parameter_averages, name)(Rv=shape)
        assert_close(law(tmp_path, name, shape, lam)[:, 0], theirs(lam * units.AA), 1e-4, None)
