// Package testproc runs servers that tests need. On Linux they end with the test binary, however that ends.
package testproc
