"""ResampleYoung: recent star formation as particles of a small mass, against the oracle, its statistics and itself."""
import h5py
import numpy as np
import pytest
from scipy.spatial import cKDTree
from scipy.stats import kstest

from harness import Bench, assert_close, bits, chunks_said, galaxy, refused, run, within, write_parameters
from oracle import cube as oracle
from oracle import young as resampling
from program.test_reader import raw_stars, write_raw

Z = 0.05
MASS = 2e4
PLAIN = {"Redshift": Z, "Centre": (0, 0, 0), "SystemicVelocity": "none"}
GAS = (("Position", "pos", "kpc"), ("Velocity", "vel", "km/s"), ("Mass", "mass", "Msun"), ("Metallicity", "z", "1"),
       ("StarFormationRate", "sfr", "Msun/yr"), ("SmoothingLength", "length", "kpc"))
MAPS = ("MASS", "MASS_NOW", "AGE_M", "AGE_L", "Z_M", "VEL_L", "NSTAR")


def cells(n=150, seed=3):
    """Gas of a disc, of which two cells in three form stars."""
    s = galaxy(n, seed=seed, radius=2.0)
    rng = np.random.default_rng(seed)
    return {"pos": s["pos"], "vel": s["vel"], "z": s["z"], "mass": np.full(n, 1e5), "length": rng.uniform(0.1, 1.5, n),
            "sfr": np.where(np.arange(n) % 3, 10**rng.uniform(-5, -2.5, n), 0.0)}


def add_gas(path, gas, lacking=()):
    with h5py.File(path, "r+") as f:
        for name, key, unit in GAS:
            if name not in lacking:
                f.create_dataset("Gas/" + name, data=gas[key]).attrs["unit"] = unit


def setup(bench, n=200, gas=None, lacking=(), extra=None, lam=(5000.0, 5059.0, 1.0), **kw):
    """A galaxy of which one star in four is young."""
    bench.instrument(n_x=12, n_y=10, pixel=0.5, lam=lam, lsf_curve=(4.0,), **kw)
    bench.ssp("mixed", fwhm=1.5)
    bench.particles(galaxy(n, seed=5, radius=2.0), extra=extra)
    if gas is not None:
        add_gas(bench.file, gas, lacking)


def expect(bench, gas=None, deposit="nearest", length=0.0, mass=MASS, seed=1, lengths=None):
    stars, head = oracle.read_particles(bench.file)
    if lengths is not None:
        stars["length"] = lengths
    stars = resampling.resample(stars, mass, gas, seed)
    read = oracle.read_particles
    oracle.read_particles = lambda path: (stars, head)
    try:
        want = oracle.observe(bench.file, bench.ssp_file, bench.inst, Z, centre=(0, 0, 0), velocity="none",
                              deposit=deposit, length=length)
    finally:
        oracle.read_particles = read
    return want, stars


def compare(got, want, tolerance, what, table=0.0):
    """table: how good the weights are that a table gives, of a star's whole."""
    assert_close(got["DATA"], want.cube, tolerance, np.abs(want.cube).max(axis=(1, 2), keepdims=True), what)
    inside = want.maps["MASS"] > 1e-4 * want.maps["MASS"].max()
    for name in MAPS:
        level = np.abs(want.maps[name][inside])
        assert_close(got[name][inside], want.maps[name][inside], max(tolerance, 1e-6) + 1e4 * table, level + 0.01 * level.max(),
                     f"{what} {name}")


def header(cube):
    return cube["header"]["PRIMARY"]


def test_philox():
    """The known answers of Random123."""
    zero = [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]
    ones = [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]
    assert resampling.philox([[0] * 4], (0, 0)).tolist() == [zero]
    assert resampling.philox([[2**32 - 1] * 4], (2**32 - 1,) * 2).tolist() == [ones]


@pytest.mark.parametrize("source", ["gas", "stars"])
def test_against_the_oracle(bench, source):
    """Cube, maps and what the header says of masses; both engines, several ranks, another seed."""
    gas = cells()
    setup(bench, gas=gas, psf="gaussian", psf_curve=(5.0, -8e-4))
    want, stars = expect(bench, gas if source == "gas" else None)
    was = oracle.read_particles(bench.file)[0]
    young = was["age"] < 0.1
    formed = 1e8 * gas["sfr"].sum() if source == "gas" else was["mass"][young].sum()
    made = np.count_nonzero(stars["age"] < 0.1)
    assert 30 < young.sum() < 80 and made > 50
    par = {**PLAIN, "ResampleYoung": MASS, "ResampleYoungFrom": source}
    for program, engine, ranks, tolerance in (("cubix64", "direct", 2, 1e-11), ("cubix", "direct", 1, 2e-6),
                                              ("cubix", "histogram", 3, 1e-4)):
        got = bench.cube(program, ranks=ranks, Engine=engine, **par)
        compare(got, want, tolerance, f"{program} {engine}")
        head = header(got)
        assert head["YOUNGFRM"] == source and head["NSTARS"] == len(stars["mass"]) == head["N_ALL"]
        assert (head["N_YOUNG"], head["N_RESAMP"]) == (young.sum(), made)
        assert head["N_PARENT"] == ((gas["sfr"] > 0).sum() if source == "gas" else young.sum())
        assert within(head["M_YOUNG"], was["mass"][young].sum(), 1e-12) and within(head["M_RESAMP"], formed, 1e-12)
        assert within(head["M_ALL"], was["mass"][~young].sum() + formed, 1e-12)
        assert "younger than 100 Myr" in got["run"].out
    other = bench.cube(Engine="histogram", Seed=2, **par)
    compare(other, expect(bench, gas if source == "gas" else None, seed=2)[0], 1e-4, "Seed 2")
    assert not np.array_equal(other["DATA"], got["DATA"]) and np.array_equal(other["NSTAR"], got["NSTAR"])


def test_off_by_default(bench):
    setup(bench, gas=cells())
    assert "YOUNGFRM" not in header(bench.cube(**PLAIN))


def test_ages_are_even():
    """Kolmogorov and Smirnov, of all, and of the first particle of every parent."""
    many, few = resampling.ages([4000, 1, 4000], 1), resampling.ages([2] * 4000, 7)
    for x in (many, few, few[::2], few[1::2]):
        assert 0 < x.min() and x.max() < 0.1 and kstest(x / 0.1, "uniform").pvalue > 0.01
    assert abs(np.corrcoef(few[::2], few[1::2])[0, 1]) < 0.05


def test_mean_age_of_the_program(bench):
    """20000 particles of one cell: their mean age is 50 Myr to 3 standard deviations, and all lie at its place."""
    one = {k: x[:1].copy() for k, x in cells().items()}
    one["sfr"][:] = 2e-3
    one["pos"][:] = 0.01
    setup(bench, n=40, gas=one)
    with h5py.File(bench.file, "r+") as f:
        f["Stars/Position"][:] = [50.0, 0, 0]
    got = bench.cube(ResampleYoung=10.0, **PLAIN)
    iy, ix = np.unravel_index(np.nanargmax(got["NSTAR"]), got["NSTAR"].shape)
    assert got["NSTAR"][iy, ix] == 20000 and got["NSTAR"].sum() == 20000
    assert within(got["MASS"][iy, ix], 2e5, 1e-6)
    assert abs(got["AGE_M"][iy, ix] - 0.05) < 3 * 0.1 / np.sqrt(12 * 20000)


WAYS = [(1, 2, 1), (3, 1, 1), (1, 1, 5), (2, 2, 3)]        # ranks, threads, a SlabMemory of so many chunks


@pytest.mark.parametrize("source", ["gas", "stars"])
def test_the_same_bits(bench, source):
    """On any number of ranks, threads and chunks, with the frame found from stars, and stars and gas beyond
    SelectRadius; what is made of young stars comes in chunks of its own."""
    n = 16000
    setup(bench, n=n, gas=cells(4000))
    par = {"Redshift": Z, "Engine": "histogram", "Combine": "histogram", "Orientation": "faceon", "SelectRadius": 4.0,
           "ResampleYoung": 3e3, "ResampleYoungFrom": source}
    want = bench.cube(**par)
    one, made = bits(bench.out), header(want)["N_RESAMP"]
    assert made > 20000 and header(want)["NOUTRAD"] > 1000
    for ranks, threads, chunks in WAYS:
        memory = {} if chunks == 1 else {"SlabMemory": (n / ranks / chunks + 0.5) * 204e-6 + 0.3}
        got = bench.cube(ranks=ranks, threads=threads, **memory, **par)
        assert bits(bench.out) == one, f"{ranks} ranks, {threads} threads, {chunks} chunks"
        assert (chunks_said(got["run"]) > 1) == (chunks > 1)
        for key in ("N_YOUNG", "N_PARENT", "N_RESAMP", "NSTARS", "NOUTRAD", "CENTRE1", "ROT11", "N_FIELD"):
            assert header(got)[key] == header(want)[key], key
        for key in ("M_YOUNG", "M_RESAMP", "M_ALL", "L_ALL"):
            assert within(header(got)[key], header(want)[key], 1e-12), key


def test_stars_that_fit_and_particles_that_do_not(bench):
    """One chunk of stars, and others of what is made of the young."""
    setup(bench, n=3000)
    par = {**PLAIN, "Engine": "histogram", "ResampleYoung": 300.0}
    want = bench.cube(**par)
    one = bits(bench.out)
    assert header(want)["N_RESAMP"] > 20000
    got = bench.cube(SlabMemory=1.0, **par)
    assert chunks_said(got["run"]) > 4 and bits(bench.out) == one


def test_the_frame_is_that_of_the_files_stars(bench):
    gas = cells()
    gas["sfr"] *= 1e3                                        # as much mass as all stars have
    setup(bench, gas=gas)
    par = {"Redshift": Z, "Orientation": "inclined", "Inclination": 40.0}
    plain, other = (header(bench.cube(**par, **more)) for more in ({}, {"ResampleYoung": 1e5}))
    frame = [k for k in plain if k.startswith(("CENTRE", "SYSVEL", "ROT", "AXIS", "ALIGN"))]
    assert len(frame) == 18 and all(plain[k] == other[k] for k in frame)
    assert other["M_RESAMP"] > 0.3 * plain["M_ALL"]


@pytest.mark.parametrize("deposit", ["cubic", "gaussian"])
@pytest.mark.parametrize("length", ["file", "knn"])
def test_sizes(bench, deposit, length):
    """Particles of gas are as wide as the kernel of their cell, or as is far its k-th neighbour among stars and
    cells; a Gaussian has that kernel's standard deviation."""
    gas, k = cells(), 12
    own = np.random.default_rng(1).uniform(0.2, 1.0, 200)
    setup(bench, gas=gas, extra={"SmoothingLength": own})
    of_radius = np.sqrt(3 / 40) if deposit == "gaussian" else 1.0
    gas = {key: x.copy() for key, x in gas.items()}
    if length == "knn":
        forms = gas["sfr"] > 0
        x = np.concatenate([oracle.read_particles(bench.file)[0]["pos"], gas["pos"][forms]])
        d = cKDTree(x).query(x, k + 1)[0][:, k] * of_radius
        own, gas["length"][forms] = d[:200], d[200:]
    else:
        gas["length"] *= of_radius
    want, _ = expect(bench, gas, deposit, lengths=own)
    par = {**PLAIN, "Deposit": deposit, "SmoothingLength": length, "KnnNeighbours": k, "ResampleYoung": MASS}
    compare(bench.cube("cubix64", ranks=2, Engine="direct", **par), want, 2e-7, f"{deposit} {length}", 1e-7)
    chunked = bench.cube(ranks=2, Engine="histogram", SlabMemory=0.1, **par)
    compare(chunked, want, 1e-4, f"{deposit} {length} in chunks", 1e-7)


@pytest.mark.parametrize("deposit", ["tsc", "cubic"])
def test_the_same_bits_with_neighbours(bench, deposit):
    """Lengths are found once, of stars and cells, and stay with their stars in chunks."""
    n = 6000
    setup(bench, n=n, gas=cells(1500))
    par = {**PLAIN, "Engine": "histogram", "Combine": "histogram", "ResampleYoung": 2e4, "Deposit": deposit,
           "SelectRadius": 5.0, **({"SmoothingLength": "knn", "SmoothingLengthMax": 3} if deposit == "cubic" else {})}
    want = bench.cube(**par)
    one = bits(bench.out)
    assert header(want)["N_RESAMP"] > 1500
    for ranks, memory in ((3, 0), (1, 3.0), (2, 1.5)):
        got = bench.cube(ranks=ranks, SlabMemory=memory, **par)
        assert bits(bench.out) == one and (chunks_said(got["run"]) > 1) == (memory > 0), f"{ranks} ranks, {memory}"


def eagle_groups(path):
    """Stars and gas of two groups, mixed; the rates of each."""
    rng = np.random.default_rng(8)
    s = raw_stars(400, family="eagle")
    s["pos"] = rng.normal(0, 0.003, (400, 3)) + [15, 15, 15] + 0.1 * (np.arange(400) % 2)[:, None]
    s["GroupNumber"], s["SubGroupNumber"] = np.arange(400) % 2 + 1, np.zeros(400)
    rate = np.where(np.arange(300) % 3, 10**rng.uniform(-4, -2, 300), 0)

    def gas(f):
        g = f.create_group("PartType0")
        where = rng.normal(0, 0.003, (300, 3)) + [15, 15, 15] + 0.1 * (np.arange(300) % 2)[:, None]
        for name, x, p, q, cgs in (("Coordinates", where, 1, -1, 3.085678e24),
                                   ("Velocity", rng.normal(0, 50, (300, 3)), 0.5, 0, 1e5),
                                   ("Mass", np.full(300, 1e-4), 0, -1, 1.989e43),
                                   ("SmoothedMetallicity", rng.uniform(0, 0.02, 300), 0, 0, 1.0),
                                   ("StarFormationRate", rate, 0, 0, 6.3029e25)):
            g[name] = x
            g[name].attrs.update({"aexp-scale-exponent": p, "h-scale-exponent": q, "CGSConversionFactor": cgs})
        g["GroupNumber"], g["SubGroupNumber"] = np.arange(300, dtype="i4") % 2 + 1, np.zeros(300, "i4")

    tags = {"GroupNumber": "i4", "SubGroupNumber": "i4"}
    return write_raw(path, s, "eagle", dtypes=tags, header={"BoxSize": 30.0}, edit=gas), rate


@pytest.mark.parametrize("ranks", [1, 3])
def test_gas_of_a_group(tmp_path, ranks):
    """The rates of the group's own cells, from the snapshot as from what cubix-extract took out."""
    bench = Bench(tmp_path)
    bench.instrument(n_x=14, n_y=14, pixel=0.5, lam=(5000.0, 5059.0, 1.0), lsf_curve=(4.0,))
    bench.ssp("mixed", fwhm=1.5)
    snap, rate = eagle_groups(tmp_path / "snap.hdf5")
    group = {"GroupCatalogue": "particles", "GroupType": "group"}
    par = {"Redshift": Z, "Engine": "histogram", "Combine": "histogram", "ResampleYoung": 1e4}
    done = run("cubix-extract", ["--groups", "1,2", write_parameters(
        tmp_path / "x.param", InputFile=snap, OutputFile=tmp_path / "x.hdf5", **group)], ranks, cwd=tmp_path)
    assert done.status == 0, done.err
    for number in (1, 2):
        bench.file = snap
        want = header(bench.cube(ranks=ranks, GroupIndex=number, **group, **par))
        assert want["YOUNGFRM"] == "gas" and within(want["M_RESAMP"], 1e8 * rate[number - 1::2].sum(), 2e-3)
        assert want["N_PARENT"] == np.count_nonzero(rate[number - 1::2])
        one = bits(bench.out)
        bench.file = tmp_path / f"x_{number}.hdf5"
        bench.cube(**par)
        assert bits(bench.out) == one


def test_auto(bench):
    """Gas, if there is any of which rates are known among what is selected; else stars."""
    par = {**PLAIN, "ResampleYoung": MASS}
    setup(bench)
    assert header(bench.cube(**par))["YOUNGFRM"] == "stars"
    refused(bench, 3, "gas", ResampleYoungFrom="gas", **par)
    setup(bench, gas=cells(), lacking=["StarFormationRate"])
    got = bench.cube(**par)
    assert header(got)["YOUNGFRM"] == "stars" and "the gas has no star formation rates" in got["run"].err
    refused(bench, 3, "the gas has no star formation rates", "ResampleYoungFrom stars", ResampleYoungFrom="gas", **par)
    far = cells()
    far["pos"] = far["pos"] + 500.0
    setup(bench, gas=far)
    assert header(bench.cube(SelectRadius=20.0, **par))["YOUNGFRM"] == "stars"
    assert header(bench.cube(**par))["YOUNGFRM"] == "gas"


def test_gas_that_forms_no_stars(bench):
    """Young stars are left out; if there are no others it is an error."""
    gas = cells()
    gas["sfr"][:] = 0
    setup(bench, gas=gas)
    got = bench.cube(ResampleYoung=MASS, **PLAIN)
    old = np.count_nonzero(oracle.read_particles(bench.file)[0]["age"] >= 0.1)
    assert header(got)["NSTARS"] == old and header(got)["N_RESAMP"] == 0
    with h5py.File(bench.file, "r+") as f:
        f["Stars/Age"][:] = 0.01
    for memory in (0, 0.1):
        refused(bench, 2, "all 200 stars are younger than 100 Myr", "ResampleYoungFrom stars", ResampleYoung=MASS,
                SlabMemory=memory, ranks=2, **PLAIN)


def test_rates_that_are_broken_are_no_file_without_rates(bench):
    setup(bench, gas=cells())
    with h5py.File(bench.file, "r+") as f:
        few = f["Gas/StarFormationRate"][:-5]
        unit = dict(f["Gas/StarFormationRate"].attrs)
        del f["Gas/StarFormationRate"]
        f["Gas/StarFormationRate"] = few
        f["Gas/StarFormationRate"].attrs.update(unit)
    for source in ("auto", "gas"):
        refused(bench, 3, "StarFormationRate", "rows", ResampleYoung=MASS, ResampleYoungFrom=source, **PLAIN)


def test_rates_in_another_unit(bench):
    gas = cells()
    gas["sfr"] *= 1e6
    setup(bench, gas=gas)
    assert "are the rates in another unit?" in bench.cube(ResampleYoung=1e9, **PLAIN)["run"].err


@pytest.mark.parametrize("source", ["gas", "stars"])
def test_absurd_masses(bench, source):
    setup(bench, gas=cells())
    young = oracle.read_particles(bench.file)[0]
    total = young["mass"][young["age"] < 0.1].sum() if source == "stars" else 1e8 * cells()["sfr"].sum()
    par = {**PLAIN, "ResampleYoungFrom": source}
    for memory in (0, 0.1):
        refused(bench, 2, "ResampleYoung = 1e-06 Msun", f"would make {1e6 * total:.4g} particles", "at most 1e+10",
                ResampleYoung=1e-6, SlabMemory=memory, ranks=2, **par)
    refused(bench, 2, "ResampleYoung", "-1", ResampleYoung=-1.0, **par)
    head = header(bench.cube(ResampleYoung=1e12, **par))     # one particle each, of the parent's mass and another age
    assert head["N_RESAMP"] == head["N_PARENT"] and within(head["M_RESAMP"], total, 1e-12)


@pytest.mark.parametrize("ranks", [1, 2])
def test_of_an_extracted_file(tmp_path, ranks):
    """IllustrisTNG's layout, in two files and across a face of the box: a cube of what cubix-extract took out has the
    same bits."""
    bench = Bench(tmp_path)
    bench.instrument(n_x=14, n_y=14, pixel=1.0, lam=(5000.0, 5059.0, 1.0), lsf_curve=(4.0,))
    bench.ssp("mixed", fwhm=1.5)
    made = run("cubix-mock", ["--stars", 8000, "--gas", 4000, "--files", 2, "--wrap", "--winds", 30,
                              tmp_path / "m.hdf5"])
    assert made.status == 0
    snap = tmp_path / "m.0.hdf5"
    centre = ()
    for sphere in ({}, {"SelectRadius": 6.0}):
        if sphere:
            sphere["Centre"] = centre
        par = {"Redshift": Z, "Engine": "histogram", "Combine": "histogram", "ResampleYoung": 1e4,
               "Orientation": "edgeon", **sphere}
        bench.file = snap
        want = bench.cube(ranks=ranks, **par)
        one, centre = bits(bench.out), tuple(header(want)[f"CENTRE{i}"] for i in (1, 2, 3))
        done = run("cubix-extract", [write_parameters(tmp_path / "x.param", InputFile=snap, Overwrite="yes",
                                                      OutputFile=tmp_path / "x.hdf5", **sphere)], ranks, cwd=tmp_path)
        assert done.status == 0, done.err
        bench.file = tmp_path / "x.hdf5"
        got = bench.cube(ranks=3 - ranks, **par)
        assert header(want)["YOUNGFRM"] == header(got)["YOUNGFRM"] == "gas" and header(want)["N_RESAMP"] > 1000
        assert within(header(got)["M_RESAMP"], header(want)["M_RESAMP"], 1e-12)
        assert bits(bench.out) == one


def test_derivatives(bench):
    """Those of the whole galaxy are those of the stars that were made; those of the file's stars there are none."""
    setup(bench, n=60, gas=cells(40), psf="gaussian", psf_curve=(1.5,))
    par = {**PLAIN, "ResampleYoung": MASS, "Engine": "direct", "Orientation": "inclined", "Inclination": 40.0,
           "AlignWith": "angularmomentum", "Deposit": "tsc", "Likelihood": "cosine"}
    bench.cube(OutputFile=bench.path("seen.fits"), **par)
    par.update(Inclination=43.0, ObservedFile=bench.path("seen.fits"), OutputFile=bench.path("out.fits"))
    for leaf in ("Mass", "Age", "Position", "Velocity", "Metallicity"):
        refused(bench, 2, f"derivative with respect to {leaf}", "ResampleYoung", Mode="gradient", Parameters=leaf,
                **par)
    refused(bench, 2, "ResampleYoung", Mode="fit", FitModel="bins", Parameters="Mass", **par)
    got = {}
    for step in (0.0, -0.01, 0.01):
        par["Inclination"] = 43.0 + step
        done = run("cubix64", [bench.parameters(Mode="gradient", Parameters="Inclination,Redshift", **par)],
                   cwd=bench.folder)
        assert done.status == 0, done.err
        text = bench.path("out-gradient.txt").read_text()
        rows = {line.split()[0]: line.split() for line in text.splitlines() if line and line[0] != "#"}
        objective = [line for line in text.splitlines() if line.startswith("#")]
        got[step] = (float(rows["Inclination"][2]), objective)
    assert got[0.0][0] != 0
    mean = 0.5 * (got[-0.01][0] + got[0.01][0])
    assert within(got[0.0][0], mean, 1e-3)
