//go:build linux && !amd64

package supervise

// machineRules are those for calls that only some machines have.
func machineRules() []rule { return nil }
