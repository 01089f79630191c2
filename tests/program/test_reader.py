"""Reading simulations: small files of every kind, made here, and what the reader must hand on,
computed by numpy; real files against what SimSpin read from them; and every way in which a file can
be wrong, with its message and exit status, on one rank and on several."""
import re
import shutil

import h5py
import numpy as np
import pytest
from scipy.integrate import quad

from dumps import dump, read
from harness import BUILD, SOURCE, run, shared, within, write_parameters

OM, OL, HUBBLE, Z = 0.3089, 0.6911, 0.6774, 0.25
A = 1 / (1 + Z)
ATTRIBUTES = {"tng": ("a_scaling", "h_scaling", "to_cgs"),
              "eagle": ("aexp-scale-exponent", "h-scale-exponent", "CGSConversionFactor"), "none": None}
NAMES = {"tng": {"pos": "Coordinates", "vel": "Velocities", "formed": "GFM_InitialMass", "now": "Masses",
                 "born": "GFM_StellarFormationTime",
                 "z": "GFM_Metallicity"},
         "eagle": {"pos": "Coordinates", "vel": "Velocity", "formed": "InitialMass", "now": "Mass",
                   "born": "StellarFormationTime",
                   "z": "SmoothedMetallicity"}}
NAMES["none"] = NAMES["tng"]
LENGTH = {"tng": 1.0, "none": 1.0, "eagle": 1000.0}            # kpc
CONVERSION = {"pos": (1, -1), "vel": (0.5, 0), "formed": (0, -1), "now": (0, -1), "born": (0, 0), "z": (0, 0)}


def age_of_universe(a, om=OM, ol=OL, h=HUBBLE):
    if om + ol == 1:
        return 977.7922216807891 / (100 * h) * 2 / (3 * np.sqrt(ol)) * np.arcsinh(np.sqrt(ol / om) * np.asarray(a)**1.5)
    return np.array([977.7922216807891 / (100 * h)
                     * quad(lambda x: 2 * x * x / np.sqrt(om + (1 - om - ol) * x**2 + ol * x**6), 0, np.sqrt(b),
                            epsabs=0, epsrel=1e-13)[0] for b in np.atleast_1d(a)])


def raw_stars(n, seed=1, wind=0, family="tng"):
    """What a file holds, in its units: n rows of which `wind` are wind cells."""
    rng = np.random.default_rng(seed)
    born = rng.uniform(0.05, A, n)
    born[rng.permutation(n)[:wind]] = rng.choice([-0.3, 0.0, -A], wind)
    return {"pos": (20000 + rng.normal(0, 10, (n, 3))) / LENGTH[family], "vel": rng.normal(100, 200, (n, 3)),
            "formed": rng.uniform(1e-5, 1e-4, n),
            "now": rng.uniform(5e-6, 5e-5, n), "born": born, "z": rng.uniform(0, 0.05, n)}


def write_raw(path, s, family="tng", dtypes=None, order=None, header=None, group="PartType4", edit=None, **create):
    """A snapshot file as the simulation would write it.  order: of the datasets; edit(file):
    whatever is to be changed afterwards."""
    with h5py.File(path, "w") as f:
        head = f.create_group("Header").attrs
        base = {"Redshift": Z, "Time": np.array([A]), "Omega0": OM, "OmegaLambda": np.array([OL]),
                "HubbleParam": HUBBLE, "BoxSize": 0.0,
                "NumPart_ThisFile": np.array([7, 0, 0, 0, 123456, 0], "f8"), "NumFilesPerSnapshot": np.array([1], "i4")}
        if family == "eagle":
            base["RunLabel"] = np.array(["EAGLE"], dtype=h5py.string_dtype())
        if family == "tng":
            base["SimulationName"] = np.bytes_("L75n1820TNG  ")
        for key, value in {**base, **(header or {})}.items():
            if value is not None:
                head[key] = value
        if s is not None:
            g = f.create_group(group)
            for key in order or s:
                d = g.create_dataset(NAMES[family].get(key, key),
                                     data=np.asarray(s[key]).astype((dtypes or {}).get(key, "f8")), **create)
                if ATTRIBUTES[family] and key in CONVERSION:
                    cgs = {"pos": 3.085678e21 * LENGTH[family], "vel": 1e5, "formed": 1.989e43,
                           "now": 1.989e43}.get(key, 0.0 if family == "tng" else 1.0)
                    for name, value in zip(ATTRIBUTES[family], (*CONVERSION[key], cgs)):
                        d.attrs[name] = np.array([value], "f8")
        if edit:
            edit(f)
    return path


def expected(s, family="tng", dtypes=None, a=A):
    """The slab, by numpy: wind cells dropped, physical units."""
    x = {k: np.asarray(s[k]).astype((dtypes or {}).get(k, "f8")).astype("f8") for k in NAMES[family]}
    keep = x["born"] > 0
    x = {k: v[keep] for k, v in x.items()}
    return {"pos": x["pos"] * a / HUBBLE * LENGTH[family], "vel": x["vel"] * np.sqrt(a),
            "formed": x["formed"] * 1e10 / HUBBLE, "now": x["now"] * 1e10 / HUBBLE,
            "age": age_of_universe(a) - age_of_universe(x["born"]), "z": x["z"]}


def assert_same(got, want, tolerance=1e-12):
    for k, w in want.items():
        assert got[k].shape == w.shape, f"{k}: {got[k].shape}, not {w.shape}"
        scale = np.abs(w) if k != "age" else 13.8
        assert np.isfinite(w).all() and np.all(np.abs(got[k] - w) <= tolerance
                                               * scale), f"{k}: off by {np.max(np.abs(got[k] - w))}"


# ---- good files ----------------------------------------------------------------------------------

@pytest.mark.parametrize("ranks", [1, 2, 3, 4])
@pytest.mark.parametrize("family", ["tng", "eagle", "none"])
def test_both_families(tmp_path, family, ranks):
    s = raw_stars(37, wind=5, family=family)
    s.update(extra=np.arange(37 * 4).reshape(37, 4), ParticleIDs=np.arange(37, dtype="u8"))
    file = write_raw(tmp_path / "g.hdf5", s, family, order=np.random.default_rng(ranks).permutation(list(s)).tolist())
    got, info = read(tmp_path, ranks, InputFile=file)
    assert_same(got, expected(s, family))
    assert info["format"] == {"tng": "IllustrisTNG", "eagle": "EAGLE", "none": "IllustrisTNG"}[family]
    assert (info["n_total"], info["n_file_total"], info["n_wind"]) == (32, 37, 5)
    assert max(info["n"]) - min(info["n"]) <= 6 and info["file"] == [[str(file), file.stat().st_size]]
    assert within(info["redshift_omega_m_omega_l_h_box"], [Z, OM, OL, HUBBLE, 0], rtol=1e-15)


@pytest.mark.parametrize("mode", ["collective", "independent"])
@pytest.mark.parametrize("dtypes",
                         [{k: "f4" for k in CONVERSION}, {k: ">f4" for k in CONVERSION},
                          {"pos": "i4", "vel": "i8", "now": ">i4", "z": "f2"},
                          {"pos": "g", "vel": "i2", "formed": ">f8", "born": "f4"}],
                         ids=["f4", "big", "integers", "mixed"])
def test_types(tmp_path, dtypes, mode):
    s = raw_stars(50)
    s["now"] = np.arange(50.0)
    file = write_raw(tmp_path / "g.hdf5", s, dtypes=dtypes)
    got, _ = read(tmp_path, 2, InputFile=file, ReadMode=mode)
    assert_same(got, expected(s, dtypes=dtypes))


def in_chunks(f):
    """As simulations write: chunks of whole rows."""
    for name, d in list(f["PartType4"].items()):
        x, attributes = d[:], dict(d.attrs)
        del f["PartType4"][name]
        f["PartType4"].create_dataset(name, data=x, chunks=(7001, *x.shape[1:])).attrs.update(attributes)


@pytest.mark.parametrize("how",
                         [{}, {"edit": in_chunks}, {"chunks": True},
                          {"chunks": True, "compression": "gzip", "shuffle": True}],
                         ids=["plain", "rows", "columns", "gzip"])
def test_many_stars_in_pieces(tmp_path, how):
    s = raw_stars(410_003, wind=20_000)
    file = write_raw(tmp_path / "g.hdf5", s, dtypes={"pos": "f4"}, **how)
    for mode in ("collective", "independent"):
        got, info = read(tmp_path, 2, InputFile=file, ReadMode=mode)
        assert_same(got, expected(s, dtypes={"pos": "f4"}))
        assert info["n_wind"] == 20_000


@pytest.mark.parametrize("n, ranks", [(1, 3), (2, 4), (3, 4), (1, 1)])
def test_fewer_stars_than_ranks(tmp_path, n, ranks):
    s = raw_stars(n)
    got, info = read(tmp_path, ranks, InputFile=write_raw(tmp_path / "g.hdf5", s))
    assert_same(got, expected(s))
    assert len(info["n"]) == ranks and sum(info["n"]) == n and max(info["n"]) == 1


OF_SIX = {"NumFilesPerSnapshot": 6, "SimulationName": None}


def write_members(folder, counted=True):
    """A snapshot in six files: 9 stars, no group, an empty group, 0 rows, 4 stars, 1 star."""
    s = raw_stars(14, wind=2)
    rows = [slice(0, 9), None, "empty", slice(0, 0), slice(9, 13), slice(13, 14)]
    for k, part in enumerate(rows):
        header = {**OF_SIX, **({} if counted else {"NumFilesPerSnapshot": None})}
        piece = {key: x[part] for key, x in s.items()} if isinstance(part, slice) else None
        write_raw(folder / f"snap_099.{k}.hdf5", piece, header=header,
                  edit=(lambda f: f.create_group("PartType4")) if part == "empty" else None)
    return s


@pytest.mark.parametrize("name, counted",
                         [("snap_099.0.hdf5", True), ("snap_099.1.hdf5", True), ("snap_099.5.hdf5", True),
                          ("snap_099", True), ("snap_099.", True),
                          ("snap_099", False), ("snap_099.", False)])
def test_many_files(tmp_path, name, counted):
    s = write_members(tmp_path, counted)
    for ranks, where in ((1, name), (3, tmp_path / name)):
        got, info = read(tmp_path, ranks, InputFile=where)
        assert_same(got, expected(s))
        assert len(info["file"]) == 6 and info["n_file_total"] == 14 and info["n_wind"] == 2


def test_file_that_stands_alone(tmp_path):
    """A cutout keeps the header of its snapshot, in 600 files; and a numbered cutout says it is one
    file, among others like it."""
    s = raw_stars(5)
    got, info = read(tmp_path, InputFile=write_raw(tmp_path / "cutout.hdf5", s, header={"NumFilesPerSnapshot": 600}))
    assert_same(got, expected(s))
    assert "600 files" in info["err"] and "warning" in info["err"]
    for k in range(3):
        write_raw(tmp_path / f"cutout.{k}.hdf5", raw_stars(5, seed=k))
    got, info = read(tmp_path, InputFile=tmp_path / "cutout.2.hdf5")
    assert_same(got, expected(raw_stars(5, seed=2)))
    assert len(info["file"]) == 1


@pytest.mark.parametrize("ranks", [1, 3])
def test_periodic_box(tmp_path, ranks):
    box = 35000.0
    s = raw_stars(40)
    s["pos"] = (np.random.default_rng(5).normal(0, 30, (40, 3)) + [0, box, 17000]) % box
    file = write_raw(tmp_path / "g.hdf5", s, header={"BoxSize": np.array([box] * 3)})
    up, down = box * (np.array([0, box, 0]) > 0), box * np.array([1, 0, 0])
    whole = s["pos"] + up * (s["pos"] < 0.5 * box) - down * (s["pos"] > 0.5 * box)
    whole[:, 2] = s["pos"][:, 2]
    got, info = read(tmp_path, ranks, InputFile=file)
    assert within(got["pos"] - got["pos"][0], (whole - whole[0]) * A / HUBBLE, atol=1e-10, rtol=1e-5)
    # the first star stays where it is
    assert within(got["pos"][0], s["pos"][0] * A / HUBBLE, rtol=1e-13, atol=1e-8)
    assert info["redshift_omega_m_omega_l_h_box"][4] == pytest.approx(box * A / HUBBLE, rel=1e-14)
    # a centre that is given has the galaxy about it
    centre = np.array([box, 0, 17000]) * A / HUBBLE
    got, _ = read(tmp_path, ranks, InputFile=file, Centre=centre)
    assert np.abs(got["pos"] - centre).max() < 250


def test_units_of_other_decades(tmp_path):
    """1.98841e33 g and 1.989e33 g are one solar mass; a unit that is really another one is taken at its word."""
    s = raw_stars(6)

    def edit(f):
        f["PartType4/Masses"].attrs["to_cgs"] = 1.98841e43
        f["PartType4/GFM_InitialMass"].attrs["to_cgs"] = 1.98840987e33 * 1e5
        f["PartType4/Velocities"].attrs["a_scaling"] = 0.0
        f["PartType4/Coordinates"].attrs["to_cgs"] = 3.0856775814913673e24
    want = expected(s)
    want["formed"], want["vel"], want["pos"] = want["formed"] * 1e-5, s["vel"], want["pos"] * 1e3
    assert_same(read(tmp_path, InputFile=write_raw(tmp_path / "g.hdf5", s, edit=edit))[0], want)


def test_first_alternative_wins(tmp_path):
    s = raw_stars(6, family="eagle")
    s["Metallicity"] = np.zeros(6)
    got, _ = read(tmp_path, InputFile=write_raw(tmp_path / "g.hdf5", s, "eagle"))
    assert np.array_equal(got["z"], s["z"])
    file = write_raw(tmp_path / "h.hdf5", s, "eagle", edit=lambda f: f["PartType4"].__delitem__("SmoothedMetallicity"))
    assert np.array_equal(read(tmp_path, InputFile=file)[0]["z"], np.zeros(6))


def test_curved_universe_and_roundoff(tmp_path):
    """Ages by quadrature; a star born this instant, a hair late by rounding, has age 0; so has a
    metallicity a hair below 0."""
    s = raw_stars(6)
    s["born"][:2], s["z"][0] = (A * (1 + 5e-7), np.float32(A)), -1e-9
    got, _ = read(tmp_path, InputFile=write_raw(tmp_path / "g.hdf5", s, header={"Omega0": 0.4, "OmegaLambda": 0.5}))
    want = age_of_universe(A, 0.4, 0.5) - age_of_universe(s["born"], 0.4, 0.5)
    assert within(got["age"], np.maximum(want, 0), atol=1e-12, rtol=1e-7)
    assert got["age"][0] == 0 and got["z"][0] == 0


def test_potential_only_where_asked_for(tmp_path):
    s = raw_stars(9, wind=2)
    s["Potential"] = -np.arange(9.0)
    file = write_raw(tmp_path / "g.hdf5", s)
    assert read(tmp_path, InputFile=file)[1]["has_potential"] == 0
    got, _ = read(tmp_path, 2, InputFile=file, Centre="potential")
    assert within(got["potential"], s["Potential"][s["born"] > 0] / A, rtol=1e-14)


def canonical(path, n=11, edit=None, **header):
    rng = np.random.default_rng(3)
    s = {"Position": rng.normal(0, 5, (n, 3)), "Velocity": rng.normal(0, 99, (n, 3)),
         "InitialMass": rng.uniform(1, 9, n), "Mass": rng.uniform(1, 9, n),
         "Age": rng.uniform(0, 13, n), "Metallicity": rng.uniform(0, .05, n)}
    units = {"Position": "kpc", "Velocity": "km/s", "InitialMass": "Msun", "Mass": "Msun", "Age": "Gyr",
             "Metallicity": "mass fraction"}
    with h5py.File(path, "w") as f:
        f.create_group("Header").attrs.update({"CubixFile": "particles", "Version": 1, "Redshift": 0.1,
                                               "OmegaMatter": OM, "OmegaLambda": OL,
                                               "HubbleParam": HUBBLE, "BoxSize": 0.0, **header})
        for k, x in s.items():
            f.create_dataset(f"Stars/{k}", data=x).attrs["unit"] = units[k]
        if edit:
            edit(f)
    return dict(zip(("pos", "vel", "formed", "now", "age", "z"), s.values()))


@pytest.mark.parametrize("ranks", [1, 3])
def test_canonical(tmp_path, ranks):
    want = canonical(tmp_path / "g.hdf5", Centre=[1.0, 2.0, 3.0])
    got, info = read(tmp_path, ranks, InputFile=tmp_path / "g.hdf5")
    assert_same(got, want, 0)
    assert info["format"] == "canonical" and info["has_centre"] == 1
    assert info["stated_centre"] == [1, 2, 3]
    canonical(tmp_path / "h.hdf5")
    assert read(tmp_path, InputFile=tmp_path / "h.hdf5")[1]["has_centre"] == 0


# ---- formats -------------------------------------------------------------------------------------

@pytest.fixture
def formats(tmp_path):
    """A copy of the shipped format files, and the environment that makes it the one in use."""
    shutil.copytree(SOURCE / "parameterfiles" / "formats", tmp_path / "data" / "formats")
    return tmp_path / "data" / "formats", {"CUBIX_DATA": str(tmp_path / "data")}


def test_new_simulation_is_one_file(tmp_path, formats):
    folder, env = formats
    text = (folder / "IllustrisTNG.cfg").read_text()
    for old, new in (('"TNG", "Illustris"', '"NewSim"'), ("PartType%d", "Sterne"), ("  type         = 4;\n", ""), ("  type  = 0;\n", ""), ("PartType4", "Sterne"),
                     ('"Coordinates"', '[ "Ort", "Orte" ]'), ('"Orte" ];              unit = "code"', '"Orte" ]; unit = "Mpc"'),
                     ('"GFM_InitialMass"', '"M0"'),
                     ('dataset   = [ "Sterne/GFM', 'dataset   = [ "Sterne/M0", "Sterne/GFM')):
        assert old in text
        text = text.replace(old, new)
    (folder / "NewSim.cfg").write_text(text)
    s = raw_stars(8)

    def edit(f):
        f["Sterne"].move("Coordinates", "Orte")
        f["Sterne"].move("GFM_InitialMass", "M0")
    file = write_raw(tmp_path / "g.hdf5", s, "none", group="Sterne", header={"RunLabel": "my newsim run"}, edit=edit)
    want = expected(s)
    want["pos"] = want["pos"] * 1000
    for name in ("auto", "newsim", "new-sim.cfg", folder / "NewSim.cfg"):
        got, info = read(tmp_path, InputFile=file, SimulationFormat=name, env=env)
        assert_same(got, want)
        assert info["format"] == "NewSim"


@pytest.mark.parametrize("old, new, message", [
    ('no_formation = "drop"', 'no_formation = "drop"; Positron = { }',
     r"EAGLE.cfg:\d+: unknown key 'Positron'; known here: Position, Velocity"),
    ('omega_l      =', 'omega_lambda =',
     r"EAGLE.cfg:\d+: unknown key 'omega_lambda'; known here: simulation, redshift"),
    ('unit = "code"; a = 1', 'unit = "Msun"; a = 1', r'EAGLE.cfg:\d+: unit = "Msun" is no unit of Position'),
    ('length = "Mpc"', 'length = "-1 Mpc"', r'EAGLE.cfg:\d+: length = "-1 Mpc" is no unit of length'),
    ('no_formation = "drop"', 'no_formation = "keep"',
     r'EAGLE.cfg:\d+: no_formation = "keep" must be one of "drop", "initial"'),
    ('type         = 4', 'type = 77', r"EAGLE.cfg:\d+: 'type' must hold whole numbers from 0 to 31"),
    ('  type         = 4;', '', r'EAGLE.cfg:\d+: group = "PartType%d" needs the key .type.'),
    ('a = 1; h', 'a = "1"; h', r"EAGLE.cfg:\d+: 'a' must be a number"),
    ('dataset = "Mass"', 'dataset = [ ]', r"EAGLE.cfg:\d+: Mass names no dataset"),
    ('header = {', 'header = ', r"EAGLE.cfg:\d+: syntax error"),
    ('recognise', 'recognize', r"EAGLE.cfg:\d+: unknown key 'recognize'"),
    ('  Velocity  ', '#', r"EAGLE.cfg:\d+: the key 'Velocity' is missing"),
    ('contains  = "EAGLE"', 'contains  = ( "EAGLE", 7 )', r"EAGLE.cfg:\d+: 'contains' must hold texts"),
    ('"h-scale-exponent"', '[ "a", "b", "c", "d", "e", "f", "g", "h", "i" ]',
     r"EAGLE.cfg:\d+: 'h' lists 9 names, there is room for 8"),
])
def test_wrong_format_file(tmp_path, formats, old, new, message):
    folder, env = formats
    text = (folder / "EAGLE.cfg").read_text()
    assert old in text
    (folder / "EAGLE.cfg").write_text(text.replace(old, new, 1))
    done = dump(tmp_path, InputFile=write_raw(tmp_path / "g.hdf5", raw_stars(3)), env=env)
    assert done.status == 2 and re.search(message, done.err), done.err


def test_choice_of_format(tmp_path, formats):
    folder, env = formats
    file = write_raw(tmp_path / "g.hdf5", raw_stars(3))
    done = dump(tmp_path, InputFile=file, SimulationFormat="eagel")
    assert done.status == 2 and re.search(r"'eagel' is not in .*formats.*: .*EAGLE, .*IllustrisTNG, .*canonical",
                                          done.err), done.err
    shutil.copy(folder / "IllustrisTNG.cfg", folder / "Twin.cfg")
    done = dump(tmp_path, 2, InputFile=file, env=env)
    assert done.status == 3, done.err
    assert "may be IllustrisTNG or Twin; choose with the parameter SimulationFormat" in done.err, done.err
    done = dump(tmp_path, InputFile=file, SimulationFormat="EAGLE")
    assert done.status == 3, done.err
    assert ("no dataset for Velocity: looked in /PartType4 for Velocity; there are: Coordinates, GFM_"
            in done.err), done.err


# ---- real files ----------------------------------------------------------------------------------

@pytest.mark.parametrize("ranks", [1, 3])
@pytest.mark.parametrize("name, file, unit", [("EAGLE", "eagle", 1000.0), ("IllustrisTNG", "illustris_tng", 1.0)])
def test_against_simspin(tmp_path, name, file, unit, ranks):
    """SimSpin's constants are undone: its kpc has 1/3.24078e-22 cm, its Msun 1/5.02785e-34 g, its
    year 31556926 s, its Mpc 3.08568025e19 km."""
    golden = h5py.File(shared(f"golden/simspin_{name}.h5"))["star_part"]
    got, info = read(tmp_path, ranks, InputFile=shared(f"data/simulations/{file}.hdf5"))
    assert info["format"] == name and info["n_total"] == len(golden["Age"])
    mass, length = 1.989e43 * 5.02785e-34 / 1e10, 3.085678e21 * unit * 3.24078e-22 / unit
    assert within(got["now"] * mass, golden["Mass"], rtol=1e-12)
    assert within(got["formed"] * mass, golden["Initial_Mass"], rtol=1e-12)
    assert within(got["z"], golden["Metallicity"], rtol=1e-12)
    assert within(got["age"] * 3.08568025e19 / 31556926e9 / 977.7922216807891, golden["Age"], rtol=1e-12)
    p, v = (np.stack([golden[n + k][:] for k in "xyz"], 1) for n in ("", "v"))
    for step in (1, 7, 500):      # SimSpin has turned and shifted the galaxy: distances between stars remain
        apart = lambda x: np.linalg.norm(x - np.roll(x, step, 0), axis=1)
        assert within(apart(got["pos"] * length), apart(p), atol=1e-9, rtol=1e-7)      # 1e-14 of the coordinates
        assert within(apart(got["vel"]), apart(v), rtol=1e-12, atol=1e-10)


# ---- wrong files ---------------------------------------------------------------------------------

def value(key, row, x, column=None):
    def edit(s):
        s[key] = np.array(s[key])
        s[key][row if column is None else (row, column)] = x
    return {"stars": edit}


def drop(key):
    return {"stars": lambda s: s.pop(key)}


def replaced(name, **data):
    def edit(f):
        del f["PartType4"][name]
        f["PartType4"].create_dataset(name, **data)
    return {"edit": edit}


def cut_short(path):
    data = path.read_bytes()
    path.write_bytes(data[:len(data) // 2])


BAD = {
    "missing file": ({"after": lambda p: p.unlink()},
                     r"InputFile = .*g\.hdf5: there is no such file, and no .*g\.hdf5\.0\.hdf5"),
    "folder": ({"after": lambda p: (p.unlink(), p.mkdir())}, r"g\.hdf5 is a folder without a snapshot"),
    "not HDF5": ({"after": lambda p: p.write_text("SIMPLE  = T")}, r"g\.hdf5 \(11 bytes\) is not an HDF5 file"),
    "empty file": ({"after": lambda p: p.write_text("")}, r"g\.hdf5 \(0 bytes\) is not an HDF5 file"),
    "truncated": ({"after": cut_short},
                  r"g\.hdf5 \(\d+ bytes\) begins as an HDF5 file but .* \(HDF5 says: truncated file: eof"),
    "no dataset": (drop("vel"),
                   r"no dataset for Velocity: looked in /PartType4 for Velocities; there are: Coordinates, "
                   r"GFM_InitialMass"),
    "no formation": (drop("born"), r"no dataset for FormationScaleFactor"),
    "no potential": ({"par": {"Centre": "potential"}}, r"no dataset for Potential"),
    "shape of vectors": ({"stars": lambda s: s.update(pos=s["pos"][:, :2])},
                         r"/PartType4/Coordinates has the shape \[20\]\[2\], it must be \[N\]\[3\]"),
    "shape of scalars": ({"stars": lambda s: s.update(z=s["vel"])},
                         r"/PartType4/GFM_Metallicity has the shape \[20\]\[3\].* must be \[N\]"),
    "no shape": (replaced("Masses", data=1.0), r"/PartType4/Masses has 0 dimensions; it must be \[N\]"),
    "lengths": ({"stars": lambda s: s.update(now=s["now"][:-1])},
                r"/PartType4/Masses has 19 rows, but /PartType4/Coordinates has 20"),
    "text": (replaced("Masses", data=np.array([b"heavy"] * 20)), r"/PartType4/Masses must hold numbers"),
    "group": ({"edit": lambda f: (f["PartType4"].__delitem__("Masses"), f["PartType4"].create_group("Masses"))},
              r"/PartType4/Masses cannot be opened as a dataset"),
    "broken link": ({"edit": lambda f: (f["PartType4"].__delitem__("Masses"),
                                        f["PartType4"].__setitem__("Masses", h5py.SoftLink("/nowhere")))},
                    r"Masses is a link to /nowhere, which does not exist"),
    "NaN position": (value("pos", 12, np.nan, 1),
                     r"/PartType4/Coordinates holds -?nan kpc in row 12 \(of 0 to 19\); it must be finite and at "
                     r"most 1e\+30 in size\. Remove"),
    "infinite velocity": (value("vel", 19, -np.inf, 2), r"/PartType4/Velocities holds -inf km/s in row 19"),
    "negative mass": (value("formed", 3, -1.0),
                      r"/PartType4/GFM_InitialMass holds -1\.\d+e\+10 Msun in row 3 .* it must be from 0 to 1e\+30"),
    "NaN mass": (value("now", 0, np.nan), r"/PartType4/Masses holds -?nan Msun in row 0"),
    "negative metallicity": (value("z", 7, -0.01), r"/PartType4/GFM_Metallicity holds -0\.01 in row 7 .* from 0 to 1"),
    "solar metallicity": (value("z", 7, 1.3), r"/PartType4/GFM_Metallicity holds 1\.3 in row 7 .* from 0 to 1"),
    "born too late": (value("born", 11, 0.9),
                      r"/PartType4/GFM_StellarFormationTime holds 0\.9 in row 11 .* at most 0\.8, the scale factor "
                      r"of the snapshot"),
    "NaN formation": (value("born", 11, np.nan), r"/PartType4/GFM_StellarFormationTime holds -?nan"),
    "huge position": (value("pos", 5, 1e300, 0),
                      r"/PartType4/Coordinates holds 1\.18\d+e\+300 kpc in row 5 .* it must be finite and at most "
                      r"1e\+30"),
    "overflow": (value("pos", 5, 1.7e308, 0), r"/PartType4/Coordinates holds inf kpc in row 5"),
    "all wind": ({"stars": lambda s: s.update(born=-s["born"])},
                 r"holds no stars: all 20 star particles are wind cells"),
    "no stars": ({"edit": lambda f: f.__delitem__("PartType4")},
                 r"g\.hdf5 holds no stars: /PartType4 is missing or empty"),
    "zero rows": ({"stars": lambda s: s.update({k: x[:0] for k, x in s.items()})}, r"g\.hdf5 holds no stars"),
    "unknown simulation": ({"header": {"SimulationName": "Unheard"}, **replaced("GFM_InitialMass", data=1.0),
                            "stars": lambda s: s.pop("born")},
                           r"is of no known format.*here Unheard"),
    "no header": ({"edit": lambda f: f.__delitem__("Header")}, r"states no redshift: looked for Redshift of /Header"),
    "no redshift": ({"header": {"Redshift": None, "Time": None}},
                    r"states no redshift: looked for Redshift of /Header, and Time of /Header"),
    "contradiction": ({"header": {"Time": 1.0}}, r"the header contradicts itself: Redshift of /Header = 0\.25, but Time of /Header = 1 "),
    "time in Gyr": ({"header": {"Time": 13.8}}, r"redshift 0\.25 and scale factor 13\.8 are impossible"),
    "no cosmology": ({"header": {"Omega0": None}},
                     r"ages need the cosmology; the file must state Omega_m > 0 \(here 0\)"),
    "no h": ({"header": {"HubbleParam": 0.0}}, r"h > 0 \(0\)"),
    "no Big Bang": ({"header": {"Omega0": 0.05, "OmegaLambda": 2.5}}, r"had no beginning"),
    "NaN header": ({"header": {"Omega0": np.nan}}, r"the attribute Omega0 of /Header is -?nan"),
    "text header": ({"header": {"Redshift": "low"}}, r"the attribute Redshift of /Header must be a number"),
    "oblong box": ({"header": {"BoxSize": [1.0, 1.0, 2.0]}}, r"the box has the sides 1, 1, 2; it must be a cube"),
    "negative box": ({"header": {"BoxSize": -1.0}}, r"the side of the box is -1"),
    "many files": ({"header": {"NumFilesPerSnapshot": -3}}, r"its header counts -3 files"),
    "conversion": ({"edit": lambda f: f["PartType4/Masses"].attrs.__setitem__("to_cgs", -1.0)},
                   r"/PartType4/Masses states the conversion .* which is impossible"),
}


# Most are found by rank 0 before the others have begun; what only the rank that reads it can find,
# and some of the rest, on three.
ON_THREE = [c for c in BAD
            if re.search("position|velocity|mass|metallicity|formation|late|overflow|wind|missing|truncated|no "
                         "dataset|no stars|NaN", c)]


@pytest.mark.parametrize("case, ranks", [(c, 1) for c in BAD if c not in ON_THREE] + [(c, 3) for c in ON_THREE])
def test_wrong_file(tmp_path, case, ranks):
    change, message = BAD[case]
    s = raw_stars(20)
    change.get("stars", lambda s: None)(s)
    file = write_raw(tmp_path / "g.hdf5", s, header=change.get("header"), edit=change.get("edit"))
    change.get("after", lambda p: None)(file)
    done = refuse(tmp_path, ranks, InputFile=file, **change.get("par", {}))
    assert done.status == 3 and re.search(message, done.err, re.S), done.err
    assert done.err.count("cubix: error:") == 1 and "HDF5-DIAG" not in done.err


def refuse(folder, ranks, **parameters):
    """Through the main program where it is built."""
    if not (BUILD / "cubix").is_file():
        return dump(folder, ranks, timeout=20, **parameters)
    par = write_parameters(folder / "reader.param", SspFile="none.hdf5", OutputFile=folder / "none.fits", **parameters)
    return run("cubix", [par], ranks, cwd=folder, timeout=20)


@pytest.mark.parametrize("header, edit, message", [
    ({}, lambda f: f["Stars/Mass"].attrs.__setitem__("unit", "kg"), r'/Stars/Mass is in "kg"; it must be in "Msun"'),
    ({}, lambda f: f["Stars/Age"].attrs.__delitem__("unit"), r'/Stars/Age has no attribute unit; it must say "Gyr"'),
    ({}, lambda f: f["Stars/Age"].__setitem__(4, -1.0), r"/Stars/Age holds -1 Gyr in row 4 .* from 0 to 1e\+30"),
    ({"Centre": [0, np.inf, 0]}, None, r"the centre, Centre of /Header, is inf"),
    ({}, lambda f: f["Stars"].__delitem__("Age"), r"no dataset for Age: looked in /Stars for Age"),
])
def test_wrong_canonical_file(tmp_path, header, edit, message):
    canonical(tmp_path / "g.hdf5", edit=edit, **header)
    done = refuse(tmp_path, 2, InputFile=tmp_path / "g.hdf5")
    assert done.status == 3 and re.search(message, done.err, re.S), done.err


def spoil(f):
    del f["PartType4/Masses"]


@pytest.mark.parametrize("harm, message", [
    (lambda d: (d / "snap_099.4.hdf5").unlink(), r"snap_099\.4\.hdf5 is missing: it is one of the 6 files"),
    (lambda d: cut_short(d / "snap_099.4.hdf5"), r"snap_099\.4\.hdf5 \(\d+ bytes\) begins as an HDF5 file but"),
    (lambda d: (d / "snap_099.1.hdf5").write_text("no"), r"snap_099\.1\.hdf5 \(2 bytes\) is not an HDF5 file"),
    (lambda d: write_raw(d / "snap_099.5.hdf5", raw_stars(2), header=OF_SIX, edit=spoil),
     r"snap_099\.5\.hdf5: /PartType4/Masses is missing, but other files"),
    (lambda d: write_raw(d / "snap_099.5.hdf5", raw_stars(2), header=OF_SIX,
                         edit=lambda f: f["PartType4/Masses"].attrs.__setitem__("to_cgs", 2e40)),
     r"snap_099\.0\.hdf5 and .*snap_099\.5\.hdf5 do not agree: to_cgs or CGSConversionFactor of /PartType4/Masses is 1\.989e\+43 and 2e\+40"),
])
def test_wrong_member(tmp_path, harm, message):
    write_members(tmp_path)
    harm(tmp_path)
    done = refuse(tmp_path, 2, InputFile=tmp_path / "snap_099.0.hdf5")
    assert done.status == 3 and re.search(message, done.err), done.err


def test_missing_member_that_nothing_counts(tmp_path):
    write_members(tmp_path, counted=False)
    (tmp_path / "snap_099.2.hdf5").unlink()
    done = refuse(tmp_path, 2, InputFile=tmp_path / "snap_099")
    assert done.status == 3 and re.search(r"snap_099\.2\.hdf5 is missing: .*snap_099\.3\.hdf5 is there",
                                          done.err), done.err


def test_damaged_chunk(tmp_path):
    """Only one of the ranks meets the damage; none may hang."""
    s = raw_stars(3000)
    file = write_raw(tmp_path / "g.hdf5", s, chunks=True, compression="gzip", fletcher32=True)
    with h5py.File(file) as f:
        d = f["PartType4/Velocities"]
        place = d.id.get_chunk_info(d.id.get_num_chunks() - 1).byte_offset
    data = bytearray(file.read_bytes())
    data[place + 20:place + 40] = bytes(20)
    file.write_bytes(data)
    done = refuse(tmp_path, 3, InputFile=file)
    assert done.status == 3 and re.search(r"/PartType4/Velocities cannot be read in rows \d+ to \d+; the file is "
                                          r"damaged", done.err), done.err
