"""The traps of single codes' HDF5 files: isolated runs, stars without a time of birth, cutouts of TNG, SWIFT's attributes,
links and virtual files, GEAR's columns, GIZMO's headers, Gadget-4's integers and table of masses, Magneticum, Horizon-AGN,
N-body runs; and what SimSpin and RUBIX get wrong with these files."""
import h5py
import numpy as np
import pytest

import snapshots as snap
from dumps import read
from harness import COSMO, galaxy, within
from test_hdf5_formats import demo, refused, same, stars  # noqa: F401  (a fixture)

H = COSMO[2]
ISOLATED = ["Gadget", "Gadget-4", "AREPO", "SWIFT", "SWIFT-GEAR", "GIZMO"]


def of_isolated_run(n=50, now=3.0):
    return snap.isolated(galaxy(n, seed=8), now)


# ---- isolated runs -------------------------------------------------------------------------------

@pytest.mark.parametrize("code", ISOLATED)
def test_0_4_isolated_runs(tmp_path, demo, code):
    """Time is a time, birth times are times, nothing is multiplied by a, and by h in GIZMO's units only."""
    s = of_isolated_run()
    got, info = read(tmp_path, 2, InputFile=snap.write_isolated(tmp_path / "g.hdf5", code, s), SspFile=demo)
    assert info["format"] == code
    same(got, snap.expected(code, s, demo), 1e-8)


@pytest.mark.parametrize("code", ["SWIFT-GEAR", "SWIFT"])
def test_0_4_scale_factor_0(tmp_path, demo, code):
    """pNbody writes Scale-factor 0, h 0, Omega 0: nothing is divided by them."""
    s = of_isolated_run()

    def zero(f):
        f["Header"].attrs["Scale-factor"] = np.array([0.0])
        del f["Cosmology"].attrs["Cosmological run"]
    got, info = read(tmp_path, InputFile=snap.write_isolated(tmp_path / "g.hdf5", code, s, edit=zero), SspFile=demo)
    assert info["redshift_omega_m_omega_l_h_box"][:4] == [0, 0, 0, 0]
    same(got, snap.expected(code, s, demo), 1e-8)


@pytest.mark.parametrize("code, types", [("Gadget", (2, 3, 4)), ("Gadget-4", (2, 4)), ("GIZMO", (3, 2, 4))])
def test_0_4_disc_and_bulge(tmp_path, demo, code, types):
    """Types 2 and 3 are stars of isolated runs: their ages and metallicities are the user's, by type."""
    s = of_isolated_run()
    file = snap.write_isolated(tmp_path / "g.hdf5", code, s, types=types)
    got, _ = read(tmp_path, 2, InputFile=file, SspFile=demo, StarAge='"2: 5.0, 3: 10.0"',
                  StarMetallicity='"2: 0.024, 3: 0.001"', StarInitialMass="current")
    order = [np.arange(k, len(s["z"]), len(types)) for k in range(len(types))]
    rows = np.concatenate([order[types.index(t)] for t in sorted(types)])
    type_of = np.concatenate([np.full(len(order[types.index(t)]), t) for t in sorted(types)])
    want = {k: s[k][rows] for k in ("pos", "vel", "age", "z")} | {"now": s["mass_now"][rows]}
    want["age"] = np.select([type_of == 2, type_of == 3], [5.0, 10.0], want["age"])
    want["z"] = np.select([type_of == 2, type_of == 3], [0.024, 0.001], want["z"])
    same(got, {**want, "formed": want["now"]}, 1e-8)
    refused(tmp_path, "give StarAge in Gyr, like StarAge", f"PartType{min(types)}", InputFile=file, SspFile=demo,
            StarMetallicity=0.02)


# ---- stars without a time of birth ---------------------------------------------------------------

@pytest.mark.parametrize("mark", [0.0, -1.0])
def test_0_5_wind_cells_and_first_stars(tmp_path, demo, mark):
    """0 or less is a wind cell of IllustrisTNG and Auriga, and a star of the initial conditions in the others."""
    for code in ("IllustrisTNG", "Auriga"):
        s = stars()
        s["a_form"][::3] = mark
        keep = s["a_form"] > 0
        got, info = read(tmp_path, InputFile=snap.write(tmp_path / "g.hdf5", code, s), SspFile=demo)
        assert info["n_wind"] == (~keep).sum()
        same(got, {k: x[keep] for k, x in snap.expected(code, s, demo).items()})
    for code in ("SWIFT-GEAR", "SWIFT", "GIZMO"):
        s = of_isolated_run()
        s["t_form"][::3], s["age"][::3] = mark, 7.5
        file = snap.write_isolated(tmp_path / "g.hdf5", code, s)
        refused(tmp_path, "no time of formation", "give StarAge", InputFile=file, SspFile=demo)
        got, info = read(tmp_path, InputFile=file, SspFile=demo, StarAge=7.5)
        assert info["n_wind"] == 0
        same(got, snap.expected(code, s, demo), 1e-8)


def test_0_5_mass_at_birth_0_of_first_stars(tmp_path, demo):
    """GEAR writes BirthMasses 0 for stars of the initial conditions: today's mass stands in."""
    s = of_isolated_run()
    s["t_form"][::3], s["age"][::3], s["mass"][::3] = -1.0, 7.5, 0.0
    got, _ = read(tmp_path, InputFile=snap.write_isolated(tmp_path / "g.hdf5", "SWIFT-GEAR", s), SspFile=demo,
                  StarAge=7.5)
    same(got, {"formed": np.where(s["mass"] > 0, s["mass"], s["mass_now"])})


# ---- IllustrisTNG, Auriga ------------------------------------------------------------------------

def test_1_1_cutouts(tmp_path):
    """The header of a cutout counts nothing, and its pure numbers say to_cgs 0."""
    s = stars()

    def edit(f):
        for name in list(f["Header"].attrs):
            if name.startswith(("NumPart", "Flag", "NumFiles")):
                del f["Header"].attrs[name]
        f["Header"].attrs.update({"CutoutID": 7, "CutoutType": "Subhalo", "SnapshotNumber": 84})
        for name in ("GFM_StellarFormationTime", "GFM_Metallicity"):
            f["PartType4"][name].attrs.update(dict(zip(snap.A_H, (0.0, 0.0, 0.0))))
    got, _ = read(tmp_path, InputFile=snap.write(tmp_path / "cutout_7.hdf5", "IllustrisTNG", s, edit=edit))
    same(got, snap.expected("IllustrisTNG", s))


@pytest.mark.parametrize("name", ["TNG50-1_DM", "TNG50-1-Dark", "TNG-Cluster"])
def test_1_1_dark_runs_have_no_stars(tmp_path, name):
    file = snap.write(tmp_path / "g.hdf5", "IllustrisTNG", stars(), header={"SimulationName": name},
                      edit=lambda f: f.__delitem__("PartType4"))
    refused(tmp_path, "holds no stars: /PartType4 is missing or empty", InputFile=file)


def test_1_2_a_missing_omega_lambda_is_said(tmp_path):
    """CAMELS' header has Omega0 alone: a flat universe, said aloud."""
    s = stars()
    file = snap.write(tmp_path / "g.hdf5", "IllustrisTNG", s,
                      edit=lambda f: [f["Header"].attrs.pop(k) for k in ("OmegaLambda", "Redshift", "BoxSize")])
    got, info = read(tmp_path, InputFile=file)
    assert "no Omega_Lambda: the universe is taken as flat, with 0.6911" in info["err"]
    same(got, snap.expected("IllustrisTNG", s))


@pytest.mark.parametrize("code", ["Auriga", "GIZMO", "Simba"])
def test_1_birth_masses_are_never_those_of_today_in_silence(tmp_path, demo, code):
    """Where stars lose mass, the library says how much they had; StarInitialMass current must be asked for."""
    s = stars()
    file = snap.write(tmp_path / "g.hdf5", code, s)
    got, _ = read(tmp_path, InputFile=file, SspFile=demo)
    assert (got["formed"] > 1.02 * got["now"]).mean() > 0.9
    same(read(tmp_path, InputFile=file, SspFile=demo, StarInitialMass="current")[0], {"formed": s["mass_now"]})


# ---- SWIFT ---------------------------------------------------------------------------------------

def write_parts(folder, s, n=3):
    for k in range(n):
        part = {key: x[k * len(x) // n:(k + 1) * len(x) // n] if np.ndim(x) else x for key, x in s.items()}
        snap.write(folder / f"snap_0042.{k}.hdf5", "SWIFT", part,
                   header={"NumFilesPerSnapshot": np.array([n]), "ThisFile": np.array([k])})
    with h5py.File(folder / "snap_0042.0.hdf5") as first, h5py.File(folder / "snap_0042.hdf5", "w") as f:
        for name in ("Header", "Cosmology", "Units", "InternalCodeUnits", "Cells"):
            first.copy(name, f)
        f["Header"].attrs.update({"Virtual": np.array([1]), "NumFilesPerSnapshot": np.array([1])})
        for name, d in first["PartType4"].items():
            layout = h5py.VirtualLayout((len(s["z"]), *d.shape[1:]), d.dtype)
            for k in range(n):
                rows = slice(k * len(s["z"]) // n, (k + 1) * len(s["z"]) // n)
                layout[rows] = h5py.VirtualSource(f"snap_0042.{k}.hdf5", f"PartType4/{name}",
                                                  (rows.stop - rows.start, *d.shape[1:]))
            f.create_virtual_dataset(f"PartType4/{name}", layout).attrs.update(d.attrs)


@pytest.mark.parametrize("name, files", [("snap_0042.hdf5", 1), ("snap_0042", 3), ("snap_0042.1.hdf5", 3), ("", 3)])
@pytest.mark.parametrize("stated", [1, 3])
def test_1_3_virtual_file_or_parts(tmp_path, name, files, stated):
    """The virtual file alone, or the parts: never both.  It may state their number."""
    s = stars()
    (tmp_path / "snap").mkdir()
    write_parts(tmp_path / "snap", s)
    with h5py.File(tmp_path / "snap/snap_0042.hdf5", "r+") as f:
        f["Header"].attrs["NumFilesPerSnapshot"] = np.array([stated])
    got, info = read(tmp_path, 2, InputFile=tmp_path / "snap" / name)
    assert len(info["file"]) == files and info["n_total"] == len(s["z"])
    same(got, snap.expected("SWIFT", s))


def test_1_3_groups_that_are_linked(tmp_path):
    """/StarsParticles is a link to /PartType4: no star is seen twice."""
    s = stars()

    def link(f):
        f["StarsParticles"] = h5py.SoftLink("/PartType4")
        f["GasParticles"] = h5py.SoftLink("/PartType0")           # leads nowhere
    got, info = read(tmp_path, InputFile=snap.write(tmp_path / "g.hdf5", "SWIFT", s, edit=link))
    assert info["n_file_total"] == len(s["z"])
    same(got, snap.expected("SWIFT", s))


@pytest.mark.parametrize("factors", ["cgs", "physical", "both"])
def test_1_3_conversion_factors(tmp_path, factors):
    """Either attribute is enough, without any group of units."""
    s = stars()

    def edit(f):
        del f["Units"], f["InternalCodeUnits"]
        for d in f["PartType4"].values():
            cgs, a = d.attrs[snap.SWIFT[2]][0], d.attrs[snap.SWIFT[0]][0]
            if factors != "cgs":
                d.attrs[snap.WHOLE] = np.array([cgs * s["a"]**a])
            if factors == "physical":
                del d.attrs[snap.SWIFT[2]]
    same(read(tmp_path, InputFile=snap.write(tmp_path / "g.hdf5", "SWIFT", s, edit=edit))[0],
         snap.expected("SWIFT", s))


@pytest.mark.parametrize("factors", ["cgs", "physical", "both", "both without a"])
def test_1_3_value_stored_as_physical(tmp_path, factors):
    """Then its power of a says what it would be if it were comoving, and does not apply, whichever factors stand by."""
    s = stars()

    def edit(f):
        d = f["PartType4/Coordinates"]
        d[:] = s["pos"] / 1e3
        d.attrs["Value stored as physical"] = np.array([1], "i4")
        d.attrs["Property can be converted to comoving"] = np.array([1], "i4")
        if factors.startswith("both"):
            d.attrs[snap.WHOLE] = np.array([1e3 * snap.KPC * (1 if factors.endswith("a") else s["a"])])
        if factors == "physical":
            d.attrs[snap.WHOLE] = np.array([1e3 * snap.KPC])
            del d.attrs[snap.SWIFT[2]]
    same(read(tmp_path, InputFile=snap.write(tmp_path / "g.hdf5", "SWIFT", s, edit=edit))[0],
         snap.expected("SWIFT", s))


@pytest.mark.parametrize("stated", ["code", "cgs", "physical", "a-scale exponent 0"])
@pytest.mark.parametrize("ranks", [1, 2])
def test_1_3_the_box_is_comoving_whatever_the_positions_are(tmp_path, ranks, stated):
    """a = 0.5, 20 comoving Mpc: the box is 10000 kpc, and a galaxy across its edge is put together, though Coordinates
    are stored physical."""
    s = stars(redshift=1.0, centre=(0, 5000, 9999.0))
    box = 1e4

    def edit(f):
        d = f["PartType4/Coordinates"]
        d[:] = s["pos"] % box / 1e3
        if stated == "a-scale exponent 0":
            d.attrs[snap.SWIFT[0]] = np.array([0.0])
        else:
            d.attrs["Value stored as physical"] = np.array([1], "i4")
        if stated in ("cgs", "physical"):
            del f["Units"], f["InternalCodeUnits"]
        if stated == "physical":
            d.attrs[snap.WHOLE] = np.array([1e3 * snap.KPC])
            del d.attrs[snap.SWIFT[2]]
    file = snap.write(tmp_path / "g.hdf5", "SWIFT", s, edit=edit, header={"BoxSize": np.array([20.0] * 3)})
    got, info = read(tmp_path, ranks, InputFile=file)
    assert info["redshift_omega_m_omega_l_h_box"][4] == pytest.approx(box, rel=1e-3)
    assert within(got["pos"] - got["pos"][0], s["pos"] - s["pos"][0], rtol=1e-6, atol=1e-6)


def test_1_3_exponents_of_isolated_runs(tmp_path, demo):
    """They are not 0 there either; a is 1, even where Scale-factor is something else."""
    s = of_isolated_run()
    edit = lambda f: f["Header"].attrs.__setitem__("Scale-factor", np.array([0.37]))
    same(read(tmp_path, InputFile=snap.write_isolated(tmp_path / "g.hdf5", "SWIFT", s, edit=edit))[0],
         snap.expected("SWIFT", s), 1e-8)


# ---- SWIFT-GEAR ----------------------------------------------------------------------------------

@pytest.mark.parametrize("place", [0, 4, 9])
def test_1_4_the_column_that_is_named_metals(tmp_path, place):
    """Wherever it is; the sum of the columns is not the metallicity."""
    s = stars()

    def edit(f):
        metals, names = f["PartType4/MetalMassFractions"], f["SubgridScheme/NamedColumns/MetalMassFractions"]
        order = list(range(9))
        order.insert(place, 9)
        metals[:], names[:] = metals[:][:, order], names[:][order]
    file = snap.write(tmp_path / "g.hdf5", "SWIFT-GEAR", s, edit=edit)
    same(read(tmp_path, 2, InputFile=file)[0], snap.expected("SWIFT-GEAR", s))


def test_1_4_columns_that_nobody_names(tmp_path):
    file = snap.write(tmp_path / "g.hdf5", "SWIFT-GEAR", stars(), edit=lambda f: f.__delitem__("SubgridScheme"))
    refused(tmp_path, "has 10 numbers a row", 'does not name one of them "Metals"', InputFile=file)


# ---- GIZMO, FIRE, Simba --------------------------------------------------------------------------

def new_header(f):
    head = f["Header"].attrs
    for old, new in (("Omega0", "Omega_Matter"), ("OmegaLambda", "Omega_Lambda")):
        head[new] = head[old]
        del head[old]
    head.update({"ComovingIntegrationOn": 1, "UnitLength_In_CGS": 3.0857e21, "UnitMass_In_CGS": 1.989e43,
                 "UnitVelocity_In_CGS": 1e5, "Solar_Abundances_Adopted": np.full(11, 0.01)})


@pytest.mark.parametrize("old", [True, False])
@pytest.mark.parametrize("metals", [1, 2])
def test_1_5_headers_and_columns(tmp_path, demo, old, metals):
    """Old and new names; column 0 is all metals, and a single one may have no columns."""
    s = stars()

    def edit(f):
        if not old:
            new_header(f)
        if metals == 1:
            z = f["PartType4/Metallicity"][:, 0]
            del f["PartType4/Metallicity"]
            f["PartType4/Metallicity"] = z
    file = snap.write(tmp_path / "g.hdf5", "GIZMO", s, edit=edit)
    told = {} if not (old and metals == 1) else {"SimulationFormat": "GIZMO"}     # else it is like Gadget's
    same(read(tmp_path, InputFile=file, SspFile=demo, **told)[0], snap.expected("GIZMO", s, demo))


def test_1_5_new_header_in_other_units(tmp_path, demo):
    """Its units are believed."""
    s = stars()

    def edit(f):
        new_header(f)
        f["Header"].attrs["UnitLength_In_CGS"] = 3.0857e24
        f["PartType4/Coordinates"][:] /= 1e3
    same(read(tmp_path, InputFile=snap.write(tmp_path / "g.hdf5", "GIZMO", s, edit=edit), SspFile=demo)[0],
         snap.expected("GIZMO", s, demo))


# ---- Gadget-4, Gadget ----------------------------------------------------------------------------

@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("attributes", [True, False])
def test_1_6_positions_as_integers(tmp_path, bits, attributes):
    """x = BoxSize i/2^bits, in the code's units, whatever the dataset says of itself."""
    s = stars()
    box = 20000.0

    def edit(f):
        x = f["PartType4/Coordinates"][:]
        del f["PartType4/Coordinates"]
        f["PartType4/IntCoordinates"] = (x / box * 2.0**bits).astype(f"u{bits // 8}")
        f["Header"].attrs["BoxSize"] = box
        if attributes:
            f["PartType4/IntCoordinates"].attrs.update(dict(zip(snap.A_H, (1.0, -1.0, 3.0857e21 * box / 2.0**bits))))
    got, info = read(tmp_path, 2, InputFile=snap.write(tmp_path / "g.hdf5", "Gadget-4", s, edit=edit))
    assert within(got["pos"], s["pos"], rtol=0, atol=2 * box / 2.0**bits + 1e-9)
    assert within(info["redshift_omega_m_omega_l_h_box"][4], box * s["a"] / H, rtol=1e-12)


@pytest.mark.parametrize("code", ["Gadget-4", "Gadget", "AREPO"])
def test_1_6_table_of_masses(tmp_path, code):
    """A type whose masses are all alike has no Masses."""
    s = stars()
    s["mass_now"] = np.full(len(s["z"]), 4e5)
    table = np.zeros(6)
    table[4] = 4e5 / 1e10 * H
    file = snap.write(tmp_path / "g.hdf5", code, s, header={"MassTable": table},
                      edit=lambda f: f["PartType4"].__delitem__("Masses"))
    same(read(tmp_path, 2, InputFile=file)[0], snap.expected(code, s))


def test_1_6_half_precision(tmp_path):
    s = stars()

    def edit(f):
        v = f["PartType4/Velocities"][:].astype("f2")
        kept = dict(f["PartType4/Velocities"].attrs)
        del f["PartType4/Velocities"]
        f.create_dataset("PartType4/Velocities", data=v).attrs.update(kept)
    got, _ = read(tmp_path, InputFile=snap.write(tmp_path / "g.hdf5", "Gadget-4", s, edit=edit))
    assert within(got["vel"], (s["vel"] / np.sqrt(s["a"])).astype("f2").astype("f8") * np.sqrt(s["a"]), rtol=1e-12)


def test_1_6_cosmology_in_parameters(tmp_path):
    """Not in the header; and where it is nowhere, the user is asked."""
    s = stars()

    def edit(f):
        for name in ("Omega0", "OmegaLambda", "HubbleParam"):
            del f["Parameters"].attrs[name]
    file = snap.write(tmp_path / "g.hdf5", "Gadget-4", s, edit=edit)
    refused(tmp_path, "looked for Omega0 of /Header or /Parameters); or give OmegaMatter, OmegaLambda and HubbleParam",
            InputFile=file)
    got, _ = read(tmp_path, InputFile=file, OmegaMatter=COSMO[0], OmegaLambda=COSMO[1], HubbleParam=COSMO[2])
    same(got, snap.expected("Gadget-4", s))


def test_simspin_n_body_mass_at_birth(tmp_path):
    """SimSpin's N-body stars are born with half of their mass, and those of type 4 alone are refused: here they have all
    of it, and are read."""
    s = of_isolated_run()
    for types in ((2,), (4,)):
        file = snap.write_isolated(tmp_path / "g.hdf5", "Gadget", s, types=types,
                                   edit=lambda f: [f[g].pop(k, None) for g in list(f) if g != "Header"
                                                   for k in ("StellarFormationTime", "Metallicity")])
        got, _ = read(tmp_path, InputFile=file, StarAge=5.0, StarMetallicity=0.024)
        same(got, {"formed": s["mass_now"], "now": s["mass_now"], "age": np.full(len(s["z"]), 5.0)})


# ---- Magneticum, Horizon-AGN, EAGLE --------------------------------------------------------------

def test_1_7_magneticum_counts_no_helium(tmp_path):
    """The first of its elements is helium, a quarter of the mass; wrong ones end the run."""
    s = stars()
    file = snap.write(tmp_path / "g.hdf5", "Magneticum", s)
    got, _ = read(tmp_path, 3, InputFile=file)
    assert got["z"].max() < 0.1
    same(got, snap.expected("Magneticum", s))
    file = snap.write(tmp_path / "g.hdf5", "Magneticum", s,
                      edit=lambda f: f["PartType4/Metallicity"].__setitem__((3, 5), 1.0))
    refused(tmp_path, "or another mass of elements, is larger than the particle's own", InputFile=file)


@pytest.mark.parametrize("cgs", [3.0856775814913673e21, 3.08e21])
def test_1_7_horizon_is_physical_and_its_kpc_its_own(tmp_path, cgs):
    """a from the redshift (Time is none); 3.08e21 cm are what the file says they are."""
    s = stars()
    edit = lambda f: f["PartType4/Coordinates"].attrs.__setitem__("CGSConversionFactor", np.array([cgs]))
    got, info = read(tmp_path, InputFile=snap.write(tmp_path / "g.hdf5", "HorizonAGN", s, edit=edit))
    assert info["redshift_omega_m_omega_l_h_box"][0] == pytest.approx(0.25)
    want = snap.expected("HorizonAGN", s)
    same(got, {**want, "pos": want["pos"] * (cgs / snap.KPC)})


def test_simspin_smoothed_metallicity_wins(tmp_path):
    """SimSpin reads the unsmoothed one where a file has both."""
    s = stars()
    for code in ("EAGLE", "HorizonAGN"):
        file = snap.write(tmp_path / "g.hdf5", code, s,
                          edit=lambda f: f["PartType4"].create_dataset("Metallicity", data=np.zeros(len(s["z"]))))
        same(read(tmp_path, InputFile=file)[0], {"z": s["z"]})


def test_simspin_other_names_of_a_simulation(tmp_path):
    """SimSpin crashes where SimulationName is none it knows: the datasets tell."""
    s = stars()
    file = snap.write(tmp_path / "g.hdf5", "IllustrisTNG", s, header={"SimulationName": "my own run"})
    same(read(tmp_path, InputFile=file)[0], snap.expected("IllustrisTNG", s))


@pytest.mark.parametrize("code", ["SWIFT", "Gadget-4", "GIZMO", "EAGLE"])
def test_B9_ages_are_those_of_the_snapshot(tmp_path, demo, code):
    """RUBIX counts them from today: 3 Gyr more at redshift 0.25, and none above the age of the universe here."""
    s = stars(redshift=0.25)
    got, _ = read(tmp_path, InputFile=snap.write(tmp_path / "g.hdf5", code, s), SspFile=demo)
    assert got["age"].max() < s["now"] and within(got["age"], s["age"], rtol=0, atol=1e-8)


@pytest.mark.parametrize("code", snap.CODES)
def test_B21_more_than_is_read(tmp_path, demo, code):
    """RUBIX refuses files with groups and fields that it does not know."""
    s = stars()

    def edit(f):
        f["PartType5/BH_Mass"] = np.ones(3)
        f["PartType4/Something"] = np.ones((len(s["z"]), 2, 2))
        f["More/of/it"] = np.arange(3)
    got, _ = read(tmp_path, InputFile=snap.write(tmp_path / "g.hdf5", code, s, edit=edit), SspFile=demo)
    same(got, snap.expected(code, s, demo))


def test_1_9_bigfile(tmp_path):
    """MP-Gadget's snapshots are folders of columns, which are not read."""
    (tmp_path / "PART_018/Header").mkdir(parents=True)
    (tmp_path / "PART_018/Header/attr-v2").write_text("Time f8 1\n")
    refused(tmp_path, "is a BigFile of MP-Gadget", "canonical particle file", InputFile=tmp_path / "PART_018")
