"""Mode fit, and the files of Mode gradient, on a galaxy in closed form
(tests/derivatives/test_fit.c): it finds the truth, on any number of ranks, and continues where
it stopped."""
import os

import h5py
import numpy as np
import pytest

from harness import run_fit, within

ALL = "Parameters=Mass,Age,Velocity"


def truth(done):
    rows = np.array([line.split()[2:] for line in done.out.splitlines() if line.startswith("truth ")], float)
    return dict(mass=rows[:, 0], age=rows[:, 1], velocity=rows[:, 2], mass_error=rows[:, 3])


def stars(folder):
    with h5py.File(os.path.join(str(folder), "out-stars.hdf5"), "r") as file:
        return {name: item[()] for name, item in file["Stars"].items()}


def table(folder, name):
    return np.loadtxt(os.path.join(str(folder), "out-%s.txt" % name), ndmin=2)


def found(folder):
    with open(os.path.join(str(folder), "out-fit.txt")) as file:
        rows = [line.split() for line in file if not line.startswith("#")]
    return {row[0]: (float(row[1]), float(row[2]), row[3], row[7]) for row in rows}


def same_files(one, other):
    with h5py.File(os.path.join(str(one), "out-restart.hdf5"),
                   "r") as a, h5py.File(os.path.join(str(other), "out-restart.hdf5"), "r") as b:
        names = []
        a.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
        assert len(names) > 4
        for name in names:
            assert np.array_equal(a[name][()], b[name][()]), name
        assert np.array_equal(a["Header"].attrs["State"], b["Header"].attrs["State"])


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    folder = tmp_path_factory.mktemp("alone")
    return folder, run_fit(folder, ALL, "MaxIterations=200", "ValueTolerance=0", "GradientTolerance=1e-5",
                           "FitRestart=50", n=12)


def test_finds_the_truth(alone):
    folder, done = alone
    true, here = truth(done), stars(folder)
    rows = table(folder, "convergence")
    assert rows[0, 0] == 0 and np.array_equal(rows[:, 0], np.arange(len(rows))) and np.all(np.diff(rows[:, 2]) <= 0)
    assert rows[-1, 2] < 1e-6 * rows[0, 2] and rows[-1, 3] < 1e-3 * rows[0, 3]
    lit = true["mass"] > 0
    assert lit.sum() < lit.size
    for name, value in (("InitialMass", "mass"), ("Age", "age")):
        off = (here[name] - true[value])[lit] / here[name + "Error"][lit]
        assert np.all(np.isfinite(off)) and np.abs(off).max() < 0.1          # data without noise: far below the errors
        assert np.abs(here[name][lit] / true[value][lit] - 1).max() < 1e-3
    assert np.abs((here["Velocity"][:, 2] - true["velocity"]) / here["VelocityError"][:, 2])[lit].max() < 0.1
    assert np.all(here["InitialMass"][~lit] == 0) and np.all(np.isinf(here["InitialMassError"][~lit]))
    assert np.all(np.isinf(here["VelocityError"][:, :2]))                   # across the line of sight nothing is seen
    assert np.all(here["Mass"] == 5000)
    with h5py.File(os.path.join(str(folder), "out-stars.hdf5"), "r") as file:
        assert b"particles" in file["Header"].attrs["CubixFile"] and file["Header"].attrs["Redshift"] == 0.1
        assert file["Stars/Age"].attrs["unit"] == b"Gyr" and len(file["Header"].attrs["Centre"]) == 3


@pytest.mark.parametrize("ranks, threads", [(2, 1), (3, 1), (1, 2)])
def test_any_ranks(alone, tmp_path, ranks, threads):
    run_fit(tmp_path, ALL, "MaxIterations=200", "ValueTolerance=0", "GradientTolerance=1e-5", "FitRestart=50", n=12,
            ranks=ranks, threads=threads)
    one, here = stars(alone[0]), stars(tmp_path)
    for name in ("InitialMass", "Age"):
        good = np.isfinite(one[name + "Error"])
        assert np.abs((one[name] - here[name])[good] / one[name + "Error"][good]).max() < 0.1
        assert within(one[name + "Error"][good], here[name + "Error"][good], rtol=0.02)
    first, rows = table(alone[0], "convergence"), table(tmp_path, "convergence")
    assert within(rows[:3, 2], first[:3, 2], rtol=1e-9)


@pytest.mark.parametrize("method", ["lbfgs", "adam"])
@pytest.mark.parametrize("ranks", [1, 2])
def test_restart_is_exact(tmp_path, method, ranks):
    for name in ("straight", "broken"):
        (tmp_path / name).mkdir()
    options = [ALL + ",FluxScale,Inclination", "Optimiser=" + method, "GradientTolerance=0", "ValueTolerance=0",
               "FitRestart=3", "FitProbes=0"]
    run_fit(tmp_path / "straight", "MaxIterations=14", *options, ranks=ranks)
    run_fit(tmp_path / "broken", "MaxIterations=6", *options, ranks=ranks)
    done = run_fit(tmp_path / "broken", "MaxIterations=14", "FitResume=yes", *options, ranks=ranks)
    assert done.status == 0
    same_files(tmp_path / "straight", tmp_path / "broken")
    with open(str(tmp_path / "straight" / "out-convergence.txt")) as a, open(str(tmp_path / "broken"
                                                                                 / "out-convergence.txt")) as b:
        assert a.read() == b.read()
    assert len(table(tmp_path / "broken", "convergence")) == 15


def test_restart_on_other_ranks(tmp_path):
    options = [ALL, "GradientTolerance=0", "ValueTolerance=0", "FitProbes=0",
               "FitRestartFile=%s" % (tmp_path / "mine.hdf5")]
    run_fit(tmp_path, "MaxIterations=4", *options, ranks=1)
    run_fit(tmp_path, "MaxIterations=6", "FitResume=yes", *options, ranks=3)
    rows = table(tmp_path, "convergence")
    assert len(rows) == 7 and np.all(np.diff(rows[:, 2]) < 0)
    assert not (tmp_path / "out-restart.hdf5").exists()


@pytest.mark.parametrize("change, words",
                         [(["Parameters=Mass,Age"], "its Parameters are Mass,Age,Velocity, here they are Mass,Age;"),
                          (["Optimiser=adam"], "another fit: its Optimiser"), (["FitPairs=7"], "FitPairs is 10"),
                          (["Parameters=Mass,Velocity,Metallicity"], "here they are Mass,Metallicity,Velocity;"),
                          (["FitRestartFile=nowhere.hdf5"], "nowhere.hdf5")])
def test_foreign_restart(tmp_path, change, words):
    run_fit(tmp_path, ALL, "MaxIterations=2", "FitProbes=0")
    done = run_fit(tmp_path, *([ALL, "FitResume=yes"] + change), status=3, ranks=2)
    assert words in done.err, done.err


def test_error_of_one_number(tmp_path):
    done = run_fit(tmp_path, "Parameters=FluxScale", "GradientTolerance=1e-9")
    exact = float([line for line in done.out.splitlines() if line.startswith("scale_error")][0].split()[1])
    value, error, unit, bound = found(tmp_path)["FluxScale"]
    assert abs(value - 1) < 1e-4 and abs(error / exact - 1) < 1e-4 and (unit, bound) == ("1", "no")
    assert not (tmp_path / "out-stars.hdf5").exists()


def test_what_cannot_be_told_apart(tmp_path):
    done = run_fit(tmp_path, "Parameters=FluxScale,Inclination", "GradientTolerance=1e-9")
    one = found(tmp_path)
    exact = float([line for line in done.out.splitlines() if line.startswith("scale_error")][0].split()[1])
    # the other held, not the 1e4 times larger joint one
    assert 0.2 < one["FluxScale"][1] / exact < 5 and np.isfinite(one["Inclination"][1])
    with open(str(tmp_path / "out-fit.txt")) as file:
        assert "the others held" in file.read()


def test_probes(tmp_path):
    """Many stars: errors from 64 probes are those of each mass with the others held, right to 1/sqrt(128)."""
    done = run_fit(tmp_path, "Parameters=Mass", "MaxIterations=300", "GradientTolerance=1e-7", "FitProbes=64", n=400,
                   ranks=1)
    true, here = truth(done), stars(tmp_path)
    lit = true["mass"] > 0
    ratio = here["InitialMassError"][lit] / true["mass_error"][lit]
    assert abs(np.mean(ratio) - 1) < 0.03 and 0.7 / np.sqrt(128) < np.std(ratio) < 1.5 / np.sqrt(128)
    again = tmp_path / "again"
    again.mkdir()
    run_fit(again, "Parameters=Mass", "MaxIterations=300", "GradientTolerance=1e-7", "FitProbes=64", n=400, ranks=3)
    assert within(stars(again)["InitialMassError"][lit], here["InitialMassError"][lit], rtol=1e-3)     # the same probes


def test_bins(tmp_path):
    done = run_fit(tmp_path, "Parameters=Mass,Velocity,FluxScale", "FitModel=bins",
                   "FitAgeEdges=0.001,0.01,0.1,0.9,3,6,14", "FitRadiusBins=3", "MaxIterations=50", n=200, ranks=2)
    rows, names = table(tmp_path, "convergence"), found(tmp_path)
    assert rows[-1, 2] < 0.9 * rows[0, 2] and done.status == 0
    assert [names["MassFactor[%d]" % i][3] for i in range(3)] == ["frozen"] * 3                   # no star is as young
    assert len(names) == 10 and np.isinf(names["MassFactor[0]"][1])
    assert set(stars(tmp_path)) == {"Position", "Velocity", "InitialMass", "Age", "Metallicity", "Mass"}


@pytest.mark.parametrize("ranks", [1, 2])
def test_comes_home_over_hills(tmp_path, ranks):
    """Metallicities of two bins start 1.5 dex off, with a minimum in each interval of the library:
    the descent ends in the wrong ones, and the scan finds the right ones."""
    options = ["Parameters=Metallicity,FluxScale", "FitModel=bins", "FitAgeBins=2"]
    shifts = []
    for scan in ("no", "yes"):
        (tmp_path / scan).mkdir()
        run_fit(tmp_path / scan, *options, "FitScan=" + scan, n=30, ranks=ranks)
        shifts.append([found(tmp_path / scan)["MetallicityShift[%d]" % i][:2] for i in range(2)])
        text = (tmp_path / scan / "out-fit.txt").read_text()
        assert "# converged" in text
        assert table(tmp_path / scan, "convergence")[-1, 2] == float(text.split("# objective")[1].split()[0])
        assert ("# other minima were not looked for\n" in text) == (scan == "no")
        assert np.all(np.diff(table(tmp_path / scan, "convergence")[:, 2]) <= 0)
    assert all(value < 0 for value, error in shifts[0])
    assert all(abs(value - 1.5) < 3 * error < 0.1 for value, error in shifts[1]), shifts
    assert "# a scan found a lower minimum, by " in text and "along 2 unknowns found no other lower minimum\n" in text
    # what has ended is looked over once more
    run_fit(tmp_path / "yes", *options, "FitResume=yes", n=30, ranks=ranks)
    assert "along 2 unknowns found no lower minimum\n" in (tmp_path / "yes" / "out-fit.txt").read_text()
    assert found(tmp_path / "yes")["FluxScale"][0] == pytest.approx(1, abs=1e-3)


def test_gradient_files(tmp_path):
    whole = tmp_path / "one"
    whole.mkdir()
    run_fit(whole, "Parameters=Mass,Velocity,Inclination,FluxScale", mode="gradient")
    run_fit(tmp_path, "Parameters=Mass,Velocity,Inclination,FluxScale", mode="gradient", ranks=3)
    for folder in (whole, tmp_path):
        rows = [line.split() for line in open(str(folder / "out-gradient.txt")) if not line.startswith("#")]
        assert [row[0] for row in rows] == ["Inclination",
                                            "FluxScale"] and rows[0][3] == "deg" and float(rows[0][1]) == 40
    with h5py.File(str(whole / "out-gradient.hdf5"), "r") as a, h5py.File(str(tmp_path / "out-gradient.hdf5"),
                                                                          "r") as b:
        assert sorted(a["Stars"]) == ["Mass", "Velocity"] and a["Stars/Velocity"].shape == (24, 3)
        assert a["Stars/Mass"].attrs["unit"] == b"1/(Msun)" and a["Header"].attrs["Voxels"] == 768
        for name in a["Stars"]:
            assert within(a["Stars"][name][()], b["Stars"][name][()], rtol=1e-5,
                          atol=1e-6 * np.abs(a["Stars"][name][()]).max())
        assert np.any(a["Stars/Mass"][()] != 0) and np.all(a["Stars/Velocity"][:, :2] == 0)


def test_refusals(tmp_path):
    (tmp_path / "out-fit.txt").write_text("mine")
    done = run_fit(tmp_path, ALL, "Overwrite=no", mode="check", status=4)
    assert "out-fit.txt, written beside the first OutputFile" in done.err
    assert "exists and Overwrite = no" in done.err
    assert (tmp_path / "out-fit.txt").read_text() == "mine"
    (tmp_path / "out-stars.hdf5").mkdir()
    done = run_fit(tmp_path, ALL, "MaxIterations=1", "FitProbes=0", mode="fit", status=4, ranks=2)
    assert "out-stars.hdf5" in done.err
    (tmp_path / "other").mkdir()
    done = run_fit(tmp_path / "other", "MaxIterations=1", status=2)
    assert "Parameters" in done.err
