"""Gas: what the reader hands on, against numpy's own reading of the same files; real files against
what was found in them (SimSpin's table of them, with its fault in the speeds left out)."""
import h5py
import numpy as np
import pytest

from dumps import read_gas, refuse_gas
from harness import shared

KPC, MSUN, GYR = 3.0856775814913673e21, 1.98840987e33, 3.15576e16
MP_KB = 1.67262192369e-24 / 1.380649e-16


def stated(group, name, a, h, names=("a_scaling", "h_scaling", "to_cgs")):
    """A dataset in cgs by what its attributes say."""
    d = group[name]
    p, q, cgs = (float(np.ravel(d.attrs[k])[0]) for k in names)
    return d[()] * a**p * h**q * (cgs or 1.0)


def close(got, want, tolerance=1e-3):
    """Nominal units may differ from stated ones by 0.1 %."""
    assert got.shape == want.shape and np.all(np.abs(got - want) <= tolerance * np.abs(want) + 1e-300)


@pytest.mark.parametrize("ranks", [1, 2, 3])
def test_tng(tmp_path, ranks):
    file = shared("data/simulations/illustris_tng.hdf5")
    got = read_gas(tmp_path, ranks, InputFile=file)
    with h5py.File(file) as f:
        head, g = f["Header"].attrs, f["PartType0"]
        a, h = 1 / (1 + float(head["Redshift"][0])), float(head["HubbleParam"][0])
        close(got["position"], stated(g, "Coordinates", a, h) / KPC)
        close(got["velocity"], stated(g, "Velocities", a, h) / 1e5)
        mass, density = stated(g, "Masses", a, h) / MSUN, stated(g, "Density", a, h) / MSUN * KPC**3
        x, u, ne = g["GFM_Metals"][:, 0], stated(g, "InternalEnergy", a, h), g["ElectronAbundance"][()]
        close(got["mass_now"], mass)
        close(got["density"], density, 3e-3)
        close(got["temperature"], 2 / 3 * u * MP_KB * 4 / (1 + 3 * x + 4 * x * ne))
        close(got["smoothing_length"], 2.5 * (3 * mass / density / (4 * np.pi))**(1 / 3))
        close(got["metallicity"], g["GFM_Metallicity"][()], 1e-12)
        close(got["hydrogen"], x, 1e-12)
        close(got["oxygen"], g["GFM_Metals"][:, 4], 1e-12)
    assert set(got["columns"]) == {"metallicity", "smoothing_length", "density", "sfr", "temperature", "hydrogen",
                                   "oxygen"}
    assert 8e3 < got["temperature"].min() and abs(np.median(got["temperature"]) / 3.0e7 - 1) < 0.05
    assert (got["sfr"] == 0).all()


def test_eagle(tmp_path):
    got = read_gas(tmp_path, 1, InputFile=shared("data/simulations/eagle.hdf5"))
    assert len(got["mass_now"]) == 100
    assert abs(got["sfr"].sum() / 0.2890 - 1) < 2e-3
    assert abs(got["temperature"].min() / 1.17e4 - 1) < 5e-3 and abs(got["temperature"].max() / 1.44e7 - 1) < 5e-3
    assert abs(got["smoothing_length"].min() / 0.24 - 1) < 0.03 and abs(got["smoothing_length"].max() / 3.3 - 1) < 0.03


def canonical(path, n=40, lacking=(), **change):
    rng = np.random.default_rng(4)
    s = {"Position": (rng.normal(0, 3, (n, 3)), "kpc"), "Velocity": (rng.normal(0, 80, (n, 3)), "km/s"),
         "Mass": (rng.uniform(1e4, 1e6, n), "Msun"), "Density": (10**rng.uniform(3, 8, n), "Msun/kpc^3"),
         "SmoothingLength": (rng.uniform(0.1, 2, n), "kpc"), "Metallicity": (rng.uniform(0, 0.04, n), "1"),
         "StarFormationRate": (rng.uniform(0, 0.1, n), "Msun/yr"), "Temperature": (10**rng.uniform(3, 7, n), "K"),
         "HydrogenFraction": (rng.uniform(0.6, 0.8, n), "1"), "OxygenFraction": (rng.uniform(0, 0.01, n), "1"),
         "DustMass": (rng.uniform(0, 1e3, n), "Msun"), "MolecularFraction": (rng.uniform(0, 1, n), "1")}
    s.update(change)
    with h5py.File(path, "w") as f:
        f.create_group("Header").attrs.update({"CubixFile": "particles", "Redshift": 0.0, "OmegaMatter": 0.3,
                                               "OmegaLambda": 0.7, "HubbleParam": 0.7})
        for name, (x, unit) in s.items():
            if name not in lacking:
                f.create_dataset("Gas/" + name, data=x).attrs["unit"] = unit
    return {k: np.asarray(v[0], float) for k, v in s.items()}


NAMES = {"position": "Position", "velocity": "Velocity", "mass_now": "Mass", "density": "Density",
         "smoothing_length": "SmoothingLength", "metallicity": "Metallicity", "sfr": "StarFormationRate",
         "temperature": "Temperature", "hydrogen": "HydrogenFraction", "oxygen": "OxygenFraction",
         "dust_mass": "DustMass", "molecular": "MolecularFraction"}


@pytest.mark.parametrize("ranks", [1, 3])
def test_canonical(tmp_path, ranks):
    want = canonical(tmp_path / "g.hdf5")
    got = read_gas(tmp_path, ranks, InputFile=tmp_path / "g.hdf5")
    for name, key in NAMES.items():
        assert np.array_equal(got[name], want[key]), name


def test_what_a_file_does_not_have_is_not_there(tmp_path):
    canonical(tmp_path / "g.hdf5", lacking=("Temperature", "DustMass", "SmoothingLength", "Density"))
    got = read_gas(tmp_path, 2, InputFile=tmp_path / "g.hdf5")
    assert set(got["columns"]) == {"metallicity", "sfr", "hydrogen", "oxygen", "molecular"}


def test_wrong_gas(tmp_path):
    n = 40
    wrong = {"Density": (np.full(n, -1.0), "Msun/kpc^3"), "Temperature": (np.full(n, np.nan), "K"),
             "HydrogenFraction": (np.full(n, 1.4), "1"), "Mass": (np.full(n, 1.0), "1e10 Msun")}
    for name, value in wrong.items():
        canonical(tmp_path / "g.hdf5", **{name: value})
        done = refuse_gas(tmp_path, 2, InputFile=tmp_path / "g.hdf5")
        assert f"/Gas/{name}" in done.err and done.err.count("error") == 1, done.err
    with h5py.File(tmp_path / "g.hdf5", "a") as f:
        del f["Gas"]
    assert "holds no gas: /Gas is missing or empty" in refuse_gas(tmp_path, 2, InputFile=tmp_path / "g.hdf5").err
