"""doc/cube.md says of every HDU and every header card what the program writes, and nothing is cut at column 80."""
import re

import h5py
import pytest
from astropy.io import fits

from harness import SOURCE, Bench, galaxy, run

PAGE = (SOURCE / "doc" / "cube.md").read_text()
# of the standard itself, or the same for other axes: the page says that it leaves them out
PLAIN = re.compile(r"(SIMPLE|XTENSION|EXTEND|BITPIX|NAXIS\d?|PCOUNT|GCOUNT|EXTNAME|COMMENT|CONTINUE|CUNIT\d|"
                   r"CRPIX3|CD\d_\d|RADESYS|)$")
OF_A_LAYOUT = re.compile(r"(INSTRUME|VERSDRP3|PLATEIFU|MANGAID|SRVYMODE|TELESCOP|OBJDEC|ERRDATA|QUALDATA|MASKB\d|DQB\d|"
                         r"DQBIT\d+)$")
LIKEWISE = re.compile(r"([MLN])_(FIELD|MARGIN|OUT|SHED|CLAMPZ|CLAMPA|OLD)$")


def rows():
    found = re.findall(r"^\| ([A-Z][A-Za-z0-9_-]*) \|([^|]*)\|[^|]*\|$", PAGE, re.M)
    return {key: comment.strip() for key, comment in found}


def row_of(key):
    """The page's name of a card: FILE12 is FILEi, ROT12 is ROTij."""
    known = rows()
    return next((name for name in (key, re.sub(r"\d\d$", "ij", key), re.sub(r"\d+$", "i", key)) if name in known), None)


@pytest.fixture(scope="module")
def cubes(tmp_path_factory):
    """All that a cube may have, in each layout."""
    bench = Bench(tmp_path_factory.mktemp("page"))
    bench.file = bench.path("galaxy.hdf5")
    assert run("cubix-mock", ["--stars", 3000, "--gas", 2000, "--seed", 1, bench.file]).status == 0
    bench.ssp(lo=4500.0, hi=7200.0)
    bench.instrument(8, 6, 1.0, lam=(6400.0, 6800.0, 4.0), psf="moffat", psf_curve=(0.8,), psf_beta=2.8, area=5e5,
                     throughput=(0.2,), sky=(2e-17,), exposure=900.0)
    every = dict(Dust="gas", BirthCloudTau=0.5, Lines="sfr", LineFile="demo", Losvd=50, KeepNoiseFree="yes",
                 ResampleYoung="1e5", Noise="snr", SignalToNoise=20, SnrLambdaMin=6450, SnrLambdaMax=6650,
                 Redshift=0.03, Orientation="inclined", Inclination=50, PositionAngle=30, DateObs="2026-01-31", Object='"a galaxy"')
    made = []
    for name, words in (("a", {"Engine": "histogram"}),
                        ("plain", {"Layout": "plain", "Engine": "direct"}),
                        ("manga", {"Layout": "manga"}), ("jwst", {"Layout": "jwst", "Noise": "none"}),
                        ("sami", {"Layout": "sami"})):
        files = "%s,%s" % (bench.path(name + ".fits"), bench.path(name + ".hdf5"))
        done = run("cubix", [bench.parameters(OutputFile=files, **{**every, **words})], cwd=bench.folder)
        assert done.status == 0, done.err
        made.append(bench.path(name + ".fits"))
    return made


def test_every_card_has_its_row(cubes):
    """The comment on the page is the one in the file: neither is cut, nor stale."""
    known, met = rows(), set()
    assert len(known) > 120
    for path in cubes:
        with fits.open(path) as hdus:
            for hdu in hdus:
                for card in () if isinstance(hdu, fits.BinTableHDU) else hdu.header.cards:
                    name = row_of(card.keyword)
                    if not name and (PLAIN.match(card.keyword) or OF_A_LAYOUT.match(card.keyword)
                                     or LIKEWISE.match(card.keyword)):
                        continue
                    assert name, "%s is not in doc/cube.md" % card.keyword
                    met.add(name)
                    velocity = hdu.name.startswith("LOSVD") and card.keyword.endswith(("3", "3_3"))
                    if name in ("SCIDATA", "OBJRA", "N_SOURCE", "CTYPE3") or velocity:
                        continue                      # what they say depends on layout, Lines, axis
                    if not OF_A_LAYOUT.match(card.keyword) or hdu.name == "PRIMARY":
                        assert card.comment == known[name] or not known[name], card.keyword
    source = "".join(path.read_text() for path in (SOURCE / "src/output").glob("*.c"))
    for name in set(known) - met:                     # what these cubes did not ask for is written all the same
        assert '"%s"' % re.sub("ij?$", "", name) in source, name


def test_every_keyword_of_the_source_has_its_row():
    """Those as well that no cube of these tests asks for."""
    source = "".join(path.read_text() for path in (SOURCE / "src/output").glob("*.c"))
    names = set(re.findall(r'\b(?:real|text|integer|logical)\(facts, "([A-Z0-9_-]+)"', source))
    names |= set(re.findall(r'numbered\(name, "([A-Z]+)"', source))
    known, table = rows(), {"PS3_0", "PS3_1", "PV3_1", "PV3_3"}
    assert len(names) > 120
    for name in names - table:
        assert {name, name + "i", name + "ij"} & set(known) or PLAIN.match(name), "%s is not in doc/cube.md" % name


def test_no_comment_is_cut(cubes):
    """HDF5 says the same without a limit."""
    for path in cubes:
        with fits.open(path) as hdus, h5py.File(path.with_suffix(".hdf5")) as file:
            for name, item in file["Provenance"].items():
                unit, text = item.attrs["unit"], item.attrs["description"]
                assert hdus[0].header.comments[name] == ("[%s] " % unit if unit else "") + text
                value = item[()]
                if isinstance(value, bytes) and name != "DATE":
                    assert hdus[0].header[name] == value.decode(), name
            for hdu in hdus[1:]:
                if hdu.name in file and isinstance(file[hdu.name], h5py.Dataset):
                    said = hdu.header.comments["EXTNAME"] or "".join(hdu.header["COMMENT"])
                    want = file[hdu.name].attrs["description"]      # a COMMENT is broken anywhere
                    assert said.replace(" ", "") == want.replace(" ", "") or hdu.name == "DQ", hdu.name


def test_every_part_has_its_row(cubes):
    parts = re.findall(r"^\| (.*?) \|", PAGE[:PAGE.index("## Cards of every image")], re.M)
    known = {word for part in parts for word in re.split(r"[ ,()]+", part.replace("\\", ""))}
    for path in cubes:
        with fits.open(path) as hdus:
            for hdu in hdus:
                name = re.sub("_OBS$", "", hdu.name)
                assert name in known or name.startswith("LINE_") and "LINE_..." in known, name


def test_flux_says_how_it_was_observed(cubes):
    """Readers of one HDU find redshift, angles and exposure there."""
    for path in cubes:
        with fits.open(path) as hdus:
            flux = next(hdu for hdu in hdus if hdu.name in ("DATA", "FLUX", "SCI") or
                        hdu.name == "PRIMARY" and hdu.header["NAXIS"] == 3)
            keys = [card.keyword for card in flux.header.cards if card.keyword not in ("COMMENT", "CONTINUE")]
            assert len(set(keys)) == len(keys)
            assert flux.header["INCLINAT"] == 50 and flux.header["POSANG"] == 30 and flux.header["REDSHIFT"] == 0.03
            assert flux.header["OBJECT"] == "a galaxy"
            assert ("EXPTIME" in flux.header) == (hdus[0].header["NOISE"] != "none")
            assert hdus[0].header["INCLINAT"] == 50
            if "EXPTIME" in flux.header:
                assert flux.header["EXPTIME"] == hdus[0].header["EXPTIME"] > 0


def test_long_texts_come_back(tmp_path):
    """Of any length, with quotes, and with a comment that has no room beside them."""
    bench = Bench(tmp_path)
    bench.particles(galaxy(50, seed=5, radius=1.0))
    bench.ssp()
    bench.instrument(4, 4, 0.5)
    for n in list(range(10, 75, 4)) + [66, 67, 68, 69, 133, 134, 135, 136, 200]:
        name = ("it's " * 50)[:n].strip() + "'"
        bench.cube(Object='"%s"' % name)
        with fits.open(bench.out) as hdus:
            assert hdus[0].header["OBJECT"] == name
            assert hdus[0].header.comments["OBJECT"] == "Object, or the simulation file's name"
