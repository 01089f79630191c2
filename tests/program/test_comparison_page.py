"""doc/comparison.md, "Moving over": every parameter exists, RUBIX's table says what cubix-from-rubix does, and SimSpin's has
each argument of its functions."""
import re
import sys

import numpy as np
import pytest

from harness import SOURCE, galaxy, read_cube, run
from program.test_from_rubix import DUST, PLAIN, changed, convert

PAGE = (SOURCE / "doc/comparison.md").read_text()
PARAMETERS = set(re.findall(r"^CUBIX_(?:PARAM\(\w+, +|CHOICE\()(\w+),", (SOURCE / "src/params/params.def").read_text(), re.M))
# of version 2.10.4: help(make_simspin_file) and so on
SIMSPIN = {
    "make_simspin_file": "filename cores disk_age bulge_age disk_Z bulge_Z template write_to_file output overwrite centre half_mass "
                         "sph_spawn_n",
    "telescope": "type fov aperture_shape wave_range wave_centre wave_res spatial_res filter lsf_fwhm signal_to_noise method",
    "observing_strategy": "dist_z dist_Mpc dist_kpc_per_arcsec z inc_deg twist_deg pointing_kpc pointing_deg blur fwhm psf H0 OmegaM "
                          "OmegaL OmegaR",
    "build_datacube": "simspin_file telescope observing_strategy moments verbose write_fits output_location object_name telescope_name "
                      "observer_name split_save cores mass_flag voronoi_bin vorbin_limit",
}


def table(code):
    """[(first cell, second cell, remarks)] of the table of a code."""
    text = PAGE[PAGE.index(f"### From {code}\n"):].split("\n### ")[0].split("\n## ")[0]
    rows = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in text.splitlines() if line.startswith("|")]
    assert all(len(row) == 3 for row in rows) and len(rows) > 6, code
    return rows[2:]


def quoted(cell):
    return re.findall(r"`([^`]+)`", cell)


CODES = re.findall(r"^### From (\S+)$", PAGE, re.M)


def test_all_codes_are_there():
    named = re.findall(r"^\| (\S+) \| .* \| (?:Python|R|C\+\+)", PAGE, re.M)
    assert sorted(named) == sorted(CODES) and len(CODES) == 8


@pytest.mark.parametrize("code", CODES)
def test_every_parameter_exists(code):
    for _, parameters, remarks in table(code):
        assert parameters in ("-", "") or quoted(parameters), parameters
        for name in quoted(parameters):
            assert name in PARAMETERS, name
        for word in quoted(remarks):
            name = word.split()[0]
            assert name in PARAMETERS or name.startswith("cubix"), word


def test_rubix_is_converted_as_the_page_says(tmp_path):
    sys.path.insert(0, str(SOURCE / "scripts"))
    from cubix_rubix.convert import KEYS
    made, dropped = {}, set()
    for config in (PLAIN, changed(pipeline__name="calc_dusty_ifu", ssp__dust={**DUST, "dust_to_gas_ratio": 0.01}),
                   changed(galaxy__rotation={"alpha": 30, "beta": 0, "gamma": 5}, simulation__name="NIHAO",
                           simulation__args__halo_path="g.AHF_halos", simulation__args__halo_id=0,
                           cosmology={"name": "CUSTOM", "args": {"Om0": 0.3, "w0": -1, "wa": 0, "h": 0.7}})):
        body, _, rest = convert(tmp_path, config).stdout.partition("% Keys of RUBIX without")
        for name, keys in re.findall(r"^([A-Z]\w+) .* % ([\w.]+(?:, [\w.]+)*)$", body, re.M):
            for key in keys.split(", "):
                made.setdefault(key, set()).add(name)
        dropped |= set(re.findall(r"^%   ([\w.]+) = ", rest, re.M))
    page = {key: set(quoted(parameters)) for keys, parameters, _ in table("RUBIX") for key in quoted(keys)}
    assert set(page) == KEYS
    assert {key: names for key, names in page.items() if names} == made
    assert {key for key, names in page.items() if not names} == dropped - set(made)


def test_simspin_has_every_argument():
    found, function = {}, None
    for arguments, _, _ in table("SimSpin"):
        if arguments.startswith("**"):
            function = arguments.strip("*")
        else:
            found.setdefault(function, []).extend(quoted(arguments))
    assert {name: sorted(words) for name, words in found.items()} == {name: sorted(words.split()) for name, words in SIMSPIN.items()}


def test_simspin_points_the_other_way(bench):
    """SimSpin adds pointing_kpc to the galaxy: c(2, -1) looks at what lies at x = -2, y = 1."""
    bench.instrument(9, 9, 1.0, lam=(5000.0, 5002.0, 1.0))
    bench.ssp()
    s = galaxy(3, seed=1)
    s["pos"][:] = [-2.0, 1.0, 0.0]
    bench.particles(s)
    fixed = dict(Redshift=0.05, Centre=(0.0, 0.0, 0.0), SystemicVelocity="none")
    scale = float(bench.cube(**fixed)["header"]["PRIMARY"]["KPCARC"])
    seen = bench.cube(PointingX=-2.0 / scale, PointingY=1.0 / scale, **fixed)
    assert np.argwhere(seen["NSTAR"] > 0).tolist() == [[4, 4]]


def test_simspin_seen_inclined(bench):
    """Its inc_deg about x, on a disc in the file's x-y plane: lines of sight z cos i - y sin i, the sky x and z sin i + y cos i;
    Orientation angles with Alpha -i gives the same sums."""
    bench.instrument(9, 9, 1.0, lam=(5000.0, 5002.0, 1.0))
    bench.ssp()
    s = galaxy(200, seed=4, radius=0.8, tilt=False)
    bench.particles(s)
    done = run("cubix", [bench.parameters(Redshift=0.05, Centre=(0.0, 0.0, 0.0), SystemicVelocity="none", Orientation="angles",
                                          Alpha=-50.0)], cwd=bench.folder)
    assert done.status == 0, done.err
    got = read_cube(bench.out)
    i = np.radians(50.0)
    x, y, z = s["pos"].T
    scale = float(got["header"]["PRIMARY"]["KPCARC"])
    column, row = np.floor(4.5 - x / scale).astype(int), np.floor(4.5 + (z * np.sin(i) + y * np.cos(i)) / scale).astype(int)
    on = (column >= 0) & (column < 9) & (row >= 0) & (row < 9)
    count = np.zeros((9, 9))
    np.add.at(count, (row[on], column[on]), 1)
    assert np.array_equal(got["NSTAR"], count)
    v = s["vel"][:, 2] * np.cos(i) - s["vel"][:, 1] * np.sin(i)
    assert abs(np.average(v[on], weights=s["mass"][on]) - np.nansum(got["VEL_M"] * got["MASS"]) / got["MASS"].sum()) < 1e-3
