"""kill -9 at random moments of a house that streams to four people: is anything lost that somebody saw finished?

    python benchmarks/kills.py [--kills 1000] [--seed 20] [--longest 2.5] [--seconds 540]

Each round starts `huozhong serve ember --lan` on the same database, looks at what the four saw complete before (the
newest 24 of each; at the end all of them) and at whose conversations they are shown, lets them talk, and kills the
server up to `--longest` seconds later.  The last line, on stdout, is one JSON object; exit status 1 when anything was
lost, shown to somebody else, left running, or the database was not whole.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
from pathlib import Path

from benchlib.kills import kill_often


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=20)
    parser.add_argument("--longest", type=float, default=2.5, help="seconds of streaming before a kill (default: 2.5)")
    parser.add_argument("--seconds", type=float, default=math.inf, help="no more kills after so many (default: all)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = kill_often(Path(folder) / "house", options.kills, options.seed, options.longest, options.seconds)
    print(json.dumps({"benchmark": "kills", **result}))
    wrong = ("lost_or_changed", "shown_to_others", "left_running", "broken_databases")
    sys.exit(1 if any(result[name] for name in wrong) else 0)


if __name__ == "__main__":
    main()
