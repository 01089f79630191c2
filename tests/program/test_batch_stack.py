"""cubix-batch --stack: all cubes in one file, with the bits of files of their own; cubix.dataset reads it."""
import os
import subprocess
import sys

import h5py
import numpy as np
import pytest
from astropy.io import fits

from harness import BUILD, SOURCE, galaxy
from program.test_batch import Batch

ROWS = """Inclination [deg],Seed,PixelScale,split,group
0,1,0.5,train,1
35,2,0.5,test,2
70,3,1.0,train,3
10,4,0.5,train,4
"""


@pytest.fixture
def batch(tmp_path):
    return Batch(tmp_path)


def stack(batch, table, *words, **kw):
    return batch.run(table, "Engine=direct", *words, options=["--stack", "all.hdf5"], **kw)


@pytest.mark.parametrize("ranks", [1, 2])
def test_same_as_files(batch, ranks):
    """Cubes of two sizes in two groups, each with the bits of its own file; maps rounded to float32."""
    table = batch.table(ROWS)
    assert stack(batch, table, ranks=ranks).status == 0
    assert batch.run(table, "Engine=direct", options=["--journal", "other"]).status == 0
    with h5py.File(batch.path("all.hdf5")) as f:
        assert f["Rows/done"][:].tolist() == [1] * 4
        assert f["TEST/row"][:].tolist() == [0, 1, 3] and f["TEST_2/row"][:].tolist() == [2]
        assert f["Table/split"].asstr()[:].tolist() == ["train", "test", "train", "train"]
        assert f["Table/Inclination"].attrs["unit"] == "deg" and f["Table/group"][:].tolist() == [1, 2, 3, 4]
        for row, group, place in ((0, "TEST", 0), (1, "TEST", 1), (2, "TEST_2", 0), (3, "TEST", 2)):
            with fits.open(batch.path(f"cube_{row + 1}.fits")) as own:
                assert np.array_equal(f[group]["DATA"][place], own["DATA"].data)
                assert f[group]["DATA"].attrs["unit"] == own["DATA"].header["BUNIT"]
                for name in ("MASS", "AGE_L_OBS", "NSTAR"):
                    assert np.array_equal(f[group][name][place], own[name].data.astype("f4"), equal_nan=True)
                assert f[group]["STARS_IN_FIELD"][place] == own["NSTAR"].data.sum()


def test_noise_and_no_maps(batch):
    batch.instrument(psf_curve=(1.2, ), area=5e5, sky=(2e-17, ), dark=1e-3, read_noise=3.0, n_pixel=4.0, exposure=1000.0,
                     n_sky=50.0)
    words = "Noise=exposure", "KeepNoiseFree=yes", "TruthMaps=no"
    table = batch.table("Seed\n1\n2\n")
    assert stack(batch, table, *words).status == 0
    assert batch.run(table, "Engine=direct", *words, options=["--journal", "other"]).status == 0
    with h5py.File(batch.path("all.hdf5")) as f, fits.open(batch.path("cube_2.fits")) as own:
        assert "MASS" not in f["TEST"]
        for name in ("DATA", "STAT", "NOISEFREE"):
            assert np.array_equal(f["TEST"][name][1], own[name].data), name


def test_goes_on(batch):
    """A row that failed has no cube, and the same command makes it; other rows need another file."""
    later = batch.path("later.hdf5")
    table = batch.table(f"InputFile,Seed\n{later},1\n{batch.file},2\n")
    out = stack(batch, table)
    assert out.status == 1 and "row 1 failed" in out.err
    with h5py.File(batch.path("all.hdf5")) as f:
        assert f["Rows/done"][:].tolist() == [0, 1]
        before = f["TEST/DATA"][1]
    batch.particles(galaxy(), name="later.hdf5")
    out = stack(batch, table)
    assert out.status == 0 and "2 rows: 1 made, 1 made before, 0 failed, 0 left" in out.out
    with h5py.File(batch.path("all.hdf5")) as f:
        assert f["Rows/done"][:].tolist() == [1, 1] and f["TEST/DATA"][0].any()
        assert np.array_equal(f["TEST/DATA"][1], before)
    out = stack(batch, batch.table("Seed\n1\n2\n"))
    assert out.status == 2 and "all.hdf5 holds cubes of other rows (row 1 is not the same)" in out.err


def test_no_row_can_be_made(batch):
    out = stack(batch, batch.table("InputFile\nnone.hdf5\n"))
    assert out.status == 3 and "none.hdf5" in out.err and not batch.path("all.hdf5").exists()


def test_a_file_that_is_no_stack(batch):
    with h5py.File(batch.path("all.hdf5"), "w") as f:
        f["x"] = 1
    out = stack(batch, batch.table("Seed\n1\n"))
    assert out.status == 4 and "all.hdf5 is no stack of cubes" in out.err


SCRIPT = """
import pickle
import h5py, numpy as np
from cubix import Error
from cubix.dataset import Stack, groups
assert groups("all.hdf5") == ["TEST", "TEST_2"]
try:
    Stack("all.hdf5")
except Error as error:
    assert "has the groups TEST, TEST_2: name one" in str(error)
else:
    raise AssertionError
for stack in (Stack("all.hdf5", "TEST"), pickle.loads(pickle.dumps(Stack("all.hdf5", "TEST")))):
    with h5py.File("all.hdf5") as f:
        assert len(stack) == 3 and stack.rows.tolist() == [0, 1, 3]
        assert stack.labels["split"].tolist() == ["train", "test", "train"]
        assert stack.labels["Inclination"].tolist() == [0, 35, 10] and stack.units["Inclination"] == "deg"
        assert stack["DATA"].shape == f["TEST/DATA"].shape and stack["DATA"].dtype == np.float32
        for index in (0, 2, -1, slice(1, 3), slice(None, None, 2), [2, 0], (1, slice(5, 9)), np.array([1])):
            if isinstance(index, list):
                assert np.array_equal(stack["DATA"][index], f["TEST/DATA"][:][index])
            else:
                assert np.array_equal(stack["DATA"][index], f["TEST/DATA"][:][index])
        assert np.array_equal(np.asarray(stack["MASS"]), f["TEST/MASS"][:])
        assert np.array_equal(stack.wavelength, f["TEST/wavelength"][:])
        assert stack.units["DATA"] == f["TEST/DATA"].attrs["unit"]
try:
    stack["LIGHTS"]
except KeyError as error:
    assert "TEST has" in str(error)
try:
    import torch
except ImportError:
    print("no torch")
else:
    items = stack.torch(["DATA", "AGE_L"], ["Inclination", "split"])
    assert isinstance(items, torch.utils.data.Dataset) and len(items) == 3
    assert items[1]["DATA"].shape == stack["DATA"].shape[1:] and items[1]["split"] == "test"
    assert float(items[1]["Inclination"]) == 35
    loader = torch.utils.data.DataLoader(stack.torch(["DATA"]), batch_size=2, num_workers=1,
                                         multiprocessing_context="spawn")
    assert [len(b["DATA"]) for b in loader] == [2, 1]
    pairs = stack.torch(["DATA"], ["Inclination"], lambda item: (item["DATA"].sum(), item["Inclination"]))
    assert float(pairs[0][0]) == float(torch.tensor(stack["DATA"][0]).sum())
"""


def test_dataset(batch):
    """What h5py reads, in the shapes that numpy gives; rows that are not made are left out."""
    if not (BUILD / "libcubix.so").exists():
        pytest.skip("no libcubix.so")
    assert stack(batch, batch.table(ROWS)).status == 0
    batch.path("read.py").write_text(SCRIPT)
    env = {**os.environ, "PYTHONPATH": str(SOURCE / "python"), "CUBIX_LIBRARY": str(BUILD / "libcubix.so")}
    done = subprocess.run([sys.executable, "read.py"], cwd=batch.folder, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with h5py.File(batch.path("all.hdf5"), "r+") as f:
        f["Rows/done"][1] = 0
    code = ("from cubix.dataset import Stack\ns = Stack('all.hdf5', 'TEST')\nprint(s.rows.tolist(), s.labels['Seed'])\n"
            "print(len(Stack('all.hdf5', 'TEST', all=True)))")
    done = subprocess.run([sys.executable, "-c", code], cwd=batch.folder, env=env, capture_output=True, text=True)
    assert done.stdout.splitlines() == ["[0, 3] [1. 4.]", "3"], done.stderr
