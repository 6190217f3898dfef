"""Medians, ratios by rounds, the table, and the file with everything in it."""

import json
import os
import platform
import statistics

import loads
import memory
import peers
import procs

FIGURES = {name: figure for load in loads.LOADS for name, figure in load.figures.items()} | memory.FIGURES
ADDED = ("L", "C.added")
"""median latencies: what the direct way takes in the same round is taken off"""


class Results:
    """{figure: {peer: {round: value}}}, and the errors there were."""

    def __init__(self):
        self.values = {}
        self.errors = []

    def add(self, number, peer, figures):
        for name, value in figures.items():
            self.values.setdefault(name, {}).setdefault(peer, {})[number] = value

    def peers(self, name):
        return [peer for peer in self.values.get(name, {}) if peer != loads.DIRECT]

    def series(self, name, peer):
        """{round: value}; of a latency what the gateway adds."""
        found = self.values.get(name, {}).get(peer, {})
        if name in ADDED:
            direct = self.values[name].get(loads.DIRECT, {})
            return {number: value - direct[number] for number, value in found.items() if number in direct}
        return found

    def median(self, name, peer):
        found = self.series(name, peer).values()
        return statistics.median(found) if found else None

    def ratios(self, name, peer, to):
        """The ratios of the rounds in which both were measured."""
        ours, theirs = self.series(name, peer), self.series(name, to)
        return [ours[number] / theirs[number] for number in ours if theirs.get(number)]

    def ratio(self, name, peer, to):
        found = self.ratios(name, peer, to)
        return statistics.median(found) if found else None


def machine():
    model = next((line.partition(":")[2].strip() for line in open("/proc/cpuinfo", encoding="utf-8")
                  if line.startswith("model name")), platform.machine())
    gateway, load = procs.cores()
    return {"processor": model, "cores": os.cpu_count(), "kernel": platform.release(), "gateway_core": gateway,
            "load_core": load, **peers.versions()}


def _number(value):
    if value is None:
        return "-"
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def _spread(found):
    return f"{min(found):.2f}..{max(found):.2f}" if found else "-"


def _print(rows, out):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for number, row in enumerate(rows):
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:]))]
        out("| " + " | ".join(cells) + " |")
        if number == 0:
            out("|" + "|".join("-" * (width + 2) for width in widths) + "|")


def _verdict(ratio, reach):
    if reach is None or ratio is None:
        return ""
    return f"<= {reach:.2f} {'yes' if ratio <= reach else 'NO'}"


def table(results):
    """Rows of strings: medians of nginx and gatehouse, then ratios to nginx, then what is to be reached."""
    others = [name for name in ("nginx+lua", "haproxy", "nginx 16k", "nginx aes128", "bare") if any(
        name in results.peers(figure) for figure in FIGURES)]
    rows = [["work", "unit", "nginx", "gatehouse", "ratio", "of rounds", "reach", "to nginx+lua", "reach",
             *(f"{name}, ratio" for name in others)]]
    for name, figure in FIGURES.items():
        if not results.peers(name):
            continue
        ratio, to_lua = results.ratio(name, "gatehouse", "nginx"), results.ratio(name, "gatehouse", "nginx+lua")
        rows.append([figure.title, figure.unit, _number(results.median(name, "nginx")),
                     _number(results.median(name, "gatehouse")), _number(ratio),
                     _spread(results.ratios(name, "gatehouse", "nginx")), _verdict(ratio, figure.reach),
                     _number(to_lua), _verdict(to_lua, figure.reach_lua),
                     *(_number(results.ratio(name, other, "nginx")) for other in others)])
    return rows


def parts_table(results):
    """What gatehouse does more than nginx: with it, and without each part, as medians of the rounds' ratios."""
    names = [name for name, figure in FIGURES.items() if figure.unit.startswith("us CPU")
             and any(peer.startswith("without") for peer in results.peers(name))]
    rows = [["work", "unit", "with all", *(f"{part}, ratio" for part in loads.PARTS), "of rounds"]]
    for name in names:
        rows.append([FIGURES[name].title, FIGURES[name].unit, _number(results.median(name, loads.WHOLE)),
                     *(_number(results.ratio(name, part, loads.WHOLE)) for part in loads.PARTS),
                     _spread(results.ratios(name, loads.PARTS[-1], loads.WHOLE))])
    return rows


def show(results, out=print):
    """Print it all."""
    _print(table(results), out)
    for name, reach in loads.REACH_16K.items():
        if (ratio := results.ratio(name, "gatehouse", "nginx 16k")) is not None:
            out(f"\n{FIGURES[name].title}: to nginx with 16 KiB buffers {ratio:.2f}, reach {_verdict(ratio, reach)}")
    if (base := results.median("F.base", "gatehouse")) is not None:
        out(f"\nMemory at rest: {base:.1f} MiB, reach <= {memory.BASE_MIB:.0f} {'yes' if base <= memory.BASE_MIB else 'NO'}")
    parts = parts_table(results)
    if len(parts) > 1:
        out("\nLimits, metering and journal, with them and without:\n")
        _print(parts, out)
    for error in results.errors:
        out(f"error: {error}")


def write(results, path):
    """Everything, for whoever wants to reckon otherwise."""
    summary = {name: {peer: {"median": results.median(name, peer), "ratio_to_nginx": results.ratio(name, peer, "nginx")}
                      for peer in results.peers(name)} for name in FIGURES if results.peers(name)}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({
        "machine": machine(), "errors": results.errors, "summary": summary,
        "figures": {name: {"title": figure.title, "unit": figure.unit, "reach": figure.reach,
                           "reach_lua": figure.reach_lua} for name, figure in FIGURES.items()},
        "rounds": results.values}, indent=1) + "\n")
