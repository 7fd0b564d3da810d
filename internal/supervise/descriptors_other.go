//go:build !unix

package supervise

// CloseOnExec does nothing: here, children inherit only what they are given.
func CloseOnExec() error { return nil }
