"""The gas that dims and shines: what the pipeline has of it, in the stars' frame, against numpy."""
import h5py
import numpy as np
import pytest

from dumps import read_gas, refuse_gas
from harness import galaxy, refused, shared, within, write_particles, write_tng
from oracle import frame, gas as dust

UNITS = {"Position": "kpc", "Velocity": "km/s", "Mass": "Msun", "Density": "Msun/kpc^3", "SmoothingLength": "kpc",
         "Metallicity": "1", "StarFormationRate": "Msun/yr", "Temperature": "K", "DustMass": "Msun",
         "HydrogenFraction": "1", "OxygenFraction": "1", "MolecularFraction": "1"}


def made_gas(n=60, seed=4):
    rng = np.random.default_rng(seed)
    cool = rng.uniform(size=n) < 0.5
    return {"Position": rng.normal(0, 3, (n, 3)), "Velocity": rng.normal(0, 80, (n, 3)),
            "Mass": rng.uniform(1e4, 1e6, n), "Density": 10**rng.uniform(5, 8, n),
            "Metallicity": rng.uniform(0, 0.04, n), "Temperature": np.where(cool, 5e3, 2e5),
            "StarFormationRate": np.where(rng.uniform(size=n) < 0.3, rng.uniform(0, 0.1, n), 0.0)}


def write(path, gas, **header):
    """A galaxy of stars, with this gas."""
    write_particles(path, galaxy(200, seed=2), Centre=np.zeros(3), CentreVelocity=np.zeros(3), **header)
    with h5py.File(path, "a") as f:
        for name, x in gas.items():
            f.create_dataset("Gas/" + name, data=x).attrs["unit"] = UNITS[name]
    return path


def kept(gas, which="cool", lines=False):
    """Numbers of the cells that are kept, and of them 1 where there is dust."""
    dusty = dust.has_dust(which, gas.get("Temperature"), gas.get("StarFormationRate"))
    keep = dusty & (gas["Metallicity"] > 0)
    if lines:
        keep |= gas["StarFormationRate"] > 0
    return np.flatnonzero(keep), dusty[keep]


STILL = {"SystemicVelocity": "none", "Dust": "gas"}


@pytest.mark.parametrize("ranks", [1, 2, 3])
def test_frame_kernels_and_dust(tmp_path, ranks):
    """Turned as the stars are; kernels from volumes; a = 1.0857 kappa f Z m."""
    gas = made_gas()
    file = write(tmp_path / "g.hdf5", gas)
    got = read_gas(tmp_path, ranks, "--sky", InputFile=file, Orientation="angles", Alpha=20, Beta=-35, Gamma=110,
                   Centre="0.3,-0.2,0.1", DustToMetal=0.25, DustOpacity=3e4, GasKernel=2, **STILL)
    at, dusty = kept(gas)
    turn = frame.rotation_angles(20, -35, 110)
    assert len(got["dust"]) == len(at) and (got["dusty"] == dusty).all()
    assert within(got["position"], (gas["Position"][at] - [0.3, -0.2, 0.1]) @ turn.T, rtol=0, atol=1e-14 * 20)
    assert within(got["velocity"], gas["Velocity"][at] @ turn.T, rtol=0, atol=1e-12)
    assert within(got["smoothing_length"], dust.kernel_radius(gas["Mass"], gas["Density"], 2)[at], rtol=1e-14)
    assert within(got["dust"], dust.weight(0.25 * gas["Metallicity"] * gas["Mass"], 3e4)[at], rtol=1e-9)
    assert np.array_equal(got["sfr"], gas["StarFormationRate"][at])


def test_a_magnitude_in_numbers():
    """5.9 mag for a Msun of dust in a square parsec (Draine 2003: 1.87e-26 g of dust for each H, 5.28e-22 mag cm^2)."""
    assert within(dust.weight(1.0) * 1e6, 5.89525, rtol=1e-4)
    assert within(2.5 * np.log10(np.e) * 2.6e4 * 1.870e-26, 5.28e-22, rtol=1e-3)


@pytest.mark.parametrize("effect", ["extinction", "absorption", "mixed"])
def test_effect(tmp_path, effect):
    gas = made_gas()
    got = read_gas(tmp_path, 2, "--sky", InputFile=write(tmp_path / "g.hdf5", gas), DustEffect=effect, **STILL)
    at, _ = kept(gas)
    assert within(got["dust"], dust.weight(0.3 * gas["Metallicity"] * gas["Mass"], which=effect)[at], rtol=1e-9)


@pytest.mark.parametrize("which", ["cool", "starforming", "all"])
def test_which_gas(tmp_path, which):
    gas = made_gas()
    got = read_gas(tmp_path, 2, "--sky", InputFile=write(tmp_path / "g.hdf5", gas), DustGas=which, **STILL)
    assert np.array_equal(got["mass_now"], gas["Mass"][kept(gas, which)[0]])


def test_any_ranks_same_bits(tmp_path):
    file = write(tmp_path / "g.hdf5", made_gas(501))
    one, two, three = (read_gas(tmp_path, n, "--sky", InputFile=file, Orientation="inclined", Inclination=60,
                                Lines="sfr", Dust="gas") for n in (1, 2, 3))
    for other in (two, three):
        assert other["columns"] == one["columns"]
        assert all(np.array_equal(one[k], other[k]) for k in one if k not in ("columns", "err"))


def test_lines_alone(tmp_path):
    """Cells that form stars, whether or not they have dust."""
    gas = made_gas()
    file = write(tmp_path / "g.hdf5", gas)
    got = read_gas(tmp_path, 2, "--sky", InputFile=file, Lines="sfr", SystemicVelocity="none")
    at = np.flatnonzero(gas["StarFormationRate"] > 0)
    assert np.array_equal(got["sfr"], gas["StarFormationRate"][at]) and (got["dust"] == 0).all()
    assert "temperature" not in got and "smoothing_length" not in got            # nothing follows from them
    got = read_gas(tmp_path, 2, "--sky", InputFile=file, Lines="sfr", **STILL)
    assert np.array_equal(got["mass_now"], gas["Mass"][kept(gas, lines=True)[0]])


def test_lengths_and_dust_of_the_file(tmp_path):
    """They win over volumes and DustToMetal, which is said where it was given."""
    rng = np.random.default_rng(9)
    gas = {**made_gas(), "SmoothingLength": rng.uniform(0.1, 2, 60), "DustMass": rng.uniform(0, 1e3, 60)}
    file = write(tmp_path / "g.hdf5", gas)
    got = read_gas(tmp_path, 2, "--sky", InputFile=file, DustGas="all", DustToMetal=0.4, **STILL)
    assert np.array_equal(got["smoothing_length"], gas["SmoothingLength"])
    assert within(got["dust"], dust.weight(gas["DustMass"]), rtol=1e-9)
    assert "DustToMetal = 0.4" in got["err"] and "dust masses of its own" in got["err"]
    assert "DustToMetal" not in read_gas(tmp_path, 2, "--sky", InputFile=file, **STILL)["err"]


def test_box(tmp_path):
    """A galaxy across the faces of its box: gas lies where the stars do."""
    gas = made_gas(200)
    whole = read_gas(tmp_path, 1, "--sky", InputFile=write(tmp_path / "a.hdf5", gas), DustGas="all", **STILL)
    s = galaxy(200, seed=2)
    for x in (s["pos"], gas["Position"]):
        x %= 50.0
    path = write_particles(tmp_path / "b.hdf5", s, BoxSize=50.0, Centre=np.zeros(3), CentreVelocity=np.zeros(3))
    with h5py.File(path, "a") as f:
        for name, x in gas.items():
            f.create_dataset("Gas/" + name, data=x).attrs["unit"] = UNITS[name]
    for ranks in (1, 2):
        got = read_gas(tmp_path, ranks, "--sky", InputFile=path, DustGas="all", **STILL)
        assert within(got["position"], whole["position"], rtol=0, atol=1e-13 * 50)


def test_select_radius_chooses_what_shines(tmp_path):
    """Dust counts wherever it is."""
    gas = made_gas(200)
    got = read_gas(tmp_path, 2, "--sky", InputFile=write(tmp_path / "g.hdf5", gas), SelectRadius=4, DustGas="all",
                   Lines="sfr", Centre="0,0,0", **STILL)
    inside = np.sqrt((gas["Position"]**2).sum(axis=1)) <= 4
    assert 20 < inside.sum() < 180
    assert np.array_equal(got["sfr"], np.where(inside, gas["StarFormationRate"], 0))
    assert within(got["dust"], dust.weight(0.3 * gas["Metallicity"] * gas["Mass"]), rtol=1e-9)


@pytest.mark.parametrize("ranks", [1, 2])
def test_gas_in_arrays_is_the_files(tmp_path, ranks):
    """All cells, in their order."""
    gas = made_gas()
    pars = {"InputFile": write(tmp_path / "g.hdf5", gas), "Orientation": "faceon", "Lines": "sfr", "Dust": "gas"}
    given, file = read_gas(tmp_path, ranks, "--given", **pars), read_gas(tmp_path, ranks, "--sky", **pars)
    at, _ = kept(gas, lines=True)
    assert len(given["dust"]) == 60
    columns = ("position", "velocity", "dust", "sfr", "smoothing_length")
    assert all(np.array_equal(given[k][at], file[k]) for k in columns)


def test_real_files(tmp_path):
    """TNG's cutout of a quiet galaxy has no dust in gas of 8000 K and less; EAGLE's forms stars."""
    got = read_gas(tmp_path, 2, "--sky", InputFile=shared("data/simulations/illustris_tng.hdf5"), DustGas="all",
                   Dust="gas")
    with h5py.File(shared("data/simulations/illustris_tng.hdf5")) as f:
        g = f["PartType0"]
        want = 0.3 * g["Masses"][()].astype(float) * g["GFM_Metallicity"][()] * 1e10 / float(
            np.ravel(f["Header"].attrs["HubbleParam"])[0])
    assert within(got["dust"], dust.weight(want), rtol=2e-3)
    got = read_gas(tmp_path, 1, "--sky", InputFile=shared("data/simulations/eagle.hdf5"), Dust="gas")
    assert 0 < len(got["dust"]) < 100 and (got["dust"] > 0).all()


# ---- bad input -----------------------------------------------------------------------------------

@pytest.mark.parametrize("lacking, words, pars", [
    (("Metallicity",), ("has no metallicities or dust masses", "/Gas", "Metallicity, or DustMass"), {}),
    (("Density",), ("no smoothing lengths or densities", "SmoothingLength, or Density"), {}),
    (("Temperature",), ("has no temperatures", "Temperature, or", "DustGas starforming or all"), {}),
    (("StarFormationRate",), ("no star formation rates", "DustGas cool or all"), {"DustGas": "starforming"}),
    (("StarFormationRate",), ("no star formation rates", "Lines = sfr", "Lines stars"),
     {"Dust": "none", "Lines": "sfr"}),
    (("Metallicity",), ("has no metallicities, on which", "Lines = sfr"), {"Dust": "none", "Lines": "sfr"})])
def test_what_lacks_is_named(tmp_path, lacking, words, pars):
    gas = {k: x for k, x in made_gas().items() if k not in lacking}
    pars = {**STILL, **pars}
    done = refuse_gas(tmp_path, 2, "--sky", InputFile=write(tmp_path / "g.hdf5", gas), **pars)
    assert done.err.count("error") == 1 and all(w in done.err for w in words), done.err


def test_names_are_those_of_the_simulation(tmp_path):
    """Where it has others."""
    s = galaxy(50)
    file = write_tng(tmp_path / "t.hdf5", s)
    with h5py.File(file, "a") as f:
        g = f.create_group("PartType0")
        for name, x in (("Coordinates", s["pos"]), ("Velocities", s["vel"]), ("Masses", s["mass"] * 1e-10),
                        ("Density", s["mass"]), ("StarFormationRate", 0 * s["mass"]),
                        ("InternalEnergy", 100 + 0 * s["mass"])):
            g[name] = x
    done = refuse_gas(tmp_path, 2, "--sky", InputFile=file, **STILL)
    assert "/PartType0" in done.err and "GFM_Metallicity" in done.err, done.err


def test_no_gas(tmp_path):
    """RUBIX, on several devices, showed no dust lane and no error."""
    file = write_particles(tmp_path / "g.hdf5", galaxy(50), Centre=np.zeros(3))
    for ranks in (1, 3):
        done = refuse_gas(tmp_path, ranks, "--sky", InputFile=file, **STILL)
        assert "Dust = gas" in done.err and "holds no gas: /Gas is missing or empty" in done.err, done.err
        assert done.err.count("error") == 1


@pytest.mark.parametrize("name, value, words", [
    ("Density", 0.0, ("Density is 0 for cell 17",)), ("SmoothingLength", 0.0, ("SmoothingLength is 0 for cell 17",)),
    ("Metallicity", -0.1, ("/Gas/Metallicity", "-0.1", "row 17")), ("Mass", -1.0, ("/Gas/Mass", "row 17")),
    ("Mass", np.nan, ("/Gas/Mass", "nan", "row 17")), ("Metallicity", np.inf, ("/Gas/Metallicity", "inf", "row 17"))])
@pytest.mark.parametrize("ranks", [1, 3])
def test_numbers_that_make_no_sense(tmp_path, name, value, words, ranks):
    gas = made_gas()
    if name == "SmoothingLength":
        gas[name] = np.ones(60)
    gas[name][17] = value
    done = refuse_gas(tmp_path, ranks, "--sky", InputFile=write(tmp_path / "g.hdf5", gas), **STILL)
    assert done.err.count("error") == 1 and all(w in done.err for w in words), done.err


@pytest.mark.parametrize("name, pars", [("OxygenFraction", {}), ("MolecularFraction", {"Lines": "sfr"}),
                                        ("HydrogenFraction", {"DustGas": "all"}), ("Temperature", {"DustGas": "all"}),
                                        ("DustMass", {"Dust": "none", "Lines": "sfr"})])
def test_what_nothing_follows_from_is_not_read(tmp_path, name, pars):
    """Whatever is in it; where it counts it is refused."""
    gas = made_gas()
    used = {"OxygenFraction": {"Lines": "sfr"}, "HydrogenFraction": {"Lines": "sfr"}, "Temperature": {}, "DustMass": {}}
    want = read_gas(tmp_path, 1, "--sky", InputFile=write(tmp_path / "a.hdf5", gas), **{**STILL, **pars})
    file = write(tmp_path / "g.hdf5", {**gas, name: np.full(60, np.nan)})
    got = read_gas(tmp_path, 2, "--sky", InputFile=file, **{**STILL, **pars})
    assert np.array_equal(got["dust"], want["dust"]) and len(want["dust"]) > 0
    if name in used:
        done = refuse_gas(tmp_path, 2, "--sky", InputFile=file, **{**STILL, **used[name]})
        assert name in done.err and "nan" in done.err, done.err


def test_a_cell_without_mass_needs_no_kernel(tmp_path):
    gas = made_gas()
    gas["Mass"][17] = gas["Density"][17] = 0
    got = read_gas(tmp_path, 2, "--sky", InputFile=write(tmp_path / "g.hdf5", gas), DustGas="all", **STILL)
    assert len(got["dust"]) == 59


def test_kernels_wider_than_the_field(tmp_path):
    """The field of dump_slab has 20 kpc: above 5 kpc the dust's mass is told."""
    gas = {**made_gas(), "SmoothingLength": np.where(np.arange(60) < 3, 6.0, 1.0), "DustMass": np.full(60, 100.0)}
    err = read_gas(tmp_path, 3, "--sky", InputFile=write(tmp_path / "g.hdf5", gas), DustGas="all", **STILL)["err"]
    assert "3 cells with 300 Msun of dust, 0.05 of all of it" in err and "more than 5 kpc" in err, err


def test_nothing_dims(tmp_path):
    gas = {**made_gas(), "Temperature": np.full(60, 1e5), "StarFormationRate": np.zeros(60)}
    file = write(tmp_path / "g.hdf5", gas)
    err = read_gas(tmp_path, 2, "--sky", InputFile=file, **STILL)["err"]
    assert "none of 60 cells of gas has dust (DustGas cool" in err
    assert "no stars form in 60 cells" in read_gas(tmp_path, 2, "--sky", InputFile=file, Lines="sfr")["err"]


@pytest.mark.parametrize("ranks", [1, 2])
def test_the_program_says_what_lacks(bench, ranks):
    """Before anything is painted, with the file, what was looked for, and status 3; no file is left."""
    bench.instrument()
    bench.ssp()
    bench.particles(galaxy(60))
    refused(bench, 3, "Dust = gas", "holds no gas: /Gas is missing or empty", ranks=ranks, Redshift=0.05, Dust="gas")
    gas = {k: x for k, x in made_gas().items() if k != "Temperature"}
    with h5py.File(bench.file, "a") as f:
        for name, x in gas.items():
            f.create_dataset("Gas/" + name, data=x).attrs["unit"] = UNITS[name]
    refused(bench, 3, "has no temperatures", "DustGas starforming or all", ranks=ranks, Redshift=0.05, Dust="gas")
