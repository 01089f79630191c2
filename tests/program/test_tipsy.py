"""Tipsy files of Gasoline and ChaNGa: a real one, and synthetic ones of every kind, against numpy; what is missing
beside them, and damage."""
import shutil

import h5py
import numpy as np
import pytest
from scipy.integrate import quad

from dumps import dump, read, read_gas
from harness import SOURCE, run, shared, within, write_parameters, write_ssp

HUBBLE_GYR, G = 977.7922216807891, 4.300917270036e-6                # 1/(km/s/Mpc); kpc (km/s)^2/Msun
PARAM = {"dKpcUnit": 50000, "dMsolUnit": 1.57138e16, "dHubble0": 2.89265, "dOmega0": 0.3156, "dLambda": 0.6844,
         "bComove": 1, "bPeriodic": 1}
A = 0.25
REST = {"gas": ("rho", "temp", "hsmooth", "metals", "phi"), "dark": ("eps", "phi"),
        "star": ("metals", "tform", "eps", "phi")}
TYPE = {"gas": 0, "dark": 1, "star": 4}


def units(p=PARAM):
    """kpc, Msun, km/s, Gyr, h."""
    speed = np.sqrt(G * p["dMsolUnit"] / p["dKpcUnit"])
    time = p["dKpcUnit"] / speed * HUBBLE_GYR / 1e3
    return p["dKpcUnit"], p["dMsolUnit"], speed, time, p["dHubble0"] / time * HUBBLE_GYR / 100


def age_of_universe(a, p=PARAM):
    """In Gyr."""
    om, ol = p["dOmega0"], p["dLambda"]
    return HUBBLE_GYR / (100 * units(p)[4]) * quad(
        lambda x: 2 * x * x / np.sqrt(om + (1 - om - ol) * x**2 + ol * x**6), 0, np.sqrt(a), epsabs=0, epsrel=1e-13)[0]


def particles(n_gas=5, n_dark=7, n_star=23, seed=1, now=None):
    """In units of the code: gas, dark matter, and stars of a galaxy near a corner of the box's middle."""
    rng = np.random.default_rng(seed)
    now = age_of_universe(A) / units()[3] if now is None else now
    out = {}
    for kind, n in (("gas", n_gas), ("dark", n_dark), ("star", n_star)):
        out[kind] = {"mass": rng.uniform(1e-12, 4e-12, n), "pos": rng.normal(0.1, 1e-4, (n, 3)),
                     "vel": rng.normal(0, 0.1, (n, 3)), **{key: rng.uniform(0, 0.05, n) for key in REST[kind]}}
    out["star"]["tform"] = rng.uniform(0.02, 0.99, n_star) * now
    return out


def in_words(x, word):
    return np.asarray(x).astype(word)


def write(path, s, time=A, order=">", header=32, doubles=0, param=PARAM, param_file=None):
    """doubles: 1: positions, 2: velocities, too."""
    f4, pos, vel = order + "f4", order + ("f8" if doubles > 0 else "f4"), order + ("f8" if doubles > 1 else "f4")
    n = [len(s[k]["mass"]) for k in REST]
    counts = [sum(n), 3, *n, 0][:5 + (header == 32)]
    data = in_words([time], order + "f8").tobytes() + in_words(counts, order + "i4").tobytes()
    assert len(data) == header
    for kind, rest in REST.items():
        layout = [("mass", f4), ("pos", pos, 3), ("vel", vel, 3), *((k, f4) for k in rest)]
        record = np.zeros(len(s[kind]["mass"]), layout)
        for key in record.dtype.names:
            record[key] = s[kind][key]
        data += record.tobytes()
    path.write_bytes(data)
    if param is not None:
        text = "# of a test\n##dKpcUnit = 1\nachOutName = x/y\n" + "".join(f"{k:<15} = {v:.17g}   # dMsolUnit = 7\n"
                                                                           for k, v in param.items())
        (param_file or path.with_name(path.name + ".param")).write_text(text)
    return path


def expected(s, keep=None, doubles=0, p=PARAM, a=A, kind="star"):
    """By numpy, from what was rounded to the file's precision."""
    kpc, msun, speed, time, _ = units(p)
    wide = ("pos", "vel")[:doubles]
    x = {k: in_words(v, "f8" if k in wide else "f4").astype("f8") for k, v in s[kind].items()}
    keep = np.ones(len(x["mass"]), bool) if keep is None else keep
    return {"pos": x["pos"][keep] * kpc * a, "vel": x["vel"][keep] * speed * a, "now": x["mass"][keep] * msun,
            "z": x["metals"][keep],
            **({"age": age_of_universe(a, p) - x["tform"][keep] * time} if kind == "star" else {})}


def assert_same(got, want):
    for key, w in want.items():
        assert got[key].shape == w.shape
        assert within(got[key], w, rtol=1e-9, atol=1e-9 if key == "age" else 0), key


def refuse(folder, *words, ranks=1, **parameters):
    parameters.setdefault("StarInitialMass", "current")
    done = dump(folder, ranks, timeout=20, **parameters)
    assert done.status == 3 and done.err.count("cubix: error:") == 1, done.err
    for word in words:
        assert str(word) in done.err, f"no {word!r} in {done.err}"


# ---- the real one --------------------------------------------------------------------------------

@pytest.mark.parametrize("ranks", [1, 2, 3])
def test_a_real_file_of_gasoline(tmp_path, ranks):
    """Numbers by another reader: 49 stars, ages in Gyr, metallicities, extent in parts of the box."""
    file = shared("data/simulations/tangos_tipsy/tiny.000640")
    got, info = read(tmp_path, ranks, InputFile=file, StarInitialMass="current")
    assert info["format"] == "Tipsy" and info["n_total"] == 49
    z, om, ol, h, box = info["redshift_omega_m_omega_l_h_box"]
    assert within([1 / (1 + z), om, ol, h, box * (1 + z)], [0.252281368, 0.3156, 0.6844, 0.672608, 50000], rtol=1e-6)
    assert within(got["now"].sum(), 2.332878e6, rtol=1e-6)
    assert within(np.sort(got["age"])[[0, 24, 48]], [0.00421, 0.36808, 1.74944], atol=1e-5, rtol=0)
    assert within([got["z"].min(), got["z"].max()], [1.10e-4, 0.04426], rtol=2e-3)
    assert within([got["pos"][:, 0].min() / box, got["pos"][:, 0].max() / box], [0.0426, 0.0746], atol=1e-4, rtol=0)


def real_stars():
    """The stars of the real file by numpy, and its scale factor."""
    file = shared("data/simulations/tangos_tipsy/tiny.000640")
    layout = [("mass", ">f4"), ("pos", ">f4", 3), ("vel", ">f4", 3), *((k, ">f4") for k in REST["star"])]
    star = np.frombuffer(file.read_bytes(), layout, 49, 32 + 171 * 48 + 3078 * 36)
    a = float(np.frombuffer(file.read_bytes(), ">f8", 1)[0])
    return expected({"star": {k: star[k] for k in star.dtype.names}}, a=a), a, file


def test_real_file_record_by_record(tmp_path):
    want, _, file = real_stars()
    assert_same(read(tmp_path, 2, InputFile=file, StarInitialMass="current")[0], want)


# ---- every kind ----------------------------------------------------------------------------------

@pytest.mark.parametrize("doubles", [0, 1, 2])
@pytest.mark.parametrize("order, header", [(">", 32), ("<", 32), ("<", 28)], ids=["standard", "native 32", "native 28"])
def test_kinds(tmp_path, order, header, doubles):
    s = particles()
    file = write(tmp_path / "g.00001", s, order=order, header=header, doubles=doubles)
    got = {ranks: read(tmp_path, ranks, InputFile=file, StarInitialMass="current")[0] for ranks in (1, 2, 3)}
    assert_same(got[1], expected(s, doubles=doubles))
    for ranks in (2, 3):
        for key in got[1]:
            assert np.array_equal(got[1][key], got[ranks][key])


def test_stars_alone_and_many(tmp_path):
    s = particles(0, 0, 200_001)
    got, _ = read(tmp_path, 3, InputFile=write(tmp_path / "g", s), StarInitialMass="current")
    assert_same(got, expected(s))


def test_potential(tmp_path):
    """Of comoving coordinates: the physical one is 1/a of it."""
    s = particles()
    got, _ = read(tmp_path, InputFile=write(tmp_path / "g", s), StarInitialMass="current", Centre="potential")
    assert within(got["potential"], s["star"]["phi"] * units()[2]**2 / A, rtol=1e-6)


@pytest.mark.parametrize("kind, column", [("dark", None), *(("gas", c) for c in ("rho", "temp", "hsmooth", "metals"))])
def test_gas_and_dark_matter_have_columns(tmp_path, kind, column):
    s = particles()
    cfg = (SOURCE / "parameterfiles/formats/Tipsy.cfg").read_text().replace('"metals"', f'"{column}"')
    shutil.copy(SOURCE / "parameterfiles/formats/units.inc", tmp_path)
    (tmp_path / "mine.cfg").write_text(cfg)
    more = {"SimulationFormat": tmp_path / "mine.cfg"} if column else {"StarMetallicity": 0.02}
    got, _ = read(tmp_path, InputFile=write(tmp_path / "g", s), StarType=TYPE[kind], StarAge=3,
                  StarInitialMass="current", **more)
    s[kind]["metals"] = s[kind][column] if column else np.full(7, 0.02)
    assert_same(got, {**expected(s, kind=kind), "z": np.float32(s[kind]["metals"]) if column else s[kind]["metals"]})
    assert (got["age"] == 3).all()


def test_box_is_centred_on_0_and_comoving(tmp_path):
    """A galaxy across the side at 0.5 is one galaxy, 50 Mpc a wide."""
    s = particles()
    s["star"]["pos"] = (s["star"]["pos"] - 0.1 + 0.5 + 0.5) % 1 - 0.5
    got, info = read(tmp_path, 2, InputFile=write(tmp_path / "g", s), StarInitialMass="current")
    assert within(info["redshift_omega_m_omega_l_h_box"][4], 50000 * A, rtol=1e-12)
    assert np.ptp(got["pos"], axis=0).max() < 1e-3 * 50000 * A
    s["star"]["pos"][0] += 0.3
    file = write(tmp_path / "g", s, param={**PARAM, "bPeriodic": 0})
    assert read(tmp_path, InputFile=file, StarInitialMass="current")[1]["redshift_omega_m_omega_l_h_box"][4] == 0


def test_without_bPeriodic_a_box_is_not_periodic_and_that_is_said(tmp_path):
    """0 is what Gasoline and ChaNGa take."""
    s = particles()
    s["star"]["pos"][0] += 0.6
    file = write(tmp_path / "g", s, param={k: v for k, v in PARAM.items() if k != "bPeriodic"})
    got, info = read(tmp_path, 2, InputFile=file, StarInitialMass="current")
    assert info["redshift_omega_m_omega_l_h_box"][4] == 0 and "does not state bPeriodic" in info["err"]
    assert_same(got, expected(s))


def test_tform_is_since_the_big_bang(tmp_path):
    """In units of time of the code: at 0.3 of the age of the universe a star is as old as the other 0.7."""
    s = particles(n_star=1)
    s["star"]["tform"][:] = 0.3 * age_of_universe(A) / units()[3]
    got, _ = read(tmp_path, InputFile=write(tmp_path / "g", s), StarInitialMass="current")
    assert within(got["age"], 0.7 * age_of_universe(A), rtol=1e-6)


# ---- black holes, masses at birth ----------------------------------------------------------------

@pytest.mark.parametrize("ranks", [1, 3])
def test_negative_tform_is_a_black_hole(tmp_path, ranks):
    s = particles()
    s["star"]["tform"][[0, 7, 22]] *= -1
    file = write(tmp_path / "g", s)
    write_mass_at_birth(file, s, ">")
    got, info = read(tmp_path, ranks, InputFile=file)
    keep = s["star"]["tform"] > 0
    assert_same(got, {**expected(s, keep), "formed": birth_mass(s)[keep] * PARAM["dMsolUnit"]})
    assert info["n_file_total"] == 20


def birth_mass(s):
    return np.float32(s["star"]["mass"] * np.linspace(1.1, 1.6, len(s["star"]["mass"]))).astype("f8")


def write_mass_at_birth(file, s, form):
    x = np.concatenate([np.zeros(len(s["gas"]["mass"]) + len(s["dark"]["mass"])), birth_mass(s)])
    to = file.with_name(file.name + ".massform")
    if form == "text":
        to.write_text(f"{len(x)}\n" + "".join(f"{v:.17g}\n" for v in x))
    else:
        to.write_bytes(in_words([len(x)], form + "i4").tobytes() + in_words(x, form + "f4").tobytes())
    return to


@pytest.mark.parametrize("form", ["text", ">", "<"])
def test_massform(tmp_path, form):
    s = particles()
    file = write(tmp_path / "g", s)
    write_mass_at_birth(file, s, form)
    got, _ = read(tmp_path, 2, InputFile=file)
    assert_same(got, {**expected(s), "formed": birth_mass(s) * PARAM["dMsolUnit"]})


def test_masses_at_birth_from_the_library_without_massform(tmp_path):
    """Gasoline's stars lose mass: half of it by this library."""
    s = particles()
    write_ssp(tmp_path / "ssp.hdf5", np.array([4000.0, 5000, 6000]), np.ones((2, 2, 3)), ages=[0.001, 14.0],
              metals=[1e-4, 0.05])
    with h5py.File(tmp_path / "ssp.hdf5", "r+") as f:
        d = f.create_dataset("SurvivingMass", data=np.full((2, 2), 0.5))
        d.attrs["unit"], d.attrs["description"] = "1", "half"
    file = write(tmp_path / "g", s)
    par = write_parameters(tmp_path / "reader.param", SspFile=tmp_path / "ssp.hdf5",
                           OutputFile=tmp_path / "none.fits", InputFile=file)
    done = run("dump_slab", [par, tmp_path / "slab"], cwd=tmp_path)
    assert done.status == 0, done.err
    formed = np.fromfile(tmp_path / "slab.0")[23 * 6:23 * 7]
    assert within(formed, 2 * expected(s)["now"], rtol=1e-6)


@pytest.mark.parametrize("harm, words", [
    (lambda p: p.write_bytes(p.read_bytes()[:-4]), ("ends or holds no number in line 1",)),
    (lambda p: p.write_text("36\n" + "1\n" * 36), ("is of 36 particles", "has 35")),
    (lambda p: p.write_text("35\n" + "1\n" * 34), ("no number in line 36",)),
    (lambda p: p.write_text("35\n" + "1\n" * 36), ("goes on behind line 36", "35 numbers")),
    (lambda p: p.write_text("35\n1\n2\nthree\n"), ("no number in line 4",)),
    (lambda p: p.write_text(""), ("no number in line 1",))])
def test_damaged_massform(tmp_path, harm, words):
    s = particles()
    file = write(tmp_path / "g", s)
    harm(write_mass_at_birth(file, s, ">"))
    refuse(tmp_path, "g.massform", *words, ranks=2, InputFile=file)


# ---- runs that are not cosmological --------------------------------------------------------------

ISOLATED = {"dKpcUnit": 1, "dMsolUnit": 3.1e5, "bComove": 0}


def test_isolated_run(tmp_path):
    """Lengths and velocities without a; ages by the run's own clock."""
    s = particles(now=3.0)
    time = ISOLATED["dKpcUnit"]**1.5 / np.sqrt(G * ISOLATED["dMsolUnit"]) * HUBBLE_GYR / 1e3
    file = write(tmp_path / "g", s, time=3.0, param=ISOLATED)
    got, info = read(tmp_path, 2, InputFile=file, StarInitialMass="current", SanityCheck="warn")
    assert within(got["pos"], s["star"]["pos"], rtol=1e-6)
    assert within(got["vel"], s["star"]["vel"] * np.sqrt(G * 3.1e5), rtol=1e-6)
    assert within(got["age"], (3.0 - s["star"]["tform"]) * time, rtol=1e-5)
    assert info["redshift_omega_m_omega_l_h_box"] == [0, 0, 0, 0, 0]


def test_stars_of_the_beginning_need_an_age(tmp_path):
    s = particles(now=3.0)
    s["star"]["tform"][3] = 0
    file = write(tmp_path / "g", s, time=3.0, param=ISOLATED)
    refuse(tmp_path, "PartType4/tform", "row 3", "StarAge", InputFile=file, SanityCheck="warn")
    got, _ = read(tmp_path, InputFile=file, StarInitialMass="current", StarAge=5, SanityCheck="warn")
    assert got["age"][3] == 5 and (got["age"] < 5).sum() == 22
    s["star"]["tform"][3] = -1
    got, info = read(tmp_path, InputFile=write(tmp_path / "g", s, time=3.0, param=ISOLATED), StarInitialMass="current",
                     SanityCheck="warn")
    assert len(got["age"]) == 22 and "1 stars with tform < 0 are left out as black holes" in info["err"]


def test_without_bComove_a_run_is_isolated_and_that_is_said(tmp_path):
    param = {k: v for k, v in ISOLATED.items() if k != "bComove"}
    file = write(tmp_path / "g", particles(now=3.0), time=3.0, param=param)
    _, info = read(tmp_path, InputFile=file, StarInitialMass="current", SanityCheck="warn")
    assert "does not state bComove" in info["err"]


# ---- where units are -----------------------------------------------------------------------------

def test_own_parameter_file_before_the_stems_before_the_only_one(tmp_path):
    """The folder also holds a parameter file of CUBIX, which is none of the run."""
    s = particles()
    file = write(tmp_path / "run.00010", s, param=None)
    refuse(tmp_path, "states no units", "run.00010.param", "run.param", "dKpcUnit", InputFile=file)
    for name, kpc in (("only.param", 30000), ("run.param", 40000), ("run.00010.param", 50000)):
        p = {**PARAM, "dKpcUnit": kpc}
        write(file, s, param=p, param_file=tmp_path / name)
        got, _ = read(tmp_path, InputFile=file, StarInitialMass="current", SanityCheck="warn")
        assert within(got["pos"], s["star"]["pos"] * kpc * A, rtol=1e-6)


def test_two_parameter_files_are_one_too_many(tmp_path):
    file = write(tmp_path / "run.00010", particles(), param_file=tmp_path / "a.param")
    write(file, particles(), param_file=tmp_path / "b.param")
    refuse(tmp_path, "a.param", "b.param", "copy the right one to", ranks=2, InputFile=file)


@pytest.mark.parametrize("key", ["dKpcUnit", "dMsolUnit", "dHubble0", "dOmega0", "dLambda"])
@pytest.mark.parametrize("value", [None, "many", "-2"])
def test_parameters_that_are_missing_or_wrong(tmp_path, key, value):
    file = write(tmp_path / "g", particles(), param={k: v for k, v in PARAM.items() if k != key})
    if value:
        with open(tmp_path / "g.param", "a") as f:
            f.write(f"{key} = {value}\n")
    words = {None: ["does not state"], "many": ["many must be a number"], "-2": ["= -2 must be above"]}[value]
    refuse(tmp_path, "g.param", key, *words, ranks=2, InputFile=file)


# ---- damage --------------------------------------------------------------------------------------

@pytest.mark.parametrize("change", [lambda d: d[:-1], lambda d: d + b"\0", lambda d: d[:len(d) // 2], lambda d: d[:40]])
@pytest.mark.parametrize("order", [">", "<"])
def test_file_of_another_size(tmp_path, order, change):
    file = write(tmp_path / "g", particles(), order=order)
    file.write_bytes(change(file.read_bytes()))
    refuse(tmp_path, "begins as a Tipsy file of 5 gas, 7 dark and 23 star particles", "1536 bytes",
           len(file.read_bytes()), ranks=2, InputFile=file)


def test_header_that_counts_too_few(tmp_path):
    """One star less, of all kinds and of stars."""
    file = write(tmp_path / "g", particles())
    data = bytearray(file.read_bytes())
    data[8:12], data[24:28] = (34).to_bytes(4, "big"), (22).to_bytes(4, "big")
    file.write_bytes(data)
    refuse(tmp_path, "begins as a Tipsy file of 5 gas, 7 dark and 22 star particles, which take 1492 bytes",
           "has 1536", ranks=2, InputFile=file)


@pytest.mark.parametrize("at, value", [(8, 36), (12, 2), (24, 22)])
def test_header_that_contradicts_itself(tmp_path, at, value):
    file = write(tmp_path / "g", particles())
    data = bytearray(file.read_bytes())
    data[at:at + 4] = value.to_bytes(4, "big")
    file.write_bytes(data)
    refuse(tmp_path, "no Tipsy file (header and size do not agree)", InputFile=file)


def test_no_stars(tmp_path):
    file = write(tmp_path / "g", particles(n_star=0))
    refuse(tmp_path, "holds no stars", "PartType0, PartType1", InputFile=file)


def test_NaN_is_no_time_of_formation(tmp_path):
    s = particles()
    s["star"]["tform"][5] = np.nan
    refuse(tmp_path, "PartType4/tform", "nan", "row 5", ranks=3, InputFile=write(tmp_path / "g", s))


# ---- folders -------------------------------------------------------------------------------------

def test_a_folder_of_one_output_or_of_several(tmp_path):
    """Files run.000000 and run.000640 are two outputs, not members of one."""
    folder = tmp_path / "run"
    folder.mkdir()
    s = particles()
    write_mass_at_birth(write(folder / "run.000640", s, param_file=folder / "run.param"), s, ">")
    assert_same(read(tmp_path, 2, InputFile=folder)[0], expected(s))
    write(folder / "run.000000", s, param=None)
    refuse(tmp_path, "more than one snapshot", "2 files run.*", InputFile=folder)
    assert_same(read(tmp_path, 2, InputFile=folder / "run.000640")[0], expected(s))


# ---- gas -----------------------------------------------------------------------------------------

@pytest.mark.parametrize("ranks", [1, 2])
def test_gas(tmp_path, ranks):
    """Densities of comoving coordinates; hsmooth is the softening of its codes, and kernels follow from mass and
    density."""
    s = particles(n_gas=300)
    s["gas"]["rho"], s["gas"]["temp"] = s["gas"]["rho"] * 1e6, 1e4 + 1e6 * s["gas"]["temp"]
    got = read_gas(tmp_path, ranks, InputFile=write(tmp_path / "g", s))
    kpc, msun, _, _, _ = units()
    want, density = expected(s, kind="gas"), np.float32(s["gas"]["rho"]) * msun / kpc**3 / A**3
    for key, w in (("position", want["pos"]), ("velocity", want["vel"]), ("mass_now", want["now"]),
                   ("metallicity", want["z"]), ("density", density), ("temperature", np.float32(s["gas"]["temp"]))):
        assert within(got[key], w, rtol=1e-6), key
    assert within(got["smoothing_length"], 2.5 * (3 * want["now"] / density / (4 * np.pi))**(1 / 3), rtol=1e-3)
