# SPDX-License-Identifier: Apache-2.0
"""How fast synthetic CTs are made: `python Testing/Benchmarks/benchmark_ct_synthesis.py [-n CASES]`.

Cases of 160 x 160 x 160 voxels of 1.5 mm on one thread, not counting the writing of files. The time on the processor is
told beside that on the clock, since other programs may be at work.
"""

import argparse
import os
import resource
import sys
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from SpineLib.synthesis.ct.case import make_case
from SpineLib.synthesis.ct.options import CtOptions

KIB = 1 if sys.platform == "darwin" else 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", "--cases", type=int, default=20, metavar="CASES")
    cases = parser.parse_args().cases
    options = CtOptions(shape=(160, 160, 160), spacing_mm=(1.5, 1.5, 1.5))
    make_case(0, options)
    clock, processor = time.perf_counter(), time.process_time()
    for seed in range(1, cases + 1):
        make_case(seed, options)
    clock, processor = time.perf_counter() - clock, time.process_time() - processor
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KIB
    print(f"{cases} cases of 160^3 voxels of 1.5 mm on one thread, peak memory {peak / 1e6:.0f} MB")
    print(f"  by the clock     {cases / clock:5.2f} cases a second")
    print(f"  on the processor {cases / processor:5.2f} cases a second")


if __name__ == "__main__":
    main()
