"""The benchmark's own arithmetic: what it says RUBIX and CUBIX compute, its converters, and that
the script runs from end to end.

Nothing here times anything."""
import json
import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

import harness as hs

sys.path.insert(0, str(hs.SOURCE / "scripts" / "benchmark"))
import alternate  # noqa: E402
import explain  # noqa: E402
import formulas  # noqa: E402
import galaxy  # noqa: E402
import gradient  # noqa: E402
import library  # noqa: E402
import race  # noqa: E402
import scaling  # noqa: E402
import setting as settings  # noqa: E402
import shell  # noqa: E402
import synthesizer_formulas  # noqa: E402

WAVE = np.array([10.0, 11.0, 12.0, 13.0])


def test_rubix_interpolation_by_hand():
    """Values 0, 1, 4 at ages 0, 1, 2: slopes 1, 2, 3; at 0.5 the cubic is 1/2 + (1 - 2)/8 = 0.375,
    at 1.5 it is 5/2 + (2 - 3)/8 = 2.375."""
    flux = np.zeros((2, 3, 1)) + np.array([0.0, 1.0, 4.0])[None, :, None]
    lib = formulas.Library(formulas.RUBIX, [0, 1, 2], [0.01, 0.02], [5000.0], flux)
    assert lib.spectrum(0.5, 0.013)[0] == pytest.approx(0.375, abs=1e-14)
    assert lib.spectrum(1.5, 0.013)[0] == pytest.approx(2.375, abs=1e-14)
    assert lib.spectrum(2.1, 0.013) is None and lib.spectrum(1.0, 0.03) is None
    # along metallicity, and the product of both axes: f = x^2 t with x = 100 Z - 1 is linear in t,
    # and cubic Hermite in x as above
    lib = formulas.Library(formulas.RUBIX, [0, 1, 2], [0.01, 0.02, 0.03], [5000.0],
                           np.array([[[i * i * t] for t in (0, 1, 2)] for i in (0, 1, 2)], float))
    assert lib.spectrum(1.25, 0.015)[0] == pytest.approx(0.375 * 1.25, abs=1e-13)


def test_ages_of_the_bc03_file():
    flux = np.ones((2, 3, 4))
    as_read = formulas.Library(formulas.RUBIX, [0, 5.1, 10.301], [0.01, 0.02], WAVE, flux)
    right = formulas.Library(formulas.CUBIX, [0, 5.1, 10.301], [0.01, 0.02], WAVE, flux)
    assert as_read.age[-1] == 10.301 and right.age[-1] == pytest.approx(19.998, abs=0.01) and right.age[0] == 0


def test_resampling_by_hand():
    """Centres 10.5, 11.5, 12.5 of the line 1, 2, 3, 4: values 1.5, 2.5, 3.5; light 2 + 3 = 5 by the
    template's steps, 2.5 + 3.5 = 6 by the channels'."""
    centre = np.array([10.5, 11.5, 12.5])
    assert formulas.at_centres(WAVE, np.array([1.0, 2, 3, 4]),
                               centre) == pytest.approx(np.array([1.5, 2.5, 3.5]) * 5 / 6)
    edge = np.array([10.25, 10.75, 12.5])
    line = formulas.over_channels(WAVE, WAVE - 9, edge, "linear")
    assert line == pytest.approx([1.5, 2.625])
    assert formulas.over_channels(WAVE, WAVE - 9, edge, "spline") == pytest.approx(line)
    kink = formulas.over_channels(WAVE, np.array([0.0, 1, 0, 0]), np.array([10.0, 12.0]), "linear")
    assert kink == pytest.approx([0.5])
    # half of it beyond the library
    assert formulas.over_channels(WAVE, np.ones(4), np.array([12.0, 14.0]), "linear") == pytest.approx([0.5])


def test_a_star_by_hand():
    """One population, flat: 2 Msun of 3 Lsun/AA at z = 0.5 without motion: 6 for RUBIX, 4 for CUBIX."""
    wave = np.linspace(4000.0, 8000.0, 401)
    flux = np.full((2, 2, 401), 3.0)
    centre = np.arange(7000.0, 7100.0, 10.0)
    for recipe, expected in ((formulas.RUBIX, 6.0), (formulas.CUBIX_FILE, 4.0)):
        lib = formulas.Library(recipe, [1.0, 2.0], [0.01, 0.02], wave, flux)
        assert formulas.star(lib, 2.0, 1.5, 0.015, 0.0, 0.5, centre) == pytest.approx(expected, rel=1.0 / 5)
        cube = formulas.cube(lib, {"mass": [2.0, 1.0], "age": [1.5, 1.5], "z": [0.015, 0.9]}, [0.0, 0.0], [7, 7], 0.5,
                             centre)
        star = formulas.star(lib, 2.0, 1.5, 0.015, 0.0, 0.5, centre)
        assert cube[7] == pytest.approx(star * (1.5 if recipe.outside == "nearest" else 1.0))
    assert star == pytest.approx(4.0, rel=1e-12)


def test_synthesizer_shift_and_steps_by_hand():
    """8 at 11 goes to 11.25: a quarter of the way from 11 to 12.  Steps 1, 2, 3, 4 about 1, 2, 3, 4."""
    assert synthesizer_formulas.shift(WAVE, np.array([0.0, 8, 0, 0]), 11.25 / 11) == pytest.approx([0, 6, 2, 0])
    steps = np.array([1.0, 2, 3, 4])
    assert synthesizer_formulas.resample(steps[1:3], steps, steps) == pytest.approx([2, 3])
    assert synthesizer_formulas.resample(np.array([2.5, 3.5]), steps, steps) == pytest.approx([2.5, 3.5])
    # the second channel ends beyond the last step
    assert synthesizer_formulas.resample(np.array([4.0, 5.0]), steps, steps) == pytest.approx([4, 0])


def test_synthesizer_ladder_of_a_flat_star():
    """2 Msun of 3 Lsun/AA at z = 0.5, receding with c/100: 4 / 1.01^3 for Synthesizer, 4 / exp(0.01) for CUBIX."""
    wave = np.arange(4000.0, 8000.0, 1.0)
    lib = formulas.Library(formulas.CUBIX_FILE, [1.0, 2.0], [0.01, 0.02], wave, np.full((2, 2, len(wave)), 3.0))
    stars = {"mass": [2.0], "age": [1.5], "z": [0.015]}
    rows = synthesizer_formulas.ladder(lib, stars, [2997.92458], [7], 0.5, np.arange(7000.0, 7100.0, 2.0), 60)
    for (_, cube), value in zip(rows, (1.01**-3, 1.01**-3, np.exp(-0.01), np.exp(-0.01))):
        # a point that falls beside a channel's centre leaves it 1 % fainter or brighter
        assert np.median(cube[7]) == pytest.approx(4 * value, rel=1e-4)
        assert cube[7] == pytest.approx(4 * value, rel=0.02)


def test_rounds_in_turn_are_summed_up():
    """The least time, the largest memory, the last of the rest."""
    row = alternate.best([{"run_s": 2.0, "cpu_s": 1.0, "peak_MiB": 5.0, "version": "1"},
                          {"run_s": 1.5, "cpu_s": 1.25, "peak_MiB": 7.0, "version": "1"}])
    assert row == {"runs": 2, "run_all_s": [2.0, 1.5], "run_s": 1.5, "cpu_s": 1.0, "peak_MiB": 7.0, "version": "1"}


def test_the_ladder_changes_one_thing_at_a_time():
    steps = formulas.recipes()
    for (_, a), (_, b) in zip(steps, steps[1:]):
        assert sum(getattr(a, f) != getattr(b, f) for f in a.__dataclass_fields__) == 1
    assert len(formulas.recipes(log_ages=False, air=False)) == len(steps) - 2


def test_line_and_extrapolation():
    a, b = race.line([(10, 3.0), (100, 12.0), (1000, 102.0)])
    assert a == pytest.approx(2.0) and b == pytest.approx(0.1)
    rows = [{"N": 10, "t": 3.0}, {"N": 100, "t": 12.0}]
    race.extrapolate(rows, [10, 100, 1000], "t")
    assert rows[2] == {"N": 1000, "t": pytest.approx(102.0), "extrapolated": True}


def test_model_of_many_ranks():
    rows = [{"engine": "direct", "ranks": 1, "threads": 1, "N": 1000, "paint_s": 1.1, "stages": {"paint": 1.0}}]
    setting = settings.Setting(spaxels=1, channels=1)
    found = {row["ranks"]: row["paint_s"] for row in scaling.predict(setting, rows, ranks_list=(1, 4), numbers=(2000,))}
    assert found[1] == pytest.approx(2.1)
    assert found[4] == pytest.approx(0.1 + 0.5 + 2 * scaling.LATENCY, abs=1e-8)
    # a histogram of 1e-4 s a star and 0.1 sqrt(N) s of multiply
    rows = [{"engine": "histogram, cubes", "ranks": 1, "threads": 1, "N": n, "paint_s": t + 0.5,
             "stages": {"place": 0.25 * t, "paint": 0.75 * t}}
            for n, t in ((10000, 11.0), (2500, 5.25))]
    serial, per_star, multiply, n = scaling.one_core_costs(rows)["histogram, cubes"]
    assert (serial, per_star, multiply, n) == (pytest.approx(0.5), pytest.approx(1e-4), pytest.approx(10.0), 10000)


def test_timings_and_figures_are_read(tmp_path):
    stages, rest = shell.timings("# 1 rank(s)\n# stage slowest_s\nread 0.5000 0.4000 0 21.0\npaint 1.5 1.25 1 90.0\n"
                                 "# sent most_MiB mean_MiB\ncommunication 12.500 3.125\n")
    assert stages == {"read": {"slowest_s": 0.5, "mean_s": 0.4, "peak_MiB": 21.0},
                      "paint": {"slowest_s": 1.5, "mean_s": 1.25, "peak_MiB": 90.0}}
    with h5py.File(tmp_path / "x.hdf5", "w") as f:
        f["Provenance/CERTIFED"], f["Provenance/COMBINE"] = 2.5e-5, b"cube"
    assert shell.figures(tmp_path / "x.hdf5", "\n".join(rest) + "\nmultiply  44.5 GF/s useful, 7 rows") == {
        "certified": 2.5e-5, "combine": "cube", "multiply_GFs": 44.5, "sent_most_MiB": 12.5, "sent_mean_MiB": 3.125}
    assert shell.painting({"stages": {"read": 5.0, "frame": 0.25, "paint": 1.5, "write": 9.0}}) == 1.75


def test_templates_for_rubix(tmp_path):
    wave = np.arange(4000.0, 5000.0, 10.0)
    lum = np.arange(2 * 3 * len(wave), dtype=float).reshape(2, 3, -1) * library.LSUN
    hs.write_ssp(tmp_path / "ssp.hdf5", wave, lum, [0.1, 1, 10], [0.01, 0.02])
    assert library.write_rubix(tmp_path / "t.h5", library.read(tmp_path / "ssp.hdf5"), 4205.0, 4295.0) == 11
    with h5py.File(tmp_path / "t.h5") as f:
        assert f["wavelength"][0] == 4200.0 and f["wavelength"][-1] == 4300.0
        assert f["flux"][1, 2] == pytest.approx(lum[1, 2, 20:31] / library.LSUN)
    library.drop_metallicity(tmp_path / "ssp.hdf5", tmp_path / "one.hdf5", 0)
    with h5py.File(tmp_path / "one.hdf5") as f:
        assert f["Metallicity"][:].tolist() == [0.02]
        assert f["Luminosity"].shape == (1, 3, 100)
        assert f.attrs["CubixFile"] == "ssp"


def test_grid_for_synthesizer(tmp_path):
    """[age][Z][wavelength] in L_nu; an age of 0 and a metallicity of 0 have logarithms."""
    wave = np.arange(4000.0, 5000.0, 10.0)
    lum = np.arange(2 * 3 * len(wave), dtype=float).reshape(2, 3, -1) * library.LSUN
    lib = {"Age": np.array([0.0, 1, 10]), "Metallicity": np.array([0.0, 0.02]), "Wavelength": wave, "Luminosity": lum}
    assert library.write_synthesizer(tmp_path / "g.hdf5", lib, 4205.0, 4295.0) == 11
    with h5py.File(tmp_path / "g.hdf5") as f:
        assert list(f.attrs["axes"]) == ["ages", "metallicities"] and f.attrs["WeightVariable"] == "initial_masses"
        assert f["axes/ages"][:].tolist() == pytest.approx([1e5, 1e9, 1e10])
        assert f["axes/metallicities"][:].tolist() == pytest.approx([1e-10, 0.02])
        assert f["axes/ages"].attrs["log_on_read"] and f["axes/ages"].attrs["Units"] == "yr"
        assert f["spectra/wavelength"][0] == 4200.0 and f["spectra/incident"].shape == (3, 2, 11)
        assert f["spectra/incident"][2, 1, 0] == pytest.approx(lum[1, 2, 20] * 4200.0**2 / 2.99792458e18)


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    hs.program("cubix"), hs.program("cubix-mock")
    work = tmp_path_factory.mktemp("benchmark")
    lam = hs.wavelengths("uniform")
    hs.write_ssp(work / "ssp.hdf5", lam, hs.templates(lam))
    return shell.Cubix(hs.BUILD, work)


# a field for which RUBIX makes as many edges as it should
SETTING = settings.Setting(spaxels=11, pixel=1.0, first=4800.0, channels=60)


def test_the_converters_say_the_same_as_cubix(program):
    """CUBIX from the mock's file, and from the canonical file that the benchmark's own reader made
    of it: the same cube."""
    mock = program.mock(400)
    stars, info = galaxy.read_mock(mock)
    galaxy.write_canonical(program.work / "same.hdf5", stars, info["cosmology"])
    instrument = SETTING.write_instrument(program.work / "i.cfg")
    cubes = []
    for label, path, centre in (("a", mock, info["centre"]), ("b", program.work / "same.hdf5", (0, 0, 0))):
        result = program.paint(label,
                               SETTING.parameters(path, program.work / "ssp.hdf5", instrument, centre, Engine="direct"))
        with h5py.File(result["output"]) as f:
            cubes.append(f["DATA"][:].astype(float))
    assert cubes[0].sum() > 0
    assert np.abs(cubes[0] - cubes[1]).max() < 2e-5 * cubes[1].max()
    galaxy.write_rubix(program.work / "rubix_galaxy.h5", stars)
    with h5py.File(program.work / "rubix_galaxy.h5") as f:
        assert f["particles/stars/coords"].attrs["unit"] == "kpc" and f["particles/stars/coords"].shape == (400, 3)
        assert f["particles/stars/age"][:] == pytest.approx(stars["age"], rel=1e-6)


def work_of(peer):
    """The benchmark's folder, if that peer is installed in it."""
    folder = Path(os.environ.get("CUBIX_BENCHMARK_WORK")
                  or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cubix-benchmark")
    return folder if (folder / ("venv-" + peer) / "complete").exists() else None


def test_numpy_explains_the_cubes(program):
    """CUBIX's cube always; RUBIX's too where the benchmark has installed it."""
    rubix = None
    if work_of("rubix"):
        import peers
        rubix = peers.Rubix(work_of("rubix"))
    template = program.work / "rubix-ssp.h5"
    library.write_rubix(template, library.read(program.work / "ssp.hdf5"), *SETTING.rest_range())
    out = explain.explain(program.work, program, rubix, SETTING, "test", template, program.work / "ssp.hdf5",
                          n_stars=150)
    assert out["cubix_direct"]["same_spaxels"] and out["cubix_direct"]["max"] < 1e-5
    assert max(step["L1"] for step in out["steps"]) > 1e-3                                  # the two programs do differ
    if program.has_histogram:
        assert out["cubix_histogram"]["max"] < out["cubix_histogram"]["tolerance"]
    if rubix:
        assert out["rubix_float64"]["same_spaxels"] and out["rubix_float64"]["max"] < 1e-9
        assert out["rubix_float32"]["L1"] < 1e-5


def test_numpy_explains_synthesizer(program):
    """Where the benchmark has installed it."""
    if not work_of("synthesizer"):
        pytest.skip("the benchmark has not installed Synthesizer")
    import peers
    peer = peers.Synthesizer(work_of("synthesizer"))
    grid = program.work / "synthesizer-grid.hdf5"
    library.write_synthesizer(grid, library.read(program.work / "ssp.hdf5"), *SETTING.rest_range())
    out = alternate.agree(program.work, program, peer, SETTING, "test", program.work / "ssp.hdf5", grid, n_stars=150)
    assert out["float64"]["same_spaxels"] and out["float64"]["max"] < 1e-9
    assert out["float32"]["L1"] < 1e-3 and out["cubix_direct"]["max"] < 1e-5
    stars, scale, _ = alternate.field_stars(program, SETTING, 400)
    cubes = []
    for batch in (0, 150):
        peer("test", stars, SETTING, scale, grid, "float64", cube=str(program.work / "cube.npy"), batch=batch)
        cubes.append(np.load(program.work / "cube.npy"))
    assert np.abs(cubes[0] - cubes[1]).max() < 1e-12 * cubes[0].max()
    assert abs(out["total_light"]) < 0.01 and 1e-5 < out["direct_to_float64"]["L1"] < 0.05


def test_gradients_explained_by_numpy(program):
    """CUBIX's gradient always; jax.grad of RUBIX where the benchmark has installed it."""
    rubix = None
    if work_of("rubix"):
        import peers
        rubix = peers.Rubix(work_of("rubix"))
    out = gradient.agree(program.work, program, rubix, SETTING, "test", program.work / "ssp.hdf5", hs.COSMO, n_stars=6)
    for key in ("cubix_linear", "cubix_spline") + (("rubix",) if rubix else ()):
        assert out[key]["mass"] < 1e-10 and max(out[key][name]
                                                for name in ("age", "z")) < 1e-6 and out[key]["v"] < 1e-5, (key,
                                                                                                            out[key])
    assert out["whole_way"]["age"] > 1e-3                                                   # the two programs do differ


def test_largest_number_of_stars():
    rows = [{"N": 100, "peak_MiB": 10.0}, {"N": 1100, "peak_MiB": 1010.0}]
    most = gradient.largest(rows, 2010 * 2**20)
    assert most["N"] == pytest.approx(2100) and most["bytes_a_star"] == pytest.approx(2**20)
    assert gradient.largest(rows[:1]) is None


def test_the_script_from_end_to_end(tmp_path):
    pytest.importorskip("matplotlib")
    hs.program("cubix")
    command = ["bash", str(hs.SOURCE / "scripts" / "benchmark.sh"), "--build", str(hs.BUILD), "--work",
               str(tmp_path / "work"), "--out", str(tmp_path / "out"), "--name",
               "tiny", "--quick", "--skip-peers", "--numbers", "200,400", "--spaxels", "6", "--channels", "40",
               "--threads", "1", "--sections",
               "explain,race,sgemm,scaling,accuracy,gradient"]
    done = subprocess.run(command, env=hs.environment(extra={"CUBIX_PYTHON": sys.executable}), capture_output=True,
                          text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    result = json.loads((tmp_path / "out" / "tiny.json").read_text())
    assert result["missing"]["RUBIX"] == "--skip-peers"
    assert [row["N"] for row in result["race"]["demo"]["CUBIX direct"]] == [200, 400]
    assert result["explain"][0]["cubix_direct"]["max"] < 1e-5
    text = (tmp_path / "out" / "tiny.md").read_text()
    for picture in ("tiny-ladder.png", "tiny-race.png", "tiny-scaling.png", "tiny-gradient.png"):
        assert picture in text and (tmp_path / "out" / picture).stat().st_size > 5000
    cost, exact = result["gradient"]["cost"], result["gradient"]["exact"]
    assert [row["deposit"] for row in cost] == ["nearest", "tsc"]
    assert all(row["ratio"] > 0 and row["memory_ratio"] >= 1 for row in cost)
    assert cost[1]["ratio_nearest"] > 0
    assert [row["N"] for row in result["gradient"]["race"]["CUBIX histogram"]] == [200] and len(exact) == 2
    for row in exact:
        assert all(row["error"][leaf]["max"] < 1e-4
                   for leaf in ("Mass", "Age", "Metallicity")) and row["error"]["Velocity"]["max"] < 1e-3
    assert str(tmp_path) not in text
