"""What is asked of gas is what is used: sizes of cells for dust and for lines over kernels, velocities for what shines."""
import h5py
import numpy as np
import pytest

from harness import refused
from physics.test_lines import PLAIN, setup
from program.test_python import case, python  # noqa: F401

KPC = dict(Deposit="cubic", SmoothingLength=0.5)
NONE = dict(SmoothingLength=None, Density=None)


def with_lengths(bench):
    with h5py.File(bench.file, "r+") as f:
        f.create_dataset("Stars/SmoothingLength", data=np.full(60, 0.5)).attrs["unit"] = "kpc"


@pytest.mark.parametrize("ranks", [1, 2])
@pytest.mark.parametrize("how", [{}, dict(Deposit="tsc"), KPC, dict(KPC, Deposit="gaussian")])
def test_lines_without_kernels_need_no_sizes(bench, ranks, how):
    """The same bits with sizes, without, and with such as would be refused."""
    n = len(setup(bench)["amount"])
    want = bench.cube(**how, **PLAIN)
    for change in (NONE, dict(SmoothingLength=(np.zeros(n), "kpc"), Density=(np.zeros(n), "Msun/kpc^3")),
                   dict(NONE, Temperature=(np.full(n, np.nan), "K"))):
        setup(bench, change=change)
        got = bench.cube(ranks=ranks, Combine="histogram", Engine="histogram", **how, **PLAIN) if ranks > 1 else \
            bench.cube(**how, **PLAIN)
        if ranks == 1:
            assert np.array_equal(got["DATA"], want["DATA"])
        assert np.array_equal(got["LINE_Ha"], want["LINE_Ha"]) and got["LINE_Ha"].max() > 0


def test_kernels_that_are_used_are_asked_for(bench):
    """Over the cells' own kernels, and with dust: a message that names what would do."""
    setup(bench, change=NONE)
    with_lengths(bench)
    own = dict(PLAIN, Deposit="cubic", SmoothingLength="file")
    for how, words in ((own, "or give a SmoothingLength in kpc, or another Deposit"), (dict(PLAIN, Dust="gas"), "")):
        refused(bench, 3, "Lines = sfr", "has no smoothing lengths or densities", "SmoothingLength, or Density", words,
                ranks=2, **how)
    for change, words in ((dict(Density=None), ""), (dict(SmoothingLength=None), "")):
        setup(bench, change=change)
        with_lengths(bench)
        assert bench.cube(**own)["LINE_Ha"].max() > 0
    n = len(setup(bench, change=dict(SmoothingLength=(np.zeros(40), "kpc")))["amount"])
    with_lengths(bench)
    assert n == 40
    refused(bench, 3, "SmoothingLength is 0 for cell 0 of the gas", **own)


@pytest.mark.parametrize("ranks", [1, 2])
def test_dust_needs_no_velocities(bench, ranks):
    how = dict({k: v for k, v in PLAIN.items() if k != "Lines"}, Dust="gas", DustGas="all")
    setup(bench, dark=False)
    want = bench.cube(ranks=ranks, **how)
    setup(bench, dark=False, change=dict(Velocity=None))
    got = bench.cube(ranks=ranks, **how)
    assert np.array_equal(got["DATA"], want["DATA"]) and (got["AV_M"] > 0).any()
    refused(bench, 3, "there is no dataset for Velocity: looked in /Gas", ranks=ranks, **PLAIN)


def test_arrays_of_gas_without_sizes(case):  # noqa: F811
    """Python hands over what the lines need; sizes for a deposit over kernels are asked for."""
    case.instrument(n_x=6, n_y=5, pixel=1.0, lam=(5080.0, 5279.0, 2.0))
    python(case, """
n = 40
gas = dict(position=stars["position"][:n], velocity=stars["velocity"][:n], mass=np.full(n, 1e5),
           metallicity=np.full(n, 0.01), sfr=np.full(n, 0.05))
def cube(gas, **how):
    return cubix.Chain({**case["parameters"], "Lines": "sfr", **how}, stars, gas=gas, simulation=simulation).forward()
full = dict(gas, smoothing_length=np.full(n, 0.4))
for how in ({}, {"Deposit": "tsc"}, {"Deposit": "cubic", "SmoothingLength": 0.5}):
    assert np.array_equal(cube(gas, **how), cube(full, **how))
raises("has no smoothing lengths or densities", cube, gas, Dust="gas", DustGas="all")
""")
