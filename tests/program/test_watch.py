"""cubix-watch: the snapshots of Gadget-4, AREPO and SWIFT by their names, each once it is complete, once and no more."""
import os
import re
import shutil
import subprocess
import sys
import time
from types import SimpleNamespace

import h5py
import numpy as np
import pytest

from harness import BUILD, SOURCE, Bench, bits, environment, galaxy, write_tng

PYTHON = os.environ.get("CUBIX_PYTHON", sys.executable)


@pytest.fixture()
def watched(tmp_path):
    bench = Bench(tmp_path)
    bench.instrument(8, 8, 0.6, lam=(5000.0, 5049.0, 1.0))
    bench.ssp(fwhm=1.0)
    bench.file = "none"
    (tmp_path / "output").mkdir()
    param = bench.parameters(Redshift=0.05, Engine="direct", Combine="cube", OutputFile="none.fits")
    return SimpleNamespace(folder=tmp_path, output=tmp_path / "output", bench=bench, param=param)


def words(w, *more):
    return [PYTHON, str(SOURCE / "scripts/cubix-watch"), str(w.output), str(w.param), "--to", str(w.folder / "cubes"),
            "--settle", "0", "--command", str(BUILD / "cubix"), *more]


def watch(w, *more, status=0):
    done = subprocess.run(words(w, "--once", *more), cwd=w.folder, env=environment(), text=True, capture_output=True,
                          timeout=100)
    assert done.returncode == status, done.stdout + done.stderr
    return done.stdout + done.stderr


def made(w):
    return sorted(p.name for p in (w.folder / "cubes").glob("*.fits"))


def test_names(watched):
    w = watched
    write_tng(w.output / "snapshot_003.hdf5", galaxy(60, seed=1))                       # Gadget-4, one file
    (w.output / "snapdir_004").mkdir()
    write_tng(w.output / "snapdir_004/snap_004.hdf5", galaxy(80, seed=2), files=3)      # AREPO
    write_tng(w.output / "colibre_0012.hdf5", galaxy(50, seed=3))                       # SWIFT
    (w.output / "groups_004").mkdir()
    for other in ("groups_004/fof_subhalo_tab_004.0.hdf5", "fof_output_0012.hdf5"):
        shutil.copy(w.output / "snapshot_003.hdf5", w.output / other)
    said = watch(w)
    assert made(w) == ["colibre_0012.fits", "snap_004.fits", "snapshot_003.fits"] and said.count(": done") == 3
    for name, n in (("snapshot_003", 60), ("snap_004", 80), ("colibre_0012", 50)):
        assert re.search(rf"\b{n} stars", (w.folder / f"cubes/{name}.log").read_text()), name
    # the cube that cubix makes
    w.bench.file = w.output / "snapshot_003.hdf5"
    w.bench.cube(Redshift=0.05, Engine="direct", Combine="cube")
    assert bits(w.bench.out) == bits(w.folder / "cubes/snapshot_003.fits")


def test_once_and_no_more(watched):
    w = watched
    write_tng(w.output / "snapshot_001.hdf5", galaxy(60))
    assert "done" in watch(w)
    before = (w.folder / "cubes/snapshot_001.fits").stat().st_mtime_ns
    assert watch(w) == "" and (w.folder / "cubes/snapshot_001.fits").stat().st_mtime_ns == before
    write_tng(w.output / "snapshot_002.hdf5", galaxy(60))
    said = watch(w)
    assert "snapshot_002: done" in said and "snapshot_001" not in said
    # a simulation that went back and wrote it again
    time.sleep(0.05)
    write_tng(w.output / "snapshot_001.hdf5", galaxy(70))
    assert "snapshot_001: done" in watch(w)


def test_incomplete(watched):
    w = watched
    (w.output / "snapdir_005").mkdir()
    write_tng(w.output / "snapdir_005/snapshot_005.hdf5", galaxy(60), files=3)
    last = w.output / "snapdir_005/snapshot_005.2.hdf5"
    last.rename(w.folder / "later")
    write_tng(w.output / "snapshot_006.hdf5", galaxy(60))
    whole = (w.output / "snapshot_006.hdf5").read_bytes()
    (w.output / "snapshot_006.hdf5").write_bytes(whole[:len(whole) // 2])
    (w.output / "snapshot_007.hdf5").write_bytes(b"")
    said = watch(w)
    assert said.count("not complete yet") == 3 and not made(w)
    (w.folder / "later").rename(last)
    (w.output / "snapshot_006.hdf5").write_bytes(whole)
    watch(w)
    assert made(w) == ["snapshot_005.fits", "snapshot_006.fits"]
    with h5py.File(w.output / "snapshot_008.hdf5", "w") as f:                            # held open by its writer
        f["x"] = np.arange(1000)
        f.flush()
        assert "snapshot_008" not in " ".join(made(w)) and "snapshot_008: not complete yet" in watch(w)
    # fresh files rest first
    write_tng(w.output / "snapshot_009.hdf5", galaxy(60))
    assert "snapshot_009: not complete yet" in watch(w, "--settle", "1000")


def test_failure(watched):
    w = watched
    write_tng(w.output / "snapshot_001.hdf5", galaxy(60))
    write_tng(w.output / "snapshot_002.hdf5", galaxy(60))
    said = watch(w, "Redshift=99", status=1)
    assert said.count("failed, exit status 2: ") == 2 and "Redshift = 99" in said and not made(w)
    assert "Redshift = 99" in (w.folder / "cubes/snapshot_001.failed").read_text()
    assert watch(w) == ""                                     # told once
    (w.folder / "cubes/snapshot_002.failed").unlink()
    watch(w)
    assert made(w) == ["snapshot_002.fits"]


def test_wrong_words(watched):
    w = watched
    for bad, why in ((["Redshift"], "is not Name=value"), (["--poll", "x"], "--poll")):
        assert why in watch(w, *bad, status=2)
    (w.folder / "file").write_text("")
    assert "File exists" in watch(w, "--to", str(w.folder / "file"), status=4)


def test_watching(watched):
    """It finds what comes, keeps a second one out, and ends with a signal."""
    w = watched
    running = subprocess.Popen(words(w, "--poll", "0.1"), cwd=w.folder, env=environment(), text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        for number in (1, 2):
            write_tng(w.folder / "next.hdf5", galaxy(60, seed=number))
            (w.folder / "next.hdf5").rename(w.output / f"snapshot_00{number}.hdf5")
            for _ in range(600):
                if f"snapshot_00{number}.fits" in (made(w) if (w.folder / "cubes").exists() else ()):
                    break
                time.sleep(0.1)
        assert made(w) == ["snapshot_001.fits", "snapshot_002.fits"]
        assert "another cubix-watch" in watch(w, status=4)
        running.terminate()
        assert running.wait(20) == 130
    finally:
        running.kill()
        running.wait()
