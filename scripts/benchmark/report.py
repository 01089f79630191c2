"""Results as Markdown with tables and pictures, and as JSON."""
import json

import plots


def _number(value, form="%.3g"):
    return "" if value is None else form % value


def table(head, rows):
    out = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(out + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]) + "\n"


def _machine(r):
    m = r["machine"]
    keys = ("processor", "cores", "vectors", "last_level_cache", "memory_GiB", "hypervisor", "system", "kernel",
            "compiler", "mpi", "cubix", "commit",
            "load_before", "load_after")
    rows = [(key.replace("_", " "), ", ".join("%s" % x for x in m[key]) if isinstance(m[key], list) else m[key])
            for key in keys if key in m]
    return table(("machine", ""), rows)


def _explain(r, folder, name):
    out = ["## What is computed\n",
           "The same stars (those near a spaxel's edge left out) by both programs, each cube explained by numpy with "
           "that program's formulas; the largest "
           "difference of a voxel, relative to the voxel or to a thousandth of its spaxel's mean, the median, and "
           "the sum of differences over the sum of light.\n"]
    rows = []
    for one in r["explain"]:
        for key, text in (("rubix_float64", "RUBIX in float64, its formulas"),
                          ("rubix_float32", "RUBIX as it is (float32), its formulas"),
                          ("cubix_direct", "CUBIX direct, its formulas"),
                          ("cubix_histogram",
                           "CUBIX histogram (Tolerance 1e-5, channels that every template covers), its formulas")):
            if key in one:
                c = one[key]
                rows.append((one["library"], text) + (("missing: " + c["missing"][:80], "", "", "") if "missing" in c
                                                      else
                            (_number(c["max"], "%.1e"), _number(c["median"], "%.1e"), _number(c["L1"], "%.1e"),
                             "yes" if c["same_spaxels"] else "NO")))
    out.append(table(("library", "cube, explained by numpy", "max", "median", "sum", "same spaxels lit"), rows))
    for one in r["explain"]:
        for key in ("rubix_float64", "rubix_float32"):
            if one.get(key, {}).get("n_edge", one["side"] + 1) != one["side"] + 1:
                out.append("%s, %s: RUBIX made %d spaxel edges for %d spaxels (rounding of its arange) and shears "
                           "its image; choose another field to compare.\n"
                           % (one["library"], key, one[key]["n_edge"], one["side"]))
    out.append("From RUBIX's cube to CUBIX's, one formula after the other (numpy, float64):\n")
    rows = []
    for one in r["explain"]:
        rows += [(one["library"], s["change"], _number(s["max"], "%.1e"), _number(s["median"], "%.1e"),
                  _number(s["L1"], "%.1e"), s["dark"]) for s in one["steps"]]
        w = one["whole_way"]
        rows.append((one["library"], "**the whole way**", _number(w["max"], "%.1e"), _number(w["median"], "%.1e"),
                     _number(w["L1"], "%.1e"), w["dark"]))
    out.append(table(("library", "what changes", "max", "median", "sum", "spaxels lit in one only"), rows))
    if r["explain"]:
        out.append("![ladder](%s)\n" % plots.ladder(r["explain"], folder / (name + "-ladder.png")).name)
    return out


def _of(rows, n, key):
    for row in rows or []:
        if row["N"] == n and row.get(key) is not None:
            return row[key], bool(row.get("extrapolated"))
    return None, False


def _cell(value, form="%.3g"):
    number, guess = value
    return "" if number is None else (form % number) + ("*" if guess else "")


def _ratio(a, b):
    return "" if a[0] is None or not b[0] else "%.3g%s" % (a[0] / b[0], "*" if a[1] or b[1] else "")


def _race(r, folder, name):
    out = ["## Time and memory against the number of stars\n",
           "From stars in memory to the cube in memory, seconds, medians: CUBIX's stages from `frame` to the sum and "
           "its check (templates included; those of the "
           "histogram come from the warm cache), RUBIX's second and later calls of `run_sharded` (which compile anew "
           "every time), GalCraft's spectral step, Synthesizer's spectra and cube in float64. "
           "`*`: extrapolated along the last two measured.\n"]
    for library, rows in r["race"].items():
        out.append("### %s\n" % library)
        direct, histogram, rubix, galcraft, synthesizer = (
            rows.get(k) for k in ("CUBIX direct", "CUBIX histogram", "RUBIX", "GalCraft", "Synthesizer"))
        body = []
        for n in sorted({row["N"] for group in rows.values() for row in group}):
            d, h, x, g = _of(direct, n, "paint_s"), _of(histogram, n, "paint_s"), _of(rubix, n, "run_s"), _of(galcraft,
                                                                                                              n, "run_s")
            y = _of(synthesizer, n, "run_s")
            body.append(("%.0e" % n, _cell(d), _cell(h), _cell(x), _cell(g), _cell(y), _ratio(d, h), _ratio(x, d),
                         _ratio(x, h), _ratio(g, h if h[0] else d), _ratio(y, d), _ratio(y, h)))
        out.append(table(("N", "direct", "histogram", "RUBIX", "GalCraft", "Synthesizer", "direct/histogram",
                          "RUBIX/direct", "RUBIX/histogram", "GalCraft/CUBIX", "Synthesizer/direct",
                          "Synthesizer/histogram"), body))
        body = []
        for n in sorted({row["N"] for group in rows.values() for row in group}):
            body.append(("%.0e" % n, _cell(_of(direct, n, "wall_s")), _cell(_of(histogram, n, "wall_s")),
                         _cell(_of(direct, n, "peak_MiB"), "%.0f"),
                         _cell(_of(histogram, n, "peak_MiB"), "%.0f"), _cell(_of(rubix, n, "peak_MiB"), "%.0f"),
                         _cell(_of(galcraft, n, "peak_MiB"), "%.0f"),
                         _cell(_of(synthesizer, n, "peak_MiB"), "%.0f")))
        out.append("Whole run of CUBIX, file to file [s], and peak memory [MiB]:\n")
        out.append(table(("N", "direct, file to file", "histogram, file to file", "direct MiB", "histogram MiB",
                          "RUBIX MiB", "GalCraft MiB", "Synthesizer MiB"), body))
        per_star = []
        for label, group, key in (("CUBIX direct", direct, "paint_s"), ("CUBIX histogram", histogram, "paint_s"),
                                  ("RUBIX", rubix, "run_s"), ("GalCraft", galcraft, "run_s"),
                                  ("Synthesizer", synthesizer, "run_s")):
            real = sorted((row["N"], row[key]) for row in group or [] if not row.get("extrapolated"))
            if len(real) > 1:
                (n1, t1), (n2, t2) = real[-2:]
                per_star.append((label, "%.0e to %.0e" % (n1, n2), "%.3g" % (1e6 * (t2 - t1) / (n2 - n1))))
        if per_star:
            out.append("A further star, between the two largest measured:\n")
            out.append(table(("program", "N", "microseconds"), per_star))
        if rubix:
            out.append("RUBIX: astro-rubix %s, %d wavelengths of the library, on %s host device(s), the faster of "
                       "one and one per core.\n"
                       % (rubix[0].get("versions", ""), rubix[0].get("n_ssp", 0),
                          "/".join(str(x) for x in sorted({row["devices"] for row in rubix if "devices" in row}))))
    out.append("![race](%s)\n" % plots.race(r["race"], folder / (name + "-race.png")).name)
    return out


def _synthesizer(r, folder, name):
    s = r["synthesizer"]
    a, rows = s["agree"], s["rows"]
    out = ["## Beside Synthesizer (%s)\n" % s["library"],
           "Synthesizer %s and CUBIX in turn, one process a run, on the stars inside the field of %.3g arcsec, in "
           "both numbers of spaxels. Synthesizer's time: `get_spectra` (Doppler shifts, one spectrum a star) and "
           "`get_data_cube` with `hist`, from a grid that was resampled to the channels beforehand (untimed). In "
           "batches: 1000 stars at a time, the cubes added up. %s\n"
           % (next((row["version"] for row in rows if "version" in row), ""),
              r["setting"]["spaxels"] * r["setting"]["pixel"], s.get("note", ""))]
    out.append("### The same cube?\n")
    out.append("%d stars, %d spaxels: the largest difference of a voxel, relative to the voxel or to a thousandth of "
               "its spaxel's mean, the median over a spaxel's channels and spaxels, and the sum of differences over "
               "the sum of light.\n" % (a["stars"], a["spaxels"]))
    what = [("float64", "Synthesizer in float64, numpy with its formulas"),
            ("float32", "Synthesizer in float32, numpy with its formulas"),
            ("cubix_direct", "CUBIX direct, numpy with its formulas"),
            ("cubix_histogram", "CUBIX histogram (channels that every template covers), numpy with its formulas"),
            ("direct_to_float64", "**Synthesizer in float64, CUBIX direct**"),
            ("direct_to_float32", "**Synthesizer in float32, CUBIX direct**")]
    lines = [(text, a[key]) for key, text in what if key in a and "missing" not in a[key]]
    lines += [("numpy: " + step["change"], step) for step in a["steps"]]
    lines.append(("numpy: the whole way", a["whole_way"]))
    out.append(table(("compared", "max", "median", "sum"),
                     [(text, _number(c["max"], "%.1e"), _number(c["median"], "%.1e"), _number(c["L1"], "%.1e"))
                      for text, c in lines]))
    out.append("Total light, Synthesizer over CUBIX: 1 %+.1e.\n" % a["total_light"])
    names = [n for n in ("CUBIX direct", "CUBIX histogram", "Synthesizer float32", "Synthesizer float64",
                         "Synthesizer float64, batches", "RUBIX")
             if any(row["name"] == n for row in rows)]
    cases = sorted({(row["N"], row["side"], row["threads"]) for row in rows})
    find = {(row["N"], row["side"], row["threads"], row["name"]): row for row in rows}

    def numbers(key, ratios, form="%.3g", only=cases):
        body = []
        for case in only:
            mine = {n: find.get(case + (n,), {}) for n in names}
            values = {n: row[key] for n, row in mine.items() if key in row}
            line = ["%.0e" % case[0], "%d x %d" % (case[1], case[1]), case[2]]
            line += [_number(values.get(n), form) or ("-" if mine[n] else "") for n in names]
            faster = min((x for n, x in values.items() if n.startswith("Synthesizer")), default=None)
            line += [_number(faster / values[n] if faster else None) for n in ratios]
            if ratios:
                line += [mine[names[0]]["runs"], "%.1f to %.1f" % tuple(mine[names[0]]["load"])]
            body.append(line)
        head = ["N", "spaxels", "threads"] + names + ["Synthesizer / %s" % n for n in ratios]
        return table(head + (["runs", "load"] if ratios else []), body)

    ratios = [n for n in names if n.startswith("CUBIX")]
    out += ["### Processor seconds\n",
            "The least of the runs; the ratios are those of Synthesizer's fastest way. CUBIX's seconds are those "
            "of the whole run, with reading stars and library and writing the cube, the others' those of the timed "
            "part alone, which favours the others. Waiting threads count, and on a loaded machine they wait long: one "
            "thread is the clean measure. `-`: more than %g GiB.\n" % s["limit_GiB"], numbers("cpu_s", ratios)]
    out += ["### Seconds, from stars in memory to the cube in memory\n",
            "The least of the runs, on a machine with the load given. The histogram's templates come from its cache.\n",
            numbers("run_s", ratios)]
    most = [case for case in cases if case[2] == max(c[2] for c in cases)]
    out += ["### Peak memory [MiB]\n", numbers("peak_MiB", [], "%.0f", most)]
    out.append("### Where Synthesizer's time goes [s]\n")
    body = []
    for row in rows:
        if "resample_s" in row:
            body.append(("%.0e" % row["N"], "%d x %d" % (row["side"], row["side"]), row["threads"],
                         row["name"].partition(" ")[2], _number(row["spectra_s"]), _number(row["resample_s"]),
                         _number(row["cube_s"] - row["resample_s"])))
    out.append(table(("N", "spaxels", "threads", "precision", "spectra with Doppler", "resampling to the channels",
                      "the rest of the cube"), body))
    out.append("![synthesizer](%s)\n" % plots.synthesizer(rows, folder / (name + "-synthesizer.png")).name)
    return out


def _sgemm(r):
    s = r["sgemm"]
    out = ["## The multiply beside sgemm\n", table(("threads", "sgemm, best [GF/s]", "median", "BLAS"),
           [(k, v["best_GFs"], v["median_GFs"], v["blas"]) for k, v in s.items() if k != "multiply"])]
    if "multiply" in s:
        out.append("The multiply of the histogram (useful operations only, %s): %.1f GF/s at N = %.0e, %.0f %% of "
                   "sgemm's best.\n"
                   % (s["multiply"]["library"], s["multiply"]["GFs"], s["multiply"]["N"], 100 * s["multiply"]["share"]))
    else:
        out.append("The program said nothing of its multiply's rate.\n")
    return out


def _scaling(r, folder, name):
    s = r["scaling"]
    out = ["## Scaling (%s)\n" % s["library"],
           "Painting, median; efficiency T(1)/(n T(n)) for strong, T(1)/T(n) for weak scaling.\n"]
    for kind in ("strong", "weak"):
        out.append("### %s\n" % kind.capitalize())
        out.append(table(("engine", "ranks", "threads", "N", "painting [s]", "efficiency", "file to file [s]",
                          "a rank sends [MB]"), [
            (row["engine"], row["ranks"], row["threads"], "%.0e" % row["N"], _number(row["paint_s"]),
             _number(row["efficiency"], "%.2f"),
             _number(row["wall_s"]), "%.1f (%s)" % (row["bytes"] / 1e6, row["bytes_from"]) if "bytes" in row else "")
                                                 for row in s[kind]]))
    out.append("### The model\n")
    out.append("Not measured: what the measured costs of one core and a network of %.0f GB/s and %.0f microseconds "
               "per rank would give (scripts/benchmark/scaling.py "
               "states the formulas), one core per rank.\n" % (s["bandwidth"] / 1e9, s["latency"] * 1e6))
    ranks = sorted({row["ranks"] for row in s["model"]})
    groups = sorted({(row["engine"], row["N"]) for row in s["model"]})
    find = {(row["engine"], row["N"], row["ranks"]): row["paint_s"] for row in s["model"]}
    out.append(table(["engine", "N"] + ["%d ranks [s]" % p for p in ranks],
                     [[e, "%.0e" % n] + [_number(find[e, n, p]) for p in ranks] for e, n in groups]))
    out.append("![scaling](%s)\n" % plots.scaling(s, folder / (name + "-scaling.png")).name)
    return out


def _accuracy(r, folder, name):
    rows = r["accuracy"]
    out = ["## Accuracy against time\n",
           "Against the float64 direct method, every voxel of the channels in which every template has light; "
           "relative to the voxel, or to 1e-6 of its spaxel's mean. "
           "Elsewhere: the largest difference in the other channels, relative to the spaxel's mean.\n"]
    out.append(table(("library", "LSF", "Tolerance", "engine", "velocity step [km/s]", "certified", "audited",
                      "true, max", "true, r.m.s.", "channels", "elsewhere",
                      "painting [s]", "cold [s]"), [
        (row["library"], row["lsf"], _number(row.get("tolerance"), "%.0e"), row["engine"], _number(row.get("step_kms")),
         _number(row.get("certified"), "%.1e"),
         _number(row.get("audited"), "%.1e"),
         _number(row.get("true_max"), "%.1e") or "missing: " + row.get("missing", "")[:80],
         _number(row.get("true_rms"), "%.1e"), row.get("channels", ""), _number(row.get("elsewhere"), "%.1e"),
         _number(row.get("paint_s")),
         _number(row.get("cold_paint_s"))) for row in rows]))
    out.append("![accuracy](%s)\n" % plots.accuracy(rows, folder / (name + "-accuracy.png")).name)
    return out


def _gradient(r, folder, name):
    g = r["gradient"]
    out = ["## Gradients\n",
           "chi2 beside a cube of another galaxy, and its derivatives by every star's mass, metallicity, age and "
           "velocity (all three components), in float64, %s; stages `forward` "
           "and `gradient` of Mode gradient, the least of the repeats.\n" % g["library"]]
    out.append(table(("N", "Deposit", "by", "forward [s]", "backward [s]", "both/forward", "both/forward of nearest",
                      "MiB after forward", "peak MiB", "peak/forward",
                      "MiB of Mode cube", "runs"), [
        ("%.0e" % row["N"], row["deposit"], row["names"].replace(",", ", "), _number(row["forward_s"]),
         _number(row["backward_s"]), _number(row["ratio"], "%.2f"),
         _number(row.get("ratio_nearest"), "%.2f"), _number(row["forward_MiB"], "%.0f"),
         _number(row["peak_MiB"], "%.0f"), _number(row["memory_ratio"], "%.2f"),
         _number(row.get("cube_MiB"), "%.0f"), row["repeats"]) for row in g["cost"]]))
    side = g["spaxels"]
    out.append("### Beside RUBIX: %d x %d spaxels\n" % (side, side))
    out.append("Cube and gradient: CUBIX's two stages; RUBIX's second call of `RubixPipeline.gradient` (every call "
               "compiles).\n")
    who = list(g["race"])
    out.append(table(["N"] + ["%s [s]" % w for w in who] + ["%s MiB" % w for w in who], [
        ["%.0e" % n] + [_cell(_of(g["race"][w], n, "gradient_s")) for w in who]
                                                                                         + [_cell(_of(g["race"][w], n,
                                                                                                      "peak_MiB"),
                                                                                                  "%.0f") for w in who]
        for n in sorted({row["N"] for rows in g["race"].values() for row in rows})]))
    for w, most in g["largest"].items():
        if most:
            out.append("%s: %.3g kB a star; in 24 GB, by the line through the two largest measured, %.2g stars.\n" % (w,
                                                                                                                      most["bytes_a_star"] / 1e3, most["N"]))
    out.append("![gradient](%s)\n" % plots.gradient(g["race"], folder / (name + "-gradient.png")).name)
    if g.get("exact"):
        out.append("### What it is worth\n")
        out.append("Of %d stars, %d recomputed one by one in float64 by the oracle (tests/oracle) from the run's own "
                   "cotangents: the largest difference over the largest derivative, "
                   "and r.m.s. over r.m.s., of d/d ln mass, ln age, ln Z and velocity.\n" % (g["exact"][0]["N"],
                                                                                             g["exact"][0]["sample"]))
        leaves = list(g["exact"][0]["error"])
        out.append(table(["engine", "Tolerance"]
                         + ["%s, %s" % (leaf, what) for leaf in leaves for what in ("max", "r.m.s.")], [
            [row["engine"], row["tolerance"] or ""] + ["%.1e" % row["error"][leaf][what] for leaf in leaves
                                                       for what in ("max", "rms")] for row in g["exact"]]))
    if g.get("agree"):
        out.append("### Beside jax.grad\n")
        out.append("%d stars in the middle of spaxels, the same cotangents for all: differences of d/d ln mass, ln "
                   "age, ln Z and velocity, r.m.s. over r.m.s.; ages in Gyr and vacuum "
                   "wavelengths for both.\n" % g["agree"][0]["stars"])
        rows = []
        for one in g["agree"]:
            for key, text in (("rubix", "jax.grad of RUBIX (float64), its formulas by differences in numpy"),
                              ("cubix_linear", "CUBIX (float64), straight lines, its formulas by differences"),
                              ("cubix_spline", "CUBIX (float64), splines, its formulas by differences")):
                if key in one:
                    rows.append((one["library"], text, one[key]))
            rows += [(one["library"], "RUBIX to CUBIX: " + step["change"], step)
                     for step in one["steps"]] + [(one["library"], "**the whole way**", one["whole_way"])]
        out.append(table(("library", "compared", "ln mass", "ln age", "ln Z", "velocity"),
                         [(a, b) + tuple("%.1e" % c[key] for key in ("mass", "age", "z", "v")) for a, b, c in rows]))
    return out


def write(results, folder, name):
    r, s = results, results["setting"]
    out = ["# Benchmark %s\n" % name, _machine(r),
           "%d x %d spaxels of %.2g arcsec, z = %.3g, %d channels of %.4g AA from %.2f AA in vacuum; no PSF, no LSF, "
           "no noise unless said; galaxies of cubix-mock, "
           "inclined by 60 degrees.  How it is done: [benchmarks.md](../benchmarks.md).\n"
           % (s["spaxels"], s["spaxels"], s["pixel"], s["redshift"], s["channels"], s["step"], s["first"])]
    if r["missing"]:
        out.append("Missing:\n\n" + "\n".join("- %s: %s" % (k, " ".join(v.split())[:300]) for k,
                                              v in r["missing"].items()) + "\n")
    for section, make in (("explain", _explain), ("race", _race), ("synthesizer", _synthesizer), ("scaling", _scaling), ("accuracy", _accuracy),
                          ("gradient", _gradient)):
        if r.get(section):
            out += make(r, folder, name)
    if r.get("sgemm"):
        out += _sgemm(r)
    if r.get("image"):
        out += ["## The example cube\n",
                "MUSE with PSF, LSF and noise, %s, file to file in %.2f s.\n" % (r["image"]["library"],
                                                                                 r["image"]["wall_s"]),
                "![cube](%s)\n" % r["image"]["picture"]]
    path = folder / (name + ".md")
    path.write_text("\n".join(out))
    (folder / (name + ".json")).write_text(json.dumps(results, indent=1, default=str))
    return path
