// Package datasets reads exported datasets with DuckDB and Arrow, and compares the speed of datasets with DuckDB
// (bench/datasets.md).
package datasets
