"""Derivatives of emission lines through the whole chain."""
import numpy as np
import pytest

from test_gradient import MOFFAT, check_products, check_steps, prove
from harness import galaxy, run
import h5py

LINES = "LineLogU,LineTurbulence,LineEscape,LineDust"


def setup(bench, n=60, gas=40):
    bench.instrument(5, 4, 0.7, lam=(5080.0, 5279.0, 2.0))
    bench.ssp("mixed", step=1.5, fwhm=1.5)
    s = galaxy(n, seed=17, radius=1.2, centre=(3, -2, 5), velocity=(120, -310, 55))
    s["age"][::3] = np.linspace(0.0011, 0.0087, len(s["age"][::3]))
    bench.particles(s)
    rng = np.random.default_rng(6)
    cells = {"Position": rng.normal(0, 0.8, (gas, 3)) + [3, -2, 5], "Velocity": rng.normal(0, 80, (gas, 3)) + [120, -310, 55],
             "Mass": rng.uniform(1e6, 1e7, gas), "SmoothingLength": rng.uniform(0.4, 1.5, gas),
             "Metallicity": rng.uniform(0.001, 0.03, gas), "StarFormationRate": rng.uniform(0.01, 0.1, gas)}
    cells["StarFormationRate"][::5] = 0
    with h5py.File(bench.file, "a") as f:
        for (name, x), unit in zip(cells.items(), ("kpc", "km/s", "Msun", "kpc", "1", "Msun/yr")):
            f.create_dataset("Gas/" + name, data=x).attrs["unit"] = unit


CELLS = "GasVelocity,GasSfr,GasMetallicity,GasPosition"
STARS = "Mass,Age,Metallicity,Velocity,Position,MassScale"
FRAME = "Centre,SystemicVelocity,PointingX,PointingY,Roll,FluxScale"
SHED = dict(LineEscape=0.2, LineDust=0.1, LineLogU=-2.7, Deposit="tsc")
DUST = dict(Dust="gas", DustGas="all", DustToMetal=0.4, DustScreen=0.3, BirthCloudTau=0.5)
CASES = {
    "sfr": (CELLS + "," + FRAME + "," + LINES, dict(Lines="sfr", Roll=20.0, PointingX=0.1)),
    "stars": (STARS + "," + FRAME + "," + LINES, dict(Lines="stars", Roll=20.0, PointingX=0.1)),
    "sfr, dust": (CELLS + ",GasMass,Position,Centre,DustToMetal,DustRv,DustScreen,BirthCloudTau," + LINES,
                  dict(Lines="sfr", **DUST)),
    "stars, dust": (STARS + ",GasMass,GasPosition,GasMetallicity,Centre,DustToMetal,DustRv,DustScreen,BirthCloudTau",
                    dict(Lines="stars", **DUST)),
    "power law": ("Redshift,DustSlope,DustScreen", dict(Lines="sfr", DustLaw="powerlaw", DustSlope=1.1, **DUST)),
    "inclined": ("GasVelocity,Velocity,Inclination,PositionAngle",
                 dict(Lines="sfr", Orientation="inclined", Inclination=50.0, PositionAngle=25.0,
                      AlignWith="angularmomentum", **DUST)),
    "angles": ("Alpha,Beta,Gamma", dict(Lines="stars", Orientation="angles", Alpha=20.0, Beta=40.0, Gamma=-65.0)),
    "seen": ("Redshift,LsfFwhm,PsfFwhm,PsfBeta,LineTurbulence", dict(Lines="sfr", Lsf="gaussian", LsfFwhm=4.0, **MOFFAT)),
    "distance": ("Redshift,Distance", dict(Lines="stars", Distance=230.0)),
    "length": ("GasPosition,DepositLength,PointingX", dict(Lines="sfr", Deposit="cubic", SmoothingLength=1.1)),
    "lengths": ("Position,SmoothingLength", dict(Lines="stars", Deposit="cubic", SmoothingLength="knn", KnnNeighbours=4)),
    "nearest": ("GasVelocity,GasSfr,Redshift", dict(Lines="sfr", Deposit="nearest")),
}


@pytest.mark.parametrize("case", CASES)
def test_direct_in_float64(bench, case):
    leaves, parameters = CASES[case]
    setup(bench)
    told = prove(bench, leaves, taylor=case != "nearest", **{**SHED, **parameters})
    check_products(told, 1e-12)
    if case != "nearest":
        check_steps(told)


@pytest.mark.parametrize("lines", ["sfr", "stars"])
@pytest.mark.parametrize("combine", ["cube", "histogram"])
def test_any_ranks(bench, lines, combine):
    """Sources travel to the owners of spaxels; float32, on a grid of velocities."""
    setup(bench)
    leaves = {"sfr": CELLS, "stars": STARS}[lines] + ",GasMass,Centre,DustRv,Redshift," + LINES
    more = {**SHED, **DUST, "Lines": lines}
    one = prove(bench, leaves, "prove_chain64", **more)
    for ranks in (1, 2, 3):
        told = prove(bench, leaves, "prove_chain", ranks=ranks, **{**more, "Engine": "histogram", "Combine": combine})
        check_products(told, 1e-5)
        for leaf, rows in told["bar"].items():
            assert rows[0][1] == pytest.approx(one["bar"][leaf][0][1], rel=3e-3), leaf
