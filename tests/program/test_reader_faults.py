"""Faults of the reader that were silent, or kept good files out: each with the right value."""
import h5py
import numpy as np
import pytest

from dumps import dump, read, read_gas
from harness import Bench, read_cube, run, within

OM, OL, H = 0.3, 0.7, 0.7
HUBBLE_TIME = 977.7922216807891 / (100 * H)
CGS = {"UnitLength_in_cm": 3.085678e21, "UnitMass_in_g": 1.989e43, "UnitVelocity_in_cm_per_s": 1e5}


def age_of_universe(a):
    return HUBBLE_TIME * 2 / (3 * np.sqrt(OL)) * np.arcsinh(np.sqrt(OL / OM) * np.asarray(a)**1.5)


def tng(path, n=30, label="TNG", edit=None, **header):
    """A snapshot of IllustrisTNG at z = 0; returns what was written."""
    rng = np.random.default_rng(7)
    s = {"Coordinates": rng.normal(0, 3, (n, 3)), "Velocities": rng.normal(0, 90, (n, 3)),
         "GFM_InitialMass": np.full(n, 1e-5), "Masses": np.full(n, 0.6e-5),
         "GFM_StellarFormationTime": rng.uniform(0.2, 0.9, n), "GFM_Metallicity": rng.uniform(0.001, 0.03, n)}
    with h5py.File(path, "w") as f:
        f.create_group("Header").attrs.update({"Time": 1.0, "Redshift": 0.0, "Omega0": OM, "OmegaLambda": OL,
                                               "HubbleParam": H, "SimulationName": label, **CGS, **header})
        for name, x in s.items():
            f["PartType4/" + name] = x
        if edit:
            edit(f)
    return s


def test_a_type_counts_once(tmp_path):
    """StarType 4, 4 gave every star twice."""
    tng(tmp_path / "s.hdf5")
    done = dump(tmp_path, InputFile=tmp_path / "s.hdf5", StarType="4, 4")
    assert done.status == 2 and "each once" in done.err, done.err
    got, _ = read(tmp_path, InputFile=tmp_path / "s.hdf5", StarType="4")
    assert len(got["now"]) == 30


def test_zero_cgs_is_no_unit_of_a_time(tmp_path):
    """to_cgs 0 marks a pure number; of the formation times of an isolated run it says nothing, and they
    are in the units of the code: 1 kpc/(km/s) = 0.978 Gyr, not 1 s."""
    rng = np.random.default_rng(3)
    born = rng.uniform(0.5, 2.5, 20)

    def edit(f):
        g = f["PartType4"]
        for name in ("GFM_StellarFormationTime", "GFM_InitialMass", "GFM_Metallicity"):
            del g[name]
        g["StellarFormationTime"] = born
        g["StellarFormationTime"].attrs.update({"a_scaling": 0.0, "h_scaling": 0.0, "to_cgs": 0.0})
        g["Metallicity"] = np.full(20, 0.01)
        f.create_group("Config")
        f.create_group("Parameters").attrs["ComovingIntegrationOn"] = 0
    tng(tmp_path / "s.hdf5", 20, "jet", edit, Time=3.0, HubbleParam=1.0, Omega0=0.0, OmegaLambda=0.0)
    got, _ = read(tmp_path, InputFile=tmp_path / "s.hdf5", SimulationFormat="AREPO", StarInitialMass="current")
    assert within(got["age"], (3.0 - born) * 0.9777922216807891, 1e-3)


def test_gas_that_cannot_be_read_is_nothing_to_the_stars(tmp_path):
    for edit in (lambda f: f.__setitem__("PartType0", h5py.ExternalLink("nowhere.hdf5", "/PartType0")),
                 lambda f: f.__setitem__("PartType0/Coordinates", np.zeros((4, 3, 2)))):
        tng(tmp_path / "s.hdf5", edit=edit)
        got, _ = read(tmp_path, InputFile=tmp_path / "s.hdf5")
        assert len(got["now"]) == 30


@pytest.mark.parametrize("stated", [{"Omega0": 0.0, "OmegaLambda": 0.0}, {"HubbleParam": 0.0}])
def test_a_cosmology_of_0_is_none_and_comes_from_the_user(tmp_path, stated):
    s = tng(tmp_path / "s.hdf5", **stated)
    given = dict(OmegaMatter=OM, OmegaLambda=OL, HubbleParam=H)
    got, _ = read(tmp_path, InputFile=tmp_path / "s.hdf5", **given)
    assert within(got["age"], age_of_universe(1) - age_of_universe(s["GFM_StellarFormationTime"]), 1e-9)
    assert within(got["formed"], np.full(30, 1e5 / H), 1e-12)
    done = dump(tmp_path, InputFile=tmp_path / "s.hdf5")
    assert done.status == 3 and ("HubbleParam" in done.err or "OmegaMatter" in done.err), done.err


def test_gas_lies_where_its_stars_are(tmp_path):
    """Across the corner of the box: each about its own first particle, they would be a box apart."""
    rng = np.random.default_rng(1)
    near = rng.normal(0, 3, (40, 3))

    def edit(f):
        f["PartType4/Coordinates"][...] = np.mod(near[:30], 1000)
        g = f.create_group("PartType0")
        g["Coordinates"] = np.mod(near[::-1], 1000)
        g["Velocities"] = np.zeros((40, 3))
        g["Masses"] = np.full(40, 1e-5)
    tng(tmp_path / "s.hdf5", 30, edit=edit, BoxSize=1000.0)
    gas = read_gas(tmp_path, 2, InputFile=tmp_path / "s.hdf5", Centre=[0, 0, 0])
    assert within(gas["position"], near[::-1] / H, 0, 1e-9)


def test_what_each_member_says_of_units(tmp_path):
    """A member without stars has no column to ask: nothing is said of units that the others state."""
    def stated(f):
        g = f["PartType4"]
        for name, p, q, cgs in (("Coordinates", 1, -1, 3.085678e21), ("Velocities", 0.5, 0, 1e5),
                                ("Masses", 0, -1, 1.989e43), ("GFM_InitialMass", 0, -1, 1.989e43)):
            g[name].attrs.update({"a_scaling": p, "h_scaling": q, "to_cgs": cgs})
        for k in CGS:
            del f["Header"].attrs[k]
    tng(tmp_path / "s.0.hdf5", edit=stated, NumFilesPerSnapshot=2)

    def empty(f):
        del f["PartType4"]
        for k in CGS:
            del f["Header"].attrs[k]
    tng(tmp_path / "s.1.hdf5", edit=empty, NumFilesPerSnapshot=2)
    bench = Bench(tmp_path)
    bench.instrument()
    bench.ssp()
    bench.file = tmp_path / "s.0.hdf5"
    done = run("cubix", ["-n", bench.parameters(FieldOfView=4, Redshift=0.02)], cwd=tmp_path)
    assert done.status == 0 and "does not say in which unit" not in done.out, done.out


def test_where_masses_at_birth_come_from_is_said(tmp_path):
    bench = Bench(tmp_path)
    bench.instrument()
    bench.ssp()
    bench.file = tmp_path / "s.hdf5"
    for edit, more, word in ((None, {}, "file"),
                             (lambda f: f["PartType4"].__delitem__("GFM_InitialMass"), {"StarInitialMass": "current"},
                              "current")):
        tng(bench.file, edit=edit)
        done = bench.cube(FieldOfView=4, Redshift=0.02, **more)
        assert done["header"]["PRIMARY"]["SIMBIRTH"] == word
        assert ("stars without a mass at birth have the masses today" in done["run"].out) == (word == "current")
    assert read_cube(bench.out)["MASS"].sum() > 0


def test_units_that_hold_h_already(tmp_path):
    """GIZMO's new header states its units divided by h, and its data hold 1/h: h counts once."""
    def gizmo(f):
        for k in CGS:
            del f["Header"].attrs[k]
        f["Header"].attrs.update({"ComovingIntegrationOn": 1, "UnitLength_In_CGS": 3.085678e21 / H,
                                  "UnitMass_In_CGS": 1.989e43 / H, "UnitVelocity_In_CGS": 1e5})
        g = f["PartType4"]
        for old, new in (("GFM_StellarFormationTime", "StellarFormationTime"), ("GFM_Metallicity", "Metallicity")):
            g.move(old, new)
        del g["GFM_InitialMass"]
    s = tng(tmp_path / "s.hdf5", label="run", edit=gizmo)
    got, _ = read(tmp_path, InputFile=tmp_path / "s.hdf5", SimulationFormat="GIZMO", StarInitialMass="current")
    assert within(got["pos"], s["Coordinates"] / H, 1e-9) and within(got["now"], s["Masses"] * 1e10 / H, 1e-9)


def test_an_isolated_run_has_no_periodic_box(tmp_path):
    """A disc about the origin in a file with a left-over BoxSize: nobody is moved by it."""
    def disc(f):
        g = f["PartType4"]
        for name in ("GFM_StellarFormationTime", "GFM_InitialMass", "GFM_Metallicity"):
            del g[name]
        g["Coordinates"][...] = np.linspace(-45, 45, 90).reshape(30, 3)
        f.move("PartType4", "PartType2")
    tng(tmp_path / "s.hdf5", label="disc", edit=disc, Omega0=0.0, OmegaLambda=0.0, HubbleParam=1.0, BoxSize=100.0)
    got, info = read(tmp_path, InputFile=tmp_path / "s.hdf5", SimulationFormat="Gadget", StarAge="5",
                     StarMetallicity="0.02")
    assert within(got["pos"], np.linspace(-45, 45, 90).reshape(30, 3), 1e-12)
    assert info["redshift_omega_m_omega_l_h_box"][4] == 0


def test_a_run_that_expands_is_not_isolated(tmp_path):
    """Omega0 = 0 beside a redshift and its scale factor: the cosmology is asked for."""
    tng(tmp_path / "s.hdf5", Redshift=0.25, Time=0.8, Omega0=0.0, OmegaLambda=0.0,
        edit=lambda f: f["PartType4"].move("GFM_StellarFormationTime", "StellarFormationTime"))
    done = dump(tmp_path, InputFile=tmp_path / "s.hdf5", SimulationFormat="AREPO", StarMetallicity="0.01",
                StarInitialMass="current")
    assert done.status == 3 and "Omega_m > 0" in done.err, done.err


@pytest.mark.parametrize("stated", [{"Omega0": 30.0}, {"OmegaLambda": -5.0}])
def test_no_such_universe(tmp_path, stated):
    tng(tmp_path / "s.hdf5", **stated)
    done = dump(tmp_path, InputFile=tmp_path / "s.hdf5")
    assert done.status == 3 and "of no universe" in done.err, done.err


def test_masses_at_birth_are_judged(tmp_path):
    bench = Bench(tmp_path)
    bench.instrument()
    bench.ssp()
    bench.file = tmp_path / "s.hdf5"

    def heavy(f):
        f["PartType4/GFM_InitialMass"][...] *= 1e10
    tng(bench.file, edit=heavy)
    done = run("cubix", ["-n", bench.parameters(FieldOfView=4, Redshift=0.02)], cwd=tmp_path)
    assert done.status == 3 and "mass at birth of a star particle" in done.err, done.err


@pytest.mark.parametrize("name, value, column", [("StarAge", 5.0, "GFM_StellarFormationTime"),
                                                 ("StarMetallicity", 0.01, "GFM_Metallicity")])
def test_what_a_file_states_is_not_the_users(tmp_path, name, value, column):
    """It was passed over without a word."""
    s = tng(tmp_path / "s.hdf5")
    want, info = read(tmp_path, InputFile=tmp_path / "s.hdf5")
    assert "no effect" not in info["err"]
    got, info = read(tmp_path, 2, InputFile=tmp_path / "s.hdf5", **{name: value})
    assert all(np.array_equal(got[k], want[k]) for k in want) and len(got["z"]) == len(s["Masses"])
    told = " ".join(info["err"].split())
    assert f"warning: {name} = {value:g}" in told and f"the file states it, /PartType4/{column}" in told
    assert told.count("no effect") == 1


def n_body(path, types=(2, 3), **datasets):
    """Disc and bulge of an isolated run, and what else some of them have: {"PartType3/Metallicity": x}."""
    with h5py.File(path, "w") as f:
        f.create_group("Header").attrs.update({"Time": 3.0, "Redshift": 0.0, "Omega0": 0.0, "OmegaLambda": 0.0,
                                               "HubbleParam": 1.0, "NumPart_ThisFile": np.zeros(6)})
        for t in types:
            f[f"PartType{t}/Coordinates"] = np.random.default_rng(t).normal(0, 3, (20, 3))
            f[f"PartType{t}/Velocities"] = np.zeros((20, 3))
            f[f"PartType{t}/Masses"] = np.full(20, 1e-5)
        for name, x in datasets.items():
            f[name] = x


def test_what_one_type_has_is_said_of_that_type(tmp_path):
    n_body(tmp_path / "s.hdf5", **{"PartType3/Metallicity": np.full(20, 0.03)})
    got, info = read(tmp_path, InputFile=tmp_path / "s.hdf5", SimulationFormat="Gadget", StarAge=5,
                     StarMetallicity=0.01)
    assert (got["z"] == [0.01] * 20 + [0.03] * 20).all() and (got["age"] == 5).all()
    told = " ".join(info["err"].split())
    assert told.count("no effect") == 1 and "no effect on stars in /PartType3: the file states it" in told


def test_all_that_n_body_stars_lack_is_said_at_once(tmp_path):
    """It took a run for the ages, another for the metallicities, and one more for each type."""
    n_body(tmp_path / "s.hdf5")
    file = dict(InputFile=tmp_path / "s.hdf5", SimulationFormat="Gadget")
    done = dump(tmp_path, 2, **file)
    told = " ".join(done.err.split())
    assert done.status == 3 and told.count("cubix: error:") == 1
    assert "no dataset for Metallicity" in told and "nor is there one for FormationTime" in told, told
    assert 'StarMetallicity "2: 0.02, 3: 0.02"' in told and 'StarAge "2: 5.0, 3: 5.0"' in told, told
    done = dump(tmp_path, **file, StarAge='"2: 5.0, 3: 5.0"', StarMetallicity='"2: 0.02"')
    assert done.status == 3 and 'like StarMetallicity "3: 0.02"' in done.err, done.err
    assert "give StarAge" not in done.err
    assert len(read(tmp_path, **file, StarAge='"2: 5.0, 3: 5.0"', StarMetallicity='"2: 0.02, 3: 0.02"')[0]["z"]) == 40


def test_a_star_forming_file_that_lacks_all_of_it(tmp_path):
    def strip(f):
        for name in ("GFM_InitialMass", "GFM_StellarFormationTime", "GFM_Metallicity"):
            del f["PartType4"][name]
    tng(tmp_path / "s.hdf5", edit=strip)
    done = dump(tmp_path, InputFile=tmp_path / "s.hdf5")
    told = " ".join(done.err.split())
    assert done.status == 3 and "no dataset for InitialMass" in told, told
    for words in ("nor is there one for Metallicity and FormationScaleFactor", "StarInitialMass", "StarAge",
                  "StarMetallicity"):
        assert words in told, told
    got, _ = read(tmp_path, InputFile=tmp_path / "s.hdf5", StarAge=5, StarMetallicity=0.02, StarInitialMass="current")
    assert np.array_equal(got["formed"], got["now"])


def test_a_stated_mass_at_birth_gives_way_to_the_users_word(tmp_path):
    """StarInitialMass current did nothing where the file has masses at birth; the output says what was taken."""
    bench = Bench(tmp_path)
    bench.instrument()
    bench.ssp()
    bench.file = tmp_path / "s.hdf5"
    s = tng(bench.file)
    got, info = read(tmp_path, 2, InputFile=bench.file, StarInitialMass="current")
    assert within(got["formed"], s["Masses"] * 1e10 / H, 1e-12)
    told = " ".join(info["err"].split())
    assert "warning:" in told and "states masses at birth, /PartType4/GFM_InitialMass, which are not read" in told
    got, info = read(tmp_path, InputFile=bench.file)
    assert within(got["formed"], s["GFM_InitialMass"] * 1e10 / H, 1e-12) and "at birth" not in info["err"]
    done = bench.cube(FieldOfView=4, Redshift=0.02, StarInitialMass="current")
    assert done["header"]["PRIMARY"]["SIMBIRTH"] == "current"
