"""From files of Gadget's binary formats, Tipsy and RAMSES to the cube, against the oracle, as test_hdf5_cubes.py: it is
given the stars that were written, or that numpy reads in real files, and knows nothing of formats."""
import numpy as np
import pytest

import gadget_lab
import test_ramses as ramses
import test_tipsy as tipsy
from harness import shared
from test_hdf5_cubes import check, muse
from test_hdf5_formats import demo  # noqa: F401  (a fixture)

N = 150
GALAXY = np.random.default_rng(7).normal(0, 0.25, (N, 3))              # kpc


@pytest.mark.parametrize("form", [1, 2])
@pytest.mark.parametrize("order", "<>")
def test_gadget_binary(bench, demo, form, order):  # noqa: F811
    lab = gadget_lab
    s = {0: lab.gas(20), 1: lab.particles(30, 3), 4: lab.stars(N)}
    s[4]["POS"] = (3000 + GALAXY * lab.HUBBLE / lab.A).astype("f4")
    muse(bench, demo)
    file = lab.Snapshot(s).write(bench.path("snap"), lab.ALL, form, order)
    got = check(bench, file, lab.expected(s[4]), lab.COSMOLOGY, **lab.blocks_of(form))
    assert got["header"]["PRIMARY"]["SIMFMT"] == "GadgetBinary"


@pytest.mark.parametrize("order, header, doubles", [(">", 32, 0), ("<", 28, 2)])
def test_tipsy(bench, demo, order, header, doubles):  # noqa: F811
    s = tipsy.particles(n_star=N)
    s["star"]["pos"] = 0.1 + GALAXY / (tipsy.units()[0] * tipsy.A)
    s["star"]["tform"][::10] *= -1                                       # black holes
    muse(bench, demo)
    want = tipsy.expected(s, s["star"]["tform"] > 0, doubles)
    file = tipsy.write(bench.path("g.000001"), s, order=order, header=header, doubles=doubles)
    cosmo = (tipsy.PARAM["dOmega0"], tipsy.PARAM["dLambda"], tipsy.units()[4])
    got = check(bench, file, {**want, "formed": want["now"]}, cosmo, StarInitialMass="current")
    assert got["header"]["PRIMARY"]["SIMFMT"] == "Tipsy"


@pytest.mark.parametrize("fields, real", [(ramses.NEW, "f8"), (ramses.OLD, "f4")], ids=["new", "old"])
def test_ramses(bench, demo, fields, real):  # noqa: F811
    parts = [ramses.particles(N, 1), ramses.particles(0, 2), ramses.particles(N, 3)]
    for p in parts:
        p["position"] = 0.5 + GALAXY[:len(p["mass"])] * ramses.KPC / ramses.INFO["unit_l"]
    muse(bench, demo)
    output = ramses.write_output(bench.folder, parts, fields, fields == ramses.NEW, real=real)
    got = check(bench, output, ramses.expected(ramses.together(parts), real=real), (ramses.OM, ramses.OL, ramses.H0 / 100))
    assert got["header"]["PRIMARY"]["SIMFMT"] == "RAMSES"
