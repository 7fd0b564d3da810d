package cmdutil

import "fmt"

// Count is a number of things in words: "1 call", "2 calls", "3 capabilities".
func Count[N int | int64 | uint64](n N, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
