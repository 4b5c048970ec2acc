"""Tables of results: tab-separated text with its provenance in the first lines."""

from __future__ import annotations

import csv

import pandas as pd

from blockscope.io import provenance
from blockscope.io.atomic_files import FilePath, atomic_write


def write_tsv(*, output: FilePath, table: pd.DataFrame, facts: provenance.Facts) -> None:
    """Write a table as TSV, atomically; NaN is written so."""
    # Readers that skip comments would cut a text at its "#", but not within quotes.
    texts = table.select_dtypes(["object", "string"])
    quoted = any(texts[name].str.contains("#").any() for name in texts)
    with atomic_write(output) as temporary, open(temporary, "w", encoding="utf-8") as handle:
        handle.write(provenance.tsv_header(facts))
        table.to_csv(
            handle,
            sep="\t",
            index=False,
            na_rep="nan",
            quoting=csv.QUOTE_NONNUMERIC if quoted else csv.QUOTE_MINIMAL,
        )
