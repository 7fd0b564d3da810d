package main

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
)

const (
	format = "mythos.linear/1"
	scale  = 1024 // a weight of 1
)

// model is a classifier: a row of weights for each class, classes ascending.
type model struct {
	label   string
	shape   shape
	classes []string
	weights [][]int32
}

// predict returns the index of the class with the largest score, the first of
// several.
func (m *model) predict(features []uint32) int {
	best, most := 0, int64(0)
	for k, row := range m.weights {
		score := int64(0)
		for _, f := range features {
			score += int64(row[f])
		}
		if k == 0 || score > most {
			best, most = k, score
		}
	}
	return best
}

// head is the header of a safetensors file; members come in this order.
type head struct {
	Metadata metadata `json:"__metadata__"`
	Weight   tensor   `json:"weight"`
}

type metadata struct {
	Bits    string `json:"bits"`
	Classes string `json:"classes"`
	Format  string `json:"format"`
	Label   string `json:"label"`
	MaxText string `json:"max_text"`
	Ngrams  string `json:"ngrams"`
}

type tensor struct {
	DType   string   `json:"dtype"`
	Shape   [2]int   `json:"shape"`
	Offsets [2]int64 `json:"data_offsets"`
}

func (m *model) encode() ([]byte, error) {
	classes, err := json.Marshal(m.classes)
	if err != nil {
		return nil, err
	}
	columns := 1 << m.shape.bits
	size := int64(4 * len(m.classes) * columns)
	h, err := json.Marshal(head{
		Metadata: metadata{strconv.Itoa(m.shape.bits), string(classes), format, m.label, strconv.Itoa(m.shape.maxText), strconv.Itoa(m.shape.ngrams)},
		Weight:   tensor{"I32", [2]int{len(m.classes), columns}, [2]int64{0, size}},
	})
	if err != nil {
		return nil, err
	}
	for len(h)%8 != 0 {
		h = append(h, ' ')
	}
	out := make([]byte, 0, 8+len(h)+int(size))
	out = append(binary.LittleEndian.AppendUint64(out, uint64(len(h))), h...)
	for _, row := range m.weights {
		for _, w := range row {
			out = binary.LittleEndian.AppendUint32(out, uint32(w))
		}
	}
	return out, nil
}

var errWeights = errors.New("weights are not those of a linear model")

// decode reads weights of the label.
func decode(data []byte, label string) (*model, error) {
	if len(data) < 8 {
		return nil, errWeights
	}
	n := binary.LittleEndian.Uint64(data)
	if n > uint64(len(data)-8) || n > maxHeader {
		return nil, errWeights
	}
	var h head
	if err := json.Unmarshal(data[8:8+n], &h); err != nil {
		return nil, fmt.Errorf("%w: %w", errWeights, err)
	}
	m, err := h.model()
	if err != nil {
		return nil, err
	}
	if m.label != label {
		return nil, fmt.Errorf("the weights are for label %q, the request is about %q", m.label, label)
	}
	columns := 1 << m.shape.bits
	body := data[8+n:]
	if h.Weight.DType != "I32" || h.Weight.Shape != [2]int{len(m.classes), columns} || len(body) != 4*len(m.classes)*columns {
		return nil, fmt.Errorf("%w: shape or size differ", errWeights)
	}
	for range m.classes {
		row := make([]int32, columns)
		for i := range row {
			row[i] = int32(binary.LittleEndian.Uint32(body[4*i:]))
		}
		m.weights, body = append(m.weights, row), body[4*columns:]
	}
	return m, nil
}

// model reads what the header says of the model.
func (h head) model() (*model, error) {
	m := &model{label: h.Metadata.Label}
	var errs [4]error
	m.shape.bits, errs[0] = strconv.Atoi(h.Metadata.Bits)
	m.shape.ngrams, errs[1] = strconv.Atoi(h.Metadata.Ngrams)
	m.shape.maxText, errs[2] = strconv.Atoi(h.Metadata.MaxText)
	errs[3] = json.Unmarshal([]byte(h.Metadata.Classes), &m.classes)
	s := m.shape
	if err := errors.Join(errs[:]...); err != nil || h.Metadata.Format != format || s.bits < 8 || s.bits > 20 || s.ngrams < 1 || s.ngrams > 2 ||
		s.maxText < 1 || len(m.classes) == 0 || len(m.classes) > maxClasses || !slices.IsSorted(m.classes) {
		return nil, fmt.Errorf("%w: metadata", errWeights)
	}
	return m, nil
}
