//go:build !unix

package supervise

// CloseOnExec does nothing: children inherit nothing here that they are not given.
func CloseOnExec() error { return nil }
