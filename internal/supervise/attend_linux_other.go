//go:build linux && !amd64

package supervise

// parseMachine reads the calls that exist only on some machines.
func parseMachine(*notification) (change, bool) { return change{}, false }
