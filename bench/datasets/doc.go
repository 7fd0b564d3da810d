// Package datasets reads exported datasets with DuckDB and Arrow, and measures datasets
// beside DuckDB (bench/datasets.md).
package datasets
