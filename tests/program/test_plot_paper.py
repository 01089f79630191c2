"""Pictures of cubix-plot as figures of a paper: what they say of themselves, whom they can be read by, and what one
star does to them."""
import matplotlib
import matplotlib.pyplot
import numpy as np
import pytest

from harness import within
from test_plot import PLOT, galaxy, provenance, run, spectra, write_fits  # noqa: I001  (puts cubix_plot on the path)
from cubix_plot.page import STYLE

FULL = {"PSF": "moffat", "NOISE": "snr"}


def figure(*words):
    with matplotlib.rc_context(STYLE):
        drawn = PLOT.draw(PLOT.parse([str(word) for word in words]))
        drawn.canvas.draw()
    return drawn


@pytest.fixture(autouse=True)
def closed():
    yield
    matplotlib.pyplot.close("all")


def titles(drawn):
    return [one.get_title(loc) for one in drawn.axes for loc in ("left", "center", "right") if one.get_title(loc)]


def bars(drawn):
    stretches = "linear", "log", "asinh"
    return [one.get_ylabel() for one in drawn.axes if one.get_ylabel().rpartition(", ")[2] in stretches]


def images(drawn):
    return [one for one in drawn.axes if one.images and not getattr(one, "_colorbar", None)]


def texts(drawn):
    return [one for one in drawn.findobj(matplotlib.text.Text) if one.get_visible() and one.get_text().strip()]


def said(drawn):
    return " ".join(one.get_text() for one in drawn.texts)


@pytest.mark.parametrize("words", [[], ["--maps"], ["--seen"], ["--map", "VEL_L", "LINE_Ha"], ["--no-title"],
                                   ["--maps", "--no-title"]])
@pytest.mark.parametrize("width, inch", [("88mm", 88 / 25.4), ("180mm", 180 / 25.4)])
def test_is_legible_in_a_journal(tmp_path, words, width, inch):
    """At a column's width no letters are smaller than 6 points (exponents excepted), and none lies outside the figure
    or on other letters of its panel."""
    flux, variance, wave, maps = galaxy(noise=20.0)
    maps["LINE_Ha"] = maps["MASS"] * 1e-3
    for name in ("MASS", "AGE_M", "AGE_L", "Z_M", "Z_L", "VEL_M", "VEL_L", "SIG_M", "SIG_L"):
        maps[name + "_OBS"] = maps[name]
    write_fits(tmp_path / "a.fits", flux, variance, wave, maps, facts={**provenance(), **FULL})
    drawn = figure(tmp_path / "a.fits", "--width", width, *words)
    assert within(drawn.get_size_inches()[0], inch, rtol=1e-6)
    size = drawn.get_size_inches() * drawn.dpi
    for one in texts(drawn):
        box = one.get_window_extent()
        assert one.get_fontsize() >= 6.0, one
        # of ticks beyond the panel: not drawn
        number = one.get_text().replace("\u2212", "").replace(".", "").isdigit()
        assert number or (box.x0 > -1 and box.x1 < size[0] + 1 and box.y0 > -1 and box.y1 < size[1] + 1), one
    heads = [one.get_window_extent() for one in drawn.texts if one.get_rotation() == 0]
    assert not any(a.overlaps(b) for i, a in enumerate(heads) for b in heads[:i])


def test_every_image_has_a_bar_with_unit_and_stretch(tmp_path):
    write_fits(tmp_path / "a.fits", *galaxy(), facts={**provenance(), **FULL})
    drawn = figure(tmp_path / "a.fits")
    assert len(images(drawn)) == 1 and len(bars(drawn)) == 1
    assert "10^{-20}" in bars(drawn)[0] and bars(drawn)[0].endswith("asinh")
    drawn = figure(tmp_path / "a.fits", "--maps")
    assert len(images(drawn)) == 10 == len(bars(drawn))
    assert sum("km s" in one for one in bars(drawn)) == 4 and sum(one.endswith("log") for one in bars(drawn)) == 2
    for one in drawn.axes:                            # numbers as people write them
        for label in one.get_yticklabels() if one.get_ylabel() in bars(drawn) else ():
            assert label.get_text().replace("\u2212", "-").replace(".", "", 1).lstrip("-").isdigit(), label


def test_says_whether_it_is_seen_through_the_psf(tmp_path):
    flux, variance, wave, maps = galaxy()
    maps = {**maps, **{name + "_OBS": maps[name] for name in ("MASS", "VEL_L", "SIG_L")}}
    write_fits(tmp_path / "a.fits", flux, variance, wave, maps, facts={**provenance(), **FULL})
    write_fits(tmp_path / "b.fits", flux, variance, wave, maps, facts={**provenance(), "PSF": "none", "NOISE": "none"})
    assert any("observed" in one for one in titles(figure(tmp_path / "a.fits")))
    assert any("without PSF, without noise" in one for one in titles(figure(tmp_path / "b.fits")))
    assert "before the PSF" in said(figure(tmp_path / "a.fits", "--maps"))
    assert "observed" in said(figure(tmp_path / "a.fits", "--seen"))
    assert "observed" in said(figure(tmp_path / "a.fits", "--map", "VEL_L_OBS"))
    mixed = said(figure(tmp_path / "a.fits", "--map", "VEL_L_OBS", "SIG_L"))
    assert "before the PSF, but for VEL_L_OBS" in mixed


def test_one_star_does_not_set_the_bar(tmp_path):
    """Lone stars of 480 km/s at the rim of a disc that rotates with 150 km/s: neither shown nor in the limits."""
    flux, variance, wave, maps = galaxy(n_x=40, n_y=40, size=1.0)
    rim = maps["NSTAR"] < 5
    assert rim.sum() > 300
    for name in ("VEL_M", "VEL_L"):
        maps[name][rim] = np.where(np.arange(rim.sum()) % 2, 480.0, -480.0)
    maps["NSTAR"][rim] = 1
    maps["LIGHT"] = maps["MASS"]
    write_fits(tmp_path / "a.fits", flux, variance, wave, maps)
    drawn = figure(tmp_path / "a.fits", "--map", "VEL_L")
    shown = images(drawn)[0].images[0]
    assert 120 < shown.norm.vmax < 200 and within(shown.norm.vmin, -shown.norm.vmax, rtol=1e-6)
    values = np.ma.masked_invalid(np.ma.filled(shown.get_array().astype(float), np.nan))
    assert (np.ma.getmaskarray(values) == rim).all() and "5 stars or more" in said(drawn)
    drawn = figure(tmp_path / "a.fits", "--map", "VEL_L", "--min-stars", "1")
    assert not np.ma.getmaskarray(np.ma.masked_invalid(images(drawn)[0].images[0].get_array())).any()
    assert images(drawn)[0].images[0].norm.vmax < 200         # they weigh nothing beside the disc


def test_mass_spans_four_decades_at_most(tmp_path):
    flux, variance, wave, maps = galaxy()
    maps["MASS"] = 10.0 ** np.linspace(0.0, 9.0, maps["MASS"].size).reshape(maps["MASS"].shape)
    write_fits(tmp_path / "a.fits", flux, variance, wave, maps)
    norm = images(figure(tmp_path / "a.fits", "--map", "MASS"))[0].images[0].norm
    assert norm.vmax > 1e8 and within(norm.vmax / norm.vmin, 1e4, rtol=1e-6)


def test_options_of_a_map(tmp_path):
    write_fits(tmp_path / "a.fits", *galaxy())
    drawn = figure(tmp_path / "a.fits", "--map", "vel_l", "--range", "-90,120", "--cmap", "PuOr", "--no-title")
    shown = images(drawn)[0].images[0]
    assert (shown.norm.vmin, shown.norm.vmax) == (-90, 120) and shown.cmap.name == "PuOr" and "MUSE" not in said(drawn)
    for stretch, half in (("linear", 0.5), ("sqrt", np.sqrt(0.5)), ("log", np.log(50) / np.log(100)),
                          ("asinh", np.arcsinh(49.49494949494949) / np.arcsinh(100))):
        shown = images(figure(tmp_path / "a.fits", "--map", "MASS", "--range", "1e6,1e8", "--stretch",
                              stretch))[0].images[0]
        at = 5e7 if stretch != "linear" and stretch != "sqrt" else 0.5 * (1e6 + 1e8)
        assert within(float(shown.norm(at)), half, rtol=1e-6), stretch
    assert run(tmp_path / "a.fits", "--map", "VEL_L", "--range", "-90,90")[0] == 0
    assert (tmp_path / "a-VEL_L.png").exists()


def test_is_cropped_to_the_light(tmp_path):
    """A small galaxy in a wide field fills the picture; --extent says otherwise."""
    write_fits(tmp_path / "a.fits", *galaxy(n_x=100, n_y=80, size=1.0, centre=(6.0, 2.0), n_lambda=50))
    axes = images(figure(tmp_path / "a.fits"))[0]
    (east, west), (south, north) = axes.get_xlim(), axes.get_ylim()
    assert 6.0 < east - west < 20.0 and abs(0.5 * (east + west) - 6.0) < 1.0 and abs(0.5 * (south + north) - 2.0) < 1.0
    assert within(east - west, north - south, rtol=1e-6)
    axes = images(figure(tmp_path / "a.fits", "--extent", "all"))[0]
    assert within([*axes.get_xlim(), *axes.get_ylim()], [20, -20, -16, 16], rtol=0, atol=1e-6)
    axes = images(figure(tmp_path / "a.fits", "--extent", "14", "--maps"))[0]
    assert within([*axes.get_xlim(), *axes.get_ylim()], [7, -7, -7, 7], rtol=0, atol=1e-6)


def test_spectra_stand_on_one_zero_line(tmp_path):
    """All begin at 0; a standard deviation too small for a band is multiplied and says so; a line that goes on above
    the panel is marked."""
    flux, variance, wave, maps = galaxy(noise=2.0)
    flux[200:204] *= 30.0
    write_fits(tmp_path / "a.fits", flux, variance, wave, maps, facts={**provenance(), **FULL})
    drawn = figure(tmp_path / "a.fits")
    panels = [one for one in drawn.axes if one.get_legend()]
    assert len(panels) == 3
    for panel in panels:
        low, high = panel.get_ylim()
        assert low < 0 and -low < 0.1 * high and any((np.array(line.get_ydata()) == 0).all() for line in panel.lines)
        name, = [text.get_text() for text in panel.get_legend().get_texts()]
        times = float(name.replace("\\,", " ").strip("$").split()[0]) if name != r"$\sigma$" else 1
        sigma = next(line for line in panel.lines if line.get_label() == name)
        assert within(np.array(sigma.get_ydata()), 2.0 * times, rtol=1e-5) and (times > 1 or 2.0 > 0.02 * high)
        assert any(line.get_marker() == "^" for line in panel.lines)


def test_spaxels_are_chosen_by_signal_to_noise(tmp_path):
    """Where the sky drowns the outskirts, spaxels lie further in than without noise, and all have S/N 3."""
    from cubix_plot.cube import Cube
    flux, _, wave, maps = galaxy(n_x=41, n_y=41, noise=0.0, size=2.5)
    noise = 15.0 * np.random.default_rng(1).standard_normal(flux.shape)
    write_fits(tmp_path / "a.fits", flux + noise, np.full(flux.shape, 225.0), wave, maps)
    write_fits(tmp_path / "b.fits", flux, np.zeros(flux.shape), wave, maps)
    radius = []
    for name in ("a.fits", "b.fits"):
        cube = Cube(str(tmp_path / name))
        chosen = spectra.choose(cube, *cube.white())
        radius.append([np.hypot(*cube.sky(x, y)) for x, y in chosen])
        if name == "a.fits":
            snr = [np.median(flux[:, y, x]) / 15.0 / np.sqrt(11.0) for x, y in chosen]
            assert within(cube.snr(*cube.spectrum(*chosen[0])), snr[0], rtol=0.1)
            assert len(chosen) == 3 and min(snr) > 2.5, snr
    assert radius[0][-1] < radius[1][-1]


def dichromat(colour, red):
    """As one without red or green cones sees it (Vienot, Brettel & Mollon 1999): linear RGB."""
    rgb = np.asarray(matplotlib.colors.to_rgb(colour)) ** 2.2
    lms = np.array([[17.8824, 43.5161, 4.11935], [3.45565, 27.1554, 3.86714], [0.0299566, 0.184309, 1.46709]])
    see = np.eye(3)
    see[0 if red else 1] = [0, 2.02344, -2.52581] if red else [0.494207, 0, 1.24827]
    return np.linalg.inv(lms) @ see @ lms @ rgb


def lightness(rgb):
    y = np.clip(np.asarray(rgb) @ [0.2126, 0.7152, 0.0722], 0.0, 1.0)
    return np.where(y > 0.008856, 116.0 * np.cbrt(y) - 16.0, 903.3 * y)


def test_colours_are_told_apart_by_the_colour_blind():
    """Spaxels differ in lightness, or in what is left of the hue; colour maps of magnitudes only
    get lighter (or darker)."""
    from cubix_plot.maps import LOOK
    for red in (True, False):
        seen = [dichromat(colour, red) for colour in spectra.COLOURS]
        for i, a in enumerate(seen):
            for b in seen[:i]:
                blue = abs(np.cbrt(max(a[2], 0)) - np.cbrt(max(b[2], 0)))
                assert abs(lightness(a) - lightness(b)) > 15.0 or blue > 0.25
        for name in {look[2] for look in LOOK.values() if look[1] != "zero"}:
            shades = np.array([lightness(dichromat(shade[:3], red))
                               for shade in matplotlib.colormaps[name](np.linspace(0, 1, 33))])
            step = np.diff(shades) * np.sign(shades[-1] - shades[0])
            assert abs(shades[-1] - shades[0]) > 50 and step.min() > -1.5, name
