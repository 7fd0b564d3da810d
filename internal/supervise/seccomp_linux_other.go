//go:build linux && !amd64

package supervise

// machineRules are the rules for calls that exist only on some machines.
func machineRules() []rule { return nil }
