"""``python -m harness.why SCRIPT`` is ``harness why SCRIPT``."""

import sys
from importlib import import_module

sys.exit(import_module("harness.cli").main(["why", *sys.argv[1:]]))
