"""Real snapshots in HDF5 against the numbers that were worked out from them, and against a reader of the tests' own: what
is in the file, times the conversion of the code's documents, with numpy."""
import shutil

import h5py
import numpy as np
import pytest

import snapshots as snap
from dumps import read
from harness import shared, within
from oracle import cosmology
from test_hdf5_formats import demo, refused  # noqa: F401  (a fixture)

DATA = "data/simulations/"


def columns(files, group, *names):
    """Rows of all files one behind the other."""
    parts = []
    for path in files:
        with h5py.File(path) as f:
            if group in f:
                parts.append([f[f"{group}/{name}"][:].astype("f8") for name in names])
    return [np.concatenate(x) for x in zip(*parts)]


def ages(a, births, om, ol, h):
    now = cosmology.age(a, om, ol, h)
    return np.maximum([now - cosmology.age(x, om, ol, h) for x in births], 0)


def like(got, want, **tolerance):
    for key, x in want.items():
        assert within(got[key], x, **{"rtol": 1e-9, "atol": 1e-8 if key == "age" else 0.0, **tolerance.get(key, {})}), key


@pytest.mark.parametrize("ranks", [1, 2, 3])
def test_colibre(tmp_path, ranks):
    """935 stars; ages without the radiation that the file states beside (Omega_r 7.8e-5): 0.01 Gyr at most."""
    path = shared(DATA + "colibre_swift.hdf5")
    got, info = read(tmp_path, ranks, InputFile=path)
    x, v, m, m0, birth, z = columns([path], "PartType4", "Coordinates", "Velocities", "Masses", "InitialMasses",
                                    "BirthScaleFactors", "MetalMassFractions")
    like(got, {"pos": x * 1e3, "vel": v, "now": m * 1e10, "formed": m0 * 1e10, "z": z,
               "age": ages(1.0, birth, 0.304611, 0.693922, 0.6810015470019942)},
         pos={"rtol": 1e-7, "atol": 0}, now={"rtol": 1e-6}, formed={"rtol": 1e-6}, age={"rtol": 0, "atol": 1e-6})
    assert info["format"] == "SWIFT" and info["n_total"] == 935
    assert within([got["now"].sum(), got["formed"].sum()], [1.12850e10, 1.84362e10], rtol=3e-4)
    assert within(np.percentile(got["age"], [0, 16, 50, 84, 100]), [0.024, 4.93, 8.61, 11.07, 13.19], rtol=0, atol=0.012)
    assert within(got["z"].mean(), 0.0159, rtol=5e-3)
    centre = np.median(got["pos"], axis=0)
    assert within(centre, [0.0243, -0.0605, 0.0103], rtol=0, atol=1e-4)
    assert within(np.median(got["vel"], axis=0), [-6.69, 5.29, -0.70], rtol=0, atol=0.01)
    r = np.linalg.norm(got["pos"] - centre, axis=1)
    assert within([np.median(r), r.max()], [2.77, 47.6], rtol=5e-3)


@pytest.mark.parametrize("ranks", [1, 3])
def test_n_body(tmp_path, ranks):
    """2000 stars of type 2 of 3e7 Msun, some of them 7 Mpc away; their ages and metallicities are the user's."""
    path = shared(DATA + "gadget_nbody.hdf5")
    refused(tmp_path, "give StarMetallicity, like StarMetallicity", "/PartType2", InputFile=path, StarAge=5)
    refused(tmp_path, "give StarAge", "/PartType2", InputFile=path, StarMetallicity=0.02)
    got, info = read(tmp_path, ranks, InputFile=path, StarAge='"2: 5.0, 3: 10.0"', StarMetallicity=0.024)
    x, v, m = columns([path], "PartType2", "Coordinates", "Velocities", "Masses")
    like(got, {"pos": x, "vel": v, "now": m * 1e10, "formed": m * 1e10, "age": 0 * m + 5, "z": 0 * m + 0.024})
    assert info["format"] == "Gadget" and info["n_total"] == 2000
    assert within(got["now"].sum(), 6.00006e10, rtol=1e-5)
    centre = np.median(got["pos"], axis=0)
    r = np.linalg.norm(got["pos"] - centre, axis=1)
    assert within(centre, [-0.0276, -0.0039, 0.0102], rtol=0, atol=1e-4) and (r > 100).sum() == 25
    assert within([np.median(r), r.max()], [2.16, 7427], rtol=3e-3)
    assert within(np.median(got["vel"], axis=0), [14.26, -2.01, 12.63], rtol=0, atol=0.01)


@pytest.mark.parametrize("name, a, mass, z", [("cosmo_zoom", 0.19607843, 633.063, 1.4455e-4),
                                              ("swift_cosmo", 0.19921875, 1309.6, 1.3733e-5)])
def test_gear_zoom(tmp_path, demo, name, a, mass, z):
    """One star; no attributes, the units of /Units, kpc; the last column is the metallicity.  One file has no birth times."""
    path = shared(DATA + f"pnbody/{name}.hdf5")
    given = {"StarAge": 0.1} if name == "cosmo_zoom" else {}
    if given:
        refused(tmp_path, "give StarAge", InputFile=path)
    got, info = read(tmp_path, 2, InputFile=path, **given)
    x, v, m, m0, metals = columns([path], "PartType4", "Coordinates", "Velocities", "Masses", "BirthMasses",
                                  "MetalMassFractions")
    age = 0 * m + 0.1 if given else ages(a, columns([path], "PartType4", "BirthScaleFactors")[0], 0.315, 0.685, 0.673)
    like(got, {"pos": x * a, "vel": v, "now": m * 1e10, "formed": m0 * 1e10, "age": age, "z": metals[:, -1]},
         pos={"rtol": 1e-7}, now={"rtol": 1e-7}, age={"rtol": 1e-7})
    assert info["format"] == "SWIFT-GEAR" and info["n_total"] == 1
    assert within(got["now"], [mass], rtol=1e-4) and within(got["z"], [z], rtol=1e-4)
    assert within(info["redshift_omega_m_omega_l_h_box"][:4], [1 / a - 1, 0.315, 0.685, 0.673], rtol=1e-7)


def test_gear_initial_conditions(tmp_path):
    """An isolated galaxy: a 0, h 0, Omega 0, no time, no birth masses, no metals, all birth times -1."""
    path = shared(DATA + "pnbody/MW_galaxy.hdf5")
    refused(tmp_path, "give StarAge", InputFile=path, StarMetallicity=0.01)
    given = {"StarAge": 6.0, "StarMetallicity": 0.01, "StarInitialMass": "current"}
    refused(tmp_path, "StarMetallicity", InputFile=path, StarAge=6.0)
    got, info = read(tmp_path, 3, InputFile=path, **given)
    x, v, m = columns([path], "PartType4", "Coordinates", "Velocities", "Masses")
    like(got, {"pos": x, "vel": v, "now": m * 1e10, "formed": m * 1e10, "age": 0 * m + 6, "z": 0 * m + 0.01})
    assert info["format"] == "SWIFT-GEAR" and info["n_total"] == 1875
    assert within(got["now"].sum(), 3.75000e8, rtol=1e-4)


def test_camels(tmp_path):
    """No velocities, no Omega_Lambda, no box: the first is an error; with velocities the rest is as it was worked out."""
    path = shared(DATA + "camels_tng/camels_snap.hdf5")
    refused(tmp_path, "no dataset for Velocity: looked in /PartType4 for Velocities", InputFile=path)
    shutil.copyfile(path, tmp_path / "moving.hdf5")
    with h5py.File(tmp_path / "moving.hdf5", "r+") as f:
        f["PartType4/Velocities"] = np.zeros((3479, 3), "f4")
    got, info = read(tmp_path, 3, InputFile=tmp_path / "moving.hdf5")
    x, m, m0, birth, z = columns([path], "PartType4", "Coordinates", "Masses", "GFM_InitialMass",
                                 "GFM_StellarFormationTime", "GFM_Metallicity")
    a, h = 0.909046978208372, 0.6711
    like(got, {"pos": x * a / h, "now": m * 1e10 / h, "formed": m0 * 1e10 / h, "z": z, "age": ages(a, birth, 0.3, 0.7, h)})
    assert info["format"] == "IllustrisTNG" and info["n_total"] == 3479 and "taken as flat, with 0.7" in info["err"]
    assert within([got["now"].sum(), got["formed"].sum()], [4.763003e10, 7.986251e10], rtol=1e-6)
    assert within([got["age"].min(), np.median(got["age"]), got["age"].max()], [0.397024, 8.094398, 11.949744],
                  rtol=0, atol=2e-6)
    assert within(got["z"].mean(), 0.016173, rtol=1e-4)


@pytest.mark.parametrize("name", ["snapdir_{0}/snapshot_{0}.0.hdf5", "snapdir_{0}/snapshot_{0}.1.hdf5",
                                  "snapdir_{0}/snapshot_{0}", "snapdir_{0}"], ids=["member", "last", "stem", "folder"])
@pytest.mark.parametrize("number, n, a, mass, age, z",
                         [("000", 10, 0.0991613648, 9.216401e8, (0.038524, 0.198761), 9.168179e-4),
                          ("001", 79, 0.1252867073, 7.280957e9, (0.078402, 0.425566), 2.105545e-3)])
def test_gadget_4(tmp_path, name, number, n, a, mass, age, z):
    """A run of Gadget-4 in two files, by a member, its stem or its folder; ages a hair negative are 0."""
    folder = shared(DATA + "gadget4_run")
    got, info = read(tmp_path, 2, InputFile=folder / name.format(number))
    files = [folder / f"snapdir_{number}/snapshot_{number}.{k}.hdf5" for k in (0, 1)]
    x, v, m, birth, metals = columns(files, "PartType4", "Coordinates", "Velocities", "Masses", "StellarFormationTime",
                                     "Metallicity")
    with h5py.File(files[0]) as f:
        a_file = float(f["Header"].attrs["Time"])
    h, box = 0.6774, 4000.0
    x = x - box * np.round((x - x[0]) / box)
    like(got, {"pos": x * a_file / h, "vel": v * np.sqrt(a_file), "now": m * 1e10 / h, "formed": m * 1e10 / h, "z": metals,
               "age": ages(a_file, birth, 0.3089, 0.6911, h)}, pos={"rtol": 1e-9, "atol": 1e-9})
    assert info["format"] == "Gadget-4" and info["n_total"] == n and len(info["file"]) == 2
    assert within(a_file, a, rtol=1e-8) and within(got["now"].sum(), mass, rtol=1e-6)
    assert within([np.median(got["age"]), got["age"].max()], age, rtol=0, atol=1e-6) and got["age"].min() >= 0
    assert within(got["z"].mean(), z, rtol=1e-6)


@pytest.mark.parametrize("name", ["reduced_snap_247", "small_non_comoving_007"])
def test_arepo_without_stars(tmp_path, name):
    """Gas alone, cosmological in kpc/h and isolated in Mpc."""
    refused(tmp_path, "holds no stars", "there are Config, Header, Parameters, PartType0", ranks=2,
            InputFile=shared(DATA + f"paicos_arepo/{name}.hdf5"))
