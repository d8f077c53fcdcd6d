"""Others that find the nearest of many vectors, each as its documentation uses it, asked one question at a time."""

from __future__ import annotations

import importlib
import sqlite3
from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Ask = Callable[[Array], int]  # a unit vector -> the number of the row that is most like it
Build = Callable[[Array], Ask]  # unit rows -> what can be asked

THREADS = 2


def faiss_flat(rows: Array) -> Ask:
    import faiss

    faiss.omp_set_num_threads(THREADS)
    index = faiss.IndexFlatIP(rows.shape[1])
    index.add(rows)
    return lambda unit: int(index.search(unit[None], 1)[1][0, 0])


def faiss_rabitq(rows: Array) -> Ask:
    """RaBitQ's fast scan, 1,000 candidates compared exactly: what faiss offers that is nearest to ours."""
    import faiss

    faiss.omp_set_num_threads(THREADS)
    rough = faiss.IndexRaBitQFastScan(rows.shape[1], faiss.METRIC_INNER_PRODUCT)
    index = faiss.IndexRefineFlat(rough)
    index.k_factor = 1000
    index.train(rows[:100_000])
    index.add(rows)
    return lambda unit: int(index.search(unit[None], 1)[1][0, 0])


def usearch(rows: Array) -> Ask:
    from usearch.index import Index

    index = Index(ndim=rows.shape[1], metric="ip", dtype="f16")
    index.add(np.arange(len(rows)), rows, threads=THREADS)
    return lambda unit: int(index.search(unit, 1, threads=1).keys[0])


def hnswlib(rows: Array) -> Ask:
    import hnswlib as library

    index = library.Index(space="ip", dim=rows.shape[1])
    index.init_index(max_elements=len(rows), ef_construction=200, M=16)
    index.add_items(rows, num_threads=THREADS)
    index.set_ef(200)
    return lambda unit: int(index.knn_query(unit[None], 1, num_threads=1)[0][0, 0])


def sqlite_vec(rows: Array) -> Ask:
    import sqlite_vec as library

    # Not every Python's sqlite3 takes extensions; pip install pysqlite3-binary gives one that does.
    takes = hasattr(sqlite3.Connection, "enable_load_extension")
    base: Any = (sqlite3 if takes else importlib.import_module("pysqlite3")).connect(":memory:")
    base.enable_load_extension(True)
    library.load(base)
    base.execute(f"create virtual table v using vec0(e float[{rows.shape[1]}] distance_metric=cosine)")
    base.executemany("insert into v(rowid, e) values (?, ?)", ((i, row.tobytes()) for i, row in enumerate(rows)))
    question = "select rowid from v where e match ? and k = 1"
    return lambda unit: int(base.execute(question, (unit.tobytes(),)).fetchone()[0])


# What scans everything is asked among all vectors; the others, which build for minutes, among --few.
AMONG_ALL: dict[str, Build] = {"faiss flat": faiss_flat, "faiss RaBitQ fast scan": faiss_rabitq}
AMONG_FEW: dict[str, Build] = {"usearch": usearch, "hnswlib": hnswlib, "sqlite-vec": sqlite_vec}
