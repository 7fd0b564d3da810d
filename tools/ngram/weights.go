package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
)

const maxOrder = 6

// head is the first line of the weights.
type head struct {
	Format  string `json:"format"`
	Label   string `json:"label"`
	Order   int    `json:"order"`
	MaxText int    `json:"max_text"`
}

func (m *model) encode() ([]byte, error) {
	out, err := json.Marshal(head{format, m.label, m.order, m.maxText})
	if err != nil {
		return nil, err
	}
	out = append(out, '\n')
	for _, grams := range m.grams {
		out = binary.AppendUvarint(out, uint64(len(grams)))
		before := uint64(0)
		for _, gram := range slices.Sorted(maps.Keys(grams)) {
			out = binary.AppendUvarint(out, gram-before)
			out = binary.AppendUvarint(out, uint64(grams[gram]))
			before = gram
		}
	}
	return out, nil
}

var errWeights = errors.New("weights are not those of an n-gram model")

// decode reads weights of the label.
func decode(data []byte, label string) (*model, error) {
	line, body, ok := bytes.Cut(data, []byte("\n"))
	var h head
	if !ok || json.Unmarshal(line, &h) != nil || h.Format != format || h.Order < 1 || h.Order > maxOrder || h.MaxText < 1 {
		return nil, errWeights
	}
	if h.Label != label {
		return nil, fmt.Errorf("the weights are for label %q, the request is about %q", h.Label, label)
	}
	m := newModel(h.Label, h.Order, h.MaxText)
	for n := 1; n <= h.Order; n++ {
		var err error
		if body, err = m.decodeGrams(n, body); err != nil {
			return nil, fmt.Errorf("%w: length %d", err, n)
		}
	}
	if len(body) != 0 {
		return nil, fmt.Errorf("%w: %d bytes too many", errWeights, len(body))
	}
	return m, nil
}

// decodeGrams reads the n-grams of one length and returns what follows them.
func (m *model) decodeGrams(n int, body []byte) ([]byte, error) {
	next := func() (uint64, bool) {
		v, size := binary.Uvarint(body)
		if size <= 0 {
			return 0, false
		}
		body = body[size:]
		return v, true
	}
	left, ok := next()
	if !ok {
		return nil, errWeights
	}
	gram, all := uint64(0), uint64(0)
	for first := true; left > 0; left-- {
		step, ok := next()
		count, ok2 := next()
		gram += step
		all += count
		if !ok || !ok2 || count == 0 || all > maxBytes || step >= 1<<(8*n) || gram >= 1<<(8*n) || (step == 0 && !first) {
			return nil, errWeights
		}
		first = false
		m.add(n, gram, uint32(count))
	}
	return body, nil
}
