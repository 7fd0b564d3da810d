package peer

// Moved counts what a transfer moved.
type Moved struct {
	Parts int   `json:"parts"`
	Bytes int64 `json:"bytes"`
}

// Progress is told how much of a transfer is known to be needed, and how much was
// done, in bytes.
type Progress interface {
	Total(n int64)
	Add(n int64)
}

type silent struct{}

func (silent) Total(int64) {}
func (silent) Add(int64)   {}
