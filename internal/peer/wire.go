package peer

import (
	"io"

	"github.com/mythos-project/mythos/internal/transfer"
	"github.com/mythos-project/mythos/packet"
)

// Frames calls fn with the frames of a stream up to the one that ends it. The data of a frame
// is valid until fn returns.
func Frames(in io.Reader, fn func(packet.Frame) error) error {
	return readFrames(in, func(p transfer.Part, done func()) error {
		defer done()
		return fn(packet.Frame(p))
	})
}
