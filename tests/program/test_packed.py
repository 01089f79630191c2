"""Compressed snapshots: what the ranks read is what numpy and h5py have, and, bit for bit, what they read of the
same numbers uncompressed; a chunk that is damaged or cannot be read stops all ranks."""
import re

import h5py
import numpy as np
import pytest

from campaign.lab import injector
from dumps import dump, read
from harness import Bench, galaxy, run, write_particles
from program.test_extract import extract, stars
from program.test_reader import NAMES, assert_same, expected, raw_stars, write_raw

N = 150_001                                     # two pieces of the reader on one rank
SINGLE, BIG = {k: "f4" for k in NAMES["tng"]}, {k: ">f4" for k in NAMES["tng"]}
MIXED = {"pos": ">f8", "vel": "i2", "now": "f4", "z": "f4", "born": "f8"}


def packed(chunk, **create):
    """Datasets in chunks of so many rows; columns: of so many components."""
    def change(f):
        for name, d in list(f["PartType4"].items()):
            x, attributes = d[:], dict(d.attrs)
            del f["PartType4"][name]
            how = dict(compression="gzip", maxshape=tuple(None for _ in x.shape), **create)
            columns = how.pop("columns", x.shape[-1])
            f["PartType4"].create_dataset(name, data=x, chunks=(chunk, columns)[:x.ndim],
                                          **how).attrs.update(attributes)
    return change


def partly_unpacked(f):
    """A chunk that deflate, and one that shuffle and deflate passed over."""
    packed(5000, shuffle=True)(f)
    for name, mask in (("GFM_Metallicity", 3), ("Masses", 3)):
        d = f["PartType4/" + name]
        for at in (0, 145_000):
            d.id.write_direct_chunk((at,), d[at:at + 5000].tobytes(), mask)


LAYOUTS = {
    "gzip": (packed(7001), {}), "shuffle": (packed(7001, shuffle=True), SINGLE),
    "sum": (packed(4096, shuffle=True, fletcher32=True), {"pos": "f4"}),
    "big": (packed(10_000, shuffle=True), BIG), "mixed": (packed(50_000, fletcher32=True), MIXED),
    "columns": (packed(9999, shuffle=True, columns=1), SINGLE), "two columns": (packed(2048, columns=2), {}),
    "one chunk": (packed(N, shuffle=True), SINGLE), "beyond": (packed(200_000, shuffle=True, columns=4), {}),
    "passed over": (partly_unpacked, SINGLE),
}


@pytest.fixture(scope="module")
def raw():
    s = raw_stars(N, wind=700)
    s["vel"] = np.round(s["vel"])
    return s


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(tmp_path, raw, layout):
    edit, dtypes = LAYOUTS[layout]
    plain = write_raw(tmp_path / "plain.hdf5", raw, dtypes=dtypes)
    file = write_raw(tmp_path / "packed.hdf5", raw, dtypes=dtypes, edit=edit)
    want, _ = read(tmp_path, InputFile=plain)
    assert_same(want, expected(raw, dtypes=dtypes))
    for ranks, mode, threads in ((1, "collective", "3"), (2, "independent", "1"), (3, "collective", "2")):
        got, info = read(tmp_path, ranks, InputFile=file, ReadMode=mode, env={"OMP_NUM_THREADS": threads})
        assert info["n_wind"] == 700 and all(np.array_equal(got[k], want[k]) for k in want), (ranks, mode)


def test_in_chunks_of_memory(tmp_path, raw):
    """Also of chunks that were never written, and identifiers of 64 bits."""
    s = dict(raw, ParticleIDs=np.arange(N, dtype="u8") * 3 + 2**63 - 1000)

    def edit(f):
        g = f["PartType4"]
        del g["GFM_Metallicity"]
        packed(3000, shuffle=True, fletcher32=True)(f)
        d = g.create_dataset("GFM_Metallicity", (N,), "f4", chunks=(3000,), compression="gzip", fillvalue=0.015625)
        d[:70_000] = s["z"][:70_000]
    snap = write_raw(tmp_path / "s.hdf5", s, dtypes={**SINGLE, "ParticleIDs": ">u8"}, edit=edit)
    with h5py.File(snap) as f:
        z = f["PartType4/GFM_Metallicity"][:].astype("f8")
    assert (z[72_000:] == 0.015625).all()
    born = s["born"].astype("f4") > 0
    for ranks in (1, 2):
        done = extract(tmp_path, ranks, InputFile=snap, OutputFile=tmp_path / f"x{ranks}.hdf5", SlabMemory=1e-6)
        got, _ = stars(tmp_path / f"x{ranks}.hdf5")
        assert "MB in" in done.out and np.array_equal(got["Metallicity"], z[born])
        assert np.array_equal(got["Id"].astype("u8"), s["ParticleIDs"][born])
        assert_same({"pos": got["Position"], "now": got["Mass"]},
                    {k: expected(s, dtypes=SINGLE)[k] for k in ("pos", "now")})


@pytest.mark.parametrize("rows", [64, 5000])
def test_rows_with_gaps(tmp_path, raw, rows):
    """Stars of a group, here and there."""
    rng = np.random.default_rng(2)
    number = np.repeat(rng.integers(0, 40, N // 50 + 1), 50)[:N]
    number[::997] = 12
    s = dict(raw_stars(N, family="eagle"), GroupNumber=number, SubGroupNumber=np.zeros(N, "i4"))
    kinds = {"GroupNumber": "i4", "SubGroupNumber": "i4"}
    plain = write_raw(tmp_path / "plain.hdf5", s, "eagle", dtypes=kinds)
    file = write_raw(tmp_path / "packed.hdf5", s, "eagle", dtypes=kinds, edit=packed(rows, shuffle=True))
    group = dict(GroupCatalogue="particles", GroupType="group", GroupIndex=12)
    want, _ = read(tmp_path, InputFile=plain, **group)
    mine = expected(s, "eagle")
    assert_same(want, {k: x[number == 12] for k, x in mine.items()})
    for ranks in (1, 3):
        got, _ = read(tmp_path, ranks, InputFile=file, **group)
        assert all(np.array_equal(got[k], want[k]) for k in want)


def test_the_same_cube_from_chunks(tmp_path):
    bench = Bench(tmp_path)
    bench.instrument()
    bench.ssp()
    bench.file = write_particles(tmp_path / "s.hdf5", galaxy(3000))
    par = dict(FieldOfView=4, Redshift=0.02, Engine="histogram", Centre=[0, 0, 0], SystemicVelocity=[0, 0, 0])
    want = bench.cube(**par)["DATA"]
    with h5py.File(bench.file, "r+") as f:
        f.move("Stars", "PartType4")
        packed(500, shuffle=True)(f)
        f.move("PartType4", "Stars")
    for ranks in (1, 2):
        got = bench.cube(ranks=ranks, SlabMemory=1e-6, **par)
        assert "chunks of up to" in got["run"].out and np.array_equal(got["DATA"], want, equal_nan=True)


def spoil(file, name, change, chunk=-1):
    with h5py.File(file) as f:
        d = f["PartType4/" + name]
        info = d.id.get_chunk_info(chunk % d.id.get_num_chunks())
    data = bytearray(file.read_bytes())
    change(data, info)
    file.write_bytes(data)


def zeros(data, info):
    data[info.byte_offset + 20:info.byte_offset + 40] = bytes(20)


def cut(data, info):
    """The second half was never written."""
    data[info.byte_offset + info.size // 2:info.byte_offset + info.size] = bytes(info.size - info.size // 2)


@pytest.mark.parametrize("ranks", [1, 3])
@pytest.mark.parametrize("change, create, says", [(zeros, {}, "deflated data"), (cut, {}, "deflated data"),
                                                  (zeros, {"fletcher32": True}, "checksum")],
                         ids=["deflate", "short", "sum"])
def test_damage(tmp_path, ranks, change, create, says):
    """Only the last rank meets the damage; all stop."""
    file = write_raw(tmp_path / "g.hdf5", raw_stars(20_000), edit=packed(1500, shuffle=True, **create))
    spoil(file, "Velocities", change)
    done = dump(tmp_path, ranks, InputFile=file)
    told = " ".join(done.err.split())
    assert done.status == 3 and told.count("cubix: error:") == 1, done.err
    assert re.search(r"g\.hdf5: /PartType4/Velocities cannot be read in rows \d+ to 20000; the file is damaged", told)
    assert "the chunk of row 19500, column 0 cannot be unpacked" in told and says in told, told


@pytest.mark.parametrize("fault", ["call=read path=g.hdf5 rank=1 nth={} times=0",
                                   "call=alloc rank=1 nth={} least=5000 from=dump_slab"], ids=["read", "memory"])
def test_faults(tmp_path, fault):
    """A disk that fails, or memory that runs out, on one of the ranks."""
    if not injector().exists():
        pytest.skip("no tests/faults/inject.so: shared objects cannot be made here")
    file = write_raw(tmp_path / "g.hdf5", raw_stars(20_000), edit=packed(1500, shuffle=True, fletcher32=True))
    log = tmp_path / "log"
    par = dict(InputFile=file)
    clean = dump(tmp_path, 2, env={"LD_PRELOAD": str(injector()), "CUBIX_FAULT": fault.format(0),
                                   "CUBIX_FAULT_LOG": str(log)}, **par)
    assert clean.status == 0, clean.err
    calls = max(map(int, re.findall(r"call (\d+) of \S+ was the last", log.read_text())))
    statuses = set()
    for nth in np.unique(np.linspace(1, calls, 12).astype(int)):
        done = dump(tmp_path, 2, env={"LD_PRELOAD": str(injector()), "CUBIX_FAULT": fault.format(nth)}, **par)
        statuses.add(done.status)
        assert done.status in (0, 1, 3) and (done.status == 0 or done.err.count("cubix: error:") == 1), done.err
    assert statuses - {0}
