"""cubix-from-rubix: configurations as RUBIX's tutorials have them become parameter files that run; no key is lost without a word."""
import copy
import json
import re
import subprocess
import sys

import numpy as np
import pytest
from astropy.io import fits

from harness import SOURCE, run
from oracle import frame

TOOL = SOURCE / "scripts/cubix-from-rubix"
PLAIN = {
    "pipeline": {"name": "calc_ifu"},
    "logger": {"log_level": "INFO", "log_file_path": None, "format": "%(levelname)s: %(message)s"},
    "data": {"name": "IllustrisAPI",
             "args": {"api_key": "sesame", "particle_type": ["stars"], "simulation": "TNG100-1", "snapshot": 84,
                      "save_data_path": "cutouts"},
             "load_galaxy_args": {"id": 167392, "reuse": False}, "subset": {"use_subset": True, "subset_size": 2000}},
    "simulation": {"name": "IllustrisTNG", "args": {"path": "galaxy.hdf5"}},
    "output_path": "",
    "telescope": {"name": "MUSE", "psf": {"name": "gaussian", "size": 7, "sigma": 1.5}, "lsf": {"sigma": 1.2},
                  "noise": {"signal_to_noise": 20, "noise_distribution": "normal"}},
    "cosmology": {"name": "PLANCK15"},
    "galaxy": {"dist_z": 0.05, "rotation": {"type": "face-on"}},
    "ssp": {"template": {"name": "BruzualCharlot2003"}, "method": "cubic"},
}
DUST = {"extinction_model": "Gordon23", "Rv": 3.1, "dust_to_gas_model": "power law slope free", "Xco": "MW", "dust_grain_density": 3.0,
        "dust_to_metals_ratio": 0.4}


def changed(**keys):
    """PLAIN with other values: {"galaxy__dist_z": 0.1}; None takes a key away."""
    config = copy.deepcopy(PLAIN)
    for path, value in keys.items():
        *groups, last = path.split("__")
        at = config
        for group in groups:
            at = at.setdefault(group, {})
        if value is None:
            del at[last]
        else:
            at[last] = value
    return config


def convert(folder, config, *words):
    (folder / "config.json").write_text(config if isinstance(config, str) else json.dumps(config))
    return subprocess.run([sys.executable, str(TOOL), *words, str(folder / "config.json")], text=True, capture_output=True)


def parameters(text):
    rows = [re.split(r"\s+", line.split("%")[0].strip(), maxsplit=1) for line in text.splitlines()]
    return dict(row for row in rows if len(row) == 2)


def test_a_tutorials_configuration(tmp_path):
    done = convert(tmp_path, PLAIN)
    assert done.returncode == 0 and done.stderr == ""
    p = parameters(done.stdout)
    assert p.pop("OutputFile") == "IllustrisTNG_id167392_snap84_MUSE_calc_ifu.fits"
    assert p == {"InputFile": "galaxy.hdf5", "SimulationFormat": "IllustrisTNG", "SspFile": "BruzualCharlot2003.hdf5",
                 "SspInterpolation": "pchip", "Redshift": "0.05", "Orientation": "inclined", "Inclination": "0 deg",
                 "PositionAngle": "90 deg", "OmegaMatter": "0.3075", "OmegaLambda": "0.6925", "HubbleParam": "0.6774",
                 "Instrument": "MUSE", "FieldOfView": "5 arcsec", "Psf": "gaussian",
                 "PsfFwhm": "0.706446 arcsec",        # 1.5 x 0.2 x 2.35482
                 "Lsf": "gaussian", "LsfFwhm": "2.82578 AA", "Noise": "snr",
                 "SignalToNoise": "17.8885",          # 20/sqrt(1.25)
                 "SnrAperture": "2.5 arcsec"}
    assert "sesame" not in done.stdout                # a key is a secret


def test_every_key_is_told_of(tmp_path):
    for config in (PLAIN, changed(pipeline__name="calc_dusty_ifu", ssp__dust=DUST), changed(ssp__dust=DUST),
                   changed(galaxy__rotation={"alpha": 30, "beta": 0, "gamma": 5}, simulation__name="NIHAO",
                           simulation__args__halo_path="g.AHF_halos", simulation__args__halo_id=0,
                           cosmology={"name": "CUSTOM", "args": {"Om0": 0.3, "w0": -1, "wa": 0, "h": 0.7}})):
        done = convert(tmp_path, config)
        assert done.returncode == 0 and done.stderr == "", done.stderr

        def leaves(tree, path=""):
            for key, below in tree.items():
                yield from leaves(below, f"{path}{key}.") if isinstance(below, dict) else [path + key]
        for key in leaves(config):
            assert re.search(rf"(?<![\w.]){re.escape(key)}(?![\w.])", done.stdout), key
        assert "UNKNOWN" not in done.stdout


def test_unknown_keys_are_said(tmp_path):
    done = convert(tmp_path, changed(telescope__psf__sigmas=2, dusty=True, ssp__dust={"albedo": 0.5}))
    assert done.returncode == 0
    assert "unknown key 'telescope.psf.sigmas' was not converted; did you mean 'telescope.psf.sigma'?" in done.stderr
    assert "unknown key 'dusty'" in done.stderr and "unknown key 'ssp.dust.albedo'" in done.stderr
    said = done.stdout[done.stdout.index("UNKNOWN"):]
    assert "telescope.psf.sigmas = 2" in said and "dusty = true" in said and "ssp.dust.albedo = 0.5" in said


def test_dust_counts_where_rubix_uses_it(tmp_path):
    dusty = parameters(convert(tmp_path, changed(pipeline__name="calc_dusty_ifu", ssp__dust=DUST)).stdout)
    assert (dusty["Dust"], dusty["DustLaw"], dusty["DustRv"], dusty["DustToMetal"]) == ("gas", "G23", "3.1", "0.4")
    assert "Dust" not in parameters(convert(tmp_path, changed(ssp__dust=DUST)).stdout)
    gradient = convert(tmp_path, changed(pipeline__name="calc_gradient"))
    assert "Mode gradient" in gradient.stderr and "Mode" not in parameters(gradient.stdout)


@pytest.mark.parametrize("alpha, beta, gamma", [(0, 0, 0), (90, 0, 0), (35, 0, 0), (140, 0, 0), (-60, 0, 0), (20, 50, 0),
                                               (250, -70, 40), (10, 180, 77), (0, 90, 0)])
def test_rotations_show_the_disc_as_rubix_does(tmp_path, alpha, beta, gamma):
    """RUBIX: rows of coordinates along the principal axes times Rz(gamma) Ry(beta) Rx(alpha), seen along z."""
    p = parameters(convert(tmp_path, changed(galaxy__rotation={"alpha": alpha, "beta": beta, "gamma": gamma})).stdout)
    ours = frame.rotation_inclined(np.eye(3), float(p["Inclination"].split()[0]), float(p["PositionAngle"].split()[0])).T
    a, b, g = np.radians([alpha, beta, gamma])
    rx = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    ry = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    rz = np.array([[np.cos(g), -np.sin(g), 0], [np.sin(g), np.cos(g), 0], [0, 0, 1]])
    rubix = rz @ ry @ rx                                      # row k: where axis k comes to lie
    assert abs(abs(rubix[2] @ ours[2]) - 1) < 1e-9            # the disc's normal, without its sign
    if beta == gamma == 0:
        assert abs(abs(rubix[0] @ ours[0]) - 1) < 1e-9        # and the longest axis


@pytest.mark.parametrize("change, status, words", [
    ({"telescope__name": "MUZE"}, 3, ("telescope.name", "MUZE", "did you mean MUSE")),
    ({"galaxy__dist_z": "far"}, 3, ("galaxy.dist_z", '"far"', "not a number")),
    ({"galaxy__dist_z": 0}, 3, ("galaxy.dist_z is 0", "more than 0")),
    ({"galaxy__dist_z": None}, 3, ("lacks 'galaxy.dist_z'",)),
    ({"telescope__psf__sigma": float("nan")}, 3, ("telescope.psf.sigma", "not a number")),
    ({"telescope__psf__name": "moffat"}, 3, ("telescope.psf.name", "gaussian")),
    ({"galaxy__rotation": {"alpha": 3}}, 3, ("lacks 'galaxy.rotation.beta'",)),
    ({"galaxy__rotation__type": "upside-down"}, 3, ("galaxy.rotation.type", "edge-on")),
    ({"cosmology": {"name": "CUSTOM", "args": {"Om0": 0.3, "w0": -0.9, "wa": 0, "h": 0.7}}}, 3, ("cosmology.args.w0 is -0.9", "Distance")),
])
def test_bad_values(tmp_path, change, status, words):
    done = convert(tmp_path, changed(**change))
    assert done.returncode == status and done.stdout == ""
    assert len(done.stderr.splitlines()) == 1 and all(word in done.stderr for word in ("cubix-from-rubix: error:", *words)), done.stderr


def test_bad_files(tmp_path):
    for text in ("[1, 2]", "{", "", '"MUSE"'):
        done = convert(tmp_path, text)
        assert done.returncode == 3 and len(done.stderr.splitlines()) == 1 and "config.json" in done.stderr, done.stderr
    done = subprocess.run([sys.executable, str(TOOL), str(tmp_path / "none.json")], text=True, capture_output=True)
    assert done.returncode == 3 and "none.json" in done.stderr and "No such file" in done.stderr
    done = convert(tmp_path, PLAIN, "-o", str(tmp_path / "no/such.param"))
    assert done.returncode == 4 and "such.param" in done.stderr


def test_yaml(tmp_path):
    yaml = pytest.importorskip("yaml")
    (tmp_path / "config.yml").write_text(yaml.safe_dump(PLAIN))
    done = subprocess.run([sys.executable, str(TOOL), str(tmp_path / "config.yml")], text=True, capture_output=True)
    assert done.stdout.replace("config.yml", "config.json") == convert(tmp_path, PLAIN).stdout


def test_telescopes_are_those_of_the_page():
    """The same names as in doc/instruments.md, "Names of other codes"."""
    sys.path.insert(0, str(SOURCE / "scripts"))
    from cubix_rubix.telescopes import TELESCOPES
    page = (SOURCE / "doc/instruments.md").read_text()
    table = page[page.index("| RUBIX | Instrument |"):page.index("SimSpin's telescopes")]
    named = {name.strip(): row.split("|")[2] for row in table.splitlines()[2:] if row for name in row.split("|")[1].split(",")}
    assert set(named) == set(TELESCOPES)
    for name, telescope in TELESCOPES.items():
        assert telescope.instrument in named[name] or "the same names" in named[name]
        for parameter, value in telescope.more.items():
            if not parameter.startswith("LambdaM"):
                assert f"{parameter} {value.split()[0]}" in named[name]


@pytest.mark.parametrize("name", ["MUSE", "SAMI"])
def test_the_parameter_file_runs(tmp_path, name):
    assert run("cubix-mock", ["--stars", "20000", "--gas", "5000", "--seed", "1", "galaxy.hdf5"], cwd=tmp_path).status == 0
    tool = subprocess.run([sys.executable, str(SOURCE / "scripts/cubix-ssp"), "demo", "demo.hdf5"], cwd=tmp_path, capture_output=True)
    assert tool.returncode == 0
    config = changed(telescope__name=name, pipeline__name="calc_dusty_ifu", ssp__dust=DUST, galaxy__rotation__type="edge-on",
                     output_path="my cubes")
    (tmp_path / "my cubes").mkdir()
    done = convert(tmp_path, config, "-o", str(tmp_path / "my.param"), "--ssp", "demo.hdf5")
    assert done.returncode == 0 and done.stdout == ""
    made = run("cubix", ["my.param"], cwd=tmp_path)
    assert made.status == 0, made.err
    with fits.open(tmp_path / f"my cubes/IllustrisTNG_id167392_snap84_{name}_calc_dusty_ifu.fits") as hdus:
        used = {row[0]: row[1] for row in hdus["PARAMETERS"].data}
        image = np.nansum(hdus[0].data if hdus[0].data is not None else hdus["DATA"].data, axis=0)
    assert float(used["Redshift"]) == 0.05 and used["Dust"] == "gas" and float(used["Inclination"]) == 90
    # the major axis lies along x, as RUBIX's edge-on galaxies have it
    n = image.shape[0] // 2
    assert image[n].sum() > 1.5 * image[:, n].sum()
