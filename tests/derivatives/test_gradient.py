"""The whole chain's derivatives: products with the Jacobian and its transpose against each other,
against steps of the forward run, and on any number of ranks."""
import h5py
import numpy as np
import pytest

from harness import AGES, METALS, galaxy, run, stars, within

STARS = "Mass,Age,Metallicity,Velocity"
PLACE = STARS + ",Position,Centre,SystemicVelocity,PointingX,PointingY,Roll,MassScale,FluxScale"


def setup(bench, n=60, **kw):
    bench.instrument(7, 6, 0.5, lam=kw.pop("lam", (5000.0, 5119.0, 1.0)), **kw)
    bench.ssp("mixed", step=1.5, fwhm=1.5)
    bench.particles(galaxy(n, seed=17, radius=1.2, centre=(3, -2, 5), velocity=(120, -310, 55)))


def write_gas(bench, gas):
    units = ("kpc", "km/s", "Msun", "kpc", "1", "Msun/yr")
    with h5py.File(bench.file, "a") as f:
        for (name, x), unit in zip(gas.items(), units):
            f.create_dataset("Gas/" + name, data=x).attrs["unit"] = unit


def add_gas(bench, n=80):
    """Cells in front of some stars, behind others and around them; some without metals."""
    rng = np.random.default_rng(6)
    gas = {"Position": rng.normal(0, 0.8, (n, 3)) + [3, -2, 5], "Velocity": np.zeros((n, 3)),
           "Mass": rng.uniform(1e6, 1e7, n), "SmoothingLength": rng.uniform(0.4, 1.5, n),
           "Metallicity": rng.uniform(0, 0.04, n), "StarFormationRate": np.full(n, 0.01)}
    write_gas(bench, gas)


def prove(bench, leaves, program="prove_chain64", ranks=1, threads=1, taylor=False, **parameters):
    """{what: {leaf: numbers}} as prove_chain tells them."""
    file = bench.parameters(**{"Redshift": 0.05, "Centre": "median", "Engine": "direct", **parameters})
    done = run(program, ["--taylor"] * taylor + [file, leaves], ranks, threads, cwd=bench.folder, timeout=300)
    assert done.status == 0, done.err
    out = {}
    for line in done.out.splitlines():
        word = line.split()
        if word and word[0] in ("dot", "gn", "taylor", "central", "bar", "light", "remainder", "sum"):
            if word[0] == "light":
                out["light"] = float(word[1])
            else:
                out.setdefault(word[0], {}).setdefault(word[1], []).append([float(x) for x in word[2:]])
    return out


def check_products(told, tolerance):
    for what in ("dot", "gn"):
        assert told[what]
        for leaf, rows in told[what].items():
            assert rows[0][2] <= tolerance, f"{what} {leaf}: {rows[0]}"
    for leaf, rows in told["bar"].items():
        assert rows[0][2] == 1 and rows[0][1] > 0, f"{leaf}: {rows[0]}"


def check_steps(told):
    for leaf, rows in told["taylor"].items():
        n, slope = rows[0]
        remainders = np.array(told["remainder"][leaf])
        # linear in it: nothing is left but rounding
        exact = np.all(remainders[:, 1] <= 1e-9 * remainders[:, 2].max())
        assert exact or (n >= 4 and abs(slope - 2) <= 0.1), f"{leaf}: slope {slope} over {n} steps\n{remainders}"
        got, want = told["central"][leaf][0]
        assert np.isfinite(got - want), f"{leaf}: {got} by differences, {want}"
        assert abs(got - want) <= 2e-6 * max(abs(want), abs(got)), f"{leaf}: {got} by differences, {want}"


MOFFAT = dict(Psf="moffat", PsfFwhm=0.9, PsfBeta=2.8)
CASES = {
    "populations": (STARS + ",MassScale,FluxScale,SystemicVelocity", dict()),
    "pchip": (STARS, dict(SspInterpolation="pchip")),
    "tsc": (PLACE, dict(Deposit="tsc", Roll=20.0, PointingX=0.1)),
    "cubic": (PLACE + ",DepositLength", dict(Deposit="cubic", SmoothingLength=1.1, Psf="gaussian", PsfFwhm=0.9)),
    "wendland": (PLACE + ",DepositLength", dict(Deposit="wendland", SmoothingLength=0.9, Psf="gaussian", PsfFwhm=0.9)),
    "gaussian": (PLACE + ",DepositLength", dict(Deposit="gaussian", SmoothingLength=0.35, Psf="gaussian", PsfFwhm=0.9)),
    "neighbours": (PLACE + ",SmoothingLength", dict(Deposit="cubic", SmoothingLength="knn", KnnNeighbours=4)),
    "angles": ("Velocity,Position,Alpha,Beta,Gamma",
               dict(Deposit="tsc", Orientation="angles", Alpha=20.0, Beta=40.0, Gamma=-65.0)),
    "inclined": ("Velocity,Position,Inclination,PositionAngle",
                 dict(Deposit="tsc", Orientation="inclined", Inclination=50.0, PositionAngle=25.0,
                      AlignWith="angularmomentum")),
    "redshift": ("Mass,Redshift", dict(Deposit="tsc", Lsf="gaussian", LsfFwhm=4.0)),
    "distance": ("Mass,Redshift,Distance", dict(Deposit="tsc", Distance=230.0)),
    "approaching": ("Mass,Redshift,Distance", dict(Deposit="tsc", Distance=230.0, Redshift=-0.004)),
    "psf": ("Mass,PsfFwhm,PsfBeta", dict(Deposit="tsc", **MOFFAT)),
    "elongated": ("Mass,PsfFwhm,PsfBeta", dict(Deposit="tsc", PsfAxisRatio=0.6, PsfPositionAngle=40.0, **MOFFAT)),
    "screen": ("Mass,Redshift,PsfFwhm,DustScreen,DustRv",
               dict(Deposit="tsc", Dust="screen", DustScreen=1.2, DustRv=3.4, **MOFFAT)),
    "screen, power law": ("Velocity,Redshift,DustScreen,DustSlope",
                          dict(Dust="screen", DustLaw="powerlaw", DustScreen=0.8, DustSlope=1.3, Distance=230.0)),
    "clouds": ("Mass,Age,Luminosity,BirthCloudTau", dict(BirthCloudTau=0.8, BirthCloudAge=20.0)),
    "clouds, pchip": ("Age,Redshift,BirthCloudTau",
                      dict(BirthCloudTau=0.8, BirthCloudSlope=1.3, SspInterpolation="pchip", Lsf="gaussian",
                           LsfFwhm=4.0)),
    "lsf": ("Mass,LsfFwhm,Luminosity", dict(Lsf="gaussian", LsfFwhm=4.0)),
}


@pytest.mark.parametrize("case", CASES)
def test_direct_in_float64(bench, case):
    leaves, parameters = CASES[case]
    setup(bench)
    told = prove(bench, leaves, taylor=True, **parameters)
    check_products(told, 1e-12)
    check_steps(told)


def test_through_a_sinc(bench):
    setup(bench, lsf_curve=(2.0, 4e-4), lsf_shape="sinc", lsf_pixel_included=False)
    told = prove(bench, "Mass,Velocity,Redshift", taylor=True)
    check_products(told, 1e-12)
    check_steps(told)


def test_on_logarithmic_channels(bench):
    """Their width is part of the LSF's FWHM, and follows the redshift."""
    setup(bench, lam=(5000.0, 5119.0, 8e-5), grid="log")
    told = prove(bench, "Mass,Velocity,Redshift,LsfFwhm,PsfFwhm", taylor=True, Deposit="tsc", Lsf="gaussian",
                 LsfFwhm=4.0, **MOFFAT)
    check_products(told, 1e-12)
    check_steps(told)


GAS = dict(Dust="gas", DustGas="starforming")
DUSTY = {
    "places": ("Mass,Position,Centre,GasMass,GasMetallicity,GasPosition,DustToMetal", dict(Deposit="tsc")),
    "nearest": ("Velocity,Position,GasPosition,DustToMetal", dict()),
    "angles": ("Position,GasPosition,Alpha,Beta,Gamma",
               dict(Deposit="tsc", Orientation="angles", Alpha=20.0, Beta=40.0, Gamma=-65.0)),
    "inclined": ("Position,GasMass,Inclination,PositionAngle,DustScreen",
                 dict(Deposit="cubic", SmoothingLength=0.8, Orientation="inclined", Inclination=50.0,
                      PositionAngle=25.0, AlignWith="angularmomentum", DustScreen=0.4)),
    "scattered light": ("Mass,DustScreen,DustRv,Redshift", dict(Deposit="tsc", DustScreen=0.7, DustEffect="absorption")),
}


@pytest.mark.parametrize("case", DUSTY)
def test_through_gas(bench, case):
    """Stars and cells that move are behind more dust or less."""
    leaves, parameters = DUSTY[case]
    setup(bench)
    add_gas(bench)
    told = prove(bench, leaves, taylor=case != "nearest", **GAS, **parameters)
    check_products(told, 1e-12)
    if case != "nearest":
        check_steps(told)
    if case == "places":                                     # all that moves together: nothing changes but where light falls
        star, gas, centre = (np.array(told["sum"][leaf][0]) for leaf in ("Position", "GasPosition", "Centre"))
        assert np.abs(star + gas + centre).max() <= 1e-10 * np.abs(star).max()
        mass = told["bar"]["GasMass"][0]
        assert mass[1] > 0


@pytest.mark.parametrize("combine", ["histogram", "cube"])
def test_through_gas_on_ranks(bench, combine):
    """Stars and cells have their derivatives whoever has them, and whoever has the sky."""
    setup(bench)
    add_gas(bench)
    leaves, parameters = "Position,GasMass,GasMetallicity,GasPosition,DustToMetal", dict(Engine="histogram", Deposit="tsc")
    one = sides(prove(bench, leaves, "prove_chain", **GAS, **parameters))
    for ranks in (2, 3):
        told = prove(bench, leaves, "prove_chain", ranks=ranks, Combine=combine, **GAS, **parameters)
        check_products(told, 1e-5)
        assert np.all(np.abs(sides(told) - one) <= 3e-6 * one[:, 1:]), ranks


@pytest.mark.parametrize("leaf", ["DustToMetal", "GasMass", "GasMetallicity"])
@pytest.mark.parametrize("ranks", [1, 2])
def test_dust_masses_of_the_file(bench, leaf, ranks):
    """A(V) does not follow from what they replace: no derivative of 0, but an error; where cells are still counts."""
    setup(bench)
    add_gas(bench)
    with h5py.File(bench.file, "a") as f:
        f.create_dataset("Gas/DustMass", data=0.3 * f["Gas/Mass"][()] * f["Gas/Metallicity"][()]).attrs["unit"] = "Msun"
    par = dict(Redshift=0.05, Centre="median", Deposit="tsc", **GAS)
    done = run("prove_chain", [bench.parameters(**par), leaf], ranks=ranks, cwd=bench.folder)
    assert done.status != 0 and f"nothing changes with {leaf}: the gas has dust masses of its own" in done.err, done.err
    assert done.err.count("nothing changes") == 1
    check_products(prove(bench, "GasPosition", ranks=ranks, **GAS, Deposit="tsc"), 1e-5)
    if leaf == "GasMetallicity":                              # of which lines still tell
        check_products(prove(bench, leaf, ranks=ranks, **GAS, Deposit="tsc", Lines="sfr", Redshift=0.01), 1e-5)


def test_gas_that_is_not_there(bench):
    setup(bench)
    done = run("prove_chain", [bench.parameters(Redshift=0.05, Centre="median"), "GasMass"], cwd=bench.folder)
    assert done.status != 0 and "nothing changes with GasMass: it belongs to Dust gas" in done.err


@pytest.mark.parametrize("ranks", [1, 2, 3])
@pytest.mark.parametrize("grid", [dict(lam=(5000.0, 5119.0, 8e-5), grid="log"),
                                  dict(lam=(5000.0, 5119.0, 0.0), grid="steps", listed=(-9.0, 2e-3))],
                         ids=["log", "steps"])
def test_channels_of_many_widths_on_ranks(bench, grid, ranks):
    """The width of a channel is part of both directions, whoever owns its spaxels."""
    setup(bench, **grid)
    told = prove(bench, "Mass,Velocity,PsfFwhm", "prove_chain", ranks=ranks, Engine="histogram", Combine="histogram",
                 **MOFFAT)
    check_products(told, 1e-5)


@pytest.mark.parametrize("combine", ["histogram", "cube"])
def test_dust_on_ranks(bench, combine):
    """Whoever owns a channel has its part of the screen's derivatives."""
    setup(bench)
    dust = dict(Dust="screen", DustScreen=1.2, BirthCloudTau=0.5)
    leaves = "DustScreen,DustRv,Redshift,BirthCloudTau"
    one = sides(prove(bench, leaves, "prove_chain", Engine="histogram", **dust))
    for ranks in (2, 3):
        told = prove(bench, leaves, "prove_chain", ranks=ranks, Engine="histogram", Combine=combine, **dust)
        check_products(told, 1e-5)
        assert np.all(np.abs(sides(told) - one) <= 2e-6 * one[:, 1:]), ranks


SLAB = dict(GAS, DustRv=3.4, DustScreen=0.3)


def add_slab(bench, n=300):
    """A clumpy slab in the middle of the galaxy, A(V) from 0 to 3."""
    rng = np.random.default_rng(4)
    write_gas(bench, {"Position": rng.normal(0, 1, (n, 3)) * [1.5, 1.5, 0.2] + [3, -2, 5], "Velocity": np.zeros((n, 3)),
                      "Mass": rng.uniform(1e5, 2e6, n), "SmoothingLength": rng.uniform(0.1, 1, n),
                      "Metallicity": rng.uniform(0, 0.04, n), "StarFormationRate": np.full(n, 0.01)})


@pytest.mark.parametrize("law", [{}, dict(DustEffect="mixed"), dict(DustLaw="powerlaw", DustSlope=1.1)],
                         ids=["G23", "mixed", "power law"])
def test_the_law_behind_gas(bench, law):
    """R_V, slope and redshift act through every star's own dust, and through the screen."""
    setup(bench)
    add_slab(bench)
    leaves = "Mass,Redshift,DustScreen," + ("DustSlope" if "DustSlope" in law else "DustRv")
    told = prove(bench, leaves, taylor=True, **{**SLAB, **law})
    check_products(told, 1e-12)
    check_steps(told)


@pytest.mark.parametrize("combine", ["histogram", "cube"])
def test_the_law_behind_gas_on_ranks(bench, combine):
    setup(bench, n=200)
    add_slab(bench)
    leaves = "Redshift,DustScreen,DustRv,BirthCloudTau"
    want = sides(prove(bench, leaves, **SLAB, BirthCloudTau=0.5))
    for ranks in (1, 3):
        told = prove(bench, leaves, "prove_chain", ranks=ranks, Engine="histogram", Combine=combine, **SLAB,
                     BirthCloudTau=0.5)
        check_products(told, 1e-5)
        assert np.all(np.abs(sides(told) - want) <= 2e-4 * want[:, 1:]), (ranks, sides(told), want)


def test_the_law_of_fast_stars_behind_gas(bench):
    """Those beyond the velocity grid, and, where templates end, those painted star by star there."""
    bench.instrument(7, 6, 0.5, lam=(5000.0, 5191.0, 1.0))
    bench.ssp("mixed", lo=4500.0, hi=4915.0, step=1.5, fwhm=1.5)
    s = galaxy(300, seed=3, radius=1.2, centre=(3, -2, 5))
    s["vel"][::100] += 2000.0
    bench.particles(s)
    add_slab(bench)
    leaves = "Redshift,DustScreen,DustRv"
    want = sides(prove(bench, leaves, "prove_chain", Engine="direct", **SLAB))
    told = prove(bench, leaves, "prove_chain", Engine="histogram", **SLAB)
    check_products(told, 1e-5)
    assert np.all(np.abs(sides(told) - want) <= 5e-4 * want[:, 1:]), (sides(told), want)


def test_no_tau_yet(bench):
    """Where there are no clouds the derivative says what the first would do."""
    setup(bench)
    none = prove(bench, "BirthCloudTau")["bar"]["BirthCloudTau"][0][0]
    few = prove(bench, "BirthCloudTau", BirthCloudTau=1e-6)["bar"]["BirthCloudTau"][0][0]
    assert within(few / none, 1, 1e-5) and none != 0


def test_cic_is_exact_between_its_kinks(bench):
    setup(bench)
    check_products(prove(bench, PLACE, Deposit="cic"), 1e-12)


@pytest.mark.parametrize("engine", ["direct", "histogram"])
@pytest.mark.parametrize("case", ["populations", "tsc", "wendland", "neighbours", "inclined", "redshift", "psf", "lsf",
                                  "screen", "clouds"])
def test_float32(bench, engine, case):
    leaves, parameters = CASES[case]
    setup(bench)
    told = prove(bench, leaves, "prove_chain", threads=2, Engine=engine, **parameters)
    check_products(told, 1e-5)


def sides(told, leaf="bar"):
    return np.array([rows[0][:2] for rows in told[leaf].values()])


@pytest.mark.parametrize("engine", ["direct", "histogram"])
def test_any_number_of_ranks(bench, engine):
    setup(bench, n=200)
    more = dict(Engine=engine, Deposit="tsc", Orientation="inclined", Inclination=50.0, **MOFFAT)
    leaves = PLACE + ",Inclination,PsfFwhm,Redshift"
    one = prove(bench, leaves, "prove_chain64" if engine == "direct" else "prove_chain", **more)
    for ranks in (2, 3, 4):
        told = prove(bench, leaves, "prove_chain64" if engine == "direct" else "prove_chain", ranks=ranks, **more)
        a, b = sides(one), sides(told)
        assert np.all(np.abs(a - b) <= (1e-12 if engine == "direct" else 2e-6) * a[:, 1:]), (ranks, a, b)


def test_a_velocity_grid_with_fast_stars_and_templates_that_end(bench):
    """Stars beyond the velocity grid and, with a library that ends within the band, those painted
    star by star there."""
    bench.instrument(7, 6, 0.5, lam=(5000.0, 5191.0, 1.0))
    bench.ssp("mixed", lo=4500.0, hi=4915.0, step=1.5, fwhm=1.5)
    s = galaxy(300, seed=3, radius=1.2)
    s["vel"][::100] += 2000.0
    bench.particles(s)
    for ranks in (1, 2, 3):
        told = prove(bench, STARS, "prove_chain", ranks=ranks, Engine="histogram", SystemicVelocity="none",
                     Combine="auto" if ranks == 1 else "histogram")
        check_products(told, 1e-5)


def test_stars_that_give_nothing_have_derivatives_of_nothing(bench):
    """A massless star, one outside the field, ages and metallicities beyond the library: finite,
    and 0 where that is the truth."""
    setup(bench)
    bench.particles(stars((0, 0, 0, 10, 20, 30, 1e6, 1.0, 0.01), (0.3, 0.2, 0, 10, 20, 30, 0.0, 1.0, 0.01),
                          (500, 0, 0, 0, 0, 10, 1e6, 1.0, 0.01),
                          (0.1, 0, 0, 0, 0, 10, 1e6, 30.0, 0.5), (0.2, 0, 0, 0, 0, 10, 1e6, 0.0, 0.0)))
    for engine in ("direct", "histogram"):
        told = prove(bench, STARS + ",Position", "prove_chain", Engine=engine, Deposit="tsc", SystemicVelocity="none")
        for leaf, rows in told["bar"].items():
            assert rows[0][2] == 1, leaf


@pytest.mark.parametrize("engine", ["direct", "histogram"])
def test_and_exactly_0(bench, engine):
    """Age and metallicity beyond the library's ends; all of a star outside the field."""
    setup(bench)
    fixed = dict(Engine=engine, Deposit="tsc", SystemicVelocity="none", Centre=(0, 0, 0))
    beyond = (0.1, 0.2, 0, 0, 0, 10, 1e6, 30.0, 0.5)
    bench.particles(stars(beyond))
    alone = prove(bench, STARS + ",Position", "prove_chain", **fixed)["bar"]
    for leaf, rows in alone.items():
        assert (rows[0][:2] == [0, 0]) == (leaf in ("Age", "Metallicity")), leaf
    bench.particles(stars(beyond, (500, 0, 0, 0, 0, 10, 1e6, 1.0, 0.01)))
    assert prove(bench, STARS + ",Position", "prove_chain", **fixed)["bar"] == alone


EDGES = {
    "one age": (STARS, dict(ages=(1.0,)), dict()),
    "one metallicity": (STARS, dict(metals=(0.02,)), dict()),
    "linear": (STARS + ",Luminosity,Redshift", dict(), dict(TemplateSemantic="linear", Lsf="gaussian", LsfFwhm=4.0)),
    "wider than the field": (PLACE + ",DepositLength", dict(), dict(Deposit="gaussian", SmoothingLength=50.0, SmoothingLengthMax=1e3)),
    "narrowest": (PLACE + ",DepositLength", dict(), dict(Deposit="gaussian", SmoothingLength=1e-4)),
    "nodes": (STARS + ",Position", dict(), dict(Deposit="tsc", SystemicVelocity="none")),
}
STILL = {("one age", "Age"), ("one metallicity", "Metallicity"), ("narrowest", "DepositLength")}


@pytest.mark.parametrize("case", EDGES)
def test_edges(bench, case):
    """A library of one age or metallicity, and stars at its nodes; straight templates; footprints
    larger than the field, and at their least."""
    leaves, library, parameters = EDGES[case]
    setup(bench)
    bench.ssp("mixed", step=1.5, fwhm=1.5, **library)
    if case == "nodes":
        bench.particles(stars(*((0.3 * np.sin(7 * i + 3 * j), 0.3 * np.cos(5 * i - j), 0, 0, 0, 13 * i - 7 * j, 1e6,
                                 age, z)
                                for i, age in enumerate(AGES) for j, z in enumerate(METALS))))
    for program, engine, tolerance in (("prove_chain64", "direct", 1e-12), ("prove_chain", "histogram", 1e-5)):
        told = prove(bench, leaves, program, Engine=engine, **parameters)
        for what in ("bar", "dot", "gn"):
            for leaf in [leaf for leaf in told[what] if (case, leaf) in STILL]:
                assert told[what].pop(leaf)[0][:2] == [0, 0], f"{what} {leaf}"
        check_products(told, tolerance)


def test_invariances(bench):
    """Physics, from reverse runs: light is linear in mass; d ln F/d ln D_L = -2 at fixed angular
    size; a common velocity is a redshift; a galaxy that moves with the pointing, or against its
    centre, stays where it is."""
    setup(bench)
    told = prove(bench, PLACE + ",Distance", Deposit="tsc", Distance=230.0)
    bar, sums = {leaf: rows[0][0] for leaf, rows in told["bar"].items()}, {leaf: np.array(rows[0]) for leaf,
                                                                           rows in told["sum"].items()}
    assert bar["MassScale"] == pytest.approx(told["light"], rel=1e-12)       # sum m dF/dm = F
    assert bar["FluxScale"] == pytest.approx(told["light"], rel=1e-12)
    size = told["bar"]["Position"][0][1]
    assert within(sums["Position"], -sums["Centre"], atol=1e-12 * size, rtol=1e-7)
    assert within(sums["Velocity"], -sums["SystemicVelocity"], atol=1e-12 * told["bar"]["Velocity"][0][1], rtol=1e-7)
    arcsec_per_kpc = 1.05**2 / (230e3 * np.pi / 648000)
    assert sums["Position"][0] == pytest.approx(-bar["PointingX"] * arcsec_per_kpc, abs=1e-12 * size)
    assert sums["Position"][1] == pytest.approx(-bar["PointingY"] * arcsec_per_kpc, abs=1e-12 * size)
    told = prove(bench, "Velocity,Redshift,Distance", Distance=230.0)
    assert told["bar"]["Distance"][0][0] * 230 == pytest.approx(-2 * told["light"], rel=1e-12)
    assert told["bar"]["Redshift"][0][0] * 1.05 / 299792.458 == pytest.approx(told["sum"]["Velocity"][0][2], rel=1e-10)


def test_a_whole_turn(bench):
    """An angle of 360 degrees more: the same derivatives."""
    setup(bench)
    more = dict(Deposit="tsc", Orientation="angles", Beta=40.0)
    a, b = (prove(bench, "Position,Velocity,Alpha,Beta,Gamma", Alpha=alpha, Gamma=gamma, **more) for alpha,
            gamma in ((-340.0, 65.0), (20.0, -295.0)))
    for leaf in a["bar"]:
        assert a["bar"][leaf][0][:2] == pytest.approx(b["bar"][leaf][0][:2], rel=1e-9), leaf


def test_what_is_missing_is_told_before_the_work(bench):
    setup(bench)
    for more, words, status in ((dict(), "Parameters is empty", 2),
                                (dict(Parameters="mas"), "nothing is called mas", 2),
                                (dict(Parameters="mass"), "ObservedFile is not given", 2),
                                (dict(Parameters="mass", ObservedFile="nowhere.fits"), "cannot open nowhere.fits", 3),
                                (dict(Parameters="Alpha", ObservedFile=bench.ssp_file), "nothing changes with Alpha",
                                 2)):
        done = run("cubix", [bench.parameters(Redshift=0.05, Mode="gradient", **more)], cwd=bench.folder)
        assert done.status == status and words in done.err, done.err
        assert not list(bench.folder.glob("out*"))


def test_nearest_warns_of_what_moves_stars(bench):
    """Deposit nearest has no derivative with a star's place: what moves stars and more says that
    part of it is missing."""
    setup(bench)
    fixed = dict(Redshift=0.05, Engine="direct", Orientation="inclined", Inclination=50.0)
    bench.cube(OutputFile=bench.path("there.fits"), **fixed)
    more = dict(fixed, OutputFile=bench.path("x.fits"), Mode="gradient", ObservedFile=bench.path("there.fits"),
                Likelihood="cosine")
    for deposit, warned in (("nearest", 2), ("tsc", 0)):
        done = run("cubix", ["-n", bench.parameters(**more, Parameters="Mass,Inclination,Redshift", Deposit=deposit)],
                   2, cwd=bench.folder)
        assert done.status == 0 and done.err.count("not of stars that move across the field") == warned, done.err
