"""The figures.  Colours of Okabe and Ito, told apart by the colour-blind, and a marker of its own for every curve."""
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402

LOOK = {"CUBIX histogram": ("#0072B2", "o"), "CUBIX direct": ("#56B4E9", "s"), "RUBIX": ("#D55E00", "^"),
        "GalCraft": ("#009E73", "D"), "Synthesizer": ("#CC79A7", "v"), "Synthesizer float32": ("#CC79A7", "v"),
        "Synthesizer float64": ("#E69F00", "<"),
        "Synthesizer float64, batches": ("#000000", ">")}
MORE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
STYLE = {"font.size": 10, "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.alpha": 0.25,
         "legend.frameon": False,
         "savefig.dpi": 160, "figure.constrained_layout.use": True}
plt.rcParams.update(STYLE)


def _save(figure, path):
    figure.savefig(path)
    plt.close(figure)
    return path


def _curve(axis, name, rows, key):
    colour, marker = LOOK[name]
    solid = sorted((r["N"], r[key]) for r in rows if r.get(key) is not None and not r.get("extrapolated"))
    guess = sorted((r["N"], r[key]) for r in rows if r.get(key) is not None and r.get("extrapolated"))
    if solid:
        axis.plot(*zip(*solid), marker=marker, color=colour, label=name)
    if guess and solid:
        axis.plot(*zip(*([solid[-1]] + guess)), marker=marker, mfc="none", ls=":", color=colour,
                  label=name + ", extrapolated")


def race(results, path):
    """Time and memory against the number of stars, a column per library."""
    libraries = list(results)
    figure, axes = plt.subplots(2, len(libraries), figsize=(4.6 * len(libraries), 7.2), squeeze=False, sharex=True)
    for column, library in enumerate(libraries):
        for name, rows in results[library].items():
            if not isinstance(rows, list) or name not in LOOK:
                continue
            _curve(axes[0][column], name, rows, "paint_s" if name.startswith("CUBIX") else "run_s")
            _curve(axes[1][column], name, rows, "peak_MiB")
        axes[0][column].set(title=library, xscale="log", yscale="log", ylabel="stars in memory to cube in memory [s]")
        axes[1][column].set(xscale="log", yscale="log", ylabel="peak memory [MiB]", xlabel="stars")
        axes[0][column].legend(fontsize=8)
    return _save(figure, path)


def synthesizer(rows, path):
    """Processor seconds and memory against the number of stars, one thread, a column for each number of spaxels."""
    sides, least = sorted({row["side"] for row in rows}), min(row["threads"] for row in rows)
    figure, axes = plt.subplots(2, len(sides), figsize=(4.6 * len(sides), 7.2), squeeze=False, sharex=True)
    for column, side in enumerate(sides):
        for name in LOOK:
            mine = [r for r in rows if r["name"] == name and r["side"] == side and r["threads"] == least]
            _curve(axes[0][column], name, mine, "cpu_s")
            _curve(axes[1][column], name, mine, "peak_MiB")
        axes[0][column].set(title="%d x %d spaxels" % (side, side), xscale="log", yscale="log",
                            ylabel="processor seconds (CUBIX: file to file)")
        axes[1][column].set(xscale="log", yscale="log", ylabel="peak memory [MiB]", xlabel="stars")
        axes[0][column].legend(fontsize=8)
    return _save(figure, path)


def gradient(results, path):
    """Cube and gradient: time and memory against the number of stars."""
    figure, axes = plt.subplots(1, 2, figsize=(9.2, 3.8))
    for name, rows in results.items():
        _curve(axes[0], name, rows, "gradient_s")
        _curve(axes[1], name, rows, "peak_MiB")
    axes[0].set(xscale="log", yscale="log", xlabel="stars", ylabel="cube and gradient [s]")
    axes[1].set(xscale="log", yscale="log", xlabel="stars", ylabel="peak memory [MiB]")
    axes[0].legend(fontsize=8)
    return _save(figure, path)


def scaling(results, path):
    figure, axes = plt.subplots(1, 3, figsize=(13, 3.9))
    for axis, kind in ((axes[0], "strong"), (axes[1], "weak")):
        curves = {}
        for row in results.get(kind, []):
            which = "ranks" if row["ranks"] > 1 else "threads"
            if row["efficiency"] is None:
                continue
            curves.setdefault((row["engine"], "ranks"), [])
            curves.setdefault((row["engine"], "threads"), [])
            for kind_of in ("ranks", "threads"):
                if row["ranks"] * row["threads"] == 1 or which == kind_of:
                    curves[row["engine"], kind_of].append((row["ranks"] * row["threads"], row["efficiency"]))
        for i, ((engine, which), points) in enumerate(curves.items()):
            axis.plot(*zip(*sorted(points)), marker="os^Dv<"[i % 6], color=MORE[i % 6],
                      ls="-" if which == "ranks" else "--", label="%s, %s" % (engine, which))
        axis.axhline(1, color="0.6", lw=0.8)
        axis.set(title=kind + " scaling, measured", xlabel="cores", ylabel="efficiency", ylim=(0, 1.3))
        if curves:
            axis.legend(fontsize=8)
    for i, (engine, number) in enumerate(sorted({(r["engine"], r["N"]) for r in results.get("model", [])})):
        points = sorted((r["ranks"], r["paint_s"]) for r in results["model"] if r["engine"] == engine
                        and r["N"] == number)
        axes[2].plot(*zip(*points), marker="os^Dv<"[i % 6], color=MORE[i % 6], ls=":",
                     label="%s, N = %.0e" % (engine, number))
    axes[2].set(title="the model", xscale="log", yscale="log", xlabel="ranks", ylabel="painting [s]")
    if results.get("model"):
        axes[2].legend(fontsize=8)
    return _save(figure, path)


def accuracy(rows, path):
    figure, axes = plt.subplots(1, 2, figsize=(10, 4))
    groups = sorted({(r["library"], r["lsf"]) for r in rows})
    for i, group in enumerate(groups):
        mine = sorted((r for r in rows if (r["library"], r["lsf"]) == group and r.get("tolerance")
                       and "missing" not in r), key=lambda r: r["tolerance"])
        if not mine:
            continue
        colour, label = MORE[i % 6], "%s, LSF %s" % group
        t = [r["tolerance"] for r in mine]
        axes[0].plot(t, [r["true_max"] for r in mine], marker="o", color=colour, label="true, " + label)
        certified = [(r["tolerance"], r["certified"]) for r in mine if r.get("certified")]
        audited = [(r["tolerance"], r["audited"]) for r in mine if r.get("audited")]
        if certified:
            axes[0].plot(*zip(*certified), marker="_", ms=12, ls="--", color=colour, label="certified")
        if audited:
            axes[0].plot(*zip(*audited), marker="x", ls=":", color=colour, label="audited")
        axes[1].plot(t, [r["paint_s"] for r in mine], marker="o", color=colour, label=label)
        axes[1].plot(t, [r["cold_paint_s"] for r in mine], marker="s", ls=":", color=colour, label="cold")
    for i, row in enumerate(r for r in rows if "tolerance" not in r):
        axes[1].axhline(row["paint_s"], color=MORE[i % 6], lw=0.8, ls="-.",
                        label="direct, %s, LSF %s" % (row["library"], row["lsf"]))
    for axis in axes:
        axis.set(xscale="log", yscale="log", xlabel="Tolerance")
    limits = [1e-6, 1e-3]
    axes[0].plot(limits, limits, color="0.6", lw=0.8)
    axes[0].set(ylabel="largest relative error of a voxel")
    axes[1].set(ylabel="painting [s]")
    for axis in axes:
        if axis.get_legend_handles_labels()[0]:
            axis.legend(fontsize=7)
    return _save(figure, path)


def ladder(results, path):
    """How far one cube is from the other, taken apart."""
    order = []
    for result in sorted(results, key=lambda r: -len(r["steps"])):
        order += [s["change"] for s in result["steps"] if s["change"] not in order]
    figure, axis = plt.subplots(figsize=(10, 1.4 + 0.45 * len(order)))
    height = 0.8 / len(results)
    for i, result in enumerate(results):
        place = [order.index(s["change"]) + (i - 0.5 * (len(results) - 1)) * height for s in result["steps"]]
        axis.barh(place, [max(s["L1"], 1e-9) for s in result["steps"]], height=height, color=MORE[i],
                  label=result["library"])
    axis.set_yticks(range(len(order)), order, fontsize=8)
    axis.invert_yaxis()
    axis.set(xscale="log", xlabel="sum of |change| over sum of light", title="From RUBIX's cube to CUBIX's")
    axis.legend(fontsize=8)
    return _save(figure, path)
