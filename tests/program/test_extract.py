"""cubix-extract: a canonical particle file holds what the reader hands on, and makes the same cube."""
import re

import h5py
import numpy as np
import pytest
from astropy.io import fits

from dumps import read, read_gas
from harness import Bench, run, shared, within, write_parameters
from program.test_catalogue import place, universe, write_members, write_subfind
from program.test_reader import A, raw_stars, write_raw

COLUMNS = {"Position": "pos", "Velocity": "vel", "InitialMass": "formed", "Mass": "now", "Age": "age",
           "Metallicity": "z"}


def extract(tmp_path, ranks=1, options=(), status=0, **parameters):
    par = write_parameters(tmp_path / "extract.param", **parameters)
    done = run("cubix-extract", [*options, par], ranks, cwd=tmp_path)
    assert done.status == status, done.err + done.out
    return done


def stars(path, group="Stars"):
    with h5py.File(path) as f:
        assert all("unit" in d.attrs and "description" in d.attrs for d in f[group].values())
        return {k: d[:] for k, d in f[group].items()}, dict(f["Header"].attrs)


@pytest.mark.parametrize("ranks", [1, 2, 3])
@pytest.mark.parametrize("memory", [0, 1e-6])
def test_what_the_reader_hands_on(tmp_path, ranks, memory):
    """Wind cells are dropped, the order is kept, identifiers keep their 64 bits; in chunks as well."""
    s = raw_stars(997, wind=31)
    s["ParticleIDs"] = np.arange(997, dtype="u8") * 3 + 2**63 - 1000
    snap = write_members(tmp_path / "snap", s, [100, 100, 640])
    extract(tmp_path, ranks, InputFile=snap, OutputFile=tmp_path / "x.hdf5", SlabMemory=memory)
    got, header = stars(tmp_path / "x.hdf5")
    want, _ = read(tmp_path, 1, InputFile=snap)
    for name, key in COLUMNS.items():
        assert np.array_equal(got[name], want[key]), name
    assert np.array_equal(got["Id"].astype("u8"), s["ParticleIDs"][s["born"] > 0])
    assert header["CubixFile"] == b"particles" and within(header["BoxSize"], 30000 * A / 0.6774, rtol=1e-14)
    again, info = read(tmp_path, ranks, InputFile=tmp_path / "x.hdf5")
    assert all(np.array_equal(again[key], want[key]) for key in COLUMNS.values()) and info["format"] == "canonical"


@pytest.mark.parametrize("ranks", [1, 3])
def test_groups_in_one_pass(tmp_path, ranks):
    """A file for each; those that exist are passed over; one without stars is said and does not stop the rest."""
    s, subs, fuzz = universe()
    snap = write_members(tmp_path / "snap", s, [7, 30])
    cat, *_ = write_subfind(tmp_path / "groups", s, subs, fuzz)
    common = dict(InputFile=snap, GroupCatalogue=cat, OutputFile=tmp_path / "g.hdf5")
    done = extract(tmp_path, ranks, ["--groups", "2,1,0"], **common)
    assert "subhalo 1 has no stars" in done.err
    assert sorted(p.name for p in tmp_path.glob("g*.hdf5")) == ["g_0.hdf5", "g_2.hdf5"]
    for row, sub in ((0, 0), (2, 2)):
        got, header = stars(tmp_path / f"g_{row}.hdf5")
        rows = list(place(subs, fuzz, 0, sub))
        assert within(got["InitialMass"], s["formed"][rows] * 1e10 / 0.6774, rtol=1e-14) and "Centre" in header
    before = (tmp_path / "g_0.hdf5").stat().st_mtime_ns
    (tmp_path / "g_2.hdf5").unlink()
    extract(tmp_path, ranks, ["--groups", "2,0"], Overwrite="no", **common)
    assert (tmp_path / "g_0.hdf5").stat().st_mtime_ns == before and (tmp_path / "g_2.hdf5").exists()


@pytest.mark.parametrize("ranks", [1, 2])
@pytest.mark.parametrize("case", ["none", "wind", "outside"])
def test_groups_of_which_nothing_is_left(tmp_path, ranks, case):
    """No stars, wind cells alone, or none within SelectRadius: said, wherever in the list, and the rest is done."""
    s, subs, fuzz = universe()
    gone = list(place(subs, fuzz, 0, 2))
    s["pos"][:] = 20000
    if case == "wind":
        s["born"][gone] = -1
    if case == "outside":
        s["pos"][gone] = 10000
    snap = write_members(tmp_path / "snap", s, [7, 30])
    cat, *_ = write_subfind(tmp_path / "groups", s, subs, fuzz)
    centre = " ".join(["%.9g" % (20000 * A / 0.6774)] * 3)
    sphere = dict(SelectRadius=10, Centre=centre) if case == "outside" else {}
    row = 1 if case == "none" else 2
    words = {"none": "subhalo 1 has no stars", "wind": "all 5 star particles are wind cells", "outside": "keeps no star"}
    for order in (f"{row},0", f"0,{row}"):
        done = extract(tmp_path, ranks, ["--groups", order], InputFile=snap, GroupCatalogue=cat,
                       OutputFile=tmp_path / "g.hdf5", **sphere)
        assert words[case] in done.err and [p.name for p in tmp_path.glob("g_*.hdf5")] == ["g_0.hdf5"]
        (tmp_path / "g_0.hdf5").unlink()


@pytest.mark.parametrize("ranks", [1, 2])
def test_a_sphere_with_its_gas(tmp_path, ranks):
    """Gas about the centre of the stars, across a face of the box."""
    assert run("cubix-mock", ["--stars", 4000, "--gas", 3000, "--files", 2, "--wrap", tmp_path / "m.hdf5"]).status == 0
    whole = extract(tmp_path, ranks, InputFile=tmp_path / "m.0.hdf5", OutputFile=tmp_path / "all.hdf5")
    assert "4000 stars, 3000 gas" in whole.out
    extract(tmp_path, ranks, InputFile=tmp_path / "m.0.hdf5", OutputFile=tmp_path / "x.hdf5", SelectRadius=5)
    got, _ = stars(tmp_path / "x.hdf5")
    want, info = read(tmp_path, 1, InputFile=tmp_path / "m.0.hdf5")
    gas, _ = stars(tmp_path / "x.hdf5", "Gas")
    every, header = stars(tmp_path / "all.hdf5", "Gas")
    side = header["BoxSize"]
    centre = np.median(got["Position"], axis=0)
    r = lambda x: np.linalg.norm((x - centre + side / 2) % side - side / 2, axis=1)
    assert 500 < len(got["Mass"]) < 4000 and r(got["Position"]).max() < 5.6 and r(gas["Position"]).max() < 5.6
    inner = np.count_nonzero(r(every["Position"]) < 4.4)
    assert inner <= len(gas["Mass"]) < len(every["Mass"]) and np.isfinite(gas["Temperature"]).all()


def test_gas_lies_beside_its_stars(tmp_path):
    """Of each group, across a face of the box, without a stated centre; gas that cannot be read is left out."""
    rng = np.random.default_rng(8)
    side = 30.0 * A / 0.6774 * 1e3
    s = raw_stars(40, family="eagle")
    s["pos"] = (rng.normal(0, 0.05, (40, 3)) + [0.01, 15, 15]) % 30
    s["GroupNumber"], s["SubGroupNumber"] = np.arange(40) % 2 + 1, np.zeros(40)

    def gas(f):
        g = f.create_group("PartType0")
        for name, x, p, q, cgs in (("Coordinates", (rng.normal(0, 0.05, (30, 3)) + [-0.02, 15, 15]) % 30, 1, -1, 3.085678e24),
                                   ("Velocity", rng.normal(0, 50, (30, 3)), 0.5, 0, 1e5),
                                   ("Mass", np.full(30, 1e-4), 0, -1, 1.989e43)):
            g[name] = x
            g[name].attrs.update({"aexp-scale-exponent": p, "h-scale-exponent": q, "CGSConversionFactor": cgs})
        g["GroupNumber"], g["SubGroupNumber"] = np.arange(30, dtype="i4") % 2 + 1, np.zeros(30, "i4")

    tags = {"GroupNumber": "i4", "SubGroupNumber": "i4"}
    snap = write_raw(tmp_path / "snap.hdf5", s, "eagle", dtypes=tags, header={"BoxSize": 30.0}, edit=gas)
    extract(tmp_path, 2, ["--groups", "1,2"], InputFile=snap, GroupCatalogue="particles", GroupType="group",
            OutputFile=tmp_path / "g.hdf5")
    for row in (1, 2):
        got, _ = stars(tmp_path / f"g_{row}.hdf5")
        cells, _ = stars(tmp_path / f"g_{row}.hdf5", "Gas")
        assert np.abs(np.median(got["Position"], axis=0) - np.median(cells["Position"], axis=0)).max() < 0.01 * side
    with h5py.File(snap, "r+") as f:
        del f["PartType0/Velocity"]
    done = extract(tmp_path, 2, InputFile=snap, OutputFile=tmp_path / "x.hdf5")
    assert "the gas is left out" in done.err and "Velocity" in done.err
    with h5py.File(tmp_path / "x.hdf5") as f:
        assert "Gas" not in f and len(f["Stars/Mass"]) == 40


@pytest.mark.parametrize("source, pars", [
    ("mock", {"GasKernel": 1.7}), ("mock", {"Orientation": "inclined", "Inclination": 60}),
    ("data/simulations/eagle.hdf5", {}), ("data/simulations/illustris_tng.hdf5", {"DustGas": "all"}),
    ("data/simulations/colibre_swift.hdf5", {}), ("data/simulations/gadget4_run/snapdir_001", {})])
def test_gas_of_the_file_is_that_of_the_snapshot(tmp_path, source, pars):
    """On the sky, with kernels and dust, bit for bit; kernels follow GasKernel where the snapshot has none."""
    if source == "mock":
        assert run("cubix-mock", ["--stars", 4000, "--gas", 3000, "--wrap", tmp_path / "m.hdf5"]).status == 0
    file = tmp_path / "m.hdf5" if source == "mock" else shared(source)
    extract(tmp_path, 2, InputFile=file, OutputFile=tmp_path / "x.hdf5")
    pars = {"Dust": "gas", "Lines": "sfr", "SanityCheck": "warn", **pars}
    want = read_gas(tmp_path, 2, "--sky", InputFile=file, **pars)
    got = read_gas(tmp_path, 3, "--sky", InputFile=tmp_path / "x.hdf5", **pars)
    assert got["columns"] == want["columns"] and len(got["dust"]) > 20
    for name in ("position", "velocity", "mass_now", *want["columns"]):
        assert np.array_equal(got[name], want[name]), name


def test_gas_of_groups(tmp_path):
    """Dust is that of the group's own gas; a group without gas has none, which is said."""
    rng = np.random.default_rng(8)
    s = raw_stars(40, family="eagle")
    s["pos"] = rng.normal(0, 0.05, (40, 3)) + 15
    s["GroupNumber"], s["SubGroupNumber"] = np.arange(40) % 2 + 1, np.zeros(40)

    def gas(f):
        g = f.create_group("PartType0")
        for name, x, p, q, cgs in (("Coordinates", rng.normal(0, 0.05, (30, 3)) + 15, 1, -1, 3.085678e24),
                                   ("Velocity", rng.normal(0, 50, (30, 3)), 0.5, 0, 1e5),
                                   ("Mass", np.arange(1, 31) * 1e-4, 0, -1, 1.989e43),
                                   ("SmoothingLength", np.full(30, 1e-3), 1, -1, 3.085678e24),
                                   ("Temperature", np.full(30, 1e3), 0, 0, 1), ("Metallicity", np.full(30, .02), 0, 0, 1)):
            g[name] = x
            g[name].attrs.update({"aexp-scale-exponent": p, "h-scale-exponent": q, "CGSConversionFactor": cgs})
        g["GroupNumber"], g["SubGroupNumber"] = np.where(np.arange(30) < 10, 1, 7).astype("i4"), np.zeros(30, "i4")

    tags = {"GroupNumber": "i4", "SubGroupNumber": "i4"}
    snap = write_raw(tmp_path / "snap.hdf5", s, "eagle", dtypes=tags, header={"BoxSize": 30.0}, edit=gas)
    pars = dict(InputFile=snap, GroupCatalogue="particles", GroupType="group", Dust="gas", SanityCheck="warn")
    for ranks in (1, 2):
        got = read_gas(tmp_path, ranks, "--sky", GroupIndex=1, **pars)
        assert within(got["mass_now"] * 0.6774 / 1e6, np.arange(1, 11), rtol=2e-3)
        got = read_gas(tmp_path, ranks, "--sky", GroupIndex=2, **pars)
        assert len(got["dust"]) == 0 and "none of 0 cells of gas has dust" in got["err"]


def test_where_masses_come_from(tmp_path):
    """What the snapshot's masses at birth were is told by a cube of the extracted file as well."""
    folder = shared("data/simulations/gadget4_run")
    extract(tmp_path, 1, InputFile=folder / "snapdir_001", OutputFile=tmp_path / "x.hdf5")
    bench = Bench(tmp_path)
    bench.instrument()
    bench.ssp()
    bench.file = tmp_path / "x.hdf5"
    with h5py.File(tmp_path / "x.hdf5") as f:
        centre = f["Stars/Position"][0]
    bench.cube(Centre=centre, OutputFile=tmp_path / "c.fits", SystemicVelocity="none")
    header = fits.getheader(tmp_path / "c.fits", 0)
    assert header["SIMBIRTH"] == "current"


def test_the_same_cube(tmp_path):
    """Of a group: on the snapshot, and on what was extracted of it."""
    bench = Bench(tmp_path)
    bench.instrument()
    bench.ssp()
    bench.file = "none"
    s, subs, fuzz = universe()
    rows = list(place(subs, fuzz, 0))
    s["pos"][rows] = 20000 + np.random.default_rng(4).normal(0, 0.2, (len(rows), 3))
    snap = write_members(tmp_path / "snap", s, [9])
    cat, *_ = write_subfind(tmp_path / "groups", s, subs, fuzz)
    chosen = dict(InputFile=snap, GroupCatalogue=cat, GroupType="group", GroupIndex=0)
    extract(tmp_path, 2, OutputFile=tmp_path / "x.hdf5", **chosen)
    frame = dict(Centre=[20000 * A / 0.6774] * 3, SanityCheck="warn", Orientation="faceon", AlignRadius=100)
    one = bench.cube(ranks=2, **chosen, **frame)
    two = bench.cube(ranks=1, InputFile=tmp_path / "x.hdf5", **frame)
    assert np.array_equal(one["DATA"], two["DATA"]) and one["DATA"].max() > 0


def test_a_real_run(tmp_path):
    folder = shared("data/simulations/gadget4_run")
    extract(tmp_path, 2, InputFile=folder / "snapdir_001", GroupCatalogue=folder / "groups_001", GroupIndex=10,
            OutputFile=tmp_path / "x.hdf5")
    got, header = stars(tmp_path / "x.hdf5")
    ids = np.concatenate([h5py.File(folder / f"snapdir_001/snapshot_001.{k}.hdf5")["PartType4/ParticleIDs"][:]
                          for k in range(2)])
    assert np.array_equal(got["Id"], ids[51:62]) and within(got["Mass"].sum(), 1.013804e9, rtol=1e-6)
    assert header["InitialMassFrom"] == b"current"


@pytest.mark.parametrize("parameters, status, words", [
    (dict(OutputFile="x.fits"), 2, "must be one HDF5 file"),
    (dict(OutputFile="g_%d.hdf5"), 2, "name a GroupCatalogue"),
    (dict(OutputFile="snap.hdf5"), 4, "is the InputFile as well"),
    (dict(OutputFile="nowhere/x.hdf5"), 4, "nowhere"),
    (dict(SelectRadius=1, Centre="1 2 3"), 2, "keeps no star")])
def test_what_is_wrong_is_said(tmp_path, parameters, status, words):
    snap = write_raw(tmp_path / "snap.hdf5", raw_stars(50))
    for ranks in (1, 2):
        done = extract(tmp_path, ranks, status=status, **{"InputFile": snap, "OutputFile": "x.hdf5", **parameters})
        assert words in done.err and sorted(p.name for p in tmp_path.iterdir()) == ["extract.param", "snap.hdf5"]


@pytest.mark.parametrize("change, words", [
    (lambda s: s.update(pos=s["pos"][0] + 1000 * (s["pos"] - s["pos"][0])), "half of the stellar mass"),
    (lambda s: s.update(vel=s["vel"] * 1000), "median speed"),
    (lambda s: s.update(now=s["now"] * 1e10), "median mass of a star particle")])
def test_units_that_no_galaxy_has(tmp_path, change, words):
    """A canonical file names its units, so that they must be right before it is written."""
    s = raw_stars(80)
    s["vel"] *= 0.1
    write_raw(tmp_path / "good.hdf5", s)
    extract(tmp_path, 2, InputFile=tmp_path / "good.hdf5", OutputFile=tmp_path / "x.hdf5")
    change(s)
    write_raw(tmp_path / "bad.hdf5", s)
    done = extract(tmp_path, 2, status=3, InputFile=tmp_path / "bad.hdf5", OutputFile=tmp_path / "y.hdf5")
    assert words in done.err and not (tmp_path / "y.hdf5").exists()


def test_what_the_half_mass_radius_is_about(tmp_path):
    """Where the centre is known the radius is that of cubix; else the log says that it is about the first star."""
    s = raw_stars(200)
    s["pos"][:] = s["pos"][1:].mean(axis=0) + 0.05 * (s["pos"] - s["pos"][1:].mean(axis=0))
    s["pos"][0] += 30
    snap = write_raw(tmp_path / "snap.hdf5", s)

    def told(**more):
        out = extract(tmp_path, InputFile=snap, OutputFile=tmp_path / "x.hdf5", **more).out
        return re.search(r"half of the stellar mass within (\S+) kpc( of the first star)?;", out).groups()

    x = (s["pos"] - s["pos"][0]) * A / 0.6774
    r = np.sqrt((x**2).sum(axis=1))
    order = np.argsort(r)
    half = r[order][np.searchsorted(np.cumsum(s["now"][order]), 0.5 * s["now"].sum())]
    radius, where = told()
    assert where == " of the first star" and abs(float(radius) / half - 1) < 0.05
    radius, where = told(SelectRadius=1000, Centre="median")
    x = (s["pos"] - np.median(s["pos"], axis=0)) * A / 0.6774
    r = np.sqrt((x**2).sum(axis=1))
    order = np.argsort(r)
    want = r[order][np.searchsorted(np.cumsum(s["now"][order]), 0.5 * s["now"].sum())]
    assert where is None and abs(float(radius) / want - 1) < 0.05 and want < 0.9 * half
