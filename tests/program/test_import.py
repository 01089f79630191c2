"""cubix-import: each lie of pynbody and yt that is known is refused or set right.  Packages that say what a test wants
stand for them (tests/fakes); the real ones read real files, where they are installed."""
import os
import pickle
import re
import subprocess
import sys

import h5py
import numpy as np
import pytest
from scipy.interpolate import RegularGridInterpolator

import harness as hs
from dumps import read, read_gas
from harness import shared, within
from oracle import cosmology

SCRIPTS = hs.SOURCE / "scripts"
FAKES = hs.SOURCE / "tests" / "fakes"
sys.path.insert(0, str(SCRIPTS))
from cubix_import import birth_mass, selection, universe  # noqa: E402
from cubix_ssp import canonical, demo  # noqa: E402

KPC, MSUN, KPC_S_KM = 3.0856775814913673e21, 1.98840987e33, 0.9777922216807891
OM, OL, H = hs.COSMO
A = 0.5
NOW = cosmology.age(A, *hs.COSMO)
DATA = "data/simulations/"
CODE = {"UnitLength_in_cm": KPC, "UnitMass_in_g": 1e10 * MSUN, "UnitVelocity_in_cm_per_s": 1e5}


def tool(*words, fakes=FAKES, **env):
    """Status and what it said: one line that begins with its name, never a traceback."""
    path = {"PYTHONPATH": str(fakes)} if fakes else {}
    done = subprocess.run([sys.executable, str(SCRIPTS / "cubix-import"), *map(str, words)], capture_output=True,
                          text=True, env={**os.environ, **path, **env}, timeout=120)
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stderr


def refused(status, *words, args=(), fakes=FAKES, **env):
    """One error that holds these words, and no output."""
    out = args[1]
    before = os.path.exists(out)
    code, said = tool(*args, fakes=fakes, **env)
    assert code == status, said
    assert said.count("cubix-import: error:") == 1, said
    for word in words:
        assert str(word) in said, f"no {word!r} in {said}"
    assert os.path.exists(out) == before
    return said


# ---- a galaxy, as a file of Gadget's family states it and as pynbody says it -------------------------

def stars(n=60, seed=3):
    rng = np.random.default_rng(seed)
    age = 10**rng.uniform(-2, np.log10(0.9 * NOW), n)
    return {"pos": 100.0 + rng.normal(0, 4, (n, 3)), "vel": rng.normal(0, 90, (n, 3)), "mass": 10**rng.uniform(4, 5, n),
            "age": age, "metals": 10**rng.uniform(-4, -1.5, n), "iord": np.arange(n)[::-1] + 7}


def snapshot(path, s, header=(), groups=(), lacks=(), units=True, **datasets):
    """A file with the header and the stars of one, in ckpc/h, 1e10 Msun/h, sqrt(a) km/s."""
    with h5py.File(path, "w") as f:
        head = {"Redshift": 1 / A - 1, "Time": A, "Omega0": OM, "OmegaLambda": OL, "HubbleParam": H, "BoxSize": 4e4,
                **(CODE if units else {}), **dict(header)}
        f.create_group("Header").attrs.update({k: v for k, v in head.items() if k not in lacks})
        for name in groups:
            f.create_group(name)
        for name, values in {"Coordinates": s["pos"] * H / A, "Velocities": s["vel"] / np.sqrt(A),
                             "Masses": s["mass"] * H / 1e10, "ParticleIDs": s["iord"], **datasets}.items():
            f[f"PartType4/{name}"] = values
    return path


def says(path, s, kind="GadgetHDFSnap", gas=None, properties=(), lacks=(), how=None, **arrays):
    """What pynbody will say of that file."""
    star = {"pos": (s["pos"], "kpc"), "vel": (s["vel"], "km s**-1"), "mass": (s["mass"], "Msol"),
            "age": (s["age"] / KPC_S_KM, "kpc s km**-1"), "metals": (s["metals"], "NoUnit()"),
            "massform": (1.5 * s["mass"], "Msol"), "iord": (s["iord"], "NoUnit()"), **arrays}
    families = {"star": {k: v for k, v in star.items() if k not in lacks}, **({"gas": gas} if gas else {})}
    # z is a lie of its own: SWIFT's is 1/(1 + a)
    said = {"class": kind, "families": families, **({"how": how} if how else {}),
            "properties": {"a": A, "h": H, "omegaM0": OM, "omegaL0": OL, "z": 1 / (1 + A),
                           "boxsize": (4e4 * A / H, "kpc"), **dict(properties)}}
    with open(f"{path}.fake", "wb") as file:
        pickle.dump(said, file)
    return path


@pytest.fixture
def s():
    return stars()


@pytest.fixture
def file(tmp_path, s):
    """Both of it, in agreement."""
    return says(snapshot(tmp_path / "snap.hdf5", s), s)


@pytest.fixture
def out(tmp_path):
    return tmp_path / "galaxy.hdf5"


# ---- what is written ---------------------------------------------------------------------------------

UNITS = {"Position": "kpc", "Velocity": "km/s", "InitialMass": "Msun", "Mass": "Msun", "Age": "Gyr", "Metallicity": "1",
         "Id": "1", "Density": "Msun/kpc^3", "Temperature": "K", "StarFormationRate": "Msun/yr", "OxygenFraction": "1",
         "HydrogenFraction": "1"}


def text(value):
    return value.decode() if isinstance(value, bytes) else str(value)


def test_the_canonical_file(file, out, s):
    code, said = tool(file, out)
    assert code == 0 and "60 stars" in said and "stated by the simulation (massform)" in said, said
    with h5py.File(out) as f:
        head = f["Header"].attrs
        assert text(
    head["CubixFile"]) == "particles" and head["Version"] == 1 and text(
        head["Program"]) == "cubix-import"
        assert "snap.hdf5" in text(head["Source"]) and "pynbody 9.9 (GadgetHDFSnap)" in text(head["Source"])
        assert within([head[k] for k in ("Redshift", "OmegaMatter", "OmegaLambda", "HubbleParam", "BoxSize")],
                      [1.0, OM, OL, H, 4e4 * A / H], 1e-12)
        assert set(
    f["Stars"]) == {
        "Position",
        "Velocity",
        "InitialMass",
        "Mass",
        "Age",
        "Metallicity",
         "Id"} and "Gas" not in f
        for name, data in f["Stars"].items():
            assert text(data.attrs["unit"]) == UNITS[name] and len(text(data.attrs["description"])) > 5
        for name, want in (("Position", s["pos"]), ("Velocity", s["vel"]), ("Mass", s["mass"]),
                           ("InitialMass", 1.5 * s["mass"]), ("Age", s["age"]), ("Metallicity", s["metals"])):
            assert within(f["Stars"][name][()], want, 1e-6)
        assert (f["Stars/Id"][()] == s["iord"]).all()


def test_cubix_reads_it(file, out, s, tmp_path, bench):
    assert tool(file, out)[0] == 0
    got, _ = read(tmp_path, 1, InputFile=out, SelectRadius=1e4, Redshift=0.05)
    for name, want in (("vel", s["vel"]), ("now", s["mass"]), ("formed", 1.5 * \
                       s["mass"]), ("age", s["age"]), ("z", s["metals"])):
        assert within(got[name].astype(float), want, 1e-5, 1e-4)
    bench.ssp()
    bench.instrument()
    bench.file = out
    done = hs.run("cubix", ["-n", bench.parameters(Redshift=0.05)], cwd=bench.folder)
    assert done.status == 0, done.err
    assert re.search(r"\b60 stars", done.out), done.out


def test_gas(tmp_path, out, s):
    rng = np.random.default_rng(5)
    n = 40
    gas = {"pos": (100 + rng.normal(0, 5, (n, 3)), "kpc"), "vel": (rng.normal(0, 50, (n, 3)), "km s**-1"),
           "mass": (10**rng.uniform(4, 5, n), "Msol"), "rho": (10**rng.uniform(5, 7, n), "Msol kpc**-3"),
           "temp": (10**rng.uniform(4, 6, n), "K"), "metals": (rng.uniform(0, 0.03, n), "NoUnit()"),
           "sfr": (rng.uniform(0, 1, n), "Msol yr**-1"), "O": (rng.uniform(0, 0.01, n), "NoUnit()"),
           "H": (rng.uniform(0.7, 0.76, n), "NoUnit()"), "iord": (np.arange(n), "NoUnit()")}
    says(snapshot(tmp_path / "snap.hdf5", s), s, gas=gas)
    code, said = tool(tmp_path / "snap.hdf5", out, "--gas")
    assert code == 0 and "40 of gas" in said, said
    with h5py.File(out) as f:
        for name, data in f["Gas"].items():
            assert text(data.attrs["unit"]) == UNITS[name] and len(text(data.attrs["description"])) > 5
        assert len(f["Gas"]) == 10
    got = read_gas(tmp_path, 1, InputFile=out, SelectRadius=1e4, Redshift=0.05)
    for name, key in (("mass_now", "mass"), ("density", "rho"), ("temperature", "temp"), ("metallicity", "metals"),
                      ("sfr", "sfr"), ("oxygen", "O"), ("hydrogen", "H")):
        assert within(got[name], gas[key][0], 1e-5, 1e-7), name


def test_the_same_bytes_again(file, out, tmp_path):
    assert tool(file, out)[0] == 0 and tool(file, tmp_path / "again.hdf5")[0] == 0
    assert out.read_bytes() == (tmp_path / "again.hdf5").read_bytes()


# ---- the lies ----------------------------------------------------------------------------------------

def test_positions_not_in_kpc_after_physical_units(tmp_path, s, out):
    file = says(snapshot(tmp_path / "snap.hdf5", s), s, pos=(s["pos"], "Mpc a h**-1"))
    refused(3, "pos", "Mpc a h**-1", '"kpc"', args=(file, out))


def test_velocities_and_masses_not_in_their_units(tmp_path, s, out):
    file = says(snapshot(tmp_path / "snap.hdf5", s), s, vel=(s["vel"], "km a**1/2 s**-1"))
    refused(3, "vel", "km a**1/2 s**-1", args=(file, out))
    says(file, s, mass=(s["mass"], "NoUnit()"))
    refused(3, "mass", "NoUnit()", args=(file, out))


@pytest.mark.parametrize("name, factor", [("pos", 1e3), ("pos", 1e-3), ("mass", H), ("vel", np.sqrt(A))])
def test_units_that_the_file_contradicts(tmp_path, s, out, name, factor):
    """kpc by name, and a thousand times too large: pynbody's Mpc/h of a file in kpc/h, yt's kpc/h of one in Mpc/h."""
    unit = {"pos": "kpc", "mass": "Msol", "vel": "km s**-1"}[name]
    file = says(snapshot(tmp_path / "snap.hdf5", s), s, **{name: (s[name] * factor, unit)})
    refused(3, {"pos": "Position", "mass": "Mass", "vel": "Velocity"}[name], "its units are wrong", args=(file, out))


@pytest.mark.parametrize("lacks", [(), ("iord",)])
def test_units_that_the_file_contradicts_in_any_order(tmp_path, s, out, lacks):
    """Stars are told by their Id; without one they must lie where the file's do."""
    turned = {k: v[::-1] for k, v in s.items()}
    file = says(snapshot(tmp_path / "snap.hdf5", s), turned, lacks=lacks)
    assert tool(file, out)[0] == 0
    says(file, turned, lacks=lacks, pos=(turned["pos"] / 1e3, "kpc"))
    refused(3, "its units are wrong", args=(file, out))


def test_what_a_dataset_states_comes_first(tmp_path, s, out):
    """The code's units are in Mpc, the dataset says kpc: the package that believed the code is wrong."""
    file = says(snapshot(tmp_path / "snap.hdf5", s, header={"UnitLength_in_cm": 1e3 * KPC}), s)
    refused(3, "its units are wrong", args=(file, out))
    with h5py.File(file, "r+") as f:
        f["PartType4/Coordinates"].attrs.update({"a_scaling": 1.0, "h_scaling": -1.0, "to_cgs": KPC})
    assert tool(file, out)[0] == 0


@pytest.mark.parametrize("key, value, word", [("omegaM0", 0.3111,
                         "Omega_matter"), ("h", 0.7, "h"), ("a", 1.0, "scale factor")])
def test_a_universe_that_pynbody_made_up(tmp_path, s, out, key, value, word):
    """Planck 2018 and a = 1 are its defaults, whatever the file says."""
    file = says(snapshot(tmp_path / "snap.hdf5", s), s, properties={key: value})
    refused(3, word, f"{value:g}", "does not understand", args=(file, out))


@pytest.mark.parametrize("group", ["Cells", "Cosmology"])
def test_swift_taken_for_gadget(tmp_path, s, out, group):
    file = says(snapshot(tmp_path / "snap.hdf5", s, groups=[group]), s)
    refused(3, "SWIFT", "GadgetHDFSnap", args=(file, out))
    says(file, s, kind="SwiftSnap")
    with h5py.File(file, "r+") as f:
        if group == "Cosmology":
            f[group].attrs.update({"Omega_m": [OM], "Omega_lambda": [OL], "h": [H],
                                  "Scale-factor": [A], "Cosmological run": [1]})
    assert tool(file, out)[0] == 0


def test_ages_beyond_the_universe(tmp_path, s, out):
    file = snapshot(tmp_path / "snap.hdf5", s)
    s["age"][4] = 1.01 * NOW
    refused(3, "star 4", "older than the universe", f"{NOW:.6g}"[:5], args=(says(file, s), out))
    # conformal times read as proper: negative, or tens of Gyr
    s["age"][4] = -0.01
    refused(3, "star 4", "-0.01", args=(says(file, s), out))
    s["age"][4] = np.nan
    refused(3, "star 4", "nan", args=(says(file, s), out))


def test_ages_a_rounding_below_0_are_0(tmp_path, s, out):
    s["age"][:2] = -1e-7, 1e-7
    assert tool(says(snapshot(tmp_path / "snap.hdf5", s), s), out)[0] == 0
    with h5py.File(out) as f:
        assert f["Stars/Age"][0] == 0 and abs(f["Stars/Age"][1] - 1e-7) < 1e-12


def test_ages_follow_from_scale_factors_where_there_are_any(tmp_path, s, out):
    """In the file's own universe; those of pynbody, rounded by its tables, only need to be near."""
    born = np.array([hs.formation_scale_factor(t, 1 / A - 1) for t in s["age"]])
    file = snapshot(tmp_path / "snap.hdf5", s)
    says(file, s, aform=(born, "NoUnit()"), age=(1.001 * s["age"] / KPC_S_KM, "kpc s km**-1"))
    assert tool(file, out)[0] == 0
    with h5py.File(out) as f:
        assert within(f["Stars/Age"][()].astype(float), s["age"], 1e-6, 2e-6)
    os.unlink(out)
    # ages relative to today, as in RUBIX
    then = cosmology.age(1.0, *hs.COSMO) - NOW + s["age"]
    says(file, s, aform=(born, "NoUnit()"), age=(then / KPC_S_KM, "kpc s km**-1"))
    refused(3, "by the file's own scale factor of birth", args=(file, out))
    born[3] = -1.0
    refused(
    3,
    "no time of birth",
    "star 3",
    "--age",
    args=(
        says(
            file,
            s,
            aform=(
                born,
                "NoUnit()"),
                lacks=(
                    "age",
                    )),
                     out))


def test_wind_cells_are_dropped(tmp_path, s, out):
    born = np.array([hs.formation_scale_factor(t, 1 / A - 1) for t in s["age"]])
    born[[3, 8]] = -0.4, 0.0
    file = snapshot(tmp_path / "snap.hdf5", s, GFM_StellarFormationTime=born)
    code, said = tool(says(file, s, aform=(born, "NoUnit()"), kind="ArepoHDFSnap", lacks=("age",)), out)
    assert code == 0 and "2 wind cells" in said and "58 stars" in said, said


def test_metallicities_are_required(tmp_path, s, out):
    file = says(snapshot(tmp_path / "snap.hdf5", s), s, lacks=("metals",))
    refused(3, "metallicities", "--metallicity", args=(file, out))
    assert tool(file, out, "--metallicity", "0.013")[0] == 0
    with h5py.File(out) as f:
        assert within(f["Stars/Metallicity"][()], np.full(60, 0.013), 1e-6)
        assert "given by the user" in text(f["Stars/Metallicity"].attrs["description"])


def test_metallicities_in_solar_units(tmp_path, s, out):
    s["metals"][7] = 1.4
    refused(3, "star 7", "1.4", "mass fraction", args=(says(snapshot(tmp_path / "snap.hdf5", s), s), out))


def test_metallicity_of_many_columns(tmp_path, s, out):
    file = says(snapshot(tmp_path / "snap.hdf5", s), s, metals=(np.full((60, 11), 0.01), "NoUnit()"))
    refused(3, "11 columns", args=(file, out))
    columns = np.full((60, 11), 0.001)
    columns[:, 0] = s["metals"]
    assert tool(says(file, s, kind="GizmoHDFSnap", metals=(columns, "NoUnit()")), out)[0] == 0
    with h5py.File(out) as f:
        assert within(f["Stars/Metallicity"][()], s["metals"], 1e-6)


def test_units_that_nobody_states(tmp_path, s, out):
    file = says(snapshot(tmp_path / "snap.hdf5", s, units=False), s)
    refused(3, "states no units", "--units", args=(file, out))


def test_masses_and_speeds_of_no_star(tmp_path, s, out):
    file = says(snapshot(tmp_path / "snap.hdf5", s), s)
    with h5py.File(file, "r+") as f:
        f["Header"].attrs["UnitMass_in_g"] = MSUN
    refused(3, "median star", args=(says(file, s, mass=(s["mass"] / 1e10, "Msol")), out))
    s["vel"][0, 0] = 4e5
    refused(3, "faster than light", args=(says(snapshot(tmp_path / "snap.hdf5", s), s), out))
    s["vel"][0, 0] = 6e3
    code, said = tool(says(snapshot(tmp_path / "snap.hdf5", s), s), out)
    assert code == 0 and "warning: a star moves at" in said


# ---- masses at birth ---------------------------------------------------------------------------------

def test_masses_at_birth_are_never_assumed(tmp_path, s, out):
    file = says(snapshot(tmp_path / "snap.hdf5", s), s, lacks=("massform",))
    refused(3, "mass the stars were born", "--initial-mass current", "--initial-mass library", args=(file, out))
    code, said = tool(file, out, "--initial-mass", "current")
    assert code == 0 and "that of today" in said
    with h5py.File(out) as f:
        assert (f["Stars/InitialMass"][()] == f["Stars/Mass"][()]).all()
        assert "--initial-mass current" in text(f["Stars/InitialMass"].attrs["description"])


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    path = tmp_path_factory.mktemp("ssp") / "demo.hdf5"
    canonical.write(str(path), demo.make())
    return path


@pytest.mark.parametrize("before", [True, False])
def test_masses_at_birth_by_a_library(tmp_path, s, out, library, before):
    file = says(snapshot(tmp_path / "snap.hdf5", s), s, lacks=("massform",))
    words = ("--initial-mass", "library", library)
    code, said = tool(*(words if before else ()), file, out, *(() if before else words))
    assert code == 0 and "surviving fraction" in said, said
    with h5py.File(library) as f:
        z, age, left = f["Metallicity"][()], f["Age"][()], f["SurvivingMass"][()]
    table = RegularGridInterpolator((np.log10(z), np.log10(age)), left)
    at = np.log10(np.stack([np.clip(s["metals"], z[0], z[-1]), np.clip(s["age"], age[0], age[-1])], axis=-1))
    with h5py.File(out) as f:
        assert within(f["Stars/InitialMass"][()], s["mass"] / table(at), 1e-5)


def test_a_library_that_begins_at_age_0_and_metallicity_0():
    """CUBIX takes the first nodes for 1e-4 Gyr and 1e-10; outside the table its edge holds."""
    tables = {"Age": np.array([0.0, 1.0]), "Metallicity": np.array([0.0, 1.0]),
                              "SurvivingMass": np.array([[1.0, 0.6], [0.8, 0.4]])}
    got = birth_mass.surviving(canonical.Library(tables, {}, 1.0), np.array(
        [0.0, 1e-2, 1.0, 50.0]), np.array([0.0, 1e-5, 1.0, 1.0]))
    assert within(got, [1.0, 0.7, 0.4, 0.4], 1e-12)


def test_a_library_that_does_not_say_what_survives(tmp_path, s, out, bench):
    bench.ssp()
    file = says(snapshot(tmp_path / "snap.hdf5", s), s, lacks=("massform",))
    with h5py.File(bench.ssp_file, "r+") as f:
        f.attrs["Program"] = "test"
        for name in ("Age", "Metallicity", "Wavelength", "Luminosity", "LsfFwhm"):
            f[name].attrs["axes"] = "-"
    refused(3, "no /SurvivingMass", args=(file, out, "--initial-mass", "library", bench.ssp_file))
    refused(3, "no such file", args=(file, out, "--initial-mass", "library", tmp_path / "none.hdf5"))


# ---- what the user says ------------------------------------------------------------------------------

def test_n_body(tmp_path, s, out):
    """Families that are stars, each with an age."""
    alone = {"Omega0": 0.0, "OmegaLambda": 0.0, "HubbleParam": 1.0, "Time": 3.0, "Redshift": 0.0}
    file = snapshot(tmp_path / "snap.hdf5", s, header=alone,
                    Coordinates=s["pos"], Velocities=s["vel"], Masses=s["mass"] / 1e10)
    lacks = ("age", "metals", "massform")
    says(file, s, lacks=lacks, properties={"a": 1.0, "h": 1.0, "omegaM0": 0.0, "omegaL0": 0.0})
    with open(f"{file}.fake", "rb") as f:
        said = pickle.load(f)
    said["families"]["dm"] = {k: (v[:20], u) for k, (v, u) in said["families"]["star"].items()}
    with open(f"{file}.fake", "wb") as f:
        pickle.dump(said, f)
    refused(3, "--age", args=(file, out))
    words = ("--families", "star,dm", "--metallicity", "0.01", "--initial-mass", "current")
    refused(2, "--age", "star, dm", args=(file, out, *words, "--age", "star=5"))
    refused(2, "no particles of family bulge", args=(file, out, "--families", "bulge", "--age", "5"))
    code, said = tool(file, out, *words, "--age", "star=5,dm=10")
    assert code == 0 and "80 stars" in said and "not cosmological" in said, said
    with h5py.File(out) as f:
        assert (f["Stars/Age"][:60] == 5).all() and (f["Stars/Age"][60:] == 10).all()
        assert f["Header"].attrs["Redshift"] == 0 and "OmegaMatter" not in f["Header"].attrs


ALONE = {"Omega0": 0.0, "OmegaLambda": 0.0, "HubbleParam": 1.0, "Time": 3.0, "Redshift": 0.0}


@pytest.mark.parametrize("born", [0.0, -1.0, np.nan])
@pytest.mark.parametrize("package", ["pynbody", "yt"])
def test_stars_of_the_beginning_of_an_isolated_run_have_no_age(tmp_path, s, out, package, born):
    """Both packages make them as old as the run."""
    file = snapshot(tmp_path / "snap.hdf5", s, header=ALONE, Coordinates=s["pos"], Velocities=s["vel"],
                    Masses=s["mass"] / 1e10)
    birth = 3.0 - 0.3 * s["age"]
    birth[[4, 9]] = born
    s["age"] = 3.0 - np.nan_to_num(np.maximum(birth, 0))
    if package == "pynbody":
        says(file, s, properties={"a": 1.0, "h": 1.0, "omegaM0": 0.0, "omegaL0": 0.0}, tform=(birth, "kpc s km**-1"))
    else:
        yt_says(file, s, creation_time=(birth, "Gyr"))
        with open(f"{file}.fake", "rb") as f:
            said = pickle.load(f)
        said["properties"].update(cosmological_simulation=False, current_time=(3.0, "Gyr"))
        with open(f"{file}.fake", "wb") as f:
            pickle.dump(said, f)
    refused(3, "2 stars have no time of birth", "star 4", "--age", args=(file, out, "--with", package))
    assert tool(file, out, "--with", package, "--age", 7)[0] == 0


def test_a_mass_at_birth_of_0(tmp_path, s, out):
    """As initial conditions have it: that of today, aloud; and no star without any."""
    formed = 1.5 * s["mass"]
    formed[[2, 7, 11]] = 0
    file = says(snapshot(tmp_path / "snap.hdf5", s), s, massform=(formed, "Msol"))
    code, said = tool(file, out)
    assert code == 0 and "3 stars have a mass at birth of 0: that of today is taken" in said, said
    with h5py.File(out) as f:
        assert within(f["Stars/InitialMass"][()], np.where(formed == 0, s["mass"], formed), 1e-6)
    os.unlink(out)
    s["mass"][5] = formed[5] = 0
    file = says(snapshot(tmp_path / "snap.hdf5", s), s, massform=(formed, "Msol"))
    refused(3, "star 5 has no mass", args=(file, out))
    refused(3, "star 5 has no mass", args=(file, out, "--initial-mass", "current"))


@pytest.mark.parametrize("order", "<>")
def test_two_parameter_files_are_one_too_many(tmp_path, s, out, order):
    """Of Tipsy in either byte order."""
    n = len(s["mass"])
    file = tmp_path / "g.00010"
    file.write_bytes(np.array([A], order + "f8").tobytes() + np.array([n, 3, 0, 0, n, 0], order + "i4").tobytes() +
                     bytes(44 * n))
    param = "dKpcUnit = 50000\ndMsolUnit = 1.5e16\nbComove = 1\ndOmega0 = %g\ndLambda = %g\n" % (OM, OL)
    (tmp_path / "a.param").write_text(param)
    says(file, s, kind="TipsySnap")
    words = (file, out, "--hubble", H)
    assert tool(*words)[0] == 0
    os.unlink(out)
    (tmp_path / "b.param").write_text(param.replace("50000", "60000"))
    refused(3, "a.param", "b.param", "parameter file of its run", args=words)


def test_the_universe_where_the_file_says_nothing(tmp_path, s, out):
    file = says(snapshot(tmp_path / "snap.hdf5", s, lacks=("Omega0", "OmegaLambda", "HubbleParam")), s)
    refused(3, "Omega_matter", "--omega-matter", "--hubble", args=(file, out))
    words = ("--omega-matter", OM, "--omega-lambda", OL, "--hubble", H)
    with h5py.File(file, "r+") as f:            # without h nothing can be compared: the units are those of the datasets
        for name, p, cgs in (("Coordinates", 1.0, KPC / H), ("Velocities", 0.5, 1e5), ("Masses", 0.0, 1e10 * MSUN / H)):
            f[f"PartType4/{name}"].attrs.update({"a_scaling": p, "h_scaling": 0.0, "to_cgs": cgs})
    refused(3, "yt 8.8", "has taken h", args=(yt_says(file, s, hubble=0.7), out, "--with", "yt", *words))
    # its defaults are not wanted any more
    assert tool(says(file, s, properties={"h": 0.6766, "omegaM0": 0.3111, "omegaL0": 0.6889}), out, *words)[0] == 0
    with h5py.File(out) as f:
        assert within([f["Header"].attrs[k] for k in ("Redshift", "OmegaMatter", "HubbleParam")], [1.0, OM, H], 1e-12)


def test_the_user_may_not_contradict_the_file(file, out):
    refused(2, "--redshift", "0.25", "0.5", args=(file, out, "--redshift", "3"))
    refused(2, "states its units", args=(file, out, "--units", "kpc/h,1e10Msun/h,km/s"))


@pytest.mark.parametrize("words", [["--initial-mass", "library"], ["--initial-mass", "guess"], ["--age", "x"],
                                   ["--age", "-1"], ["--metallicity", "2"], ["--units", "kpc,Msun"],
                                   ["--units", "parsec,Msun,km/s"], ["--radius", "0"], ["--radius", "nan"],
                                   ["--centre", "1,2"],
                                   ["--redshift", "-2"], ["--age", "1,star=2"], ["--with", "h5py"], ["more"]])
def test_command_lines_that_are_refused(file, out, words):
    code, said = tool(file, out, *words)
    assert code == 2 and said.count("\n") == 1 and said.startswith("cubix-import: error:") and not out.exists(), said


def test_help():
    done = subprocess.run([sys.executable, str(SCRIPTS / "cubix-import"), "--help"], capture_output=True, text=True)
    assert done.returncode == 0 and "--initial-mass" in done.stdout and "exit status" in done.stdout


# ---- centre and radius -------------------------------------------------------------------------------

def test_a_sphere_across_the_edge_of_the_box(tmp_path, s, out):
    side = 4e4 * A / H
    centre = np.array([side - 1.0, 2.0, 50.0])
    s["pos"] = (centre + np.random.default_rng(1).normal(0, 4, (60, 3))) % side
    file = says(snapshot(tmp_path / "snap.hdf5", s), s)
    code, said = tool(file, out, "--centre", ",".join(map(str, centre)), "--radius", "6")
    assert code == 0, said
    apart = s["pos"] - centre
    apart -= side * np.rint(apart / side)
    inside = np.linalg.norm(apart, axis=1) <= 6
    assert 5 < inside.sum() < 55
    with h5py.File(out) as f:
        assert (f["Stars/Id"][()] == s["iord"][inside]).all()
        assert within(f["Stars/Position"][()], (centre + apart)[inside], 1e-12)
        assert within(f["Header"].attrs["Centre"], centre, 1e-12)
    os.unlink(out)
    refused(2, "no star within", "nearest", args=(file, out, "--centre", "5000,5000,5000", "--radius", "6"))


def test_the_centre_is_found(tmp_path, out):
    s = stars(2000)
    s["pos"][:300] += 40.0            # a neighbour
    code, said = tool(says(snapshot(tmp_path / "snap.hdf5", s), s), out, "--radius", "20")
    assert code == 0 and "centre is found" in said, said
    with h5py.File(out) as f:
        assert np.linalg.norm(f["Header"].attrs["Centre"] - 100.0) < 2.0 and 1650 < len(f["Stars/Mass"]) <= 1701


def test_the_way_round_a_box():
    assert within(selection.offsets(np.array([[0.5, 9.5, 5.0]]),
                  np.array([9.5, 0.5, 5.0]), 10.0), [[1.0, -1.0, 0.0]], 1e-12)


def test_age_of_the_universe():
    for world in ((0.3, 0.7, 0.7), (1.0, 0.0, 0.5), (0.3, 0.0, 0.7), (0.3, 0.9, 0.7)):
        mine = universe.Universe(1.0, *world)
        for a in (1e-3, 0.1, 0.25228, 0.9, 1.0):
            assert within(mine.time(a), cosmology.age(a, *world), 1e-6)


# ---- files and packages ------------------------------------------------------------------------------

def missing(folder, *names):
    """A folder with packages that are not there."""
    for name in names:
        (folder / f"{name}.py").write_text(f"raise ModuleNotFoundError(\"No module named '{name}'\", name='{name}')\n")
    return folder


def test_a_missing_package_is_named(file, out, tmp_path):
    (tmp_path / "none").mkdir()
    gone = missing(tmp_path / "none", "pynbody", "yt")
    for name in ("pynbody", "yt"):
        refused(1, f"{name} is not installed", f"pip install {name}", args=(file, out, "--with", name), fakes=gone)
    refused(1, "pip install pynbody", "pip install yt", args=(file, out), fakes=gone)


def test_a_package_that_is_broken(file, out, tmp_path):
    (tmp_path / "pynbody.py").write_text("import no_such_module_of_pynbody\n")
    refused(1, "cannot be loaded", "no_such_module_of_pynbody", args=(file, out, "--with", "pynbody"), fakes=tmp_path)


def test_what_pynbody_cannot_read(tmp_path, s, out):
    """Attributes of shape (1,) are a TypeError to it, and no traceback to us."""
    file = snapshot(tmp_path / "snap.hdf5", s)
    with open(f"{file}.fake", "wb") as f:
        pickle.dump({"error": TypeError("only 0-dimensional arrays can be converted to Python scalars")}, f)
    refused(3, "pynbody 9.9 cannot read it", "only 0-dimensional", "neither can yt", args=(file, out))


def test_files_that_are_none(tmp_path, out):
    refused(3, "no such file", args=(tmp_path / "none", out))
    os.mkfifo(tmp_path / "fifo")
    refused(3, "is not a file", args=(tmp_path / "fifo", out))
    (tmp_path / "empty").write_bytes(b"")
    refused(3, "cannot read it", args=(tmp_path / "empty", out, "--with", "pynbody"))


def test_a_file_cut_short(file, out):
    whole = file.read_bytes()
    file.write_bytes(whole[:len(whole) // 2])
    refused(3, "cannot be read as HDF5", args=(file, out))


def test_the_input_is_not_replaced(file, tmp_path, s, library):
    before = file.read_bytes()
    refused(2, "would be replaced", args=(file, file))
    os.symlink(file, tmp_path / "link.hdf5")
    refused(2, "would be replaced", args=(file, tmp_path / "link.hdf5"))
    refused(2, "would be replaced", args=(file, library, "--initial-mass", "library", library))
    assert file.read_bytes() == before


def test_the_output_is_whole_or_the_old_one(file, out, tmp_path):
    refused(4, "cannot be written", args=(file, tmp_path / "none" / "out.hdf5"))
    out.write_text("mine")
    os.chmod(out, 0o400)
    refused(4, "write-protected", args=(file, out))
    assert out.read_text() == "mine"
    os.chmod(out, 0o600)
    assert tool(file, out)[0] == 0 and (out.stat().st_mode & 0o777) == 0o600
    assert [p.name for p in tmp_path.iterdir() if ".part-" in p.name] == []


def test_ramses_without_a_namelist(tmp_path, s, out):
    """Conformal or proper is a guess to pynbody: it is told."""
    folder = tmp_path / "output_00002"
    folder.mkdir()
    (folder / "info_00002.txt").write_text(
        f"ncpu        =          2\n\naexp        =  {A:.15E}\nH0          =  {100 * H:.15E}\n"
        f"omega_m     =  {OM:.15E}\nomega_l     =  {OL:.15E}\n"
        f"unit_l      =  0.2E+25\nunit_d      =  0.2E-26\nunit_t      =  0.4E+16\n")
    says(folder, s, kind="RamsesSnap", how={"times_are_proper": False})
    refused(3, "namelist", "--times", args=(folder, out))
    assert tool(folder, out, "--times", "conformal")[0] == 0
    (folder / "namelist.txt").write_text("&RUN_PARAMS\ncosmo=.true.\n!use_proper_time=.true.\n/\n")
    assert tool(folder, out)[0] == 0
    refused(2, "conformal", args=(folder, out, "--times", "proper"))
    (folder / "namelist.txt").write_text("&RUN_PARAMS\nUse_Proper_Time = .TRUE.\n/\n")
    says(folder, s, kind="RamsesSnap", how={"times_are_proper": True})
    assert tool(folder / "info_00002.txt", out)[0] == 0
    # as RAMSES sets it itself
    for text in ("&RT_PARAMS\nrt=.true., rt_star = T\n/\n", "&RUN_PARAMS use_proper_time=.false., rt_star=.true. /\n"):
        (folder / "namelist.txt").write_text(text)
        assert tool(folder, out)[0] == 0
    (folder / "namelist.txt").write_text("&RUN_PARAMS\ncosmo=.true.\nrt=.true.\n/\n&RT_PARAMS\nrt_star=.false.\n/\n")
    says(folder, s, kind="RamsesSnap", how={"times_are_proper": False})
    code, said = tool(folder, out)
    assert code == 0 and "says rt, but neither rt_star nor use_proper_time" in said, said


# ---- yt ----------------------------------------------------------------------------------------------

def yt_says(path, s, kind="GadgetHDF5Dataset", lacks=(), hubble=H, **fields):
    star = {"particle_position": (s["pos"], "kpc"), "particle_velocity": (s["vel"], "km/s"),
            "particle_mass": (s["mass"], "Msun"), "age": (1e3 * s["age"], "Myr"), "metallicity": (s["metals"], ""),
            "InitialMass": (1.5 * s["mass"], "Msun"),
            "particle_index": (s["iord"].astype(float), ""), **fields}
    said = {"class": kind, "fields": {("PartType4", k): v for k, v in star.items() if k not in lacks},
            "properties": {"cosmological_simulation": True, "current_redshift": 1 / A - 1, "hubble_constant": hubble,
                           "omega_matter": OM, "omega_lambda": OL, "current_time": (NOW, "Gyr"),
                           "periodicity": [True] * 3, "domain_width": (np.full(3, 4e4 * A / H), "kpc"),
                           "mass_unit": (1e10, "Msun")}}
    with open(f"{path}.fake", "wb") as file:
        pickle.dump(said, file)
    return path


def test_yt(tmp_path, s, out):
    file = yt_says(snapshot(tmp_path / "snap.hdf5", s), s)
    code, said = tool(file, out, "--with", "yt")
    assert code == 0 and "by yt 8.8 (GadgetHDF5Dataset)" in said, said
    with h5py.File(out) as f:
        for name, want in (("Position", s["pos"]), ("Age", s["age"]),
                           ("InitialMass", 1.5 * s["mass"]), ("Metallicity", s["metals"])):
            assert within(f["Stars"][name][()], want, 1e-6)
        assert (f["Stars/Id"][()] == s["iord"]).all()


def test_yt_times_of_birth_and_solar_metallicities(tmp_path, s, out):
    file = yt_says(snapshot(tmp_path / "snap.hdf5", s), s, lacks=("age",),
                   creation_time=(1e3 * (NOW - s["age"]), "Myr"), metallicity=(s["metals"] / 0.01295, "Zsun"),
                   InitialMass=(1.5e-10 * s["mass"], ""))
    code, said = tool(file, out, "--with", "yt")
    assert code == 0 and "in that of the other masses" in said, said
    with h5py.File(out) as f:
        for name, want in (("Age", s["age"]), ("Metallicity", s["metals"]), ("InitialMass", 1.5 * s["mass"])):
            assert within(f["Stars"][name][()], want, 1e-5, 1e-6)


def test_yt_takes_megaparsecs_for_kiloparsecs(tmp_path, s, out):
    """EAGLE's units are in the attributes of its datasets, which yt does not read."""
    file = yt_says(snapshot(tmp_path / "snap.hdf5", s), s, particle_position=(s["pos"] / 1e3, "kpc"))
    refused(3, "its units are wrong", args=(file, out, "--with", "yt"))


def test_yt_has_no_stars_or_strange_units(tmp_path, s, out):
    file = yt_says(snapshot(tmp_path / "snap.hdf5", s), s, particle_mass=(s["mass"], "erg"))
    refused(3, "particle_mass", "erg", args=(file, out, "--with", "yt"))
    yt_says(file, s, lacks=("particle_mass",))
    refused(3, "no particle type", "--star-type", args=(file, out, "--with", "yt"))
    refused(2, "PartType2", args=(yt_says(file, s), out, "--with", "yt", "--star-type", "PartType2"))


def test_auto_takes_yt_where_pynbody_is_missing(tmp_path, s, out):
    file = yt_says(snapshot(tmp_path / "snap.hdf5", s), s)
    (tmp_path / "some").mkdir()
    some = missing(tmp_path / "some", "pynbody")
    (some / "yt.py").write_text((FAKES / "yt.py").read_text())
    code, said = tool(file, out, fakes=some)
    assert code == 0 and "by yt 8.8" in said, said


# ---- the real pynbody and the real yt, on real files -------------------------------------------------

def real(name, path, out, *words):
    pytest.importorskip(name)
    code, said = tool(shared(DATA + path), out, "--with", name, *words, fakes=None)
    assert code == 0, said
    return h5py.File(out), said


def summary(f):
    """Number, mass, ages (least, median, most), redshift."""
    s = f["Stars"]
    age = s["Age"][()].astype(float)
    return len(age), s["Mass"][()].sum(dtype=float), age.min(), np.median(age), age.max(), f["Header"].attrs["Redshift"]


def test_real_tipsy(out, tmp_path):
    f, said = real("pynbody", "tangos_tipsy/tiny.000640", out, "--initial-mass", "current", "--gas")
    with f:
        n, mass, youngest, median, oldest, z = summary(f)
        assert n == 49 and len(f["Gas/Mass"]) == 171
        assert within([mass, z, f["Header"].attrs["HubbleParam"]], [2.332878e6, 1 / 0.252281368 - 1, 0.672608], 2e-4)
        assert within([youngest, median, oldest], [0.00421, 0.36808, 1.74944], 0, 3e-4)
        metals = f["Stars/Metallicity"][()]
        assert within([metals.min(), metals.max()], [1.10e-4, 0.04426], 2e-3)
        assert within(f["Stars/Id"][()], np.fromfile(shared(DATA + "tangos_tipsy/tiny.000640.iord"), ">i4")[-49:], 0)
    got, _ = read(tmp_path, 1, InputFile=out, SelectRadius=1e5, Redshift=0.05)
    assert len(got["age"]) == 49 and within(got["now"].sum(), 2.332878e6, 2e-4)


def test_real_tipsy_whose_masses_at_birth_are_stated(out, tmp_path):
    pytest.importorskip("pynbody")
    for path in ("tiny.000640", "tiny.param", "tiny.000640.iord"):
        (tmp_path / path).write_bytes(shared(f"{DATA}tangos_tipsy/{path}").read_bytes())
    mass = np.zeros(171 + 3078 + 49, ">f4")
    mass[-49:] = np.linspace(4e-12, 5e-12, 49)
    (tmp_path / "tiny.000640.massform").write_bytes(np.array([len(mass)], ">i4").tobytes() + mass.tobytes())
    code, said = tool(tmp_path / "tiny.000640", out, "--with", "pynbody", fakes=None)
    assert code == 0 and "massform" in said, said
    with h5py.File(out) as f:
        assert within(f["Stars/InitialMass"][()], mass[-49:].astype(float) * 1.57138e16, 1e-5)


def test_real_ramses(out):
    f, _ = real("pynbody", "ramses_run/output_00002", out, "--initial-mass", "current")
    with f:
        n, mass, youngest, median, oldest, z = summary(f)
        assert n == 2191 and within([mass, z], [1.362736e10, 1 / 0.100162342 - 1], 1e-4)
        assert within([youngest, median, oldest], [0.0, 0.063820, 0.286267], 0, 3e-5)
        x = f["Stars/Position"][()]
        assert within([x.min(), x.max()], [29.96, 800.72], 0, 0.005) and within(
            np.median(f["Stars/Metallicity"]), 7.7491e-4, 1e-4)


@pytest.mark.parametrize("path", ["tangos_tipsy/tiny.000640", "ramses_run/output_00002"])
def test_real_files_as_cubix_itself_reads_them(out, tmp_path, path):
    """The reader in C and pynbody share nothing; the constants that differ are G, the parsec and the solar mass."""
    real("pynbody", path, out, "--initial-mass", "current")[0].close()
    mine, theirs = (read(tmp_path, 1, InputFile=file, SelectRadius=1e6, Redshift=0.05, Centre="0 0 0",
                         SystemicVelocity="none", StarInitialMass="current")[0] for file in (out, shared(DATA + path)))
    near = 3e-4 if "tipsy" in path else 3e-5
    for name, tolerance, floor in (("now", 3e-4, 0), ("formed", 3e-4, 0), ("z", 1e-5, 1e-9), ("age", 0, near),
                                   ("vel", 5e-4, 1e-3), ("pos", 1e-5, 1e-2)):
        assert within(mine[name], theirs[name], tolerance, floor), name


def test_real_tipsy_whose_black_holes_are_dropped(out, tmp_path):
    pytest.importorskip("pynbody")
    for path in ("tiny.000640", "tiny.param"):
        (tmp_path / path).write_bytes(shared(f"{DATA}tangos_tipsy/{path}").read_bytes())
    words = np.fromfile(tmp_path / "tiny.000640", ">f4")
    words[-49 * 11:].reshape(49, 11)[7, 8] *= -1
    words.tofile(tmp_path / "tiny.000640")
    code, said = tool(tmp_path / "tiny.000640", out, "--with", "pynbody", "--initial-mass", "current", fakes=None)
    assert code == 0 and "1 black holes" in said and "48 stars" in said, said


@pytest.mark.parametrize("name", ["pynbody", "yt"])
def test_real_gadget4(out, name):
    f, _ = real(name, "gadget4_run/snapdir_001/snapshot_001.0.hdf5", out, "--initial-mass", "current", "--gas")
    with f:
        n, mass, youngest, median, oldest, z = summary(f)
        assert n == 79 and within([mass, z], [7.280957e9, 1 / 0.1252867073 - 1], 5e-4)
        assert youngest == 0 and within([median, oldest], [0.078402, 0.425566], 0, 2e-6)
        assert within(np.mean(f["Stars/Metallicity"], dtype=float), 2.105545e-3, 1e-5)
        temperature = np.concatenate([gadget4_temperature(k) for k in range(2)])
        assert within(np.sort(f["Gas/Temperature"][()]), np.sort(temperature), 0.05 if name == "yt" else 1e-4)


def gadget4_temperature(k):
    """Internal energies are physical; to pynbody they hold a power of a, and the gas is then 8 times too cold."""
    with h5py.File(shared(f"{DATA}gadget4_run/snapdir_001/snapshot_001.{k}.hdf5")) as f:
        g = f["PartType0"]
        return 2 / 3 * g["InternalEnergy"][()] * 1e6 * 1.67262192369e-27 / 1.380649e-23 * 4 / (
            1 + 3 * 0.76 + 4 * 0.76 * g["ElectronAbundance"][()])


@pytest.mark.parametrize("name", ["pynbody", "yt"])
def test_real_gadget_binary(out, name):
    """pynbody takes these for Mpc/h, yt for kpc/h: the file says neither."""
    pytest.importorskip(name)
    file = shared(DATA + "pnbody/gadget_z00.dat")
    refused(3, "states no units", args=(file, out, "--with", name), fakes=None)
    f, _ = real(name, "pnbody/gadget_z00.dat", out, "--units", "kpc/h,1e10Msun/h,km/s", "--age", "5",
                "--metallicity", "0.01", "--initial-mass", "current")
    with f:
        assert len(f["Stars/Mass"]) == 1120 and within(f["Stars/Mass"][()].sum(dtype=float), 1.737043e10, 2e-4)
        x = f["Stars/Position"][()]
        assert within([x.min(), x.max()], np.array([-9032.21875, 8238.96875]) / 0.7, 1e-5)
        assert within(np.median(f["Stars/Velocity"], axis=0), [-80.82, 32.95, -82.93], 1e-3)


def test_real_isolated_disc(out):
    f, said = real("pynbody", "pnbody/disk.dat", out, "--units", "kpc,1e10Msun,km/s", "--families", "star,dm",
                   "--age", "star=5,dm=10", "--metallicity", "0.01", "--initial-mass", "current")
    with f:
        assert len(f["Stars/Mass"]) == 1000 + 2001 and within(f["Stars/Mass"][:1000].sum(dtype=float), 2.325197e9, 1e-5)
        assert within(np.median(f["Stars/Position"][:1000], axis=0), [6.196, -34.290, -0.082], 0, 2e-3)
        assert (f["Stars/Age"][:1000] == 5).all() and (f["Stars/Age"][1000:] == 10).all()


@pytest.mark.parametrize("path", ["pnbody/MW_galaxy.hdf5", "pnbody/cosmo_zoom.hdf5", "pnbody/swift_cosmo.hdf5"])
def test_real_swift_that_pynbody_takes_for_gadget(out, path):
    pytest.importorskip("pynbody")
    refused(3, "SWIFT", args=(shared(DATA + path), out, "--with", "pynbody"), fakes=None)


def test_real_eagle_of_which_yt_makes_kiloparsecs(out):
    pytest.importorskip("yt")
    refused(3, "its units are wrong", args=(shared(DATA + "eagle.hdf5"), out, "--with", "yt"), fakes=None)


def test_real_tipsy_by_yt(out):
    f, said = real("yt", "tangos_tipsy/tiny.000640", out, "--initial-mass", "current")
    assert "1e-3 off" in said
    with f:
        n, mass, youngest, median, oldest, z = summary(f)
        assert n == 49 and within(
            mass, 2.332878e6, 2e-3) and within([youngest, median, oldest], [0.00421, 0.36808, 1.74944], 0, 2e-3)
