// Package testproc runs servers for tests. On Linux they end with the test binary, in whatever way it ends.
package testproc
