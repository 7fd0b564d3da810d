//go:build linux && !amd64

package supervise

// parseMachine reads the calls that only some machines have.
func parseMachine(*notification) (change, bool) { return change{}, false }
