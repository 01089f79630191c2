"""Gas, dust and emission lines at the ends of what makes sense: no light, much dust, wrong units, broken tables."""
import subprocess
import sys

import h5py
import numpy as np
import pytest

from harness import SOURCE, assert_close, galaxy, refused, run, stars, within
from oracle import column, dust, lines
from oracle import gas as dust_of_gas

Z = 0.02
PLAIN = dict(Redshift=Z, Centre=(0.0, 0.0, 0.0), SystemicVelocity="none")
BOTH = dict(PLAIN, Dust="gas", Lines="sfr")
UNITS = {"Position": "kpc", "Velocity": "km/s", "Mass": "Msun", "SmoothingLength": "kpc", "Metallicity": "1",
         "StarFormationRate": "Msun/yr", "Temperature": "K", "DustMass": "Msun"}


def cells(n=40, **change):
    """Cold gas that forms stars; a column of None is left out."""
    rng = np.random.default_rng(5)
    g = {"Position": rng.normal(0, 1.2, (n, 3)), "Velocity": rng.normal(0, 100, (n, 3)), "Mass": np.full(n, 1e6),
         "SmoothingLength": rng.uniform(0.2, 1.5, n), "Metallicity": 10**rng.uniform(-2.8, -1.8, n),
         "StarFormationRate": 10**rng.uniform(-4, -1, n), "Temperature": np.full(n, 1e3), **change}
    return {name: np.asarray(x, float) for name, x in g.items() if x is not None}


def setup(bench, gas, s=None, n_x=8, n_y=7):
    bench.instrument(n_x, n_y, 0.6, lam=(6600.0, 6799.0, 1.0), medium="vacuum", lsf_curve=(2.5,))
    wave = np.arange(4500.0, 9000.0, 1.5)
    bench.ssp(lam=wave, luminosity=np.full((5, 6, len(wave)), 1e29))
    bench.particles(galaxy(60, seed=2, radius=1.0) if s is None else s)
    with h5py.File(bench.file, "a") as f:
        for name, x in gas.items():
            f.create_dataset("Gas/" + name, data=x).attrs["unit"] = UNITS[name]


def screens(s, gas):
    weight = dust_of_gas.weight(0.3 * gas["Metallicity"] * gas["Mass"])
    return column.screen(s["pos"], gas["Position"], gas["SmoothingLength"], weight)


# ---- much dust -----------------------------------------------------------------------------------

WALL = dict(Position=[[0, 0, -20.0]], SmoothingLength=[10.0], Velocity=[[0, 0, 0]])


@pytest.mark.parametrize("engine", ["direct", "histogram"])
def test_no_light_comes_through(bench, engine):
    """Behind 2e5 mag nothing is left, with either engine; a floor of 2^-126 was once written as a cube."""
    gas = cells(1, Mass=[1e16], StarFormationRate=[0.0], **WALL)
    setup(bench, gas)
    assert screens(galaxy(60, seed=2, radius=1.0), gas).min() > 1e5
    refused(bench, 3, "no light falls into the cube", "shines through Dust gas", "60 of them behind more than 60 mag",
            Dust="gas", Engine=engine, **PLAIN)


@pytest.mark.parametrize("engine", ["direct", "histogram"])
@pytest.mark.parametrize("a_v", [1e3, 1e5, 1e8])
def test_one_star_of_two_is_gone(bench, a_v, engine):
    s = stars((-0.5, 0, 0, 0, 0, 0, 1e6, 4.0, 0.02), (0.5, 0, 0, 0, 0, 0, 1e6, 4.0, 0.02))
    gas = cells(1, Position=[[-0.5, 0, -5]], SmoothingLength=[0.4], Velocity=[[0, 0, 0]], Metallicity=[0.01])
    gas["Mass"] *= a_v / screens(s, gas)[0]
    setup(bench, gas, s)
    bare = bench.cube("cubix64", **PLAIN)["DATA"]
    got = bench.cube(Dust="gas", Engine=engine, **PLAIN)
    lit = bare[0] > 0
    assert lit.sum() == 2
    spectra = got["DATA"][:, lit]
    assert (spectra.max(axis=0) == 0).sum() == 1
    kept = spectra.max(axis=0) > 0
    assert_close(spectra[:, kept], bare[:, lit][:, kept], 1e-6)
    assert within(np.sort(got["AV_M"][lit]), [0, min(a_v, 2048.0)], rtol=1e-6)


def test_nothing_changes_behind_very_much_dust(bench):
    """Stars of which float32 holds no light have no derivative, also where every spaxel counts alike; it was as large
    as that of the brightest."""
    s = galaxy(60, seed=2, radius=1.0)
    gas = cells(Mass=np.full(40, 3e11))
    a_v = screens(s, gas)
    setup(bench, cells(Mass=np.full(40, 3e7)), s)
    observed = bench.path("observed.fits")
    bench.cube(**PLAIN, Dust="gas", OutputFile=observed)
    with h5py.File(bench.file, "r+") as f:
        f["Gas/Mass"][:] = gas["Mass"]
    found = []
    for program in ("cubix64", "cubix"):
        done = run(program, [bench.parameters(Mode="gradient", Parameters="Position", ObservedFile=observed, Dust="gas",
                                              Likelihood="cosine", Engine="direct", **PLAIN)], cwd=bench.folder)
        assert done.status == 0, done.err
        with h5py.File(bench.out.with_name(bench.out.stem + "-gradient.hdf5")) as f:
            found.append(f["Stars/Position"][:, 2])
    gone, seen = a_v > 150, a_v < 85
    assert gone.sum() > 40 and seen.sum() > 3 and np.abs(found[0][seen]).max() > 0.1
    assert np.abs(found[0][gone]).max() < 1e-30 and np.abs(found[1][gone]).max() == 0
    assert_close(found[1][seen], found[0][seen], 1e-3, np.abs(found[0][seen]).max())


def test_a_cell_at_a_star(bench):
    """Half of its own dust is in front of the star, by every engine."""
    s = stars((0.3, 0.1, 0.2, 0, 0, 0, 1e6, 4.0, 0.02))
    gas = cells(1, Position=s["pos"], SmoothingLength=[0.5], Mass=[1e7], Metallicity=[0.02], StarFormationRate=[0.0])
    setup(bench, gas, s)
    half = 0.5 * 1.7507043740108488 * dust_of_gas.weight(0.3 * 0.02 * 1e7) / 0.5**2     # 11/(2 pi) in its middle
    bare = bench.cube("cubix64", **PLAIN)["DATA"]
    through = np.exp(-dust.MAG * half * dust.of_channels("G23", bench.inst.edges(), Z))[:, None, None]
    for engine, tolerance in (("direct", 1e-6), ("histogram", 1e-4)):
        got = bench.cube(Dust="gas", Engine=engine, **PLAIN)
        assert within(got["AV_M"][bare[0] > 0], half, rtol=1e-6)
        assert_close(got["DATA"], bare * through, tolerance)


# ---- what is said --------------------------------------------------------------------------------

def warnings(bench, **parameters):
    err = bench.cube(**parameters)["run"].err
    return [line for line in err.splitlines() if "warning" in line]


@pytest.mark.parametrize("ranks", [1, 2])
def test_gas_without_star_formation_is_told_once(bench, ranks):
    setup(bench, cells(StarFormationRate=np.zeros(40)))
    got = bench.cube(ranks=ranks, **BOTH)
    assert got["run"].err.count("no emission lines") == 1 and "no stars form in 40 cells" in got["run"].err
    assert got["LINE_Ha"].max() == 0 and np.isnan(got["VEL_GAS"]).all()


@pytest.mark.parametrize("change, more", [({"Temperature": np.full(40, 1e6)}, {}),
                                          ({"Metallicity": np.zeros(40)}, {}), ({}, {"DustOpacity": 0.0})])
def test_gas_without_dust_is_told_once(bench, change, more):
    setup(bench, cells(StarFormationRate=np.zeros(40), **change))
    told = [w for w in warnings(bench, Dust="gas", **more, **PLAIN) if "dims" in w or "dimmed" in w]
    assert len(told) == 1 and "none of 40 cells of gas has dust (DustGas cool" in told[0]
    assert f"DustOpacity = {more.get('DustOpacity', 26000.0):g} cm2/g" in told[0]


@pytest.mark.parametrize("change, words", [
    ({"Metallicity": np.full(40, 0.9)}, "metals are 0.9 of the mass of the gas with dust or star formation"),
    ({"DustMass": np.full(40, 1e9)}, "dust is 1e+03 of the mass of the gas that has it"),
    ({"Mass": np.full(40, 1e10)}, "behind more than 60 mag in V: are the gas's masses")])
def test_units_of_gas_alone(bench, change, words):
    setup(bench, cells(**change))
    assert [w for w in warnings(bench, **BOTH) if words in w]
    setup(bench, cells())
    assert not [w for w in warnings(bench, **BOTH) if " unit" in w and "kernels" not in w]


def test_what_lines_lack_is_not_blamed_on_dust(bench):
    setup(bench, cells(StarFormationRate=None))
    refused(bench, 3, "Dust = gas", "Lines = sfr (", "no star formation rates", "set Lines stars", **BOTH)


def test_the_light_of_lines_is_told_apart(bench):
    setup(bench, cells())
    assert "of the stars' light in the field; emission lines are in it)" in bench.cube(**BOTH)["run"].out
    assert "of the stars' light in the field)" in bench.cube(**PLAIN)["run"].out


# ---- tables of lines -----------------------------------------------------------------------------

def write_table(path, change=lambda f: None, **columns):
    t = lines.demo()
    data = {"Metallicity": (t.z, "mass fraction"), "LogU": (t.log_u, "1"), "Age": (t.age, "Gyr"),
            "Wavelength": (t.lam, "AA"), "IonMass": (t.mass, "u"), "Luminosity": (t.light, "erg")}
    with h5py.File(path, "w") as f:
        f.attrs.update({"CubixFile": np.bytes_("lines"), "Version": 1, "Name": np.bytes_("test"), "Demo": 0,
                        "Reference": np.bytes_("tests"), "Licence": np.bytes_("none"), "SolarMetallicity": t.sun[0],
                        "SolarOxygen": t.sun[1]})
        for name, (x, unit) in data.items():
            f.create_dataset(name, data=columns.get(name, x)).attrs["unit"] = np.bytes_(unit)
        f["Wavelength"].attrs["lines"] = np.bytes_(" ".join(t.names))
        change(f)
    return path


def named(**other):
    """The table's names, some of them others."""
    def change(f):
        names = [other.get(name, name) for name in lines.demo().names]
        f["Wavelength"].attrs["lines"] = np.bytes_(" ".join(names))
    return change


@pytest.mark.parametrize("change, words", [
    (named(NII6550="Ha"), ('lines 7 and 8 "Ha"', "must differ")),
    (named(NII6550="HA"), ('lines 7 and 8 "Ha"', "whatever their case")),
    (named(SII6733="SII6733 Pab"), ("names more than its 12 lines", '"Pab" first')),
    (named(NII6550="N/II"), ('line 7 "N/II"', "letters, digits")),
    (lambda f: f["Luminosity"].__setitem__((3, 0, 0, 8), 1e41), ("1e+41 for Ha", "at most 1e-06 erg per ionising photon")),
    (lambda f: f["LogU"].__setitem__(0, np.nan), ("/LogU[0] = nan, must be from -12 to 3: is it",))])
def test_broken_tables(bench, change, words):
    setup(bench, cells())
    path = write_table(bench.path("bad.hdf5"), change)
    refused(bench, 3, f"LineFile {path}", *words, LineFile=path, **BOTH)


@pytest.mark.parametrize("change", [named(NII6550="HA"), named(NII6550="N/II"),
                                    lambda f: f["Luminosity"].__setitem__((3, 0, 0, 8), 1e41)])
def test_the_tool_refuses_them_too(bench, change):
    done = subprocess.run([sys.executable, SOURCE / "scripts" / "cubix-lines", "info",
                           write_table(bench.path("bad.hdf5"), change)], capture_output=True, text=True)
    assert done.returncode == 3 and done.stderr.count("error") == 1, done.stderr


@pytest.mark.parametrize("name", ["Demo", "nowhere.hdf5"])
def test_no_such_table(bench, name):
    setup(bench, cells())
    refused(bench, 3, "LineFile", "demo needs none", f"cannot open {name}", LineFile=name, **BOTH)


def test_beyond_the_table(bench):
    """Much of the star formation beyond a table that is meant for science is warned of."""
    setup(bench, cells(Metallicity=np.full(40, 0.04)))
    said = "lie beyond the table's metallicities"
    table = write_table(bench.path("t.hdf5"))
    assert [w for w in warnings(bench, LineFile=table, **BOTH) if "40 sources, 100 % of their star formation" in w]
    got = bench.cube(**BOTH)["run"]
    assert said in got.out and said not in got.err
