#!/usr/bin/env python3
"""A loopback stand-in for privatemode-proxy: canned answers, chosen faults, a log of what came.

Standard library only (Python 3.11). `--help` lists the options, `--steering` the x-standin-*
headers by which a request chooses timing, sizes and faults of its answer.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from canned.main import main

if __name__ == "__main__":
    sys.exit(main())
