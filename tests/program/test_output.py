"""What test_output writes, read back by those who will read it: astropy, h5py, spectral-cube, MPDAF
and a stand-in for nGIST's reader."""
import math
import os
import re
import subprocess
import warnings

import h5py
import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.wcs import WCS

import harness
import ngist_reader
from harness import within

N_X, N_Y, N_LAMBDA = 6, 5, 50
SEEN = ["MASS", "MASS_NOW", "AGE_M", "AGE_L", "Z_M", "Z_L", "VEL_M", "VEL_L", "SIG_M", "SIG_L", "LIGHT"]
MAPS = [*SEEN, "NSTAR", *(name + "_OBS" for name in SEEN)]
NOISE = ["Noise=exposure", "ExposureTime=600"]
UNIT = 1e-20 * u.erg / u.s / u.cm**2 / u.AA


def write(folder, *values, files="made.fits", status=0):
    """Run test_output; the folder holds what it wrote."""
    result = harness.run("test_output", ["write", f"OutputFile={files}", *values], cwd=folder)
    assert result.status == status, result.err
    return result


def flux(n_x=N_X, n_y=N_Y, n_lambda=N_LAMBDA):
    """The formula of test_output.c."""
    k, j, i = np.meshgrid(np.arange(n_lambda), np.arange(n_y), np.arange(n_x), indexing="ij")
    return 100.0 + i + 10.0 * j + k / 128.0


def outside_text(unit):
    """FITS writes 10**(-20)*erg/s/cm**2/Angstrom; astropy's own grammar has no power of ten in brackets."""
    return re.sub(r"10\*\*\((-?\d+)\)\*", lambda m: f"1e{m[1]} ", unit)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    write(folder, *NOISE, "KeepNoiseFree=yes", "MinStars=2", "SnrAperture=1.5", files="made.fits, made.hdf5")
    return folder


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clean")
    write(folder)
    return folder


# ---- layout and values ---------------------------------------------------------------------------

def test_hdus_in_order_and_valid(made):
    with fits.open(made / "made.fits") as hdus:
        hdus.verify("exception")
        assert [h.name for h in hdus] == ["PRIMARY", "DATA", "STAT", "DQ", "LSF", *MAPS, "NOISEFREE", "PARAMETERS"]
        assert hdus[0].data is None
        for name in ("DATA", "STAT", "NOISEFREE"):
            assert hdus[name].header["BITPIX"] == -32 and hdus[name].data.shape == (N_LAMBDA, N_Y, N_X)
            assert np.isfinite(hdus[name].data).all()
        assert hdus["DQ"].header["BITPIX"] == 32
        assert not any(key in h.header for h in hdus for key in ("BSCALE", "BZERO"))
    assert (made / "made.fits").stat().st_size % 2880 == 0
    assert sorted(p.name for p in made.iterdir()) == ["made-usedvalues", "made.fits", "made.hdf5"]


def test_nothing_optional_without_being_asked(tmp_path):
    write(tmp_path, "TruthMaps=no")
    with fits.open(tmp_path / "made.fits") as hdus:
        assert [h.name for h in hdus] == ["PRIMARY", "DATA", "LSF", "DQ", "PARAMETERS"]


def test_flux_lands_in_its_voxel(clean, made):
    assert np.array_equal(fits.getdata(clean / "made.fits", "DATA"), flux().astype("f4"))
    assert np.array_equal(fits.getdata(made / "made.fits", "NOISEFREE"), flux().astype("f4"))


def test_units(made):
    with fits.open(made / "made.fits") as hdus:
        assert hdus["DATA"].header["BUNIT"] == "10**(-20)*erg/s/cm**2/Angstrom"
        assert hdus["STAT"].header["BUNIT"] == "10**(-40)*erg**2/s**2/cm**4/Angstrom**2"
        assert u.Unit(hdus["STAT"].header["BUNIT"], format="fits").to(UNIT**2) == pytest.approx(1, rel=1e-12)
        assert u.Unit(outside_text(hdus["DATA"].header["BUNIT"])).is_equivalent(UNIT)
        assert u.Unit(outside_text(hdus["DATA"].header["BUNIT"])).to(UNIT) == pytest.approx(1, rel=1e-12)
        assert u.Unit(hdus["MASS"].header["BUNIT"], format="fits") == u.Msun
        assert u.Unit(hdus["AGE_L"].header["BUNIT"], format="fits") == u.Gyr
        assert u.Unit(hdus["SIG_M"].header["BUNIT"], format="fits") == u.km / u.s
        assert "BUNIT" not in hdus["Z_M"].header


def test_flux_unit_changes_the_power(tmp_path):
    write(tmp_path, "FluxUnit=-16")
    assert fits.getheader(tmp_path / "made.fits", "DATA")["BUNIT"] == "10**(-16)*erg/s/cm**2/Angstrom"


def test_noise_obeys_the_variance_and_the_seed(tmp_path, made):
    with fits.open(made / "made.fits") as hdus:
        chi = (hdus["DATA"].data.astype("f8") - hdus["NOISEFREE"].data) / np.sqrt(hdus["STAT"].data)
        assert hdus["STAT"].data.min() > 0
        data = hdus["DATA"].data.copy()
    n = chi.size
    assert abs(chi.mean()) < 5 / math.sqrt(n) and abs(chi.std() - 1) < 5 / math.sqrt(2 * n)
    for threads in (1, 2):          # the noise is that of the voxel, whoever draws it
        again = tmp_path / str(threads)
        again.mkdir()
        done = harness.run("test_output", ["write", "OutputFile=made.fits", *NOISE], cwd=again, threads=threads)
        assert done.status == 0
        assert np.array_equal(fits.getdata(again / "made.fits", "DATA"), data)
    other = tmp_path / "other"
    other.mkdir()
    write(other, *NOISE, "Seed=2")
    assert not np.array_equal(fits.getdata(other / "made.fits", "DATA"), data)


def test_without_noise_there_is_no_variance(clean):
    """Nor anything that a reader by position takes for one: the third HDU is a table."""
    with fits.open(clean / "made.fits") as hdus:
        assert "STAT" not in hdus and hdus[2].name == "LSF"
        assert hdus[0].header["NOISE"] == "none" and "EXPTIME" not in hdus[0].header


def test_quality_bits(made, clean):
    j, i = np.mgrid[0:N_Y, 0:N_X]
    want = np.zeros((N_LAMBDA, N_Y, N_X), int)
    want[-1] |= 2
    assert np.array_equal(fits.getdata(clean / "made.fits", "DQ"), want)
    want |= np.where((i + j) % 3 < 2, 8, 0)
    assert np.array_equal(fits.getdata(made / "made.fits", "DQ"), want)
    header = fits.getheader(made / "made.fits", "DQ")
    assert "DQBIT4" not in header
    for bit, word in ((1, "aperture"), (2, "cover"), (8, "MinStars"), (16, "gap")):
        assert header[f"DQBIT{bit}"].startswith(f"{bit}: ") and word in header[f"DQBIT{bit}"]


def test_outside_the_aperture_nothing(tmp_path):
    write(tmp_path, *NOISE, "Instrument=MaNGA", "Layout=plain", "FieldOfView=0", "PixelScale=0", "KeepNoiseFree=yes")
    with fits.open(tmp_path / "made.fits") as hdus:
        dq = hdus["DQ"].data[10]
        outside = (dq & 1) != 0
        assert 0.15 < outside.mean() < 0.4          # a hexagon fills 3/4 of its box, corners to the east and west
        assert outside[0, 0] and not outside[dq.shape[0] // 2, dq.shape[1] // 2]
        for name in ("DATA", "STAT", "NOISEFREE"):
            assert not hdus[name].data[:, outside].any() and (hdus[name].data[:, ~outside] != 0).all()
        assert hdus[0].header["APERTURE"] == "hexagon"


def test_truth_maps(made):
    j, i = np.mgrid[0:N_Y, 0:N_X].astype(float)
    n = (i + j) % 3
    v, mass, empty = 10 * i - 7 * j, 1e6 * (1 + i) * n, n == 0
    want = {"MASS": mass, "MASS_NOW": 0.6 * mass, "AGE_M": 5 + 0 * i, "AGE_L": 2 + 0 * i, "Z_M": 0.02 + 0 * i,
            "Z_L": 0.01 + 0 * i, "VEL_M": v,
            "VEL_L": v + 1, "SIG_M": 50 + 0 * i, "SIG_L": 40 + 0 * i, "NSTAR": n}
    with fits.open(made / "made.fits") as hdus:
        for name, map_ in want.items():
            data = hdus[name].data
            if name in ("MASS", "MASS_NOW", "NSTAR"):
                assert np.array_equal(data[empty], np.zeros(empty.sum()))
            else:
                assert np.isnan(data[empty]).all()
            assert within(data[~empty], map_[~empty], rtol=1e-12, atol=1e-12), name


def test_lsf_table(made):
    with fits.open(made / "made.fits") as hdus:
        table = hdus["LSF"].data
        assert table.names == ["WAVELENGTH", "FWHM_INSTRUMENT", "FWHM_TEMPLATE", "FWHM_CUBE", "WIDTH"]
        assert (table["WIDTH"] == 1).all()
        assert [c.unit for c in hdus["LSF"].columns] == ["Angstrom"] * 5
        assert within(table["WAVELENGTH"], 5000 + np.arange(N_LAMBDA), rtol=1e-14)
        assert within(table["FWHM_TEMPLATE"][1:], 0.5 * table["FWHM_INSTRUMENT"][1:], rtol=1e-14)
        assert table["FWHM_CUBE"][0] == table["FWHM_INSTRUMENT"][0] + 1


# ---- where things are ----------------------------------------------------------------------------

def spaxel(x, y, pointing, roll, n_x, n_y, pixel_x, pixel_y):
    """doc/math.md section 4: arcsec east and north of the galaxy -> continuous spaxel coordinates,
    whose floor is the spaxel."""
    dx, dy, rho = x - pointing[0], y - pointing[1], math.radians(roll)
    x_d, y_d = dx * math.cos(rho) - dy * math.sin(rho), dx * math.sin(rho) + dy * math.cos(rho)
    return n_x / 2 - x_d / pixel_x, n_y / 2 + y_d / pixel_y


def tangent_plane(wcs, x, y):
    """RA, Dec of the point x east and y north [arcsec] on the tangent plane, by the gnomonic formulas."""
    ra0, dec0 = np.radians(wcs.wcs.crval[:2])
    xi, eta = np.radians(np.asarray(x) / 3600), np.radians(np.asarray(y) / 3600)
    ra = ra0 + np.arctan2(xi, math.cos(dec0) - eta * math.sin(dec0))
    dec = np.arctan2((math.sin(dec0) + eta * math.cos(dec0)) * np.cos(ra - ra0), math.cos(dec0) - eta * math.sin(dec0))
    return np.degrees(ra), np.degrees(dec)


@pytest.mark.parametrize("roll, pointing, field, pixel", [
    (0, (0, 0), (6, 5), (1, 1)), (30, (0, 0), (6, 5), (1, 1)), (90, (1.5, -2), (7, 4), (1, 1)),
                                                          (-127.3, (3, 4), (5, 5), (0.5, 0.5)),
    (200, (-31.4, 12.2), (4, 6), (0.5, 0.25)), (359, (1000, -500), (6, 6), (0.2, 0.2))])
def test_world_coordinates_are_those_of_the_painting(tmp_path, roll, pointing, field, pixel):
    write(tmp_path, f"Roll={roll}", f"PointingX={pointing[0]}", f"PointingY={pointing[1]}",
          f"FieldOfView={field[0]} {field[1]}",
          f"PixelScale={pixel[0]} {pixel[1]}", "LambdaMax=5003")
    rng = np.random.default_rng(5)
    x, y = pointing[0] + rng.uniform(-5, 5, 200), pointing[1] + rng.uniform(-5, 5, 200)
    with fits.open(tmp_path / "made.fits") as hdus:
        n_lambda, n_y, n_x = hdus["DATA"].data.shape
        assert (n_x, n_y) == (round(field[0] / pixel[0]), round(field[1] / pixel[1]))
        i, j = spaxel(x, y, pointing, roll, n_x, n_y, *pixel)
        for name in ("DATA", "DQ", "VEL_L"):
            wcs = WCS(hdus[name].header).celestial
            ra, dec = tangent_plane(wcs, x, y)
            p1, p2 = wcs.all_world2pix(ra, dec, 0)                  # centre of the first pixel: 0; its edges: -0.5, 0.5
            assert within(p1 + 0.5, i, atol=1e-6, rtol=1e-5) and within(p2 + 0.5, j, atol=1e-6, rtol=1e-5)
            back_ra, back_dec = wcs.all_pix2world(i - 0.5, j - 0.5, 0)
            assert within(back_ra, ra, atol=1e-10, rtol=1e-5) and within(back_dec, dec, atol=1e-10, rtol=1e-5)


def test_east_is_left_and_north_up(clean):
    wcs = WCS(fits.getheader(clean / "made.fits", "DATA"))
    assert list(wcs.wcs.ctype)[:2] == ["RA---TAN",
                                       "DEC--TAN"] and wcs.wcs.radesys == "ICRS" and wcs.wcs.specsys == "BARYCENT"
    corner, right, up = wcs.all_pix2world([[0, 0, 0], [1, 0, 0], [0, 1, 0]], 0)
    assert right[0] < corner[0] and up[1] > corner[1]
    centre = wcs.all_world2pix([[wcs.wcs.crval[0], wcs.wcs.crval[1], 5000e-10]], 0)[0]
    # B15: the centre, counted from 1, is (n + 1)/2
    assert within(centre[:2], [(N_X - 1) / 2, (N_Y - 1) / 2], atol=1e-9, rtol=1e-5)


@pytest.mark.parametrize("instrument, ctype", [("IFU", None), ("MUSE", "AWAV"), ("MaNGA", "WAVE")])
def test_wavelengths(tmp_path, instrument, ctype):
    write(tmp_path, f"Instrument={instrument}", "Layout=plain", "LambdaMin=5000", "LambdaMax=5050", "LambdaStep=1.25")
    with fits.open(tmp_path / "made.fits") as hdus:
        header, medium = hdus["DATA"].header, hdus[0].header["MEDIUM"]
        want = 5000 + 1.25 * np.arange(41)
        assert header["CTYPE3"] == {"air": "AWAV",
                                    "vacuum": "WAVE"}[medium] and header["CTYPE3"] == (ctype or header["CTYPE3"])
        assert header["CRPIX3"] == 1 and header["CD3_3"] == header["CDELT3"] == 1.25 and header["CRVAL3"] == 5000
        assert within(WCS(header).spectral.all_pix2world(np.arange(41), 0)[0] * 1e10, want, rtol=1e-12)
        assert within(hdus["LSF"].data["WAVELENGTH"], want, rtol=1e-14)


# ---- other people's readers ----------------------------------------------------------------------

def test_spectral_cube(made):
    spectral_cube = pytest.importorskip("spectral_cube")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cube = spectral_cube.SpectralCube.read(str(made / "made.fits"), hdu="DATA")
    assert cube.shape == (N_LAMBDA, N_Y, N_X)
    assert within(cube.spectral_axis.to_value(u.AA), 5000 + np.arange(N_LAMBDA), rtol=1e-12)
    assert cube.unit.is_equivalent(UNIT) and cube.unit.to(UNIT) == pytest.approx(1, rel=1e-12)
    assert np.array_equal(cube.filled_data[:].value, fits.getdata(made / "made.fits", "DATA"))
    dec, ra = cube.spatial_coordinate_map
    assert (np.diff(ra, axis=1) < 0).all() and (np.diff(dec, axis=0) > 0).all()


def test_mpdaf(made, clean):
    obj = pytest.importorskip("mpdaf.obj")
    cube = obj.Cube(str(made / "made.fits"))
    assert cube.shape == (N_LAMBDA, N_Y,
                          N_X) and cube.unit.is_equivalent(UNIT) and cube.unit.to(UNIT) == pytest.approx(1, rel=1e-12)
    assert within(cube.wave.coord(), 5000 + np.arange(N_LAMBDA), rtol=1e-12, atol=1e-8)
    assert within(cube.wcs.get_step(unit=u.arcsec), [1, 1], rtol=1e-9, atol=1e-8) and abs(cube.wcs.get_rot()) < 1e-9
    assert within(cube.wcs.sky2pix(np.array(cube.wcs.pix2sky([2, 3])), nearest=False), [[2, 3]], atol=1e-6, rtol=1e-5)
    with fits.open(made / "made.fits") as hdus:
        assert np.array_equal(cube.var.filled(-1)[~cube.mask], hdus["STAT"].data[~cube.mask])
        # any bit masks: output_fits.c tells users of unmask()
        assert np.array_equal(cube.mask, hdus["DQ"].data != 0)
        cube.unmask()
        assert not cube.mask.any() and np.array_equal(cube.data.data, hdus["DATA"].data)
    image = obj.Image(str(clean / "made.fits"), ext="VEL_L")
    assert image.shape == (N_Y, N_X) and image.unit == u.km / u.s


def test_ngist(made):
    with fits.open(made / "made.fits") as hdus:
        cube = ngist_reader.read_cube(made / "made.fits", redshift=0.01, origin=(2, 3), snr_range=(4960, 4990))
        assert within(cube["wave"], (5000 + np.arange(N_LAMBDA)) / 1.01, rtol=1e-12, atol=1e-8)
        assert within(cube["spec"], hdus["DATA"].data.reshape(N_LAMBDA, -1), rtol=1e-5)
        assert within(cube["error"]**2, hdus["STAT"].data.reshape(N_LAMBDA, -1), rtol=1e-6)
        assert cube["pixelsize"] == pytest.approx(1.0, rel=1e-12)
        assert np.isfinite(cube["snr"]).all() and (cube["snr"] > 0).all()
        spaxel_2_3 = 3 * N_X + 2
        assert cube["x"][spaxel_2_3] == 0 == cube["y"][spaxel_2_3]


# ---- provenance ----------------------------------------------------------------------------------

def test_provenance(made):
    with fits.open(made / "made.fits") as hdus:
        head = hdus[0].header
        assert head["CREATOR"] == "CUBIX" and head["VERSION"] and head["COMMIT"] and head["DATE"].startswith("20")
        want = {"INSTRUME": fits.getheader(made / "made.fits")["INSTRUME"], "OBJECT": "snap.0", "NFILE": 2,
                "FILE1": "snap.0.hdf5", "SIZE1": 123456789012,
                "FILE2": "a folder/V?zquez's snap.1.hdf5", "SIZE2": 42, "SIMFMT": "illustris-tng", "SIMNAME": "TNG50-1",
                "SNAPZ": 0.25, "BOXSIZE": 51700.0,
                "REDSHIFT": 0.01, "DISTANCE": 44.595, "KPCARC": 0.21194, "OMEGAM": 0.31, "SSPNAME": "made up",
                "SSPFILE": "library.hdf5", "SSPIMF": "Kroupa",
                "SSPREF": "nobody, nowhere", "SSPLIC": "none", "SSPDEMO": True, "NUNCOV": 1, "NBROAD": 1,
                "CENTRE2": 2.0, "SYSVEL3": 6.0, "ROT12": 1.0,
                "ROT21": -1.0, "ALIGNRAD": 7.5, "AXISQ": 0.25, "NOISE": "exposure", "EXPTIME": 600.0, "SEED": 1,
                "FLUXUNIT": -20, "NSTARFIL": 1017, "NWIND": 9,
                "NOUTRAD": 8, "NSTARS": 1000, "N_ALL": 1000, "N_FIELD": 999, "N_MARGIN": 998, "N_OUT": 997,
                "N_SHED": 996, "N_CLAMPZ": 995, "N_CLAMPA": 994, "N_OLD": 993,
                "SIMIMF": "Salpeter 1955", "IMFDIFF": True, "SNAPMOVE": True,
                "M_CLAMPA": 1e9 - 6, "L_OUT": 1e6 - 3, "VMAX": 321.5, "NRANK": 3, "DEVICE": "2 threads", "NWARN": 2,
                "WARN1": "the first warning"}
        assert {key: head[key] for key in want} == want
        assert head["WARN2"].endswith("goes on in the next") and len(head["WARN2"]) > 80
        assert head["INSTFILE"] and head["INSTREF"] and head["SNR"] > 0 and head["NEXP"] >= 1
        assert "[Mpc]" in head.comments["DISTANCE"]


def test_every_parameter_with_its_spelling(made):
    text = (harness.SOURCE / "src" / "params" / "params.def").read_text()
    names = re.findall(r"^CUBIX_(?:PARAM\(\w+,|CHOICE\()\s*(\w+),", text, re.M)
    with fits.open(made / "made.fits") as hdus:
        table = hdus["PARAMETERS"].data
        assert list(table["NAME"]) == names and table.names == ["NAME", "VALUE", "UNIT", "ORIGIN"]
        value = dict(zip(table["NAME"], table["VALUE"]))
        assert value["MinStars"] == "2"
        assert value["Noise"] == "exposure"
        assert value["OutputFile"].strip('"') == "made.fits, made.hdf5"
        assert dict(zip(table["NAME"], table["UNIT"]))["PixelScale"] == "arcsec"
        assert dict(zip(table["NAME"], table["ORIGIN"]))["Alpha"] == "default"
    used = (made / "made-usedvalues").read_text()
    assert all(re.search(rf"^{name}\s", used, re.M) for name in names)


# ---- HDF5 ----------------------------------------------------------------------------------------

def test_hdf5_equals_fits(made):
    with fits.open(made / "made.fits") as hdus, h5py.File(made / "made.hdf5") as h5:
        assert h5.attrs["CubixFile"] == "cube"
        images = [h.name for h in hdus if h.name not in ("PRIMARY", "LSF", "PARAMETERS")]
        assert sorted(h5) == sorted([*images, "LSF", "Parameters", "Provenance"])
        for name in images:
            data, header = h5[name], hdus[name].header
            assert data.dtype == hdus[name].data.dtype.newbyteorder("=") and np.array_equal(data[()], hdus[name].data,
                                                                                            equal_nan=True), name
            assert data.attrs["axes"] == ("lambda y x" if data.ndim == 3 else "y x") and data.attrs["description"]
            assert data.attrs["unit"] == header.get("BUNIT", "1")
            for key in WCS_KEYS[:None if data.ndim == 3 else 15]:
                want = header[key]
                assert data.attrs[key] == (want if isinstance(want, str) else pytest.approx(want, rel=1e-14, abs=1e-30))
        for bit in (1, 2, 8, 16):
            assert h5["DQ"].attrs[f"DQBIT{bit}"] == hdus["DQ"].header[f"DQBIT{bit}"]
        for column in hdus["LSF"].data.names:
            assert np.array_equal(h5["LSF"][column][()],
                                  hdus["LSF"].data[column]) and h5["LSF"][column].attrs["unit"] == "Angstrom"
        for name, value, unit, origin in hdus["PARAMETERS"].data:
            p = h5["Parameters"][name]
            assert (p[()].decode(), p.attrs["unit"], p.attrs["origin"]) == (value, unit, origin)
        facts = {k: v[()] for k, v in h5["Provenance"].items()}
        facts = {k: v.decode() if isinstance(v, bytes) else v for k, v in facts.items()}
        assert facts.pop("FILE2") == "a folder/Vázquez's snap.1.hdf5"
        assert facts.pop("DATE")[:4] == hdus[0].header["DATE"][:4]
        for key, value in facts.items():
            want = value if isinstance(value, str) else pytest.approx(value, rel=1e-14)
            assert hdus[0].header[key] == want, key
        assert set(hdus[0].header) - set(facts) <= {"SIMPLE", "BITPIX", "NAXIS", "EXTEND", "COMMENT", "FILE2", "DATE",
                                                    "LONGSTRN", ""}


WCS_KEYS = ["WCSAXES", "CTYPE1", "CTYPE2", "CUNIT1", "CUNIT2", "CRVAL1", "CRVAL2", "CRPIX1", "CRPIX2", "CD1_1", "CD1_2",
            "CD2_1", "CD2_2",
            "CDELT1", "CDELT2", "CTYPE3", "CUNIT3", "CRVAL3", "CRPIX3", "CD3_3", "CDELT3", "SPECSYS", "RADESYS"]


# ---- files ---------------------------------------------------------------------------------------

def test_a_full_disk(tmp_path):
    """A file system of 64 KiB: one clear message, exit status 4, nothing left."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(disk)], capture_output=True).returncode:
        pytest.skip("a small file system needs the right to mount one")
    try:
        for suffix in ("fits", "hdf5"):
            err = write(disk, "FieldOfView=30 30", files=f"made.{suffix}", status=4).err
            assert f"cannot write made.{suffix}" in err and os.strerror(28) in err
            assert list(disk.iterdir()) == []
    finally:
        subprocess.run(["umount", str(disk)])


@pytest.mark.parametrize("name", ["made-usedvalues", "made-timings.txt"])
def test_the_texts_beside_a_cube_are_protected(tmp_path, name):
    (tmp_path / name).write_text("old")
    err = write(tmp_path, "Overwrite=no", status=4).err
    assert name in err and "Overwrite = no" in err
    assert [p.name for p in tmp_path.iterdir()] == [name] and (tmp_path / name).read_text() == "old"


def test_an_older_file_is_replaced_as_a_whole(tmp_path):
    (tmp_path / "made.fits").write_text("old")
    with open(tmp_path / "made.fits") as old:
        write(tmp_path, "Overwrite=no", status=4)
        assert (tmp_path / "made.fits").read_text() == "old"
        write(tmp_path)
        assert old.read() == "old"      # the old file was not written into: a new one took its name
    assert fits.getdata(tmp_path / "made.fits", "DATA").shape == (N_LAMBDA, N_Y, N_X)
