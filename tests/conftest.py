"""What must be set before numpy, torch and matplotlib are imported."""

import os

# The tests fit many tiny nets: threads that wait for each other cost more than they give.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "Agg")
