"""The benchmark: see doc/benchmarks.md.  benchmark.sh finds a Python for it and runs it."""
import argparse
import dataclasses
import datetime
import json
import os
import shutil
import sys
import time
from pathlib import Path

import accuracy
import alternate
import explain
import gradient
import library
import machine
import peers
import race
import report
import scaling
import setting as settings
import shell

HERE = Path(__file__).resolve().parent
SOURCE = HERE.parent.parent
SECTIONS = ("explain", "race", "synthesizer", "sgemm", "scaling", "accuracy", "gradient", "image")


def options():
    p = argparse.ArgumentParser(prog="benchmark.sh",
                                description="CUBIX beside its peers on the same stars, library, spaxels and "
                                            "channels; doc/benchmarks.md.")
    p.add_argument("--build", default=str(SOURCE / "build"),
                   help="folder with cubix, cubix-mock and, for the accuracy, tests/cubix64")
    p.add_argument("--work",
                   default=os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"),
                                        "cubix-benchmark"),
                   help="folder for galaxies, libraries and the peers' virtual environments (tens of GB in full)")
    p.add_argument("--out", default=str(SOURCE / "doc" / "benchmarks"),
                   help="folder for DATE-MACHINE.md, .json and pictures")
    p.add_argument("--name", help="instead of DATE-MACHINE")
    p.add_argument("--library", action="append", default=[], metavar="NAME=FILE",
                   help="a canonical library to race with (E-MILES must be given so: its licence)")
    p.add_argument("--sections", default=",".join(SECTIONS), help="of " + ", ".join(SECTIONS))
    p.add_argument("--quick", action="store_true", help="a few minutes: few stars, one repeat")
    p.add_argument("--full", action="store_true", help="all of it (the default)")
    p.add_argument("--numbers", help="of stars, separated by commas")
    p.add_argument("--spaxels", type=int, help="a side [100; quick 50]")
    p.add_argument("--channels", type=int, default=3721)
    p.add_argument("--repeat", type=int, help="runs of which the median is taken [5; quick 1]")
    p.add_argument("--threads", type=int, default=peers.cores())
    p.add_argument("--tolerance", default="1e-4", help="of the histogram in the race")
    p.add_argument("--rubix-seconds", type=float,
                   help="for all runs of RUBIX in the race [600; quick 60]; beyond, its line is extrapolated")
    p.add_argument("--cubix-seconds", type=float,
                   help="for each library and method of CUBIX in the race [300; quick 30]")
    p.add_argument("--galcraft-seconds", type=float, help="for GalCraft [240; quick 0]")
    p.add_argument("--synthesizer-seconds", type=float,
                   help="for Synthesizer in the race, and for all rounds of the section synthesizer [600; quick 60]")
    p.add_argument("--synthesizer-gib", type=float, default=8.0, help="memory that Synthesizer may take [8]")
    p.add_argument("--gradient-seconds", type=float,
                   help="for RUBIX's gradients, and for those of CUBIX at each N [240; quick 30]")
    p.add_argument("--skip-peers", action="store_true", help="CUBIX alone: nothing is downloaded")
    a = p.parse_args()
    quick = a.quick and not a.full
    a.quick = quick
    a.numbers = [int(float(n)) for n in (a.numbers or ("1e3,1e4" if quick else "1e3,1e4,3e4,1e5,1e6,6e6")).split(",")]
    a.spaxels = a.spaxels or (50 if quick else 100)
    a.repeat = a.repeat or (1 if quick else 5)
    for name, full, small in (("rubix_seconds", 600, 60), ("cubix_seconds", 300, 30), ("galcraft_seconds", 240, 0),
                              ("synthesizer_seconds", 600, 60),
                              ("gradient_seconds", 240, 30)):
        if getattr(a, name) is None:
            setattr(a, name, small if quick else full)
    unknown = set(a.sections.split(",")) - set(SECTIONS)
    if unknown:
        p.error("no such section: %s" % ", ".join(sorted(unknown)))
    return a


class Benchmark:
    def __init__(self, a):
        self.a, self.work, self.out = a, Path(a.work).absolute(), Path(a.out).absolute()
        self.work.mkdir(parents=True, exist_ok=True)
        self.out.mkdir(parents=True, exist_ok=True)
        self.name = a.name or "%s-%s" % (datetime.date.today().isoformat(), machine.name())
        self.setting = settings.Setting(spaxels=a.spaxels, channels=a.channels)
        self.cubix = shell.Cubix(Path(a.build).absolute(), self.work)
        self.cache = self.work / "templates"
        self.cache.mkdir(exist_ok=True)
        self.rubix = self.peer("RUBIX", peers.Rubix)
        self.results = {"machine": machine.describe(a.build, SOURCE, self.cubix.version),
                        "setting": vars(self.setting) | {}, "missing": {},
                        "options": {k: v for k, v in vars(a).items() if k not in ("work", "out", "build", "library")}}
        self.results["missing"].update(self.lacking)
        self.keep_earlier()
        self.libraries = self.find_libraries()

    lacking = {}

    def keep_earlier(self):
        """Sections of an earlier run of the same name and commit stay unless they are run again."""
        try:
            earlier = json.loads((self.out / (self.name + ".json")).read_text())
        except (OSError, ValueError):
            return
        same = all(earlier.get("machine", {}).get(key) == self.results["machine"][key]
                   for key in ("commit", "processor", "cores"))
        if same and earlier.get("setting") == self.results["setting"]:
            self.results.update({name: earlier[name] for name in SECTIONS if name in earlier
                                 and name not in self.a.sections.split(",")})

    def say(self, text):
        print(text, flush=True)

    def peer(self, name, maker):
        if self.a.skip_peers:
            self.lacking[name] = "--skip-peers"
            return None
        try:
            return maker(self.work)
        except (shell.Failed, OSError) as error:
            self.lacking[name] = str(error)[:600]
            self.say("%s is missing: %s" % (name, error))
            return None

    def ssp(self, *args):
        shell.run([sys.executable, SOURCE / "scripts" / "cubix-ssp"] + list(args), timeout=1800)

    def find_libraries(self):
        """{name: (canonical file, RUBIX's file or None)}"""
        found = {}
        for item in self.a.library:
            name, _, path = item.partition("=")
            if not Path(path).is_file():
                raise shell.Failed("--library %s: no such file; it is written NAME=FILE" % item)
            found[name] = (Path(path).absolute(), None)
        if self.rubix:
            canonical = self.work / "bc03lr.hdf5"
            if not canonical.exists():
                self.ssp("convert", "rubix", self.rubix.own_library(), canonical)
            found.setdefault("bc03lr", (canonical, None))
            found["bc03lr"] = (found["bc03lr"][0], self.rubix.own_library())
        if not found:
            demo = self.work / "demo.hdf5"
            if not demo.exists():
                self.ssp("demo", demo)
            found["demo"] = (demo, None)
        for name, (canonical, template) in list(found.items()):
            if template is None:
                template = self.work / ("rubix-%s.h5" % name)
                library.write_rubix(template, library.read(canonical), *self.setting.rest_range())
                found[name] = (canonical, template)
        return found

    def six(self):
        """BC03 with MILES, 6 Z x 221 ages."""
        target = self.work / "bc03-miles-6x221.hdf5"
        if not target.exists():
            given = self.libraries.get("bc03-miles")
            source = given[0] if given else self.work / "bc03-miles.hdf5"
            if not source.exists():
                if self.a.skip_peers:
                    raise shell.Failed("bc03-miles: --skip-peers downloads nothing; give --library bc03-miles=FILE")
                self.ssp("get", "bc03-miles", source)
            library.drop_metallicity(source, target, 0)
        return target

    def engines(self):
        out = {"direct": {"Engine": "direct"}}
        if self.cubix.has_histogram:
            out["histogram"] = {"Engine": "histogram", "Tolerance": self.a.tolerance, "TemplateCache": self.cache}
        return out

    # ---- the sections ----------------------------------------------------------------------------------------------

    def explain(self):
        out = []
        for name, (canonical, template) in self.libraries.items():
            self.say("explain: %s" % name)
            out.append(explain.explain(self.work, self.cubix, self.rubix, self.setting, name, template, canonical,
                                       n_stars=300 if self.a.quick else 1000))
        return out

    def race(self):
        out, raced = {}, [name for name in self.libraries if name != "bc03-miles"]
        for name in raced:
            canonical, template = self.libraries[name]
            self.say("race: %s" % name)
            out[name] = rows = {}
            for engine, parameters in self.engines().items():
                rows["CUBIX " + engine] = race.cubix(self.cubix, self.setting, self.a.numbers, canonical, parameters,
                                                     self.a.threads, self.a.repeat,
                                                     self.a.cubix_seconds, self.say, engine == "histogram")
            race.extrapolate(rows["CUBIX direct"], self.a.numbers, "paint_s")
            if self.rubix:
                rows["RUBIX"] = race.rubix(self.rubix, self.cubix, self.setting, self.a.numbers, template,
                                           self.a.threads, min(self.a.repeat, 3),
                                           self.a.rubix_seconds / len(raced), self.say)
            synthesizer = self.synthesizer_peer()
            if synthesizer:
                rows["Synthesizer"] = race.synthesizer(synthesizer, self.cubix, self.setting, self.a.numbers,
                                                       synthesizer.grid(name, canonical, self.setting),
                                                       self.a.threads, self.a.synthesizer_seconds / len(raced),
                                                       self.say)
        try:
            six = self.six()
            self.say("race: bc03-miles 6x221 (CUBIX alone)")
            out["bc03-miles 6x221"] = {
                "CUBIX " + engine: race.cubix(self.cubix, self.setting, self.a.numbers, six, parameters, self.a.threads,
                                              self.a.repeat, self.a.cubix_seconds,
                                              self.say, engine == "histogram") for engine,
                                       parameters in self.engines().items()}
            race.extrapolate(out["bc03-miles 6x221"]["CUBIX direct"], self.a.numbers, "paint_s")
        except shell.Failed as error:
            self.results["missing"]["bc03-miles 6x221"] = str(error)[:600]
        if self.a.galcraft_seconds > 0 and raced:
            peer = self.peer("GalCraft", peers.Galcraft)
            if peer:
                name = raced[0]
                out[name]["GalCraft"] = race.galcraft(peer, self.cubix, self.setting, [300] + self.a.numbers,
                                                      self.libraries[name][0], self.a.threads,
                                                      self.a.galcraft_seconds, self.say)
        self.results["missing"].update(self.lacking)
        return out

    def synthesizer_peer(self):
        return self.peer("Synthesizer", lambda work: peers.Synthesizer(work, limit_gib=self.a.synthesizer_gib))

    def synthesizer(self):
        """In turn with CUBIX, on the same field in 100 x 100 and in 25 x 25 spaxels, by one thread and by all."""
        peer, a = self.synthesizer_peer(), self.a
        if not peer:
            raise shell.Failed(self.lacking["Synthesizer"])
        name, (canonical, template) = next(iter(self.libraries.items()))
        grid = peer.grid(name, canonical, self.setting)
        out = {"library": name, "limit_GiB": a.synthesizer_gib}
        out["agree"] = alternate.agree(self.work, self.cubix, peer, self.setting, name, canonical, grid,
                                       200 if a.quick else 1000)
        out["rows"] = alternate.measure(self.cubix, peer, self.setting, canonical, grid, self.engines(),
                                        [n for n in a.numbers if 1e4 <= n <= 1e5] or a.numbers[:1],
                                        sorted({25, self.setting.spaxels}), sorted({1, a.threads}), min(a.repeat, 3),
                                        a.synthesizer_seconds, self.say, self.rubix, template)
        return out

    def sgemm(self):
        out = {}
        for threads in sorted({1, self.a.threads}):
            best, median, blas = shell.run([sys.executable, HERE / "sgemm.py", threads, 1 if self.a.quick else 5],
                                           threads=threads)[0].split(" ", 2)
            out[str(threads)] = {"best_GFs": float(best), "median_GFs": float(median), "blas": blas.strip()}
            self.say("sgemm: %d thread(s): %s GF/s (%s)" % (threads, best, blas.strip()))
        if self.cubix.has_histogram:
            try:
                name, canonical = "bc03-miles 6x221", self.six()
            except shell.Failed:
                name, (canonical, _) = next(iter(self.libraries.items()))
            rows = race.cubix(self.cubix, self.setting, [max(self.a.numbers)], canonical, self.engines()["histogram"],
                              self.a.threads, self.a.repeat,
                              self.a.cubix_seconds, self.say, True)
            rate = rows[0]["figures"].get("multiply_GFs")
            if rate:
                out["multiply"] = {"GFs": rate, "share": rate / out[str(self.a.threads)]["best_GFs"], "N": rows[0]["N"],
                                    "library": name}
        return out

    def scaling(self):
        name, (canonical, _) = next(iter(self.libraries.items()))
        engines = {"direct": self.engines()["direct"]}
        if self.cubix.has_histogram:
            histogram = self.engines()["histogram"]
            engines.update({"histogram, cubes": dict(histogram, Combine="cube"),
                            "histogram, slabs": dict(histogram, Combine="histogram")})
        out = {"library": name, "strong": [], "weak": [], "bandwidth": scaling.BANDWIDTH, "latency": scaling.LATENCY}
        for engine, parameters in engines.items():
            number = min(max(self.a.numbers),
                         (100000 if engine == "direct" else 1000000) // (50 if self.a.quick else 1))
            for weak in (False, True):
                out["weak" if weak else "strong"] += scaling.measure(self.cubix, self.setting, canonical,
                                                                     {engine: parameters}, self.a.threads,
                                                                     max(number // (self.a.threads if weak else 1), 1),
                                                                     min(self.a.repeat, 3), weak, self.say)
        for row in out["strong"]:
            row["bytes"], row["bytes_from"] = scaling.volume(self.setting, row)
        out["model"] = scaling.predict(self.setting, out["strong"])
        return out

    def accuracy(self):
        rows = []
        candidates = {name: canonical for name,
                      (canonical, _) in self.libraries.items() if name not in ("bc03lr", "bc03-miles")}
        try:
            candidates["bc03-miles 6x221"] = self.six()
        except shell.Failed as error:
            self.results["missing"]["bc03-miles 6x221"] = str(error)[:600]
        if not candidates:
            candidates = {name: canonical for name, (canonical, _) in self.libraries.items()}
        number = 2000 if self.a.quick else 100000
        for name, canonical in candidates.items():
            self.say("accuracy: %s" % name)
            rows += accuracy.measure(self.cubix, self.setting, canonical, name, min(number, max(self.a.numbers)),
                                     (1e-3, 1e-4, 1e-5, 1e-6), self.a.threads,
                                     min(self.a.repeat, 3), self.cache, self.say)
        return rows

    def gradient(self):
        name, (canonical, template) = next(iter(self.libraries.items()))
        engine, number, a = self.engines().get("histogram", {"Engine": "direct"}), max(self.a.numbers), self.a
        small = dataclasses.replace(self.setting, spaxels=25 if not a.quick else min(25, self.setting.spaxels))
        numbers = sorted({n for n in (200, 1000, 100000, 6000000) if n <= number} | {min(a.numbers)})
        out = {"library": name, "spaxels": small.spaxels,
               "cost": gradient.cost(self.cubix, self.setting, canonical, number, engine, a.threads, a.repeat,
                                      a.gradient_seconds, self.say)}
        out["race"] = {"CUBIX histogram" if "Tolerance" in engine else "CUBIX direct": gradient.ours(
            self.cubix, small, canonical, numbers, engine, a.threads, min(a.repeat, 3), a.gradient_seconds, self.say)}
        if self.rubix:
            out["race"]["RUBIX"] = gradient.rubix(self.rubix, self.cubix, small, (200, 1000, 3000, 6000), template,
                                                  a.threads, a.gradient_seconds, 8192, self.say)
        out["largest"] = {who: gradient.largest(rows) for who, rows in out["race"].items()}
        out["exact"] = gradient.exact(self.cubix, self.setting, canonical, min(number, 1000000),
                                      list(self.engines().values())[::-1], a.threads,
                                      100 if a.quick else 2000, self.say)
        if (self.cubix.build / "tests" / "cubix64").is_file():
            # for which RUBIX makes as many edges as it should
            field = dataclasses.replace(self.setting, spaxels=11, pixel=1.0)
            cosmology = race.head_of(self.cubix.mock(min(a.numbers)))[1]["cosmology"]
            out["agree"] = []
            for one, (file, _) in [item for item in self.libraries.items() if item[0] != "bc03-miles"]:
                self.say("gradient beside jax.grad: %s" % one)
                out["agree"].append(gradient.agree(self.work, self.cubix, self.rubix, field, one, file, cosmology))
        return out

    def image(self):
        """The example: MUSE with all its effects."""
        name, (canonical, _) = next(iter(self.libraries.items()))
        mock = self.cubix.mock(min(max(self.a.numbers), 20000 if self.a.quick else 1000000))
        side = self.setting.spaxels * 0.2
        parameters = {"InputFile": mock, "SspFile": canonical, "Instrument": "MUSE", "Redshift": "0.03",
                      "FieldOfView": side, "Noise": "snr",
                      "SnrAperture": "3", "Backend": "cpu"}
        result = self.cubix.paint("example", parameters, threads=self.a.threads)
        picture = self.out / (self.name + "-cube.png")
        shell.run([sys.executable, SOURCE / "scripts" / "cubix-plot", result["output"], "-o", picture], timeout=600)
        return {"library": name, "picture": picture.name, "wall_s": result["wall_s"], "stages": result["stages"]}

    def run(self):
        started = time.perf_counter()
        for section in self.a.sections.split(","):
            self.say("== %s" % section)
            begin = time.perf_counter()
            try:
                self.results[section] = getattr(self, section)()
            except shell.Failed as error:
                self.results["missing"][section] = str(error)[:800]
                self.say("%s is missing: %s" % (section, error))
            self.results.setdefault("seconds", {})[section] = round(time.perf_counter() - begin, 1)
            # after every section: an interrupted run leaves what it has
            report.write(self.results, self.out, self.name)
        self.results["machine"]["load_after"] = list(os.getloadavg())
        path = report.write(self.results, self.out, self.name)
        self.say("%.0f s; %s" % (time.perf_counter() - started, path))


def main():
    a = options()
    if shutil.which("mpirun") is None:
        sys.exit("benchmark: mpirun is not there")
    try:
        Benchmark(a).run()
    except shell.Failed as error:
        sys.exit("benchmark: %s" % error)


main()
