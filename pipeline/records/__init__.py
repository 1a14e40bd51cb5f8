"""Records out of files: lines, CSV rows and Parquet rows, cut at positions that a later run can resume from."""
