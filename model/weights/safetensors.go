package weights

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"slices"
)

// SafetensorsMedia is the media type of weights in the safetensors format.
const SafetensorsMedia = "application/x-safetensors"

// ErrSafetensors means that weights announced as safetensors are not valid.
var ErrSafetensors = errors.New("not safetensors")

const (
	maxTensorHeader = 16 << 20 // bytes
	maxTensors      = 1 << 16
	maxTensorDims   = 16
)

// tensorBits are the sizes of an element, in bits.
var tensorBits = map[string]uint64{
	"BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "I16": 16, "U16": 16, "F16": 16, "BF16": 16,
	"I32": 32, "U32": 32, "F32": 32, "C64": 64, "F64": 64, "I64": 64, "U64": 64, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
}

// tensor is a tensor as the header describes it.
type tensor struct {
	DType   string    `json:"dtype"`
	Shape   []uint64  `json:"shape"`
	Offsets [2]uint64 `json:"data_offsets"` // first byte, and the one after the last, within the data
}

// CheckSafetensors checks that data is a safetensors file: eight bytes with the length of the header, the header (a
// JSON object: tensors by name, and "__metadata__", text by text), and the tensors' data, each as large as its shape
// and type say, one after the other without gaps or overlaps up to the end of the file. It does not read values. Errors
// wrap ErrSafetensors.
func CheckSafetensors(data []byte) error { return checkTensors(data, uint64(len(data))) }

// CheckFile is CheckSafetensors of a file of so many bytes, which copy writes. It reads only the header.
func CheckFile(size uint64, copy func(io.Writer) error) error {
	head := &tensorHead{}
	if err := copy(head); err != nil && !errors.Is(err, errEnough) {
		return err
	}
	return checkTensors(head.text, size)
}

// checkTensors is CheckSafetensors of a file of so many bytes, which starts with data: at
// least the header.
func checkTensors(data []byte, size uint64) error {
	if len(data) < 8 {
		return fmt.Errorf("%w: %d bytes", ErrSafetensors, len(data))
	}
	n := binary.LittleEndian.Uint64(data)
	if n > maxTensorHeader || n > uint64(len(data)-8) {
		return fmt.Errorf("%w: a header of %d bytes in a file of %d", ErrSafetensors, n, size)
	}
	header, body := data[8:8+n], size-8-n
	tensors, err := readTensors(header)
	if err != nil {
		return fmt.Errorf("%w: header: %w", ErrSafetensors, err)
	}
	slices.SortFunc(tensors, func(a, b namedTensor) int {
		return slices.Compare(a.Offsets[:], b.Offsets[:])
	})
	end := uint64(0)
	for _, t := range tensors {
		size, err := t.size()
		if err != nil {
			return fmt.Errorf("%w: tensor %q: %w", ErrSafetensors, t.name, err)
		}
		if t.Offsets[0] != end || t.Offsets[1] < end || t.Offsets[1]-end != size {
			return fmt.Errorf("%w: tensor %q is at %d to %d, expected %d bytes from %d on", ErrSafetensors, t.name, t.Offsets[0], t.Offsets[1], size, end)
		}
		end = t.Offsets[1]
	}
	if end != body {
		return fmt.Errorf("%w: the tensors end at %d, the data has %d bytes", ErrSafetensors, end, body)
	}
	return nil
}

// tensorHead keeps the start of a file up to the end of its header, and wants no more then.
type tensorHead struct{ text []byte }

var errEnough = errors.New("enough is read")

// Write implements io.Writer. The error is errEnough.
func (h *tensorHead) Write(p []byte) (int, error) {
	h.text = append(h.text, p[:min(len(p), 8+maxTensorHeader-min(len(h.text), 8+maxTensorHeader))]...)
	if len(h.text) >= 8 && uint64(len(h.text)-8) >= min(binary.LittleEndian.Uint64(h.text), maxTensorHeader) {
		return len(p), errEnough
	}
	return len(p), nil
}

type namedTensor struct {
	name string
	tensor
}

// readTensors reads a header; a repeated name is an error.
func readTensors(header []byte) ([]namedTensor, error) {
	if len(header) == 0 || header[0] != '{' {
		return nil, errors.New("no JSON object")
	}
	dec := json.NewDecoder(bytes.NewReader(header))
	if _, err := dec.Token(); err != nil {
		return nil, err
	}
	var list []namedTensor
	names := map[string]bool{}
	for dec.More() {
		tok, err := dec.Token()
		if err != nil {
			return nil, err
		}
		name, _ := tok.(string)
		if names[name] || len(names) == maxTensors {
			return nil, fmt.Errorf("%q comes twice, or there are more than %d tensors", name, maxTensors)
		}
		names[name] = true
		if name == "__metadata__" {
			var texts map[string]string
			if err := dec.Decode(&texts); err != nil {
				return nil, fmt.Errorf("metadata: %w", err)
			}
			continue
		}
		t := namedTensor{name: name}
		if err := dec.Decode(&t.tensor); err != nil {
			return nil, fmt.Errorf("tensor %q: %w", name, err)
		}
		list = append(list, t)
	}
	if _, err := dec.Token(); err != nil {
		return nil, err
	}
	if rest := bytes.Trim(header[dec.InputOffset():], " "); len(rest) > 0 {
		return nil, errors.New("something follows the JSON object")
	}
	return list, nil
}

// size is the number of bytes required by a tensor's shape and type.
func (t tensor) size() (uint64, error) {
	n, ok := tensorBits[t.DType]
	if !ok {
		return 0, fmt.Errorf("type %q is not known", t.DType)
	}
	if len(t.Shape) > maxTensorDims {
		return 0, fmt.Errorf("%d dimensions, at most %d", len(t.Shape), maxTensorDims)
	}
	for _, d := range t.Shape {
		hi, lo := bits.Mul64(n, d)
		if hi != 0 {
			return 0, fmt.Errorf("the shape %v is too large", t.Shape)
		}
		n = lo
	}
	if n%8 != 0 {
		return 0, fmt.Errorf("%d bits are not whole bytes", n)
	}
	return n / 8, nil
}
