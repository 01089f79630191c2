"""Derivatives of emission lines through the whole chain: products with the Jacobian and its transpose against each
other and against steps of the forward run; Mode gradient against differences of its objective; Mode fit."""
import h5py
import numpy as np
import pytest

from harness import galaxy, run
from test_gradient import MOFFAT, check_products, prove

LINES = "LineLogU,LineTurbulence,LineEscape,LineDust"
CELLS = "GasVelocity,GasSfr,GasMetallicity,GasPosition"
STARS = "Mass,Age,Metallicity,Velocity,Position,MassScale"
FRAME = "Centre,SystemicVelocity,PointingX,PointingY,Roll,FluxScale"
SHED = dict(LineEscape=0.2, LineDust=0.1, LineLogU=-2.7, Deposit="tsc")
DUST = dict(Dust="gas", DustGas="all", DustToMetal=0.4, DustScreen=0.3, BirthCloudTau=0.5)


def setup(bench, n=60, gas=40, **columns):
    """Hb and [OIII]; a third of the stars is young, four fifths of the gas form stars."""
    bench.instrument(5, 4, 0.7, lam=(5080.0, 5279.0, 2.0), area=5e5, sky=(2e-17,), read_noise=3.0, exposure=900.0)
    bench.ssp("mixed", step=1.5, fwhm=1.5)
    s = galaxy(n, seed=17, radius=1.2, centre=(3, -2, 5), velocity=(120, -310, 55))
    s["age"][::3] = 0.00125 + 0.0005 * (np.arange(len(s["age"][::3])) % 16)  # between nodes, which are kinks
    bench.particles(s)
    rng = np.random.default_rng(6)
    cells = {"Position": (rng.normal(0, 0.8, (gas, 3)) + [3, -2, 5], "kpc"),
             "Velocity": (rng.normal(0, 80, (gas, 3)) + [120, -310, 55], "km/s"),
             "Mass": (rng.uniform(1e6, 1e7, gas), "Msun"), "SmoothingLength": (rng.uniform(0.4, 1.5, gas), "kpc"),
             "Metallicity": (rng.uniform(0.001, 0.03, gas), "1"),
             "StarFormationRate": (np.where(np.arange(gas) % 5, rng.uniform(0.01, 0.1, gas), 0), "Msun/yr"), **columns}
    with h5py.File(bench.file, "a") as f:
        for name, (x, unit) in cells.items():
            f.create_dataset("Gas/" + name, data=x).attrs["unit"] = unit


def check_steps(told):
    """Remainders fall as the square of the step, as far as rounding leaves any: light and columns are whole numbers."""
    for leaf, rows in told["remainder"].items():
        e, left, change = np.array(rows).T
        last = np.flatnonzero(left > 3e-11 * abs(told["light"]))[-4:]
        if len(last) == 4:
            slope = np.polyfit(np.log(e[last]), np.log(left[last]), 1)[0]
            assert abs(slope - 2) <= 0.1, f"{leaf}: {slope}\n{np.array(rows)}"
        else:
            assert left[0] <= 1e-3 * change[0], f"{leaf}\n{np.array(rows)}"
        got, want = told["central"][leaf][0]
        assert abs(got - want) <= 2e-6 * max(abs(want), abs(got)), f"{leaf}: {got} by differences, {want}"


CASES = {
    "sfr": (CELLS + "," + FRAME + "," + LINES, dict(Lines="sfr", Roll=20.0, PointingX=0.1)),
    "stars": (STARS + "," + FRAME + "," + LINES, dict(Lines="stars", Roll=20.0, PointingX=0.1)),
    "sfr, dust": (CELLS + ",GasMass,Position,Centre,DustToMetal,DustRv,DustScreen,BirthCloudTau," + LINES,
                  dict(Lines="sfr", **DUST)),
    "stars, dust": (STARS + ",GasMass,GasPosition,GasMetallicity,Centre,DustToMetal,DustRv,DustScreen,BirthCloudTau",
                    dict(Lines="stars", **DUST)),
    "power law": ("Redshift,DustSlope,DustScreen", dict(Lines="sfr", DustLaw="powerlaw", DustSlope=1.1, **DUST)),
    "screen": ("Redshift,DustRv,DustScreen", dict(Lines="stars", Dust="screen", DustScreen=0.8)),
    "inclined": ("GasVelocity,Velocity,Inclination,PositionAngle",
                 dict(Lines="sfr", Orientation="inclined", Inclination=50.0, PositionAngle=25.0,
                      AlignWith="angularmomentum", **DUST)),
    "angles": ("Alpha,Beta,Gamma", dict(Lines="stars", Orientation="angles", Alpha=20.0, Beta=40.0, Gamma=-65.0)),
    "seen": ("Redshift,LsfFwhm,PsfFwhm,PsfBeta,LineTurbulence", dict(Lines="sfr", Lsf="gaussian", LsfFwhm=4.0, **MOFFAT)),
    "distance": ("Redshift,Distance", dict(Lines="stars", Distance=230.0)),
    "length": ("GasPosition,DepositLength,PointingX", dict(Lines="sfr", Deposit="cubic", SmoothingLength=1.1)),
    "kernels": ("GasPosition,Redshift", dict(Lines="sfr", Deposit="cubic", SmoothingLength="knn", KnnNeighbours=4)),
    "lengths": ("Position,SmoothingLength", dict(Lines="stars", Deposit="cubic", SmoothingLength="knn", KnnNeighbours=4)),
    "nearest": ("GasVelocity,GasSfr,Velocity", dict(Lines="sfr", Deposit="nearest")),
    "nearest, dust": ("GasVelocity,GasPosition,Position,DustToMetal", dict(Lines="sfr", **{**DUST, "Deposit": "nearest"})),
}


@pytest.mark.parametrize("case", CASES)
def test_direct_in_float64(bench, case):
    leaves, parameters = CASES[case]
    setup(bench)
    told = prove(bench, leaves, taylor=not case.endswith("nearest, dust"), **{**SHED, **parameters})
    check_products(told, 1e-12)
    if "remainder" in told:
        check_steps(told)


@pytest.mark.parametrize("deposit", ["nearest", "tsc", "cubic"])
def test_through_a_sinc(bench, deposit):
    """A Fourier transform spectrograph, whose width follows the wavelength."""
    setup(bench)
    bench.instrument(5, 4, 0.7, lam=(5080.0, 5279.0, 2.0), lsf_curve=(4.0, 2e-3), lsf_shape="sinc",
                     lsf_pixel_included=False)
    leaves, more = "GasVelocity,Velocity,Redshift,LineTurbulence", {**SHED, "Lines": "sfr", "Deposit": deposit}
    if deposit != "nearest":
        leaves += ",GasPosition,Position,Centre,Roll"
    if deposit == "cubic":
        leaves, more = leaves + ",DepositLength", {**more, "SmoothingLength": 0.9}
    told = prove(bench, leaves, taylor=True, **more)
    check_products(told, 1e-12)
    check_steps(told)
    few = leaves.replace(",Velocity", "")         # stars hardly change with theirs: that is left to rounding of whole numbers
    for ranks in (1, 2):
        grid = prove(bench, few, ranks=ranks, **{**more, **GRID})
        check_products(grid, 2e-8)
        for leaf, rows in grid["bar"].items():
            assert abs(rows[0][1] / told["bar"][leaf][0][1] - 1) < 2e-3, leaf


GRID = dict(Engine="histogram")
SPREAD = [(2, dict()), (3, dict())] + [(n, dict(Combine=c, **GRID)) for c in ("cube", "histogram") for n in (2, 3)]


@pytest.mark.parametrize("lines", ["sfr", "stars"])
def test_any_ranks(bench, lines):
    """Sources travel to the owners of spaxels: the numbers of one rank, but for rounding.  Histograms are whole
    numbers."""
    setup(bench)
    leaves = {"sfr": CELLS, "stars": STARS}[lines] + ",GasMass,Centre,DustRv,Redshift," + LINES
    more = {**SHED, **DUST, "Lines": lines}
    direct, grid = (prove(bench, leaves, **{**more, **how})["bar"] for how in ({}, GRID))
    for leaf, rows in grid.items():
        assert rows[0][1] == pytest.approx(direct[leaf][0][1], rel=3e-3), leaf
    for ranks, how in SPREAD:
        for program, tolerance in (("prove_chain64", 2e-8 if how else 1e-12), ("prove_chain", 1e-6)):
            told = prove(bench, leaves, program, ranks, **{**more, **how})
            check_products(told, tolerance)
            for leaf, rows in told["bar"].items():
                total, norm, _ = (grid if how else direct)[leaf][0]
                assert abs(rows[0][0] - total) <= tolerance * norm, (leaf, program, ranks, how)
                assert abs(rows[0][1] - norm) <= tolerance * norm, (leaf, program, ranks, how)


def test_lines_are_linear(bench):
    """In star formation and in what does not escape; all that moves together stays where it is."""
    setup(bench)
    more = {**SHED, "Lines": "sfr"}
    dark = prove(bench, "FluxScale", **{**more, "Lines": "none"})["light"]
    told = prove(bench, "FluxScale,LineEscape,LineDust,GasPosition,Position,Centre,GasVelocity,Velocity,SystemicVelocity",
                 **more)
    light, bar, sums = told["light"] - dark, told["bar"], {leaf: np.array(rows[0]) for leaf, rows in told["sum"].items()}
    assert bar["LineEscape"][0][0] * 0.8 == pytest.approx(-light, rel=1e-9)
    assert bar["LineDust"][0][0] * 0.9 == pytest.approx(-light, rel=1e-9)
    for stars, gas, frame in (("Position", "GasPosition", "Centre"), ("Velocity", "GasVelocity", "SystemicVelocity")):
        assert np.abs(sums[stars] + sums[gas] + sums[frame]).max() <= 1e-9 * np.abs(sums[gas]).max()


@pytest.mark.parametrize("what, leaves, status, words", [
    (dict(Lines="none"), "LineLogU", 2, "nothing changes with LineLogU: it belongs to Lines not none"),
    (dict(Lines="stars", Dust="gas", DustGas="all"), "GasVelocity", 2,
     "nothing changes with GasVelocity: it belongs to Lines sfr"),
    (dict(Lines="stars"), "GasPosition", 2, "nothing changes with GasPosition: it belongs to Dust gas, or Lines sfr"),
    (dict(Lines="sfr"), "GasPosition", 2, "nothing changes with GasPosition: with Deposit nearest"),
    (dict(Lines="sfr"), "GasMetallicity", 2, "nothing changes with GasMetallicity: lines follow the oxygen of the gas"),
])
def test_what_changes_nothing(bench, what, leaves, status, words):
    setup(bench, HydrogenFraction=(np.full(40, 0.7), "1"), OxygenFraction=(np.full(40, 0.006), "1"))
    done = run("prove_chain", [bench.parameters(Redshift=0.05, Centre="median", **what), leaves], 2, cwd=bench.folder)
    assert done.status == status and words in done.err, done.err


def test_no_turbulence(bench):
    """Turbulence acts by its square: at 0 nothing changes with it, and a fit would stay there."""
    setup(bench, 12, 8)
    view = dict(Redshift=0.05, Centre=(3, -2, 5), SystemicVelocity="none", Lines="sfr", Engine="direct")
    bench.cube(**view, OutputFile=bench.path("seen.fits"), Noise="snr", SignalToNoise=20.0)
    for value, told in ((0.0, 1), (1.0, 0)):
        done = run("cubix", [bench.parameters(**view, Mode="gradient", ObservedFile=bench.path("seen.fits"),
                                              Parameters="LineTurbulence", LineTurbulence=value)], cwd=bench.folder)
        assert done.status == 0 and (done.out + done.err).count("start above 0") == told, done.err


def test_metals_beside_oxygen(bench):
    """The dust of a cell that shines by its oxygen goes by its metals."""
    setup(bench, HydrogenFraction=(np.full(40, 0.7), "1"), OxygenFraction=(np.full(40, 0.006), "1"))
    told = prove(bench, "GasMetallicity,GasSfr", taylor=True, **{**SHED, **DUST, "Lines": "sfr"})
    check_products(told, 1e-12)
    check_steps(told)


# ---- the modes -----------------------------------------------------------------------------------

VIEW = dict(Redshift=0.05, Centre=(3, -2, 5), SystemicVelocity=(120, -310, 55), Orientation="inclined", Inclination=50.0,
            AlignWith="angularmomentum", Psf="gaussian", PsfFwhm=0.9, Lsf="gaussian", LsfFwhm=4.0, LineTurbulence=40.0,
            Engine="direct", **SHED, **DUST)
STEPS = dict(LineLogU=0.01, LineTurbulence=1.0, LineEscape=0.01, LineDust=0.01, LsfFwhm=0.02, PsfFwhm=0.01,
             DustRv=0.02, DustScreen=0.01, DustToMetal=0.002, BirthCloudTau=0.01, Inclination=0.1, Redshift=2e-6,
             PointingX=0.005)


def derive(bench, name="cubix64", ranks=1, mode="gradient", **parameters):
    """Objective, derivatives by name; or the rows of a fit."""
    wanted = {**VIEW, "Mode": mode, "ObservedFile": bench.path("seen.fits"), "OutputFile": bench.path("out.fits"),
              **parameters}
    done = run(name, [bench.parameters(**wanted)], ranks, cwd=bench.folder, timeout=300)
    assert done.status == 0, done.err[-3000:]
    text = bench.path(f"out-{mode}.txt").read_text().splitlines()
    rows = {line.split()[0]: [float(x) for x in line.split()[1:3]] for line in text if not line.startswith("#")}
    told = [float(line.split()[2]) for line in text if line.startswith("# objective ")]
    return (told[0], rows) if mode == "gradient" else rows


@pytest.mark.parametrize("lines", ["sfr", "stars"])
def test_mode_gradient_against_differences(bench, lines):
    setup(bench)
    bench.cube(**{**VIEW, "Lines": lines, "LineLogU": -2.9, "Redshift": 0.05002}, OutputFile=bench.path("seen.fits"),
               Noise="snr", SignalToNoise=20.0)
    names = ",".join(STEPS)
    here = {**SHED, "LineTurbulence": 40.0, "LsfFwhm": 4.0, "PsfFwhm": 0.9, "DustRv": 3.1, "DustScreen": 0.3,
            "DustToMetal": 0.4, "BirthCloudTau": 0.5, "Inclination": 50.0, "Redshift": 0.05, "PointingX": 0.0}
    objective, rows = derive(bench, Lines=lines, Parameters=names)
    assert sorted(rows) == sorted(STEPS)
    for name, h in STEPS.items():
        # a fourth-order difference
        f = [derive(bench, Lines=lines, Parameters="FluxScale", **{name: here[name] + k * h})[0] for k in (-2, -1, 1, 2)]
        want = (8 * (f[2] - f[1]) - (f[3] - f[0])) / (12 * h)
        assert rows[name][1] == pytest.approx(want, rel=1e-6), name
    grid = derive(bench, Lines=lines, Parameters=names, **GRID)
    for name in STEPS:
        assert grid[1][name][1] == pytest.approx(rows[name][1], rel=1e-3), name
    for ranks, how in SPREAD:
        wanted, slopes = grid if how else (objective, rows)
        for program, tolerance in (("cubix64", 3e-6 if how else 1e-10), ("cubix", 5e-5)):
            value, got = derive(bench, program, ranks, Lines=lines, Parameters=names, **how)
            assert value == pytest.approx(wanted, rel=tolerance), (program, ranks, how)
            for name in STEPS:
                assert got[name][1] == pytest.approx(slopes[name][1], rel=tolerance), (name, program, ranks, how)


def test_mode_fit_of_lines(bench):
    """Ionisation parameter, turbulence and redshift, told by lines alone, on two ranks."""
    true = dict(LineLogU=-2.6, LineTurbulence=60.0, Redshift=0.0501)
    setup(bench)
    view = dict(Lines="sfr", DustScreen=0.0, BirthCloudTau=0.0)
    bench.cube(**{**VIEW, **view, **true}, OutputFile=bench.path("seen.fits"), Noise="snr", SignalToNoise=20.0)
    for engine in ("direct", "histogram"):
        rows = derive(bench, "cubix", 2, "fit", MaxIterations=60, Parameters=",".join(true), LineLogU=-3.0,
                      LineTurbulence=30.0, Redshift=0.05, **{**view, "Engine": engine})
        assert sorted(rows) == sorted(true)
        for name, wanted in true.items():
            value, error = rows[name]
            assert 0 < error < 30 and abs(value - wanted) < 4 * error, rows
