"""The formats of simulations in HDF5: each on a file made from its code's own tables, on 1, 2 and 3 ranks; how they are
told apart; and what may be wrong in any of them (units, isolated runs, stars without a time of birth, shapes of attributes,
counts).  Tests of one code's traps: test_hdf5_codes.py; real files: test_hdf5_snapshots.py; cubes: test_hdf5_cubes.py."""
import subprocess
import sys

import h5py
import numpy as np
import pytest

import snapshots as snap
from dumps import dump, read
from harness import COSMO, SOURCE, galaxy, run, within

INPUT = 3
CODES = list(snap.CODES)


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    """A library with surviving masses."""
    path = tmp_path_factory.mktemp("ssp") / "demo.hdf5"
    subprocess.run([sys.executable, SOURCE / "scripts/cubix-ssp", "demo", path], check=True, capture_output=True)
    return path


def stars(n=60, seed=3, redshift=0.25, centre=(9000.0, 8000.0, 7000.0)):
    return snap.born(galaxy(n, seed=seed, centre=centre, velocity=(30, -70, 110)), redshift)


def same(got, want, tolerance=1e-9):
    for key, x in want.items():
        scale = 13.8 if key == "age" else np.abs(x) + 1e-300
        assert got[key].shape == x.shape, f"{key}: {got[key].shape}, not {x.shape}"
        assert np.isfinite(got[key]).all() and np.all(np.abs(got[key] - x) <= tolerance * scale), \
            f"{key}: {got[key][:3]}, not {x[:3]}"


def refused(folder, *words, ranks=1, **parameters):
    done = dump(folder, ranks, **parameters)
    assert done.status == INPUT and done.err.count("cubix: error:") == 1, f"{done.status}: {done.err}"
    for word in words:
        assert word in done.err, f"no {word!r} in {done.err}"
    return done.err


# ---- each format ---------------------------------------------------------------------------------

@pytest.mark.parametrize("code", CODES)
def test_each_format(tmp_path, demo, code):
    """Physical units, ages at the snapshot, masses at birth; the same bits on any number of ranks."""
    s = stars()
    file = snap.write(tmp_path / "g.hdf5", code, s)
    first = None
    for ranks in (1, 2, 3):
        got, info = read(tmp_path, ranks, InputFile=file, SspFile=demo)
        assert info["format"] == code and info["n_total"] == len(s["z"])
        assert within(info["redshift_omega_m_omega_l_h_box"][:4], [0.25, *COSMO], rtol=1e-12)
        same(got, snap.expected(code, s, demo))
        first = first or got
        assert all(np.array_equal(got[k], first[k]) for k in got)


@pytest.mark.parametrize("code", CODES)
def test_single_precision(tmp_path, demo, code):
    """As snapshots are written: what is read is the float32 number, times the conversion."""
    s = stars()
    got, _ = read(tmp_path, InputFile=snap.write(tmp_path / "g.hdf5", code, s, kind="f4"), SspFile=demo)
    want = snap.expected(code, s, demo)
    same(got, want, 3e-5)                # masses at birth follow from rounded ages
    same({k: got[k] for k in ("pos", "vel", "now", "z")}, {k: want[k] for k in ("pos", "vel", "now", "z")}, 2e-7)


# ---- telling them apart --------------------------------------------------------------------------

def test_1_0_two_formats_fit(tmp_path):
    """Names of two simulations in one header: both are named, with what they were known by."""
    file = snap.write(tmp_path / "g.hdf5", "EAGLE", stars(), header={"SimulationName": "Illustris-like"})
    err = refused(tmp_path, "may be EAGLE or IllustrisTNG", "SimulationFormat", InputFile=file)
    assert "RunLabel (here EAGLE RefL0100N1504)" in err and "SimulationName (here Illustris-like)" in err


def test_1_0_stripped_files_fit_three_codes(tmp_path):
    """StellarFormationTime and a one-dimensional Metallicity alone are Gadget's, Gadget-4's and AREPO's."""
    def strip(f):
        for name in list(f["Header"].attrs):
            if name.startswith("Flag") or name.startswith("Unit"):
                del f["Header"].attrs[name]
        for name in ("Config", "Parameters"):
            f.pop(name, None)
    for code in ("Gadget", "AREPO"):
        err = refused(tmp_path, "is of no known format", "It holds Header, PartType4", "Gadget-4: there are Config",
                      InputFile=snap.write(tmp_path / "g.hdf5", code, stars(), edit=strip))
        assert "AREPO: there are Header@Omega0" in err


def test_1_0_no_format(tmp_path):
    with h5py.File(tmp_path / "g.hdf5", "w") as f:
        f["Something/else"] = np.zeros(3)
    refused(tmp_path, "is of no known format", "It holds Something", "SWIFT: Code (here missing)",
            InputFile=tmp_path / "g.hdf5")


@pytest.mark.parametrize("column", ["Group/GroupLenType", "Subhalo/SubhaloLen", "InputHalos/HaloCatalogueIndex",
                                    "hostHaloID"])
def test_a_catalogue_of_groups_is_no_snapshot(tmp_path, column):
    with h5py.File(tmp_path / "fof.hdf5", "w") as f:
        f.create_group("Header").attrs["Redshift"] = 0.0
        f[column] = np.zeros(3, int)
    refused(tmp_path, "is a catalogue of groups, and holds no particles", "GroupCatalogue", InputFile=tmp_path / "fof.hdf5")


@pytest.mark.parametrize("code", ["IllustrisTNG", "SWIFT-GEAR", "AREPO"])
def test_1_0_a_member_without_stars_is_what_its_siblings_are(tmp_path, demo, code):
    """The header of a member with gas alone says less than another's stars."""
    s = stars()
    few = {k: x[:1] if np.ndim(x) else x for k, x in s.items()}

    def no_stars(f):
        del f["PartType4"]
        f["PartType0/Coordinates"] = np.zeros((2, 3))
    more = {"NumFilesPerSnapshot": 2, "SimulationName": "", **snap.CGS}
    snap.write(tmp_path / "g.0.hdf5", code, few, edit=no_stars, header=more)
    snap.write(tmp_path / "g.1.hdf5", code, s, header=more)
    got, info = read(tmp_path, InputFile=tmp_path / "g.0.hdf5", SspFile=demo)
    assert info["format"] == code
    same(got, snap.expected(code, s, demo))


# ---- units ---------------------------------------------------------------------------------------

@pytest.mark.parametrize("code", ["AREPO", "IllustrisTNG", "Gadget-4", "Auriga"])
@pytest.mark.parametrize("megaparsec", [False, True])
def test_0_1_units_come_from_the_file(tmp_path, demo, code, megaparsec):
    """AREPO and Gadget write kpc/h or Mpc/h: the header's units, where datasets state none."""
    s = stars()
    layout, _, groups, more, how = snap.CODES[code]
    layout = {k: ("pos", 1e3 if megaparsec else 1, *x[2:]) if x[0] == "pos" else x for k, x in layout.items()}
    units = snap.MPC if megaparsec else snap.CGS
    with h5py.File(tmp_path / "g.hdf5", "w") as f:
        snap.write_groups(f, groups(s))
        f["Header"].attrs["BoxSize"] = 0.0
        f["Parameters" if code == "Gadget-4" else "Header"].attrs.update(units)
        snap.write_datasets(f, "PartType4", s, layout, None, s["a"], COSMO[2])
    got, info = read(tmp_path, InputFile=tmp_path / "g.hdf5", SspFile=demo)
    assert info["format"] == code
    same(got, snap.expected(code, s, demo))


def test_0_1_auriga_in_mpc_is_never_read_as_kpc(tmp_path, demo):
    """With a mass at birth added it has the look of IllustrisTNG: its stated units are believed, and where it states none
    its box of 68 Mpc/h, which is none of 68 kpc/h, ends the run."""
    s = stars()
    add = lambda f: f["PartType4"].create_dataset("GFM_InitialMass", data=s["mass"] / 1e10 * COSMO[2])
    file = snap.write(tmp_path / "g.hdf5", "Auriga", s, edit=add)
    refused(tmp_path, "comoving Mpc", "1 kpc", "IllustrisTNG", "0.5..20000",
            InputFile=file)
    for stated in (snap.MPC, {"Unit length in cgs (U_L)": np.array([3.085678e24]),
                              "Unit mass in cgs (U_M)": np.array([1.989e43]),
                              "Unit time in cgs (U_t)": np.array([3.085678e19])}):
        file = snap.write(tmp_path / "g.hdf5", "Auriga", s, edit=add, header=stated)
        got, info = read(tmp_path, InputFile=file)
        assert info["format"] == "IllustrisTNG"
        same(got, {**snap.expected("Auriga", s, demo), "formed": s["mass"]})


@pytest.mark.parametrize("units", ["stated", "not stated"])
def test_0_1_a_file_that_calls_itself_auriga_is_auriga(tmp_path, demo, units):
    """Also with masses at birth: without stated units its lengths are in Mpc/h, where IllustrisTNG's are in kpc/h."""
    s = stars()

    def edit(f):
        f["PartType4/GFM_InitialMass"] = s["mass"] / 1e10 * COSMO[2]
        if units == "stated":
            f["Header"].attrs.update(snap.MPC)
    file = snap.write(tmp_path / "g.hdf5", "Auriga", s, edit=edit, header={"RunLabel": "Auriga 6"})
    got, info = read(tmp_path, 2, InputFile=file, SspFile=demo)
    assert info["format"] == "Auriga"
    same(got, {**snap.expected("Auriga", s, demo), "formed": s["mass"]})


def test_0_1_tng_without_masses_at_birth_is_never_read_as_mpc(tmp_path, demo):
    """And the other way round: a box of 35000 kpc/h is none of 35 Gpc/h."""
    s = stars()
    file = snap.write(tmp_path / "g.hdf5", "IllustrisTNG", s,
                      edit=lambda f: (f["PartType4"].pop("GFM_InitialMass"),
                                      [d.attrs.pop(k) for d in f["PartType4"].values() for k in list(d.attrs)]),
                      header={"BoxSize": 35000.0, "SimulationName": ""})
    refused(tmp_path, "comoving Mpc", "Auriga", "1000 kpc", InputFile=file, SspFile=demo)


@pytest.mark.parametrize("code", ["SWIFT", "SWIFT-GEAR", "AREPO", "Gadget-4", "Magneticum", "HorizonAGN"])
def test_0_1_a_unit_that_nobody_states_is_an_error(tmp_path, demo, code):
    def forget(f):
        for group in f.values():
            for name in list(group.attrs):
                if name.startswith("Unit") and name != "UnitLength_in_cm" or (
                        name == "UnitLength_in_cm" and code != "AREPO"):
                    del group.attrs[name]
        for d in f["PartType4"].values():
            for name in list(d.attrs):
                del d.attrs[name]
    file = snap.write(tmp_path / "g.hdf5", code, stars(), edit=forget)
    refused(tmp_path, "nobody says in which unit", InputFile=file, SspFile=demo)


def test_0_1_dataset_before_code_before_format(tmp_path, demo):
    """Gadget.cfg says kpc; the header's units win over it, and a dataset's own over both."""
    s = stars()
    got, _ = read(tmp_path, InputFile=snap.write(tmp_path / "g.hdf5", "Gadget", s), SspFile=demo)
    same(got, snap.expected("Gadget", s))
    file = snap.write(tmp_path / "g.hdf5", "AREPO", s, header=snap.MPC)      # the datasets say kpc
    same(read(tmp_path, InputFile=file)[0], snap.expected("AREPO", s))


def test_0_1_what_is_assumed_is_said(tmp_path, bench, demo):
    """The log says that nobody but the format gave the unit of length."""
    bench.instrument(4, 4, 1.0, lam=(5000.0, 5049.0, 1.0))
    bench.ssp_file, bench.file = demo, snap.write(tmp_path / "g.hdf5", "Gadget", stars())
    said = run("cubix", ["-n", bench.parameters()], cwd=tmp_path)
    assert "does not say in which unit its lengths are: the format Gadget says 1 kpc a^1 h^-1" in said.out, said.out


# ---- shapes, counts, zeros -----------------------------------------------------------------------

@pytest.mark.parametrize("code", ["Gadget", "SWIFT", "EAGLE", "GIZMO"])
def test_0_3_attributes_of_any_shape(tmp_path, demo, code):
    """Scalars of shape () and (1,), a box of three sides, 6 or 7 kinds of particles, counts as floats."""
    s = stars()

    def reshape(f):
        for name in ("Header", "Cosmology"):
            for key, x in list(f[name].attrs.items() if name in f else ()):
                if np.size(x) == 1 and np.asarray(x).dtype.kind in "fiu":
                    f[name].attrs[key] = np.ravel(x) if np.ndim(x) == 0 else np.ravel(x)[0]
        f["Header"].attrs.update({"BoxSize": np.array([50000.0] * 3), "NumPart_ThisFile": np.zeros(7),
                                  "MassTable": np.zeros(7), "NumPart_Total": np.zeros(7)})
        for d in f["PartType4"].values():
            for key, x in list(d.attrs.items()):
                d.attrs[key] = np.ravel(x)[0]
    if code == "SWIFT":
        reshape_all = reshape
        reshape = lambda f: (reshape_all(f), f["Header"].attrs.__setitem__("BoxSize", np.array([50.0] * 3)))
    got, info = read(tmp_path, InputFile=snap.write(tmp_path / "g.hdf5", code, s, edit=reshape), SspFile=demo)
    same(got, snap.expected(code, s, demo))


@pytest.mark.parametrize("code", CODES)
def test_0_6_counts_are_those_of_the_datasets(tmp_path, demo, code):
    """A cutout's header counts the snapshot: other numbers of particles, eight files."""
    s = stars()
    wrong = {"NumPart_ThisFile": np.array([5, 0, 0, 0, 123456, 0]), "NumPart_Total": np.array([5, 0, 0, 0, 999999, 0]),
             "NumFilesPerSnapshot": 8}
    file = snap.write(tmp_path / "cutout.hdf5", code, s, header=wrong)
    got, info = read(tmp_path, 2, InputFile=file, SspFile=demo)
    assert info["n_total"] == len(s["z"]) and "8 files" in info["err"]
    same(got, snap.expected(code, s, demo))


def test_0_7_a_group_across_the_box(tmp_path):
    """Stars at both ends of a periodic box belong together."""
    s = stars(centre=(0, 0, 0))
    box = 25000.0 * s["a"] / COSMO[2]
    whole = s["pos"].copy()
    file = snap.write(tmp_path / "g.hdf5", "IllustrisTNG", {**s, "pos": s["pos"] % box}, header={"BoxSize": 25000.0})
    got, _ = read(tmp_path, 2, InputFile=file)
    assert within(got["pos"] - got["pos"][0], whole - whole[0], rtol=1e-6, atol=1e-8)


def test_ages_a_hair_negative(tmp_path):
    """A float32 scale factor of birth may exceed the snapshot's by its last digit: age 0."""
    s = stars()
    s["a_form"][:3] = np.nextafter(np.float32(s["a"]), np.float32(2), dtype="f4")
    got, _ = read(tmp_path, InputFile=snap.write(tmp_path / "g.hdf5", "Gadget-4", s, kind="f4"))
    assert (got["age"][:3] == 0).all() and (got["age"] >= 0).all()
    s["a_form"][0] = s["a"] * 1.01
    refused(tmp_path, "StellarFormationTime holds", "a star is not born later",
            InputFile=snap.write(tmp_path / "g.hdf5", "Gadget-4", s))


# ---- wrong files ---------------------------------------------------------------------------------

@pytest.mark.parametrize("code", CODES)
def test_truncated(tmp_path, demo, code):
    file = snap.write(tmp_path / "g.hdf5", code, stars())
    whole = file.read_bytes()
    for part in (0.3, 0.7, 0.95):
        file.write_bytes(whole[:int(part * len(whole))])
        refused(tmp_path, "g.hdf5", "begins as an HDF5 file but", ranks=2, InputFile=file, SspFile=demo)


@pytest.mark.parametrize("one, two", [("SWIFT", "Gadget"), ("Gadget", "SWIFT"), ("Gadget-4", "AREPO"),
                                      ("GIZMO", "Auriga"), ("SWIFT", "SWIFT-GEAR"), ("EAGLE", "HorizonAGN")])
def test_members_of_two_simulations(tmp_path, demo, one, two):
    """One message, that names a file, whatever is found first."""
    for k, code in enumerate((one, two)):
        snap.write(tmp_path / f"g.{k}.hdf5", code, stars(seed=k), header={"NumFilesPerSnapshot": 2})
    refused(tmp_path, "g.1.hdf5", ranks=2, InputFile=tmp_path / "g", SspFile=demo)


@pytest.mark.parametrize("code", CODES)
def test_a_dataset_is_missing(tmp_path, demo, code):
    """Each that is needed is asked for by name, with what there is and the parameter that stands in for it."""
    for name, (key, *_) in snap.CODES[code][0].items():
        file = snap.write(tmp_path / "g.hdf5", code, stars(), edit=lambda f: f["PartType4"].__delitem__(name))
        done = dump(tmp_path, InputFile=file, SspFile=demo, SimulationFormat=code)
        if key == "mass" and snap.CODES[code][4] == "file" and code.startswith("SWIFT"):
            assert done.status == 0, done.err
            continue
        assert done.status == INPUT and name in done.err and "there are: " in done.err, f"{name}: {done.err}"
        remedy = {"a_form": "StarAge", "z": "StarMetallicity", "mass": "StarInitialMass"}.get(key, "")
        assert remedy in done.err, f"{name}: {done.err}"
