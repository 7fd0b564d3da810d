//go:build !unix

package plainfile

// There are no pipes among files there.
const nonBlock, noFollow = 0, 0
