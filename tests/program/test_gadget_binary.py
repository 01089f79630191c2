"""Gadget's binary formats 1 and 2: real files against facts that numpy found in them, or against the same snapshot in HDF5; files made
here of every header, byte order and precision; and what is damaged, or is no snapshot, with its message."""
import re
import struct

import h5py
import numpy as np
import pytest

from dumps import dump, read, read_gas
from harness import SOURCE, shared, within, write_particles
from harness import galaxy as stars_of_harness

OM, OL, HUBBLE, A = 0.3, 0.7, 0.7, 0.5
COSMOLOGY = (OM, OL, HUBBLE)
GIVEN = {"OmegaMatter": OM, "OmegaLambda": OL, "HubbleParam": HUBBLE}
GAS, DISC, BULGE, STARS = 0, 2, 3, 4
BAD_INPUT = 3


def age_of_universe(a, om=OM, ol=OL, h=HUBBLE):
    """Of a flat universe [Gyr]."""
    return 977.7922216807891 / (100 * h) * 2 / (3 * np.sqrt(ol)) * np.arcsinh(np.sqrt(ol / om) * np.asarray(a)**1.5)


# ---- a writer ------------------------------------------------------------------------------------

def record(data, order="<"):
    n = struct.pack(order + "I", len(data) % 2**32)
    return n + data + n


def header_old(n, mass, time, redshift, box, files, cosmology, order="<", total=None):
    n = (list(n) + [0] * 6)[:6]
    mass = (list(mass) + [0.0] * 6)[:6]
    head = struct.pack(order + "6I6ddd2i6I2i4d", *n, *mass, time, redshift, 1, 0, *(total or n), 1, files, box, *cosmology)
    return head + bytes(256 - len(head))


def header_new(n, mass, time, redshift, box, files, order="<", total=None):
    k = len(n)
    return struct.pack(f"{order}{k}Q{k}Q{k}d3d2i2q", *n, *(total or n), *(list(mass) + [0.0] * k)[:k], time, redshift, box,
                       files, 0, 0, 0)


def info_entry(label, kind, n_c, types, order="<"):
    return f"{label:4.4}{kind:8}".encode() + struct.pack(order + "7i", n_c, *types)


class Snapshot:
    """Particles of some types, and how they are written.  data: {type: {label: array}}."""

    def __init__(self, data, n_type=6, mass=(), time=A, redshift=1 / A - 1, box=0.0, cosmology=COSMOLOGY):
        self.data, self.n_type, self.mass = data, n_type, (list(mass) + [0.0] * n_type)[:n_type]
        self.time, self.redshift, self.box, self.cosmology = time, redshift, box, cosmology

    def rows(self, t):
        return len(self.data[t]["POS"]) if t in self.data else 0

    def block(self, label, types, order, real, whole):
        """Of all particles of these types, type after type."""
        parts = [np.asarray(self.data[t][label]) for t in types if t in self.data and label in self.data[t]]
        kind = order + (whole if label == "ID" else real)
        return b"".join(p.astype(kind).tobytes() for p in parts)

    def write(self, path, labels, form=2, order="<", real="f4", whole="u4", head="old", files=1, total=None, info=None,
              info_first=False, extra=()):
        """labels: of the blocks, in their order; extra: [(label, bytes)] behind them."""
        n = [self.rows(t) for t in range(self.n_type)]
        args = (n, self.mass, self.time, self.redshift, self.box, files)
        if head == "old":
            first = header_old(*args, self.cosmology, order, total)
        else:
            first = header_new(*args, order, total)
        blocks = []
        for label in labels:
            types = [t for t in range(self.n_type) if label != "MASS" or not self.mass[t]]
            blocks.append((label, self.block(label, types, order, real, whole)))
        blocks = [(label, data) for label, data in blocks if data] + list(extra)
        if info is not None:
            blocks.insert(0 if info_first else len(blocks), ("INFO", b"".join(info_entry(*e, order) for e in info)))
        out = b""
        for label, data in [("HEAD", first)] + blocks:
            if form == 2:
                out += record(f"{label:4}".encode() + struct.pack(order + "I", len(data) + 8), order)
            out += record(data, order)
        path.write_bytes(out)
        return path


def particles(n, seed, **more):
    rng = np.random.default_rng(seed)
    x = {"POS": rng.normal(3000, 8, (n, 3)), "VEL": rng.normal(40, 100, (n, 3)), "ID": np.arange(n) + 1000 * seed,
         "MASS": rng.uniform(1e-5, 1e-4, n)}
    return {k: v.astype("f4") if k != "ID" else v for k, v in {**x, **more}.items()}


def gas(n, seed=1):
    rng = np.random.default_rng(seed + 50)
    return particles(n, seed, Z=rng.uniform(0, 0.04, n), **{k: rng.uniform(1, 2, n) for k in ("U", "RHO", "HSML", "SFR", "NE")})


def stars(n, seed=2, low=0.1, high=A):
    rng = np.random.default_rng(seed + 90)
    return particles(n, seed, Z=rng.uniform(0, 0.04, n), AGE=rng.uniform(low, high, n))


def galaxy(n_gas=13, n_dark=9, n_star=37, seed=0):
    return {0: gas(n_gas, seed + 1), 1: particles(n_dark, seed + 3), 4: stars(n_star, seed + 2)}


ALL = ["POS", "VEL", "ID", "MASS", "U", "RHO", "NE", "HSML", "SFR", "AGE", "Z"]
BEHIND_MASS = "U RHO NE HSML SFR AGE Z"


def blocks_of(form, names=BEHIND_MASS):
    """What format 1 does not say."""
    return {"GadgetBlocks": names} if form == 1 else {}


def expected(s, a=A, h=HUBBLE):
    """Of a cosmological run's stars, by numpy."""
    x = {k: np.asarray(v, "f8") for k, v in s.items()}
    born = x["AGE"]
    return {"pos": x["POS"] * a / h, "vel": x["VEL"] * np.sqrt(a), "now": x["MASS"] * 1e10 / h,
            "formed": x.get("iM", x["MASS"]) * 1e10 / h, "age": age_of_universe(a) - age_of_universe(born), "z": x["Z"]}


def assert_same(got, want, tolerance=1e-12):
    for k, w in want.items():
        assert got[k].shape == w.shape, f"{k}: {got[k].shape}, not {w.shape}"
        assert within(got[k], w, rtol=tolerance, atol=tolerance * (13.8 if k == "age" else 0)), k


def assert_bits(one, two):
    for k, x in one.items():
        assert np.array_equal(x, two[k]), k


def refuse(folder, *words, ranks=(1, 2), status=BAD_INPUT, **parameters):
    for n in ranks:
        done = dump(folder, n, **parameters)
        assert done.status == status, f"{done.status}: {done.err}"
        assert done.err.count("cubix: error:") == 1
        for word in words:
            assert re.search(word, done.err), f"'{word}' is not in: {done.err}"


# ---- real files ----------------------------------------------------------------------------------

def simulation(name):
    return shared(f"data/simulations/{name}")


def records_of(path):
    """The records of a little-endian file of less than 4 GiB, as bytes."""
    data, at, found = path.read_bytes(), 0, []
    while at < len(data):
        n, = struct.unpack_from("<I", data, at)
        found.append(data[at + 4:at + 4 + n])
        at += n + 8
    return found


def test_masses_in_the_header_alone(tmp_path):
    """A cosmological snapshot of format 1 without a block of masses: 1120 stars."""
    file = simulation("pnbody/gadget_z00.dat")
    blocks, n = records_of(file), (9160, 10280, 0, 0, 1120, 0)
    pos, vel = (np.frombuffer(b, "<f4").reshape(-1, 3)[-n[4]:].astype("f8") for b in blocks[1:3])
    par = {"InputFile": file, "StarAge": "5.0", "StarMetallicity": "4: 0.02"}
    got, info = read(tmp_path, 1, **par)
    assert info["n_total"] == 1120 and info["format"] == "GadgetBinary"
    assert within(info["redshift_omega_m_omega_l_h_box"], [0, 0.3, 0.7, 0.7, 1e5 / 0.7], rtol=1e-12)
    assert within(got["now"].sum(), 1.737043e10, rtol=1e-6) and np.all(got["now"] == got["formed"])
    assert within(np.median(got["vel"], 0), [-80.82, 32.95, -82.93], rtol=0, atol=0.006)
    assert within(got["pos"], pos / 0.7, rtol=1e-12, atol=1e-9) and within(got["vel"], vel, rtol=1e-12)
    assert np.all(got["age"] == 5) and np.all(got["z"] == 0.02)
    for ranks in (2, 3):
        assert_bits(got, read(tmp_path, ranks, **par)[0])
    refuse(tmp_path, "give StarAge", "behind ID there are 4 blocks without a name, not read; GadgetBlocks names them",
           InputFile=file, StarMetallicity=0.02)
    # four blocks of gas are what follows; the last depends on the code
    assert_bits(got, read(tmp_path, 1, GadgetBlocks="U RHO HSML, what", **par)[0])
    refuse(tmp_path, "block AGE has 36640 bytes", "1120 particles have it", "in the order of the file",
           GadgetBlocks="AGE U RHO HSML", **par)
    refuse(tmp_path, "ends .* where its block SFR should begin.*GadgetBlocks", GadgetBlocks="U RHO HSML NE SFR", **par)


def test_isolated_disc(tmp_path):
    file = simulation("pnbody/disk.dat")
    got, info = read(tmp_path, 2, InputFile=file, StarAge="2: 4.5", StarMetallicity="0.01")
    assert info["n_total"] == 1000
    assert within(got["now"].sum(), 2.325197e9, rtol=1e-6)
    assert within(np.median(got["pos"], 0), [6.196, -34.290, -0.082], rtol=0, atol=0.0006)
    refuse(tmp_path, "StarAge", InputFile=file, StarMetallicity="0.01")


def test_disc_and_bulge(tmp_path):
    """SimSpin's example of format 1: neither masses in the header nor a cosmology, two types of stars."""
    file = simulation("gadget_binary_format1")
    blocks = records_of(file)
    pos, vel = (np.frombuffer(b, "<f4").reshape(-1, 3).astype("f8") for b in blocks[1:3])
    par = {"InputFile": file, "StarAge": "2: 5.0, 3: 10.0", "StarMetallicity": "2: 0.024, 3: 0.001"}
    got, info = read(tmp_path, 1, **par)
    assert info["n_total"] == 2500 and within(got["now"].sum(), 9.9994e8, rtol=2e-5)
    assert within(got["pos"], pos, rtol=1e-14) and within(got["vel"], vel, rtol=1e-14)
    assert np.all(got["age"] == np.repeat([5.0, 10.0], [1000, 1500])) and np.all(got["z"][1000:] == 0.001)
    assert within(np.median(got["pos"], 0), [0.0280, -0.0521, -0.0457], rtol=0, atol=6e-5)
    assert within(np.median(got["vel"], 0), [-0.93, 1.25, -0.94], rtol=0, atol=0.006)
    for ranks in (2, 3):
        assert_bits(got, read(tmp_path, ranks, **par)[0])
    bulge, _ = read(tmp_path, 1, **par, StarType="3")
    assert np.array_equal(bulge["pos"], got["pos"][1000:])


def as_positions(folder):
    """A format for files without velocities: positions stand in."""
    text = (SOURCE / "parameterfiles/formats/GadgetBinary.cfg").read_text()
    assert 'dataset = "VEL"' in text
    (folder / "positions.cfg").write_text(text.replace('dataset = "VEL"', 'dataset = "POS"'))
    return folder / "positions.cfg"


def test_four_files_of_format_2(tmp_path):
    """Masses of gas in a block, of dark matter in the header; a table INFO; no stars, and no velocities."""
    file = simulation("gadgetio_format2/snap_002.0")
    refuse(tmp_path, "snap_002.0 and the other files of its snapshot holds no stars", r"there are PartType0, PartType1\)",
           InputFile=file)
    refuse(tmp_path, "no dataset for Velocity: looked in /PartType0 for VEL; there are: POS, MASS", InputFile=file,
           StarType=0, StarAge=1, StarMetallicity=0)
    par = {"SimulationFormat": as_positions(tmp_path), "StarAge": 1, "StarMetallicity": 0, "SanityCheck": "warn"}
    for name, ranks in (("snap_002.2", 1), ("snap_002", 3)):
        got, info = read(tmp_path, ranks, InputFile=file.parent / name, StarType=0, **par)
        assert info["n_total"] == 400 and len(info["file"]) == 4
        assert within(got["now"].sum(), 214.571e10, rtol=3e-6)
    got, _ = read(tmp_path, 2, InputFile=file, StarType="0, 1", **par)
    # type after type in each file
    dark = np.tile(np.repeat([False, True], 100), 4)
    assert np.all(got["now"][dark] == 0.1e10) and within(got["now"][~dark].sum(), 214.571e10, rtol=3e-6)


def test_gadget4_as_its_hdf5(tmp_path):
    """The header of 192 bytes says nothing of the cosmology; stars are those of the HDF5 snapshot."""
    file = simulation("gadget4_run/snap_g4_format2_001.0")
    cosmology = {"OmegaMatter": 0.3089, "OmegaLambda": 0.6911, "HubbleParam": 0.6774}
    parts = []
    for k in range(2):
        with h5py.File(simulation(f"gadget4_run/snapdir_001/snapshot_001.{k}.hdf5")) as f:
            a = f["Header"].attrs["Time"]
            parts.append({n: f["PartType4"][n][:].astype("f8") for n in
                          ("Coordinates", "Velocities", "Masses", "StellarFormationTime", "Metallicity")})
    x = {k: np.concatenate([p[k] for p in parts]) for k in parts[0]}
    age = age_of_universe(a, 0.3089, 0.6911, 0.6774) - age_of_universe(x["StellarFormationTime"], 0.3089, 0.6911, 0.6774)
    want = {"vel": x["Velocities"] * np.sqrt(a), "now": x["Masses"] * 1e10 / 0.6774, "formed": x["Masses"] * 1e10 / 0.6774,
            "age": np.maximum(age, 0), "z": x["Metallicity"]}
    par = {"InputFile": file, "SanityCheck": "warn", **cosmology}
    got, info = read(tmp_path, 1, **par)
    assert info["n_total"] == 79 and len(info["file"]) == 2
    assert_same(got, want)
    box = 4000 * a / 0.6774
    apart = (got["pos"] - x["Coordinates"] * a / 0.6774) / box
    assert np.abs(apart - np.round(apart)).max() < 1e-7
    assert within(got["now"].sum(), 7.280957e9, rtol=1e-6)
    assert within([np.median(got["age"]), got["age"].max()], [0.078402, 0.425566], rtol=1e-4)
    assert got["age"].min() == 0 and within(got["z"].mean(), 2.105545e-3, rtol=1e-6)
    for ranks in (2, 3):
        assert_bits(got, read(tmp_path, ranks, **par)[0])
    refuse(tmp_path, "give OmegaMatter, OmegaLambda and HubbleParam|give HubbleParam", InputFile=file)


def test_a_catalogue_is_no_snapshot(tmp_path):
    refuse(tmp_path, "sub_002.0 holds groups and not particles", "catalogue of Subfind",
           InputFile=simulation("gadgetio_format2/sub_002.0"))


# ---- files made here -----------------------------------------------------------------------------

@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("form", [1, 2])
@pytest.mark.parametrize("head, n_type", [("old", 6), ("new", 6), ("new", 5), ("new", 8)])
def test_orders_formats_headers(tmp_path, order, form, head, n_type):
    s = galaxy()
    file = Snapshot(s, n_type).write(tmp_path / "snap", ALL, form, order, head=head)
    par = {"InputFile": file, **({} if head == "old" else GIVEN), **blocks_of(form)}
    got, info = read(tmp_path, 1, **par)
    assert_same(got, expected(s[4]))
    assert within(info["redshift_omega_m_omega_l_h_box"][:4], [1 / A - 1, OM, OL, HUBBLE], rtol=1e-14)
    for ranks in (2, 3):
        assert_bits(got, read(tmp_path, ranks, **par)[0])


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("whole", ["u4", "u8"])
def test_double_precision(tmp_path, order, whole):
    rng = np.random.default_rng(4)
    s = galaxy()
    for x in s.values():
        for k in x:
            x[k] = x[k] * (1 + 1e-10 * rng.uniform(size=x[k].shape)) if k != "ID" else x[k] + (2**40 if whole == "u8" else 0)
    file = Snapshot(s).write(tmp_path / "snap", ALL, order=order, real="f8", whole=whole)
    assert_same(read(tmp_path, 2, InputFile=file)[0], expected(s[4]), 1e-14)


def test_the_table_of_masses(tmp_path):
    """MASS holds gas alone: what follows it must not be shifted by the particles that are not in it."""
    s = galaxy()
    for form in (1, 2):
        file = Snapshot(s, mass=(0, 2e-3, 0, 0, 3e-5, 0)).write(tmp_path / "snap", ALL, form)
        got, _ = read(tmp_path, 2, InputFile=file, **blocks_of(form))
        want = expected({**s[4], "MASS": np.full(37, 3e-5)})
        assert_same(got, want)
    # and none at all
    file = Snapshot(s, mass=(1e-4, 2e-3, 0, 0, 3e-5, 0)).write(tmp_path / "snap", ALL, 2)
    assert b"MASS" not in file.read_bytes()
    assert_same(read(tmp_path, 1, InputFile=file)[0], want)


def by_types(**types):
    return [(label, "FLOATN" if n_c > 1 else "FLOAT", n_c, t) for label, (n_c, t) in types.items()]


def test_the_table_of_blocks(tmp_path):
    """INFO says that black holes have an AGE, too, and who has blocks that nobody knows; it may come first or last."""
    s = {**galaxy(), 5: {**stars(3, 9), "Z": []}}
    s[4]["WHAT"], s[0]["WHAT"] = np.ones((37, 7)), np.ones((13, 7))
    del s[5]["Z"]
    every = [1] * 6
    info = by_types(POS=(3, every), VEL=(3, every), MASS=(1, every), AGE=(1, [0, 0, 0, 0, 1, 1]),
                    Z=(1, [1, 0, 0, 0, 1, 0]), WHAT=(7, [1, 0, 0, 0, 1, 0])) + [("ID", "LLONG", 1, every)]
    for first in (True, False):
        file = Snapshot(s).write(tmp_path / "snap", ["WHAT", *ALL], info=info, info_first=first, whole="u8")
        assert_same(read(tmp_path, 2, InputFile=file)[0], expected(s[4]))
    refuse(tmp_path, "no dataset for Metallicity", "not read, for nobody says what is in them, are the blocks NEW",
           InputFile=Snapshot(s).write(tmp_path / "snap", ALL[:-1], info=info, extra=[("NEW", b"x" * 44)]))
    info = by_types(AGE=(1, [0, 0, 0, 0, 1, 0]))
    refuse(tmp_path, "block AGE has 160 bytes, which fits neither", "37 particles have it", "148 or 296 bytes",
           InputFile=Snapshot(s).write(tmp_path / "snap", ALL, info=info))


@pytest.mark.parametrize("ranks", [1, 2, 3])
@pytest.mark.parametrize("form", [1, 2])
def test_several_files(tmp_path, form, ranks):
    """Unequal numbers; the second file has no stars, the third no gas, the fourth nothing."""
    parts = [galaxy(5, 4, 20, 10), {0: gas(3, 20), 1: particles(2, 21)}, {4: stars(7, 22)}, {}, galaxy(1, 0, 1, 30)]
    parts[4].pop(1)
    total = [sum(len(p[t]["POS"]) if t in p else 0 for p in parts) for t in range(6)]
    for k, p in enumerate(parts):
        Snapshot(p).write(tmp_path / f"snap_007.{k}", ALL, form, files=5, total=total)
    want = {k: np.concatenate([expected(p[4])[k] for p in parts if 4 in p]) for k in expected(parts[0][4])}
    for name in ("snap_007", "snap_007.1", "snap_007.4"):
        got, info = read(tmp_path, ranks, InputFile=tmp_path / name, **blocks_of(form))
        assert_same(got, want)
        assert len(info["file"]) == 5 and info["n_total"] == 28
    (tmp_path / "snap_007.3").unlink()
    refuse(tmp_path, "snap_007.3 is missing", InputFile=tmp_path / "snap_007", ranks=[ranks])


def test_blocks_of_format_1(tmp_path):
    """Only what the user lists is read; a wrong order does not fit; what is not listed is given."""
    s = galaxy()
    file = Snapshot(s).write(tmp_path / "snap", ALL, 1)
    want = expected(s[4])
    for blocks in (BEHIND_MASS, BEHIND_MASS.lower(), "Pos vel id Mass u Rho ne Hsml sfr Age z", "POS VEL ID MASS U RHO NE HSML SFR AGE Z", "U,RHO,NE,HSML,SFR,AGE,Z"):
        assert_same(read(tmp_path, 2, InputFile=file, GadgetBlocks=blocks)[0], want)
    got, _ = read(tmp_path, 2, InputFile=file, GadgetBlocks="U RHO NE HSML SFR AGE", StarMetallicity=0.013)
    assert_same(got, {**want, "z": np.full(37, 0.013)})
    refuse(tmp_path, "StarMetallicity", "behind AGE there is 1 block without a name", InputFile=file,
           GadgetBlocks="U RHO NE HSML SFR AGE")
    refuse(tmp_path, "block AGE has 52 bytes", "does GadgetBlocks list the blocks in the order of the file",
           InputFile=file, GadgetBlocks="U RHO NE HSML AGE SFR Z")
    refuse(tmp_path, "Density is no name of a block", status=2, InputFile=file, GadgetBlocks="U Density")
    refuse(tmp_path, "GadgetBlocks = .* names RHO twice", status=2, InputFile=file, GadgetBlocks="U RHO rho HSML SFR AGE Z")
    refuse(tmp_path, "where its block iM should begin", InputFile=file, GadgetBlocks=BEHIND_MASS + " iM")
    refuse(tmp_path, r"GadgetBlocks \(.*\) has 600 characters", status=2, InputFile=file, GadgetBlocks="U" * 600)


def test_blocks_that_need_no_names(tmp_path):
    """Files of all other kinds say what is in them; so does format 2."""
    for k in range(2):
        Snapshot(galaxy(seed=k)).write(tmp_path / f"snap.{k}", ALL, files=2)
    write_particles(tmp_path / "canonical.hdf5", stars_of_harness(20))
    for file in ("snap", "canonical.hdf5"):
        want, info = read(tmp_path, 1, InputFile=tmp_path / file)
        assert info["err"] == ""
        got, info = read(tmp_path, 2, InputFile=tmp_path / file, GadgetBlocks="U RHO AGE")
        assert_bits(got, want)
        assert info["err"].count("warning") == 1 and "GadgetBlocks = U RHO AGE has no effect" in info["err"]


@pytest.mark.parametrize("head", ["old", "new"])
def test_isolated_run(tmp_path, head):
    """Times in units of kpc/(km/s), no a and no h; stars of the beginning have the age that is given, on types 2 and 3 and
    where AGE is 0."""
    s = {0: gas(4), 2: particles(5, 3), 3: particles(6, 4), 4: stars(20, 5, 0.2, 2.0)}
    s[4]["AGE"][:3] = 0
    file = Snapshot(s, time=2.0, redshift=0.0, cosmology=(0.0, 0.0, 0.7)).write(tmp_path / "snap", ALL, head=head)
    par = {"InputFile": file, "StarAge": "2: 5.0, 3: 10.0, 4: 7.0", "StarMetallicity": "0.02"}
    got, info = read(tmp_path, 2, **par)
    unit = 977.7922216807891 / 1e3
    age = (2.0 - s[4]["AGE"].astype("f8")) * unit
    age[:3] = 7
    x = {k: np.concatenate([s[t][k] for t in (2, 3, 4)]).astype("f8") for k in ("POS", "VEL", "MASS")}
    assert_same(got, {"pos": x["POS"], "vel": x["VEL"], "now": x["MASS"] * 1e10, "formed": x["MASS"] * 1e10,
                      "age": np.concatenate([np.full(5, 5.0), np.full(6, 10.0), age]),
                      "z": np.concatenate([np.full(11, 0.02), s[4]["Z"]])})
    assert info["redshift_omega_m_omega_l_h_box"][0] == 0
    assert_bits(got, read(tmp_path, 3, **par)[0])
    refuse(tmp_path, "StarMetallicity", InputFile=file, StarAge="5.0")


def test_initial_masses(tmp_path):
    s = galaxy()
    s[4]["iM"] = (1.6 * s[4]["MASS"]).astype("f4")
    file = Snapshot(s).write(tmp_path / "snap", [*ALL, "iM"])
    assert_same(read(tmp_path, 2, InputFile=file)[0], expected(s[4]))


def test_a_run_at_time_1_may_be_of_either_kind(tmp_path):
    """Gadget-4's header of an isolated run at that time is the one of a cosmological run today."""
    file = Snapshot(galaxy(), time=1.0, redshift=0.0).write(tmp_path / "snap", ALL, head="new")
    _, info = read(tmp_path, 2, InputFile=file, **GIVEN)
    assert info["err"].count("warning") == 1
    assert "redshift of 0 and a time of 1, as both a cosmological run today and an isolated one" in info["err"]
    done = dump(tmp_path, 1, InputFile=file)
    assert done.status == BAD_INPUT and "it is taken as cosmological" in done.err
    # the old one has Omega0
    file = Snapshot(galaxy(), time=1.0, redshift=0.0).write(tmp_path / "snap", ALL)
    assert read(tmp_path, 1, InputFile=file)[1]["err"] == ""


KPC, MSUN, MP_KB = 3.0856775814913673e21, 1.98840987e33, 1.67262192369e-24 / 1.380649e-16


@pytest.mark.parametrize("form, ranks", [(1, 1), (2, 1), (2, 3)])
def test_gas(tmp_path, form, ranks):
    s = galaxy()
    file = Snapshot(s).write(tmp_path / "snap", ALL, form)
    got = read_gas(tmp_path, ranks, InputFile=file, **blocks_of(form))
    x = {k: np.asarray(v, "f8") for k, v in s[0].items()}
    want = {"position": x["POS"] * A / HUBBLE, "velocity": x["VEL"] * np.sqrt(A), "mass_now": x["MASS"] * 1e10 / HUBBLE,
            "density": x["RHO"] * 1e10 * HUBBLE**2 / A**3, "smoothing_length": x["HSML"] * A / HUBBLE,
            "metallicity": x["Z"], "sfr": x["SFR"],
            "temperature": 2 / 3 * x["U"] * 1e10 * MP_KB * 4 / (1 + 3 * 0.76 + 4 * 0.76 * x["NE"])}
    for name, value in want.items():
        assert within(got[name], value, rtol=1e-6 if name == "temperature" else 1e-12), name
    assert set(got["columns"]) == set(want) - {"position", "velocity", "mass_now"}


def test_masses_of_elements_behind_many_blocks(tmp_path):
    """Zs is recognised wherever it stands, and is no part of another label."""
    s = galaxy()
    s[0]["Zs"], s[4]["Zs"] = np.ones((13, 11)), np.full((37, 11), 1e-8)
    other = [(f"B{k:03}", b"what") for k in range(240)]
    labels = ["POS", "VEL", "ID", "MASS", "AGE"]
    z = np.concatenate([s[0]["Zs"], s[4]["Zs"]]).astype("<f4").tobytes()
    file = Snapshot(s).write(tmp_path / "snap", labels, extra=[*other, ("Zs", z)])
    _, info = read(tmp_path, 2, InputFile=file, StarInitialMass="current")
    assert info["format"] == "MagneticumBinary"
    for label in ("ZS", "Zsx", "xZs"):
        file = Snapshot(s).write(tmp_path / "snap", labels, extra=[(label, b"what")])
        assert read(tmp_path, 1, InputFile=file, StarMetallicity=0.02)[1]["format"] == "GadgetBinary"


@pytest.mark.parametrize("real", ["f4", "f8"])
@pytest.mark.parametrize("with_info", [True, False])
def test_masses_of_elements(tmp_path, real, with_info):
    """Gadget-3's Zs: masses of helium and ten metals of gas and stars, and masses at birth; the first file has neither."""
    rng = np.random.default_rng(8)
    s = galaxy()
    for t, n in ((0, 13), (4, 37)):
        s[t]["Zs"] = (s[t]["MASS"][:, None] * rng.uniform(0, 0.01, (n, 11))).astype("f4")
        s[t]["TEMP"] = rng.uniform(1e4, 1e6, n).astype("f4")
    del s[4]["TEMP"]
    s[4]["iM"] = (1.4 * s[4]["MASS"]).astype("f4")
    labels = ["POS", "VEL", "ID", "MASS", "RHO", "HSML", "SFR", "AGE", "iM", "Zs", "TEMP"]
    info = None
    if with_info:
        info = by_types(POS=(3, [1] * 6), VEL=(3, [1] * 6), MASS=(1, [1] * 6), Zs=(11, [1, 0, 0, 0, 1, 0]),
                        AGE=(1, [0, 0, 0, 0, 1, 0]), iM=(1, [0, 0, 0, 0, 1, 0]))
        Snapshot({1: particles(5, 7)}).write(tmp_path / "snap.0", labels, real=real, info=info, files=2)
        Snapshot(s).write(tmp_path / "snap.1", labels, real=real, info=info, files=2)
    else:
        Snapshot(s).write(tmp_path / "snap.0", labels, real=real)
    metals = {t: s[t]["Zs"].astype("f8")[:, 1:].sum(1) / s[t]["MASS"].astype("f8") for t in (0, 4)}
    got, info = read(tmp_path, 2, InputFile=tmp_path / "snap.0")
    assert info["format"] == "MagneticumBinary"
    assert_same(got, expected({**s[4], "Z": metals[4]}))
    got = read_gas(tmp_path, 2, InputFile=tmp_path / "snap.0")
    assert within(got["metallicity"], metals[0], rtol=1e-12)
    assert within(got["oxygen"], s[0]["Zs"][:, 3].astype("f8") / s[0]["MASS"].astype("f8"), rtol=1e-12)
    assert within(got["temperature"], s[0]["TEMP"], rtol=1e-12)
    # of 8 elements nobody says which they are
    for t in (0, 4):
        s[t]["Zs"] = s[t]["Zs"][:, :8]
    refuse(tmp_path, r"PartType4/Zs has 8 number\(s\) a row; number 10 \(from 0\) is wanted",
           InputFile=Snapshot(s).write(tmp_path / "snap", labels, real=real))


def test_more_than_4_gib(tmp_path):
    """Markers, and what labels say of lengths, overflow: 4.8 GB of positions, most of them a hole in the file."""
    n_dark, s = 400_000_000, stars(11)
    for form in (1, 2):
        with open(tmp_path / "large", "wb") as f:
            def block(label, n_bytes, tail):
                """n_bytes of nothing, then the stars'."""
                length = struct.pack("<I", (n_bytes + len(tail)) % 2**32)
                if form == 2:
                    f.write(record(label.encode() + struct.pack("<I", (n_bytes + len(tail) + 8) % 2**32)))
                f.write(length)
                f.seek(n_bytes, 1)
                f.write(tail + length)
            head = header_old([0, n_dark, 0, 0, 11, 0], [0, 0.1, 0, 0, 0, 0], A, 1 / A - 1, 0, 1, COSMOLOGY)
            f.write((record(b"HEAD" + struct.pack("<I", 264)) if form == 2 else b"") + record(head))
            block("POS ", 12 * n_dark, s["POS"].tobytes())
            if form == 2:
                block("WHAT", 3 * 2**31, b"what")
            block("VEL ", 12 * n_dark, s["VEL"].tobytes())
            block("ID  ", 4 * n_dark, s["ID"].astype("<u4").tobytes())
            block("MASS", 0, s["MASS"].tobytes())
            block("AGE ", 0, s["AGE"].tobytes())
            block("Z   ", 0, s["Z"].tobytes())
        got, _ = read(tmp_path, 2, InputFile=tmp_path / "large", **blocks_of(form, "AGE Z"))
        assert_same(got, expected(s))
    (tmp_path / "large").unlink()


def test_the_assumption_is_said(tmp_path, bench):
    """No unit is in the file: the log says which are taken."""
    s = galaxy()
    s[4]["POS"] = s[4]["POS"] - 3000
    bench.instrument(20, 20, 4.0, lam=(5000.0, 5049.0, 1.0))
    bench.ssp()
    bench.file = Snapshot(s).write(tmp_path / "snap", ALL)
    said = bench.cube()["run"].out
    assert re.search(r"snap states no units: lengths in 1 kpc, masses in 1e\+10 Msun, velocities in 1 km/s are assumed", said), said


# ---- damaged files -------------------------------------------------------------------------------

@pytest.mark.parametrize("form", [1, 2])
def test_cut_short(tmp_path, form):
    """Wherever a file ends too early, that is said, and nothing hangs."""
    whole = Snapshot(galaxy()).write(tmp_path / "snap", ALL, form).read_bytes()
    blocks = blocks_of(form)
    for end in (1, 20, 100, 259, 300, len(whole) // 3, len(whole) // 2, len(whole) - 70, len(whole) - 5, len(whole) - 1):
        (tmp_path / "cut").write_bytes(whole[:end])
        refuse(tmp_path, "cut ends|cut .* is not an HDF5 file|is damaged, or not all there",
               ranks=[2] if end == 300 else [1], InputFile=tmp_path / "cut", **blocks)


def changed(path, at, data):
    text = bytearray(path.read_bytes())
    text[at:at + len(data)] = data
    path.write_bytes(text)
    return path


@pytest.mark.parametrize("form", [1, 2])
def test_damaged(tmp_path, form):
    blocks = blocks_of(form)
    first = 0 if form == 1 else 16                 # where the header's record begins
    pos = first + 264 + first

    def fresh():
        return Snapshot(galaxy()).write(tmp_path / "snap", ALL, form)
    n = 59 * 12
    refuse(tmp_path, "record of its block POS", f"has {n} bytes by the marker before it and 7 by the one behind",
           InputFile=changed(fresh(), pos + 4 + n, struct.pack("<I", 7)), **blocks)
    refuse(tmp_path, "header|HEAD", "256 bytes by the marker before it and 255 by the one behind it",
           InputFile=changed(fresh(), first + 260, struct.pack("<I", 255)), **blocks)
    # counts of the header: too many for the file, too many for the block
    refuse(tmp_path, "counts 4294967295 particles of type 1, more than the file has bytes",
           InputFile=changed(fresh(), first + 8, struct.pack("<i", -1)), **blocks)
    refuse(tmp_path, "block POS has 708 bytes, which fits neither", "60 particles have it", "720 or 1440 bytes",
           InputFile=changed(fresh(), first + 8, struct.pack("<i", 10)), **blocks)
    refuse(tmp_path, "particles of type 4 have the mass nan", ranks=[1],
           InputFile=changed(fresh(), first + 4 + 24 + 32, struct.pack("<d", np.nan)), **blocks)
    refuse(tmp_path, "are impossible|contradicts itself", ranks=[1],
           InputFile=changed(fresh(), first + 4 + 72, struct.pack("<d", 1e300)), **blocks)
    refuse(tmp_path, "/Header is inf|is nan|is inf", ranks=[1],
           InputFile=changed(fresh(), first + 4 + 80, struct.pack("<d", np.inf)), **blocks)
    if form == 2:
        refuse(tmp_path, "its first block is POS, and should be HEAD", InputFile=changed(fresh(), 4, b"POS "))
        refuse(tmp_path, "its header has 255 bytes|is damaged", ranks=[1],
               InputFile=changed(fresh(), 16, struct.pack("<I", 255)))
        refuse(tmp_path, "should be the label of a block.*is no text", InputFile=changed(fresh(), pos - 12, b"\0\1\2\3"))
        refuse(tmp_path, "label of a block, a record of 8 bytes, should stand at byte 280",
               InputFile=changed(fresh(), pos - 16, struct.pack("<I", 9)))
        refuse(tmp_path, "there is no block POS", InputFile=changed(fresh(), pos - 12, b"WHAT"))


@pytest.mark.parametrize("names", ["", BEHIND_MASS, "U what AGE"])
def test_format_1_counts_nothing(tmp_path, names):
    """A member whose header says 0: with blocks behind it it is damaged, without it is empty."""
    s = galaxy()
    for k, p in enumerate((s, galaxy(seed=20), {})):
        Snapshot(p).write(tmp_path / f"snap.{k}", ["POS", "VEL", "ID", "MASS", "U", "RHO", "AGE"], 1, files=3)
    par = {"InputFile": tmp_path / "snap", "StarAge": 1, "StarMetallicity": 0.02,
           **blocks_of(1 if names else 2, names.replace("RHO NE HSML SFR AGE Z", "RHO AGE"))}
    got, _ = read(tmp_path, 2, **par)
    assert len(got["now"]) == 74
    changed(tmp_path / "snap.1", 4, bytes(24))
    refuse(tmp_path, "snap.1: its header counts 0 particles, but a block of 708 bytes follows, at byte 268", **par)


def test_noise(tmp_path):
    """Files with a few wrong bytes: read, or refused in one sentence."""
    rng = np.random.default_rng(11)
    for k in range(40):
        form = 1 + k % 2
        file = Snapshot(galaxy()).write(tmp_path / "snap", ALL, form)
        text = np.frombuffer(file.read_bytes(), "u1").copy()
        at = rng.integers(0, 420 if k % 4 < 2 else len(text), 3)
        text[at] = rng.integers(0, 256, 3)
        file.write_bytes(text.tobytes())
        done = dump(tmp_path, 1, InputFile=file, **blocks_of(form), SanityCheck="warn")
        assert done.status in (0, BAD_INPUT), done.err
        assert done.err.count("cubix: error:") == (done.status != 0), done.err
