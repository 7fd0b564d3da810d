//go:build !unix

package plainfile

// There are no pipes among files on these systems.
const nonBlock, noFollow = 0, 0
