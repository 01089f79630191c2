"""Strong and weak scaling over ranks and threads, and a model for more ranks than this machine has.

The model, for P ranks that share the stars (and, with Combine histogram, spaxels and channels):

  direct            t(P) = s + d N/P                        + t_reduce(C, P)
  histogram, cube   t(P) = s + h N/P + q r(N/P)             + t_reduce(C, P)
  histogram, slabs  t(P) = s + h N/P + q r(N)/P + t_exchange(S(N) + C, P)

s: what every rank repeats (templates, audit); d: a star's direct painting; h: its placing and deposit; q r(n): the multiply, where r(n) are the
rows of the histograms of n stars, taken to grow as n^0.5; C: bytes of the cube; S: of the stars, 40 each.  t_reduce = 2 C (P-1)/P / B +
ceil(log2 P) L and t_exchange = (S + C)/P (P-1)/P / B + 3 (P - 1) L, with bandwidth B and latency L of a network.  s, d, h and q come from the
measurements of the same run on one core, with N and N/4 stars; B and L are stated, not measured.
"""
import math
import statistics

import shell

BANDWIDTH, LATENCY = 10e9, 2e-6           # bytes/s per rank and s: a 100 Gb/s network, cautiously


def layouts(cores):
    """(ranks, threads): each kind of core in use, in powers of two."""
    out, n = [(1, 1)], 2
    while n <= cores:
        out += [(1, n), (n, 1)]
        n *= 2
    if cores > 1 and (1, cores) not in out:
        out += [(1, cores), (cores, 1)]
    return out


def measure(program, setting, canonical, engines, cores, number, repeats, weak, say):
    """weak: number is per core.  Efficiency: T(1)/T(n) for weak, T(1)/(n T(n)) for strong."""
    import race
    rows = []
    instrument = setting.write_instrument(program.work / "instrument.cfg")
    for name, engine in engines.items():
        first = None
        plan = [(r, t, number * r * t if weak else number) for r, t in layouts(cores)]
        if not weak and name != "direct":
            plan.append((1, 1, max(number // 4, 1)))                       # for the model
        for ranks, threads, n in plan:
            mock = program.mock(n)
            _, info = race.head_of(mock)
            parameters = setting.parameters(mock, canonical, instrument, info["centre"], **engine)
            label = "scale-%s" % "-".join(name.replace(",", "").split())
            # warm: file cache and templates
            program.paint(label, parameters, ranks=ranks, threads=threads)
            runs = [program.paint(label, parameters, ranks=ranks, threads=threads) for _ in range(repeats)]
            seconds = statistics.median(shell.painting(r) for r in runs)
            first = first or seconds
            cores_used = ranks * threads
            compared = weak or n == number
            rows.append({"engine": name, "ranks": ranks, "threads": threads, "N": n, "paint_s": seconds,
                         "wall_s": statistics.median(r["wall_s"] for r in runs),
                         "efficiency": first / seconds / (1 if weak else cores_used) if compared else None,
                         "stages": runs[-1]["stages"], "figures": runs[-1]["figures"],
                         "peak_MiB": max(r["peak_MiB"] for r in runs), "repeats": repeats})
            say("  %-6s %-18s %d rank(s) x %d thread(s), N = %8d: painting %8.3f s%s"
                % ("weak" if weak else "strong", name, ranks, threads, n, seconds,
                   ", efficiency %.2f" % rows[-1]["efficiency"] if compared else ""))
    return rows


def volume(setting, row):
    """Bytes that the busiest rank sends: as the program counts them, else from the sizes."""
    if "sent_most_MiB" in row["figures"]:
        return row["figures"]["sent_most_MiB"] * 2**20, "counted"
    if row["ranks"] == 1:
        return 0.0, "one rank"
    return 4.0 * setting.spaxels**2 * setting.channels, "one cube"


def reduce_time(size, ranks):
    return 2 * size * (ranks - 1) / ranks / BANDWIDTH + math.ceil(math.log2(ranks)) * LATENCY if ranks > 1 else 0.0


def exchange_time(size, ranks):
    return size / ranks * (ranks - 1) / ranks / BANDWIDTH + 3 * (ranks - 1) * LATENCY


WORK = ("place", "paint", "sum")         # the stages that share the stars


def one_core_costs(rows):
    """{engine: (s, seconds per star, seconds of the multiply at N, N)} from the rows on one core:
    with N and, for the histograms, N/4 stars."""
    out = {}
    for engine in {row["engine"] for row in rows}:
        alone = sorted((row["N"], sum(row["stages"].get(name, 0.0) for name in WORK), row["paint_s"]) for row in rows
                       if row["engine"] == engine and row["ranks"] * row["threads"] == 1)
        if not alone:
            continue
        n, work, total = alone[-1]
        per_star, multiply = work / n, 0.0
        if engine != "direct" and len(alone) > 1:                           # work = h n + q sqrt(n) at two n
            n0, work0, _ = alone[0]
            shrink = math.sqrt(n0 / n)
            per_star = min(max((work0 - shrink * work) / (n0 - shrink * n), 0.0), work / n)
            multiply = work - per_star * n
        out[engine] = (max(total - work, 0.0), per_star, multiply, n)
    return out


def predict(setting, rows, ranks_list=(1, 2, 8, 64, 512), numbers=(1e6, 1e8)):
    """The model's painting seconds, one core per rank."""
    cube, out = 4.0 * setting.spaxels**2 * setting.channels, []
    for name, (serial, per_star, multiply, measured) in sorted(one_core_costs(rows).items()):
        for number in numbers:
            for p in ranks_list:
                t = serial + per_star * number / p
                rows_of = multiply * math.sqrt(number / measured)
                if "slabs" in name:
                    t += rows_of / p + exchange_time(40 * number + cube, p)
                else:
                    t += rows_of / math.sqrt(p) + reduce_time(cube, p)
                out.append({"engine": name, "N": number, "ranks": p, "paint_s": t})
    return out
