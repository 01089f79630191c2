"""SlabMemory: stars that are read chunk by chunk make the same cube, to the bit where the engine is the histogram."""
import json

import h5py
import numpy as np
import pytest

from dumps import dump
from harness import assert_close, bits, chunks_said, galaxy, local_level, run, write_tng
from program.test_reader import A, HUBBLE, raw_stars, write_raw

Z = 0.05
# MB that a star of a small chunk takes: slab 80, placed 40, while it is sorted 84
ROW = 204.05 / 1e6
MAPS = ("MASS", "MASS_NOW", "AGE_M", "AGE_L", "Z_M", "Z_L", "VEL_M", "VEL_L", "LIGHT", "MASS_OBS", "AGE_L_OBS",
        "VEL_L_OBS")
WAYS = [(1, 1, 2), (1, 2, 3), (1, 1, 7), (2, 1, 3), (3, 1, 2), (4, 1, 3), (2, 2, 7)]     # ranks, threads, chunks


def chunks_of(n, ranks, chunks):
    """A SlabMemory that makes so many chunks of n stars."""
    rows = -(-n // ranks)
    assert rows // chunks >= 1024, "a chunk has 1024 rows at least"
    return (-(-rows // chunks) + 0.5) * ROW


def fast(**more):
    return {"Redshift": Z, "Engine": "histogram", "Centre": "shrinking-sphere", "Orientation": "inclined",
            "Inclination": 50.0, **more}


def setup(bench, n=15000, lam=(5000.0, 5099.0, 1.0), **kw):
    bench.instrument(12, 10, 0.5, lam=lam, lsf_curve=(4.0,), **kw)
    bench.ssp("mixed", fwhm=1.5)
    bench.particles(galaxy(n, seed=17, radius=1.6, centre=(3, -2, 5), velocity=(120, -310, 55)))
    return n


def account(cube):
    """What the header says of numbers, masses and light, and of the frame."""
    head = cube["header"]["PRIMARY"]
    numbers = {k: head[k] for k in head if k.startswith(("N_", "CENTRE", "SYSVEL", "ROT", "AXIS"))
               or k in ("NSTARFIL", "NWIND", "NOUTRAD", "NSTARS", "VMAX", "NBEYOND", "NAUDIT", "ENGINWHY")}
    return numbers, np.array([head[k] for k in head if k.startswith(("M_", "L_"))])


def same_truth(got, want):
    for name in MAPS:
        assert_close(got[name], want[name], 1e-6, 300.0 if name.startswith("VEL") else None, name, gaps=True)
    assert account(got)[0] == account(want)[0] and len(account(want)[0]) > 20
    assert_close(account(got)[1], account(want)[1], 1e-12)


def test_the_same_bits(bench):
    """With noise, a PSF and SelectRadius."""
    n = setup(bench, n=26000, psf="gaussian", psf_curve=(5.0, -8e-4), area=5e5, sky=(2e-17,), read_noise=3.0,
              exposure=900.0)
    par = fast(Noise="snr", KeepNoiseFree=True, Combine="histogram", SelectRadius=4.0)
    want = bench.cube(**par)
    assert chunks_said(want["run"]) == 1 and want["header"]["PRIMARY"]["NOUTRAD"] > 500
    one = bits(bench.out)
    for ranks, threads, chunks in WAYS:
        if -(-n // ranks) // chunks < 1024:
            continue
        got = bench.cube(ranks=ranks, threads=threads, SlabMemory=chunks_of(n, ranks, chunks), **par)
        assert chunks_said(got["run"]) == chunks
        assert bits(bench.out) == one, f"{ranks} ranks, {threads} threads, {chunks} chunks"
        same_truth(got, want)


def test_a_stated_sphere_in_chunks(bench):
    """Where it is known beforehand which stars SelectRadius keeps; lengths of neighbours among them."""
    n = setup(bench, n=9000)
    for more in ({}, {"Deposit": "cubic", "SmoothingLength": "knn", "KnnNeighbours": 8}):
        par = {**fast(Combine="histogram", SelectRadius=2.5, **more), "Centre": [3, -2, 5]}
        want = bench.cube(**par)
        assert chunks_said(want["run"]) == 1 and want["header"]["PRIMARY"]["NOUTRAD"] > 500
        one = bits(bench.out)
        for ranks in (1, 2, 3):
            got = bench.cube(ranks=ranks, SlabMemory=1e-6, **par)
            assert chunks_said(got["run"]) > 1 and bits(bench.out) == one, (ranks, more)
            same_truth(got, want)


FRAMES = [{"Centre": "shrinking-sphere", "Orientation": "edgeon", "AlignWith": "inertia"},
          {"Centre": "median", "Orientation": "inclined", "AlignWith": "angularmomentum", "SelectRadius": 900}]


@pytest.mark.parametrize("ranks", [1, 2])
def test_the_frame_fits_into_slab_memory(tmp_path, ranks):
    """56 bytes of every star were held for it, 67 MiB here, and 36 more to find the body's axes."""
    n = 1_250_000
    s = raw_stars(n)
    s["pos"] = np.random.default_rng(4).normal(20000, 1000, (n, 3)) * [1, 0.7, 0.4] + [0, 6000, 12000]
    s["vel"] = np.random.default_rng(5).normal(0, 1, (n, 3)) + np.cross([0, 0, 0.1], s["pos"] - 20000)
    write_raw(tmp_path / "s.hdf5", s, dtypes={k: "f4" for k in s})

    def taken(slab, **par):
        done = dump(tmp_path, ranks, frame=True, InputFile=tmp_path / "s.hdf5", SlabMemory=slab, **par)
        assert done.status == 0, done.err
        return json.loads((tmp_path / "slab.json").read_text())

    least = taken(12 // ranks, Centre=(0, 0, 0), SystemicVelocity=(0, 0, 0), Orientation="none")["rss_mib"]
    for par in FRAMES:
        whole, chunks = taken(0, **par), taken(12 // ranks, **par)
        assert all(chunks[k] == whole[k] for k in ("centre", "velocity", "rotation", "radius_p_q", "n_total"))
        assert chunks["rss_mib"] < least + 30 < whole["rss_mib"] - 20 / ranks, (par, least, chunks["rss_mib"])


def test_a_stated_sphere_is_held(tmp_path):
    """What is within SelectRadius of a stated centre is read once, if it fits."""
    n = 1_250_000
    s = raw_stars(n)
    s["pos"] = np.random.default_rng(4).normal(20000, 1000, (n, 3))
    s["pos"][::1000] = 20000 + np.random.default_rng(5).normal(0, 2, (n // 1000, 3))
    par = dict(InputFile=write_raw(tmp_path / "s.hdf5", s, dtypes={k: "f4" for k in s}), SlabMemory=12,
               Centre=(np.full(3, 20000.0) * A / HUBBLE).tolist())
    for radius in (0, 30):
        done = dump(tmp_path, frame=True, SelectRadius=radius, **par)
        assert done.status == 0, done.err
        info = json.loads((tmp_path / "slab.json").read_text())
        assert 1200 < info["n_total"] < 1500 if radius else info["n_total"] == n
        assert sum(info["n"]) == (info["n_total"] if radius else 0)


def test_combine_cube_and_the_direct_method(bench):
    n = setup(bench, n=9000)
    for par in (fast(Combine="cube"), fast(Engine="direct")):
        want = bench.cube(**par)
        for ranks, chunks in ((1, 7), (3, 2)):
            got = bench.cube(ranks=ranks, SlabMemory=chunks_of(n, ranks, chunks), **par)
            assert chunks_said(got["run"]) == chunks and got["header"]["PRIMARY"]["ENGINE"] == par["Engine"]
            assert_close(got["DATA"], want["DATA"], 2e-6, local_level(want["DATA"]))
            assert np.array_equal(got["NSTAR"], want["NSTAR"])
            same_truth(got, want)
            assert ranks > 1 or par["Engine"] == "direct" or np.array_equal(got["DATA"], want["DATA"])


def test_stars_beyond_the_grid(bench):
    """Painted one by one, in the order of the file."""
    n = setup(bench, n=7300)
    s = galaxy(n, seed=8, radius=1.6)
    s["vel"][::100, 2] = np.linspace(-1900, 1900, len(s["vel"][::100]))
    bench.particles(s)
    par = fast(Centre="median", SystemicVelocity="none", Orientation="none", Combine="histogram")
    want = bench.cube(**par)
    assert want["header"]["PRIMARY"]["NBEYOND"] > 20
    one = bits(bench.out)
    for ranks, chunks in ((1, 2), (1, 7), (2, 3), (3, 2)):
        got = bench.cube(ranks=ranks, SlabMemory=chunks_of(n, ranks, chunks), **par)
        assert chunks_said(got["run"]) == chunks and bits(bench.out) == one
        same_truth(got, want)


@pytest.mark.parametrize("select", [0.0, 3.0])
def test_a_frame_that_needs_no_stars(bench, select):
    """Nothing is ever read whole; a periodic box is unwrapped chunk by chunk."""
    n = setup(bench, n=8000)
    s = galaxy(n, seed=9, radius=1.6, centre=(0.5, 20.0, 39.5))
    s["pos"] %= 40.0
    bench.particles(s, BoxSize=40.0)
    par = fast(Centre=(0.5, 20.0, 39.5), SystemicVelocity=(3.0, 4.0, 5.0), Orientation="angles", Alpha=20.0, Beta=-40.0,
               SelectRadius=select, Combine="histogram")
    par.pop("Inclination")
    want = bench.cube(**par)
    one = bits(bench.out)
    assert (want["header"]["PRIMARY"]["NOUTRAD"] > 500) == (select > 0)
    for ranks, chunks in ((1, 3), (2, 2), (3, 2)):
        got = bench.cube(ranks=ranks, SlabMemory=chunks_of(n, ranks, chunks), **par)
        assert chunks_said(got["run"]) == chunks and bits(bench.out) == one
        same_truth(got, want)
    for ranks in (1, 2):
        done = run("cubix",
                   [bench.parameters(**{**par, "Centre": (20.0, 0.0, 20.0), "SelectRadius": 1e-3,
                                        "SlabMemory": chunks_of(n, ranks, 2)})], ranks=ranks, cwd=bench.folder)
        assert done.status != 0 and "SelectRadius" in done.err and "keeps none of 8000 stars" in done.err


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    """A snapshot of five files with wind cells, and the same in one."""
    folder = tmp_path_factory.mktemp("snapshot")
    s = galaxy(6300, seed=42, radius=0.8, centre=(70, 80, 90))
    s["age"] = np.array([-1.0, 0.1, 1.0, 5.0])[np.random.default_rng(3).integers(0, 4, 6300)]
    import harness
    born = {t: harness.formation_scale_factor(t, 0.2) for t in (0.1, 1.0, 5.0)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(harness, "formation_scale_factor", lambda t, z: born[float(t)])
        write_tng(folder / "one.hdf5", s, redshift=0.2)
        write_tng(folder / "snap.hdf5", s, redshift=0.2, files=5)
    return folder


def test_several_files_and_wind_cells(bench, snapshot):
    setup(bench, n=10)
    n, par = 6300, fast(Combine="histogram", SelectRadius=3.0)
    bench.file = snapshot / "one.hdf5"
    want = bench.cube(**par)
    one = bits(bench.out)
    assert want["header"]["PRIMARY"]["NWIND"] > 1000
    bench.file = snapshot / "snap"
    for ranks, chunks in ((1, 2), (1, 5), (2, 3), (3, 2), (4, 1)):
        got = bench.cube(ranks=ranks, SlabMemory=chunks_of(n, ranks, chunks), **par)
        assert chunks_said(got["run"]) == chunks and bits(bench.out) == one
        same_truth(got, want)


@pytest.mark.parametrize("ranks", [1, 2, 3])
@pytest.mark.parametrize("dataset, value", [("Metallicity", 7.0), ("Position", np.nan)])
def test_a_number_that_makes_no_sense_in_the_last_chunk(bench, ranks, dataset, value):
    """Metallicity is read with the second pass, positions with the first."""
    n = setup(bench, n=7000)
    with h5py.File(bench.file, "r+") as f:
        f["Stars"][dataset][n - 3] = value
    done = run("cubix", [bench.parameters(SlabMemory=chunks_of(n, ranks, 2), **fast())], ranks=ranks, cwd=bench.folder)
    assert done.status == 3 and done.err.count("cubix: error:") == 1
    assert f"/Stars/{dataset} holds" in done.err
    assert f"in row {n - 3} (of 0 to {n - 1})" in done.err
    assert not bench.out.exists()


def test_only_wind_cells_and_no_memory_asked_for(bench, snapshot):
    """A few rows are a chunk however little SlabMemory allows."""
    setup(bench, n=10)
    bench.file = snapshot / "one.hdf5"
    got = bench.cube(SlabMemory=1e-6, **fast())
    assert chunks_said(got["run"]) == 7
    with h5py.File(bench.path("wind.hdf5"), "w") as f, h5py.File(bench.file) as source:
        for name in source:
            source.copy(name, f)
        f["PartType4/GFM_StellarFormationTime"][...] = -1.0
    bench.file = bench.path("wind.hdf5")
    par = fast(Centre=(0.0, 0.0, 0.0), SystemicVelocity="none", Orientation="none", SlabMemory=chunks_of(6300, 1, 2))
    par.pop("Inclination")
    done = run("cubix", [bench.parameters(**par)], cwd=bench.folder)
    assert done.status == 3 and "all 6300 star particles are wind cells" in done.err


def test_stars_within_select_radius_are_kept_for_the_frame(bench):
    """Once the centre is known, if they fit: then the files are not read again.  The same frame, to the bit."""
    n = setup(bench)
    said = {}
    for radius, chunks in ((0.4, 1), (0.4, 4), (1e6, 4)):
        for ranks in (1, 2):
            par = fast(SelectRadius=radius, AlignWith="inertia",
                       **({"SlabMemory": chunks_of(n, ranks, chunks)} if chunks > 1 else {}))
            cube = bench.cube(ranks=ranks, **par)
            numbers, _ = account(cube)
            out = cube["run"].out
            frame = {k: v for k, v in numbers.items() if k.startswith(("CENTRE", "SYSVEL", "ROT"))}
            readings = int(out.split("they were read ")[1].split()[0]) if chunks > 1 else 0
            said[radius, chunks, ranks] = frame, "within SelectRadius were kept for it" in out, readings
    for ranks in (1, 2):
        assert said[0.4, 4, ranks][0] == said[0.4, 1, 1][0] and len(said[0.4, 1, 1][0]) > 6
        assert said[0.4, 4, ranks][1] and not said[1e6, 4, ranks][1]
        assert said[0.4, 4, ranks][2] < said[1e6, 4, ranks][2] - 3
