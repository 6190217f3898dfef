#!/usr/bin/env python3
"""
Measures gatehouse side by side with nginx and haproxy; see NOTES.md for the method.

  make bench                  all of it
  python3 tests/bench/bench.py

  BENCH_ROUNDS=5              how often each is measured; the order of peers goes round
  BENCH_SECONDS=2             how long each measurement takes
  BENCH_ONLY=A,B,F            these loads (A W A10 A100k L B BR C D D4 E F)
  BENCH_PEERS=gatehouse,nginx these peers
  BENCH_MEMORY_ROUNDS=2       F hardly differs between rounds
  BENCH_OUT=FILE              build/bench/result.json

Prints a table and writes the figures as JSON. It asserts no time; it fails if a request does.
"""

import contextlib
import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e")]

import loads
import memory
import peers
import procs
import report


def _listed(name, known):
    chosen = [word.strip() for word in os.environ.get(name, ",".join(known)).split(",") if word.strip()]
    unknown = sorted(set(chosen) - set(known))
    if unknown:
        sys.exit(f"bench: {name}: {', '.join(unknown)}: known are {', '.join(known)}")
    return chosen


class Bench:
    """The rounds: every load on every peer, run by run, the peers in another order each round."""

    def __init__(self, only, names, seconds=2.0, warm=0.4):
        self.only, self.names = only, names
        self.results = report.Results()
        self.core = procs.cores()[0]
        self.tools = loads.Tools(seconds, warm)
        self.setting = peers.Setting(self.tools.upstream_port)
        self.running = {}

    def close(self):
        try:
            self.stop_peers()
        finally:
            for peer in self.running.values():  # the ones left when stopping was broken off
                peer.discard()
            self.setting.discard()
            self.tools.stop()

    def make(self, name, n_keys):
        return peers.PEERS[name](self.setting, n_keys)

    def peer(self, name, n_keys):
        """One that runs; started when it is first asked for."""
        if name == loads.DIRECT:
            return None
        if (name, n_keys) not in self.running:
            with procs.on_core(self.core):
                self.running[name, n_keys] = self.make(name, n_keys).start()
        return self.running[name, n_keys]

    def stop_peers(self):
        while self.running:
            (name, _), peer = self.running.popitem()
            with self.noting(f"stopping {name}"):
                peer.stop()

    @contextlib.contextmanager
    def noting(self, what):
        """What goes wrong costs this figure and the exit code, not the other figures."""
        try:
            yield
        except (AssertionError, RuntimeError) as error:
            self.results.errors.append(f"{what}: {error}")

    def wanted(self, candidates, number):
        """Those that were asked for, another one first in each round."""
        chosen = [name for name in candidates if name == loads.DIRECT or name in self.names]
        turn = number % len(chosen) if chosen else 0
        return chosen[turn:] + chosen[:turn]

    def run_load(self, load, number):
        for name in self.wanted(load.peers, number):
            with self.noting(f"{load.name}, {name}, round {number}"):
                figures = self.measure(load, self.peer(name, load.n_keys))
                self.results.add(number, name, {figure: figures[figure] for figure in load.figures})

    def measure(self, load, peer):
        """The figures of one measurement; of a longer one where the machine stood still, and nothing was done."""
        for times in (1, 4, 16):
            with contextlib.suppress(ZeroDivisionError):
                return load.read(self.count(load, peer, times))
        raise AssertionError(f"nothing was done in {times * self.tools.seconds} s")

    def count(self, load, peer, times=1):
        """One measurement, of which nothing may have failed; times: so many times as long."""
        before = peer.pids if peer else []
        got = self.tools.run(self.setting, load, peer, times)
        assert got["errors"] == 0 and got.get("reopened", 0) == 0, got
        assert not peer or peer.pids == before, f"processes came or went: {before}, {peer.pids}"
        return got

    def run_round(self, number):
        for load in loads.LOADS:
            if load.name in self.only:
                self.run_load(load, number)

    def run_memory(self, number, scale=1.0):
        """Only one gateway runs meanwhile, for PSS shares pages among those of one program."""
        self.stop_peers()
        for name in self.wanted(memory.PEERS, number):
            with procs.on_core(self.core), self.noting(f"F, {name}, round {number}"):
                self.results.add(number, name, memory.measure(
                    self.tools, self.setting, lambda name=name: self.make(name, 1000), scale))


def main():
    rounds = int(os.environ.get("BENCH_ROUNDS", "5"))
    memory_rounds = min(rounds, int(os.environ.get("BENCH_MEMORY_ROUNDS", "2")))
    out = Path(os.environ.get("BENCH_OUT", HERE.parents[1] / "build/bench/result.json"))
    only = _listed("BENCH_ONLY", [load.name for load in loads.LOADS] + ["F"])
    bench = Bench(only, _listed("BENCH_PEERS", list(peers.PEERS)), float(os.environ.get("BENCH_SECONDS", "2")))
    try:
        for number in range(rounds):
            print(f"bench: round {number + 1} of {rounds}", file=sys.stderr, flush=True)
            bench.run_round(number)
        for number in range(memory_rounds if "F" in only else 0):
            print(f"bench: memory, round {number + 1} of {memory_rounds}", file=sys.stderr, flush=True)
            bench.run_memory(number)
    finally:
        bench.close()
        report.write(bench.results, out)
    report.show(bench.results)
    print(f"\nbench: all figures are in {out}")
    return 1 if bench.results.errors else 0


if __name__ == "__main__":
    sys.exit(main())
