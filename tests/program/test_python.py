"""The Python package: cubes as the program makes them, derivatives that fit each other, errors,
ranks; torch and jax where they are installed.

Every test is a script that a fresh interpreter runs on the library of the build folder: a process
can start MPI only once."""
import importlib.metadata
import importlib.util
import json
import re
import shutil
import subprocess
import sys

import h5py
import numpy as np
import pytest

import harness
from harness import BUILD, SOURCE, assert_close

LIBRARY, TWIN = BUILD / "libcubix.so", BUILD / "tests" / "libcubix64.so"
if not LIBRARY.exists():
    pytest.skip(f"no {LIBRARY}: built with --disable-shared", allow_module_level=True)
if b"__asan_init" in LIBRARY.read_bytes():
    pytest.skip("a library with sanitizers cannot be loaded by Python", allow_module_level=True)

PRELUDE = """
import json, os, sys
import numpy as np
import cubix
case = json.load(open("case.json"))
stars = {k: v for k, v in np.load("stars.npz").items()}
simulation = case["simulation"]
def chain(active=(), part=slice(None), **more):
    return cubix.Chain({**case["parameters"], **more}, {k: v[part] for k, v in stars.items()}, active=active,
                       simulation=simulation)
def raises(words, function, *args, **kw):
    try:
        function(*args, **kw)
    except cubix.Error as error:
        assert words in str(error), (words, str(error))
        return error
    raise AssertionError(f"no error that says {words}")
def near(got, want, tolerance):
    got, want = np.asarray(got, float), np.asarray(want, float)
    assert got.shape == want.shape, (got.shape, want.shape)
    off, largest = abs(got - want).max(), abs(want).max()
    assert np.isfinite(want).all() and off <= tolerance * largest, (off, largest)
"""
SMOOTH = {"Orientation": "angles", "Alpha": 20.0, "Beta": 30.0, "Deposit": "tsc", "Psf": "gaussian", "PsfFwhm": 1.0}


@pytest.fixture
def case(bench):
    """A folder with a galaxy, a library, an instrument, and the same stars as arrays."""
    bench.instrument(n_x=6, n_y=5, pixel=1.0, lam=(5000.0, 5059.0, 1.0))
    bench.ssp(lo=4600.0, hi=5500.0)
    s = harness.galaxy(60)
    bench.particles(s, redshift=0.1)
    bench.fixed = {"SspFile": str(bench.ssp_file), "Instrument": str(bench.inst_file), "Redshift": 0.05,
                   "Engine": "direct", "Lsf": "none", "Centre": [0.1, 0, 0]}
    np.savez(bench.path("stars.npz"), position=s["pos"], velocity=s["vel"], mass=s["mass"], mass_now=s["mass_now"],
             age=s["age"], metallicity=s["z"])
    simulation = {"Redshift": 0.1, **harness.COSMOLOGY}
    bench.path("case.json").write_text(json.dumps({"parameters": bench.fixed, "simulation": simulation}))
    return bench


def python(bench, body, ranks=1, library=LIBRARY, status=0, env=None, timeout=harness.TIMEOUT):
    script = bench.path("script.py")
    script.write_text(PRELUDE + body)
    world = {"CUBIX_LIBRARY": str(library), "PYTHONPATH": str(SOURCE / "python"), "PYTHONDONTWRITEBYTECODE": "1",
             **(env or {})}
    done = harness.run(sys.executable, [script], ranks=ranks, cwd=bench.folder, env=world, timeout=timeout)
    assert (done.status == 0) == (status == 0), f"{done.status}\n{done.out[-2000:]}\n{done.err[-4000:]}"
    return done


def need(module):
    if importlib.util.find_spec(module) is None:
        pytest.skip(f"{sys.executable} has no {module}")


def version_of(module):
    """(major, minor), (0, 0) where it is not installed."""
    try:
        return tuple(int(n) for n in importlib.metadata.version(module).split(".")[:2])
    except importlib.metadata.PackageNotFoundError:
        return 0, 0


# ---- cubes ---------------------------------------------------------------------------------------

def test_cube_of_arrays_and_of_a_file_is_the_programs(case):
    want = case.cube(**case.fixed, Psf="gaussian", PsfFwhm=1.5)
    python(case, f"""
with chain(Psf="gaussian", PsfFwhm=1.5) as c:
    np.save("arrays.npy", c.forward())
    assert c.shape == c.field == (5, 6, 60) and c.dtype == np.float32 and c.n_star == 60
    assert c.channels == slice(0, 60)
    assert np.array_equal(c.wavelength, 5000. + np.arange(60))
import h5py                                    # brings another HDF5: the two must not meet
with cubix.Chain({{**case["parameters"], "InputFile": {str(case.file)!r}}}, Psf="gaussian", PsfFwhm="1.5 arcsec") as c:
    np.save("file.npy", c.forward())
with h5py.File({str(case.file)!r}) as f:
    assert f["Stars/Age"].shape == (60,)
with cubix.Chain({str(case.path('p1.param'))!r}) as c:
    np.save("text.npy", c.forward())
""")
    for name in ("arrays", "file", "text"):
        assert_close(np.moveaxis(np.load(case.path(name + ".npy")), -1, 0), want["DATA"], 1e-6,
                     level=np.abs(want["DATA"]).max(), what=name)


def test_gas_in_arrays(case):
    """The same cube as from a file; what lacks is named."""
    rng = np.random.default_rng(5)
    gas = {"position": rng.normal(0, 2, (80, 3)), "velocity": rng.normal(0, 50, (80, 3)),
           "mass": rng.uniform(1e6, 1e7, 80), "density": 10**rng.uniform(6, 8, 80), "metallicity": np.full(80, 0.02),
           "temperature": np.where(np.arange(80) % 2, 1e5, 1e3), "sfr": np.zeros(80)}
    np.savez(case.path("gas.npz"), **gas)
    names = {"position": ("Position", "kpc"), "velocity": ("Velocity", "km/s"), "mass": ("Mass", "Msun"),
             "density": ("Density", "Msun/kpc^3"), "metallicity": ("Metallicity", "1"),
             "temperature": ("Temperature", "K"), "sfr": ("StarFormationRate", "Msun/yr")}
    with h5py.File(case.file, "a") as f:
        for key, (name, unit) in names.items():
            f.create_dataset("Gas/" + name, data=gas[key]).attrs["unit"] = unit
    want = case.cube(**case.fixed, Dust="gas")
    python(case, """
gas = {k: v for k, v in np.load("gas.npz").items()}
def dusty(gas, **more):
    return cubix.Chain({**case["parameters"], "Dust": "gas", **more}, stars, gas=gas, simulation=simulation)
with dusty(gas) as c:
    np.save("dusty.npy", c.forward())
leaves = ["gas_mass", "gas_position", "dust_to_metal", "position"]
with cubix.Chain({**case["parameters"], "Dust": "gas", "Deposit": "tsc"}, stars, gas=gas, simulation=simulation,
                 active=leaves) as c:
    assert c.leaf_shape("gas_mass") == (80,) and c.leaf_shape("gas_position") == (80, 3)
    cube = c.forward()
    bar = c.vjp(np.ones_like(cube))
    assert (c.get("gas_mass") == gas["mass"]).all()
    assert bar["gas_position"].shape == (80, 3) and (bar["gas_mass"] <= 0).all() and bar["gas_mass"].min() < 0
    dimmed = (bar["gas_mass"] * gas["mass"]).sum()               # all dust is in proportion to mass
    assert abs(dimmed / (bar["dust_to_metal"] * c.get("dust_to_metal")) - 1) < 1e-9
    more = c.forward(gas_mass=1.001 * gas["mass"]).astype(float).sum() - cube.astype(float).sum()
    assert abs(more / (1e-3 * dimmed) - 1) < 0.02
orient = dict(Orientation="angles", Alpha=20.0, Beta=40.0, Gamma=10.0, Deposit="tsc")   # gas turns and shifts with stars
with cubix.Chain({**case["parameters"], **orient, "Dust": "gas"}, stars, ["beta", "centre"], gas=gas,
                 simulation=simulation) as c, dusty(gas, **{**orient, "Beta": 75.0, "Centre": [0.4, -0.3, 0.2]}) as d:
    near(c.forward(beta=75.0, centre=[0.4, -0.3, 0.2]), d.forward(), 1e-5)
    assert abs(c.forward() - c.forward(beta=40.0)).max() > 0
raises("gas has no mass", dusty, {k: v for k, v in gas.items() if k != "mass"})
raises("gas has colour, which nothing looks at", dusty, {**gas, "colour": 1})
raises("gas given as arrays has no temperatures", dusty, {k: v for k, v in gas.items() if k != "temperature"})
raises("Density of cell 3 of the gas", dusty, {**gas, "density": np.where(np.arange(80) == 3, -1, gas["density"])})
raises("gas's sfr has shape", dusty, {**gas, "sfr": np.zeros(79)})
raises("stars were given as arrays without it", dusty, None)
raises("given without stars", cubix.Chain, {**case["parameters"], "Dust": "gas"}, None, gas=gas)
""")
    assert_close(np.moveaxis(np.load(case.path("dusty.npy")), -1, 0), want["DATA"], 1e-6,
                 level=np.abs(want["DATA"]).max(), what="dusty")


def test_lines_in_arrays(case):
    """Gas that shines has its derivatives: light is linear in star formation, and moves with the cells."""
    case.instrument(n_x=6, n_y=5, pixel=1.0, lam=(5080.0, 5279.0, 2.0))
    rng = np.random.default_rng(5)
    np.savez(case.path("gas.npz"), position=rng.normal(0, 1, (30, 3)), velocity=rng.normal(0, 50, (30, 3)),
             mass=rng.uniform(1e6, 1e7, 30), smoothing_length=rng.uniform(0.3, 1, 30), metallicity=np.full(30, 0.01),
             sfr=np.where(np.arange(30) % 3, 0.1, 0))
    python(case, """
gas = {k: v for k, v in np.load("gas.npz").items()}
shine = {**case["parameters"], "Lines": "sfr", "Deposit": "tsc"}
leaves = ["gas_sfr", "gas_velocity", "gas_position", "gas_metallicity", "line_log_u", "systemic_velocity"]
with cubix.Chain({**shine, "Lines": "none"}, stars, simulation=simulation) as c:
    dark = c.forward().astype(float).sum()
with cubix.Chain(shine, stars, leaves, gas=gas, simulation=simulation) as c:
    assert c.leaf_shape("gas_sfr") == (30,) and c.leaf_shape("gas_velocity") == (30, 3)
    near(c.get("gas_velocity"), gas["velocity"], 1e-12)
    assert (c.get("gas_sfr") == gas["sfr"]).all()
    cube = c.forward()
    lines = cube.astype(float).sum() - dark
    w = np.random.default_rng(2).normal(size=cube.shape).astype(np.float32)
    bar, sum_bar = c.vjp(w), c.vjp(np.ones_like(cube))
    assert abs((sum_bar["gas_sfr"] * gas["sfr"]).sum() / lines - 1) < 1e-4
    assert (sum_bar["gas_sfr"][::3] == 0).all() and lines > 0.01 * dark
    d = np.random.default_rng(3).normal(size=(30, 3))
    near((c.jvp({"gas_velocity": d}).astype(float) * w).sum(), (bar["gas_velocity"] * d).sum(), 1e-4)
    f = [(c.forward(gas_velocity=gas["velocity"] + e * d).astype(float) * w).sum() for e in (1, -1)]
    near((f[0] - f[1]) / 2, (bar["gas_velocity"] * d).sum(), 0.02)
raises("nothing changes with GasVelocity: it belongs to Lines sfr", cubix.Chain, {**shine, "Lines": "stars"}, stars,
       ["gas_velocity"], gas=gas, simulation=simulation)
""")


def test_views_and_copies(case):
    python(case, """
c = chain(active="Mass")
first = c.forward()
view = c.forward(copy=False, mass=2 * stars["mass"])
assert first.flags.owndata and first.flags.writeable and not view.flags.owndata and not view.flags.writeable
near(view, 2 * first, 1e-6)
assert np.array_equal(c.get("mass"), 2 * stars["mass"]) and set(c.values) == {"Mass"}
near(c.forward(mass=stars["mass"]), first, 1e-7)
""")


def test_errors(case):
    python(case, """
error = raises("unknown parameter Redshfit; did you mean Redshift?", chain, Redshfit=1)
assert error.code > 0 and error.meaning == "wrong command line or parameter"
raises("cannot read the parameter file nowhere.param", cubix.Chain, "nowhere.param")
raises("there are Mass, Age", chain, active="mass,colour")
raises("names something twice", chain, active=["mass", "Mass"])
raises("Inclination", chain, active="Inclination")                       # has no say without Orientation inclined
raises("ResampleYoung = 10000 Msun", chain, ResampleYoung=1e4)                  # stars given as arrays stay as they are
raises("stars have no velocity", cubix.Chain, case["parameters"], {k: v for k, v in stars.items() if k != "velocity"})
raises("stars have colour", cubix.Chain, case["parameters"], {**stars, "colour": stars["age"]})
raises("stars' age has shape (59,); it must be (60,)", cubix.Chain, case["parameters"],
       {**stars, "age": stars["age"][1:]})
stars["mass"][7] *= -1
raises("mass of star 7 (of 0 to 59)", chain)
stars["mass"][7] = np.nan
raises("mass of star 7 (of 0 to 59) is nan Msun; it must be finite and in 0..1e+30", chain)
stars["mass"][7] = 1e4
c = chain(active="mass,age")
raises("derivatives are taken where forward was", c.vjp, 0)
cube = c.forward()
raises("cube_bar has shape (3,)", c.vjp, np.zeros(3))
raises("Velocity is not active", c.jvp, {"Velocity": np.zeros((60, 3))})
c.put(age=stars["age"] * 1.1)
raises("values were put after the last forward", c.vjp, cube)
raises("age has shape (3,); it must be (60,)", c.forward, age=np.ones(3))
c.close()
raises("this chain is closed", c.forward)
""")


def test_arrays_that_say_more_than_their_numbers(case):
    """Units, masks, imaginary parts: numpy would pass over them in silence."""
    python(case, """
import warnings
warnings.simplefilter("error")
class Quantity(np.ndarray):                                               # as astropy's
    unit = "Mpc"
class Array(np.ndarray):                                                  # as unyt's and pynbody's
    units = "Mpc"
class Pure(np.ndarray):
    unit = ""
masked = np.ma.masked_array(stars["mass"], mask=np.arange(60) < 30)
for name, value, words in (("position", stars["position"].view(Quantity), "stars' position has a unit of its own, Mpc"),
                           ("mass", masked, "stars' mass has masked values"),
                           ("position", stars["position"].view(Array), "a unit of its own, Mpc"),
                           ("age", stars["age"] + 0j, "stars' age has complex numbers")):
    raises(words, cubix.Chain, case["parameters"], {**stars, name: value})
raises("stars have mass twice", cubix.Chain, case["parameters"], {**stars, "Mass": stars["mass"]})
c = chain(active="mass,age")
cube = c.forward()
raises("age has a unit of its own, Mpc", c.forward, age=stars["age"].view(Quantity))
raises("mass has masked values", c.put, mass=masked)
raises("mass has masked values", c.jvp, {"mass": masked})
raises("put twice: age, Age", c.forward, age=stars["age"], Age=2 * stars["age"])
raises("cube_bar has complex numbers", c.vjp, 1j * cube)
raises("weight has masked values", c.gnvp, np.ma.masked_less(cube, cube.max()), {"mass": stars["mass"]})
# nothing of it masked; no unit
assert np.array_equal(c.forward(age=np.ma.masked_array(stars["age"]), mass=stars["mass"].view(Pure)), cube)
raises("has a zero byte", chain, SspFile="ssp.hdf5\\0.old")
raises("has a zero byte", cubix.Chain, "a.param\\0b")
raises("HubbleParam is 67.74; it is H0/(100 km/s/Mpc) and must be at most 2", cubix.Chain, case["parameters"], stars,
       simulation={"HubbleParam": 67.74})
""")


def test_values_that_are_refused_change_nothing(case):
    python(case, """
more = dict(Orientation="angles", Deposit="tsc", Psf="moffat", PsfFwhm=1.0, PsfBeta=3.0, Lsf="gaussian", LsfFwhm=4.0,
            Engine="direct", SystemicVelocity=[0, 0, 0])
c = chain("position,redshift,psf_fwhm,psf_beta,lsf_fwhm", **more)
cube = c.forward()
for name, bad, words in (("psf_fwhm", 9000., "the PSF's margin"), ("lsf_fwhm", 0., "must be above 0 and in"),
                         ("redshift", 25., "it must be -0.01..20"), ("redshift", -1., "it must be -0.01..20"),
                         ("redshift", -0.005, "determines no distance"), ("redshift", 0., "determines no distance"),
                         ("mass_scale", 1e-320, "it must be in 1e-100"),
                         ("distance", 9., "Distance is 0"), ("smoothing_length", np.ones(60), "changes nothing"),
                         ("inclination", 5., "it belongs to Orientation inclined")):
    raises(words, c.put, **{name: bad})
    if name not in ("smoothing_length", "distance", "inclination"):
        assert c.get(name) == {"psf_fwhm": 1, "lsf_fwhm": 4, "redshift": 0.05, "mass_scale": 1}[name]
c.put(psf_beta=3.1)                                                       # with the old width, not the refused one
c.put(psf_beta=3.0)
assert np.array_equal(c.forward(), cube)
# the library itself, which does not look at Python's memory of puts: no derivative between a put and a forward
c.put(position=0.5 * stars["position"])
c._fresh = True
raises("run forward first", c.vjp, cube)
raises("run forward first", c.jvp, {"position": stars["position"]})
# templates beyond what was read are read; not where they are the caller's
far = c.forward(redshift=0.06, velocity=20 * stars["velocity"], position=stars["position"])
stars["velocity"] *= 20
fresh = chain("position,redshift,psf_fwhm,psf_beta,lsf_fwhm", **{**more, "Redshift": 0.06}).forward()
assert np.array_equal(far, fresh)
raises("needs the library's templates", chain("mass", **more).put, redshift=0.0501)
own = chain("luminosity", **more)
raises("open again with these velocities", own.forward, velocity=10 * stars["velocity"])
# stars without what the parameters ask for; images in a periodic box
raises("have no smoothing lengths", chain, **{**more, "Deposit": "gaussian"})
raises("have no potential", chain, **{**more, "Centre": "potential"})
simulation["BoxSize"] = 100.0
box = chain("position", **more)
cube = box.forward()
near(box.forward(position=np.mod(stars["position"], 100.0)), cube, 1e-6)        # cut by the box
near(box.forward(position=stars["position"] - 100.0), cube, 1e-6)
# lengths from neighbours, which a box may have put on its other side
square = ((stars["position"][:, None] - stars["position"])**2).sum(axis=2)
far = {"Deposit": "cubic", "SmoothingLength": "knn", "KnnNeighbours": 5}
near(chain("position", **{**more, **far}).get("smoothing_length"), np.sqrt(np.sort(square, axis=1)[:, 5]), 1e-12)
stars["position"] = np.mod(stars["position"], 100.0)
near(chain("position", **{**more, **far}).get("smoothing_length"), np.sqrt(np.sort(square, axis=1)[:, 5]), 1e-10)
""")


def test_new_templates_are_taken_without_opening_again(case):
    python(case, """
import h5py
c = chain("luminosity")
metals, ages, wave = c.templates
with h5py.File(case["parameters"]["SspFile"]) as f:
    assert np.array_equal(metals, f["Metallicity"][()]) and np.array_equal(ages, f["Age"][()])
    k = int(np.flatnonzero(f["Wavelength"][()] == wave[0])[0])
    assert np.array_equal(wave, f["Wavelength"][k:k + len(wave)])
    light = f["Luminosity"][:, :, k:k + len(wave)]
assert c.leaf_shape("luminosity") == (light.size,) and np.array_equal(c.get("luminosity"), light.ravel())
cube = c.forward()
near(c.forward(luminosity=3 * light), 3 * cube.astype(float), 1e-6)
other = light * (1 + 0.3 * np.sin(wave / 40.))
new, bar = c.forward(luminosity=other), c.vjp(np.ones_like(cube))["luminosity"]
near((bar * other.ravel()).sum(), new.astype(float).sum(), 1e-5)          # the cube is linear in them
with h5py.File(case["parameters"]["SspFile"], "r+") as f:
    f["Luminosity"][:, :, k:k + len(wave)] = other
near(chain("").forward(), new, 1e-6)                                      # as a file with these templates
""")


def test_a_missing_library_is_told_once_and_clearly(tmp_path):
    world = harness.environment(extra={"PYTHONPATH": str(SOURCE / "python"), "CUBIX_LIBRARY": "/nowhere/libcubix.so"})
    done = subprocess.run([sys.executable, "-c", "import cubix; cubix.leaves()"], env=world, cwd=tmp_path, text=True,
                          capture_output=True)
    assert done.returncode == 1 and re.search(r"cubix.*Error: libcubix.so was not found; looked at: CUBIX_LIBRARY\. "
                                              r"Build and install", done.stderr), done.stderr


def test_the_build_folder_of_a_source_tree_is_looked_into(tmp_path):
    shutil.copytree(SOURCE / "python" / "cubix", tmp_path / "python" / "cubix")
    for file in ("src/params/params.def", "build/mine/libcubix.so"):
        (tmp_path / file).parent.mkdir(parents=True)
    shutil.copy(SOURCE / "src/params/params.def", tmp_path / "src/params/params.def")
    (tmp_path / "build/mine/libcubix.so").symlink_to(LIBRARY)
    done = subprocess.run([sys.executable, "-c",
                           "from cubix import _library; print(*_library._candidates(), sep='\\n')"],
                          env=harness.environment(extra={"PYTHONPATH": str(tmp_path / "python")}), cwd=tmp_path,
                          text=True, capture_output=True)
    assert str(tmp_path / "build/mine/libcubix.so") in done.stdout, done.stdout + done.stderr


# ---- derivatives ---------------------------------------------------------------------------------

@pytest.mark.parametrize("library, tolerance", [(LIBRARY, 1e-5), (TWIN, 1e-11)], ids=["float32", "float64"])
def test_products_fit_each_other(case, library, tolerance):
    case.path("smooth.json").write_text(json.dumps(SMOOTH))
    python(case, f"""
names = ["mass", "age", "Metallicity", "velocity", "Position", "alpha", "psf_fwhm", "FluxScale"]
c = chain(names, **json.load(open("smooth.json")))
cube, rng = c.forward(), np.random.default_rng(3)
assert {{n: v.shape for n, v in c.values.items()}} == {{"mass": (60,), "age": (60,), "Metallicity": (60,),
    "velocity": (60, 3), "Position": (60, 3), "alpha": (), "psf_fwhm": (), "FluxScale": ()}}
w = rng.standard_normal(cube.shape).astype(c.dtype)
bars = c.vjp(w)
assert list(bars) == names
for n, b in bars.items():
    assert b.shape == c.leaf_shape(n) and b.dtype == np.float64 and np.isfinite(b).all()
# the cube is linear in mass
near((bars["mass"] * stars["mass"]).sum(), np.vdot(w.astype(float), cube), 1e-4 if {tolerance} > 1e-6 else 1e-10)
near(bars["FluxScale"], np.vdot(w.astype(float), cube), 1e-4 if {tolerance} > 1e-6 else 1e-10)
size = {{"mass": 1e3, "age": 1e-2, "Metallicity": 1e-4, "velocity": 1., "Position": 1e-2, "alpha": .1,
         "psf_fwhm": .01, "FluxScale": .01}}
dots = {{n: size[n] * rng.standard_normal(c.leaf_shape(n)) for n in names}}
cube_dot = c.jvp(dots).astype(float)
level = np.linalg.norm(cube_dot) * np.linalg.norm(w)
assert abs(np.vdot(cube_dot, w) - sum((bars[n] * dots[n]).sum() for n in names)) <= {tolerance} * level
for n in names:                                                   # one by one they add up to all
    cube_dot = cube_dot - c.jvp({{n: dots[n]}})
assert abs(cube_dot).max() <= 10 * {tolerance} * level / np.linalg.norm(w)
weight = rng.uniform(1, 2, cube.shape).astype(c.dtype)
product, again = c.gnvp(weight, dots), c.vjp(weight * c.jvp(dots))
for n in names:
    near(product[n], again[n], 100 * {tolerance})
""", library=library)


def test_central_differences(case):
    case.path("smooth.json").write_text(json.dumps(SMOOTH))
    python(case, """
c = chain(["age", "velocity", "beta"], **json.load(open("smooth.json")))
start = c.values
w = np.random.default_rng(3).standard_normal(c.forward().shape)
bars = c.vjp(w)
for name, h in (("age", 1e-5), ("velocity", 0.1), ("beta", 1e-3)):
    dot = np.random.default_rng(4).uniform(.5, 1.5, c.leaf_shape(name))
    plus, minus = (np.vdot(w, c.forward(**{**start, name: start[name] + s * h * dot})) for s in (1, -1))
    near((plus - minus) / (2 * h), (bars[name] * dot).sum(), 1e-6)
""", library=TWIN)


# ---- ranks ---------------------------------------------------------------------------------------

def test_two_ranks_are_one_galaxy(case):
    case.path("smooth.json").write_text(json.dumps(SMOOTH))
    body = """
part = slice(cubix.rank() * 60 // cubix.size(), (cubix.rank() + 1) * 60 // cubix.size())
c = chain(["mass", "velocity", "alpha"], part, **json.load(open("smooth.json")))
cube = c.forward(alpha=25.)
cube = c.forward(velocity=stars["velocity"][part])              # put by each rank, agreed by all
assert c.wavelength[c.channels].size == c.shape[2]
bars = c.vjp(np.sin(np.arange(np.prod(c.field))).reshape(c.field)[:, :, c.channels])
np.savez(f"{cubix.size()}-{cubix.rank()}.npz", cube=cube, **bars)
"""
    python(case, body)
    python(case, body, ranks=2)
    one = np.load(case.path("1-0.npz"))
    two = [np.load(case.path(f"2-{rank}.npz")) for rank in (0, 1)]
    assert_close(np.concatenate([t["cube"] for t in two], 2), one["cube"], 1e-6, level=one["cube"].max(), what="cube")
    for name in ("mass", "velocity"):
        assert_close(np.concatenate([t[name] for t in two]), one[name], 1e-5, level=np.abs(one[name]).max(), what=name)
    for t in two:
        assert_close(t["alpha"], one["alpha"], 1e-5, what="alpha")


def test_an_exception_on_one_rank_ends_the_job(case):
    """Rank 0 waits for rank 1, which must end without waiting for rank 0, and without anything that ranks do together,
    as closing a chain is.  A job that does not end runs into the limit of all tests."""
    done = python(case, """
from cubix import _library
c = chain()
if cubix.rank() == 1:
    _library._library.cubix_mpi_binding_close = lambda binding: print("a chain was closed", file=sys.stderr)
    raise ValueError("this rank has had enough")
c.forward()
print("rank 0 went on")
""", ranks=2, status=1)
    assert "this rank has had enough" in done.err
    assert "a chain was closed" not in done.err and "went on" not in done.out, done.err


def test_mpi_of_the_host_program_is_left_to_it(case):
    python(case, """
import ctypes
from cubix import _library
host, flag = ctypes.CDLL(os.environ["CUBIX_LIBRARY"]), ctypes.c_int()
assert host.MPI_Init_thread(None, None, 2, ctypes.byref(flag)) == 0
chain().forward()
_library._finish()
host.MPI_Finalized(ctypes.byref(flag))
assert flag.value == 0
host.MPI_Finalize()
os._exit(0)                                        # what _finish would do again
""")


# ---- torch, jax, sbi -----------------------------------------------------------------------------

def test_torch(case):
    need("torch")
    case.path("smooth.json").write_text(json.dumps(SMOOTH))
    python(case, """
import torch, cubix.torch
c = chain(["age", "velocity", "alpha", "psf_fwhm"], slice(0, 4), **json.load(open("smooth.json")))
start = {n: torch.tensor(v, requires_grad=True) for n, v in c.values.items()}
unit = {"age": .1, "velocity": 10., "alpha": 1., "psf_fwhm": .1}       # of a size that a step of 1e-6 serves
scale = float(c.forward().max())
def function(*x):
    return cubix.torch.forward(c, **{n: unit[n] * v for n, v in zip(start, x)}) / scale
x = tuple((v.detach() / unit[n]).requires_grad_() for n, v in start.items())
assert torch.autograd.gradcheck(function, x, atol=1e-6, rtol=1e-5, check_forward_ad=True)
w = torch.randn(c.shape, dtype=torch.float64)
cube = cubix.torch.forward(c, **start)
elsewhere = cubix.torch.forward(c, age=start["age"].detach() * 2)
(cube * w).sum().backward()                                             # goes back to where the cube was made
c.forward(**{n: v.detach().numpy() for n, v in start.items()})
for n, bar in c.vjp(w.numpy()).items():
    near(start[n].grad.numpy(), bar, 1e-12)
cube = cubix.torch.forward(c, age=start["age"])
c.put(alpha=3.)
raises("were put between forward and its derivative", cube.sum().backward)
raises("mass requires a gradient, but is not active", cubix.torch.forward, c, mass=start["age"])
""", library=TWIN, timeout=180)


def test_torch_in_single_precision(case):
    need("torch")
    python(case, """
import torch, cubix.torch
c = chain("mass")
mass = torch.tensor(stars["mass"], dtype=torch.float32, requires_grad=True)
cube = cubix.torch.forward(c, mass=mass)
assert cube.dtype == torch.float32 and tuple(cube.shape) == c.shape
cube.sum().backward()
assert mass.grad.dtype == torch.float32
near((mass.grad * mass.detach()).sum(), cube.detach().sum(), 1e-4)
""", timeout=180)


def test_jax(case):
    need("jax")
    case.path("smooth.json").write_text(json.dumps(SMOOTH))
    python(case, """
import jax, cubix.jax
jax.config.update("jax_enable_x64", True)
c = chain(["age", "velocity", "alpha"], **json.load(open("smooth.json")))
cube, values = cubix.jax.forward(c), c.values
w = np.random.default_rng(3).standard_normal(c.shape)
near(cube(values), c.forward(**values), 1e-12)
gradient = jax.grad(lambda v: (cube(v) * w).sum())
for function in (gradient, jax.jit(gradient)):
    got = function(values)
    c.forward(**values)
    for n, bar in c.vjp(w).items():
        near(got[n], bar, 1e-12)
many = jax.vmap(jax.grad(lambda a: (cube({**values, "alpha": a}) * w).sum()))(np.array([10., 20.]))
c.forward(**{**values, "alpha": 10.})
near(many[0], c.vjp(w)["alpha"], 1e-12)
raises("metallicity: not active", cube, {"metallicity": 1.})
raises("age has shape (3,)", cube, {"age": np.ones(3)})
""", library=TWIN, timeout=180)


def test_example_of_an_imf(tmp_path):
    """The gradient of a cube's chi2 with the IMF's slope, through jax and the chain, is the difference of two cubes', and
    leads back to the slope that the cube was made with."""
    need("jax")
    need("fastar")
    world = harness.environment(extra={"CUBIX_LIBRARY": str(LIBRARY), "PYTHONPATH": str(SOURCE / "python"),
                                       "PYTHONDONTWRITEBYTECODE": "1"})
    done = subprocess.run([sys.executable, SOURCE / "examples/imf/imf.py", "--stars", "300", "--small"], env=world,
                          cwd=tmp_path, text=True, capture_output=True, timeout=900)
    assert done.returncode == 0, done.stderr[-3000:]
    gradient, difference = map(float, re.search(r"gradient (\S+) difference (\S+)", done.stdout).groups())
    assert abs(gradient / difference - 1) < 2e-4, done.stdout
    truth, found = map(float, re.search(r"truth (\S+) found (\S+)", done.stdout).groups())
    assert abs(found - truth) < 0.01, done.stdout


def test_example_of_inference(tmp_path):
    need("sbi")
    need("matplotlib")
    world = harness.environment(extra={"CUBIX_LIBRARY": str(LIBRARY), "PYTHONPATH": str(SOURCE / "python"),
                                       "PYTHONDONTWRITEBYTECODE": "1"})
    done = subprocess.run([sys.executable, SOURCE / "examples/inference/inference.py", "--simulations", "250",
                           "--stars", "1000", "--output", "x.png"], env=world, cwd=tmp_path,
                          text=True, capture_output=True, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    found = re.findall(r"truth +(\S+) +posterior +(\S+) \+- (\S+) +Fisher \+- (\S+)", done.stdout)
    for truth, mean, spread, least in (map(float, row) for row in found):
        assert abs(mean - truth) < 4 * spread and 0.8 * least < spread, done.stdout
    assert len(found) == 2 and (tmp_path / "x.png").stat().st_size > 5000


# ---- installing ----------------------------------------------------------------------------------

def test_pip_installs_it(tmp_path):
    need("pip")
    if version_of("setuptools") < (70, 1):
        pytest.skip(f"{sys.executable} has no setuptools that makes wheels by itself (70.1 or newer)")
    shutil.copytree(SOURCE / "python", tmp_path / "python",
                    ignore=shutil.ignore_patterns("build", "*.egg-info", "__pycache__"))
    done = subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation",
                           "--no-index", "--target", tmp_path / "there", tmp_path / "python"],
                          text=True, capture_output=True)
    assert done.returncode == 0, done.stderr[-3000:]
    assert {p.name for p in (tmp_path / "there" / "cubix").glob("*.py")} == {p.name
                                                                             for p in (SOURCE / "python"
                                                                                       / "cubix").glob("*.py")}
    version = re.search(r"AC_INIT\(\[CUBIX\], \[(.*?)\]", (SOURCE / "configure.ac").read_text()).group(1)
    assert (tmp_path / "there" / f"cubix-{version}.dist-info").is_dir()
