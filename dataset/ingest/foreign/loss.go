package foreign

import (
	"fmt"
	"slices"
)

// Loss counts what was not imported, by kind and reason.
type Loss struct {
	What  string `json:"what"`          // in the plural, such as "spans"
	Why   string `json:"why,omitempty"` // empty: it does not belong to the form
	Count int    `json:"count"`
}

// String is the loss in words.
func (l Loss) String() string {
	if l.Why == "" {
		return fmt.Sprintf("%d %s", l.Count, l.What)
	}
	return fmt.Sprintf("%d %s: %s", l.Count, l.What, l.Why)
}

// maxLosses bounds the number of different losses.
const maxLosses = 1000

// AddLosses adds counts to a list; it merges those of one kind and reason.
func AddLosses(list, more []Loss) []Loss {
	for _, l := range more {
		i := slices.IndexFunc(list, func(have Loss) bool { return have.What == l.What && have.Why == l.Why })
		switch {
		case i >= 0:
			list[i].Count += l.Count
		case len(list) < maxLosses:
			list = append(list, l)
		default:
			list[maxLosses-1] = Loss{What: "things", Why: "of more kinds than are told apart", Count: list[maxLosses-1].Count + l.Count}
		}
	}
	return list
}
