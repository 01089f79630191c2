"""Derivatives through a bundle of fibres: the chain's products with the Jacobian and its transpose against each other and
against steps of the forward run; Mode gradient and Mode fit on a rebuilt cube."""
import sys

import h5py
import numpy as np
import pytest

from harness import BUILD, SOURCE, assert_close, galaxy, read_cube, run, within
from test_gradient import check_products, check_steps, prove

NOISE = dict(area=5e5, sky=(2e-17,), read_noise=3.0, exposure=900.0)
LEAVES = "Mass,Age,Metallicity,Velocity,Position,Centre,SystemicVelocity,PointingX,PointingY,Roll,MassScale,FluxScale"
VIEW = dict(Redshift=0.05, Centre=(0, 0, 0), SystemicVelocity=(0, 0, 0), Sampling="fibres", FibreSubsample=2,
            Deposit="tsc", Psf="gaussian", PsfFwhm=0.9)
BUNDLE = """fibres:
{
bundle = "hexagon"; count = 7; core = ( 1.0, "arcsec" ); pitch = ( 1.2, "arcsec" );
dither = "three"; dither_step = ( 0.7, "arcsec" ); seeing = ( 0.9, "arcsec" );
%s
};
"""
SHEPARD = 'rebuild = "shepard"; sigma = ( 0.4, "arcsec" ); limit = ( 0.9, "arcsec" );'
DRIZZLE = 'rebuild = "drizzle"; drop = 0.8;'


def setup(bench, rebuild=SHEPARD, n=60, lam=(5000.0, 5079.0, 1.0), centre=(0, 0, 0), **more):
    """Seven fibres, three dithers, and a galaxy about as large as the bundle."""
    bench.instrument(8, 8, 0.4, lam=lam, **NOISE, **more)
    with open(bench.inst_file, "a") as file:
        file.write(BUNDLE % rebuild)
    bench.ssp("mixed", step=1.5, fwhm=1.5)
    bench.particles(galaxy(n, seed=17, radius=1.2, centre=centre))


CASES = {"shepard": (LEAVES + ",PsfFwhm", dict()), "nearest": ("Mass,Velocity,PsfFwhm", dict(Deposit="nearest")),
         "drizzle": ("Mass,Position,Redshift,PsfFwhm", dict(Psf="moffat", PsfBeta=2.8, rebuild=DRIZZLE)),
         "field": ("Mass,Position,PointingX", dict(FieldOfView="2.4 3.2")),
         "refraction": ("Mass,Velocity,Position,PointingX,PsfFwhm",
                        dict(lam=(4800.0, 6300.0, 30.0), Airmass=1.8, ParallacticAngle=35)),
         "screen": ("Mass,Redshift,LsfFwhm,DustScreen,DustRv",
                    dict(Lsf="gaussian", LsfFwhm=4.0, Dust="screen", DustScreen=1.2))}


@pytest.mark.parametrize("case", CASES)
def test_products_and_steps_in_float64(bench, case):
    leaves, parameters = CASES[case]
    parameters = {**VIEW, **parameters}
    setup(bench, parameters.pop("rebuild", SHEPARD), lam=parameters.pop("lam", (5000.0, 5079.0, 1.0)))
    told = prove(bench, leaves, taylor=True, **parameters)
    check_products(told, 1e-12)
    check_steps(told)


@pytest.mark.parametrize("how", [dict(Engine="direct"), dict(Engine="histogram", Combine="histogram"),
                                 dict(Engine="histogram", Combine="cube")], ids=["direct", "slabs", "cube"])
def test_products_on_ranks(bench, how):
    setup(bench)
    for ranks in (1, 2, 3):
        told = prove(bench, "Mass,Velocity,Position,PsfFwhm", "prove_chain", ranks=ranks, **VIEW, **how)
        check_products(told, 1e-5)


def derive(bench, mode, ranks=1, status=0, program="cubix", **parameters):
    wanted = {**VIEW, "Mode": mode, "ObservedFile": bench.path("seen.fits"), "OutputFile": bench.path("out.fits"),
              **parameters}
    done = run(program, [bench.parameters(**wanted)], ranks, cwd=bench.folder)
    assert done.status == status, done.out[-2000:] + done.err[-3000:]
    return done


def rows(path):
    lines = [line.split() for line in path.read_text().splitlines() if not line.startswith("#")]
    return {line[0]: [float(word) for word in line[1:3]] for line in lines}


def test_gradient_has_the_same_bits_on_any_ranks(bench):
    setup(bench, n=200)
    how = dict(Engine="histogram", Combine="histogram")
    bench.cube(**VIEW, **how, OutputFile=bench.path("seen.fits"), Noise="snr", SignalToNoise=20.0)
    names, first = ("Mass", "Velocity", "Position"), None
    for ranks in (1, 2, 3):
        derive(bench, "gradient", ranks, Parameters=",".join(names) + ",PsfFwhm", PsfFwhm=0.85, **how)
        with h5py.File(bench.path("out-gradient.hdf5"), "r") as file:
            got = {name: file["Stars"][name][()] for name in names}
        whole = rows(bench.path("out-gradient.txt"))["PsfFwhm"]
        first = first or (got, whole)
        for name in names:
            assert np.array_equal(got[name], first[0][name]) and np.any(got[name] != 0), (name, ranks)
        assert within(whole, first[1], rtol=1e-9)


@pytest.mark.parametrize("ranks", [1, 2])
def test_fit_finds_the_truth(bench, ranks):
    """And what it writes is what Mode cube makes of its best values, the fibres' spectra too."""
    setup(bench)
    bench.cube(**VIEW, OutputFile=bench.path("seen.fits"), Noise="snr", SignalToNoise=30.0)
    derive(bench, "fit", ranks, Parameters="PointingX,PsfFwhm", PointingX=0.2, PsfFwhm=1.1, Noise="snr",
           SignalToNoise=30.0, KeepNoiseFree="yes")
    told = rows(bench.path("out-fit.txt"))
    for name, true in (("PointingX", 0.0), ("PsfFwhm", 0.9)):
        value, error = told[name]
        # the noise of neighbours is correlated, which the errors do not know
        assert 0 < error < 0.05 and abs(value - true) < 10 * error, told
    best = {name: value for name, (value, _) in told.items()}
    bench.cube(**{**VIEW, **best}, Noise="snr", SignalToNoise=30.0, KeepNoiseFree="yes",
               OutputFile=bench.path("again.fits"))
    for ending, names in (("", ("NOISEFREE", "STAT", "LIGHT_OBS")), ("-rss", ("FLUX", "IVAR"))):
        got, want = (read_cube(bench.path(stem + ending + ".fits")) for stem in ("out", "again"))
        for name in names:
            assert_close(got[name], want[name], 3e-5, level=np.abs(want[name]).max())
    header = [read_cube(bench.path(stem + ".fits"))["header"]["PRIMARY"] for stem in ("out", "again")]
    assert header[0]["SAMPLING"] == "fibres" and within(header[0]["PSFFWHM"], header[1]["PSFFWHM"], rtol=1e-6)


SCRIPT = """
import sys
import numpy as np
import cubix
chain = cubix.Chain(sys.argv[1], active="Mass,PointingX")
cube = np.array(chain.forward())
rng = np.random.default_rng(1)
bar = rng.normal(size=cube.shape)
dot = {"Mass": 1e5 * rng.normal(size=chain.get("Mass").shape), "PointingX": 0.3}
change, back = chain.jvp(dot), chain.vjp(bar)
left = float((np.asarray(change, float) * bar).sum())
right = float(sum((np.asarray(back[name]) * dot[name]).sum() for name in dot))
print(*cube.shape, left, right, float(np.abs(change * bar).sum()))
"""


def python(bench, text, **parameters):
    """Run a script of Python with the name of a parameter file."""
    library = BUILD / "libcubix.so"
    if not library.exists() or b"__asan_init" in library.read_bytes():
        pytest.skip("no library that Python can load")
    script = bench.path("script.py")
    script.write_text(text)
    world = {"CUBIX_LIBRARY": str(library), "PYTHONPATH": str(SOURCE / "python"), "PYTHONDONTWRITEBYTECODE": "1"}
    done = run(sys.executable, [script, bench.parameters(**VIEW, **parameters)], cwd=bench.folder, env=world)
    assert done.status == 0, done.err
    return done


def test_chain_of_python(bench):
    """forward is the rebuilt cube; <J d, w> = <d, J' w>."""
    setup(bench)
    done = python(bench, SCRIPT, Engine="direct")
    *shape, left, right, size = map(float, done.out.split())
    cube = bench.cube(**VIEW, Engine="direct")["DATA"]
    assert sorted(shape) == sorted(cube.shape)
    assert size > 0 and abs(left - right) < 1e-5 * size


ROLL = """
import sys
import cubix
chain = cubix.Chain(sys.argv[1])
before = chain.forward()
try:
    chain.forward(roll=40.0)
except cubix.Error as error:
    assert "turns the zenith" in str(error), error
else:
    raise SystemExit("another Roll was taken")
assert (chain.forward() == before).all()
"""


def test_roll_is_not_put_with_refraction(bench):
    """Cores would stay where the air has put them for the Roll that the chain began with."""
    setup(bench, lam=(4800.0, 6300.0, 30.0))
    python(bench, ROLL, Airmass=1.8, ParallacticAngle=35)
