"""cubix-plot on synthetic cubes that follow the layout of CUBIX's output: the picture shows the
galaxy where it is, and errors are one line."""
import contextlib
import importlib.machinery
import importlib.util
import io
import os
import subprocess
import sys

import numpy as np
import pytest
from astropy.io import fits

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
import matplotlib.pyplot  # noqa: E402
from matplotlib.image import imread  # noqa: E402

from harness import within  # noqa: E402

TOOL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "scripts", "cubix-plot")
TRUTH = {"MASS": "solMass", "MASS_NOW": "solMass", "AGE_M": "Gyr", "AGE_L": "Gyr", "Z_M": "", "Z_L": "",
         "VEL_M": "km/s", "VEL_L": "km/s",
         "SIG_M": "km/s", "SIG_L": "km/s", "NSTAR": "", "LINE_Ha": "10**(-20)*erg/s/cm**2", "AV_L": "mag",
         "AV_M": "mag", "LIGHT": "10**(-20)*erg/s/cm**2", "SFR": "solMass/yr"}


def wcs(n_x, n_y, scale, wave, roll=0.0, medium="AWAV"):
    """World coordinates as CUBIX writes them: the galaxy's centre in the middle of the field, RA
    growing to the left."""
    c, s, p = np.cos(np.radians(roll)), np.sin(np.radians(roll)), scale / 3600.0
    keys = {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CUNIT1": "deg", "CUNIT2": "deg", "CRVAL1": 150.0,
            "CRVAL2": 0.0, "CRPIX1": 0.5 * n_x + 0.5,
            "CRPIX2": 0.5 * n_y + 0.5, "CD1_1": -p * c, "CD1_2": p * s, "CD2_1": p * s, "CD2_2": p * c}
    if wave is not None:
        keys.update({"CTYPE3": medium, "CUNIT3": "Angstrom", "CRVAL3": wave[0], "CRPIX3": 1.0, "CD1_3": 0.0,
                     "CD2_3": 0.0, "CD3_1": 0.0, "CD3_2": 0.0,
                     "CD3_3": wave[1] - wave[0], "CDELT3": wave[1] - wave[0]})
    return keys


def galaxy(n_x=36, n_y=30, n_lambda=400, scale=0.4, noise=2.0, centre=(0.0, 0.0), size=1.6, seed=3):
    """Flux [1e-20 erg/s/cm2/AA], variance, wavelengths and maps of an inclined, rotating disc at
    `centre` [arcsec east, north]."""
    x, y = np.meshgrid(np.arange(n_x), np.arange(n_y))
    east, north = -(x - 0.5 * (n_x - 1)) * scale - centre[0], (y - 0.5 * (n_y - 1)) * scale - centre[1]
    pa = np.radians(60.0)
    major, minor = east * np.sin(pa) + north * np.cos(pa), east * np.cos(pa) - north * np.sin(pa)
    radius = np.hypot(major, minor / 0.55)
    light = 400.0 * np.exp(-radius / size)
    velocity = 180.0 * np.tanh(radius / 0.8) * major / np.maximum(radius, 1e-9)
    wave = 4750.0 + 11.0 * np.arange(n_lambda)
    rest = wave[:, None, None] / (1.01 * np.exp(velocity / 299792.458))
    flux = light * (1.0 + 0.3 * np.sin(rest / 700.0)) * (1.0 - 0.4 * np.exp(-0.5 * ((rest - 5175.0) / 12.0) ** 2) - 0.5
                                                         * np.exp(-0.5 * ((rest - 8545.0) / 12.0) ** 2))
    variance = np.full(flux.shape, noise ** 2)
    if noise:
        flux = flux + noise * np.random.default_rng(seed).standard_normal(flux.shape)
    n_star = np.floor(light * 3.0)
    lone = np.where(n_star > 0, 0.0, np.nan)
    maps = {"MASS": 1e5 * n_star, "MASS_NOW": 6e4 * n_star, "AGE_M": 8.0 - 0.5 * radius + lone,
            "AGE_L": 7.0 - 0.6 * radius + lone, "Z_M": 0.03 * np.exp(-radius / 9) + lone,
            "Z_L": 0.025 * np.exp(-radius / 9) + lone, "VEL_M": velocity + lone, "VEL_L": 0.98 * velocity + lone,
            "SIG_M": 40 + 80 * np.exp(-radius) + lone,
            "SIG_L": 42 + 80 * np.exp(-radius) + lone, "NSTAR": n_star}
    return flux, variance, wave, maps


def provenance(demo=True):
    return {"CREATOR": "CUBIX", "OBJECT": "snapshot_99", "INSTRUME": "MUSE",
            "SSPNAME": "CUBIX demo" if demo else "E-MILES", "SSPDEMO": demo,
            "REDSHIFT": 0.01, "KPCARC": 0.21194}


def write_fits(path, flux, variance, wave, maps, scale=0.4, roll=0.0, facts=None, outside=None,
               unit="10**(-20)*erg/s/cm**2/Angstrom", medium="AWAV"):
    n_y, n_x = flux.shape[1:]
    primary = fits.PrimaryHDU()
    for key, value in (facts or provenance()).items():
        primary.header[key] = value
    hdus = [primary]

    def image(name, data, unit, n_axis):
        hdu = fits.ImageHDU(data, name=name)
        if unit:
            hdu.header["BUNIT"] = unit
        for key, value in wcs(n_x, n_y, scale, wave if n_axis == 3 else None, roll, medium).items():
            hdu.header[key] = value
        hdus.append(hdu)

    image("DATA", flux.astype(np.float32), unit, 3)
    image("STAT", variance.astype(np.float32), "(%s)**2" % unit, 3)
    image("DQ", np.broadcast_to(np.zeros((n_y, n_x), np.int32) if outside is None else outside.astype(np.int32),
                                flux.shape).copy(), "", 3)
    for name, values in maps.items():
        image(name, values, TRUTH[name.replace("_OBS", "")], 2)
    fits.HDUList(hdus).writeto(path, overwrite=True)


def write_hdf5(path, flux, variance, wave, maps, scale=0.4):
    h5py = pytest.importorskip("h5py")
    n_y, n_x = flux.shape[1:]
    with h5py.File(path, "w") as file:
        for name, data, unit in [("DATA", flux.astype(np.float32), "10**(-20)*erg/s/cm**2/Angstrom"),
                                 ("STAT", variance.astype(np.float32), ""),
                                 ("DQ", np.zeros(flux.shape, np.int32), "1")] + [(name, values, TRUTH[name] or "1")
                                                                                 for name, values in maps.items()]:
            item = file.create_dataset(name, data=data)
            item.attrs["unit"] = np.bytes_(unit)
            for key, value in wcs(n_x, n_y, scale, wave if data.ndim == 3 else None).items():
                item.attrs[key] = np.bytes_(value) if isinstance(value, str) else value
        for key, value in provenance().items():
            file["Provenance/" + key] = np.bytes_(value) if isinstance(value, str) else value


def load():
    """The tool as a module: starting Python and matplotlib anew for every picture would take seconds."""
    loader = importlib.machinery.SourceFileLoader("cubix_plot", TOOL)
    spec = importlib.util.spec_from_loader("cubix_plot", loader)
    tool = importlib.util.module_from_spec(spec)
    sys.dont_write_bytecode, before = True, sys.dont_write_bytecode
    loader.exec_module(tool)
    sys.dont_write_bytecode = before
    return tool


PLOT = load()
from cubix_plot import convergence as plot_convergence, spectra  # noqa: E402  (the tool puts them on the path)
from cubix_plot.cube import Cube  # noqa: E402


def run(*arguments):
    """Exit status and standard error of cubix-plot."""
    stream = io.StringIO()
    with contextlib.redirect_stderr(stream):
        code = PLOT.main([str(word) for word in arguments])
    matplotlib.pyplot.close("all")
    return code, stream.getvalue()


def picture(path):
    return imread(str(path))[..., :3]


def image_box(rgb):
    """The rectangle of the white-light image: the dark columns of the left part (sky is black in the colour map)."""
    dark = rgb.sum(axis=2) < 0.25
    left = dark[:, :int(0.376 * rgb.shape[1])]
    columns, rows = np.flatnonzero(left.mean(axis=0) > 0.3), np.flatnonzero(left.mean(axis=1) > 0.35)
    return columns[0], columns[-1], rows[0], rows[-1]


def centroid(rgb):
    """Where the light is in the white-light image, as fractions from its left and its bottom."""
    x0, x1, y0, y1 = image_box(rgb)
    part = rgb[y0:y1, x0:x1]
    bright = np.where(part.sum(axis=2) > 1.2, part.sum(axis=2), 0.0)
    bright[:, :int(0.1 * bright.shape[1])] = 0.0          # neither labels nor compass
    bright[-int(0.25 * bright.shape[0]):, int(0.75 * bright.shape[1]):] = 0.0
    bright[-int(0.16 * bright.shape[0]):] = 0.0
    bright[:int(0.1 * bright.shape[0])] = 0.0
    y, x = np.mgrid[:bright.shape[0], :bright.shape[1]]
    return (bright * x).sum() / bright.sum() / bright.shape[1], 1.0 - (bright
                                                                       * y).sum() / bright.sum() / bright.shape[0]


def test_picture_shows_the_galaxy(tmp_path):
    cube = tmp_path / "disc.fits"
    write_fits(cube, *galaxy(size=0.6))
    code, text = run(cube, "--extent", "all")
    assert code == 0, text
    rgb = picture(tmp_path / "disc.png")
    assert rgb.shape[1] == 2200 and 700 < rgb.shape[0] < 950
    x, y = centroid(rgb)
    assert abs(x - 0.5) < 0.06 and abs(y - 0.5) < 0.06
    right = rgb[100:750, 1100:2150]
    for colour in ((0xc8, 0x32, 0x1e), (0xd9, 0x8a, 0x00), (0x1c, 0x6f, 0xb5)):     # all three spectra are drawn
        assert (np.abs(right * 255 - colour).sum(axis=2) < 40).sum() > 500


@pytest.mark.parametrize("names, panels", [(("LINE_Ha", "AV_L"), 3), (("AV_M",), 2), (("SFR", "AV_L", "AV_M"), 3)])
def test_gas_is_drawn_below(tmp_path, names, panels):
    """A colour image that is blue in the east and red in the west, with maps of the gas: bright and dark there."""
    flux, variance, wave, maps = galaxy(size=1.2, noise=0.0)
    east = np.arange(36) < 18
    flux = flux.mean(axis=0) * np.where((wave < 6500)[:, None, None] == east, 1.5, 0.5)
    for name in names:
        maps[name] = np.where(east, 3.0, 0.01 if name.startswith("AV") else 0.0) * np.ones((30, 1))
    for write, suffix in ((write_fits, "fits"), (write_hdf5, "hdf5")):
        write(tmp_path / ("gas." + suffix), flux, variance, wave, maps)
        code, text = run(tmp_path / ("gas." + suffix))
        assert code == 0, text
        rgb = picture(tmp_path / "gas.png")
        assert rgb.shape[1] == 2200 and 1300 < rgb.shape[0] < 1700
        row = rgb[-500:-120]
        left = row[:, 145:620]                              # the colour image: red, green, blue
        reds, blues = (left[..., 0] - left[..., 2] > 0.15), (left[..., 2] - left[..., 0] > 0.15)
        x = np.arange(left.shape[1])
        assert reds.sum() > 2000 and blues.sum() > 2000
        assert (blues * x).sum() / blues.sum() + 50 < (reds * x).sum() / reds.sum()
        starts = [int(2200 * (0.065 + i * 0.312)) + 60 for i in range(3)]
        there = [row[:, x0:x0 + 300].std(axis=(0, 1)).max() > 0.05 for x0 in starts]
        assert sum(there) == panels


def test_east_is_left_and_north_is_up(tmp_path):
    """A galaxy 3 arcsec east and 2 arcsec north appears to the upper left, also on a detector that
    is rolled by a quarter turn."""
    for roll in (0.0, 90.0):
        cube = tmp_path / ("roll%d.fits" % roll)
        flux, variance, wave, maps = galaxy(n_x=36, n_y=36, noise=0.0, size=0.6,
                                            centre=(3.0, 2.0) if roll == 0 else (2.0, -3.0))
        write_fits(cube, flux, variance, wave, maps, roll=roll)
        # detector axes of a rolled field: X_d = X cos - Y sin, Y_d = X sin + Y cos; (3, 2) lies at
        # (-2, 3): checked against the WCS
        code, text = run(cube, "--spaxel", "18,18", "--extent", "all")
        assert code == 0, text
        x, y = centroid(picture(str(cube)[:-5] + ".png"))
        if roll == 0:
            assert x < 0.38 and y > 0.58
        else:
            row, column = np.unravel_index(flux[0].argmax(), flux[0].shape)
            keys = wcs(36, 36, 0.4, wave, roll)
            east = 3600 * (keys["CD1_1"] * (column + 1 - keys["CRPIX1"]) + keys["CD1_2"] * (row + 1 - keys["CRPIX2"]))
            north = 3600 * (keys["CD2_1"] * (column + 1 - keys["CRPIX1"]) + keys["CD2_2"] * (row + 1 - keys["CRPIX2"]))
            assert abs(x - (0.5 - east / 14.4)) < 0.06 and abs(y - (0.5 + north / 14.4)) < 0.06


def test_demo_is_said_and_a_real_library_is_not_called_one(tmp_path):
    red = []
    for demo in (True, False):
        cube = tmp_path / ("demo%d.fits" % demo)
        write_fits(cube, *galaxy(), facts=provenance(demo))
        assert run(cube)[0] == 0
        corner = picture(str(cube)[:-5] + ".png")[:80, 1500:]
        red.append((np.abs(corner * 255 - (0xc8, 0x32, 0x1e)).sum(axis=2) < 20).sum())
    assert red[0] > 3000 and red[1] == 0


def test_noise_band_only_with_noise(tmp_path):
    """STAT of zeros draws no band: the paler shade of the first spectrum is missing."""
    shade = []
    for name, factor in (("noisy", 1.0), ("clean", 0.0)):
        flux, variance, wave, maps = galaxy(noise=25.0)
        write_fits(tmp_path / (name + ".fits"), flux, variance * factor, wave, maps)
        assert run(tmp_path / (name + ".fits"))[0] == 0
        pale = 1.0 - 0.25 * (1.0 - np.array((0xc8, 0x32, 0x1e)) / 255.0)
        shade.append((np.abs(picture(tmp_path / (name + ".png")) - pale).sum(axis=2) < 0.02).sum())
    assert shade[0] > 5 * shade[1] and shade[0] > 3000


def test_maps(tmp_path):
    cube = tmp_path / "disc.fits"
    write_fits(cube, *galaxy(noise=0.0))
    code, text = run(cube, "--maps")
    assert code == 0, text
    rgb = picture(tmp_path / "disc-maps.png")
    assert rgb.shape[1] == 2680 and 800 < rgb.shape[0] < 1050       # 13.4 inches of 200 dots
    # the velocity map, PA 60: red where it recedes, in the east
    column = rgb[150:450, 200 * 828 // 100:200 * 1000 // 100]
    half = column.shape[1] // 2
    redder = column[..., 0] - column[..., 2]
    assert redder[:, :half].mean() > 0.1 and redder[:, half:].mean() < -0.1


def test_hdf5_gives_the_same_picture(tmp_path):
    parts = galaxy()
    write_fits(tmp_path / "a.fits", *parts)
    write_hdf5(tmp_path / "b.hdf5", *parts)
    assert run(tmp_path / "a.fits")[0] == 0 and run(tmp_path / "b.hdf5")[0] == 0
    differ = np.abs(picture(tmp_path / "a.png") - picture(tmp_path / "b.png")).sum(axis=2) > 0.05
    assert differ.mean() < 5e-3          # a FITS header keeps 16 digits: the frame may fall one dot aside
    assert run(tmp_path / "b.hdf5", "--maps", "-o", tmp_path / "m.pdf")[0] == 0
    with fits.open(tmp_path / "a.fits") as hdus:
        for hdu in hdus[1:]:
            if hdu.name in ("VEL_L", "MASS"):
                hdu.name += "_OBS"
        hdus.writeto(tmp_path / "seen.fits")
    assert run(tmp_path / "seen.fits", "--seen")[0] == 0 and (tmp_path / "seen-seen.png").stat().st_size > 10000
    assert (tmp_path / "m.pdf").read_bytes()[:5] == b"%PDF-"


def test_aperture_is_left_out(tmp_path):
    flux, variance, wave, maps = galaxy(n_x=36, n_y=36)
    y, x = np.mgrid[:36, :36]
    outside = np.hypot(x - 17.5, y - 17.5) > 15
    flux[:, outside] = 0.0
    write_fits(tmp_path / "ifu.fits", flux, variance, wave, maps, outside=outside)
    assert run(tmp_path / "ifu.fits")[0] == 0
    rgb = picture(tmp_path / "ifu.png")
    outside = np.abs(rgb - np.array((0x55, 0x55, 0x5f)) / 255.0).sum(axis=2) < 0.02
    assert outside[:, :1000].sum() > 10000


def convergence(path, rows):
    path.write_text("# CUBIX, Mode fit: Likelihood chi2\n# voxels  768\n# unknowns 168\n#iteration evaluations value "
                    "gradient step\n" + "".join("%d %d %.17g %g %g\n" % row for row in rows))


def test_convergence(tmp_path):
    convergence(tmp_path / "x-convergence.txt",
                [(i, i + 1, 6e5 * 0.5 ** i + 600, 1e3 * 0.5 ** i, 0.1 * (i > 0)) for i in range(20)])
    assert run(tmp_path / "x-convergence.txt", "--convergence")[0] == 0
    assert picture(tmp_path / "x-convergence.png").shape[0] > 800
    figure = plot_convergence.draw_convergence(str(tmp_path / "x-convergence.txt"))
    x, y = figure.axes[0].lines[0].get_data()
    # the start has no step
    assert within(y[0], 1001, rtol=1e-5) and len(x) == 20 and len(figure.axes[2].lines[0].get_data()[0]) == 19
    assert figure.axes[0].get_yscale() == "log"
    convergence(tmp_path / "y.txt", [(0, 1, 0.0, 0.0, 0.0)])
    assert run(tmp_path / "y.txt", "--convergence", "-o", tmp_path / "y.pdf")[0] == 0


def test_chosen_spaxels_recede_from_the_centre(tmp_path):
    flux, variance, wave, maps = galaxy(n_x=37, n_y=31)
    write_fits(tmp_path / "disc.fits", flux, variance, wave, maps)
    cube = Cube(str(tmp_path / "disc.fits"))
    white, inside = cube.white()
    assert within(white, flux.mean(axis=0), rtol=1e-5, atol=1e-3) and inside.all()
    chosen = spectra.choose(cube, white, inside)
    radius = [np.hypot(*cube.sky(x, y)) for x, y in chosen]
    assert len(chosen) == 3 and radius[0] < 0.3 and radius[0] < radius[1] < radius[2]
    flux, sigma = cube.spectrum(*chosen[1])
    assert within(sigma, 2.0, rtol=1e-5) and np.all(flux > 0)


@pytest.mark.parametrize("arguments, code, words", [
    (["nowhere.fits"], 3, "no such file"),
    (["text.fits"], 3, "neither FITS nor HDF5"),
    (["short.fits"], 3, "no cube DATA"),
    (["cut.fits"], 3, "cut short"),
    (["cut.hdf5"], 3, "cannot be read as HDF5"),
    (["empty.fits"], 3, "no cube DATA"),
    (["nomaps.fits", "--maps"], 3, "no truth maps"),
    (["good.fits", "--seen"], 3, "no truth maps through the PSF"),
    (["good.fits", "--maps", "--seen"], 2, "exclude"),
    (["unit.fits"], 3, "BUNIT"),
    (["dark.fits"], 3, "no light"),
    (["good.fits", "--spaxel", "99,2"], 2, "outside"),
    (["good.fits", "--spaxel", "a,b"], 2, "not x,y"),
    (["good.fits", "--spaxel", "1,1", "--maps"], 2, "exclude"),
    (["good.fits", "--maps", "--convergence"], 2, "exclude"),
    (["good.fits", "--maps", "--map", "MASS"], 2, "exclude"),
    (["good.fits", "--map", "VEL_LL"], 2, "VEL_LL"),
    (["nomaps.fits", "--map", "MASS"], 2, "no such map; it has none"),
    (["good.fits", "--map", "MASS", "--range", "-1,5"], 2, "logarithmic bar"),
    (["good.fits", "--map", "MASS", "--range", "5"], 2, "LOW,HIGH"),
    (["good.fits", "--map", "MASS", "--range", "5,1"], 2, "less than"),
    (["good.fits", "--map", "MASS", "--cmap", "virids"], 2, "viridis"),
    (["good.fits", "--map", "MASS", "--stretch", "cubic"], 2, "cubic"),
    (["good.fits", "--range", "1,5"], 2, "belongs to --map"),
    (["good.fits", "--extent", "wide"], 2, "neither a number"),
    (["good.fits", "--extent", "-3"], 2, "--extent"),
    (["good.fits", "--width", "1mm"], 2, "between"),
    (["good.fits", "--width", "wide"], 2, "no length"),
    (["good.fits", "--min-stars", "0"], 2, "at least 1"),
    (["text.fits", "--convergence"], 3, "no convergence table"),
    (["nowhere.txt", "--convergence"], 3, "no convergence table"),
    (["good.fits", "-o", "x.gif"], 2, ".png or .pdf"),
    (["good.fits", "--frobnicate"], 2, "--frobnicate"),
    ([], 2, "CUBE"),
    (["good.fits", "-o", os.path.join("no", "such", "x.png")], 4, "cannot be written"),
])
def test_errors(tmp_path, monkeypatch, arguments, code, words):
    parts = galaxy(n_x=8, n_y=8, n_lambda=20)
    write_fits(tmp_path / "good.fits", *parts)
    write_fits(tmp_path / "nomaps.fits", *parts[:3], maps={})
    write_fits(tmp_path / "unit.fits", *parts, unit="Jy")
    write_fits(tmp_path / "dark.fits", -np.abs(parts[0]), *parts[1:])
    fits.HDUList([fits.PrimaryHDU()]).writeto(tmp_path / "empty.fits")
    (tmp_path / "text.fits").write_text("hello, this is no cube")
    (tmp_path / "short.fits").write_bytes((tmp_path / "good.fits").read_bytes()[:4000])
    (tmp_path / "cut.fits").write_bytes((tmp_path / "good.fits").read_bytes()[:9000])
    write_hdf5(tmp_path / "whole.hdf5", *parts)
    (tmp_path / "cut.hdf5").write_bytes((tmp_path / "whole.hdf5").read_bytes()[:6000])
    monkeypatch.chdir(tmp_path)
    got, text = run(*arguments)
    lines = text.strip().splitlines()
    assert got == code, text
    assert len(lines) == 1 and lines[0].startswith("cubix-plot: error: ") and words in lines[0], text
    assert not list(tmp_path.glob("*.png"))


def test_from_the_shell(tmp_path):
    """As a program: the exit status reaches the shell, nothing goes to standard output, the picture
    is written beside the cube."""
    write_fits(tmp_path / "good.fits", *galaxy(n_x=8, n_y=8, n_lambda=20))
    for words, code in ((["good.fits"], 0), (["good.fits", "-o", "x.gif"], 2), (["nowhere.fits"], 3)):
        done = subprocess.run([sys.executable, os.path.abspath(TOOL)] + words, cwd=str(tmp_path),
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              universal_newlines=True)
        assert done.returncode == code and done.stdout == "" and len(done.stderr.splitlines()) == 1, done.stderr
    assert (tmp_path / "good.png").exists()
