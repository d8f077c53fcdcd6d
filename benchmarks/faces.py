"""The real front end on pictures of somebody's own: times, likenesses of different people, poor copies pooled.

    python benchmarks/faces.py --data PHOTOS/        JPEGs; every face on them is taken for a person of its own

Nothing of the pictures is kept.  A quarter of the people is kept out of what learns to pool.  For LFW give a folder
with one picture of each person.  Ends in one JSON line.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from huozhong.apps.gallery.faces import Faces, degraded
from huozhong.apps.gallery.train import fit
from huozhong.memory.gallery import calibrated

ABOUT = 0.6  # of a face's width that is left around it


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--copies", type=int, default=12)
    parser.add_argument("--seeds", type=int, default=5, help="how often people are kept out anew")
    asked = parser.parse_args()
    front, rng = Faces(), np.random.default_rng(0)
    clean, tracks, seconds = [], [], {"found": [], "vector": []}
    for path in sorted(asked.data.glob("*.jpg")):
        picture = front.pixels(path.read_bytes())
        begin = time.perf_counter()
        places = front.found(picture, thorough=True)
        seconds["found"].append(time.perf_counter() - begin)
        for place in places:
            edge = int(place.width() * ABOUT)
            left, top = max(0, place.left() - edge), max(0, place.top() - edge)
            crop = np.ascontiguousarray(picture[top : place.bottom() + edge, left : place.right() + edge])
            moved = type(place)(place.left() - left, place.top() - top, place.right() - left, place.bottom() - top)
            begin = time.perf_counter()
            clean.append(front.vector(crop, moved))
            seconds["vector"].append(time.perf_counter() - begin)
            tracks.append([front.vector(degraded(crop, rng), moved) for _ in range(asked.copies)])
        print(f"{path.name}: {len(places)} faces", flush=True)
    clean_PD, tracks_PFD = np.array(clean, np.float32), np.array(tracks, np.float32)
    units = clean_PD / np.linalg.norm(clean_PD, axis=1, keepdims=True)
    likeness = units @ units.T
    np.fill_diagonal(likeness, -1)
    copies = tracks_PFD / np.linalg.norm(tracks_PFD, axis=2, keepdims=True)
    own = np.einsum("pfd,pd->pf", copies, units)
    single = np.einsum("pfd,qd->pfq", copies, units).argmax(2) == np.arange(len(units))[:, None]
    results = [fit(clean_PD, tracks_PFD, seed=seed) for seed in range(asked.seeds)]
    out: dict[str, Any] = {
        "people": len(clean),
        "seconds, median": {name: round(float(np.median(all)), 3) for name, all in seconds.items()},
        "most like another": [round(float(x), 4) for x in np.quantile(likeness.max(1), (0, 0.5, 1))],
        "threshold for 1 in 10,000": round(calibrated(likeness.max(1).astype(np.float64), 1e-4), 4),
        "a poor copy like its own": [round(float(x), 4) for x in np.quantile(own, (0.05, 0.5, 0.95))],
        "a poor copy's nearest is right": round(float(single.mean()), 4),
        "accepted at 1e-3, mean": [round(one.mean, 4) for one in results],
        "accepted at 1e-3, attention": [round(one.learnt, 4) for one in results],
    }
    for name, value in out.items():
        print(f"{name:32} {value}")
    print(json.dumps(out))


if __name__ == "__main__":
    main()
