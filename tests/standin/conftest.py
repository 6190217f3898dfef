"""Lets the stand-in's tests import its parts."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
