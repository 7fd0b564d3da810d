package tree

import (
	"errors"
	"fmt"
	"strings"

	"github.com/mythos-project/mythos/object"
)

// Line is a tree as the request of a tool that takes one, and as the response of one that
// gives one: the id and a line feed [tool-127].
func Line(id object.Hash) []byte { return []byte(id.String() + "\n") }

// ParseLine reads a Line.
func ParseLine(line []byte) (object.Hash, error) {
	id, err := object.ParseHash(strings.TrimSuffix(string(line), "\n"))
	if err == nil && string(Line(id)) != string(line) {
		err = errors.New("another spelling")
	}
	if err != nil {
		err = fmt.Errorf("the id of a tree is expected, 64 lower-case hex digits and a line feed: %w", err)
	}
	return id, err
}

// Named returns the one of ids whose Line has the given hash: evidence names a tree that a receipt's request or response
// is, also where their bytes are not here.
func Named(line object.Hash, ids []object.Hash) (object.Hash, bool) {
	for _, id := range ids {
		if object.Sum(Line(id)) == line {
			return id, true
		}
	}
	return object.Hash{}, false
}
