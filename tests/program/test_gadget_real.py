"""Real files of Gadget's binary formats, against facts that numpy found in them or against the same snapshot in HDF5."""
import struct

import h5py
import numpy as np

from dumps import read
from gadget_lab import age_of_universe, assert_bits, assert_same, refuse
from harness import SOURCE, shared, within


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
